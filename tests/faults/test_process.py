"""The agent as a process: one at a time, signals, standstill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.system import SIGCONT, SIGSTOP, WINDOWS

from faults.bench import Site, gathered
from faults.judge import judge
from faults.processes import WAIT_S
from faults.workload import ready, report
from lab_sender.mllp.standin.server import Received, StandIn


def test_fault_65_a_second_agent_leaves_and_does_no_harm(site: Site, his: StandIn) -> None:
    first = site.start()
    first.says("link.up")
    second = site.start()
    assert second.wait() == 75
    assert "agent.running" in second.log.read_text("utf-8")
    site.drop("a.json", report("A"))
    site.settle(1)
    assert first.stop() == 0
    assert judge(site, his.received) == 0
    assert his.connections == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_fault_66_a_signal_in_mid_send_waits_for_the_answer(name: str, site: Site) -> None:
    """The message in flight is finished, the others wait for the next start; nothing is sent twice."""

    def stop_in_mid_send(received: Received) -> None:
        if received.number == 2:
            agent.signal(getattr(signal, name))

    late = "3s" if WINDOWS else "1s"  # there a signal is heard at the main thread's next turn, each second
    with StandIn(rules=[f"nth=2: AA,late={late}"], on_message=stop_in_mid_send) as his:
        site.to = his.port
        for number in range(4):
            site.drop(f"{number}.json", report(f"F{number}"), order=number)
        agent = site.start()
        assert agent.wait() == 0
        assert len(his.received) == 2
        assert site.settled_states() == {"acked": 2, "spooled": 2}
        assert not site.rows("SELECT 1 FROM message WHERE may_have_left")
        assert site.rows("SELECT value FROM meta WHERE key = 'clean'") == [("1",)]
        assert len(site.sent) == 2
        again = site.start()
        site.settle(4)
        assert again.stop() == 0
        assert judge(site, his.received) == 0


def test_fault_66_two_signals_do_not_wait(site: Site, his: StandIn) -> None:
    """The answer never comes; the second signal leaves, the next start sends the same bytes again."""
    his.answer_by("first: nothing")
    site.drop("a.json", report("A"))
    site.drop("b.json", report("B"))
    agent = site.start()
    his.wait_for(1)
    patience = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        agent.signal(signal.SIGTERM)
        if not agent.runs:
            break
        patience.wait(0.05)
    assert agent.wait() == 0
    assert site.rows("SELECT state, may_have_left, unknowns FROM message") == [("spooled", 1, 0), ("spooled", 0, 0)]
    again = site.start()
    site.settle(2)
    assert again.stop() == 0
    assert judge(site, his.received) == 1
    assert [each.duplicate for each in his.received] == [False, True, False]


def test_fault_67_stopped_beyond_the_ack_timeout_and_continued(make_site: Callable[..., Site]) -> None:
    """A pause of the machine: the deadline has passed, the same bytes go again, and no burst follows."""
    patience = threading.Event()

    def freeze(received: Received) -> None:
        if received.number == 2:
            agent.signal(SIGSTOP)

    with StandIn(rules=["nth=2: nothing"], on_message=freeze) as his:
        site = make_site(his.port, ack_timeout="200ms")
        for number in range(5):
            site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
        agent = site.start()
        his.wait_for(2)
        patience.wait(0.5)
        agent.signal(SIGCONT)
        site.settle(5)
        assert agent.stop() == 0
        assert judge(site, his.received) == 1
    assert [each.control_id for each in his.received] == ["M0", "M1", "M1", "M2", "M3", "M4"]


@pytest.mark.skipif(WINDOWS, reason="there any signal of another process is a kill")
def test_the_program_itself(site: Site, his: StandIn, tmp_path: Path) -> None:
    """`python -m lab_sender --config X run`, as a service manager starts it."""
    site.drop("a.json", report("A"))
    site.start().kill()  # writes the configuration
    log = gathered() / f"program-{os.getpid()}.log"
    with log.open("wb") as err:
        program = subprocess.Popen(
            [sys.executable, "-m", "lab_sender", "--config", str(site.folder / "config.yaml"), "run"],
            stdout=err, stderr=err, cwd=tmp_path,
        )  # fmt: skip
    try:
        site.settle(1)
        program.send_signal(signal.SIGTERM)
        assert program.wait(WAIT_S) == 0
    finally:
        program.kill()
    assert judge(site, his.received) <= 1
