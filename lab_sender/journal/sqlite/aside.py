"""A second writer of one process: it deletes much, in small steps, beside the one that sends.

Holds: a connection that overwrites what it deletes, and what it does with the log and the free pages.
Promises: it takes the writer's lock for as long as a transaction lasts, so whoever sends waits for no more than that
and is awake at once; it never flushes within one. What it has committed survives kill -9.
Never: makes room by copying the file (`journal compact` does, while no agent runs).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn, Protocol

from lab_sender.journal.database import DeletionRejected
from lab_sender.journal.sqlite import schema

_RESERVE: Final = 0.1
"""This part of the file may be free: the next messages take it again."""
_FEW_PAGES: Final = 1000
_BUSY_S: Final = 1.0


class Owner(Protocol):
    """The store that a second writer belongs to."""

    path: Path

    def look(self) -> None:
        """See that the open journal is still the one at its path."""

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Keep the writer's connection unused for a block; no read of it stands. Looks first."""

    def note_write(self, db: sqlite3.Connection, /) -> None:
        """Note when the journal is written."""

    def failed(self, error: BaseException, /) -> NoReturn:
        """Raise an error as what it means."""


class SqliteAside:
    """A second writer over a store's file."""

    def __init__(self, store: Owner) -> None:
        """It is opened by the first transaction."""
        self._store = store
        self._db: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction between the writer's. Raises JournalUnavailable or AgentError; nothing was written."""
        with self._alone() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                before = db.total_changes
                yield db
                if db.total_changes != before:
                    self._store.note_write(db)
                db.execute("COMMIT")
            except sqlite3.IntegrityError as error:  # a trigger: the rule that was to keep it has a hole
                raise DeletionRejected("retention.rejected", f"{error}; nothing was deleted.") from error
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def catch_up(self) -> None:
        """Bring into the file what the log has, while others write."""
        try:
            self._opened().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.DatabaseError as error:
            self._store.failed(error)

    def give_back(self, most: int) -> bool:
        """Give free pages back to the disk, so many at most; False where no more than a reserve is left."""
        with self._alone() as db:
            free, pages, kind = (_number(db, name) for name in ("freelist_count", "page_count", "auto_vacuum"))
            if kind != 2 or free <= max(_FEW_PAGES, int(pages * _RESERVE)):
                return False
            db.executescript(f"PRAGMA incremental_vacuum({most})")  # `execute` would free one page
            return _number(db, "freelist_count") < free

    def finish(self) -> bool:
        """Empty the log: it holds what was deleted. False where somebody reads just now."""
        self.catch_up()
        with self._alone() as db:
            db.execute("PRAGMA busy_timeout = 0")  # whoever sends does not wait with us for somebody who reads
            try:
                busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                db.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
            return not busy

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        with self._store.alone():
            try:
                yield self._opened()
            except sqlite3.DatabaseError as error:
                self._store.failed(error)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._store.look()  # else one would be made
            self._db = schema.connect(self._store.path, busy_timeout_s=_BUSY_S)
            schema.by_its_indexes(self._db)
            for pragma in ("secure_delete = ON", "synchronous = NORMAL", "wal_autocheckpoint = 0"):
                self._db.execute(f"PRAGMA {pragma}")
        return self._db


def _number(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
