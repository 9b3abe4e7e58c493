"""What intake writes: the instant from which we answer for a file.

Holds: claims becoming sources, reports becoming spooled messages.
Promises: `spooled` is one durable transaction for a whole batch, idempotent by claim id; when it returns, every
message of the batch is delivered or visibly quarantined, whatever happens next.
Never: touches a file.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from lab_sender.hl7.orders import ward_in
from lab_sender.ids import new_id
from lab_sender.journal import looked_up, order_history, tally, turns
from lab_sender.journal.alone import Alone
from lab_sender.journal.database import Db, Store, Values, now_ms
from lab_sender.journal.looked_up import Seen, destinations_of
from lab_sender.journal.mark import Mark
from lab_sender.journal.notes import note, noted
from lab_sender.journal.rows import LedgerEntry, NewSource, ReadBefore
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("spool")
_COUNTED: Final = itemgetter(3, 7)
"""Destination and state in a message's row."""
_SAME_AS: Final = 10
"""Its place there."""


class SpoolBook:
    """Intake's part of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = store.reader()
        self._run = new_id()

    def close(self) -> None:
        """Close the reader's connection."""
        self._reader.close()

    def seen(self, sources: Sequence[NewSource], destination: str) -> Seen:
        """Return up to where the journal goes, before one looks up there what these sources are compared with."""
        version = self._store.foreign_version() if self._store.sees_each_write else None
        with self._reader.reading() as db:
            return looked_up.seen(db, version, sources, destination)

    def spooled(
        self,
        sources: Sequence[NewSource],
        destination: str,
        mark: Mark | None = None,
        *,
        seen: Seen | None = None,
    ) -> bool:
        """Take sources and their messages into the journal, in this order. Durable on return.

        `destination` is where the messages go that name none. A claim id that is known already is passed over: the
        same call after a crash does nothing twice. A released file's messages replace those at the same place in it.
        `mark` is what their outbox remembers of the journal.

        False: nothing was done, for what they were compared with is not as it was `seen` any more. Look it up again.
        """
        kept = ""
        with self._store.arriving(destinations_of(sources, destination)) as db:
            if not self._add(db, sources, destination, seen):
                return False
            if mark is not None:
                kept = mark.note(db, [source.claim_id for source in sources])
        if mark is not None:  # only now: what is not committed is no fact
            mark.keep(kept)
        return True

    def spooled_alone(
        self,
        look: Callable[[], list[NewSource]],
        sources: Sequence[NewSource],
        destination: str,
        mark: Mark | None = None,
    ) -> list[NewSource]:
        """Take in what `look` makes of these sources; what it looks up in the journal stays so meanwhile.

        For where others act without end: they wait, and so do the lanes. `look` writes nothing, and changes neither
        claims nor destinations. Returns what it made. Otherwise as `spooled`.
        """
        kept = ""
        with self._store.acting(*destinations_of(sources, destination), spools=True) as db:
            found = look()
            self._add(db, found, destination, None)
            if mark is not None:
                kept = mark.note(db, [source.claim_id for source in found])
        if mark is not None:
            mark.keep(kept)
        return found

    def _add(self, db: Db, sources: Sequence[NewSource], destination: str, seen: Seen | None) -> bool:
        at_ms = now_ms()
        last, last_returned = db.execute(_SQL["last_claims"]).fetchone()
        known = _known(db, [source.claim_id for source in sources if source.claim_id <= last])
        new = [source for source in sources if source.claim_id not in known]
        if not new:
            return True
        if seen is not None and not looked_up.stands(db, self._store, seen, new, destination):
            return False
        count = sum(len(source.messages) for source in new)
        rows = _Rows(destination, at_ms, *self._store.ids(db, destination, len(new), count))
        for source in new:
            rows.add(source)
        for name, values in rows.of.items():
            if values:
                self._store.insert(db, _SQL[name], values)
        if rows.again:
            db.executemany(_SQL["again"], rows.again)
        if rows.messages:
            turns.part_patients(db, rows.messages[0][0], rows.messages[-1][0])
        returned = {"claim_ids": json.dumps([each.claim_id for each in new if each.claim_id <= last_returned])}
        for source_id, claim_id in db.execute(_SQL["returned"], returned).fetchall():
            db.execute(_SQL["replace"], {"source_id": source_id, "claim_id": claim_id})
        for (each, state), number in Counter(map(_COUNTED, rows.messages)).items():
            tally.add(db, each, "messages", number)
            tally.add(db, each, "duplicate", number * (state == "duplicate"))
        self._store.finished |= rows.finished
        return True

    def known_claims(self, claimed_as: Collection[str]) -> set[str]:
        """Return those of the names in claimed/ that the journal has; a name begins with its claim's id.

        It also has those of a released file that is still on its way back, and of its attachments.
        """
        ids = {name.partition("_")[0].partition("@")[0]: name for name in claimed_as}
        returning = self.returning()
        with self._store.reading() as db:
            known = {ids[claim_id] for claim_id in _known(db, list(ids))}
            names = {"names": json.dumps(list(claimed_as))}
            known.update(row[0] for row in db.execute(_SQL["known_attachments"], names))
        known.update(name for name in claimed_as if returning.intersection(name.partition("_")[0].split("@")))
        return known

    def last_claim_id(self) -> str:
        """Return the largest claim id that was given to a file, or to a released one; "" if there is none."""
        with self._store.reading() as db:
            return str(max(db.execute(_SQL["last_claims"]).fetchone()))

    def returning(self) -> set[str]:
        """Return the claim ids of released files that are still on their way back to claimed/."""
        with self._store.reading() as db:
            return {row[0] for row in db.execute(_SQL["returning"])}

    def owed(
        self, names: Collection[str], *, within_ms: int, elsewhere: Collection[str] = ()
    ) -> dict[str, list[frozenset[str]]]:
        """Return whose documents of these names may still come: for each, the owners of each report without it.

        A report counts while it is in quarantine, and for `within_ms` after it went without; not one that came by an
        outbox `elsewhere`.
        """
        found: dict[str, list[frozenset[str]]] = {}
        named, others = json.dumps(list(names)), json.dumps(list(elsewhere))
        values = {"names": named, "since_ms": now_ms() - within_ms, "elsewhere": others}
        for name, owners in self._asked("owed", values):
            found.setdefault(name, []).append(frozenset(json.loads(owners)))
        return found

    def may_go_out_yet(self, order_keys: Collection[str], destination: str) -> bool:
        """Say whether a message for one of the orders lies in quarantine, so that a person may release it."""
        with self._reader.reading() as db:
            return order_history.may_go_out_yet(db, order_keys, destination)

    def is_passed(
        self, claim_id: str, order_keys: Collection[str], destination: str, outboxes: Collection[str]
    ) -> bool:
        """Say whether a message for one of the orders has come by one of these outboxes with a later claim."""
        with self._reader.reading() as db:
            return order_history.is_passed(db, claim_id, order_keys, destination, outboxes)

    def came(self, claim_id: str, *, destination: str, place: str) -> str:
        """Return when a file came, for what is at one place of it; see order_history."""
        with self._reader.reading() as db:
            return order_history.came(db, claim_id, destination=destination, place=place)

    def came_after(self, came: str, message_ids: Collection[int]) -> set[int]:
        """Return those of the messages that are newer than what came then; see order_history."""
        with self._reader.reading() as db:
            return order_history.came_after(db, came, message_ids)

    def first_claims(self, claim_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
        """Return of these claims those of released files: since when each waits, and whether it was forced."""
        with self._reader.reading() as db:
            return order_history.first_claims(db, claim_ids)

    def trouble(self, code: str) -> None:
        """Note for `status` what intake waits for; "" when nothing."""
        with self._store.quick() as db:
            note(db, "intake_trouble", code)

    def reading_alone(self, claim_id: str, done: str = "") -> int:
        """Note that a file is read by itself, after an unclean end, and that `done` has been read.

        Returns how many such readings of the file did not end, one after the other: an end over another file
        breaks the row. Durable on return; "" is no file.
        """
        with self._store.durable() as db:
            row = Alone.noted(noted(db, "reading_alone"))
            before = row.read(self._run, claim_id, done)
            note(db, "reading_alone", row.as_note())
        return before

    def ended_over(self, claim_id: str, done: str = "") -> int:
        """Return what `reading_alone` would, and note nothing."""
        with self._reader.reading() as db:
            row = Alone.noted(noted(db, "reading_alone"))
        return row.read(self._run, claim_id, done)

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return id and content's digest of the messages that have these control ids, by the id without blanks."""
        with self._reader.reading() as db:
            return order_history.holders_of(db, control_ids, destination)

    def ledger(self, order_keys: Collection[str], destination: str) -> dict[str, list[LedgerEntry]]:
        """Return what a destination was sent of each order, or will be, oldest first."""
        with self._reader.reading() as db:
            return order_history.entries(db, order_keys, destination)

    def read_before(self, claim_ids: Collection[str], destination: str) -> dict[str, list[ReadBefore]]:
        """Return what is settled of the released files that came back as these claims; a new file has nothing."""
        found: dict[str, list[ReadBefore]] = {}
        values = {"claim_ids": json.dumps(list(claim_ids)), "destination": destination}
        for claim_id, place, digest, message_id, given_up, asked in self._asked("read_before", values):
            before = ReadBefore(place, bytes(digest), message_id, bool(given_up), bool(asked))
            found.setdefault(claim_id, []).append(before)
        return found

    def body_of(self, message_id: int) -> bytes | None:
        """Return the bytes of a message that the ledger names; None where retention has deleted them."""
        found = self._asked("body", {"id": message_id})
        return bytes(found[0][0]) if found else None

    def _asked(self, name: str, values: Values) -> list[tuple[Any, ...]]:
        return self._reader.rows(_SQL[name], values)


class _Rows:
    """The rows of a batch, numbered on from what the journal has."""

    def __init__(self, destination: str, at_ms: int, source_ids: Iterator[int], message_ids: Iterator[int]) -> None:
        self._destination = destination
        self._at_ms = at_ms
        self._source_ids = source_ids
        self._message_ids = message_ids
        self.sources: list[Sequence[object]] = []
        self.files: list[Sequence[object]] = []
        self.owed: list[Sequence[object]] = []
        self.messages: list[tuple[Any, ...]] = []
        self.wires: list[Sequence[object]] = []
        self.orders: list[Sequence[object]] = []
        self.again: list[Mapping[str, object]] = []
        self.remarks: list[Sequence[object]] = []
        self.finished: set[int] = set()
        self.of: dict[str, Sequence[Sequence[object]]] = {
            "source": self.sources,
            "file": self.files,
            "owe": self.owed,
            "message": self.messages,
            "wire": self.wires,
            "order": self.orders,
            "remark": self.remarks,
        }
        """The rows, by the statement that inserts one."""

    def add(self, source: NewSource) -> None:
        """Add a source and what hangs on it."""
        source_id, at_ms = next(self._source_ids), self._at_ms
        state = "quarantined" if source.code else "read"
        found = (state, source.code, source.reason, source.outbox)
        self.sources.append((source_id, source.claim_id, source.kind, source.size, source.sha256, at_ms, *found))
        self.files += [(source_id, file.role, file.name, file.claimed_as, file.size) for file in source.files]
        if source.without:
            self.owed += [(name, source_id, json.dumps(source.owners), at_ms) for name in source.without]
        if source.remarks:
            self.remarks += [(source_id, None, *remark) for remark in source.remarks]
        through, waits = set[str](), set[str]()
        for message in source.messages:
            message_id = next(self._message_ids)
            if message.remarks:
                self.remarks += [(source_id, message_id, *remark) for remark in message.remarks]
            spooled = message.state == "spooled"
            destination = message.destination or self._destination
            (waits if spooled else through).add(destination)
            same_as = message.same_as
            self.messages.append(
                (
                    message_id,
                    source_id,
                    message.place,
                    destination,
                    message.control_id,
                    message.patient_key,
                    message.digest,
                    message.state,
                    message.code,
                    message.reason,
                    self._id_of(destination, same_as) if isinstance(same_as, str) else same_as,
                    message.wants_application,
                    message.holds_orders,
                    at_ms,
                    None if spooled else at_ms,
                    *turns.of(message),
                    ward_in(message.body) if message.body is not None else "",
                    message.came,
                )
            )
            if message.body is not None:
                whole = message.whole
                beside = (whole, None if whole is None else zlib.crc32(whole))
                self.wires.append((message_id, message.body, zlib.crc32(message.body), *beside))
            self.orders += [(*order[:4], order.patient, message_id, destination) for order in message.orders]
            if message.is_once_more:
                came = message.came
                age = {"claim_id": came or source.claim_id, "age": None if came else message_id}
                self.again.append({"id": self.messages[-1][_SAME_AS], **age})
        if through - waits or not waits:
            self.finished.add(source_id)

    def _id_of(self, destination: str, control_id: str) -> int | None:
        """Return the id of a message of this batch."""
        named = (row[0] for row in reversed(self.messages) if row[3] == destination and row[4] == control_id)
        return next(named, None)


def _known(db: Db, claim_ids: Sequence[str]) -> set[str]:
    if not claim_ids:
        return set()
    return {row[0] for row in db.execute(_SQL["known_claims"], {"claim_ids": json.dumps(claim_ids)})}
