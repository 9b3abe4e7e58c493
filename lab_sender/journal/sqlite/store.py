"""The one writer connection of a process, and what a transaction promises.

Holds: the connection, its lock, the ids of new rows, and whether the file is trusted after an unclean end.
Promises: `durable()` has flushed to disk when it returns; `quick()` survives kill -9 at once and a power
cut after the next durable one (the agent's tick makes one at least every 100 ms while there is something to flush).
A file that is not as we left it (left.py), or that an end of the machine can have torn, is looked at whole first.
A transaction that raises leaves nothing behind. None is begun in a journal that was taken away or replaced. Each one
begins by folding in what `append` has added since the last one, whoever added it.
Never: retries. `JournalUnavailable` (locked, disk full) means: nothing was written, try the same again.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from lab_sender import rights
from lab_sender.errors import AgentError, LabSenderError
from lab_sender.journal import verdicts
from lab_sender.journal.database import Db, JournalUnavailable, Values, damaged, now_ms
from lab_sender.journal.mark import Mark
from lab_sender.journal.moved import MOVED_TO, demand_not_left
from lab_sender.journal.sqlite import left, schema
from lab_sender.journal.sqlite.aside import SqliteAside
from lab_sender.journal.sqlite.boot import boot_id
from lab_sender.journal.sqlite.failures import mapped_errors, raise_mapped
from lab_sender.journal.sqlite.held_read import HeldRead
from lab_sender.journal.sqlite.inserting import insert_many
from lab_sender.journal.sqlite.presence import Presence
from lab_sender.journal.sqlite.reader import SqliteReader
from lab_sender.journal.statements import Statements

_SQL = Statements("store")
_MOST_APPENDED = 1000
"""Where no tick comes, a transaction folds so many rows at most."""
_SOON_S = 1.0
_ENDINGS = ("", "-wal", "-shm")
"""The journal's files: what is committed lies in the write-ahead log until SQLite brings it into the first one."""


class SqliteStore:
    """A process's writer. Threads share it; one transaction at a time."""

    node = ""
    sees_each_write = True

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0) -> None:
        """Open, making a new journal if there is none. Raises AgentError or JournalUnavailable."""
        self.path = path
        self.lock = threading.RLock()
        self.finished: set[int] = set()
        self._full = True
        self._unflushed = False
        self._appended = 0
        self._version: int | None = None
        """What `append` has just seen of others."""
        self._changes = 0
        self._doubted = False
        self._noted_ms = 0
        self._trouble: tuple[str, int] | None = None
        self._found = left.find(path)
        rights.create_private(path)
        parts = [f"{path}{ending}" for ending in _ENDINGS]
        for part in parts:  # SQLite gives its logs the rights of the journal
            rights.close_to_others(Path(part))
        with mapped_errors():
            self.connection = schema.connect(path, busy_timeout_s=busy_timeout_s)
            try:
                schema.prepare(self.connection, path)
                schema.by_its_indexes(self.connection)
                last: dict[str, str] = dict(self.connection.execute(_SQL["last_write"]).fetchall())
                demand_not_left(last.get(MOVED_TO, ""))
            except BaseException:
                self.connection.close()
                raise
        self._held = HeldRead(self.connection)
        self._as_left = self._found.is_as_left(last.get("last_write", ""), last.get("last_file", ""))
        self._presence = Presence(parts)
        self._file = left.name(self._presence.journal)

    def look(self) -> None:
        """See that the open journal still lies at its path, with its logs: what is written elsewhere is lost.

        Raises AgentError (exit 74) `journal.gone` or `journal.replaced`.
        """
        self._presence.look()

    def trouble(self) -> tuple[str, int] | None:
        """Return why the last transaction could not be made, by its code, and since when none can; None: it could."""
        return self._trouble

    def durable(self) -> Transaction:
        """Run a transaction that is on the disk when the block has ended."""
        return Transaction(self, full=True)

    def quick(self) -> Transaction:
        """Run a transaction that survives kill -9 now and a power cut after the next tick."""
        return Transaction(self, full=False)

    def acting(self, *lanes: str | int, spools: bool = False) -> Transaction:
        """Run a durable transaction: whoever writes is alone."""
        del lanes, spools
        return Transaction(self, full=True)

    def marking(self, lane: str | int) -> Transaction:
        """Run a lane's transaction: whoever writes is alone."""
        del lane
        return Transaction(self, full=False)

    def append(self, sql: str, values: Values) -> bool:
        """Add a row by one statement: a fifth of the pages that a transaction of ours writes.

        False: the statement adds none, or, now and then, a transaction is due: to fold in what was added and to note
        when the journal was written.
        """
        db = self.connection
        with self.lock:
            self._version = None
            try:
                if self._appended >= _MOST_APPENDED or not self._is_noted(now_ms()):
                    return False
                self.look()
                if self._full:
                    self._demand(full=False)
                rows = self._held.write(sql, values)
                version = self._held.version
                if rows is None:
                    db.execute("BEGIN IMMEDIATE")
                    version = _version(db)
                    rows = db.execute(sql, values).rowcount
                    if rows == 1:  # there is something to flush: the next tick ends it
                        self._held.keep(version)
                    db.execute("COMMIT")
            except BaseException as error:
                self._held.end()
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self.not_made(error)
            self._version = version
            self._trouble = None
            self._appended += rows
            self._unflushed = self._unflushed or rows == 1
            return rows == 1

    def insert(self, db: Db, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert them, many by one statement."""
        insert_many(db, sql, rows)

    def arriving(self, destinations: Collection[str]) -> Transaction:
        """Run a durable transaction: whoever writes is alone."""
        del destinations
        return self.durable()

    def own(self, db: Db, run: str) -> None:
        """Do nothing: a lock beside the file says whose agent's it is."""
        del db, run

    def heed(self, marks: Sequence[Mark]) -> None:
        """Do nothing: the file that is open stays the one that was looked at (`look`)."""
        del marks

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read between the writer's transactions, what is appended as what it means, whoever appended it."""
        with self.lock:
            try:
                self._held.end()
                if not self.connection.in_transaction and verdicts.are_there(self.connection):
                    with self.quick():  # which folds
                        pass
                yield self.connection
            except (sqlite3.DatabaseError, AgentError) as error:
                self.failed(error)

    def reader(self) -> SqliteReader:
        """Open a connection of its own for a thread that reads while others write."""
        return SqliteReader(self.path, self.failed)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the writer's connection unused for a block; no read of it stands. Raises AgentError as `look`."""
        with self.lock:
            self._held.end()
            self.look()
            yield

    def aside(self) -> SqliteAside:
        """Open a connection for deleting much beside the writer's transactions."""
        return SqliteAside(self)

    def retention_turn(self) -> contextlib.AbstractContextManager[bool]:
        """Have it always: one agent works on the file."""
        return contextlib.nullcontext(True)

    def ids(self, db: Db, destination: str, sources: int, messages: int) -> tuple[Iterator[int], Iterator[int]]:
        """Return ids for so many new sources and messages, in the order of delivery.

        The transaction is the only writer: they go on from the last ones that were ever given.
        """
        del destination, sources, messages
        last = dict(db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        return itertools.count(last.get("source", 0) + 1), itertools.count(last.get("message", 0) + 1)

    def run_id(self) -> str:
        """Return the machine's run; "" where the system cannot tell one run from another."""
        return boot_id()

    def trust(self, db: Db, run_id: str, *, ended_clean: bool) -> bool:
        """See that the journal is whole, unless nobody else wrote it and no end of the machine can have torn it.

        A killed process tears nothing: what it had committed is the system's to write, and that has gone on.
        Returns whether the file was read whole. Raises AgentError `journal.damaged`.
        """
        if self._as_left and (ended_clean or (run_id and run_id == self.run_id())):
            return False
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged("quick_check")
        self._as_left = True
        return True

    def tick(self, within_s: float = -1.0) -> None:
        """Flush what `quick` transactions have left unflushed, or see whether a trouble is over.

        Nothing to do costs nothing. Where others write, their turns are waited for: `within_s` bounds that, and they
        flush, or the next tick does.
        """
        if (self._unflushed or self._trouble) and self.lock.acquire(timeout=within_s):
            try:
                with self.durable() as connection:
                    connection.execute(_SQL["tick"])
            finally:
                self.lock.release()

    def foreign_version(self, *, as_appended: bool = False) -> int:
        """Return a number that changes when another process has written; `as_appended`: before the row was added."""
        with self.lock:
            version, self._version = self._version, None
            if as_appended and version is not None:
                return version
            try:
                self._held.end()
                return _version(self.connection)
            except sqlite3.DatabaseError as error:
                self.failed(error)

    def bell(self, ring: Callable[[], None]) -> None:
        """Return None: a look at SQLite's own number costs nothing."""
        del ring

    def times_listened(self) -> int:
        """Return 0: nothing is told."""
        return 0

    def tell_finished(self, node: str, sources: Collection[int]) -> None:
        """Do nothing: one agent works on the file."""
        del node, sources

    def close(self) -> None:
        """Flush, note that it was closed, and close.

        A journal that the disk was to blame for, or that was not as left, has no such note: it is read whole at the
        next start.
        """
        with self.lock:
            self._held.end()
            try:
                if self._doubted:
                    with contextlib.suppress(sqlite3.Error):
                        self.connection.execute(_SQL["doubted"])
                if self._unflushed:
                    self.tick()
                self._note_closed()
            finally:
                self.connection.close()

    def _note_closed(self) -> None:
        """Note that the file is left as it is now; what has neither written nor found a log leaves it as it was."""
        if self._as_left and not self._doubted and (self._noted_ms or self._found.log_ns is not None):
            self._as_left = False  # this note is the last one
            with contextlib.suppress(sqlite3.Error, LabSenderError), self.durable() as connection:
                self._note(connection, left.note(now_ms(), closed=True))

    def begin(self, *, full: bool) -> None:
        """Begin a transaction; the caller holds the lock. Raises AgentError: the journal is no longer at its path."""
        self._held.end()
        self.look()
        if full is not self._full:
            self._demand(full=full)
        self.connection.execute("BEGIN IMMEDIATE")
        self._version = None
        self._changes = self.connection.total_changes
        verdicts.fold(self.connection)

    def _demand(self, *, full: bool) -> None:
        self.connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        self._full = full

    def commit(self) -> None:
        """Commit: the one place where a fact becomes one. What has changed nothing flushes nothing either."""
        changed = self.connection.total_changes != self._changes
        if changed:
            self.note_write(self.connection)
        self.connection.execute("COMMIT")
        self._trouble = None
        self._appended = 0
        if changed:
            self._unflushed = not self._full

    def not_made(self, error: BaseException) -> NoReturn:
        """Raise the error of a transaction as what it means; what can be waited for is shown."""
        try:
            self.failed(error)
        except JournalUnavailable as unavailable:
            self._trouble = unavailable.code, self._trouble[1] if self._trouble else now_ms()
            raise

    def note_write(self, db: Db) -> None:
        """Note, within a transaction that has changed something, when the journal is written; to a second."""
        at_ms = now_ms()
        if not self._is_noted(at_ms):
            self._note(db, left.note(at_ms))
            self._noted_ms = at_ms

    def _is_noted(self, at_ms: int) -> bool:
        return not self._as_left or 0 <= at_ms - self._noted_ms < left.EACH_MS

    def _note(self, db: Db, note: str) -> None:
        db.execute(_SQL["note_write"], {"note": note, "file": self._file})

    def failed(self, error: BaseException) -> NoReturn:
        """Raise an error as what it means; one of the disk, or of what lies on it, leaves a doubt."""
        try:
            raise_mapped(error)
        except AgentError:
            self._doubted = True
            raise


def fold_in(path: Path) -> None:
    """Fold in what a killed agent has left, for somebody who only reads; nothing where the journal was taken away."""
    if path.exists():
        with contextlib.closing(SqliteStore(path, busy_timeout_s=_SOON_S)) as store, store.quick():
            pass


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])


class Transaction:
    """One transaction: begun at the start of a `with` block, committed at its end, undone if the block raises."""

    __slots__ = ("_full", "_store")

    def __init__(self, store: SqliteStore, *, full: bool) -> None:
        self._store = store
        self._full = full

    def __enter__(self) -> sqlite3.Connection:
        store = self._store
        store.lock.acquire()
        try:
            store.begin(full=self._full)
        except BaseException as error:
            try:
                if store.connection.in_transaction:
                    store.connection.execute("ROLLBACK")
                store.not_made(error)
            finally:
                store.lock.release()
        return store.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        store = self._store
        try:
            if error is None:
                try:
                    store.commit()
                except BaseException as failure:
                    error = failure
            if error is not None:
                if store.connection.in_transaction:
                    store.connection.execute("ROLLBACK")
                store.not_made(error)
        finally:
            store.lock.release()
