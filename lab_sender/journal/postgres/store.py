"""A process's writer on PostgreSQL, and what a transaction promises.

Holds: its transactions; the ids of new rows; what all stores of a process have together.
Promises: what is committed is on the server's disk, `quick` or `durable`: a crash of the server loses nothing. Each
transaction takes its locks first (locks.py), and sees in the same round trip that no other agent has begun on the
journal since, nor a newer lab-sender changed it into what this one does not know. A transaction that raises leaves
nothing behind.
Never: retries. `JournalUnavailable` (away, locked, full) means: nothing was written, or the answer to the COMMIT was
lost; the same again comes to the same.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NoReturn

import psycopg

from lab_sender.config.server import Server
from lab_sender.errors import AgentError
from lab_sender.journal.database import Db, JournalUnavailable, Values, now_ms
from lab_sender.journal.leases import Fence
from lab_sender.journal.mark import Mark
from lab_sender.journal.postgres import frozen, moving, schema
from lab_sender.journal.postgres.aside import PostgresAside
from lab_sender.journal.postgres.bell import Bell, Heard, channel_of, finished, telling
from lab_sender.journal.postgres.connection import PostgresDb, connect
from lab_sender.journal.postgres.failures import mapped_errors, raise_mapped
from lab_sender.journal.postgres.locks import Lane, Wanted, locks_of
from lab_sender.journal.postgres.look import demand_ours, demand_workable
from lab_sender.journal.postgres.pool import Pool
from lab_sender.journal.postgres.reader import READ, PostgresReader
from lab_sender.journal.postgres.whose import Whose

_NO_OTHER: Final = "INSERT INTO meta (key, value) VALUES ('agent_run', '') ON CONFLICT (key) DO UPDATE SET value = ''"
"""An agent that had the journal alone, and was cut off, sees that it has not any more."""
_FRESH_S: Final = 0.2
"""For how long a thread goes by the number of acts that its last transaction has seen."""
_ACTED: Final = "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'acts'"


class _Shared:
    """What all stores of a process have together."""

    def __init__(self, whose: Whose) -> None:
        self.whose = whose
        self.heard = Heard()
        self.lock = threading.RLock()
        self.finished: set[int] = set()
        self.trouble: tuple[str, int] | None = None
        self.marks: Sequence[Mark] = ()


class PostgresStore:
    """A process's writer. Threads share it; each that is in a transaction has a connection of its own."""

    sees_each_write = False
    _fence: Fence | None = None
    """The lease of which its transactions are."""

    def __init__(
        self, server: Server, *, busy_timeout_s: float = 5.0, beside: PostgresStore | None = None
    ) -> None:
        """Open, making a new journal if there is none; `beside` is the process's first store, which has done that.

        Raises AgentError or JournalUnavailable.
        """
        self.path = server
        self.node = server.node
        self.busy_timeout_s = busy_timeout_s
        self._locks = locks_of(server.schema)
        self._pool = Pool(self._connect)
        self._within = threading.local()
        self._channel = channel_of(server.schema)
        self._claims = ""
        self._is_first = beside is None
        self._shared: _Shared = (
            _Shared(Whose(self._connect, self._locks, server.node)) if beside is None else beside._shared
        )
        self._heard, self._whose = self._shared.heard, self._shared.whose
        self.lock = self._shared.lock
        if self._is_first:
            self._prepare()

    def _prepare(self) -> None:
        with mapped_errors():
            db = self._connect()
            try:
                schema.prepare(db, self.path, self._locks)
                moving.demand_here(db, self._locks.agent)
                frozen.end_all(db, self.path)
            except BaseException:
                db.close()
                raise
        self._pool.give(db)

    # ------------------------------------------------------------- transactions

    def durable(self) -> contextlib.AbstractContextManager[PostgresDb]:
        """Run a transaction beside the lanes', alone among acts; on the disk when the block has ended."""
        return self._transaction(Wanted("act"))

    def acting(self, *lanes: Lane, spools: bool = False) -> contextlib.AbstractContextManager[PostgresDb]:
        """Run an act's transaction: alone among acts, and on these lanes; on the disk when the block has ended."""
        return self._transaction(Wanted("act", lanes, lanes if spools else ()) if lanes else Wanted("alone"))

    def marking(self, lane: Lane) -> contextlib.AbstractContextManager[PostgresDb]:
        """Run a lane's transaction beside others of its kind; on the disk when the block has ended."""
        return self._transaction(Wanted("lane", (lane,)))

    def quick(self) -> contextlib.AbstractContextManager[PostgresDb]:
        """Run a transaction that marks no message, beside all others; on the disk when the block has ended."""
        return self._transaction(Wanted("note"))

    def append(self, sql: str, values: Values) -> bool:
        """Do nothing: here a lane's transaction waits for nobody's, and is a round trip as well."""
        del sql, values
        return False

    def insert(self, db: Db, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert them one by one: they are sent without waiting for each."""
        db.executemany(sql, rows)

    def arriving(self, destinations: Collection[str]) -> contextlib.AbstractContextManager[PostgresDb]:
        """Run a transaction that adds what has come, beside the lanes'; on the disk when the block has ended."""
        return self._transaction(Wanted("arrival", gates=destinations))

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresDb]:
        """Read at one instant; within a transaction of the same thread, what that has changed too."""
        within: PostgresDb | None = getattr(self._within, "db", None)
        if within is not None:
            yield within
            return
        try:
            with self._pool.take(READ)[0] as db:
                self._within.db = db
                try:
                    yield db
                    db.script("COMMIT")
                finally:
                    self._within.db = None
        except (psycopg.Error, AgentError) as error:
            self.failed(error)

    @contextlib.contextmanager
    def _transaction(self, wanted: Wanted) -> Iterator[PostgresDb]:
        if getattr(self._within, "db", None) is not None:
            raise RuntimeError("a transaction within another one")
        heard = self._heard.acts
        try:
            look = self._whose.looked_at(self._fence)
            taken, rows = self._pool.take(f"BEGIN; {self._locks.taken_by(wanted)}; {look}")
            with taken as db:
                found = dict(rows)
                demand_workable(found)
                self._whose.demand(found)
                demand_ours(found, self._fence)
                self._within.acts = int(found["acts"]), time.monotonic(), heard
                finished = set[int]()
                self._within.db, self._within.finished = db, finished
                try:
                    yield db
                    finished = self._within.finished
                    self._commit(db, wanted)
                finally:
                    self._within.db = self._within.finished = None
        except (psycopg.Error, AgentError, JournalUnavailable) as error:
            self._not_made(error)
        with self.lock:
            self._shared.trouble = None
            self._shared.finished |= finished
        self._whose.run, self._claims = self._claims or self._whose.run, ""

    def _commit(self, db: PostgresDb, wanted: Wanted) -> None:
        """Commit: the one place where a fact becomes one. The agent sees by their number that others have acted."""
        if db.has_failed:
            raise RuntimeError("a statement had failed, and somebody passed over its error")
        is_act = wanted.kind in ("act", "alone") and not self._whose.run
        if is_act:
            db.commit(f"{_ACTED}; {telling(self._channel, 'act')}")
        else:
            db.commit(telling(self._channel, "new") if wanted.gates else "")

    def _connect(self) -> PostgresDb:
        """Connect. Another server may have taken over since: one that lacks what was spooled is not gone on with."""
        db = connect(self.path, busy_timeout_s=self.busy_timeout_s)
        try:
            with mapped_errors():
                for mark in self._shared.marks:
                    mark.demand(db)
        except BaseException:
            db.close()
            raise
        return db

    # ------------------------------------------------------------- what the keeper has to look at

    @property
    def finished(self) -> set[int]:
        """Sources that the keeper has to look at: of a transaction, only once it is committed."""
        pending: set[int] | None = getattr(self._within, "finished", None)
        return self._shared.finished if pending is None else pending

    @finished.setter
    def finished(self, finished: set[int]) -> None:
        if getattr(self._within, "finished", None) is None:
            self._shared.finished = finished
        else:
            self._within.finished = finished

    # ------------------------------------------------------------- whose agent's it is

    def own(self, db: Db, run: str) -> None:
        """From this transaction on, the journal is this agent's run's.

        Raises AgentError: another agent works on it. Its lock is its session's, so it ends with it, however it ends.
        """
        self._whose.take()
        if self.node:
            db.execute(_NO_OTHER)
        self._claims = run

    def heed(self, marks: Sequence[Mark]) -> None:
        """Hold these marks against each database that is connected to from now on."""
        self._shared.marks = marks

    def look(self) -> None:
        """See that the journal is still this agent's. Raises AgentError: another agent has begun to work on it."""
        self._whose.look()

    # ------------------------------------------------------------- the rest

    def trouble(self) -> tuple[str, int] | None:
        """Return why the last transaction could not be made, by its code, and since when none can; None: it could."""
        return self._shared.trouble

    def reader(self) -> PostgresReader:
        """Open a connection of its own for a thread that reads while others write."""
        return PostgresReader(self.path, self.failed)

    def aside(self) -> PostgresAside:
        """Return what deletes much in small steps."""
        return PostgresAside(self.acting)

    @contextlib.contextmanager
    def retention_turn(self) -> Iterator[bool]:
        """Have retention for oneself, for as long as a session lasts; False: another agent is at it."""
        with mapped_errors():
            db = self._connect()
        with contextlib.closing(db):
            with mapped_errors():
                ((is_ours,),) = db.script(f"SELECT pg_try_advisory_lock({self._locks.retention})")
            yield is_ours

    def ids(self, db: Db, destination: str, sources: int, messages: int) -> tuple[Iterator[int], Iterator[int]]:
        """Return ids for so many new sources and messages, in the order of delivery.

        The transaction has the destination's gate: whoever gets ids there after it gets higher ones, and is seen
        after it. Those of other destinations lie between them.
        """
        del destination
        return self._next(db, "source", sources), self._next(db, "message", messages)

    def _next(self, db: Db, table: str, number: int) -> Iterator[int]:
        if not number:
            return iter(())
        sequence = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, ?)"
        return iter(sorted(int(row[0]) for row in db.execute(sequence, (number,))))

    def run_id(self) -> str:
        """Return "": an end of this machine tears nothing of the journal."""
        return ""

    def trust(self, db: Db, run_id: str, *, ended_clean: bool) -> bool:
        """The server has seen to its files itself, when it was started."""
        del db, run_id, ended_clean
        return False

    def tick(self, within_s: float = -1.0) -> None:
        """See whether a trouble is over; all else is flushed."""
        del within_s
        if self._shared.trouble:
            with self.quick():
                pass

    def foreign_version(self, *, as_appended: bool = False) -> int:
        """Return a number that changes when another process has done an act.

        It is the one that this thread's last transaction has seen, if that began a moment ago and nothing was heard
        since: no act that comes later goes before what a lane has marked.
        """
        del as_appended
        acts, at, heard = getattr(self._within, "acts", (0, 0.0, -1))
        if self._heard.stands and heard == self._heard.acts and time.monotonic() - at < _FRESH_S:
            return int(acts)
        heard = self._heard.acts
        with self.reading() as db:
            acts = int(dict(db.script(self._whose.looked_at()))["acts"])
        self._within.acts = acts, time.monotonic(), heard
        return acts

    def bell(self, ring: Callable[[], None]) -> Bell:
        """Return what listens to others: `ring` is called when they have spooled or done an act."""
        return Bell(self.path, self._heard, ring, self._others_finished)

    def _others_finished(self, sources: set[int]) -> None:
        with self.lock:
            self._shared.finished |= sources

    def times_listened(self) -> int:
        """Return how often it began to listen: what was told before the last time may have been missed."""
        return self._heard.times

    def tell_finished(self, node: str, sources: Collection[int]) -> None:
        """Tell the agent of this name that sources of its files may be finished. Raises JournalUnavailable."""
        with self.quick() as db:
            for text in finished(node, sources):
                db.execute("SELECT pg_notify(?, ?)", (self._channel, text))

    def failed(self, error: BaseException) -> NoReturn:
        """Raise an error as what it means."""
        raise_mapped(error)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        if self._is_first:
            self._whose.let_go()

    def _not_made(self, error: BaseException) -> NoReturn:
        """Raise the error of a transaction as what it means; what can be waited for is shown."""
        try:
            self.failed(error)
        except JournalUnavailable as unavailable:
            with self.lock:
                before = self._shared.trouble
                self._shared.trouble = unavailable.code, before[1] if before else now_ms()
            raise
