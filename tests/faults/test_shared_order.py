"""Fault 87: thousands wait under one order number, and finding the next message costs each of them once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from kit.core import HIS, entry, source

from lab_sender.journal import Journal
from lab_sender.journal.statements import Statements

RULES = ["hold-order", "hold-patient", "continue"]


def _waiting_behind_one(path: Path, count: int) -> Journal:
    """One message in quarantine, and so many behind it under the same order number and patient."""
    journal = Journal(path)
    first = entry("Q", order="0", patient="P", state="quarantined", code="correction.older", holds_orders=True)
    batch = [first, *(entry(f"M{number}", order="0", patient="P") for number in range(count))]
    journal.spool.spooled([source("C", *batch)], HIS)
    return journal


def _steps_of_a_head(journal: Journal, rule: str) -> int:
    """Count what SQLite does for one question, in hundreds of its virtual machine's steps."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    journal.store.connection.set_progress_handler(step, 100)
    assert journal.delivery.head(HIS, after_quarantine=rule) == []
    assert journal.delivery.another(HIS, after_quarantine=rule, but=(), after=0) == []
    journal.store.connection.set_progress_handler(None, 0)
    return steps


@pytest.mark.parametrize("rule", RULES)
def test_fault_87_each_of_thousands_under_one_order_costs_no_more(tmp_path: Path, rule: str) -> None:
    each = {}
    for count in (400, 4000):
        with contextlib.closing(_waiting_behind_one(tmp_path / f"{count}.db", count)) as journal:
            each[count] = _steps_of_a_head(journal, rule) / count
    print(f"{rule}: {100 * each[400]:.0f} and {100 * each[4000]:.0f} steps a message")
    assert each[4000] < 1.5 * each[400]


@pytest.mark.parametrize("query", ["waiting", "quarantined", "holding"])
def test_fault_87_no_question_of_the_queue_reads_what_is_delivered(journal: Journal, query: str) -> None:
    with journal.store.reading() as db:
        steps = db.execute(f"EXPLAIN QUERY PLAN {Statements('queue')[query]}", {"destination": HIS})
        plan = [row[3] for row in steps]
    print("\n".join(plan))
    assert any("USING INDEX message_" in step for step in plan)
    assert not any(step.startswith("SCAN m") and "INDEX" not in step for step in plan)


def test_what_waits_behind_what_waits_is_kept_back_too(journal: Journal) -> None:
    """And its patient's, where the site wants that; what another one waits for is of no account to the rest."""
    orders = (("Q", "A", "P1"), ("M1", "A", "P2"), ("M2", "C", "P1"), ("M3", "D", "P3"))
    batch = [entry(name, order=order, patient=patient) for name, order, patient in orders]
    journal.spool.spooled([source("C", *batch)], HIS)
    (first, *_) = journal.delivery.head(HIS, after_quarantine="continue")
    journal.delivery.quarantined(first, code="refused", reason="")
    found = {rule: [each.control_id for each in journal.delivery.head(HIS, after_quarantine=rule)] for rule in RULES}
    assert found == {"continue": ["M1", "M2", "M3"], "hold-order": ["M2", "M3"], "hold-patient": ["M1", "M3"]}
