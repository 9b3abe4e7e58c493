"""What lanes of one destination do to one another, step by step, without threads."""

from __future__ import annotations

import pytest
from kit.core import HIS, entry, source, states
from kit.settings import brake, his_at

from lab_sender.delivery import gate
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.gate import Gate
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.journal.rows import LinkRow
from lab_sender.journal.turns import turn_of
from lab_sender.mllp import Link
from lab_sender.mllp.standin.server import StandIn

EVEN, ODD = (next(f"P{n}" for n in range(99) if turn_of(f"P{n}") % 2 == turn) for turn in (0, 1))


def _spool(journal: Journal, *messages: tuple[str, str]) -> None:
    journal.spool.spooled([source(f"C-{name}", entry(name, patient=patient)) for name, patient in messages], HIS)


def _two(journal: Journal, his: StandIn, **settings: object) -> tuple[Destination, Lane, Lane]:
    """A destination and its two lanes, both connected."""
    to = his_at(his.port, **settings)
    destination = Destination(HIS, journal, to)
    lanes = [Lane(destination, journal, Link(to)) for _ in range(2)]
    for lane in lanes:
        lane._begin()
        assert lane._link.connected
    return destination, lanes[0], lanes[1]


def _step(lane: Lane) -> None:
    message = lane._next()
    assert message is not None
    lane._deliver(message)


def test_a_hold_takes_back_what_another_lane_has_marked(journal: Journal) -> None:
    _spool(journal, ("M1", EVEN), ("M2", ODD))
    with StandIn() as his:
        destination, one, two = _two(journal, his)
        _step(two)
        assert states(journal) == {"M1": "spooled", "M2": "sending"}
        destination.hold_for("brake", "a reason", [1], 0)
        assert two._next() is None
        assert states(journal) == {"M1": "spooled", "M2": "spooled"}
        assert one._next() is None, "the first probe is not due"
        assert his.received == []


def test_who_has_begun_to_ask_asks_also_where_the_first_connection_comes_back_meanwhile(journal: Journal) -> None:
    """Else its mark would stand, and the first lane wait for it."""
    _spool(journal, ("M1", EVEN), ("M2", ODD))
    with StandIn() as his:
        destination, one, two = _two(journal, his, brake=brake(probe_s=0.0))
        destination.hold_for("brake", "a reason", [1], 0)
        destination.links.show(0, LinkRow("down", "connect.refused"))
        _step(two)
        assert states(journal) == {"M1": "sending", "M2": "spooled"}
        destination.links.show(0, LinkRow("up", connected_ms=1))
        assert one._next() is None
        _step(two)
        assert destination.hold == ""
        assert states(journal)["M1"] == "acked"


def test_what_another_lane_quarantined_keeps_back_what_was_read_ahead(journal: Journal) -> None:
    """The patient's orders are in different lanes."""
    orders = [next(f"O{n}" for n in range(99) if turn_of(f"O{n}") % 2 == turn) for turn in (0, 1)]
    for name, order in zip(("M1", "M2"), orders, strict=True):
        journal.spool.spooled([source(f"C-{name}", entry(name, order=order, patient="P"))], HIS)
    with StandIn() as his:
        destination, one, two = _two(journal, his, order_by="order", after_quarantine="hold-patient")
        _step(two)
        assert states(journal)["M2"] == "sending"
        message = one._next()
        assert message is not None
        done = destination.quarantine(
            1, "refused", lambda: journal.delivery.quarantined(message, code="refused", reason=""), code="AE", lane=0
        )
        assert done == (True, "")
        assert two._next() is None
        assert states(journal) == {"M1": "quarantined refused", "M2": "spooled"}


def test_nothing_is_quarantined_once_another_lane_has_made_it_hold(journal: Journal) -> None:
    _spool(journal, ("M1", EVEN), ("M2", ODD))
    with StandIn() as his:
        destination, _, _ = _two(journal, his, brake=brake(refused=1))
        never = pytest.fail
        first = destination.quarantine(1, "refused", never, code="AE", lane=0)
        assert first == (False, "message 1 refused in a row, last AE")
        assert destination.quarantine(2, "refused", never, code="AE", lane=1) == (False, "")
        assert destination.probe_failed(2, 1) is None, "no probe: it was under way"
        assert journal.delivery.lane(HIS).held_for == (1,)


def test_what_goes_alone_waits_for_what_is_out_and_lets_nothing_beside_it(journal: Journal) -> None:
    """Also where what is out was kept back meanwhile, so that the line begins with what goes alone."""
    _spool(journal, ("X1", ""), ("M2", ODD))
    with StandIn() as his:
        destination, one, two = _two(journal, his)
        assert destination.enter(1, alone=False) is None
        _step(one)
        assert states(journal)["X1"] == "spooled", "another lane has something out"
        destination.leave(1)
        _step(one)
        assert states(journal)["X1"] == "sending"
        assert destination.enter(1, alone=False) == 0.0
        assert two._next() is None
        _step(one)
        assert [each.control_id for each in his.received] == ["X1"]
        _step(two)
        assert states(journal) == {"X1": "acked", "M2": "sending"}


def test_an_idle_lane_does_not_look_at_the_backlog_again(journal: Journal) -> None:
    _spool(journal, *[(f"M{n}", EVEN) for n in range(5)])
    with StandIn() as his:
        _, one, two = _two(journal, his)
        assert two._next() is None
        assert two._seen == 5
        _spool(journal, ("M5", ODD))
        message = two._next()
        assert message is not None
        assert (message.control_id, two._seen) == ("M5", 6)
        two._is_stale = True
        assert two._next() == message, "what came back to an old place is found"
        assert one._next() is not None


class _Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def monotonic(self) -> float:
        return self.now_s


def test_the_gate_lets_one_alone_or_many() -> None:
    known = Gate()
    assert known.enter(0, alone=False, pace_s=0) is None
    assert known.enter(1, alone=False, pace_s=0) is None
    assert known.enter(2, alone=True, pace_s=0) == 0.0
    known.leave(0)
    assert known.enter(2, alone=True, pace_s=0) == 0.0
    known.leave(1)
    assert known.enter(2, alone=True, pace_s=0) is None
    assert known.enter(0, alone=False, pace_s=0) == 0.0
    known.leave(2)
    assert known.enter(0, alone=False, pace_s=0) is None


def test_the_pace_counts_from_first_byte_to_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(gate, "time", clock)
    known = Gate()
    assert known.enter(0, alone=False, pace_s=2.0) is None
    assert known.enter(1, alone=False, pace_s=2.0) == gate._SOON_S, "another lane is about to send"
    clock.now_s += 5.0
    known.begin(0, 2.0)
    assert known.enter(1, alone=False, pace_s=2.0) == 2.0
    clock.now_s += 2.0
    assert known.enter(1, alone=False, pace_s=2.0) is None
    known.leave(1)
    assert known.enter(0, alone=False, pace_s=2.0) is None, "it did not send after all"
