"""The power is cut: what was not flushed may be lost, in any mixture. Then an unharmed start.

Fault 13 of the fault list. Killing (test_killed_at_every_effect.py) leaves everything that was written; a power cut
does not, and that is what the flushes are for.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faults.bench import ONE, SEVERAL, Site, a_round, stand_ins
from faults.ends import KILLED
from faults.judge import judge
from faults.processes import Agents
from faults.workload import ready, report, unreadable

_AT_A_TIME = 6
_FILES = {
    "1.json": report("F-1"),
    "2-cut-off.json": unreadable(),
    "3-two.hl7": ready("TWO-1", patient="2") + ready("TWO-2"),
}
_MESSAGES = 3
"""At each destination."""
_CUTS = [
    {"drop": "all", "journal": "lost"},
    {"drop": "all", "journal": "kept"},
    {"drop": "odd", "journal": "lost"},
    {"drop": "even", "journal": "kept"},
    {"drop": "none", "journal": "lost"},
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("cut", "connections"),
    [*((cut, ONE) for cut in _CUTS), (_CUTS[0], SEVERAL)],
    ids=lambda of: f"names-{of['drop']}-commits-{of['journal']}" if "drop" in of else " ".join(of),
)
def test_fault_13_power_cut_at_every_moment(
    agents: Agents,
    tmp_path: Path,
    cut: dict[str, str],
    connections: dict[str, int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    moments: Counter[str] = Counter()
    doubled = 0
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for first in itertools.count(1, _AT_A_TIME):
            cuts = ({**cut, "at": at} for at in range(first, first + _AT_A_TIME))
            rounds = list(pool.map(lambda each: _play(agents, tmp_path, each, connections), cuts))
            moments.update(moment for moment, _ in rounds if moment)
            doubled += sum(doubles for _, doubles in rounds)
            if any(not moment for moment, _ in rounds):
                break
    for at in range(1, _MESSAGES + 1):  # threads may let every count pass by a send: by its name too
        moment, doubles = _play(agents, tmp_path, {**cut, "after": "send", "at": at}, connections)
        moments.update(filter(None, [moment]))
        doubled += doubles
    assert moments.keys() >= {"rename", "commit", "send"}
    with capsys.disabled():
        print(f"\npower cut at {moments.total()} moments ({cut}): nothing lost, {doubled} duplicates")


def _play(
    agents: Agents, folder: Path, cut: dict[str, object], connections: Mapping[str, int]
) -> tuple[str, int]:
    """Run an agent whose power is cut, and one unharmed; return the moment ("": it never came) and the duplicates."""
    with stand_ins(connections) as (his, to):
        site = Site(agents, folder / f"cut-{cut.get('after', '')}{cut['at']}", to)
        with a_round(site, str(cut)):
            for number, (name, data) in enumerate(_FILES.items()):
                site.drop(name, data, order=number)
            first = site.start(power_cut=cut, until_settled=len(_FILES))
            code = first.wait()
            assert code in (0, KILLED)
            if code:
                assert site.start(until_settled=len(_FILES)).wait() == 0
            received = {name: each.received for name, each in his.items()}
            doubles = judge(site, received, power_was_cut=bool(code))
            assert site.settled_states() == {"acked": _MESSAGES * len(his)}
            return (first.last_words().rpartition("power cut after ")[2].strip() if code else ""), doubles
