"""A HIS that answers nobody costs nothing, an operator is never overtaken, one bad message does not stop the rest.

Faults 80 to 85 and 111, on the lane over real sockets.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from kit.core import HIS, attempts, entry, head, rows, source, spool, states, until, waiting
from kit.lanes import OneAMessage, Relay, SlowReader, lane_to, operator, running
from kit.settings import brake, his_at, retry

from lab_sender.config.sections import Retry
from lab_sender.delivery import destination
from lab_sender.delivery import lane as delivery
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal, now_ms
from lab_sender.mllp import connection, lookup
from lab_sender.mllp.standin.server import StandIn

SOON = 0.002


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_LOOK_S", 0.02)


def _lane(journal: Journal, port: int, waits: Retry, *, ack_s: float = 10.0, **of_brake: object) -> Lane:
    held = brake(**({"probe_s": 0.01} | of_brake))
    return lane_to(journal, his_at(port, ack_timeout_s=ack_s, retry=waits, brake=held))


def _all(state: str, journal: Journal) -> Callable[[], bool]:
    return lambda: {each.partition(" ")[0] for each in states(journal).values()} == {state}


def _ids(his: StandIn) -> list[str]:
    return [each.control_id for each in his.received]


# ------------------------------------------------------------------ 80: an operator acts while the lane connects


class _HeldConnect:
    """A name service that answers when it is let: a connect is open as long as the test wants.

    The first answer may be at once and of no use: then the HIS is away at the start.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.vain = 0
        self.asked = threading.Event()
        self.answers = threading.Event()

    def __call__(self, *_: object, **__: object) -> list[object]:
        if self.vain:
            self.vain -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        self.asked.set()
        assert self.answers.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self._port))]


@pytest.fixture
def two_of_one_order(journal: Journal) -> Iterator[tuple[StandIn, Lane, _HeldConnect]]:
    """OLD and NEW speak of one order, OLD is in quarantine; the lane has a link whose connects can be held."""
    journal.spool.spooled([source("C1", entry("OLD", order="X")), source("C2", entry("NEW", order="X"))], HIS)
    journal.delivery.quarantined(head(journal)[0], code="refused", reason="r")
    with pytest.MonkeyPatch.context() as patched, StandIn() as his:
        held = _HeldConnect(his.port)
        patched.setattr(lookup.socket, "getaddrinfo", held)
        yield his, lane_to(journal, his_at(host="his.test", plaintext=True, retry=retry(SOON, SOON))), held


def _meet_a_dead_connection(journal: Journal, his: StandIn, lane: Lane, held: _HeldConnect) -> None:
    """Wait until the lane has met, in mid-send, that its idle connection has ended, and connects anew."""
    held.answers.clear()
    held.asked.clear()
    connected = lane._link._connection
    assert connected is not None
    his.drop()
    until(lambda: bool(select.select([connected._socket], [], [], 0)[0]))
    with operator(journal) as other:
        other.operator.resume(HIS)
    assert held.asked.wait(30)


@contextlib.contextmanager
def _connecting(journal: Journal, his: StandIn, lane: Lane, held: _HeldConnect, connects: str) -> Iterator[None]:
    """Run a lane up to the middle of a connect."""
    if connects == "after a vain one":
        held.vain = 1
    else:
        journal.operator.hold(HIS, "")
        held.answers.set()
    with running(lane):
        assert held.asked.wait(30)
        if connects != "after a vain one":
            until(lambda: lane._status.link == "up")
            _meet_a_dead_connection(journal, his, lane, held)
        yield


@pytest.mark.parametrize("connects", ["after a vain one", "in place of an idle connection"])
def test_fault_80_a_release_while_the_lane_connects_is_not_overtaken(
    journal: Journal, two_of_one_order: tuple[StandIn, Lane, _HeldConnect], connects: str
) -> None:
    his, lane, held = two_of_one_order
    with _connecting(journal, his, lane, held, connects):
        with operator(journal) as other:
            assert other.operator.release(1) == "spooled"
        held.answers.set()
        until(_all("acked", journal))
    assert _ids(his) == ["OLD", "NEW"]


@pytest.mark.parametrize("connects", ["after a vain one", "in place of an idle connection"])
def test_fault_80_a_hold_while_the_lane_connects_lets_nothing_out(
    journal: Journal, two_of_one_order: tuple[StandIn, Lane, _HeldConnect], connects: str
) -> None:
    his, lane, held = two_of_one_order
    with _connecting(journal, his, lane, held, connects):
        with operator(journal) as other:
            other.operator.hold(HIS, "upgrade")
        held.answers.set()
        until(lambda: lane.destination.hold == "operator")
        until(lambda: lane._link.connected)
    assert his.count == 0
    assert states(journal) == {"OLD": "quarantined refused", "NEW": "spooled"}


def test_fault_80_a_release_between_look_and_mark_is_seen_before_the_first_byte(
    journal: Journal, two_of_one_order: tuple[StandIn, Lane, _HeldConnect], monkeypatch: pytest.MonkeyPatch
) -> None:
    his, lane, held = two_of_one_order
    held.answers.set()
    mark, released = journal.delivery.sending, list[str]()

    def sending(message_id: int, lane: int = 0) -> bool:
        if not released:
            with operator(journal) as other:
                released.append(other.operator.release(1))
        return mark(message_id, lane)

    monkeypatch.setattr(journal.delivery, "sending", sending)
    with running(lane):
        until(_all("acked", journal))
    assert _ids(his) == ["OLD", "NEW"]


# ------------------------------------------------------------------ 81, 82: it answers nobody


def test_fault_81_behind_a_relay_a_his_that_is_down_costs_nothing(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    with StandIn() as gone:
        port = gone.port
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=0.0)
    with Relay(port, late_s=0.005) as relay, running(_lane(journal, relay.port, waits)):
        until(lambda: relay.vain >= 12)
        assert journal.delivery.lane(HIS).link_code == "connect.closed"
        assert waiting(journal) == ["M1", "M2", "M3"]
        assert len(rows(journal, "SELECT 1 FROM attempt")) <= 1, "a busy machine may let one close come late"
        with StandIn(port=port) as his:
            until(_all("acked", journal))
    assert list(dict.fromkeys(_ids(his))) == ["M1", "M2", "M3"]
    assert his.count <= 4


@pytest.mark.long
def test_fault_81_a_relay_that_closes_late_costs_one_try(journal: Journal) -> None:
    """The moment grows to what this relay took."""
    spool(journal, "M1", "M2")
    with StandIn() as gone:
        port = gone.port
    with Relay(port, late_s=0.4) as relay, running(_lane(journal, relay.port, retry(SOON, 2 * SOON, unanswered=3))):
        until(lambda: relay.vain >= 4)
        assert [each["code"] in ("ack.closed", "ack.reset") for each in attempts(journal, "M1")] == [True]
        with StandIn(port=port) as his:
            until(_all("acked", journal))
    assert _ids(his) == ["M1", "M2"]


@pytest.mark.long
@pytest.mark.parametrize(("after_s", "orders"), [(600.0, "each its own"), (0.0, "one")])
def test_fault_82_a_his_that_hangs_costs_no_message_its_place(journal: Journal, after_s: float, orders: str) -> None:
    """Within the time nothing is quarantined; after it the lane holds, and what has come back gets all in order."""
    names = ["M1", "M2", "M3"]
    for name in names:
        journal.spool.spooled([source(name, entry(name, order="X" if orders == "one" else ""))], HIS)
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=after_s)
    with StandIn(rules=["nothing"]) as his:
        lane = _lane(journal, his.port, waits, ack_s=0.1)
        with running(lane):
            his.wait_for(8)
            assert bool(lane.destination.hold) == (after_s == 0)
            assert waiting(journal) == names
            assert set(_ids(his)) == {"M1"}
            hung = his.count
            his.answer_by()
            until(_all("acked", journal))
    got = _ids(his)
    assert list(dict.fromkeys(got)) == names
    assert got[hung:].count("M2") == got[hung:].count("M3") == 1
    assert len(attempts(journal, "M1")) == got.count("M1")


def test_fault_82_one_message_that_alone_makes_it_hang_does_not_stop_the_rest(journal: Journal) -> None:
    spool(journal, "BAD", "M1", "M2")
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=0.0)
    with StandIn(rules=["contains=BAD: nothing"]) as his, running(_lane(journal, his.port, waits, ack_s=0.3)):
        until(lambda: states(journal) == {"BAD": "quarantined unanswered", "M1": "acked", "M2": "acked"})
    assert list(dict.fromkeys(_ids(his))) == ["BAD", "M1", "M2"]
    assert journal.delivery.lane(HIS).hold == ""


def test_fault_82_the_time_since_the_first_try_outlives_a_restart(journal: Journal) -> None:
    spool(journal, "M1")
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=1800)
    with StandIn(rules=["close"]) as his:
        with running(_lane(journal, his.port, waits, probe_s=60.0)):
            his.wait_for(4)
        assert journal.delivery.lane(HIS).hold == ""
        with journal.store.durable() as db:
            db.execute("UPDATE attempt SET started_ms = started_ms - 3600000")
            db.execute("UPDATE lane SET silent_since_ms = silent_since_ms - 3600000")
        tried = his.count
        with running(_lane(journal, his.port, waits, probe_s=60.0)):
            until(lambda: journal.delivery.lane(HIS).hold == "brake")
        assert his.count == tried + 1
    assert waiting(journal) == ["M1"]


@pytest.mark.long
@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000], ids=["back", "forward"])
def test_fault_82_a_clock_that_is_set_keeps_no_message_and_costs_none(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, jump_ms: int
) -> None:
    """The clock is set under the first try: set back, the message is not waited for an hour longer; set forward, its
    time is not over."""
    spool(journal, "BAD", "M1")
    jumped = [0]
    monkeypatch.setattr(destination, "now_ms", lambda: now_ms() + jumped[0])
    after_s = 0.3 if jump_ms < 0 else 600.0
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=after_s)
    with StandIn(rules=["contains=BAD: close"]) as his, running(_lane(journal, his.port, waits)):
        his.wait_for(1)
        jumped[0] = jump_ms
        if jump_ms < 0:
            until(lambda: states(journal) == {"BAD": "quarantined unanswered", "M1": "acked"})
        else:
            his.wait_for(5)
            assert waiting(journal) == ["BAD", "M1"]
            assert not journal.delivery.lane(HIS).hold


# ------------------------------------------------------------------ 83: one connection for each message


@pytest.mark.parametrize("late_s", [0.0, 0.01])
def test_fault_83_a_his_that_closes_after_each_answer_costs_neither_try_nor_wait(
    journal: Journal, late_s: float
) -> None:
    names = [f"M{number:02}" for number in range(40)]
    spool(journal, *names)
    waits = retry(3600.0, 3600.0)  # a wait would never end
    with OneAMessage(late_s) as his, running(_lane(journal, his.port, waits)):
        until(_all("acked", journal))
    assert list(dict.fromkeys(his.received)) == names
    tried = rows(journal, "SELECT COUNT(*) FROM attempt WHERE kind <> 'verdict'")[0][0]
    assert tried <= 1, "the first end after an answer may come under the next message"
    assert rows(journal, "SELECT SUM(unknowns) FROM message") == [(0,)]
    assert his.connections <= len(names) + 3


def test_fault_83_a_hold_while_a_close_is_waited_for_is_seen(journal: Journal) -> None:
    """It has closed after each answer so far; this time it does not, and an operator holds the lane meanwhile."""
    spool(journal, *(f"M{number}" for number in range(1, 6)))

    class ThenStays(OneAMessage):
        def serve(self, sock: socket.socket) -> None:
            if len(self.received) < 2:
                super().serve(sock)
            while len(self.received) >= 2 and self.one(sock):
                if len(self.received) == 3:
                    self.ending.wait(0.1)  # it is waiting: for twice as long as a close took
                    at_hand.operator.hold(HIS, "")

    with operator(journal) as at_hand, ThenStays(0.3) as his:
        lane = _lane(journal, his.port, retry(SOON, 2 * SOON))
        with running(lane):
            until(lambda: lane.destination.hold == "operator")
            assert his.received == ["M1", "M2", "M3"]
            with operator(journal) as other:
                other.operator.resume(HIS)
            until(_all("acked", journal))
    assert his.received == ["M1", "M2", "M3", "M4", "M5"]


# ------------------------------------------------------------------ 84: a slow line


def test_fault_84_a_write_that_gets_on_is_not_cut_off(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """By our clock each read of the HIS takes a minute; the write may stand still for ten seconds only."""
    minutes = itertools.count(0, 60)
    hours = [0.0]
    monkeypatch.setattr(connection, "monotonic", lambda: hours[0])
    body = entry("BIG").body + b"NTE|1||" + b"x" * (12 << 20) + b"\r"
    journal.spool.spooled([source("C1", entry("BIG", body=body))], HIS)

    def read(_: int) -> None:
        hours[0] = float(next(minutes))

    with SlowReader(read) as his, running(_lane(journal, his.port, retry(SOON, SOON))):
        until(_all("acked", journal))
    assert [each["kind"] for each in attempts(journal, "BIG")] == ["verdict"]
    assert hours[0] > 600


# ------------------------------------------------------------------ 85: the brake lets good results through


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "why"), [("contains=BAD: close", "unanswered"), ("contains=BAD: AE,code=101,text=DOE^JANE", "refused")]
)
def test_fault_85_bad_messages_in_a_row_do_not_stop_the_good_ones(journal: Journal, rule: str, why: str) -> None:
    good = [f"M{number}" for number in range(10)]
    spool(journal, "M-first", "BAD1", "BAD2", *good)
    waits = retry(SOON, 2 * SOON, unanswered=2, unanswered_after_s=0.0, refused=2)
    with (
        StandIn(rules=[rule]) as his,
        running(_lane(journal, his.port, waits, refused=2, unanswered=1)),
    ):
        until(lambda: all(states(journal)[each] == "acked" for each in good))
        until(lambda: not waiting(journal))
    now = states(journal)
    assert (now["BAD1"], now["BAD2"]) == (f"quarantined {why}", f"quarantined {why}")
    assert journal.delivery.lane(HIS).hold == ""
    assert [name for name in dict.fromkeys(_ids(his)) if name in good] == good


def test_fault_85_the_hold_names_messages_code_and_next_probe(journal: Journal) -> None:
    spool(journal, *(f"M{number}" for number in range(1, 4)))
    waits = retry(SOON, 2 * SOON, refused=1)
    with (
        StandIn(rules=["AE,code=101,text=DOE^JANE"]) as his,
        running(_lane(journal, his.port, waits, refused=2, probe_s=60.0)),
    ):
        until(lambda: journal.delivery.lane(HIS).hold)
        row = journal.delivery.lane(HIS)
        until(lambda: journal.delivery.lane(HIS).next_try_ms)
        assert row.hold_reason == "messages 1, 2 refused in a row, last AE 101"
        assert row.held_for == (1, 2)
    assert his.count == 2


def test_fault_85_a_restart_goes_on_asking_with_another_message(journal: Journal) -> None:
    spool(journal, "BAD1", "BAD2", "M1")
    journal.delivery.held(HIS, "brake", "messages 1, 2 refused", [1, 2])
    with StandIn(rules=["contains=BAD: AE"]) as his:
        with running(_lane(journal, his.port, retry(SOON, SOON, refused=9), refused=2)):
            until(lambda: not waiting(journal))
        assert _ids(his) == ["BAD1", "M1", "BAD1", "BAD2"]
    assert states(journal) == {"BAD1": "quarantined refused", "BAD2": "quarantined refused", "M1": "acked"}


def test_fault_85_what_was_held_for_a_his_that_was_ill_goes_out_when_it_is_well(journal: Journal) -> None:
    """It comes back just between the first message's probe and the other one's: nobody is quarantined for that."""
    spool(journal, "M1", "M2", "M3")
    with StandIn(rules=["first=3: AR"]) as his:
        with running(_lane(journal, his.port, retry(SOON, SOON, refused=1), refused=2)):
            until(_all("acked", journal))
        assert _ids(his) == ["M1", "M2", "M1", "M3", "M1", "M2"]


def test_fault_85_another_message_never_passes_an_older_one_of_its_order(journal: Journal) -> None:
    orders = {"BAD": "A", "M1": "A", "M2": "B", "M3": "B"}
    journal.spool.spooled([source(name, entry(name, order=order)) for name, order in orders.items()], HIS)
    with StandIn(rules=["contains=BAD: AE", "nth=4: AE", "id=M2&first: AE"]) as his:
        waits = retry(SOON, SOON, refused=1)
        with running(_lane(journal, his.port, waits, refused=1)):
            until(lambda: not waiting(journal))
    got = _ids(his)
    assert got.index("M2") < got.index("M3")
    assert got.index("BAD") < got.index("M1")
    assert "M3" not in got[: got.index("M2") + 2], "M2 is asked with again before M3, which waits behind it"


# ------------------------------------------------------------------ 111: what status can see


def test_fault_111_the_silence_and_the_last_trouble_stay_until_an_acceptance(journal: Journal) -> None:
    spool(journal, "M1")
    with StandIn(rules=["nothing"]) as his:
        with running(_lane(journal, his.port, retry(SOON, SOON), ack_s=0.1)):
            his.wait_for(3)
            until(lambda: journal.delivery.lane(HIS).trouble == "ack.timeout")
            since = journal.delivery.lane(HIS).silent_since_ms
            assert since is not None
        row = journal.delivery.lane(HIS)
        assert (row.link, row.trouble, row.silent_since_ms) == ("idle", "ack.timeout", since)
        his.answer_by()
        with running(_lane(journal, his.port, retry(SOON, SOON))):
            until(_all("acked", journal))
    row = journal.delivery.lane(HIS)
    assert (row.trouble, row.silent_since_ms) == ("", None)


@pytest.mark.long
def test_fault_111_a_connection_that_was_replaced_while_idle_is_told_now_and_then(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(delivery, "_LINK_LOOK_S", 0.01)
    with StandIn() as his, running(_lane(journal, his.port, retry(SOON, SOON))) as lane:
        for opened in range(1, 4):
            until(lambda: lane._link.opened == opened)  # noqa: B023 - asked at once
            his.drop()
        until(lambda: lane._link.opened == 4)
    told = [record for record in caplog.records if record.getMessage() == "link.reopened"]
    assert len(told) == 1
    assert told[0].fields == {"times": 1, "address": "same"}  # type: ignore[attr-defined]
