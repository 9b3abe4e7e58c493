"""Which ids lie in a range of time: ids grow with it, so no index is needed.

Holds: `window`, `last` and `at_ms`.
Promises: some twenty small questions, however long the history is. A clock that was set by less than an hour hides
nothing: whoever asks looks at the times themselves too.
Never: reads more than a row at a time.
"""

from __future__ import annotations

from typing import Final, Literal

from lab_sender.journal.database import Reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("by_time")
_SLACK_MS: Final = 3_600_000
"""Clocks are set: so far from a time may an id lie that came before it."""


def last(reader: Reader) -> tuple[int, int]:
    """Return the newest message and the newest file, 0 for none."""
    rows = reader.rows(_SQL["last"])
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def at_ms(reader: Reader, kind: Literal["message", "source"], id_: int) -> int:
    """Return when this message was made, or this file received; 0 where it is not there any more."""
    rows = reader.rows(_SQL[kind], {"id": id_})
    return int(rows[0][1]) if rows else 0


def window(
    reader: Reader, kind: Literal["message", "source"], since_ms: int | None, until_ms: int | None
) -> tuple[int, int]:
    """Return the first id of a range of time, and the first one behind it; None is no bound."""
    newest = last(reader)[kind == "source"]
    low = 1 if since_ms is None else _first_from(reader, kind, since_ms - _SLACK_MS, newest)
    high = newest + 1 if until_ms is None else _first_from(reader, kind, until_ms + _SLACK_MS, newest)
    return low, high


def _first_from(reader: Reader, kind: str, at_ms: int, newest: int) -> int:
    """Return the first id from which on all are of this time or later: a bisection."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        rows = reader.rows(_SQL[kind], {"id": middle})
        if not rows or rows[0][1] >= at_ms:
            high = middle
        else:
            low = rows[0][0] + 1
    return low
