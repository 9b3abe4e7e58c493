"""Two destinations in one journal: what is at one is nothing to the other. And two lanes of one destination."""

from __future__ import annotations

from contextlib import closing

import pytest
from kit.core import entry, rows, source
from kit.intake import plan

from lab_sender.hl7.stamp import with_control_id
from lab_sender.intake.recognise import Recogniser
from lab_sender.journal import Attempt, Journal, NewMessage, NewSource, Spooled, View

ALPHA, BETA = "alpha", "beta"
RULES = ["continue", "hold-order", "hold-patient"]


def _waiting(journal: Journal, destination: str, rule: str = "continue") -> list[str]:
    return [each.control_id for each in journal.delivery.head(destination, after_quarantine=rule)]


def _first(journal: Journal, destination: str) -> Spooled:
    return journal.delivery.head(destination, after_quarantine="continue")[0]


def _refuse(journal: Journal, destination: str) -> Spooled:
    message = _first(journal, destination)
    journal.delivery.refused(message, _attempt(message, "AE"))
    assert journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")
    return message


def _accept(journal: Journal, destination: str) -> Spooled:
    message = _first(journal, destination)
    assert journal.delivery.acked(message, _attempt(message))
    return message


def _attempt(message: Spooled, ack_code: str = "AA") -> Attempt:
    return Attempt(message.id, 5, "verdict", "ack", "", "", ack_code)


def _settled(journal: Journal, destination: str, new: NewSource) -> NewSource:
    (settled,) = Recogniser(journal.spool, destination, plan()).recognised([new])
    return settled


@pytest.mark.parametrize("rule", RULES)
def test_a_hold_at_one_keeps_nothing_back_at_the_other(journal: Journal, rule: str) -> None:
    suspicious = {"state": "quarantined", "code": "correction.older", "holds_orders": True}
    journal.spool.spooled([source("C1", entry("A1", order="O", patient="P", **suspicious))], ALPHA)
    journal.spool.spooled([source("C2", entry("A2", order="O", patient="P"))], ALPHA)
    journal.spool.spooled([source("C3", entry("B1", order="O", patient="P"))], BETA)
    assert _waiting(journal, BETA, rule) == ["B1"]
    assert _waiting(journal, ALPHA, rule) == []
    with closing(View(journal.store.path)) as view:
        assert [view.held_by(number, rule) for number in (2, 3)] == [1, None]
        assert [view.held_by(number, "continue") for number in (2, 3)] == [1, None]


def test_what_waits_at_one_is_no_duplicate_at_the_other(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O"))], BETA)
    again = source("C2", entry("M1", order="O"))
    assert _settled(journal, ALPHA, again).messages == again.messages
    assert _settled(journal, BETA, again).messages[0].state == "duplicate"
    journal.spool.spooled([_settled(journal, ALPHA, again)], ALPHA)
    assert (_waiting(journal, ALPHA), _waiting(journal, BETA)) == (["M1"], ["M1"])


def test_one_file_for_both(journal: Journal) -> None:
    one = entry("M1", order="O")
    copy = NewMessage("", "duplicate", one.digest, code="message.duplicate", same_as="M1")
    both = [message._replace(destination=name) for message in (one, copy) for name in (ALPHA, BETA)]
    journal.spool.spooled([source("C1", *both, entry("M2"))], ALPHA)
    assert (_waiting(journal, ALPHA), _waiting(journal, BETA)) == (["M1", "M2"], ["M1"])
    assert rows(journal, "SELECT same_as, destination FROM message WHERE state = 'duplicate' ORDER BY id") == [
        (1, ALPHA), (2, BETA),
    ]  # fmt: skip
    assert {key: len(found) for key, found in journal.spool.ledger(["O"], BETA).items()} == {"O": 1}
    _accept(journal, ALPHA)
    _accept(journal, ALPHA)
    assert journal.filing.resting([1])[0].folder == "claimed", "it waits at the other one"
    _accept(journal, BETA)
    assert journal.filing.resting([1])[0].folder == "sent"
    with closing(View(journal.store.path)) as view:
        assert [len(view.by_control_id("M1", name)) for name in (ALPHA, BETA, None)] == [1, 1, 2]
        assert [view.counts(name)["acked"] for name in (ALPHA, BETA, None)] == [2, 1, 3]
        assert view.oldest_waiting_ms(BETA) is None
        assert view.last_ack_ms(BETA) is not None


def test_a_destination_that_begins_marks_what_any_of_its_lanes_was_sending(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("A1"), entry("A2"), entry("A3"))], ALPHA)
    journal.spool.spooled([source("C2", entry("B1"))], BETA)
    first = _first(journal, ALPHA)
    assert journal.delivery.sending(1)
    assert journal.delivery.acked(first, _attempt(first), next_id=2, lane=1)
    assert journal.delivery.sending(3, lane=2)
    assert journal.delivery.sending(4)
    assert journal.delivery.interrupted(ALPHA) == 2
    assert journal.delivery.interrupted(ALPHA) == 0
    assert rows(journal, "SELECT control_id, state, may_have_left FROM message ORDER BY id") == [
        ("A1", "acked", 0), ("A2", "spooled", 1), ("A3", "spooled", 1), ("B1", "sending", 0),
    ]  # fmt: skip


def test_what_was_delivered_at_one_overtakes_nothing_at_the_other(journal: Journal) -> None:
    for number, name in enumerate((BETA, ALPHA, ALPHA)):
        journal.spool.spooled([source(f"C{number}", entry(f"M{number}", order="O"))], name)
    _refuse(journal, BETA)
    _accept(journal, ALPHA)  # and another one of the order waits there
    assert journal.operator.release(1) == "spooled"
    _refuse(journal, BETA)
    assert journal.operator.resend(1, new_control_id="N1", restamp=with_control_id) == 4
    _refuse(journal, BETA)
    assert journal.delivery.held(BETA, "brake", "ill", [4]) == [4]
    assert _waiting(journal, BETA) == ["N1"]


def test_a_file_is_overtaken_at_its_own_destination_only(journal: Journal) -> None:
    unbuilt = NewMessage("[1]", "quarantined", b"bad", code="json.value", reason="json.value: cannot be built")
    journal.spool.spooled([source("C1", entry("B1", order="O"), unbuilt)], BETA)
    _accept(journal, BETA)
    journal.spool.spooled([source("C2", entry("A1", order="O"))], ALPHA)
    _accept(journal, ALPHA)
    assert journal.operator.release(2) == "outbox"


def test_a_release_at_one_begins_no_new_round_at_the_other(journal: Journal) -> None:
    for number, name in enumerate((ALPHA, BETA)):
        journal.spool.spooled([source(f"C{number}", entry(f"M{number}", order="O"))], name)
    _refuse(journal, ALPHA)
    journal.operator.release(1)
    for name in (ALPHA, BETA):
        message = _first(journal, name)
        journal.delivery.sending(message.id)
    assert rows(journal, "SELECT control_id, send_round FROM message ORDER BY id") == [("M0", 1), ("M1", 0)]


def test_each_has_its_hold_its_row_and_its_events(journal: Journal) -> None:
    for number, name in enumerate((ALPHA, BETA, ALPHA)):
        journal.spool.spooled([source(f"C{number}", entry(f"M{number}"))], name)
    _refuse(journal, ALPHA)
    _accept(journal, BETA)
    assert journal.delivery.quarantined_since_acceptance(ALPHA) == [(1, "refused")]
    assert journal.delivery.quarantined_since_acceptance(BETA) == []
    journal.operator.hold(BETA, "upgrade")
    journal.operator.dismiss(1, "why")
    assert [journal.delivery.lane(name).hold for name in (ALPHA, BETA)] == ["", "operator"]
    found = rows(journal, "SELECT kind, destination, source_id, message_id FROM event ORDER BY id")
    assert found == [("lane.held", BETA, None, None), ("message.dismissed", ALPHA, 1, 1)]
    _accept(journal, ALPHA)
    assert journal.delivery.quarantined_since_acceptance(ALPHA) == []
