"""The writer of one lane's agent, where several agents share a journal.

Holds: connections of its own, each with a handle by which another thread ends it; the fence.
Promises: each transaction sees, in the round trip that begins it, that the lane is still ours, and keeps it so until
it is committed: whoever takes the lane waits for that, and what begins later is not made. Once the lane is lost
nothing is written, and nobody waits for the server any more.
Never: gives a lane back, or renews a lease.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lab_sender.journal.leases import Fence, LeaseLost
from lab_sender.journal.postgres.connection import PostgresDb
from lab_sender.journal.postgres.locks import Wanted
from lab_sender.journal.postgres.store import PostgresStore
from lab_sender.journal.postgres.wire import Wire


class LaneStore(PostgresStore):
    """Beside its process's store, with which it shares what the keeper is told."""

    _fence: Fence

    def __init__(self, store: PostgresStore, fence: Fence) -> None:
        """Nothing is asked yet."""
        self._fence = fence
        self._wires: list[tuple[PostgresDb, Wire]] = []
        super().__init__(store.path, busy_timeout_s=store.busy_timeout_s, beside=store)

    def cut(self) -> None:
        """Wake each thread that waits for the server; for other threads."""
        with self.lock:
            wires = list(self._wires)
        for _, wire in wires:
            wire.cut()

    def close(self) -> None:
        """Close all connections."""
        super().close()
        with self.lock:
            for _, wire in self._wires:
                wire.close()
            self._wires.clear()

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresDb]:
        """Read at one instant. Raises LeaseLost."""
        self._fence.demand()
        with super().reading() as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self, wanted: Wanted) -> Iterator[PostgresDb]:
        self._fence.demand()
        with super()._transaction(wanted) as db:
            yield db

    def _connect(self) -> PostgresDb:
        self._fence.demand()
        db = super()._connect()
        wire = Wire(db)
        with self.lock:
            for gone, old in [each for each in self._wires if each[0].raw.closed]:
                self._wires.remove((gone, old))
                old.close()
            self._wires.append((db, wire))
        if not self._fence.holds():  # it was lost meanwhile: `cut` has not seen this one
            db.close()
            raise LeaseLost(self._fence.name)
        return db
