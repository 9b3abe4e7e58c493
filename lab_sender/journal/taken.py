"""When a file of each outbox came last, however many came to the others since.

Holds: `Taken`, which notes it hour by hour, and how it is read.
Promises: whoever looks reads the note and what came since, never the history. An outbox that gets few files beside a
busy one keeps its time. The first note looks at the whole history, piece by piece: between two of them lanes write,
and are flushed.
Never: judges, or believes a clock that was ahead for longer than until the next file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from lab_sender.journal.database import Reader, Store, now_ms
from lab_sender.journal.hourly import Hourly
from lab_sender.journal.notes import note, noted, shown
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("taken")
_UNNOTED: Final = 1000
"""So many of the newest are looked at where nothing is noted yet; the first note looks at all. So many are looked at
again behind a note: on PostgreSQL a lower number may be seen later than a higher one."""
_PIECE: Final = 20_000
"""So many are looked at by one question while others wait to write."""
_END: Final = 2**62
"""Behind all that there is."""


class Taken:
    """Notes it; a keeper asks it to, as often as it likes."""

    def __init__(self, store: Store, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._hourly = Hourly(clock_ms)

    def look(self) -> None:
        """Note it, once an hour. Raises JournalUnavailable."""
        if self._hourly.due_ms() is None:
            return
        with self._store.reading() as db:
            known, noted_to = _read(noted(db, "taken"))
            newest = int(db.execute(_SQL["newest"]).fetchone()[0])
        to = max(0, noted_to - _UNNOTED)
        while to < newest:
            after, to = to, min(to + _PIECE, newest)
            with self._store.reading() as db:
                known = _merged(known, db.execute(_SQL["since"], {"after": after, "to": to}))
            if to < newest:
                self._store.tick()
        if to > noted_to:
            with self._store.quick() as db:
                note(db, "taken", json.dumps([known, to]))


def taken_ms(reader: Reader) -> dict[str, int]:
    """Return when a file of each outbox came last; one that is not named never had any, as far as is noted."""
    known, to = _read(shown(reader, "taken"))
    if not to:
        newest = reader.rows(_SQL["newest"])
        to = int(newest[0][0]) if newest else 0
    return _merged(known, reader.rows(_SQL["since"], {"after": max(0, to - _UNNOTED), "to": _END}))


def _merged(known: dict[str, int], rows: Any) -> dict[str, int]:
    return known | {outbox: at_ms for outbox, at_ms, _ in rows}


def _read(text: str) -> tuple[dict[str, int], int]:
    known, to = json.loads(text or "[{}, 0]")
    return dict(known), int(to)
