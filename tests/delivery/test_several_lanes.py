"""Several lanes to one HIS over real sockets: each key in order, one brake, one pace, one row in the status."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kit.core import HIS, entry, rows, source, states, until
from kit.lanes import operator, running
from kit.settings import brake, his_at, retry, rule

from lab_sender.config.sections import His
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal, LaneRow, Share
from lab_sender.journal.turns import turn_of
from lab_sender.mllp import Hosts, Link
from lab_sender.mllp.standin.server import Received, StandIn

N = 4


def lanes_to(journal: Journal, his: His, number: int = N, name: str = HIS) -> list[Lane]:
    destination, hosts = Destination(name, journal, his), Hosts()
    return [Lane(destination, journal, Link(his, hosts=hosts)) for _ in range(number)]


@contextmanager
def all_running(lanes: list[Lane]) -> Iterator[Destination]:
    with ExitStack() as stack:
        for lane in lanes:
            stack.enter_context(running(lane))
        yield lanes[0].destination


def spool_for(journal: Journal, *messages: tuple[str, str], to: str = HIS) -> None:
    """Spool messages (control id, patient), each a file, in one batch."""
    journal.spool.spooled([source(f"C-{to}-{name}", entry(name, patient=patient)) for name, patient in messages], to)


def patient_of(lane: int, number: int = 0, lanes: int = N) -> str:
    """A patient whose messages are this lane's."""
    found = [f"P{n}" for n in range(200) if turn_of(f"P{n}") % lanes == lane]
    return found[number]


def row(journal: Journal, name: str = HIS) -> LaneRow:
    return journal.delivery.lane(name)


def arrived(his: StandIn) -> list[str]:
    """The control ids, in the order of their first arrivals."""
    return list(dict.fromkeys(each.control_id for each in his.received))


def test_each_patient_in_order_and_what_has_none_alone(journal: Journal) -> None:
    messages = [(f"M{n:03d}", "" if n % 30 == 29 else f"P{n % 7}") for n in range(120)]
    spool_for(journal, *messages)
    with StandIn(rules=["AA,late=2ms"]) as his, all_running(lanes_to(journal, his_at(his.port))):
        his.wait_for(120)
        assert his.connections == N
        until(lambda: set(states(journal).values()) == {"acked"})
    came = arrived(his)
    for patient in {patient for _, patient in messages}:
        line = [name for name in came if dict(messages)[name] == patient]
        assert line == sorted(line)
    for at, name in enumerate(came):
        if dict(messages)[name] == "":
            assert max(came[:at]) < name < min(came[at + 1 :], default="N")
    assert came != sorted(came), "others overtake one another"


def test_a_wait_for_a_retry_holds_its_own_lane_and_what_goes_alone(journal: Journal) -> None:
    slow, other = patient_of(1), patient_of(2)
    spool_for(journal, ("A1", slow), ("B1", other), ("A2", slow), ("B2", other), ("X", ""), ("B3", other))
    his_settings = {"retry": retry(3600.0, 3600.0), "brake": brake(refused=9)}
    with StandIn(rules=["id=A1: AR"]) as his, all_running(lanes_to(journal, his_at(his.port, **his_settings))):
        his.wait_for(3)
        until(lambda: states(journal)["B2"] == "acked")
        until(lambda: row(journal).link == "waiting")
        until(lambda: row(journal).connections_up == N)  # the connection that waits stands too
        with operator(journal) as desk:
            desk.operator.dismiss(1, "why")
        his.wait_for(6)
    assert [each for each in arrived(his) if each[0] != "B"] == ["A1", "A2", "X"]
    assert [each for each in arrived(his) if each[0] != "A"] == ["B1", "B2", "X", "B3"]


def test_the_row_of_the_brake_counts_over_all_lanes_and_one_lane_asks(journal: Journal) -> None:
    spool_for(journal, *[(f"M{n}", patient_of(n % N, n // N)) for n in range(12)])
    settings = {"retry": retry(0.01, 0.01, refused=1), "brake": brake(refused=5, probe_s=0.05)}
    with StandIn(rules=["AR"]) as his, all_running(lanes_to(journal, his_at(his.port, **settings))) as destination:
        until(lambda: destination.hold == "brake")
        until(lambda: row(journal).link == "held")
        until(lambda: not rows(journal, "SELECT 1 FROM message WHERE state = 'sending'"))
        before = len(his.received)
        his.wait_for(before + 4)
        asked = [each.connection for each in his.received[before:]]
        assert len(set(asked)) == 1, "one lane asks, the others stand still"
        assert [kind for (kind,) in rows(journal, "SELECT kind FROM event")] == ["lane.brake"]
        his.answer_by("AA")
        until(lambda: set(states(journal).values()) == {"acked"})
        assert destination.hold == ""
        until(lambda: row(journal).link == "up")
    first = arrived(his)
    for lane in range(N):
        line = [name for name in first if int(name[1:]) % N == lane]
        assert line == [f"M{n}" for n in range(12) if n % N == lane]


def test_while_the_first_connection_cannot_be_made_another_one_asks(journal: Journal) -> None:
    """A HIS takes fewer connections than there are lanes, and the first lane's is the one that it does not take."""
    others = [(f"M{n}", patient_of(1 + n % (N - 1), n // (N - 1))) for n in range(9)]
    spool_for(journal, *others, ("M9", patient_of(0)))
    settings = {"retry": retry(0.01, 0.01, refused=1), "brake": brake(refused=3, probe_s=0.05)}
    with StandIn(rules=["AR"]) as his, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = nobody.getsockname()[1]
        destination, hosts = Destination(HIS, journal, his_at(his.port, **settings)), Hosts()
        links = [Link(his_at(away if n == 0 else his.port, **settings), hosts=hosts) for n in range(N)]
        with all_running([Lane(destination, journal, link) for link in links]):
            until(lambda: destination.hold == "brake")
            before = len(his.received)
            his.wait_for(before + 3)
            his.answer_by("AA")
            until(lambda: list(states(journal).values()).count("acked") == 9)
            assert destination.hold == ""
            assert states(journal)["M9"] == "spooled"


def test_what_was_under_way_when_a_reply_held_does_not_end_the_hold(journal: Journal) -> None:
    spool_for(journal, ("A", patient_of(0)), ("B", patient_of(1)), ("C", patient_of(0)))
    b_came, held = threading.Event(), threading.Event()

    def meanwhile(message: Received) -> None:
        if message.control_id == "A":
            b_came.wait(30)
        elif message.control_id == "B":
            b_came.set()
            held.wait(30)

    with StandIn(rules=["id=A: AE"], on_message=meanwhile) as his:
        settings = his_at(his.port, rule("hold", "AE"), brake=brake(probe_s=3600.0))
        with all_running(lanes_to(journal, settings, 2)) as destination:
            until(lambda: destination.hold == "reply")
            held.set()
            until(lambda: states(journal)["B"] == "acked")
            assert destination.hold == "reply"
            his.answer_by("AA")
            with operator(journal) as desk:
                assert desk.operator.resume(HIS) == "reply"
            until(lambda: set(states(journal).values()) == {"acked"})
    assert sorted(arrived(his)[:2]) == ["A", "B"]
    assert arrived(his)[2:] == ["C"]


def test_an_operator_holds_all_and_resumes_all(journal: Journal) -> None:
    with StandIn() as his, all_running(lanes_to(journal, his_at(his.port))) as destination, operator(journal) as desk:
        desk.operator.hold(HIS, "upgrade")
        until(lambda: destination.hold == "operator")
        spool_for(journal, *[(f"M{n}", f"P{n}") for n in range(20)])
        until(lambda: row(journal).connections_up == N)
        assert his.received == []
        desk.operator.resume(HIS)
        his.wait_for(20)
        until(lambda: set(states(journal).values()) == {"acked"})


def test_a_quarantined_message_keeps_its_patient_back_in_every_lane(journal: Journal) -> None:
    """By order, with `hold-patient`: the patient's other orders are other lanes'."""
    messages = [entry(f"M{n}", order=f"O{n}", patient="P") for n in range(6)]
    journal.spool.spooled([source("C0", messages[0])], HIS)
    settings = {
        "order_by": "order", "after_quarantine": "hold-patient", "retry": retry(0.01, 0.01, refused=1),
    }  # fmt: skip
    with StandIn(rules=["id=M0: AR"]) as his, all_running(lanes_to(journal, his_at(his.port, **settings))):
        until(lambda: states(journal)["M0"] == "quarantined refused")
        journal.spool.spooled([source(f"C{n}", messages[n]) for n in range(1, 6)], HIS)
        with operator(journal) as desk:
            desk.operator.hold(HIS, "so that a look is over")
            desk.operator.resume(HIS)
            assert arrived(his) == ["M0"]
            his.answer_by("AA")
            assert desk.operator.release(1) == "spooled"
        until(lambda: set(states(journal).values()) == {"acked"})
    assert arrived(his)[0] == "M0"


def test_what_an_older_agent_sent_over_more_connections_may_have_left(journal: Journal) -> None:
    spool_for(journal, *[(f"M{n}", patient_of(n)) for n in range(N)])
    for n in range(N):
        assert journal.delivery.sending(n + 1, lane=n)
    with StandIn() as his, all_running(lanes_to(journal, his_at(his.port), 2)):
        his.wait_for(N)
        until(lambda: set(states(journal).values()) == {"acked"})
    assert rows(journal, "SELECT COUNT(*) FROM message WHERE may_have_left") == [(N,)]
    assert rows(journal, "SELECT COUNT(*) FROM attempt WHERE code = 'agent.interrupted'") == [(N,)]


@pytest.mark.long
def test_a_link_that_is_down_is_what_the_status_shows(journal: Journal) -> None:
    with StandIn(rules=["AA"]) as his:
        lanes = lanes_to(journal, his_at(his.port, retry=retry(0.02, 0.05)))
        with all_running(lanes):
            until(lambda: row(journal).connections_up == N)
            found = row(journal)
            assert (found.link, found.connections, found.address) == ("up", N, "127.0.0.1")
            his.stop()
            until(lambda: row(journal).connections_up == 0, timeout_s=60)
            assert row(journal).link == "down"
            assert row(journal).trouble == "connect.refused"
            his.start()
            until(lambda: row(journal).connections_up == N)
            assert row(journal).trouble == "connect.refused", "until a message is accepted"
            spool_for(journal, ("M1", "P"))
            his.wait_for(1)
            until(lambda: row(journal).trouble == "")


def test_others_answers_are_answers_of_the_his(journal: Journal) -> None:
    """One message that is never answered is quarantined; the HIS, which answers the others meanwhile, is not ill."""
    silent, other = patient_of(1), patient_of(2)
    spool_for(journal, ("A", silent), *[(f"B{n}", other) for n in range(30)])
    settings = {"ack_timeout_s": 0.3, "retry": retry(0.01, 0.01, unanswered=2, unanswered_after_s=0.01)}
    with (
        StandIn(rules=["id=A: nothing", "AA,late=40ms"]) as his,
        all_running(lanes_to(journal, his_at(his.port, **settings))) as destination,
    ):
        until(lambda: states(journal)["A"] == "quarantined unanswered")
        assert destination.hold == ""
        until(lambda: set(states(journal).values()) == {"acked", "quarantined unanswered"})


# ------------------------------------------------------------- pace, closed hours


def test_the_pace_is_kept_over_all_lanes(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    spool_for(journal, *[(f"M{n}", f"P{n}") for n in range(12)])
    sent: list[float] = []
    real = Destination.sends

    def noted(self: Destination, lane: int) -> None:
        real(self, lane)
        sent.append(time.monotonic())

    monkeypatch.setattr(Destination, "sends", noted)
    with StandIn() as his, all_running(lanes_to(journal, his_at(his.port, pace_s=0.03))):
        his.wait_for(12)
        until(lambda: set(states(journal).values()) == {"acked"})
    assert min(later - earlier for earlier, later in itertools.pairwise(sent)) > 0.029


class _Hours:
    """Closed until somebody opens."""

    def __init__(self, ends: datetime) -> None:
        self.ends: datetime | None = ends

    def until(self, now: datetime) -> datetime | None:
        return self.ends if self.ends is not None and now < self.ends else None


def _closed(his: StandIn, hours: _Hours, **settings: Any) -> His:
    return his_at(his.port, **settings).model_copy(update={"closed": (hours,)})


@pytest.mark.parametrize("number", [1, N])
def test_nothing_leaves_in_closed_hours_and_all_at_their_end(journal: Journal, number: int) -> None:
    hours = _Hours(datetime.now(UTC) + timedelta(hours=1))
    spool_for(journal, *[(f"M{n}", f"P{n}") for n in range(8)])
    with StandIn() as his, all_running(lanes_to(journal, _closed(his, hours), number)) as destination:
        until(lambda: row(journal).link == "closed")
        found = row(journal)
        assert hours.ends is not None
        assert (found.link_code, found.trouble) == ("", "")
        assert abs((found.next_try_ms or 0) - hours.ends.timestamp() * 1000) < 1500
        assert his.received == []
        with operator(journal) as desk:
            desk.operator.hold(HIS, "also by night")
            until(lambda: destination.hold == "operator")
            desk.operator.resume(HIS)
        hours.ends = None
        his.wait_for(8)
        until(lambda: row(journal).link == "up")


def test_the_connection_is_kept_and_an_exchange_ends_when_hours_begin(journal: Journal) -> None:
    hours = _Hours(datetime.now(UTC) - timedelta(hours=1))
    spool_for(journal, ("M1", "P"), ("M2", "P"))
    with StandIn(rules=["AA,late=200ms"]) as his, all_running(lanes_to(journal, _closed(his, hours), 1)):
        his.wait_for(1)
        hours.ends = datetime.now(UTC) + timedelta(hours=1)
        until(lambda: row(journal).link == "closed")
        assert states(journal) == {"M1": "acked", "M2": "spooled"}
        hours.ends = None
        his.wait_for(2)
        assert his.connections == 1


@pytest.mark.long
def test_a_his_that_goes_away_in_closed_hours_is_no_trouble(journal: Journal) -> None:
    hours = _Hours(datetime.now(UTC) - timedelta(hours=1))
    with StandIn() as his:
        settings = _closed(his, hours, retry=retry(0.02, 0.02))
        with all_running(lanes_to(journal, settings, 1)):
            until(lambda: row(journal).link == "up")
            hours.ends = datetime.now(UTC) + timedelta(hours=1)
            until(lambda: row(journal).link == "closed")
            his.stop()
            spool_for(journal, ("M1", "P"))
            with contextlib.suppress(AssertionError):
                until(lambda: row(journal).link != "closed", timeout_s=1.0)
            assert (row(journal).link, row(journal).trouble) == ("closed", "")
            his.start()
            hours.ends = None
            his.wait_for(1)


# ------------------------------------------------------------- several destinations


def test_one_that_is_down_one_that_is_held_and_a_slow_one_keep_nobody_back(journal: Journal) -> None:
    for name in ("down", "held", "slow", "well"):
        spool_for(journal, *[(f"{name}{n}", f"P{n}") for n in range(60)], to=name)
    with StandIn() as his, StandIn(rules=["AA,late=100ms"]) as slow, operator(journal) as desk:
        desk.operator.hold("held", "upgrade")
        to = {"down": 1, "held": his.port, "slow": slow.port, "well": his.port}
        every = [
            lane
            for name, port in to.items()
            for lane in lanes_to(journal, his_at(port, retry=retry(0.01, 0.01)), 1, name)
        ]
        with all_running(every):
            his.wait_for(60)
            assert slow.count < 60
            until(lambda: journal.delivery.lane("down").link == "down")
    assert {each.control_id[:4] for each in his.received} == {"well"}


# ------------------------------------------------------------- a lane's part of the line


def _part(journal: Journal, lane: int, after: int = 0, rule: str = "continue", of: int = 2, **limits: int) -> Any:
    heads = journal.delivery.heads(HIS, Share(lane, of, "patient"), after_quarantine=rule, after=after, **limits)
    return [each.control_id for each in heads.messages], heads.alone, heads.seen, heads.behind


def test_a_lanes_part_ends_before_what_goes_alone(journal: Journal) -> None:
    even, odd = patient_of(0, lanes=2), patient_of(1, lanes=2)
    spool_for(journal, ("E1", even), ("O2", odd), ("X3", ""), ("E4", even), ("O5", odd))
    assert _part(journal, 0) == (["E1"], False, 2, 3)
    assert _part(journal, 1) == (["O2"], False, 2, 3)
    assert _part(journal, 1, after=2) == ([], False, 2, 3)
    journal.operator.dismiss(1, "why")
    assert _part(journal, 0) == ([], False, 2, 3), "another lane's waits"
    journal.operator.dismiss(2, "why")
    assert _part(journal, 0) == (["X3"], True, 2, 3)
    assert _part(journal, 1) == ([], False, 2, 3)
    journal.operator.dismiss(3, "why")
    assert _part(journal, 0, after=2) == (["E4"], False, 5, None)
    assert _part(journal, 1, limit=1) == (["O5"], False, 5, None)


@pytest.mark.parametrize("rule", ["hold-order", "hold-patient"])
def test_what_is_kept_back_is_in_no_lanes_way(journal: Journal, rule: str) -> None:
    even, odd = patient_of(0, lanes=2), patient_of(1, lanes=2)
    held = entry("Q1", order="O", patient=even, state="quarantined", code="refused")
    journal.spool.spooled([source("C0", held), source("C1", entry("E2", order="O", patient=even))], HIS)
    spool_for(journal, ("O3", odd), ("X4", ""), ("O5", odd))
    assert _part(journal, 1, rule=rule) == (["O3"], False, 0, 4)
    assert _part(journal, 0, rule=rule) == ([], False, 0, 4)
    journal.operator.dismiss(3, "why")
    assert _part(journal, 0, rule=rule) == (["X4"], True, 0, 4), "what is kept back is not waited for"
    journal.operator.dismiss(4, "why")
    assert _part(journal, 1, rule=rule) == (["O5"], False, 0, None)


def test_large_messages_are_read_ahead_one_at_a_time(journal: Journal) -> None:
    even = patient_of(0, lanes=2)
    spool_for(journal, ("E1", even), ("E2", even))
    assert _part(journal, 0, largest_bytes=1) == (["E1"], False, 1, None)
    assert _part(journal, 0, after=1, largest_bytes=1)[0] == ["E2"]


def test_what_kept_two_patients_of_one_order_apart_may_be_given_up(journal: Journal) -> None:
    """M1 waits for its retry; M2, of another patient, was what the later ones of the order waited behind."""
    even, odd = patient_of(0, lanes=2), patient_of(1, lanes=2)
    for name, patient in (("M1", even), ("M2", odd), ("M3", odd), ("M4", odd)):
        journal.spool.spooled([source(f"C-{name}", entry(name, order="O", patient=patient))], HIS)
    assert _part(journal, 1) == ([], False, 1, 2)
    journal.operator.dismiss(2, "why")
    assert _part(journal, 1) == ([], False, 2, 3), "the next one of the order goes alone instead"
    journal.operator.dismiss(3, "why")
    assert _part(journal, 1) == ([], False, 3, 4)
    journal.operator.dismiss(1, "why")
    assert _part(journal, 0) == (["M4"], True, 3, 4)


@pytest.mark.parametrize("between", [{"state": "quarantined", "code": "correction.older"}, {"state": "duplicate"}])
def test_what_kept_two_patients_of_one_order_apart_may_never_have_waited(
    journal: Journal, between: dict[str, Any]
) -> None:
    even, odd = patient_of(0, lanes=2), patient_of(1, lanes=2)
    for name, patient, more in (("M1", even, {}), ("M2", odd, between), ("M3", odd, {}), ("M4", odd, {})):
        journal.spool.spooled([source(f"C-{name}", entry(name, order="O", patient=patient, **more))], HIS)
    assert _part(journal, 1) == ([], False, 2, 3)


# ------------------------------------------------------------- with which other message the brake asks


def _another(journal: Journal, *but: int, order_by: str = "patient", after: int = 0) -> list[str]:
    found = journal.delivery.another(HIS, after_quarantine="continue", but=but, after=after, order_by=order_by)
    return [each.control_id for each in found]


def test_it_asks_with_no_other_message_of_a_patient_who_waits(journal: Journal) -> None:
    spool_for(journal, ("M1", "P"), ("M2", "P"), ("M3", "Q"))
    assert _another(journal, 1) == ["M3"]
    assert _another(journal, 1, order_by="order") == ["M2"]
    assert _another(journal, 1, order_by="") == ["M2"], "one lane: as ever"


def test_it_asks_with_nothing_behind_what_goes_alone_unless_that_was_tried(journal: Journal) -> None:
    spool_for(journal, ("M1", "P"), ("X2", ""), ("M3", "Q"))
    assert _another(journal, 1) == []
    assert _another(journal, 2) == ["M1"]
    assert _another(journal, 2, after=1) == ["M3"]
    assert _another(journal, 1, 2) == ["M3"]
