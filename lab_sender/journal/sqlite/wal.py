"""Write-ahead mode: how a file of SQLite is put into it.

Holds: `to_wal`, for journal.db and operations.db.
Promises: another connection that does so just now is waited for as long as the connection waits for any other lock.
SQLite itself does not wait there: of two that open a new file at once one would fail.
Never: changes a file that is in this mode already.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_AGAIN_S: Final = 0.01


def to_wal(db: sqlite3.Connection) -> bool:
    """Put a connection's file into write-ahead mode; False where it cannot be. Raises sqlite3.Error."""
    (within_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
    until = time.monotonic() + within_ms / 1000
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return str(mode) == "wal"
