"""One message, or one file, with all that became of it.

Holds: its attempts, answers, events and remarks, its orders, and what holds it back.
Promises: oldest first.
Never: shows a message's bytes except through `wire`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from lab_sender.journal import again, queue
from lab_sender.journal.database import Reader
from lab_sender.journal.lists import Line
from lab_sender.journal.rows import Remark
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("story")


class Received(NamedTuple):
    """A file as it was received: its claim's id, its kind, bytes, SHA-256, when, and by which outbox."""

    claim_id: str
    kind: str
    size: int
    sha256: bytes
    received_ms: int
    outbox: str
    documents: tuple[str, ...]


class Story:
    """What is asked about one message, on a reader's connection."""

    _reader: Reader

    def attempts(self, message_id: int) -> list[dict[str, Any]]:
        """Return a message's attempts, oldest first; `ack` is bytes or None."""
        return self._reader.dicts(_SQL["attempts"], {"message_id": message_id})

    def answers(self, message_id: int) -> list[dict[str, Any]]:
        """Return what the HIS said of a message beside the verdicts of its tries, oldest first; `ack` is bytes."""
        return self._reader.dicts(_SQL["answers"], {"message_id": message_id})

    def events(self, message_id: int | None, source_id: int) -> list[dict[str, Any]]:
        """Return what operators did to a message, or to its file as a whole, oldest first."""
        return self._reader.dicts(_SQL["events"], {"message_id": message_id, "source_id": source_id})

    def last_acts(self, limit: int) -> list[dict[str, Any]]:
        """Return what was done last to anything, by people and by the brake, the newest first."""
        return self._reader.dicts(_SQL["last_acts"], {"limit": limit})

    def remarks(self, line: Line) -> list[Remark]:
        """Return what a person should know of a message, and of its file as a whole."""
        values = {"source_id": line.source_id, "message_id": line.message_id}
        return [Remark(*row) for row in self._reader.rows(_SQL["remarks"], values)]

    def orders(self, message_id: int) -> list[str]:
        """Return the keys (`id^authority`) of the orders that a message speaks of."""
        return [row[0] for row in self._reader.rows(_SQL["orders"], {"message_id": message_id})]

    def held_by(self, message_id: int, after_quarantine: str) -> int | None:
        """Return the message in quarantine behind which this one waits, by its destination's `after_quarantine`."""
        with self._reader.reading() as db:
            return queue.held_by(db, message_id, after_quarantine)

    def wire(self, message_id: int) -> bytes | None:
        """Return a message's bytes without the frame; None if it was never built."""
        rows = self._reader.rows(_SQL["wire"], {"message_id": message_id})
        return rows[0][0] if rows else None

    def is_as_built(self, message_id: int) -> bool:
        """Say whether a message's bytes have the checksum that they were spooled with."""
        rows = self._reader.rows(_SQL["wire"], {"message_id": message_id})
        return bool(rows) and zlib.crc32(rows[0][0]) == rows[0][1]

    def received(self, source_id: int) -> Received:
        """Return what is known of a file as it was received, and the names of the documents that came with it."""
        row = self._reader.rows(_SQL["source"], {"source_id": source_id})[0]
        documents = self._reader.rows(_SQL["documents"], {"source_id": source_id})
        return Received._make((*row, tuple([name for (name,) in documents])))

    def former_ids(self, message_id: int) -> list[str]:
        """Return the control ids under which a message that was rebuilt may have left before."""
        return [row[0] for row in self._reader.rows(_SQL["former_ids"], {"message_id": message_id})]

    def last_reading(self, source_id: int) -> int:
        """Return the last source that a file was received as, after it was released: itself where it was not."""
        with self._reader.reading() as db:
            return again.readings(db, source_id)[-1]

    def not_built_of(self, ids: Sequence[int]) -> int:
        """Return how many of these messages were never built."""
        return int(self._reader.rows(_SQL["not_built_of"], {"ids": json.dumps(list(ids))})[0][0])

    def may_have_arrived(self, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Return the control ids to ask the HIS for, the newest last, of those of these messages that it may have."""
        rows = self._reader.rows(_SQL["may_have_arrived"], {"ids": json.dumps(list(ids))})
        found: dict[int, list[str]] = {number: [] for number, _, _, _ in rows}
        if before := [number for number, _, _, left_before in rows if left_before]:
            for number, control_id in self._reader.rows(_SQL["former_ids_of"], {"ids": json.dumps(before)}):
                found[number].append(control_id)
        for number, control_id, is_now, _ in rows:
            found[number] += [control_id] * bool(is_now)
        return {number: tuple(each) for number, each in found.items()}
