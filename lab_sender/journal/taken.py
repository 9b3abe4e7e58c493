"""When a file of each outbox came last, however many came to the others since.

Holds: `Taken`, which notes it hour by hour, and how it is read.
Promises: whoever looks reads the note and what came since, never the history. An outbox that gets few files beside a
busy one keeps its time. Looking holds up nobody who writes.
Never: judges, or believes a clock that was ahead for longer than until the next file.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

from lab_sender.journal.database import Reader, Store, now_ms
from lab_sender.journal.hourly import Hourly
from lab_sender.journal.notes import note, shown
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("taken")
_UNNOTED: Final = 1000
"""So many of the newest are looked at where nothing is noted yet; the first note looks at all."""


class Taken:
    """Notes it; a keeper asks it to, as often as it likes."""

    def __init__(self, store: Store, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._hourly = Hourly(clock_ms)

    def look(self) -> None:
        """Note it, once an hour. Raises JournalUnavailable."""
        if self._hourly.due_ms() is None:
            return
        with contextlib.closing(self._store.reader()) as reader:  # not the writer's: the first note looks at all
            known, to = _read(shown(reader, "taken"))
            rows = reader.rows(_SQL["since"], {"after": to})
        if rows:
            with self._store.quick() as db:
                note(db, "taken", json.dumps([_merged(known, rows), max(row[2] for row in rows)]))


def taken_ms(reader: Reader) -> dict[str, int]:
    """Return when a file of each outbox came last; one that is not named never had any, as far as is noted."""
    known, to = _read(shown(reader, "taken"))
    if not to:
        newest = reader.rows(_SQL["newest"])
        to = max(0, int(newest[0][0]) - _UNNOTED) if newest else 0
    return _merged(known, reader.rows(_SQL["since"], {"after": to}))


def _merged(known: dict[str, int], rows: Any) -> dict[str, int]:
    return known | {outbox: at_ms for outbox, at_ms, _ in rows}


def _read(text: str) -> tuple[dict[str, int], int]:
    known, to = json.loads(text or "[{}, 0]")
    return dict(known), int(to)
