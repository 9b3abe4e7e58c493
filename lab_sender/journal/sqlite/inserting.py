"""Many rows by one statement: Python's `sqlite3` lets go of the interpreter's lock several times a statement.

Holds: how the statement that inserts one row becomes one that inserts many.
Promises: the rows come in their order, each as it would come alone.
Never: begins or ends a transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain
from typing import Final

from lab_sender.journal.database import Db

MANY: Final = 32
"""So many at once; SQLite takes 999 values or more."""


def insert_many(db: Db, sql: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows by the statement, which ends with VALUES and a `?` for each of a row's values."""
    whole = len(rows) - len(rows) % MANY
    for first in range(0, whole, MANY):
        db.execute(_of_many(sql), list(chain.from_iterable(rows[first : first + MANY])))
    db.executemany(sql, rows[whole:])


@functools.cache
def _of_many(sql: str) -> str:
    head, values, row = sql.partition("VALUES ")
    return f"{head}{values}{', '.join([row] * MANY)}"
