"""A journal with a long history, made by SQL: a million messages in a minute or two.

Of each thousand, most are delivered; some were duplicates, given up, sent again, read again or unreadable; some have
documents, remarks or a second try. `troubles` messages are in quarantine and as many contradicted, however long the
history is: how much of that people leave lying is another matter.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

from kit.core import HIS, ready
from lab_sender.journal import Journal, now_ms

DAY_MS = 86_400_000
ONE_ORDER = "0^LAB"
"""A number that every hundredth message has: some sites use one for all."""
ONE_NAME = "RESULT.pdf"
"""A document that every tenth report went without: some laboratories have one name for all."""


def grow(
    path: Path,
    messages: int,
    *,
    body_bytes: int = 300,
    troubles: int = 20,
    days: int = 100,
    destination: str = HIS,
) -> None:
    """Make a journal of so many past messages, of so many days up to now."""
    Journal(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("synchronous = OFF", "cache_size = -400000", "wal_autocheckpoint = 100000"):
            db.execute(f"PRAGMA {pragma}")
        indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
        db.execute("BEGIN")
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        db.create_function("in_turn", 1, lambda i: i * troubles // messages > (i - 1) * troubles // messages)
        db.execute("CREATE TEMP TABLE n (i INTEGER PRIMARY KEY, state TEXT, code TEXT, at_ms INTEGER)")
        first_ms, each_ms = now_ms() - days * DAY_MS, days * DAY_MS // max(messages, 1)
        db.execute(
            _NUMBERED, {"messages": messages, "first_ms": first_ms, "each_ms": each_ms, "troubles": troubles}
        )
        db.create_function("ready", 1, ready)
        db.create_function("crc32", 1, zlib.crc32)
        values = {"his": destination, "body_bytes": body_bytes, "one_order": ONE_ORDER, "one_name": ONE_NAME}
        for statement in _HISTORY:
            db.execute(statement, values)
        for _, sql in indexes:
            db.execute(sql)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(Journal(path)) as journal:  # which sees that it was written by others, and looks at all of it once
        journal.begin()
        journal.retention.note_clock(first_ms, now_ms(), leapt=False)  # by which retention went, all that time
        journal.end()


def make_folders(path: Path, sent: Path, quarantine: Path) -> None:
    """Make the folders in which the files of a history were filed; the files themselves are gone."""
    with closing(sqlite3.connect(path)) as db:
        days = db.execute("SELECT DISTINCT substr(filed_as, 1, 10) FROM file WHERE folder = 'sent'").fetchall()
    for (day,) in days:
        (sent / day).mkdir(parents=True, exist_ok=True)
    (quarantine / "dismissed").mkdir(parents=True, exist_ok=True)


def wait_at(path: Path, destination: str, messages: int) -> None:
    """Have so many messages wait at another destination, whose HIS is down: a file each, in claimed/."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        (last,) = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
        db.create_function("ready", 1, ready)
        db.create_function("crc32", 1, zlib.crc32)
        at_ms = now_ms()
        values = {"last": last, "messages": messages, "destination": destination, "at_ms": at_ms}
        for statement in _BACKLOG:
            db.execute(statement, values)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_BACKLOG = (
    "CREATE TEMP TABLE n AS WITH RECURSIVE count(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM count"
    " WHERE i < :messages) SELECT i + :last AS i FROM count",
    "INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state)"
    " SELECT i, printf('0ZZ%017d', i), 'json', 4000, randomblob(32), :at_ms, 'read' FROM n",
    "INSERT INTO file (source_id, role, name, claimed_as, size)"
    " SELECT i, 'report', printf('r%08d.json', i), printf('0ZZ%017d_r.json', i), 4000 FROM n",
    "INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, created_ms)"
    " SELECT i, i, '', :destination, printf('0ZZ%017d', i), printf('P%d^HOSP', i % 50000), randomblob(32), 'spooled',"
    " :at_ms FROM n",
    "INSERT INTO wire (message_id, body, crc32) SELECT i, ready(printf('0ZZ%017d', i)), 0 FROM n",
    "UPDATE wire SET crc32 = crc32(body) WHERE message_id > :last",
    "INSERT INTO message_order (destination, order_key, message_id, service, status, reported)"
    " SELECT :destination, printf('F%09d^LAB', i), i, '24323-8^LN', 'F', '2026' FROM n",
    "INSERT INTO tally (destination, what, number) VALUES (:destination, 'messages', :messages)",
    "INSERT INTO lane (destination, link) VALUES (:destination, 'down')",
    "DROP TABLE n",
)


def come_again(path: Path) -> None:
    """Have as many duplicates come as the history has messages: a laboratory's system drops all it has once more."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO message (source_id, place, destination, patient_key, digest, state, code, same_as,"
            " created_ms, final_ms) SELECT source_id, place, destination, patient_key, digest, 'duplicate',"
            " 'message.duplicate', id, created_ms + ?, final_ms + ? FROM message ORDER BY id",
            (100 * DAY_MS, 100 * DAY_MS),
        )
        db.execute(
            "UPDATE tally SET number = number + (SELECT number FROM tally WHERE what = 'messages')"
            " WHERE what = 'duplicate'"
        )
        db.execute("UPDATE tally SET number = number * 2 WHERE what = 'messages'")
        db.execute("COMMIT")


_NUMBERED = """
WITH RECURSIVE count(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM count WHERE i < :messages)
INSERT INTO n SELECT i,
 CASE WHEN i > 1000 AND i % 1000 BETWEEN 2 AND 6 THEN 'duplicate' WHEN i % 1000 BETWEEN 7 AND 10 THEN 'dismissed'
  WHEN i % 1000 IN (11, 12, 15) THEN 'replaced' WHEN i % 1000 = 16 THEN 'unreadable'
  WHEN in_turn(i + 477) AND i % 1000 > 20 THEN 'quarantined' ELSE 'acked' END,
 CASE WHEN i > 1000 AND i % 1000 BETWEEN 2 AND 6 THEN 'message.duplicate'
  WHEN i % 1000 BETWEEN 7 AND 10 THEN 'refused' WHEN i % 1000 IN (11, 12) THEN 'resent'
  WHEN i % 1000 = 15 THEN 'read-again'
  WHEN i % 1000 = 16 THEN 'json.syntax'
  WHEN i % 1000 = 20 THEN 'commit-only' WHEN in_turn(i + 477) AND i % 1000 > 20 THEN 'refused' ELSE '' END,
 :first_ms + i * :each_ms
FROM count
"""
_HISTORY = (
    # files, with what reading them gave
    "INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state, code, returns_as)"
    " SELECT i, printf('0ZZ%017d', i), 'json', 4000, randomblob(32), at_ms,"
    " CASE WHEN state = 'unreadable' THEN 'dismissed' WHEN i % 1000 = 15 THEN 'withdrawn' ELSE 'read' END,"
    " CASE state WHEN 'unreadable' THEN code ELSE '' END,"
    " CASE WHEN i % 1000 = 15 THEN printf('0ZY%017d', i) ELSE '' END FROM n",
    "INSERT INTO file (id, source_id, role, name, claimed_as, folder, filed_as, size)"
    " SELECT i * 2, i, 'report', printf('r%08d.json', i * 7919 % 100000007), printf('0ZZ%017d_r.json', i),"
    " CASE WHEN i % 1000 = 15 THEN 'outbox' WHEN state = 'quarantined' THEN 'quarantine'"
    " WHEN state IN ('dismissed', 'unreadable') THEN 'dismissed' ELSE 'sent' END,"
    " CASE WHEN state IN ('acked', 'duplicate') OR i % 1000 IN (11, 12)"
    " THEN strftime('%Y-%m-%d/', at_ms / 1000, 'unixepoch') ELSE '' END"
    " || printf('r%08d.json', i * 7919 % 100000007), 4000 FROM n",
    "INSERT INTO file (id, source_id, role, name, claimed_as, folder, filed_as, size)"
    " SELECT i * 2 + 1, i, 'attachment', printf('d%08d.pdf', i), printf('0ZX%017d@0ZZ%017d_d.pdf', i, i), 'sent',"
    " strftime('%Y-%m-%d/', at_ms / 1000, 'unixepoch') || printf('d%08d.pdf', i), 90000 FROM n"
    " WHERE state = 'acked' AND i % 20 = 0",
    # messages
    "INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, code, same_as,"
    " created_ms, final_ms, contradicted, replaces, ward)"
    " SELECT i, i, '', :his, CASE WHEN state = 'duplicate' OR code = 'read-again' THEN NULL"
    " ELSE printf('0ZZ%017d', i) END, printf('P%d^HOSP', i % 50000), randomblob(32), state, code,"
    " CASE state WHEN 'duplicate' THEN i - 7 END, at_ms, at_ms + 20,"
    " CASE WHEN state = 'acked' AND in_turn(i + 478) THEN 'AE' ELSE '' END,"
    " CASE WHEN i % 1000 IN (13, 14) THEN i - 2 END, printf('W%d', i % 37) FROM n WHERE state <> 'unreadable'",
    "INSERT INTO wire (message_id, body, crc32) SELECT id, CASE state WHEN 'quarantined' THEN ready(control_id)"
    " ELSE randomblob(:body_bytes) END, 0 FROM message WHERE control_id IS NOT NULL",
    "UPDATE wire SET crc32 = crc32(body) WHERE message_id IN (SELECT id FROM message WHERE state = 'quarantined')",
    "INSERT INTO message_order (destination, order_key, message_id, service, status, reported)"
    " SELECT :his, CASE WHEN id % 100 = 0 THEN :one_order ELSE printf('F%09d^LAB', id * 7919 % 100000007) END, id,"
    " '24323-8^LN', 'F', '2026' FROM message",
    "INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, ack, elapsed_ms)"
    " SELECT id, 1, created_ms, 'verdict', 'ack', '', '', CASE WHEN state = 'acked' AND id % 100 <> 1 THEN 'AA' ELSE"
    " 'AE' END, randomblob(85), 0.2 FROM message WHERE control_id IS NOT NULL",
    "INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, ack, elapsed_ms)"
    " SELECT id, 2, created_ms, 'verdict', 'ack', '', '', 'AA', randomblob(85), 0.2 FROM message"
    " WHERE state = 'acked' AND id % 100 = 1",
    # what people should know, and did
    "INSERT INTO remark (source_id, message_id, code, place, text, times)"
    " SELECT i, NULL, 'time.no-zone', 'row 2', 'no zone', 3 FROM n WHERE i % 50 = 0",
    "INSERT INTO event (at_ms, kind, message_id, source_id, who, detail) SELECT at_ms + 1000, 'message.dismissed', i,"
    " i, 'lab', 'given up' FROM n WHERE state = 'dismissed'",
    "INSERT INTO event (at_ms, kind, message_id, who, detail) SELECT at_ms + 1000, 'message.resent', i, 'lab', ''"
    " FROM n WHERE code = 'resent'",
    "INSERT INTO event (at_ms, kind, source_id, who, detail) SELECT at_ms + 1000, 'file.released', i, 'lab', ''"
    " FROM n WHERE code = 'read-again'",
    "INSERT INTO owed (name, source_id, owners, since_ms) SELECT printf('d%08d.pdf', i), i, '[]', at_ms FROM n"
    " WHERE i % 500 = 0",
    "INSERT INTO owed (name, source_id, owners, since_ms) SELECT :one_name, i, '[]', at_ms FROM n WHERE i % 10 = 1",
    # numbers
    "INSERT INTO tally (destination, what, number) SELECT :his, 'messages', COUNT(*) FROM message",
    "INSERT INTO tally (destination, what, number) SELECT :his, 'duplicate', COUNT(*) FROM message"
    " WHERE state = 'duplicate'",
    "INSERT INTO tally (destination, what, number) SELECT :his, 'commit-only', COUNT(*) FROM message"
    " WHERE state = 'acked' AND code = 'commit-only'",
    "INSERT INTO lane (destination, accepted_ms) SELECT :his, MAX(at_ms) FROM n",
    "UPDATE sqlite_sequence SET seq = (SELECT MAX(i) FROM n) WHERE name IN ('source', 'message')",
    "DROP TABLE n",
)
