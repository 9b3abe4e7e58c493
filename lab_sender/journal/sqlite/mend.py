"""What a salvaged journal needs to be one whole: nothing in it waits unseen.

Holds: the repairs after rows were lost, and their numbers.
Promises: a message whose bytes are lost lies in quarantine, where a person sees it; so does one of which only the
bytes are left, unless a positive answer to it is. What a message says of its orders is read from its bytes again. A
number that was given is not given again. The next agent looks at all of the journal.
Never: sends, or decides for a person.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection
from typing import Final, NamedTuple

from lab_sender.hl7.message import msh_in
from lab_sender.hl7.orders import facts_in
from lab_sender.journal.database import now_ms
from lab_sender.journal.states import MESSAGE, SOURCE, in_sql

_NO_BYTES: Final = "journal.bytes-lost"
_NO_ROW: Final = "journal.row-lost"
_POSITIVE: Final = ("AA", "CA")
_BYTES_LOST = f"""
UPDATE message SET state = {MESSAGE['quarantined'].to}, code = ?, final_ms = ?,
 reason = 'its bytes could not be read when the journal was recovered; release it: its file is read again.'
WHERE state IN {MESSAGE['quarantined'].may} AND NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = message.id)
"""
_ROW_LOST = """
INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, code, reason,
 may_have_left, created_ms, final_ms) VALUES (?, 0, '', ?, ?, '', ?, ?, ?, ?, TRUE, ?, ?)
"""
_LOST = "SELECT w.message_id, w.body FROM wire w WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = w.message_id)"
_CLAIM_ID = """
COALESCE((SELECT substr(r.claimed_as, 1, instr(r.claimed_as, '_') - 1) FROM file r WHERE r.source_id = {0}
 AND r.role = 'report' AND instr(r.claimed_as, '_') > 1), '0-recovered-' || {0})
"""
_STUB = f"""
INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state)
SELECT m.source_id, {_CLAIM_ID.format('m.source_id')}, 'hl7', 0, x'', MIN(m.created_ms), 'read' FROM message m
WHERE NOT EXISTS (SELECT 1 FROM source s WHERE s.id = m.source_id) GROUP BY m.source_id
"""
_STUB_OF_FILE = f"""
INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state)
SELECT f.source_id, {_CLAIM_ID.format('f.source_id')}, 'hl7', 0, x'', ?, 'read' FROM file f
WHERE NOT EXISTS (SELECT 1 FROM source s WHERE s.id = f.source_id) GROUP BY f.source_id
"""
_UNSURE = f"""
UPDATE source SET state = {SOURCE['grown'].to}, code = ?, reason = ? WHERE state IN {SOURCE['grown'].may}
 AND EXISTS (SELECT 1 FROM file f WHERE f.source_id = source.id
  AND (f.folder = 'claimed' OR f.folder = 'quarantine' OR f.planned_folder <> ''))
 AND (NOT EXISTS (SELECT 1 FROM message m WHERE m.source_id = source.id)
  OR EXISTS (SELECT 1 FROM message m JOIN lost l ON l.id = m.id + 1 OR l.id = m.id - 1 WHERE m.source_id = source.id))
"""
_ROUND = """
INSERT INTO lane (destination, send_round) SELECT destination, MAX(send_round) FROM
 (SELECT destination, send_round FROM message UNION ALL SELECT destination, send_round FROM message_order)
 WHERE send_round > 0 GROUP BY destination
ON CONFLICT (destination) DO UPDATE SET send_round = MAX(lane.send_round, excluded.send_round)
"""
_COUNTED = """
INSERT INTO tally (destination, what, number)
SELECT destination, ?, COUNT(*) FROM message WHERE {} GROUP BY destination
ON CONFLICT (destination, what) DO UPDATE SET number = MAX(number, excluded.number)
"""


class Mended(NamedTuple):
    """What had to be put right.

    `bytes_lost`: messages that waited and have no bytes any more; they lie in quarantine. `rows_lost`: messages of
    which only the bytes are left; in quarantine, or delivered where a positive answer is left. `nowhere`: bytes of
    which nobody knows where they were to go. `sources_lost`: files of which only messages are left. `orders_again`:
    messages whose orders were read from their bytes again. `unsure`: files that are not finished, and of which a
    message may be lost whole; in quarantine.
    """

    bytes_lost: int
    rows_lost: int
    nowhere: int
    sources_lost: int
    orders_again: int
    unsure: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was missing."""
        return not any(self)


def mend(db: sqlite3.Connection, last: dict[str, int], lost: Collection[int], *, orders_whole: bool) -> Mended:
    """Put right what was salvaged, within a transaction.

    `last` are the highest numbers that were given, if known; `lost` are those of messages that could not be read.
    `orders_whole`: all that was said of orders could be.
    """
    at_ms = now_ms()
    rows_lost, nowhere = _rows_again(db, at_ms)
    bytes_lost = db.execute(_BYTES_LOST, (_NO_BYTES, at_ms)).rowcount
    sources_lost = db.execute(_STUB).rowcount + db.execute(_STUB_OF_FILE, (at_ms,)).rowcount
    given = range(1, last.get("message", max(lost, default=0)) + 1)
    unsure = _unsure(db, [each for each in lost if each in given]) if lost or sources_lost else 0
    orders_again = _orders_again(db, whole=orders_whole)
    db.execute(_ROUND)
    for table, column in (("source", "source_id"), ("message", "message_id")):
        others = ("file", "message") if table == "source" else ("wire", "attempt", "message_order")
        highest = [db.execute(f"SELECT MAX({column}) FROM {each}").fetchone()[0] or 0 for each in others]
        highest.append(db.execute(f"SELECT MAX(id) FROM {table}").fetchone()[0] or 0)
        never_again(db, table, max(last.get(table, 0), *highest))
    never_again(db, "event", max(last.get("event", 0), db.execute("SELECT MAX(id) FROM event").fetchone()[0] or 0))
    for what, where in (
        ("messages", "TRUE"), ("duplicate", "state = 'duplicate'"),
        ("commit-only", "state = 'acked' AND code = 'commit-only'"),
    ):  # fmt: skip
        db.execute(_COUNTED.format(where), (what,))
    for key, value in (("clean", "0"), ("machine_run", ""), ("last_write", "")):
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
    db.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('tick', '0')")
    return Mended(bytes_lost, rows_lost, nowhere, sources_lost, orders_again, unsure)


def _rows_again(db: sqlite3.Connection, at_ms: int) -> tuple[int, int]:
    """Make rows for the messages of which only bytes are left; returns how many, and for how many that cannot be."""
    only = db.execute("SELECT destination FROM lane UNION SELECT destination FROM tally").fetchall()
    made = nowhere = 0
    for message_id, body in db.execute(_LOST).fetchall():
        named = db.execute("SELECT destination FROM message_order WHERE message_id = ?", (message_id,)).fetchone()
        destination = named or (only[0] if len(only) == 1 else None)
        if destination is None:
            nowhere += 1
            continue
        accepted = db.execute(
            f"SELECT MAX(started_ms) FROM attempt WHERE message_id = ? AND kind = 'verdict'"
            f" AND ack_code IN {in_sql(_POSITIVE)}",
            (message_id,),
        ).fetchone()[0]
        state = "acked" if accepted is not None else MESSAGE["quarantined"].target
        reason = "only its bytes could be read when the journal was recovered: ask the HIS for this control id."
        control_id = msh_in(body).field(10)
        taken = db.execute(
            "SELECT 1 FROM message WHERE destination = ? AND control_id = ?", (destination[0], control_id)
        ).fetchone()
        values = (hashlib.sha256(body).digest(), state, _NO_ROW, reason, accepted or at_ms, accepted or at_ms)
        db.execute(_ROW_LOST, (message_id, destination[0], None if taken else control_id, *values))
        made += 1
    return made, nowhere


def _unsure(db: sqlite3.Connection, lost: Collection[int]) -> int:
    """Bring into quarantine what would else be filed as finished; returns how many files."""
    db.execute("CREATE TEMP TABLE lost (id INTEGER PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO lost (id) VALUES (?)", ((each,) for each in lost))
    db.execute("DELETE FROM lost WHERE id IN (SELECT id FROM message)")
    reason = (
        f"{_NO_ROW}: when the journal was recovered, a message of this file could not be read, or may not have been."
        " Ask the HIS for its results. Release it: it is read again, and what is known of it is not sent again."
    )
    return db.execute(_UNSURE, (_NO_ROW, reason)).rowcount


def _orders_again(db: sqlite3.Connection, *, whole: bool) -> int:
    """Read from their bytes what messages say of their orders, where that was lost, or some of it may be."""
    lost = db.execute(
        "SELECT m.id, m.destination, w.body FROM message m JOIN wire w ON w.message_id = m.id"
        " WHERE NOT (? AND EXISTS (SELECT 1 FROM message_order o WHERE o.message_id = m.id))",
        (whole,),
    )
    again = 0
    for message_id, destination, body in lost.fetchall():
        facts = facts_in(body)
        before = db.total_changes
        db.executemany(
            "INSERT OR IGNORE INTO message_order (destination, order_key, message_id, service, status, reported)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(destination, fact.key, message_id, fact.service, fact.status, fact.reported) for fact in facts],
        )
        again += db.total_changes > before
    return again


def never_again(db: sqlite3.Connection, table: str, number: int) -> None:
    """See that the next number of a table is a higher one."""
    higher = "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?"
    if number and not db.execute(higher, (number, table)).rowcount:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))

