"""A connection that only reads.

Holds: the reader's connection, and the look at the whole file.
Promises: blocks no writer and writes nothing itself; a journal that is just being made answers with no rows, an older
one answers what lies in sent/, and all else with `journal.older`. Where a killed agent has left acceptances that are
no states yet (verdicts.py), a writer folds them in first.
Never: looks whether the file is still at its path; it lives for a question or a command.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn

from lab_sender.errors import AgentError, LabSenderError
from lab_sender.journal.asking import Asking
from lab_sender.journal.database import now_ms
from lab_sender.journal.moved import MOVED_TO, demand_not_left
from lab_sender.journal.notes import noted
from lab_sender.journal.sqlite import schema
from lab_sender.journal.sqlite.failures import raise_mapped
from lab_sender.journal.verdicts import LEFT

_MOST_FINDINGS: Final = 5
_STEPS: Final = 100_000
"""SQLite's steps between two looks at the clock: some milliseconds."""
_LEFT_MS: Final = 2_000
"""An agent that runs folds in what it has accepted at its next tick."""
_AGAIN_S: Final = 2.0


class SqliteReader(Asking):
    """A connection to a journal that is read."""

    node = ""
    not_there = (sqlite3.OperationalError,)
    known_version = schema.SCHEMA_VERSION

    def __init__(
        self,
        path: Path,
        failed: Callable[[BaseException], NoReturn] = raise_mapped,
        fold_in: Callable[[Path], None] | None = None,
    ) -> None:
        """It is opened by the first question; `failed` raises an error as what it means.

        `fold_in` is called where a killed agent has left acceptances; None: whoever reads is that agent.
        """
        self._path = path
        self._fold_in = fold_in
        self._look_at = 0.0
        self._failed = failed
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read within a block, one thread at a time; SQLite's errors are mapped.

        Raises AgentError or JournalUnavailable.
        """
        with self._lock:
            try:
                if self._db is None:
                    self._db = self._opened()
                if self._fold_in is not None and not self._db.in_transaction:
                    self._see_what_is_left(self._db, self._fold_in)
                yield self._db
            except (sqlite3.DatabaseError, AgentError) as error:
                self._failed(error)

    def _opened(self) -> sqlite3.Connection:
        db = schema.connect(self._path, read_only=True)
        try:
            schema.by_its_indexes(db)
            schema.read_older(db)
            if schema.schema_version(db):
                demand_not_left(noted(db, MOVED_TO))
        except BaseException:
            db.close()
            raise
        return db

    def schema_version(self) -> int:
        """Return the version of the journal's tables; 0 while it is being made."""
        with self.reading() as db:
            return schema.schema_version(db)

    def foreign_version(self) -> int:
        """Return a number that changes when somebody has written."""
        with self.reading() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def size_bytes(self) -> int:
        """Return what the file takes, without its log."""
        with self.reading() as db:
            (pages,), (size,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        return int(pages * size)

    def weaknesses(self) -> list[str]:
        """Return nothing: whoever writes sets what counts."""
        return []

    def rights_lacking(self) -> list[str]:
        """Return nothing: the file's rights are looked at as those of a file."""
        return []

    def clock_ahead_ms(self) -> int:
        """Return 0: it is this machine's."""
        return 0

    def keeps_out(self) -> str:
        """Return "": the locks of files say so."""
        return ""

    def damage(self, within_s: float | None = None) -> str:
        """Return what `quick_check` finds wrong with the file, "" if nothing.

        Raises AgentError where it cannot be read to its end, TimeoutError when that many seconds were not enough
        and nothing was found until then.
        """
        found = list[str]()
        ends_s = None if within_s is None else time.monotonic() + within_s
        with self.reading() as db:
            db.set_progress_handler(lambda: ends_s is not None and time.monotonic() > ends_s, _STEPS)
            try:
                found += (str(row[0]) for row in db.execute(f"PRAGMA quick_check({_MOST_FINDINGS})"))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                if not found:
                    raise TimeoutError from error
            finally:
                db.set_progress_handler(None, 0)
        return "" if found == ["ok"] else "; ".join(found)

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()

    def _see_what_is_left(self, db: sqlite3.Connection, fold_in: Callable[[Path], None]) -> None:
        """Have it folded in. Where that cannot be (a disk that is only read), it is shown as it stands."""
        if time.monotonic() < self._look_at:
            return
        try:
            row = db.execute(LEFT).fetchone()
        except sqlite3.OperationalError:  # it is being made, or an older one
            return
        if row is not None and not 0 <= now_ms() - row[0] < _LEFT_MS:
            self._look_at = time.monotonic() + _AGAIN_S
            with contextlib.suppress(sqlite3.Error, LabSenderError, OSError):
                fold_in(self._path)
