"""Must show 6: kill -9 at the k-th effect, k = 1, 2, 3 ... until a run survives; then an unharmed restart.

Faults 01 to 12 of the fault list at once: before and after every rename, flush, commit, write and read. What each
place must leave is in test_killed_there.py.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from kit.examples import one_of

from faults.bench import ONE, SEVERAL, Site, a_round, stand_ins
from faults.ends import KILLED
from faults.judge import judge
from faults.processes import Agents
from faults.workload import ready, report, unreadable

_AT_A_TIME = 6
_FILES = {
    "1.json": report("F-1"),
    "2.json": report("F-2", patient="2"),
    "3-cut-off.json": unreadable(),
    "4-two.hl7": ready("TWO-1") + ready("TWO-2"),
    "5-refused.hl7": ready("REFUSED"),
    "6.json": report("F-6"),
    "7.json": report("F-7", patient="2"),
}
_MESSAGES = {"acked": 6, "quarantined": 1}
"""At each destination."""


_AT_REST = {"3-cut-off.json", "3-cut-off.json.reason.txt", "5-refused.hl7", "5-refused.hl7.reason.txt"}
_DUPLICATES_A_CRASH = 1
"""Over each connection."""


@dataclass(frozen=True)
class _Round:
    """What came of the first run: its exit code and log; and how many messages the HIS saw once too often."""

    code: int
    log: str
    duplicates: int


@pytest.mark.long
@pytest.mark.parametrize(
    ("connections", "step"), [(ONE, 1), (SEVERAL, one_of(5))], ids=["one destination", "two destinations"]
)
def test_killed_at_the_kth_effect(
    agents: Agents, tmp_path: Path, connections: dict[str, int], step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """With several destinations at every fifth effect by day, another fifth each time."""
    start = 1 + random.randrange(step)
    rounds = list(_until_one_survives(agents, tmp_path, "die_at", connections, start=start, step=step))
    assert {each.code for each in rounds} == {KILLED}
    killed = Counter(each.log.rpartition("died: ")[2].strip() for each in rounds)
    with capsys.disabled():
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(killed.items()))
        doubled = sum(each.duplicates for each in rounds)
        print(f"\nkilled at {killed.total()} effects ({kinds}): nothing lost, {doubled} duplicates")
    assert step > 1 or killed.keys() >= {  # write_new has two calls only; threads may let every k pass by one of them
        "before rename", "before fsync", "before sync_folder", "before commit", "after commit", "before send",
        "half send", "after send", "before receive", "after receive",
    }  # fmt: skip


@pytest.mark.long
def test_fault_17_the_disk_fails_at_the_kth_flush(
    agents: Agents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent leaves at once, and never flushes again what may be lost."""
    rounds = list(_until_one_survives(agents, tmp_path, "fsync_fails_at"))
    assert {each.code for each in rounds} == {74}
    assert not [each.log for each in rounds if "flushes again" in each.log]
    assert all("disk.fsync-failed" in each.log for each in rounds)
    with capsys.disabled():
        print(f"\nflush failed at each of {len(rounds)}: nothing lost")


@pytest.mark.long
def test_fault_68_out_of_file_descriptors(agents: Agents, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From hardly any up to enough: the agent leaves with an error, and what it has begun is finished later."""
    rounds = list(_until_one_survives(agents, tmp_path, "descriptors", start=6))
    assert KILLED not in {each.code for each in rounds}
    with capsys.disabled():
        print(f"\nout of file descriptors at {len(rounds)} limits: nothing lost")


def _until_one_survives(
    agents: Agents, folder: Path, trick: str, connections: Mapping[str, int] = ONE, *, start: int = 1, step: int = 1
) -> Iterator[_Round]:
    """Play rounds with k = start, start + step ... until a first run ends well; some run at the same time."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        numbers = itertools.count(start, step)
        rounds: deque[Future[_Round]] = deque()
        while True:
            while len(rounds) < _AT_A_TIME:
                rounds.append(pool.submit(_play, agents, folder, trick, next(numbers), connections))
            this = rounds.popleft().result()
            if this.code == 0:
                return
            yield this


def _play(agents: Agents, folder: Path, trick: str, k: int, connections: Mapping[str, int]) -> _Round:
    """Run an agent that comes to grief at `k`, and one unharmed; judge what is left."""
    with stand_ins(connections, "id=REFUSED: AE,code=207") as (his, to):
        site = Site(agents, folder / f"{trick}-{k}", to)
        with a_round(site, f"{trick} {k}"):
            for number, (name, data) in enumerate(_FILES.items()):
                site.drop(name, data, order=number)
            first = site.start(**{trick: k, "until_settled": len(_FILES)})
            code = first.wait()
            if code:
                assert site.start(until_settled=len(_FILES)).wait() == 0
            duplicates = judge(site, {name: each.received for name, each in his.items()}, again={"REFUSED": 2})
            assert duplicates <= (_DUPLICATES_A_CRASH * sum(connections.values()) if code else 0)
            assert site.settled_states() == {state: each * len(his) for state, each in _MESSAGES.items()}
            assert site.quarantined.keys() == _AT_REST
            assert site.quarantined["3-cut-off.json.reason.txt"].startswith(b"json.")
            assert b"The HIS answered AE with error 207" in site.quarantined["5-refused.hl7.reason.txt"]
            return _Round(code, first.log.read_text(), duplicates)
