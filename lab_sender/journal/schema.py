"""The journal's tables, and how an older journal becomes this one.

Holds: the schema, its version, and the connection settings that durability rests on.
Promises: a schema change happens in one transaction, after a copy of the old journal was made;
a newer journal is refused, an unreadable one is refused, neither is ever replaced by an empty one.
Never: holds a row's meaning; the events are in book.py.

    source          a claimed file (with its attachments) and what reading it gave
    file            where each of a source's files is, and where it is being moved
    owed            documents that a report went without: one that comes late is not the next report's
    message         one ORU message; its id is the order of delivery
    wire            the bytes of a message, built once
    message_order   which orders (filler numbers) and tests a message speaks about, and what it says: the sent-ledger
    remark          what a person should know of a file or message that goes on
    attempt         one try to deliver, with its outcome and the ACK's bytes
    lane            a destination's hold and the state of its link
    answer          what the HIS said of a message beside the verdicts of its tries
    event           what an operator or the brake did
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from lab_sender import rights
from lab_sender.errors import AgentError, ExitCode
from lab_sender.hl7.orders import facts_in

SCHEMA_VERSION = 3

OWED = """
CREATE TABLE owed (
    name TEXT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES source(id),
    owners TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (name, source_id)
) WITHOUT ROWID;
"""

LEDGER = """
CREATE TABLE message_order (
    order_key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    status TEXT NOT NULL,
    reported TEXT NOT NULL,
    PRIMARY KEY (order_key, message_id, service)
) WITHOUT ROWID;
CREATE INDEX message_order_message ON message_order(message_id);
CREATE INDEX message_holding ON message(id) WHERE state = 'quarantined' AND holds_orders;
"""

ANSWERS = """
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message(id),
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    ack BLOB NOT NULL
);
CREATE INDEX answer_message ON answer(message_id);
CREATE INDEX message_contradicted ON message(id) WHERE contradicted <> '';
"""

REMARKS = """
CREATE TABLE remark (
    source_id INTEGER NOT NULL REFERENCES source(id),
    message_id INTEGER REFERENCES message(id),
    code TEXT NOT NULL,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL
);
CREATE INDEX remark_source ON remark(source_id);
"""

TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    claim_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('read', 'quarantined', 'dismissed', 'withdrawn')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    returns_as TEXT NOT NULL DEFAULT ''
);
CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source(id),
    role TEXT NOT NULL CHECK (role IN ('report', 'attachment')),
    name TEXT NOT NULL,
    claimed_as TEXT NOT NULL,
    place TEXT NOT NULL DEFAULT 'claimed' CHECK (place IN
        ('claimed', 'sent', 'quarantine', 'dismissed', 'outbox', 'missing')),
    placed_as TEXT NOT NULL DEFAULT '',
    planned_place TEXT NOT NULL DEFAULT '',
    planned_as TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT -1
);
CREATE INDEX file_source ON file(source_id);
CREATE INDEX file_claimed ON file(source_id) WHERE place = 'claimed';
CREATE INDEX file_moving ON file(id) WHERE planned_place <> '';
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES source(id),
    place TEXT NOT NULL,
    destination TEXT NOT NULL,
    control_id TEXT,
    patient_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('spooled', 'sending', 'acked', 'quarantined', 'duplicate', 'dismissed')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    same_as INTEGER,
    wants_application INTEGER NOT NULL DEFAULT 0,
    may_have_left INTEGER NOT NULL DEFAULT 0,
    accept_acked INTEGER NOT NULL DEFAULT 0,
    unknowns INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    holds_orders INTEGER NOT NULL DEFAULT 0,
    send_round INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    final_ms INTEGER,
    his_words TEXT NOT NULL DEFAULT '',
    contradicted TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX message_control ON message(destination, control_id);
CREATE INDEX message_source ON message(source_id);
CREATE INDEX message_same ON message(same_as) WHERE same_as IS NOT NULL;
CREATE INDEX message_waiting ON message(destination, id) WHERE state IN ('spooled', 'sending');
CREATE INDEX message_quarantined ON message(id) WHERE state = 'quarantined';
CREATE TABLE wire (
    message_id INTEGER PRIMARY KEY REFERENCES message(id), body BLOB NOT NULL, crc32 INTEGER NOT NULL
);
{LEDGER}
{REMARKS}
{OWED}
{ANSWERS}
CREATE TABLE attempt (
    message_id INTEGER NOT NULL REFERENCES message(id),
    number INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    ack_code TEXT NOT NULL,
    ack BLOB,
    foreign_ids TEXT NOT NULL DEFAULT '',
    elapsed_ms REAL NOT NULL,
    PRIMARY KEY (message_id, number)
) WITHOUT ROWID;
CREATE TABLE lane (
    destination TEXT PRIMARY KEY,
    hold TEXT NOT NULL DEFAULT '' CHECK (hold IN ('', 'operator', 'brake', 'reply')),
    hold_reason TEXT NOT NULL DEFAULT '',
    hold_since_ms INTEGER,
    link TEXT NOT NULL DEFAULT 'idle',
    link_code TEXT NOT NULL DEFAULT '',
    link_detail TEXT NOT NULL DEFAULT '',
    link_since_ms INTEGER,
    next_try_ms INTEGER,
    hold_messages TEXT NOT NULL DEFAULT '',
    trouble TEXT NOT NULL DEFAULT '',
    silent_since_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message_id INTEGER,
    source_id INTEGER,
    who TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
INSERT INTO meta VALUES ('tick', '0'), ('clean', '1'), ('send_round', '0');
"""

MIGRATIONS: dict[int, str] = {
    1: f"""
ALTER TABLE message ADD COLUMN holds_orders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN send_round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message_order RENAME TO message_order_1;
{LEDGER}
INSERT INTO message_order (order_key, message_id, service, status, reported)
    SELECT o.order_key, o.message_id, COALESCE(json_extract(f.value, '$[0]'), ''),
        COALESCE(json_extract(f.value, '$[1]'), ''), COALESCE(json_extract(f.value, '$[2]'), '')
    FROM message_order_1 o LEFT JOIN wire w ON w.message_id = o.message_id
    LEFT JOIN json_each(facts_of_order(w.body, o.order_key)) f;
DROP TABLE message_order_1;
INSERT INTO meta VALUES ('send_round', '0');
""",
    2: f"""
ALTER TABLE source ADD COLUMN returns_as TEXT NOT NULL DEFAULT '';
ALTER TABLE file ADD COLUMN size INTEGER NOT NULL DEFAULT -1;
UPDATE source SET returns_as = claim_id || 'R' WHERE state = 'withdrawn'
    AND id IN (SELECT source_id FROM file WHERE place NOT IN ('outbox', 'missing'));
{OWED}
{REMARKS}
ALTER TABLE message ADD COLUMN his_words TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN contradicted TEXT NOT NULL DEFAULT '';
UPDATE message SET his_words = ltrim(substr(reason, 20), ' .:'), reason = substr(reason, 1, 19) || '.'
    WHERE code = 'refused' AND state = 'quarantined' AND reason LIKE 'The HIS answered __%';
{ANSWERS}
ALTER TABLE lane ADD COLUMN hold_messages TEXT NOT NULL DEFAULT '';
ALTER TABLE lane ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE lane ADD COLUMN silent_since_ms INTEGER;
""",
}
"""SQL that leads from the key's version to the next one."""


def connect(path: Path, *, read_only: bool = False, busy_timeout_s: float = 5.0) -> sqlite3.Connection:
    """Open a connection whose transactions are begun and ended by hand."""
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_timeout_s)
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a writer's connection to WAL and the current schema. Raises AgentError (exit 74 or 78)."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise AgentError(
            "journal.no-wal",
            "the journal cannot be put into write-ahead mode here.",
            hint="Put folders.journal on a local disk of this machine.",
            exit_code=ExitCode.CONFIG,
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 2000")
    version = schema_version(connection)
    if version > SCHEMA_VERSION:
        raise AgentError(
            "journal.newer",
            f"the journal was written by a newer lab-sender (schema {version}, this one knows {SCHEMA_VERSION}).",
            hint="Start the newer version again.",
            exit_code=ExitCode.CONFIG,
        )
    if version < SCHEMA_VERSION:
        connection.create_function("facts_of_order", 2, _facts_of_order, deterministic=True)
        connection.execute("BEGIN IMMEDIATE")
        try:
            _bring_up(connection, path)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the schema version that the journal file carries; 0 for a new one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or change them, within a transaction: another process may have done so just before it."""
    version = schema_version(connection)
    if version == SCHEMA_VERSION:
        return
    if version:
        _back_up(path, path.with_name(f"{path.name}.schema-{version}.bak"))
    steps = [MIGRATIONS[step] for step in range(version, SCHEMA_VERSION)] if version else [TABLES]
    statement = ""
    for line in "".join(steps).splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _facts_of_order(body: bytes | None, order_key: str) -> str:
    """Return, as JSON, test, status and reported time of each report that a message has of one order."""
    return json.dumps([fact[1:] for fact in facts_in(body) if fact.key == order_key] if body is not None else [])


def _back_up(path: Path, copy_path: Path) -> None:
    """Copy what is committed; the writer's own connection cannot be copied in mid-transaction."""
    rights.create_private(copy_path)
    with closing(connect(path, read_only=True)) as source, closing(sqlite3.connect(copy_path)) as copy:
        source.backup(copy)
