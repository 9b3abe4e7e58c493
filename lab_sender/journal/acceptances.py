"""What `status` says of a destination's acceptances: when the last one came, how many are commit-only.

Holds: when it was last noted, by destination.
Promises: one with a code is counted exactly, however often it is recorded; the last one is known to a second.
Never: writes a row in each verdict: one more would be a tenth of it.
"""

from __future__ import annotations

from typing import Final

from lab_sender.journal import tally
from lab_sender.journal.database import Db, now_ms
from lab_sender.journal.rows import Spooled
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("acceptances")
_EACH_MS: Final = 1000


class Acceptances:
    """Notes acceptances, in the transactions that record them."""

    def __init__(self) -> None:
        self._noted_ms: dict[str, int] = {}

    def is_due(self, db: Db, message: Spooled, code: str) -> bool:
        """Say, before it is recorded, whether this acceptance is to be noted: not one that is on record already."""
        if not code and self.is_noted(message.destination):
            return False
        return db.execute(_SQL["waits"], {"id": message.id, "control_id": message.control_id}).fetchone() is not None

    def is_noted(self, destination: str) -> bool:
        """Say whether the last acceptance was noted within the last second."""
        return abs(now_ms() - self._noted_ms.get(destination, 0)) < _EACH_MS

    def note(self, db: Db, message: Spooled, code: str) -> None:
        """Note it, and count it where it is commit-only."""
        at_ms = now_ms()
        tally.add(db, message.destination, "commit-only", int(code == "commit-only"))
        db.execute(_SQL["accepted"], {"destination": message.destination, "now_ms": at_ms})
        self._noted_ms[message.destination] = at_ms
