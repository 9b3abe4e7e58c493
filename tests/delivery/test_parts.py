"""A waiting part whose base the HIS takes back goes out whole, over real sockets; `corrections.send: changed`."""

from __future__ import annotations

from typing import Any

import pytest
from kit.core import HIS, entry, ready, rows, source, states, until
from kit.lanes import running
from kit.settings import his_at

from delivery.test_lane import _lane, _settings, _until_final
from delivery.test_later_answers import _flags, _says
from lab_sender.delivery import lane as delivery
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal, NewMessage, Spooled
from lab_sender.mllp import Link
from lab_sender.mllp.acknowledgement import read_acknowledgement
from lab_sender.mllp.standin.server import Received, StandIn

_PART = ready("M2", order="F1", value="2")
_WHOLE = _PART + b"OBX|2|NM|777-3^Plt^LN||3|10*3/uL|||||F\r"


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_LOOK_S", 0.02)


def _part() -> NewMessage:
    return entry("M2", order="F1", value="2", whole=_WHOLE)


def _spool(journal: Journal, *messages: NewMessage) -> None:
    journal.spool.spooled([source(f"C-{each.control_id}", each) for each in messages], HIS)


def _deliver_base(journal: Journal) -> None:
    _spool(journal, entry("M1", order="F1"))
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)


def _is_whole(received: Received) -> bool:
    """Whether it says all, under an id that nothing else has had."""
    is_whole = b"777-3" in received.body
    assert is_whole is (received.control_id != "M2")
    return is_whole


def test_over_a_base_that_stands_it_goes_as_it_is(journal: Journal) -> None:
    _deliver_base(journal)
    _spool(journal, _part(), entry("M3"))
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        assert [each.body for each in his.received] == [_PART, entry("M3").body]
    assert rows(journal, "SELECT kind FROM event") == []


def test_what_waits_goes_whole(journal: Journal) -> None:
    _deliver_base(journal)
    _spool(journal, entry("M0"), _part())
    journal.delivery.said_later(HIS, "M1", "AE", b"MSH", accepts=False)
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        assert [_is_whole(each) for each in his.received[1:]] == [True]
        now = his.received[1].control_id
    assert states(journal)[now] == "acked"
    ((detail,),) = rows(journal, "SELECT detail FROM event WHERE kind = 'message.made-whole' AND who = 'lane'")
    assert detail == f"whole now, control id M2 becomes {now}"


@pytest.mark.parametrize("when", ["before the verdict", "behind it", "once it is marked"])
def test_what_is_next_in_line_goes_whole(journal: Journal, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """On the same connection the HIS takes its base back, as late as just before its first byte."""
    acked, sending = journal.delivery.acked, journal.delivery.sending

    def accepted(message: Spooled, *values: Any, **more: Any) -> bool:
        happened = acked(message, *values, **more)
        if message.control_id == "M0":
            his.say(_says("AE", "M1"))
        return happened

    def marked(message_id: int, *lane: int) -> bool:
        happened = sending(message_id, *lane)
        if message_id == 3 and his.count == 2 and not _flags(journal):
            his.say(_says("AE", "M1"))
        return happened

    if when == "behind it":
        monkeypatch.setattr(journal.delivery, "acked", accepted)
    elif when == "once it is marked":
        monkeypatch.setattr(journal.delivery, "sending", marked)
    rules = ["id=M0: nothing"] if when == "before the verdict" else []
    settings = _settings(pace_s=0.02) if when == "once it is marked" else None  # so no verdict marks it
    with StandIn(rules=rules) as his, running(_lane(journal, his.port, settings)) as lane:
        _spool(journal, entry("M1", order="F1"))
        lane.wake()
        _until_final(journal)
        _spool(journal, entry("M0"), _part())
        lane.wake()
        if rules:
            until(lambda: his.count == 2)
            his.say(_says("AE", "M1") + _says("AA", "M0"))
        _until_final(journal)
        assert [_is_whole(each) for each in his.received[2:]] == [True]
        assert his.connections == 1 or when == "before the verdict", "what else it says of it would be lost"


def test_what_is_taken_back_again_once_the_case_was_closed_is_new(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sending = journal.delivery.sending

    def marked(message_id: int, *lane: int) -> bool:
        happened = sending(message_id, *lane)
        if message_id == 3 and not _flags(journal):
            his.say(_says("AE", "M1"))
        return happened

    _deliver_base(journal)
    journal.delivery.said_later(HIS, "M1", "AE", b"MSH", accepts=False)
    journal.operator.dismiss(1, "the HIS has it")
    monkeypatch.setattr(journal.delivery, "sending", marked)
    _spool(journal, entry("M0"), _part())
    with StandIn() as his, running(_lane(journal, his.port, _settings(pace_s=0.02))):
        _until_final(journal)
        assert [_is_whole(each) for each in his.received[1:]] == [True]
    assert _flags(journal) == {"M1": "AE"}
    assert [each.getMessage() for each in caplog.records].count("message.contradicted") == 1


def test_every_lane_reads_anew_what_it_has_read_ahead(journal: Journal) -> None:
    """The base had gone over the connection of another one."""
    _spool(journal, entry("M1", order="F1"))
    with StandIn() as his:
        settings = his_at(his.port)
        to = Destination(HIS, journal, settings)
        first, second = (Lane(to, journal, Link(settings)) for _ in range(2))
        with running(first):
            _until_final(journal)
        second._is_stale = False
        first._link.heard.append(read_acknowledgement(b"MSH|^~\\&|HIS\rMSA|AE|M1\r"))
        assert first._take_heard()
        assert second._is_stale
        second._is_stale = False
        first._link.heard.append(read_acknowledgement(b"MSH|^~\\&|HIS\rMSA|AE|M1\r"))
        assert not first._take_heard(), "it has said that before"
        assert not second._is_stale
    assert _flags(journal) == {"M1": "AE"}


def test_its_refusals_are_not_counted_against_the_whole(journal: Journal) -> None:
    """A HIS that has not got the base refuses the part."""
    _deliver_base(journal)
    _spool(journal, _part())
    with StandIn(rules=["id=M2: nothing", "nth=2: AE", "nth=3: AE"]) as his, running(_lane(journal, his.port)):
        until(lambda: his.count == 1)
        his.say(_says("AE", "M1") + _says("AE", "M2"))
        _until_final(journal)
        assert [_is_whole(each) for each in his.received] == [False, True, True, True]
    assert set(states(journal).values()) == {"acked"}


def test_what_is_tried_again_goes_whole(journal: Journal) -> None:
    _deliver_base(journal)
    _spool(journal, _part())
    with StandIn(rules=["id=M2: nothing"]) as his, running(_lane(journal, his.port)):
        until(lambda: his.count == 1)
        his.say(_says("AE", "M1") + _says("AE", "M2"))
        _until_final(journal)
        assert [_is_whole(each) for each in his.received] == [False, True]
    assert set(states(journal).values()) == {"acked"}


@pytest.mark.parametrize("change", ["given up", "another id", "is leaving"])
def test_what_has_changed_since_it_was_read_is_not_exchanged(journal: Journal, change: str) -> None:
    _deliver_base(journal)
    _spool(journal, _part())
    (part,) = journal.delivery.head(HIS, after_quarantine="continue")
    journal.delivery.said_later(HIS, "M1", "AE", b"MSH", accepts=False)
    if change == "given up":
        journal.operator.dismiss(part.id, why="no")
    elif change == "is leaving":
        journal.delivery.sending(part.id)
    else:
        part = part._replace(control_id="M9")
    assert journal.delivery.made_whole(part) is (change == "another id")
    assert rows(journal, "SELECT body FROM wire WHERE message_id = ?", part.id) == [(_PART,)]
