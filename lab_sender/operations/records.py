"""What page, API and alerts keep: in operations.db, beside the journal, or in the journal's schema on PostgreSQL.

Holds: `Records`, what whoever keeps something asks of it; `FileRecords`, operations.db, with a connection for each
thread that asks, and the tables of records.sql; what `status` wants to know of it. records_on_server.py is the other.
Promises: a transaction is on the disk when its block has ended, whole or not at all, one at a time over all
processes. The file is its owner's alone, as the journal is. The agent neither opens nor waits for it.
Never: holds a message or a result; what it says of patients is in the audit alone.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from lab_sender import rights
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.journal.database import Db
from lab_sender.journal.sqlite.failures import is_damage, passes_by_itself
from lab_sender.journal.sqlite.wal import to_wal

NAME: Final = "operations.db"
_BUSY_S: Final = 5.0

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
Connection: TypeAlias = Db


class Column(NamedTuple):
    """A column that tables of before lack."""

    table: str
    name: str
    type: str


_LATER: Final = (Column("submission", "node", "TEXT NOT NULL DEFAULT ''"),)


class RecordsUnavailable(LabSenderError):
    """What is kept cannot be read or written now; nothing was changed."""

    exit_code = ExitCode.LATER


class RecordsDamaged(LabSenderError):
    """What is kept cannot be trusted."""

    exit_code = ExitCode.STORAGE


def broken_row(folder: Path) -> int | None:
    """Return the first row of the audit that the last walk along it found wrong; None: none, or it is not known.

    Makes and changes nothing, and raises nothing: how results stand is no matter of this file.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as db:
            row = db.execute("SELECT first_wrong FROM audit_check").fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else row[0]


class Records(Protocol):
    """What is kept; threads may share it. All of it raises RecordsUnavailable or RecordsDamaged."""

    def also(self, tables: str, columns: Sequence[Column] = ()) -> None:
        """Make further tables: `CREATE ... IF NOT EXISTS`, whole statements; `columns` of them came later."""

    def transaction(self) -> contextlib.AbstractContextManager[Connection]:
        """Run a transaction; it is on the disk when the block has ended, and undone where the block raises."""

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Let what this thread reads within the block be of one moment, whatever is written meanwhile."""

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a question."""

    def dicts(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return all rows of a question by the names of their columns."""

    def last_audit_row(self) -> int:
        """Return the number of the last row that the audit ever had, 0 if none; whoever removes rows leaves it."""

    def close(self) -> None:
        """Close every connection; nobody asks any more."""


class FileRecords:
    """The operations.db at a path; threads may share it. It is made by the first question."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = threading.local()
        self._every: weakref.WeakSet[_Own] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._writing = threading.RLock()
        self._tables = [(Path(__file__).parent / "records.sql").read_text("utf-8")]
        self._columns = [*_LATER]

    def also(self, tables: str, columns: Sequence[Column] = ()) -> None:
        """Make further tables: `CREATE ... IF NOT EXISTS`, whole statements; `columns` of them came later."""
        with self._mapped():
            db = self._connection()
            for each in columns:
                _add(db, each)
            db.executescript(tables)
        self._tables.append(tables)
        self._columns += columns

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction; it is on the disk when the block has ended, and undone where the block raises."""
        with self._writing, self._mapped():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let what this thread reads within the block be of one moment, whatever is written meanwhile."""
        with self._mapped():
            db = self._connection()
            db.execute("BEGIN")
            try:
                yield
            finally:
                db.execute("ROLLBACK")

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a question."""
        with self._mapped():
            return self._connection().execute(sql, values).fetchall()

    def dicts(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return all rows of a question by the names of their columns."""
        with self._mapped():
            cursor = self._connection().execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def last_audit_row(self) -> int:
        """Return the number of the last row that the audit ever had, 0 if none; whoever removes rows leaves it."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
        return int(rows[0][0]) if rows else 0

    def close(self) -> None:
        """Close every thread's connection; nobody asks any more."""
        with self._opening:
            while self._every:
                self._every.pop().db.close()
            self._own = threading.local()

    def _connection(self) -> sqlite3.Connection:
        own: _Own | None = getattr(self._own, "own", None)
        if own is None:
            with self._opening:
                own = _Own(self._opened())
                self._every.add(own)
            self._own.own = own
        return own.db

    def _opened(self) -> sqlite3.Connection:
        try:
            rights.create_private(self.path)
            for ending in ("", "-wal", "-shm"):
                rights.close_to_others(Path(f"{self.path}{ending}"))
        except OSError as error:
            raise self._unavailable(errno.errorcode.get(error.errno or 0, "")) from error
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
        try:
            to_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            for column in self._columns:
                _add(db, column)
            for tables in self._tables:
                db.executescript(tables)
        except BaseException:
            db.close()
            raise
        return db

    def _unavailable(self, why: str) -> RecordsUnavailable:
        return RecordsUnavailable(
            "records.unavailable",
            f"{self.path.name} cannot be read or written now ({why}).",
            hint="Free disk space, bring its folder back, or end the program that locks it; delivery needs it not.",
        )

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if passes_by_itself(error):
                raise self._unavailable(error.sqlite_errorname) from error
            if is_damage(error):
                raise RecordsDamaged(
                    "records.damaged",
                    f"{self.path.name} cannot be trusted ({error.sqlite_errorname}); delivery does not need it.",
                    hint="Keep it for the auditor under another name, and start again: a new one is made.",
                ) from error
            raise


def _add(db: sqlite3.Connection, column: Column) -> None:
    """Add a column to a table that is there without it; another process may do so just now."""
    known = {row[1] for row in db.execute(f"PRAGMA table_info({column.table})")}
    if known and column.name not in known:
        try:
            db.execute(f"ALTER TABLE {column.table} ADD COLUMN {column.name} {column.type}")
        except sqlite3.OperationalError:
            if column.name not in {row[1] for row in db.execute(f"PRAGMA table_info({column.table})")}:
                raise


class _Own:
    """A thread's connection: closed with the thread. The page's threads come and go."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __del__(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.db.close()
