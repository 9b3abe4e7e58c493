"""What the journal says of an order: what the HIS has of it, whatever came since."""

from __future__ import annotations

from kit.core import HIS, entry, head, source

from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import Attempt, Journal, NewSource, order_history


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
