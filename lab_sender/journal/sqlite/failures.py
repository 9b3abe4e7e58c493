"""What SQLite's errors mean to us.

Holds: the one edge at which they are mapped.
Promises: what may pass by itself is JournalUnavailable; what the disk or the file is to blame for is
`journal.damaged`; all else stays what it is.
Never: tries again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import NoReturn

from lab_sender.journal.database import JournalUnavailable, damaged

_WAITABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})


@contextlib.contextmanager
def mapped_errors() -> Iterator[None]:
    """Map SQLite's errors within a block."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise_mapped(error)


def raise_mapped(error: BaseException) -> NoReturn:
    """Raise an error as what it means to us."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.DatabaseError) or code is None:
        raise error
    if code in _WAITABLE or (code & 0xFF) in _WAITABLE:
        raise JournalUnavailable(
            f"journal.{error.sqlite_errorname.removeprefix('SQLITE_').lower()}",
            "the journal cannot be written now; nothing is sent without it.",
            hint="Free disk space, or end the program that locks journal.db; a running agent goes on by itself.",
        ) from error
    if (code & 0xFF) in _DAMAGED:
        raise damaged(error.sqlite_errorname) from error
    raise error
