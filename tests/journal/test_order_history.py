"""What the journal says of an order: what the HIS has of it, whatever came since."""

from __future__ import annotations

import pytest
from kit.core import HIS, bad, entry, head, source, waiting

from lab_sender.hl7.orders import OrderFact
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Attempt, Journal, NewSource, order_history


def _accept(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.sending(message.id)
    journal.delivery.acked(message, Attempt(message.id, 5, "verdict", "ack", "", "", "AA"))


def _refuse(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.sending(message.id)
    journal.delivery.refused(message, Attempt(message.id, 5, "verdict", "ack", "", "", "AE"))
    journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")


def _panel(name: str, reported: str, tests: int) -> NewSource:
    facts = tuple(OrderFact("O", f"T{number}", "F", reported) for number in range(tests))
    return source(f"C-{name}", entry(name, order="O", orders=facts))


def test_a_panel_that_the_his_refused_does_not_hide_what_it_has_of_the_order(journal: Journal) -> None:
    """64 rows of an order are three messages of a panel of 30 tests."""
    journal.spool.spooled([_panel("M1", "20261122", 30)], HIS)
    _accept(journal)
    assert {each.message for each in journal.spool.ledger(["O"], HIS)["O"]} == {1}
    for number in (2, 3, 4):
        journal.spool.spooled([_panel(f"M{number}", "20261123", 30)], HIS)
        _refuse(journal)
    assert {each.message for each in journal.spool.ledger(["O"], HIS).get("O", [])} == {1}


def test_release_of_an_older_panel_is_still_overtaken(journal: Journal) -> None:
    """Message 2 (older by its time) may not overwrite message 1."""
    journal.spool.spooled([_panel("M1", "20261123", 30)], HIS)
    _accept(journal)
    journal.spool.spooled([_panel("M2", "20261122", 30)], HIS)
    _refuse(journal)
    with journal.store.reading() as db:
        assert order_history.overtaken_by(db, 2) == 1
    for number in (3, 4, 5):
        journal.spool.spooled([_panel(f"M{number}", "20261124", 30)], HIS)
        _refuse(journal)
    with journal.store.reading() as db:
        assert order_history.overtaken_by(db, 2) == 1


# ------------------------------------------------------------- a copy is as old as what it is a copy of


def _two_refused(journal: Journal) -> None:
    """Message 2 is the correction of message 1, which their times do not say; the HIS has taken neither."""
    fact = OrderFact("O", "T", "F", "")
    for name in ("V1", "V2"):
        journal.spool.spooled([source(f"C-{name}", entry(name, order="O", orders=(fact,)))], HIS)
        _refuse(journal)


def _resend(journal: Journal, message_id: int, name: str, *, force: bool = False) -> int:
    return journal.operator.resend(message_id, new_control_id=name, restamp=with_control_id, force=force)


def _rejected(act: object, *values: object) -> str:
    with pytest.raises(ActRejected) as why:
        act(*values)  # type: ignore[operator]
    return f"{why.value.code}: {why.value.text}"


def _two_refused_and_a_copy_of_the_newer_delivered(journal: Journal) -> None:
    """That copy, message 3, is newer than message 1."""
    _two_refused(journal)
    _resend(journal, 2, "V2COPY")
    _accept(journal)
    assert _rejected(journal.operator.release, 1).startswith("release.overtaken: message 3, ")


def test_a_newer_one_does_not_go_before_the_copy_of_an_older_one(journal: Journal) -> None:
    _two_refused(journal)
    assert _resend(journal, 1, "V1COPY") == 3
    said = _rejected(journal.operator.release, 2)
    assert said.startswith("release.older-waits: message 3, ")
    assert waiting(journal) == ["V1COPY"]
    journal.operator.dismiss(3, "V2 is valid")
    assert journal.operator.release(2) == "spooled"
    assert waiting(journal) == ["V2"]


def test_by_force_it_goes_before_it(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    assert journal.operator.release(2, force=True) == "spooled"
    assert waiting(journal) == ["V2", "V1COPY"]


def test_a_copy_of_the_newer_one_goes_behind_that_of_the_older_one(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    assert _resend(journal, 2, "V2COPY") == 4
    assert waiting(journal) == ["V1COPY", "V2COPY"]


def test_the_delivered_copy_of_an_older_one_has_not_overtaken_the_newer_one(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    _accept(journal)
    assert journal.operator.release(2) == "spooled"


def test_a_copy_of_a_copy_is_as_old_as_the_first(journal: Journal) -> None:
    _two_refused(journal)
    for original, name in ((1, "A"), (3, "B"), (4, "C")):
        _resend(journal, original, name)
        _refuse(journal)
    assert _resend(journal, 5, "D") == 6
    assert _rejected(journal.operator.release, 2).startswith("release.older-waits: message 6, ")
    _accept(journal)
    assert journal.operator.release(2) == "spooled"


def test_the_delivered_copy_of_a_newer_one_has_overtaken_the_older_one(journal: Journal) -> None:
    _two_refused_and_a_copy_of_the_newer_delivered(journal)
    assert _rejected(_resend, journal, 1, "X").startswith("resend.overtaken: message 3, ")


def test_what_was_resent_is_not_resent_beside_its_copy(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("V1", order="O"))], HIS)
    _accept(journal)
    _resend(journal, 1, "V1COPY")
    assert _rejected(_resend, journal, 1, "X").startswith("resend.overtaken: message 2, ")
    _accept(journal)
    assert _rejected(_resend, journal, 1, "X").startswith("resend.overtaken: message 2, ")


def test_a_copy_does_not_go_behind_a_newer_one(journal: Journal) -> None:
    """Whether that waits before its place, or was delivered; and neither does a copy of the copy."""
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    _refuse(journal)
    journal.operator.release(2)
    for _ in range(2):
        assert _rejected(journal.operator.release, 3).startswith("release.overtaken: message 2, ")
        assert _rejected(_resend, journal, 3, "X").startswith("resend.overtaken: message 2, ")
        if waiting(journal):
            _accept(journal)
    assert journal.operator.release(3, force=True) == "spooled"


def test_the_brake_leaves_what_would_go_before_the_copy_of_an_older_one(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    assert journal.delivery.held(HIS, "brake", "ill", [2]) == []
    _refuse(journal)
    assert journal.delivery.held(HIS, "brake", "ill", [2, 3]) == [2], "and what would go behind a newer one"
    assert waiting(journal) == ["V2"]


def test_nor_is_it_built_anew_in_its_old_place(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    assert _rejected(journal.rebuilding.original, 2).startswith("rebuild.older-waits: message 3, ")
    assert journal.rebuilding.original(2, force=True).message_id == 2
    _accept(journal)
    assert journal.rebuilding.original(2).message_id == 2


def test_what_waits_of_another_test_of_the_order_is_not_overwritten(journal: Journal) -> None:
    for name, service in (("V1", "T1"), ("V2", "T2")):
        fact = OrderFact("O", service, "F", "20261122")
        journal.spool.spooled([source(f"C-{name}", entry(name, order="O", orders=(fact,)))], HIS)
        _refuse(journal)
    _resend(journal, 1, "V1COPY")
    assert journal.operator.release(2) == "spooled"


def test_of_those_released_together_the_newest_goes(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    _refuse(journal)
    outcome = journal.operator.release_messages([2, 3])
    assert [each.message for each in outcome.done] == [2]
    assert [(each.message, each.code) for each in outcome.rejected] == [(3, "release.overtaken")]
    assert waiting(journal) == ["V2"]


def test_of_those_released_together_none_goes_before_the_copy_of_an_older_one(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    outcome = journal.operator.release_messages([1, 2])
    assert [(each.message, each.code) for each in outcome.rejected] == [
        (1, "release.not-quarantined"), (2, "release.older-waits"),
    ]  # fmt: skip


def test_those_resent_together_go_oldest_first(journal: Journal) -> None:
    _two_refused(journal)
    _resend(journal, 1, "V1COPY")
    _accept(journal)
    journal.operator.release(2)
    _accept(journal)
    names = iter(("A", "B"))
    outcome = journal.operator.resend_messages(
        [2, 3], new_control_id=lambda: next(names), restamp=with_control_id
    )
    assert [(each.message, each.copy) for each in outcome.done] == [(3, 4), (2, 5)]


def test_the_copy_of_an_older_one_has_not_overtaken_a_file(journal: Journal) -> None:
    """Message 3, which could not be built, is read again with its file; message 4 is a copy of one before it."""
    journal.spool.spooled([source("C1", entry("V1", order="O"))], HIS)
    _accept(journal)
    journal.spool.spooled([source("C2", entry("V2", order="O"), bad())], HIS)
    _accept(journal)
    assert _resend(journal, 1, "V1COPY", force=True) == 4
    assert journal.operator.release(3) == "outbox"


def test_the_age_of_a_copy_outlives_its_original(journal: Journal) -> None:
    _two_refused_and_a_copy_of_the_newer_delivered(journal)
    with journal.store.durable() as db:
        db.execute("UPDATE message SET replaces = 0 WHERE id = 3")  # retention has deleted that one
        db.execute("UPDATE message_order SET age = 0 WHERE message_id = 3")
    assert journal.operator.release(1) == "spooled", "what it was a copy of came before it"


def test_what_steps_back_does_not_go_behind_what_waits_before_its_place(journal: Journal) -> None:
    """Message 2 is older by its OBR-22, and message 1, which is newer, waits."""
    for name, reported in (("V1", "20261123"), ("V2", "20261122")):
        fact = OrderFact("O", "T", "F", reported)
        more = {"state": "quarantined", "code": "correction.older"} if name == "V2" else {}
        journal.spool.spooled([source(f"C-{name}", entry(name, order="O", orders=(fact,), **more))], HIS)
    assert _rejected(journal.operator.release, 2).startswith("release.overtaken: message 1, ")
    _accept(journal)
    assert _rejected(journal.operator.release, 2).startswith("release.overtaken: message 1, ")
