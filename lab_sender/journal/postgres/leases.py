"""The rows of leases and nodes, over a connection of their own.

Holds: the statements on them (the tables are in to-8.sql). Whoever sends alerts has a lease of the same kind.
Promises: a lane is taken only as it was seen; each taking raises its epoch, which waits for the transactions of the
owner before (they lock the row's key), and ends those that begin later. One in which that owner stands still is cut
(frozen.py). Renewing waits for nobody's transaction.
Never: decides who may take a lane, or waits for a lock for longer than a moment.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Final

import psycopg

from lab_sender.config.server import Server
from lab_sender.journal.leases import LEASES, NODES, NOW_MS, Fence, LeaseRow, NodeRow, clock
from lab_sender.journal.postgres.connection import PostgresDb, connect
from lab_sender.journal.postgres.failures import mapped_errors
from lab_sender.journal.postgres.frozen import end_all
from lab_sender.journal.postgres.wire import Wire

_MOMENT_S: Final = 0.2
_MINE: Final = "INSERT INTO lease (name) VALUES (:name) ON CONFLICT (name) DO NOTHING"
_BEGUN: Final = f"""
INSERT INTO node (name, instance, version, started_ms, seen_ms, clean, serves)
VALUES (:name, :instance, :version, {NOW_MS}, {NOW_MS}, FALSE, :serves)
ON CONFLICT (name) DO UPDATE SET instance = excluded.instance, version = excluded.version,
 started_ms = excluded.started_ms, seen_ms = excluded.seen_ms, beat = node.beat + 1, clean = FALSE,
 serves = excluded.serves
"""
_ENDED: Final = f"UPDATE node SET clean = TRUE, seen_ms = {NOW_MS} WHERE name = :name AND instance = :instance"
_BEAT: Final = f"UPDATE node SET beat = beat + 1, seen_ms = {NOW_MS} WHERE name = :name AND instance = :instance"
_TAKE: Final = """
UPDATE lease SET owner = :me, epoch = epoch + 1, beat = beat + 1, lease_ms = :lease_ms
WHERE name = :name AND owner = :owner AND epoch = :epoch AND beat = :beat
RETURNING name, owner, epoch, beat, lease_ms
"""
_RENEW: Final = """
UPDATE lease SET beat = beat + 1
WHERE owner = :me AND name IN (SELECT k.value FROM json_each(:names) k) RETURNING name, epoch
"""
_GIVE_BACK: Final = "UPDATE lease SET owner = '' WHERE name = :name AND owner = :owner AND epoch = :epoch"


class LeaseTable:
    """One process's connection to them, made anew where it was lost. One thread's; `shut` is for others."""

    def __init__(self, server: Server, instance: str) -> None:
        self._server = server
        self._instance = instance
        self._me = f"{server.node}/{instance}"
        self._db: PostgresDb | None = None
        self._wire: Wire | None = None
        self.connections = 0
        """How many there have been: a watch over an earlier one says nothing."""

    def begin(self, names: Iterable[str], version: str) -> None:
        """Make the node's row, and those of the leases that it may take. Raises JournalUnavailable."""
        names = list(names)
        row = {"name": self._server.node, "instance": self._instance, "version": version}
        with self._asking() as db:
            db.execute(_BEGUN, row | {"serves": json.dumps(names)})
        self.make(names)

    def make(self, names: Iterable[str]) -> None:
        """Make the rows of leases that may be taken. Raises JournalUnavailable."""
        with self._asking() as db:
            for name in names:
                db.execute(_MINE, {"name": name})

    def look(self) -> tuple[list[LeaseRow], list[NodeRow]]:
        """Return all leases and nodes as they are. Raises JournalUnavailable."""
        with self._asking() as db:
            leases = [LeaseRow(*row) for row in db.execute(LEASES)]
            return leases, [NodeRow(*row) for row in db.execute(NODES)]

    def is_mine(self, row: LeaseRow) -> bool:
        """Say whether a lease is this process's."""
        return row.owner == self._me

    def take(self, row: LeaseRow) -> Fence | None:
        """Take a lane that is still as it was seen; None: somebody was quicker. Raises JournalUnavailable."""
        asked_at = clock()
        seen = row._asdict() | {"me": self._me, "lease_ms": round(self._server.lease_s * 1000)}
        with self._asking() as db:
            if row.owner:
                end_all(db, self._server)
            taken = db.execute(_TAKE, seen).fetchone()
        return None if taken is None else Fence(LeaseRow(*taken), asked_at, row.owner)

    def beat(self) -> None:
        """Say that the node lives. Raises JournalUnavailable."""
        with self._asking() as db:
            db.execute(_BEAT, {"name": self._server.node, "instance": self._instance})

    def renew(self, fences: Iterable[Fence]) -> None:
        """Say that whoever has these lives; one of them that is another's now is lost. Raises JournalUnavailable."""
        fences, asked_at = list(fences), clock()
        with self._asking() as db:
            names = json.dumps([fence.name for fence in fences])
            ours = set(db.execute(_RENEW, {"me": self._me, "names": names}).fetchall()) if fences else set()
        for fence in fences:
            if (fence.name, fence.epoch) in ours:
                fence.renewed(asked_at)
            else:
                fence.lose()

    def give_back(self, fence: Fence) -> None:
        """Let others take the lane at once: it has ended in good order. Raises JournalUnavailable."""
        with self._asking() as db:
            db.execute(_GIVE_BACK, {"name": fence.name, "owner": fence.owner, "epoch": fence.epoch})

    def end(self) -> None:
        """Note that the node has ended in good order. Raises JournalUnavailable."""
        with self._asking() as db:
            db.execute(_ENDED, {"name": self._server.node, "instance": self._instance})

    def shut(self) -> None:
        """Wake whoever waits for the database, from another thread."""
        if (wire := self._wire) is not None:
            wire.cut()

    def close(self) -> None:
        """Close the connection."""
        for each in (self._db, self._wire):
            if each is not None:
                each.close()
        self._db = self._wire = None

    @contextlib.contextmanager
    def _asking(self) -> Iterator[PostgresDb]:
        """Each statement is a transaction of its own; what is lost with a server's crash is only a beat."""
        with mapped_errors():
            if self._db is None:
                self._db = connect(self._server, busy_timeout_s=_MOMENT_S)
                self._wire = Wire(self._db)
                self.connections += 1
                self._db.script("SET synchronous_commit = local")
            try:
                yield self._db
            except psycopg.Error:
                if not self._db.is_idle:
                    self.close()
                raise
