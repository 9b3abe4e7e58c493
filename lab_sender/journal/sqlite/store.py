"""The one writer connection of a process, and what a transaction promises.

Holds: the connection, its lock, and the mapping of SQLite's errors to who waits.
Promises: `durable()` has flushed to disk when it returns; `quick()` survives kill -9 at once and a power
cut after the next durable one (the agent's tick makes one at least every 100 ms while there is something to flush).
A transaction that raises leaves nothing behind. None is begun in a journal that was taken away or replaced.
Never: retries. `JournalUnavailable` (locked, disk full) means: nothing was written, try the same again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TypeVar

from lab_sender import files, rights
from lab_sender.errors import AgentError, ExitCode, LabSenderError
from lab_sender.journal.sqlite import schema

T = TypeVar("T")

_ENDINGS = ("", "-wal", "-shm")
"""The journal's files: what is committed lies in the write-ahead log until SQLite brings it into the first one."""

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


class JournalUnavailable(LabSenderError):
    """Nothing was written; the same call may work later. Whoever called waits."""

    exit_code = ExitCode.LATER


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Store:
    """A process's writer. Threads share it; one transaction at a time."""

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0) -> None:
        self.path = path
        self._parts = [f"{path}{ending}" for ending in _ENDINGS]
        self.lock = threading.RLock()
        self.finished: set[int] = set()
        """Sources that the keeper has to look at; filled within transactions, emptied by `finished_sources`."""
        self._full = True
        self._unflushed = False
        self._changes = 0
        rights.create_private(path)
        for part in self._parts:  # SQLite gives its logs the rights of the journal
            rights.close_to_others(Path(part))
        with mapped_errors():
            self.connection = schema.connect(path, busy_timeout_s=busy_timeout_s)
            try:
                schema.prepare(self.connection, path)
            except BaseException:
                self.connection.close()
                raise
        self._identities = [files.identity(part) for part in self._parts]

    def look(self) -> None:
        """See that the open journal still lies at its path, with its logs: what is written elsewhere is lost.

        Raises AgentError (exit 74) `journal.gone` or `journal.replaced`.
        """
        if files.WINDOWS:  # a file that is open cannot be removed or renamed there
            return
        for part, identity in zip(self._parts, self._identities, strict=True):
            there = files.identity(part)
            if there != identity:
                raise AgentError(
                    "journal.replaced" if there else "journal.gone",
                    f"{os.path.basename(part)} was {'replaced' if there else 'taken away'} while it was in use;"
                    " nothing more is sent.",
                    hint="Follow 'The journal was taken away' in docs/OPERATING.md before you start the agent again.",
                    exit_code=ExitCode.STORAGE,
                )

    def durable(self) -> Transaction:
        """Run a transaction that is on the disk when the block has ended."""
        return Transaction(self, full=True)

    def quick(self) -> Transaction:
        """Run a transaction that survives kill -9 now and a power cut after the next tick."""
        return Transaction(self, full=False)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read between the writer's transactions."""
        with self.lock, mapped_errors():
            yield self.connection

    def reader(self) -> sqlite3.Connection:
        """Open a connection of its own for a thread that reads while others write."""
        with mapped_errors():
            return schema.connect(self.path, read_only=True)

    def tick(self) -> None:
        """Flush what `quick` transactions have left unflushed; nothing to do costs nothing."""
        if self._unflushed:
            with self.durable() as connection:
                connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'tick'")

    def foreign_version(self) -> int:
        """Return a number that changes when another process has written."""
        with self.reading() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Flush and close."""
        with self.lock:
            try:
                self.tick()
            finally:
                self.connection.close()

    def begin(self, *, full: bool) -> None:
        """Begin a transaction; the caller holds the lock. Raises AgentError: the journal is no longer at its path."""
        self.look()
        if full is not self._full:
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full
        self.connection.execute("BEGIN IMMEDIATE")
        self._changes = self.connection.total_changes

    def commit(self) -> None:
        """Commit: the one place where a fact becomes one. What has changed nothing flushes nothing either."""
        self.connection.execute("COMMIT")
        if self.connection.total_changes != self._changes:
            self._unflushed = not self._full


class Transaction:
    """One transaction: begun at the start of a `with` block, committed at its end, undone if the block raises."""

    __slots__ = ("_full", "_store")

    def __init__(self, store: Store, *, full: bool) -> None:
        self._store = store
        self._full = full

    def __enter__(self) -> sqlite3.Connection:
        store = self._store
        store.lock.acquire()
        try:
            store.begin(full=self._full)
        except BaseException as error:
            store.lock.release()
            raise_mapped(error)
        return store.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        store = self._store
        try:
            if error is None:
                try:
                    store.commit()
                except sqlite3.DatabaseError as failure:
                    error = failure
            if error is not None:
                if store.connection.in_transaction:
                    store.connection.execute("ROLLBACK")
                raise_mapped(error)
        finally:
            store.lock.release()


def damaged(what: str) -> AgentError:
    """Make the error of a journal that cannot be trusted."""
    return AgentError(
        "journal.damaged",
        f"the journal cannot be trusted ({what}); nothing is sent.",
        hint="Follow 'The journal is damaged' in docs/OPERATING.md; do not delete journal.db.",
        exit_code=ExitCode.STORAGE,
    )


@contextlib.contextmanager
def mapped_errors() -> Iterator[None]:
    """Map SQLite's errors within a block."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise_mapped(error)


def raise_mapped(error: BaseException) -> NoReturn:
    """Raise an error as what it means to us; the one edge at which SQLite's errors are mapped."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.DatabaseError) or code is None:
        raise error
    if code in _WAITABLE or (code & 0xFF) in _WAITABLE:
        raise JournalUnavailable(
            f"journal.{error.sqlite_errorname.removeprefix('SQLITE_').lower()}",
            "the journal cannot be written now; nothing is sent without it.",
            hint="Free disk space, or end the program that locks journal.db; a running agent goes on by itself.",
        ) from error
    if (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR):
        raise damaged(error.sqlite_errorname) from error
    raise error


def until_available(
    call: Callable[[], T], stopping: threading.Event, on_wait: Callable[[JournalUnavailable], None]
) -> T:
    """Make the same call until the journal takes it.

    `on_wait` hears of the first vain try. Raises the last JournalUnavailable when `stopping` is set meanwhile.
    """
    told = False
    while True:
        try:
            return call()
        except JournalUnavailable as error:
            if not told:
                on_wait(error)
                told = True
            if stopping.wait(1.0):
                raise
