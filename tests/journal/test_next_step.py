"""What to do next is right when it is followed to the letter."""

from __future__ import annotations

import pytest
from kit.core import HIS, entry, head, source

from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import ActRejected, Attempt, Journal, next_step


@pytest.mark.parametrize(
    ("code", "status", "reported"),
    [("correction.older", "F", "20260101"), ("correction.preliminary-after-final", "P", "20260201")],
)
def test_what_steps_back_is_released_with_force_alone(
    journal: Journal, code: str, status: str, reported: str
) -> None:
    newer = entry("M1")._replace(orders=(OrderFact("F1^LAB", "58410-2", "F", "20260131"),))
    journal.spool.spooled([source("C1", newer)], HIS)
    (sent,) = head(journal)
    journal.delivery.acked(sent, Attempt(sent.id, 0, "verdict", "ack", "", "", "AA"))
    back = entry("M2", state="quarantined", code=code)
    fact = OrderFact("F1^LAB", "58410-2", status, reported)
    journal.spool.spooled([source("C2", back._replace(orders=(fact,)))], HIS)
    with pytest.raises(ActRejected, match=r"release\.overtaken"):
        journal.operator.release(2)
    assert "`lab-sender release 2 --force`" in next_step("2", code)
    journal.operator.release(2, force=True)


@pytest.mark.parametrize("code", ["correction.silent-change", "correction.other-patient"])
def test_any_other_correction_without(code: str) -> None:
    assert "`lab-sender release 2` to send it as it is" in next_step("2", code)
