"""What SQLite's errors mean to us.

Holds: the one edge at which the journal's are mapped, and what kind each is, also for operations.db.
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
    if not isinstance(error, sqlite3.DatabaseError):
        raise error
    if passes_by_itself(error):
        raise JournalUnavailable(
            f"journal.{error.sqlite_errorname.removeprefix('SQLITE_').lower()}",
            "the journal cannot be written now; nothing is sent without it.",
            hint="Free disk space, or end the program that locks journal.db; a running agent goes on by itself.",
        ) from error
    if is_damage(error):
        raise damaged(error.sqlite_errorname) from error
    raise error


def passes_by_itself(error: sqlite3.DatabaseError) -> bool:
    """Say whether the same may work later: a lock, a full disk, a folder that is away."""
    code = _code(error)
    return code in _WAITABLE or (code & 0xFF) in _WAITABLE


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Say whether the disk or the file is to blame, and this is nothing that passes by itself."""
    return not passes_by_itself(error) and (_code(error) & 0xFF) in _DAMAGED


def _code(error: sqlite3.DatabaseError) -> int:
    """Return SQLite's code; 0 of an error that Python's own module has raised."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code or 0
