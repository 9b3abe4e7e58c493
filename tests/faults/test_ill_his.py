"""Must show 8, and the faults of a HIS that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from faults.bench import Site, listening, reserved_port
from faults.judge import judge, out_of_order
from faults.processes import until
from faults.workload import ready, report
from lab_sender.mllp.standin.server import Received, StandIn


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as reserved:
        yield reserved


@pytest.mark.long
def test_fault_38_his_down_with_1000_files_waiting(make_site: Callable[..., Site], port: int) -> None:
    site = make_site(port, first_wait="100ms", longest_wait="400ms")
    for number in range(1000):
        site.drop(f"{number:04}.hl7", ready(f"M{number:04}"), order=number)
    begun = time.monotonic()
    agent = site.start(tell_connects=True)
    until(lambda: agent.log.read_text().count("connects") >= 4 and _waiting(site) == 1000, "all wait, a few tries")
    tries = agent.log.read_text().count("connects")
    # The shortest wait is half of first_wait.
    assert (tries - 1) * 0.05 <= time.monotonic() - begun, "a busy loop"
    assert not site.rows("SELECT 1 FROM attempt"), "nothing left, so nothing is charged"
    assert site.rows("SELECT SUM(unknowns) + SUM(refusals) + SUM(may_have_left) FROM message") == [(0,)]
    with listening(port) as his:
        his.wait_for(1000)
        site.settle(1000)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
    assert [each.control_id for each in his.received] == [f"M{number:04}" for number in range(1000)]
    assert his.connections == 1


def test_fault_33a_his_refuses_everything_and_the_brake_holds(site: Site, his: StandIn) -> None:
    his.answer_by("AE,text=not today")
    names = [f"{number}.hl7" for number in range(8)]
    for number, name in enumerate(names):
        site.drop(name, ready(f"M{number}"), order=number)
    agent = site.start()
    agent.says("lane.held")
    assert site.rows("SELECT hold FROM lane") == [("brake",)]
    assert [each.control_id for each in his.received] == [f"M{number}" for number in range(5) for _ in range(2)]
    assert site.settled_states() == {"spooled": 8}, "the five are back in their places, the rest untouched"
    assert site.rows("SELECT SUM(refusals) FROM message") == [(0,)]
    until(lambda: not site.quarantined, "the files of the five are taken back from quarantine")
    refused = len(his.received)
    his.answer_by()
    with site.operator() as operator:
        assert operator.resume("his") == "brake"
    his.wait_for(refused + 8)
    site.settle(8)
    assert agent.stop() == 0
    assert judge(site, his.received, again=dict.fromkeys((f"M{number}" for number in range(5)), 3)) == 0
    assert [each.control_id for each in his.received[refused:]] == [f"M{number}" for number in range(8)]
    assert sorted(site.sent) == names
    assert not site.quarantined


def test_the_brake_asks_with_what_nothing_of_its_order_waits_before(make_site: Callable[..., Site]) -> None:
    """The HIS is well from M6 on: it came before M5, an order of its own, which waits behind M4."""

    def well_from_m6(arrived: Received) -> None:
        if arrived.control_id == "M6":
            his.answer_by()

    with StandIn(rules=["id=M6: AA", "AE"], on_message=well_from_m6) as his:
        site = make_site(his.port, probe="10ms")
        for number in range(8):
            filler = "F4" if number in (4, 5) else f"F{number}"
            site.drop(f"{number}.hl7", ready(f"M{number}", filler=filler), order=number)
        agent = site.start()
        site.settle(8)
        assert agent.stop() == 0
    first = list(dict.fromkeys(each.control_id for each in his.received))
    assert first == [f"M{number}" for number in (0, 1, 2, 3, 4, 6, 5, 7)]
    judge(site, his.received, again=dict.fromkeys(first, 9))
    swapped = [each for each in his.received if each.control_id != "M4"]
    swapped += [each for each in his.received if each.control_id == "M4"]
    assert out_of_order(site, "his", swapped) == 2, "M5 and M7 before M4"


def test_fault_37_his_frozen_then_thawed(make_site: Callable[..., Site], his: StandIn) -> None:
    """It takes messages and never answers: the lane brakes, tries one now and then, and goes on by itself."""
    site = make_site(his.port, ack_timeout="50ms", unanswered="2", unanswered_after="10ms", probe="50ms")
    his.answer_by("nothing")
    for number in range(6):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    agent = site.start()
    agent.says("lane.held")
    assert site.settled_states().keys() <= {"spooled", "sending"}
    his.wait_for(len(his.received) + 2)  # probes
    assert not site.quarantined
    frozen = len(his.received)
    his.answer_by()
    his.wait_for(frozen + 6)
    site.settle(6)
    agent.says("lane.resumed")
    assert agent.stop() == 0
    judge(site, his.received)
    assert site.settled_states() == {"acked": 6}
    assert len(agent.events("lane.held")) == 1


def test_fault_39_his_restarts_again_and_again(make_site: Callable[..., Site], port: int) -> None:
    site = make_site(port)
    files = 60
    for number in range(files):
        site.drop(f"{number:02}.hl7", ready(f"M{number:02}"), order=number)
    received: list[Received] = []
    for life in range(1, 7):
        with listening(port) as his:
            if life == 1:
                agent = site.start()
            his.wait_for(1 if life < 6 else files - len({each.control_id for each in received}))
            if life == 6:
                site.settle(files)
        received += his.received
    assert agent.stop() == 0
    assert judge(site, received) <= 5, "at most one for each restart"
    assert site.settled_states() == {"acked": files}


def test_fault_08_killed_after_a_commit_answer(site: Site, his: StandIn) -> None:
    """Enhanced mode: a CA says that the HIS has the message; it is never sent again."""
    his.answer_by("commit")
    wants_both = ready("ENHANCED").replace(b"|P|2.5.1\r", b"|P|2.5.1|||AL|AL\r")
    site.drop("a.hl7", wants_both)
    agent = site.start()
    his.wait_for(1)
    until(lambda: site.rows("SELECT accept_acked FROM message") == [(1,)], "the CA is recorded")
    agent.kill()
    his.answer_by()
    again = site.start()
    site.drop("b.hl7", ready("NEXT"))
    site.settle(2)
    assert again.stop() == 0
    assert [each.control_id for each in his.received] == ["ENHANCED", "NEXT"]
    assert site.rows("SELECT state, code FROM message") == [("acked", "commit-only"), ("acked", "")]


def test_fault_14_killed_at_random_while_files_come(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port)
    kills = 8
    for life in range(kills):
        for number in range(10):
            site.drop(f"{life}-{number}.hl7", ready(f"L{life}-{number}"))
        agent = site.start()
        his.wait_for(len(his.received) + 1 + life)
        agent.kill()
    agent = site.start()
    site.settle(10 * kills)
    assert agent.stop() == 0
    assert judge(site, his.received) <= kills
    assert site.settled_states() == {"acked": 10 * kills}


def _waiting(site: Site) -> int:
    if not site.journal.exists() or not site.rows("SELECT 1 FROM sqlite_master WHERE name = 'message'"):
        return 0
    return int(site.rows("SELECT COUNT(*) FROM message WHERE state = 'spooled'")[0][0])
