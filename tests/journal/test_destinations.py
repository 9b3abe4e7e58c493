"""Two destinations in one journal: what is at one is nothing to the other. And two lanes of one destination."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from typing import Any, get_args

import pytest
from kit.core import entry, rows, source, states
from kit.intake import plan

from lab_sender.hl7.orders import OrderFact
from lab_sender.hl7.stamp import with_control_id
from lab_sender.intake.recognise import Recogniser
from lab_sender.journal import (
    ActRejected,
    Attempt,
    Journal,
    Line,
    NewMessage,
    NewSource,
    Outcome,
    Spooled,
    View,
)
from lab_sender.journal.states import MessageState

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


def test_a_file_is_overtaken_where_it_is_read_again_for(journal: Journal) -> None:
    """What was not built there is about the orders that the file has elsewhere; what is settled is not sent again."""
    unbuilt = NewMessage("", "quarantined", b"bad", code="json.value", reason="no", destination=BETA)
    for number in (1, 2):
        journal.spool.spooled([source(f"C{number}", entry(f"A{number}", order=f"O{number}"), unbuilt)], ALPHA)
        _accept(journal, ALPHA)
    journal.spool.spooled([source("C3", entry("A3", order="O1"))], ALPHA)
    _accept(journal, ALPHA)
    journal.spool.spooled([source("C4", entry("B4", order="O2"))], BETA)
    _accept(journal, BETA)
    assert journal.operator.release(2) == "outbox", "alpha has something newer, and gets nothing"
    with pytest.raises(ActRejected) as overtaken:
        journal.operator.release(4)
    assert overtaken.value.code == "release.overtaken"
    assert "message 6, " in overtaken.value.text


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


# ------------------------------------------------------------------ a file of both


def _both(journal: Journal, claim_id: str = "C1", *names: str, **more: Any) -> None:
    """A file of a message for each of the two, or of these: `A1` for alpha, `B1` for beta."""
    names = names or ("A1", "B1")
    messages = [
        entry(name, destination=ALPHA if name[0] == "A" else BETA, order=f"O{name[1:]}", **more) for name in names
    ]
    journal.spool.spooled([source(claim_id, *messages)], ALPHA)


def _folder(journal: Journal, source_id: int = 1) -> str:
    return journal.filing.resting([source_id])[0].folder


def _filed(journal: Journal, folder: str, file_id: int = 1) -> None:
    journal.filing.planned([(file_id, folder, "x.json")])
    journal.filing.placed([file_id])


def test_a_file_rests_in_quarantine_while_the_others_go_on(journal: Journal) -> None:
    _both(journal)
    assert journal.filing.unsettled_sources() == []
    _refuse(journal, ALPHA)
    assert journal.delivery.finished_sources() == {1}
    assert journal.filing.unsettled_sources() == [1], "after a kill the keeper finds it"
    assert _folder(journal) == "quarantine"
    _filed(journal, "quarantine")
    assert journal.filing.unsettled_sources() == []
    assert _waiting(journal, BETA) == ["B1"], "its bytes are in the journal"
    _accept(journal, BETA)
    assert _folder(journal) == "quarantine"
    journal.operator.dismiss(1, "by phone")
    assert journal.filing.unsettled_sources() == [1]
    assert _folder(journal) == "sent"


def test_a_report_that_one_destination_does_not_get_is_filed_at_once(journal: Journal) -> None:
    """It waits at another one, which may be down for long."""
    unbuilt = NewMessage("", "quarantined", b"bad", code="json.value", reason="no", destination=BETA)
    journal.spool.spooled(
        [source("C1", entry("A1"), unbuilt), source("C2", entry("A2"), entry("B2", destination=BETA))], ALPHA
    )
    assert journal.delivery.finished_sources() == {1}
    assert [_folder(journal, number) for number in (1, 2)] == ["quarantine", "claimed"]


def test_a_file_stays_while_its_destination_has_more_of_it(journal: Journal) -> None:
    """Of one destination's messages one is in quarantine and one waits: the lane may still put both back."""
    _both(journal, "C1", "A1", "A2", "B1")
    _refuse(journal, ALPHA)
    assert (_folder(journal), journal.filing.unsettled_sources()) == ("claimed", [])
    _accept(journal, BETA)
    assert (_folder(journal), journal.filing.unsettled_sources()) == ("claimed", [])
    _accept(journal, ALPHA)
    assert (_folder(journal), journal.filing.unsettled_sources()) == ("quarantine", [1])


def test_a_file_comes_back_while_another_destination_still_waits(journal: Journal) -> None:
    _both(journal)
    _refuse(journal, ALPHA)
    _filed(journal, "quarantine")
    journal.operator.dismiss(1, "by phone")
    assert (_folder(journal), journal.filing.unsettled_sources()) == ("claimed", [1])
    _filed(journal, "claimed")
    _accept(journal, BETA)
    assert _folder(journal) == "sent"


def test_a_duplicate_shares_the_fate_at_its_own_destination(journal: Journal) -> None:
    _both(journal)
    copies = [
        NewMessage("", "duplicate", b"d", code="message.duplicate", same_as=number, destination=name)
        for number, name in ((1, ALPHA), (2, BETA))
    ]
    journal.spool.spooled([source("C2", *copies)], ALPHA)
    _refuse(journal, BETA)
    assert [_folder(journal, number) for number in (1, 2)] == ["quarantine", "quarantine"]
    assert journal.filing.unsettled_sources() == [1, 2], "after a kill too"
    _filed(journal, "quarantine")
    assert journal.filing.unsettled_sources() == [2]
    reason = journal.filing.resting([2])[0].reason
    assert "the report for beta, control id B1: refused\nthe same content as message 2" in reason


def test_a_reason_names_the_destination(journal: Journal) -> None:
    _both(journal, "C1", "A1", "A2", "B1")
    journal.spool.spooled([source("C2", code="json.syntax")], ALPHA)
    _accept(journal, ALPHA)
    _refuse(journal, BETA)
    reason = journal.filing.resting([1])[0].reason
    assert reason.startswith("the report for beta, control id B1: refused\nThe HIS answered AE.\n")
    assert reason.endswith(
        "\nAt alpha: 1 of 2 delivered, and not sent again; 1 still waiting when this was written."
        "\nAt beta: 0 of 1 delivered.\n"
    )
    assert journal.filing.resting([2])[0].reason.startswith("json.syntax\nIt is file:2")


@pytest.mark.parametrize("his", ["his:1", {ALPHA: "a:1", BETA: "b:1"}])
def test_a_reason_of_one_of_several_names_it_and_of_the_only_one_does_not(
    journal: Journal, his: str | dict[str, str]
) -> None:
    """Also where only one of those that are configured has ever got a message."""
    journal.begin(his=his)
    journal.spool.spooled([source("C1", entry("A1"))], ALPHA)
    _refuse(journal, ALPHA)
    reason = journal.filing.resting([1])[0].reason
    assert reason.startswith("the report, control" if isinstance(his, str) else "the report for alpha, control")


def test_what_others_did_is_found_by_its_record(journal: Journal) -> None:
    for number in range(1, 6):
        _both(journal, f"C{number}", f"A{number}", f"B{number}")
    _refuse(journal, ALPHA)
    _filed(journal, "quarantine")
    before = journal.filing.last_event()
    assert journal.filing.unsettled_since(before) == []
    journal.operator.release(1)
    assert journal.filing.unsettled_since(before) == [1]
    journal.operator.dismiss(3, "why")
    journal.operator.hold(BETA, "why")
    assert journal.filing.unsettled_since(before) == [1], "the third message's file waits at the other one"
    journal.operator.dismiss(4, "why")
    assert journal.filing.unsettled_since(before) == [1, 2]
    assert journal.filing.unsettled_since(journal.filing.last_event()) == []


def test_who_shares_the_fate_of_what_others_did_is_found_as_well(journal: Journal) -> None:
    """Also where the file with the message itself stays, for another message of it."""
    _both(journal, "C1", "A1", "A2")
    copy = NewMessage("", "duplicate", b"d", code="message.duplicate", same_as=1)
    journal.spool.spooled([source("C2", copy)], ALPHA)
    for _ in range(2):
        _refuse(journal, ALPHA)
    for number in (1, 2):
        _filed(journal, "quarantine", number)
    journal.operator.dismiss(1, "by phone")
    assert journal.filing.unsettled_since(0) == [2]
    assert [_folder(journal, number) for number in (1, 2)] == ["quarantine", "dismissed"]


def test_a_sent_file_stays_there_while_a_copy_of_one_waits(journal: Journal) -> None:
    _both(journal)
    _accept(journal, ALPHA)
    _accept(journal, BETA)
    _filed(journal, "sent")
    journal.operator.resend(2, new_control_id="N2", restamp=with_control_id)
    assert journal.filing.unsettled_since(0) == []
    _refuse(journal, BETA)
    assert journal.filing.unsettled_since(0) == [1]
    assert _folder(journal) == "quarantine"


# ------------------------------------------------------------------ acts on all of a file


def _numbers(outcome: Outcome) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """What became of which message, and why not."""
    done = [(each.message, each.became) for each in outcome.done]
    return done, [(each.message, each.code) for each in outcome.rejected]


def _ids() -> Any:
    numbers = itertools.count(1)
    return lambda: f"N{next(numbers)}"


def _kinds(journal: Journal) -> list[tuple[Any, ...]]:
    return rows(journal, "SELECT kind, message_id, detail FROM event ORDER BY id")


def _of(journal: Journal, source_id: int, *states: str) -> list[int]:
    """The messages of a file, of these states, that no other one has taken the place of."""
    with closing(View(journal.store.path)) as view:
        found = view.messages_of(source_id)
    return [each.id for each in found if not each.has_successor and (not states or each.state in states)]


def _release(journal: Journal, **more: Any) -> Outcome:
    return journal.operator.release_messages(_of(journal, 1, "quarantined"), everywhere=True, **more)


def _resend(
    journal: Journal,
    source_id: int,
    *,
    ids: Callable[[], str] | None = None,
    restamp: Callable[[bytes, str], bytes] = with_control_id,
    act: str | None = None,
) -> Outcome:
    several = _of(journal, source_id)
    return journal.operator.resend_messages(several, new_control_id=ids or _ids(), restamp=restamp, act=act)


def test_all_of_a_file_is_released_at_once(journal: Journal) -> None:
    _both(journal, "C1", "A1", "B1", "A2")
    _refuse(journal, ALPHA)
    _refuse(journal, BETA)
    outcome = _release(journal, who="anna", act="act-1")
    assert _numbers(outcome) == ([(1, "spooled"), (2, "spooled")], [])
    assert [each.destination for each in outcome.done] == [ALPHA, BETA]
    assert (_waiting(journal, ALPHA), _waiting(journal, BETA)) == (["A1", "A2"], ["B1"])
    assert _kinds(journal) == [
        ("message.released", 1, "was refused"), ("message.released", 2, "was refused"),
        ("messages.released", None, "2 done, 0 not"),
    ]  # fmt: skip
    _refuse(journal, ALPHA)
    assert _release(journal, act="act-1") == outcome, "done before: the same answer"
    assert _waiting(journal, ALPHA) == ["A2"]
    with pytest.raises(ActRejected) as used:
        journal.operator.dismiss_messages(_of(journal, 1), "why", act="act-1")
    assert used.value.code == "act.used"


def test_what_was_overtaken_at_one_is_released_at_the_other(journal: Journal) -> None:
    _both(journal)
    _refuse(journal, ALPHA)
    _refuse(journal, BETA)
    journal.spool.spooled([source("C2", entry("A9", order="O1"))], ALPHA)
    _accept(journal, ALPHA)
    outcome = _release(journal, act="act")
    assert _numbers(outcome) == ([(2, "spooled")], [(1, "release.overtaken")])
    assert "message 3, which the HIS has" in outcome.rejected[0].text
    assert _release(journal, act="act") == outcome
    again = _release(journal)
    assert _numbers(again) == ([], [(1, "release.overtaken")])
    assert len(_kinds(journal)) == 2, "what did nothing is not on record"
    assert _numbers(_release(journal, force=True)) == ([(1, "spooled")], [])


def test_messages_of_one_file_do_not_overtake_one_another(journal: Journal) -> None:
    """Two tests of one order, both refused after they may have arrived: they go out again in their order."""
    tests = {"A1": "BLOOD", "A2": "URINE"}
    both = [entry(each, orders=(OrderFact("O", test, "F", ""),), destination=ALPHA) for each, test in tests.items()]
    journal.spool.spooled([source("C1", *both)], ALPHA)
    for _ in both:
        message = _first(journal, ALPHA)
        journal.delivery.unknown(message, _attempt(message, ""))
        assert journal.delivery.quarantined(message, code="unanswered", reason="No answer.")
    with pytest.raises(ActRejected):
        journal.operator.release(1)
    assert _numbers(_release(journal))[0] == [(1, "spooled"), (2, "spooled")]
    assert _waiting(journal, ALPHA) == ["A1", "A2"]
    _accept(journal, ALPHA)
    _accept(journal, ALPHA)
    outcome = _resend(journal, 1)
    assert _numbers(outcome) == ([(1, "spooled"), (2, "spooled")], [])
    assert [(each.copy, each.control_id) for each in outcome.done] == [(3, "N1"), (4, "N2")]
    assert _waiting(journal, ALPHA) == ["N1", "N2"]


def test_an_older_one_stays_where_the_newer_one_of_its_test_may_have_arrived(journal: Journal) -> None:
    """A HIS that knows the newer one's id stores nothing when it comes again: the older would be its last word."""
    for number, kind in ((1, "refused"), (2, "unanswered")):
        journal.spool.spooled([source(f"C{number}", entry(f"A{number}", order="O"))], ALPHA)
        message = _first(journal, ALPHA)
        if kind == "unanswered":
            journal.delivery.unknown(message, _attempt(message, ""))
        assert journal.delivery.quarantined(message, code=kind, reason="No.")
    outcome = journal.operator.release_messages([1, 2])
    assert _numbers(outcome) == ([(2, "spooled")], [(1, "release.overtaken")])
    assert _waiting(journal, ALPHA) == ["A2"]


def test_what_the_his_never_took_is_not_copied_beside_what_is_newer_there(journal: Journal) -> None:
    """The copy of the newer one may be refused, or given up: the older one would be its last word."""
    journal.spool.spooled([source("C1", entry("A1", order="O"))], ALPHA)
    _refuse(journal, ALPHA)
    journal.spool.spooled([source("C2", entry("A2", order="O"))], ALPHA)
    _accept(journal, ALPHA)
    outcome = journal.operator.resend_messages([1, 2], new_control_id=_ids(), restamp=with_control_id)
    assert _numbers(outcome) == ([(2, "spooled")], [(1, "resend.overtaken")])


def test_nor_beside_what_may_be_newer_there(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("A1", order="O"))], ALPHA)
    _refuse(journal, ALPHA)
    journal.spool.spooled([source("C2", entry("A2", order="O"))], ALPHA)
    message = _first(journal, ALPHA)
    journal.delivery.unknown(message, _attempt(message, ""))
    assert journal.delivery.quarantined(message, code="unanswered", reason="No.")
    outcome = journal.operator.resend_messages([1, 2], new_control_id=_ids(), restamp=with_control_id)
    assert _numbers(outcome) == ([(2, "spooled")], [(1, "resend.overtaken")])


def test_an_older_one_of_a_file_stays_where_the_newer_one_does(journal: Journal) -> None:
    """The newer was overtaken by another file and may have arrived: the older would overwrite it."""
    journal.spool.spooled([source("C1", *(entry(name, order="O") for name in ("A1", "A2")))], ALPHA)
    for _ in range(2):
        message = _first(journal, ALPHA)
        journal.delivery.unknown(message, _attempt(message, ""))
        journal.delivery.quarantined(message, code="unanswered", reason="No answer.")
    journal.spool.spooled([source("C2", entry("A3", order="O"))], ALPHA)
    _accept(journal, ALPHA)
    outcome = _release(journal)
    assert _numbers(outcome) == ([], [(1, "release.overtaken"), (2, "release.overtaken")])


def test_a_file_with_something_unbuilt_is_read_again_for_all(journal: Journal) -> None:
    unbuilt = NewMessage("", "quarantined", b"bad", code="json.value", reason="no", destination=BETA)
    journal.spool.spooled([source("C1", entry("A1"), unbuilt)], ALPHA)
    _refuse(journal, ALPHA)
    outcome = _release(journal, act="act")
    assert _numbers(outcome) == ([(1, "outbox"), (2, "outbox")], [])
    assert _release(journal, act="act") == outcome
    assert _folder(journal) == "outbox"
    assert [kind for kind, _, _ in _kinds(journal)] == ["file.released", "messages.released"]


@pytest.mark.parametrize("at_all", [False, True])
def test_a_file_is_read_again_while_another_destination_still_waits(journal: Journal, at_all: bool) -> None:
    """That one keeps what it has; a HIS that is down does not keep a mended report from the others."""
    unbuilt = NewMessage("", "quarantined", b"bad", code="json.value", reason="no", destination=BETA)
    journal.spool.spooled([source("C1", entry("A1"), unbuilt)], ALPHA)
    if at_all:
        assert _numbers(_release(journal)) == ([(2, "outbox")], [])
    else:
        assert journal.operator.release(2) == "outbox"
    assert _waiting(journal, ALPHA) == ["A1"]
    (returns_as,) = journal.spool.returning()
    (settled,) = journal.spool.read_before([returns_as], ALPHA)[returns_as]
    assert settled.message == 1
    assert journal.spool.read_before([returns_as], BETA) == {}
    again = source(returns_as, NewMessage("", "duplicate", b"d", same_as=1), entry("B1", destination=BETA))
    journal.spool.spooled([again], ALPHA)
    _accept(journal, BETA)
    assert [_folder(journal, number) for number in (1, 2)] == ["outbox", "claimed"]
    _accept(journal, ALPHA)
    assert journal.filing.sharing([1]) == {2}
    assert _folder(journal, 2) == "sent"


def test_a_file_in_use_where_it_is_to_be_read_again_is_not(journal: Journal) -> None:
    unbuilt = NewMessage("[1]", "quarantined", b"bad", code="json.value", reason="no", destination=ALPHA)
    journal.spool.spooled([source("C1", entry("A1"), unbuilt, entry("B1", destination=BETA))], ALPHA)
    _refuse(journal, BETA)
    with pytest.raises(ActRejected) as alone:
        journal.operator.release(2)
    assert alone.value.code == "release.file-in-use"
    outcome = _release(journal)
    assert _numbers(outcome) == ([(3, "spooled")], [(2, "release.file-in-use")])
    assert rows(journal, "SELECT state, returns_as FROM source") == [("read", "")]


def test_all_of_a_file_is_sent_again(journal: Journal) -> None:
    unbuilt = NewMessage("[9]", "quarantined", b"bad", code="json.value", reason="no", destination=BETA)
    _both(journal, "C1", "A1", "B1", "A2", "B2", "A3")
    _accept(journal, ALPHA)
    _refuse(journal, BETA)
    journal.operator.dismiss(3, "wrong patient")
    outcome = _resend(journal, 1, act="act")
    assert _numbers(outcome) == (
        [(1, "spooled"), (2, "spooled")], [(3, "resend.given-up"), (4, "resend.waiting"), (5, "resend.waiting")],
    )  # fmt: skip
    assert [each[-2:] for each in outcome.done] == [(6, "N1"), (7, "N2")]
    assert _resend(journal, 1, act="act") == outcome
    assert (_waiting(journal, ALPHA), _waiting(journal, BETA)) == (["A3", "N1"], ["B2", "N2"])
    _accept(journal, ALPHA)
    _accept(journal, ALPHA)
    more = (f"L{number}" for number in itertools.count())
    once_more = _resend(journal, 1, ids=lambda: next(more))
    assert [each.message for each in once_more.done] == [6, 5], "oldest first; of a message and its copies the newest"
    journal.spool.spooled([source("C2", unbuilt), source("C3", code="json.syntax")], ALPHA)
    nothing = _resend(journal, 2)
    assert _numbers(nothing) == ([], [(8 + 2, "resend.no-bytes")])


def test_all_of_a_file_is_given_up(journal: Journal) -> None:
    _both(journal, "C1", "A1", "B1", "A2", "B2")
    _accept(journal, ALPHA)
    journal.delivery.said_later(ALPHA, "A1", "AE", b"x", accepts=False)
    _refuse(journal, BETA)
    journal.delivery.sending(4)
    outcome = journal.operator.dismiss_messages(_of(journal, 1), "by phone", act="act")
    assert _numbers(outcome) == ([(1, "acked"), (2, "dismissed"), (3, "dismissed")], [(4, "dismiss.sending")])
    assert journal.operator.dismiss_messages(_of(journal, 1), "by phone", act="act") == outcome
    assert _kinds(journal)[-1] == ("messages.dismissed", None, "by phone (3 done, 1 not)")
    once_more = journal.operator.dismiss_messages(_of(journal, 1, "spooled", "sending"), "by phone")
    assert _numbers(once_more) == ([], [(4, "dismiss.sending")])
    _accept(journal, BETA)
    not_at_all = journal.operator.release_messages(_of(journal, 1))
    assert {each.code for each in not_at_all.rejected} == {"release.not-quarantined"}
    assert journal.operator.dismiss_messages(_of(journal, 1), "why").done == ()


def test_an_act_on_all_of_a_file_is_done_wholly_or_not_at_all(journal: Journal) -> None:
    _both(journal)
    _accept(journal, ALPHA)
    _accept(journal, BETA)
    before = states(journal)

    def restamp(body: bytes, control_id: str) -> bytes:
        if control_id == "N2":
            raise OSError("no room")
        return with_control_id(body, control_id)

    with pytest.raises(OSError, match="no room"):
        _resend(journal, 1, restamp=restamp)
    assert states(journal) == before
    assert _kinds(journal) == []


# ------------------------------------------------------------------ looking at one of them


def _looked_at(journal: Journal) -> None:
    """At each a message in every state, and a file that could not be read."""
    for name in (ALPHA, BETA):
        letter = name[0].upper()
        for number in range(1, 8):
            new = entry(f"{letter}{number}", order=f"O{number}")
            journal.spool.spooled([source(f"C{letter}{number}", new)], name)
        _accept(journal, name)
        _accept(journal, name)
        journal.delivery.said_later(name, f"{letter}1", "AE", b"x", accepts=False)
        for _ in range(3):
            _refuse(journal, name)
        third, fourth = (line.message_id for line in _lines(journal, states=["quarantined"], destination=name)[1:])
        journal.operator.dismiss(fourth, "why")
        journal.operator.resend(third, new_control_id=f"{letter}9", restamp=with_control_id)
        copy = NewMessage("", "duplicate", b"d", code="message.duplicate", same_as=third)
        journal.spool.spooled([source(f"C{letter}8", copy)], name)
        journal.delivery.sending(_first(journal, name).id)
    journal.spool.spooled([source("C0", code="json.syntax")], ALPHA)


def _lines(journal: Journal, **values: Any) -> list[Line]:
    with closing(View(journal.store.path)) as view:
        return view.lines(**values)


def test_a_list_is_of_one_destination_or_of_all(journal: Journal) -> None:
    _looked_at(journal)
    every = {line.message_id: line for line in _lines(journal)}
    assert {line.destination for line in every.values()} == {ALPHA, BETA, ""}, "a file that was not read is nobody's"
    for name in (ALPHA, BETA):
        mine = _lines(journal, destination=name)
        assert {line.state for line in mine} == {*get_args(MessageState)}
        assert mine == [line for line in _lines(journal) if line.destination == name]
        assert mine[:3] == _lines(journal, destination=name, limit=3)
        for state in get_args(MessageState):
            found = _lines(journal, destination=name, states=[state])
            assert found == [line for line in mine if line.state == state]
            assert found[:1] == _lines(journal, destination=name, states=[state], limit=1)
        some = sorted({line.source_id for line in every.values()})
        assert _lines(journal, destination=name, source_ids=some) == mine
        with closing(View(journal.store.path)) as view:
            assert view.contradicted(9, name) == [line for line in mine if line.contradicted]
            assert len(view.contradicted(9)) == 2
            assert [view.contradictions(each) for each in (name, None, "gamma")] == [1, 2, 0]
            assert [line.destination for line in view.by_order("O5", limit=9, destination=name)] == [name]
            assert len(view.by_order("O5", limit=9)) == 2
            found = view.quarantined_by_number("O5", limit=9, destination=name)
            assert [line.destination for line in found] == [name]
            assert len(view.quarantined_by_number("O5", limit=9)) == 2
            assert view.destinations() == [ALPHA, BETA]
            assert view.counts(name) == {
                "spooled": 2, "sending": 1, "acked": 2, "quarantined": 1, "duplicate": 1, "dismissed": 1,
                "replaced": 1, "unreadable": 1,
            }  # fmt: skip
    assert _lines(journal, destination="gamma") == []


def test_a_file_has_its_outbox(journal: Journal) -> None:
    first, second = source("C1", entry("A1")), source("C2", entry("A2"))
    journal.spool.spooled([first, second._replace(outbox="micro")], ALPHA)
    journal.spool.spooled([source("C3", code="json.syntax")._replace(outbox="micro")], ALPHA)
    rests = journal.filing.resting([1, 2, 3])
    assert [{file.outbox for file in rest.files} for rest in rests] == [{""}, {"micro"}, {"micro"}]
    assert journal.filing.outboxes_of([1, 2, 3]) == {1: "", 2: "micro", 3: "micro"}
    assert [line.outbox for line in _lines(journal)] == ["micro", "micro", ""]
    assert journal.rebuilding.original(2).files[0].outbox == "micro"


def test_where_each_is_delivered_to_is_noted(journal: Journal) -> None:
    def noted(*names: str) -> list[str]:
        with closing(View(journal.store.path)) as view:
            return [view.his_in_force(name) for name in names]

    assert noted("", ALPHA) == ["", ""]
    journal.begin(his="his:1")
    assert noted("", ALPHA) == ["his:1", "his:1"], "an older agent notes the only one there is"
    journal.begin(his={ALPHA: "a:1"})
    assert noted("", ALPHA, BETA) == ["a:1", "a:1", ""]
    journal.begin(his={ALPHA: "a:1", BETA: "[::1]:2"})
    assert noted("", ALPHA, BETA) == ["", "a:1", "[::1]:2"]
