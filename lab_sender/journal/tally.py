"""Numbers that the journal keeps, so that nobody has to count its history.

Holds: of each destination all its `messages`, those that were a `duplicate` when they came, and the delivered ones
that are `commit-only`. How many were delivered is what is left of all messages (see view.sql, counts).
Promises: exact, also after a kill or a power cut: a number changes in the transaction that changes what it counts.
Never: counts what a verdict changes: one more page in each verdict's transaction would cost a tenth of it.
"""

from __future__ import annotations

from typing import Final, Literal

from lab_sender.journal.database import Db
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("tally")

Counted = Literal["messages", "duplicate", "commit-only"]


def add(db: Db, destination: str, what: Counted, number: int) -> None:
    """Count some more, or (below zero) fewer, within a transaction."""
    if number:
        db.execute(_SQL["add"], {"destination": destination, "what": what, "number": number})
