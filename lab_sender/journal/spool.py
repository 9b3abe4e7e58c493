"""What intake writes: the instant from which we answer for a file.

Holds: claims becoming sources, reports becoming spooled messages.
Promises: `spooled` is one durable transaction for a whole batch, idempotent by claim id; when it returns, every
message of the batch is delivered or visibly quarantined, whatever happens next.
Never: touches a file.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Sequence

from lab_sender.journal import order_history
from lab_sender.journal.rows import LedgerEntry, NewSource
from lab_sender.journal.sqlite.store import Store, mapped_errors, now_ms

_RETURNED = (
    "SELECT s.id, s.claim_id FROM json_each(:claims) k CROSS JOIN source w ON w.returns_as = CAST(k.value AS TEXT)"
    " AND w.returns_as <> '' CROSS JOIN source s ON s.claim_id = w.returns_as ORDER BY s.id"
)
_REPLACES = (
    "UPDATE message SET replaces = (SELECT MAX(o.id) FROM source w CROSS JOIN message o ON o.source_id = w.id"
    " WHERE w.returns_as = :claim_id AND w.returns_as <> '' AND o.place = message.place"
    " AND o.destination = message.destination AND o.state = 'replaced' AND o.code = 'read-again')"
    " WHERE source_id = :source_id AND replaces IS NULL"
)
"""The messages of a file that was read again replace those for which it was released, each the one at its place."""


class SpoolBook:
    """Intake's part of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = store.reader()

    def close(self) -> None:
        """Close the reader's connection."""
        self._reader.close()

    def spooled(self, sources: Sequence[NewSource], destination: str) -> None:
        """Take sources and their messages into the journal, in this order. Durable on return.

        `destination` is where the messages go that name none. A claim id that is known already is passed over: the
        same call after a crash does nothing twice. A released file's messages replace those at the same place in it.
        """
        at_ms = now_ms()
        with self._store.durable() as db:
            known = _known(db, [source.claim_id for source in sources])
            rows = _Rows(destination, at_ms, _last_id(db, "source"), _last_id(db, "message"))
            for source in sources:
                if source.claim_id not in known:
                    rows.add(source)
            db.executemany(
                "INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state, code, reason)"
                " VALUES (?,?,?,?,?,?,?,?,?)",
                rows.sources,
            )
            db.executemany(
                "INSERT INTO file (source_id, role, name, claimed_as, size) VALUES (?,?,?,?,?)", rows.files
            )
            if rows.owed:
                db.executemany("INSERT INTO owed (name, source_id, owners, since_ms) VALUES (?,?,?,?)", rows.owed)
            db.executemany(
                "INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state,"
                " code, reason, same_as, wants_application, holds_orders, created_ms, final_ms)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                rows.messages,
            )
            db.executemany("INSERT INTO wire (message_id, body, crc32) VALUES (?,?,?)", rows.wires)
            db.executemany(
                "INSERT INTO message_order (order_key, service, status, reported, message_id, destination)"
                " VALUES (?,?,?,?,?,?)",
                rows.orders,
            )
            db.executemany(
                "INSERT INTO remark (source_id, message_id, code, place, text, times) VALUES (?,?,?,?,?,?)",
                rows.remarks,
            )
            claims = json.dumps([source.claim_id for source in sources])
            for source_id, claim_id in db.execute(_RETURNED, {"claims": claims}).fetchall():
                db.execute(_REPLACES, {"source_id": source_id, "claim_id": claim_id})
            self._store.finished |= rows.finished

    def known_claims(self, claimed_as: Collection[str]) -> set[str]:
        """Return those of the names in claimed/ that the journal has; a name begins with its claim's id.

        It also has those of a released file that is still on its way back, and of its attachments.
        """
        ids = {name.partition("_")[0].partition("@")[0]: name for name in claimed_as}
        returning = self.returning()
        with self._store.reading() as db:
            known = {ids[claim_id] for claim_id in _known(db, list(ids))}
            known.update(row[0] for row in db.execute("SELECT claimed_as FROM file WHERE role = 'attachment'"))
        known.update(name for name in claimed_as if returning.intersection(name.partition("_")[0].split("@")))
        return known & set(claimed_as)

    def last_claim_id(self) -> str:
        """Return the largest claim id of all sources, "" if there is none."""
        with self._store.reading() as db:
            (claim_id,) = db.execute("SELECT MAX(claim_id) FROM source").fetchone()
        return claim_id or ""

    def returning(self) -> set[str]:
        """Return the claim ids of released files that are still on their way back to claimed/."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT returns_as FROM source s WHERE state = 'withdrawn' AND returns_as <> '' AND EXISTS"
                " (SELECT 1 FROM file f WHERE f.source_id = s.id AND f.folder NOT IN ('outbox', 'missing'))"
            )
            return {row[0] for row in rows}

    def owed(self, names: Collection[str], *, within_ms: int) -> dict[str, list[frozenset[str]]]:
        """Return whose documents of these names may still come: for each, the owners of each report without it.

        A report counts while it is in quarantine, and for `within_ms` after it went without.
        """
        since_ms = now_ms() - within_ms
        still = (
            "(o.since_ms > ? OR EXISTS (SELECT 1 FROM source s WHERE s.id = o.source_id AND s.state = 'quarantined')"
            " OR EXISTS (SELECT 1 FROM message m WHERE m.source_id = o.source_id AND m.state = 'quarantined'))"
        )
        with mapped_errors():
            rows = self._reader.execute(
                "SELECT o.name, o.owners FROM json_each(?) k CROSS JOIN owed o ON o.name = k.value WHERE " + still,
                (json.dumps(list(names)), since_ms),
            ).fetchall()
        found: dict[str, list[frozenset[str]]] = {}
        for name, owners in rows:
            found.setdefault(name, []).append(frozenset(json.loads(owners)))
        return found

    def claimed_after(self, claim_id: str, message_ids: Collection[int]) -> set[int]:
        """Return those of the messages whose files were claimed after this one: claim ids sort by time."""
        with mapped_errors():
            return order_history.claimed_after(self._reader, claim_id, message_ids)

    def trouble(self, code: str) -> None:
        """Note for `status` what intake waits for; "" when nothing."""
        with self._store.quick() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('intake_trouble', ?)", (code,))

    def reading_alone(self, claim_id: str, done: str = "") -> int:
        """Note that a file is read by itself, after an unclean end, and that `done` has been read.

        Returns how many such readings of the file did not end, one after the other: an end over another file
        breaks the row. Durable on return; "" is no file.
        """
        with self._store.durable() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'reading_alone'").fetchone()
            ends: dict[str, int] = json.loads(row[0]) if row else {}
            if not done:  # begun anew: what counts is the file that was being read at the last end
                ends = dict(list(ends.items())[-1:])
            ends.pop(done, None)
            before = ends.pop(claim_id, 0)
            if claim_id:
                ends[claim_id] = before + 1
            db.execute("INSERT OR REPLACE INTO meta VALUES ('reading_alone', ?)", (json.dumps(ends),))
        return before

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return id and content's digest of the messages that have these control ids, by the id without blanks."""
        with mapped_errors():
            return order_history.holders_of(self._reader, control_ids, destination)

    def ledger(self, order_keys: Collection[str], destination: str) -> dict[str, list[LedgerEntry]]:
        """Return what a destination was sent of each order, or will be, oldest first."""
        with mapped_errors():
            return order_history.entries(self._reader, order_keys, destination)

    def body_of(self, message_id: int) -> bytes:
        """Return the bytes of a message that the ledger names."""
        with mapped_errors():
            (body,) = self._reader.execute("SELECT body FROM wire WHERE message_id = ?", (message_id,)).fetchone()
            return bytes(body)


class _Rows:
    """The rows of a batch, numbered on from what the journal has."""

    def __init__(self, destination: str, at_ms: int, source_id: int, message_id: int) -> None:
        self._destination = destination
        self._at_ms = at_ms
        self._source_id = source_id
        self._message_id = message_id
        self.sources: list[tuple[object, ...]] = []
        self.files: list[tuple[object, ...]] = []
        self.owed: list[tuple[object, ...]] = []
        self.messages: list[tuple[object, ...]] = []
        self.wires: list[tuple[int, bytes, int]] = []
        self.orders: list[tuple[str | int, ...]] = []
        self.remarks: list[tuple[object, ...]] = []
        self.finished: set[int] = set()
        self._ids: dict[tuple[str, str], int] = {}

    def add(self, source: NewSource) -> None:
        """Add a source and what hangs on it."""
        self._source_id += 1
        source_id, at_ms = self._source_id, self._at_ms
        state = "quarantined" if source.code else "read"
        told = (state, source.code, source.reason)
        self.sources.append((source_id, source.claim_id, source.kind, source.size, source.sha256, at_ms, *told))
        self.files += [(source_id, file.role, file.name, file.claimed_as, file.size) for file in source.files]
        self.owed += [(name, source_id, json.dumps(source.owners), at_ms) for name in source.without]
        self.remarks += [(source_id, None, *remark) for remark in source.remarks]
        waits = False
        for message in source.messages:
            self._message_id += 1
            self.remarks += [(source_id, self._message_id, *remark) for remark in message.remarks]
            spooled = message.state == "spooled"
            waits = waits or spooled
            destination = message.destination or self._destination
            same_as = message.same_as
            self.messages.append(
                (
                    self._message_id,
                    source_id,
                    message.place,
                    destination,
                    message.control_id,
                    message.patient_key,
                    message.digest,
                    message.state,
                    message.code,
                    message.reason,
                    self._ids.get((destination, same_as)) if isinstance(same_as, str) else same_as,
                    message.wants_application,
                    message.holds_orders,
                    at_ms,
                    None if spooled else at_ms,
                )
            )
            if message.control_id is not None:
                self._ids[destination, message.control_id] = self._message_id
            if message.body is not None:
                self.wires.append((self._message_id, message.body, zlib.crc32(message.body)))
            self.orders += [(*order, self._message_id, destination) for order in message.orders]
        if not waits:
            self.finished.add(source_id)


def _last_id(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _known(db: sqlite3.Connection, claim_ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(claim_ids), 500):
        part = claim_ids[start : start + 500]
        marks = ",".join("?" * len(part))
        known.update(row[0] for row in db.execute(f"SELECT claim_id FROM source WHERE claim_id IN ({marks})", part))
    return known
