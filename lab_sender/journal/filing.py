"""What the keeper writes: where files belong, where they are going, where they are.

Holds: the resting place that a source's messages give it, and the plan of each move.
Promises: a move is planned durably before it is made, so that after any crash each file is found at one of
two known names.
Never: moves a file.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from lab_sender.journal.next_step import next_step
from lab_sender.journal.rows import FileRow, Folder, Resting
from lab_sender.journal.sqlite.store import Store
from lab_sender.journal.states import SOURCE

_FILES = (
    "SELECT f.id, f.source_id, f.role, f.name, f.claimed_as, f.folder, f.filed_as, f.planned_folder, f.planned_as,"
    " s.sha256, f.size FROM file f JOIN source s ON s.id = f.source_id"
)

_MESSAGES = (
    "SELECT m.source_id, m.place, COALESCE(o.state, m.state), COALESCE(o.code, m.code), COALESCE('the same content as"
    " message ' || o.id || ': ' || o.reason, m.reason), m.control_id, COALESCE(o.final_ms, m.final_ms),"
    " COALESCE(o.id, m.id), CASE COALESCE(o.state, m.state) WHEN 'quarantined' THEN (SELECT COUNT(*) FROM attempt a"
    " WHERE a.message_id = COALESCE(o.id, m.id)) END, COALESCE(o.may_have_left, m.may_have_left),"
    " CASE COALESCE(o.state, m.state) WHEN 'quarantined' THEN EXISTS (SELECT 1 FROM wire w"
    " WHERE w.message_id = COALESCE(o.id, m.id)) END, COALESCE(o.his_words, m.his_words) FROM message m"
    " LEFT JOIN message o ON m.state = 'duplicate' AND o.id = m.same_as"
)
"""A source's messages; a duplicate with the fate, and the id, of the message that it is the same as."""


_GROWN = (
    f"UPDATE source SET state = {SOURCE['grown'].to}, code = 'file.grown', reason = :reason"
    f" WHERE id = :id AND state IN {SOURCE['grown'].may}"
)


class FilingBook:
    """The keeper's part of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def trouble(self, code: str) -> None:
        """Note for `status` what filing waits for; "" when nothing."""
        with self._store.quick() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('filing_trouble', ?)", (code,))

    def unsettled_sources(self) -> list[int]:
        """Return every source that may have a file in the wrong folder (asked at start and after foreign writes)."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND NOT EXISTS (SELECT 1 FROM message m"
                " WHERE m.source_id = f.source_id AND m.state IN ('spooled', 'sending'))"
                " UNION SELECT f.source_id FROM file f WHERE f.planned_folder <> ''"
                " UNION SELECT f.source_id FROM message m JOIN file f ON f.source_id = m.source_id"
                " WHERE m.state = 'quarantined' AND f.folder IN ('sent', 'dismissed')"
                " UNION SELECT s.id FROM source s JOIN file f ON f.source_id = s.id"
                " WHERE f.folder = 'quarantine' AND (s.state IN ('dismissed', 'withdrawn') OR s.state = 'read'"
                " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.source_id = s.id AND m.state = 'quarantined'))"
                " ORDER BY 1"
            ).fetchall()
        return [row[0] for row in rows]

    def sharing(self, source_ids: Collection[int]) -> set[int]:
        """Return the sources with a duplicate of a message in one of these: they share its fate."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT d.source_id FROM json_each(?) k CROSS JOIN message o ON o.source_id = k.value"
                " JOIN message d ON d.same_as = o.id WHERE d.state = 'duplicate'",
                (json.dumps(sorted(source_ids)),),
            )
            return {row[0] for row in rows}

    def resting(self, source_ids: Collection[int]) -> list[Resting]:
        """Say where the files of these sources belong."""
        ids = sorted(source_ids)
        if not ids:
            return []
        marks = ",".join("?" * len(ids))
        with self._store.reading() as db:
            sources = db.execute(
                f"SELECT id, state, code, reason, received_ms, returns_as FROM source WHERE id IN ({marks})", ids
            ).fetchall()
            messages = db.execute(_MESSAGES + f" WHERE m.source_id IN ({marks}) ORDER BY m.id", ids).fetchall()
            files = [FileRow(*row) for row in db.execute(f"{_FILES} WHERE f.source_id IN ({marks})", ids)]
        by_source: dict[int, list[tuple[Any, ...]]] = {}
        for row in messages:
            by_source.setdefault(row[0], []).append(row[1:])
        files_of: dict[int, list[FileRow]] = {}
        for file in files:
            files_of.setdefault(file.source_id, []).append(file)
        result = []
        for source_id, state, code, reason, received_ms, returns_as in sources:
            rows = by_source.get(source_id, [])
            states = {row[1] for row in rows}
            final_ms = max((int(row[5]) for row in rows if row[5] is not None), default=received_ms)
            folder = _folder(state, states)
            text = _reason(source_id, code, reason, received_ms, rows) if folder == "quarantine" else ""
            own = tuple(files_of.get(source_id, ()))
            result.append(Resting(source_id, folder, text, final_ms, own, returns_as))
        return result

    def grown(self, source_id: int, reason: str) -> bool:
        """Note that a file is no longer what was read: it belongs into quarantine. Durable on return.

        False: it is not `read` any more.
        """
        with self._store.durable() as db:
            return db.execute(_GROWN, {"id": source_id, "reason": reason}).rowcount == 1

    def planned(self, moves: Sequence[tuple[int, str, str]]) -> None:
        """Note where files (id, folder, name there) are about to be moved. Durable on return."""
        if not moves:
            return
        with self._store.durable() as db:
            db.executemany(
                "UPDATE file SET planned_folder = ?, planned_as = ? WHERE id = ?",
                [(folder, name, file_id) for file_id, folder, name in moves],
            )

    def placed(self, file_ids: Iterable[int]) -> None:
        """Note that planned moves were made."""
        with self._store.quick() as db:
            db.executemany(
                "UPDATE file SET folder = planned_folder, filed_as = planned_as, planned_folder = '', planned_as = ''"
                " WHERE id = ? AND planned_folder <> ''",
                [(file_id,) for file_id in file_ids],
            )

    def missing(self, file_id: int) -> None:
        """Note that a file is at none of its places: somebody took it away."""
        with self._store.durable() as db:
            db.execute(
                "UPDATE file SET folder = 'missing', planned_folder = '', planned_as = '' WHERE id = ?", (file_id,)
            )


def _folder(source_state: str, message_states: set[str]) -> Folder:
    if source_state == "withdrawn":
        return "outbox"
    if source_state == "dismissed":
        return "dismissed"
    if source_state == "quarantined":
        return "quarantine"
    if message_states & {"spooled", "sending"}:
        return "claimed"
    if "quarantined" in message_states:
        return "quarantine"
    own = message_states - {"replaced"}  # a copy or what was read anew says what became of these
    return "dismissed" if message_states and own <= {"dismissed"} else "sent"


def _reason(source_id: int, code: str, reason: str, received_ms: int, rows: Sequence[tuple[Any, ...]]) -> str:
    """Write what a person finds beside a quarantined file: why, since when, and the commands that go on."""
    if code:
        before = ["What became of the messages read from it before:"] if rows else []
        told = [f"{row[0] or 'the report'}, control id {row[4] or 'none'}: {row[1]}" for row in rows]
        ref = f"file:{source_id}"
        onward = _onward(f"{ref}, taken in {_clock(received_ms)}", ref, next_step(ref, code, built=False))
        return "\n".join([reason, *before, *told, onward, ""])
    lines = []
    delivered = sum(row[1] in ("acked", "duplicate") for row in rows)
    for row in rows:
        place, state, message_code, message_reason, control_id, final_ms, number, tries, left, built, his_words = row
        if state == "quarantined":
            name = place or "the report"
            identity = f", control id {control_id}" if control_id else ""
            tried = f" after {tries} {'try' if tries == 1 else 'tries'}" if tries else ""
            ref = str(number)
            facts = f"message {ref}, set aside {_clock(final_ms)}{tried}"
            step = next_step(
                ref, message_code, control_id=control_id or "", may_have_left=bool(left), built=bool(built)
            )
            lines.append(f"{name}{identity}: {message_code}\n{message_reason}")
            if his_words:
                lines.append(f"The HIS's words: {his_words}")
            lines.append(_onward(facts, ref, step))
    if len(rows) > 1:
        lines.append(f"Delivered, and not sent again: {delivered} of the {len(rows)} messages in this file.")
    return "\n".join(lines) + "\n"


def _onward(facts: str, ref: str, step: str) -> str:
    return f"It is {facts}. Its story: `lab-sender show {ref}`.\nNext: {step}."


def _clock(at_ms: int | None) -> str:
    at = datetime.datetime.fromtimestamp((at_ms or 0) / 1000).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S %z}"
