"""Two agents that share an outbox, one taking in at a time: what their ends, and a machine that stands still, can do
to files under way. Each file becomes one source, in the order of the outbox, whoever takes it in; none is lost.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.postgres import Cluster

from faults.bench import Site
from faults.machines import LEASE_S, Machines
from faults.processes import AgentProcess, Agents, until
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_FEW = 5
_SLACK_S = 2.0


@pytest.fixture
def machines(agents: Agents, cluster: Cluster, tmp_path: Path) -> Iterator[Machines]:
    with StandIn() as his:
        made = Machines(agents, tmp_path, cluster, {"his": his}, shared=True)
        yield made
        made.close()


@pytest.mark.long
def test_one_takes_in_until_it_is_stopped_or_killed(machines: Machines) -> None:
    """A stop hands over within a second, a kill within the lease; both down and one back is another start."""
    first, second = machines.start()
    machines.drop(_FEW)
    until(lambda: len(machines.his.received) == 2 * _FEW)
    assert not second.events("intake.taken")
    assert machines.receives() == "a"
    stopped_at = time.time()
    first.signal(signal.SIGTERM)
    second.says("intake.taken", after="")
    print(f"stop: another one takes in after {time.time() - stopped_at:.2f} s")
    assert time.time() - stopped_at < 1.0 + _SLACK_S
    assert first.wait() == 0
    machines.drop(_FEW)
    first = machines.sites[0].start()
    first.says("agent.started")
    killed_at = time.time()
    second.kill()
    machines.drop(_FEW)
    first.says("intake.taken", after="b")
    print(f"kill -9: another one takes in after {time.time() - killed_at:.2f} s")
    assert time.time() - killed_at < LEASE_S + 1 + _SLACK_S
    first.kill()
    machines.drop(_FEW)
    second = machines.sites[1].start()
    second.says("intake.taken", after="a")
    machines.judge(most_twice=2)
    assert second.stop() == 0


@pytest.mark.parametrize(
    ("trick", "nth"),
    [
        ("dies_before_spool", 2),
        pytest.param("freezes_before_spool", 2, marks=pytest.mark.long),
        pytest.param("freezes_in_spool", 2, marks=pytest.mark.long),
        pytest.param("freezes_in_pipeline", 4, marks=pytest.mark.long),
        pytest.param("freezes_before_note", 2, marks=pytest.mark.long),
    ],
)
def test_what_one_has_claimed_the_next_one_goes_on_with(machines: Machines, trick: str, nth: int) -> None:
    """In the middle of a backlog: before anything younger. One that wakes up spools and files nothing more."""
    first, second = machines.start(looks_once=machines.backlog, **{trick: nth})
    machines.drop_at_once(75)
    until(lambda: not first.runs or "stands still" in first.log.read_text("utf-8"))
    machines.drop(_FEW)
    second.says("intake.taken", after="a")
    if first.runs:
        machines.drop(_FEW)
        first.signal(signal.SIGCONT)
        first.says("intake.lost")
    machines.judge(most_twice=1)
    if first.runs:
        assert first.stop() == 0
    assert second.stop() == 0


@pytest.mark.long
def test_who_begins_beside_one_that_stands_still_between_two_rows(machines: Machines) -> None:
    """That one keeps its locks, and the server does not see why. A service starts its agent again."""
    first = machines.sites[0].start(looks_once=machines.backlog, freezes_in_pipeline=4)
    first.says("intake.taken", after="")
    machines.drop_at_once(75)
    until(lambda: "stands still" in first.log.read_text("utf-8"))
    second = machines.sites[1].start()
    if not until_it_works(second):
        second = machines.sites[1].start()
        assert until_it_works(second)
    first.signal(signal.SIGCONT)
    first.says("intake.lost")
    machines.judge(most_twice=1)
    assert [first.stop(), second.stop()] == [0, 0]


def until_it_works(agent: AgentProcess) -> bool:
    """Wait until an agent takes in, or has ended because the journal was busy."""
    until(lambda: not agent.runs or bool(agent.events("intake.taken")))
    return agent.runs


@pytest.mark.long
def test_a_claim_that_comes_too_late_is_found(machines: Machines) -> None:
    """A machine that stood still right before a rename takes a younger file of that name when it goes on."""
    first, second = machines.start(looks_once=machines.backlog, freezes_before_claim=30)
    machines.drop_at_once(20)
    second.says("intake.adopted", after="a")
    machines.judge(most_twice=1)
    late, later = (machines.sites[0].outbox / name for name in ("b00014.hl7", "a00015.hl7"))
    second.signal(signal.SIGSTOP)
    for each in (late, later):
        machines.sites[0].drop(each.name, ready(f"LATE{each.stem}"))
    first.signal(signal.SIGCONT)
    first.says("intake.lost")
    assert not late.exists(), "it was under way"
    second.signal(signal.SIGCONT)
    sent = "SELECT COUNT(*), (SELECT COUNT(*) FROM source) FROM file WHERE folder = 'sent'"
    until(lambda: machines.sites[0].rows(sent) == [(42, 42)])
    assert [first.stop(), second.stop()] == [0, 0]
    assert len(machines.his.received) <= 43, "each once, and what was in flight once more"


def test_who_cannot_share_keeps_away(machines: Machines, tmp_path: Path) -> None:
    """One without a node, and one with another journal, beside an agent that works."""
    first = machines.sites[0].start()
    first.says("intake.taken", after="")
    share = {"outbox": str(machines.sites[0].outbox)}
    alone = Site(machines.sites[0].agents, tmp_path / "alone", machines.his.port, share)
    agent = alone.start()
    assert agent.wait() == 78
    assert "outbox.shared" in agent.last_words()
    other = machines.sites[1]
    other.settings["more"] = other.settings["more"].replace(f"schema: {other.schema}", "schema: another")
    agent = other.start()
    assert agent.wait() == 78
    assert "outbox.other-journal" in agent.last_words()
    machines.drop(1)
    assert first.stop() == 0
