"""What the journal shows: counts, lists, one message with its story.

Holds: read-only queries, on a connection of their own.
Promises: never blocks a writer, never writes; works while the agent runs and while it does not.
Never: shows a message's bytes except through `wire`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_sender.hl7.orders import numbers_in
from lab_sender.journal import queue
from lab_sender.journal.rows import LaneRow, Remark
from lab_sender.journal.sqlite import schema
from lab_sender.journal.sqlite.store import mapped_errors


@dataclass(frozen=True, slots=True)
class Line:
    """A message, or an unreadable file (then `message_id` is None), in a list."""

    message_id: int | None
    source_id: int
    name: str
    place_in_file: str
    control_id: str
    state: str
    code: str
    reason: str
    created_ms: int
    final_ms: int | None
    ack_code: str
    ack_ms: float | None
    attempts: int
    may_have_left: bool
    same_as: int | None
    where: str
    his_words: str = ""
    contradicted: str = ""
    replaced_by: int | None = None
    replaces: int | None = None


_LINES = """
SELECT m.id, s.id, COALESCE(f.name, ''), m.place, COALESCE(m.control_id, ''), m.state, m.code, m.reason,
  m.created_ms, m.final_ms,
  COALESCE((SELECT ack_code FROM attempt a WHERE a.message_id = m.id ORDER BY a.number DESC LIMIT 1), ''),
  (SELECT elapsed_ms FROM attempt a WHERE a.message_id = m.id AND a.ack_code <> '' ORDER BY a.number DESC LIMIT 1),
  (SELECT COUNT(*) FROM attempt a WHERE a.message_id = m.id), m.may_have_left, m.same_as,
  COALESCE(f.folder || CASE WHEN f.filed_as = '' THEN '' ELSE '/' || f.filed_as END, ''), m.his_words,
  m.contradicted, (SELECT MAX(r.id) FROM message r WHERE r.replaces = m.id), m.replaces
FROM message m JOIN source s ON s.id = m.source_id
LEFT JOIN file f ON f.source_id = s.id AND f.role = 'report'
"""
_BAD_FILES = """
SELECT NULL, s.id, COALESCE(f.name, ''), '', '', s.state, s.code, s.reason,
  s.received_ms, s.received_ms, '', NULL, 0, 0, NULL,
  COALESCE(f.folder || CASE WHEN f.filed_as = '' THEN '' ELSE '/' || f.filed_as END, '')
FROM source s LEFT JOIN file f ON f.source_id = s.id AND f.role = 'report'
WHERE s.code <> ''
"""


class View:
    """A reader's connection to the journal."""

    def __init__(self, path: Path) -> None:
        with mapped_errors():
            self._db = schema.connect(path, read_only=True)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def counts(self, destination: str | None = None) -> dict[str, int]:
        """Return the number of messages by state, and of unreadable files in quarantine as `unreadable`.

        Of the delivered ones, those with a commit ACK only are also counted as `commit-only`, where there are any.
        Like all questions that take a destination: without one it is about all of them.
        """
        where, values = _at(destination)
        found = self._rows(
            f"SELECT state, COUNT(*), SUM(code = 'commit-only') FROM message{where} GROUP BY state", values
        )
        counts = {state: count for state, count, _ in found}
        if commit_only := sum(only for state, _, only in found if state == "acked"):
            counts["commit-only"] = commit_only
        counts["unreadable"] = self._rows("SELECT COUNT(*) FROM source WHERE state = 'quarantined'")[0][0]
        return counts

    def contradictions(self) -> int:
        """Return how many delivered messages the HIS has contradicted since."""
        found = self._rows("SELECT COUNT(*) FROM message WHERE contradicted <> ''")
        return int(found[0][0]) if found else 0

    def claimed_names(self) -> set[str]:
        """Return the names, in claimed/, of the files that the journal has there."""
        return {row[0] for row in self._rows("SELECT claimed_as FROM file WHERE folder = 'claimed'")}

    def oldest_waiting_ms(self, destination: str | None = None) -> int | None:
        """Return when the oldest waiting message was spooled."""
        where, values = _at(destination, "state IN ('spooled', 'sending')")
        rows = self._rows(f"SELECT created_ms FROM message{where} ORDER BY id LIMIT 1", values)
        return rows[0][0] if rows else None

    def last_ack_ms(self, destination: str | None = None) -> int | None:
        """Return when the newest acceptance was recorded."""
        where, values = _at(destination, "state = 'acked'")
        rows = self._rows(
            f"SELECT MAX(final_ms) FROM (SELECT final_ms FROM message{where} ORDER BY id DESC LIMIT 1000) AS last",
            values,
        )
        return rows[0][0] if rows else None

    def lanes(self) -> list[LaneRow]:
        """Return all lanes."""
        return [LaneRow(*row) for row in self._rows(f"SELECT {LaneRow.COLUMNS} FROM lane ORDER BY destination")]

    def contradicted(self, limit: int) -> list[Line]:
        """Return the newest delivered messages that the HIS has contradicted since, newest first."""
        rows = self._rows(_LINES + " WHERE m.contradicted <> '' ORDER BY m.id DESC LIMIT ?", (limit,))
        return [Line(*row) for row in rows]

    def lines(self, *, states: Sequence[str] = (), limit: int = 50, source_ids: Sequence[int] = ()) -> list[Line]:
        """Return the newest messages and unreadable files, newest first."""
        where, values = "", list[Any]()
        if states:
            where += f" AND state IN ({','.join('?' * len(states))})"
            values += states
        if source_ids:
            where += f" AND id IN ({','.join('?' * len(source_ids))})"
        messages = _LINES + " WHERE 1" + where.replace(" state", " m.state").replace(" id IN", " s.id IN")
        rows = self._rows(messages + " ORDER BY m.id DESC LIMIT ?", (*values, *source_ids, limit))
        bad = _BAD_FILES + where.replace(" state", " s.state").replace(" id IN", " s.id IN")
        rows += self._rows(bad + " ORDER BY s.id DESC LIMIT ?", (*values, *source_ids, limit))
        lines = [Line(*row) for row in rows]
        return sorted(lines, key=lambda line: (line.created_ms, line.message_id or 0), reverse=True)[:limit]

    def message(self, message_id: int) -> Line | None:
        """Return one message."""
        rows = self._rows(_LINES + " WHERE m.id = ?", (message_id,))
        return Line(*rows[0]) if rows else None

    def by_control_id(self, control_id: str, destination: str | None = None) -> list[Line]:
        """Return the messages with this control id, newest first.

        They are several where they went to several destinations, or where an older journal has ids that differ in
        the blanks behind them only.
        """
        where, values = _at(
            destination, "m.control_id >= :id AND m.control_id < :id || '!' AND rtrim(m.control_id) = :id"
        )
        rows = self._rows(f"{_LINES}{where} ORDER BY m.id DESC", values | {"id": control_id.rstrip(" ")})
        return [Line(*row) for row in rows]

    def by_order(self, number: str, *, limit: int) -> list[Line]:
        """Return the newest messages that speak of an order, by its `id^authority` or its id alone.

        The number is OBR-3's, or OBR-2's where that is empty.
        """
        of_order = (
            "SELECT message_id FROM message_order WHERE order_key = :number"
            " OR order_key >= :number || '^' AND order_key < :number || '_'"  # '_' comes next after '^'
        )
        rows = self._rows(
            _LINES + f" WHERE m.id IN ({of_order}) ORDER BY m.id DESC LIMIT :most", {"number": number, "most": limit}
        )
        return [Line(*row) for row in rows]

    def quarantined_by_number(self, number: str, *, limit: int) -> list[Line]:
        """Return messages in quarantine that have this number in ORC-2, ORC-3, OBR-2 or OBR-3, newest first.

        The ledger knows one number of an order; an operator may have the other. The bytes are looked into, one
        message at a time.
        """
        query = (
            "SELECT m.id, w.body FROM message m JOIN wire w ON w.message_id = m.id"
            " WHERE m.state = 'quarantined' AND instr(w.body, ?) ORDER BY m.id DESC"
        )
        part = number.partition("^")[0]
        found: list[int] = []
        with mapped_errors():
            for message_id, body in self._db.execute(query, (part.encode() if part.isascii() else b"",)):
                if any(f"{key}^".startswith(f"{number}^") for key in numbers_in(body)):
                    found.append(message_id)
                    if len(found) == limit:
                        break
        return [line for each in found if (line := self.message(each)) is not None]

    def by_name(self, name: str, *, limit: int) -> list[Line]:
        """Return what became of the newest files whose report had this name in the outbox, or has it now."""
        query = (
            "SELECT source_id FROM file WHERE role = 'report' AND ? IN (name, filed_as)"
            " ORDER BY source_id DESC LIMIT ?"
        )
        sources = [row[0] for row in self._rows(query, (name, limit))]
        return self.lines(source_ids=sources, limit=limit) if sources else []

    def orders(self, message_id: int) -> list[str]:
        """Return the keys (`id^authority`) of the orders that a message speaks of."""
        query = "SELECT DISTINCT order_key FROM message_order WHERE message_id = ? ORDER BY order_key"
        return [row[0] for row in self._rows(query, (message_id,))]

    def sources_since(self, source_id: int, name: str, sha256: bytes = b"") -> list[int]:
        """Return the sources above `source_id` whose report had this name in the outbox.

        With `sha256` also this content, unless it could not be read.
        """
        return [
            row[0]
            for row in self._rows(
                "SELECT f.source_id FROM file f JOIN source s ON s.id = f.source_id WHERE f.source_id > :above"
                " AND f.role = 'report' AND f.name = :name AND (:sha256 = x'' OR s.sha256 IN (:sha256, x''))"
                " ORDER BY f.source_id",
                {"above": source_id, "name": name, "sha256": sha256},
            )
        ]

    def last_source_id(self) -> int:
        """Return the newest source's id, 0 if there is none."""
        rows = self._rows("SELECT MAX(id) FROM source")
        return rows[0][0] or 0

    def file(self, source_id: int) -> Line | None:
        """Return a file that could not be read; None for any other."""
        return next((line for line in self.lines(source_ids=(source_id,)) if line.message_id is None), None)

    def remarks(self, line: Line) -> list[Remark]:
        """Return what a person should know of a message, and of its file as a whole."""
        rows = self._rows(
            "SELECT code, place, text, times FROM remark"
            " WHERE source_id = ? AND (message_id IS NULL OR message_id = ?) ORDER BY rowid",
            (line.source_id, line.message_id),
        )
        return [Remark(*row) for row in rows]

    def attempts(self, message_id: int) -> list[dict[str, Any]]:
        """Return a message's attempts, oldest first; `ack` is bytes or None."""
        return self._dicts(
            "SELECT started_ms, kind, phase, code, detail, ack_code, ack, foreign_ids, elapsed_ms FROM attempt"
            " WHERE message_id = ? ORDER BY number",
            (message_id,),
        )

    def answers(self, message_id: int) -> list[dict[str, Any]]:
        """Return what the HIS said of a message beside the verdicts of its tries, oldest first; `ack` is bytes."""
        return self._dicts("SELECT at_ms, code, ack FROM answer WHERE message_id = ? ORDER BY id", (message_id,))

    def events(self, message_id: int | None, source_id: int) -> list[dict[str, Any]]:
        """Return what operators did to a message, or to its file as a whole, oldest first."""
        return self._dicts(
            "SELECT at_ms, kind, who, detail FROM event WHERE message_id = ?"
            " OR (message_id IS NULL AND source_id = ?) ORDER BY id",
            (message_id, source_id),
        )

    def held_by(self, message_id: int, after_quarantine: str = "continue") -> int | None:
        """Return the message in quarantine behind which this one waits, by its destination's `after_quarantine`."""
        with mapped_errors():
            return queue.held_by(self._db, message_id, after_quarantine)

    def wire(self, message_id: int) -> bytes | None:
        """Return a message's bytes without the frame; None if it was never built."""
        rows = self._rows("SELECT body FROM wire WHERE message_id = ?", (message_id,))
        return rows[0][0] if rows else None

    def intake_trouble(self) -> str:
        """Return the code of what intake waits for, "" when nothing."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'intake_trouble'")
        return str(rows[0][0]) if rows else ""

    def filing_trouble(self) -> str:
        """Return the code of what filing waits for, "" when nothing."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'filing_trouble'")
        return str(rows[0][0]) if rows else ""

    def config_in_force(self) -> str:
        """Return the digest of the configuration that the last agent was started with, "" where it is not known."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'config_digest'")
        return str(rows[0][0]) if rows else ""

    def his_in_force(self) -> str:
        """Return where the last agent delivers to (`host:port`), "" where it is not known."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'his'")
        return str(rows[0][0]) if rows else ""

    def ended_clean(self) -> bool:
        """Say whether the last agent ended in good order; False also while one runs."""
        return self._rows("SELECT value FROM meta WHERE key = 'clean'") == [("1",)]

    def schema_version(self) -> int:
        """Return the schema's version; 0 while the journal is being made."""
        with mapped_errors():
            return schema.schema_version(self._db)

    def integrity(self) -> str:
        """Return `ok`, or what SQLite's check finds. Reads the whole journal."""
        with mapped_errors():
            return "; ".join(str(row[0]) for row in self._db.execute("PRAGMA quick_check(5)"))

    def _dicts(self, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with mapped_errors():
            cursor = self._db.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with mapped_errors():
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise


def _at(destination: str | None, condition: str = "") -> tuple[str, dict[str, str]]:
    """Write the condition of a question about one destination, or about all of them."""
    at = "" if destination is None else "destination = :destination"
    where = " AND ".join(each for each in (at, condition) if each)
    return f" WHERE {where}" if where else "", {} if destination is None else {"destination": destination}
