"""Several agents on one journal, one sending to a destination at a time: what their ends, and a machine or a network
that stands still, can do to results under way. Nothing is lost; first copies come in order; at most what was in
flight comes twice.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kit.postgres import Cluster

from faults.machines import LEASE_S, Machines, Wire
from faults.processes import AgentProcess, Agents, until
from lab_sender.mllp.standin.server import StandIn

_FEW = 5


@pytest.fixture
def machines(agents: Agents, cluster: Cluster, tmp_path: Path) -> Iterator[Machines]:
    with StandIn(rules=["late=0.02"]) as his:
        made = Machines(agents, tmp_path, cluster, {"his": his})
        yield made
        made.close()


def _ended(agents: Sequence[AgentProcess]) -> None:
    for each in agents:
        assert each.stop() == 0, each.last_words()


@pytest.mark.long
def test_after_a_kill_and_after_a_stop_another_one_goes_on(machines: Machines) -> None:
    first, second = machines.start()
    machines.drop(100)
    machines.received(_FEW)
    killed_at = time.time()
    first.kill()
    machines.taken_over(second, killed_at, LEASE_S + 1, "kill -9")
    assert machines.sends() == "b"
    first = machines.sites[0].start()
    first.says("agent.started")
    until(lambda: machines.leads() == ["b"], "who watches over services is told the same")
    machines.received(_FEW)
    stopped_at = time.time()
    second.signal(signal.SIGTERM)
    machines.taken_over(first, stopped_at, 1.0, "stop")
    assert second.wait() == 0
    second = machines.sites[1].start()
    machines.judge(most_twice=1)
    machines.one_after_the_other()
    _ended([first, second])


@pytest.mark.long
def test_a_machine_that_stood_still_writes_and_sends_nothing_more(machines: Machines) -> None:
    first, second = machines.start()
    machines.drop(40)
    machines.received(_FEW)
    frozen_at = time.time()
    first.signal(signal.SIGSTOP)
    machines.taken_over(second, frozen_at, LEASE_S + 1, "SIGSTOP")
    until(lambda: machines.sites[0].rows("SELECT COUNT(*) FROM message WHERE state <> 'acked'") == [(0,)])
    first.signal(signal.SIGCONT)
    first.says("lane.lost")
    machines.judge(most_twice=1)
    machines.one_after_the_other()
    _ended([first, second])


@pytest.mark.long
@pytest.mark.parametrize("where", ["freezes_before_write", "freezes_in_transaction"])
def test_a_machine_that_stands_still_at_the_worst_moment(machines: Machines, where: str) -> None:
    first, second = machines.start(**{where: 20})
    machines.drop(30)
    second.says("lane.taken", after="a")
    until(lambda: machines.sites[0].rows("SELECT COUNT(*) FROM message WHERE state <> 'acked'") == [(0,)])
    first.signal(signal.SIGCONT)
    first.says("lane.lost")
    machines.judge(most_twice=where == "freezes_in_transaction")
    machines.one_after_the_other()
    _ended([first, second])


@pytest.mark.long
def test_a_machine_cut_off_from_the_database_ends_in_time(
    machines: Machines, cluster: Cluster, tmp_path: Path
) -> None:
    wire = Wire(cluster, tmp_path / "wire")
    machines.reach(wire.url, cluster.url)
    first, second = machines.start()
    machines.drop(40)
    machines.received(_FEW)
    cut_at = time.time()
    wire.swallow()
    first.says("lane.lost")
    machines.taken_over(second, cut_at, LEASE_S + 1, "black hole")
    wire.pass_on()
    machines.judge(most_twice=1)
    machines.one_after_the_other()
    _ended([first, second])
    wire.close()


@pytest.mark.long
def test_a_machine_that_comes_later_is_handed_its_share(agents: Agents, cluster: Cluster, tmp_path: Path) -> None:
    """After the exchanges in flight: nothing comes twice."""
    with StandIn(rules=["late=0.02"]) as one, StandIn(rules=["late=0.02"]) as two:
        machines = Machines(agents, tmp_path, cluster, {"one": one, "two": two}, connections=2)
        try:
            first = machines.sites[0].start()
            first.says("lane.taken", destination="one")
            first.says("lane.taken", destination="two")
            machines.drop(100)
            machines.received(_FEW)
            second = machines.sites[1].start()
            second.says("lane.taken", after="")
            assert len(second.events("lane.taken")) == len(first.events("lane.given-back")) == 1
            machines.judge(most_twice=0)
            assert not first.events("lane.lost")
            _ended([first, second])
        finally:
            machines.close()
