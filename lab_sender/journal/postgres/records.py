"""What page and alerts keep in the journal's schema: the transactions and reads of whoever asks.

Holds: its connections; the lock that such a transaction has.
Promises: a transaction is on the server's disk when its block has ended, whole or not at all, one at a time over all
machines. With a fence it is made only while that lease is ours, and whoever takes it waits for it. It sees in the
round trip that begins it that the journal has not moved, nor become one that this lab-sender does not know.
Never: takes a lock of the lanes, of acts or of what arrives: neither waits for the other.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from lab_sender.config.server import Server
from lab_sender.journal.leases import Fence
from lab_sender.journal.postgres import moving, schema
from lab_sender.journal.postgres.connection import PostgresDb, connect
from lab_sender.journal.postgres.failures import mapped_errors
from lab_sender.journal.postgres.locks import locks_of
from lab_sender.journal.postgres.look import demand_ours, demand_workable, looked_at
from lab_sender.journal.postgres.pool import Pool
from lab_sender.journal.postgres.reader import READ

_BUSY_S = 5.0


class RecordsStore:
    """Threads share it; the first question makes the tables where there are none, as any writer of the journal does.

    Whatever it does raises JournalUnavailable or AgentError where the journal cannot be worked on.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._locks = locks_of(server.schema)
        self._pool = Pool(self._connect)
        self._within = threading.local()
        self._is_prepared = False

    @contextlib.contextmanager
    def transaction(self, fence: Fence | None = None) -> Iterator[PostgresDb]:
        """Run a transaction. Raises LeaseLost where the fence's lease is not ours any more."""
        if fence is not None:
            fence.demand()
        lock, look = f"SELECT pg_advisory_xact_lock({self._locks.records})", looked_at(fence=fence)
        with mapped_errors():
            taken, rows = self._pool.take(f"BEGIN; {lock}; {look}")
            with taken as db:
                found = dict(rows)
                demand_workable(found)
                demand_ours(found, fence)
                with self._for_this_thread(db):
                    yield db
                db.commit()

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresDb]:
        """Read at one instant; within a block of the same thread, at that of the block."""
        within: PostgresDb | None = getattr(self._within, "db", None)
        if within is not None:
            yield within
            return
        with mapped_errors(), self._pool.take(READ)[0] as db:
            with self._for_this_thread(db):
                yield db
            db.script("COMMIT")

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextlib.contextmanager
    def _for_this_thread(self, db: PostgresDb) -> Iterator[None]:
        self._within.db = db
        try:
            yield
        finally:
            self._within.db = None

    def _connect(self) -> PostgresDb:
        db = connect(self._server, busy_timeout_s=_BUSY_S)
        try:
            if not self._is_prepared:
                schema.prepare(db, self._server, self._locks)
                moving.demand_here(db, self._locks.agent)
                self._is_prepared = True
        except BaseException:
            db.close()
            raise
        return db
