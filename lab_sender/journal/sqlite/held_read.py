"""A read that stands from one appended row to the next: one statement a row in place of four, two file locks of six.

Holds: a question on the writer's connection that is not read to its end, so that SQLite keeps its snapshot; and the
number of what others had written when it began.
Promises: a row is written on what stands, and committed at once, only where nobody else has written since or is
writing. Where somebody has, SQLite refuses it: nothing is written, and the read has ended.
Never: stands while anybody but `append` uses the connection: he would see what was, and no log could be emptied.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from lab_sender.journal.database import Values

_NOT_READ_TO_ITS_END: Final = "SELECT 1 FROM sqlite_schema"
"""It has many rows."""


class HeldRead:
    """The read that a transaction may leave standing; the caller holds the writer's lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self.version: int | None = None
        """SQLite's number of what others have written; None: no read stands."""

    def write(self, sql: str, values: Values) -> int | None:
        """Write by one statement on what stands; return how many rows. None: a transaction has to."""
        if self._cursor is None or self._connection.in_transaction:
            return None
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self.end()  # others have written, or are writing: SQLite waits for nobody while a read stands
            return None

    def keep(self, version: int) -> None:
        """Let the read of the transaction that has begun stand when it is committed."""
        self._cursor = self._connection.execute(_NOT_READ_TO_ITS_END)
        self._cursor.fetchone()
        self.version = version

    def end(self) -> None:
        """End the read: the next one sees all that is committed."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = self.version = None
