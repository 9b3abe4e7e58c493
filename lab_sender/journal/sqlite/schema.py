"""The journal's tables, and how an older journal becomes this one.

Holds: the schema's version, the steps to it, and the connection settings that durability rests on.
Promises: a schema change happens in one transaction, after a copy of the old journal was made; a newer journal and
an unreadable one are errors, and neither is ever replaced by an empty one.
Never: knows what a row means to a room.

    source          a claimed file (with its attachments) and what reading it gave
    file            where each of a source's files is, and where it is being moved
    owed            documents that a report went without: one that comes late is not the next report's
    message         one ORU message; its id is the order of delivery
    wire            the bytes of a message, built once
    message_order   which orders (filler numbers) and tests a message speaks about, and what it says: the sent-ledger
    remark          what a person should know of a file or message that goes on
    attempt         one try to deliver, with its outcome and the ACK's bytes
    verdict         what was accepted since the last transaction, a row each (verdicts.py)
    lane            a destination's hold and the state of its link
    answer          what the HIS said of a message beside the verdicts of its tries
    event           what an operator or the brake did
    tally           numbers that nobody has to count
    minute          what came of how many tries, minute by minute
    ack_time        how many of the ACKs of a minute took how long, of the last two days
    meta            single facts by name
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from lab_sender import rights
from lab_sender.config.folders import is_shared, node_of
from lab_sender.errors import AgentError, ExitCode
from lab_sender.hl7.orders import facts_in, has_several_patients
from lab_sender.journal import turns
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.sqlite.wal import to_wal

SCHEMA_VERSION = 9
_RENAMED_IN = 4
"""The schema that has today's names of a file's columns."""

_REFUSAL = re.compile(r"The HIS answered ([A-Z]{2})(?: with error ([^ ,]+(?:, [^ ,]+)*))?\.(?: |$)")
"""The sentence in which older journals alone have the codes of a refusal."""

_FOLDER = Path(__file__).parent


def connect(path: Path, *, read_only: bool = False, busy_timeout_s: float = 5.0) -> sqlite3.Connection:
    """Open a connection whose transactions are begun and ended by hand."""
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_timeout_s)
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def by_its_indexes(connection: sqlite3.Connection) -> None:
    """Let statements find rows by the indexes of tables.sql alone: else SQLite 3.45 makes one of a whole table."""
    connection.execute("PRAGMA automatic_index = OFF")


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a writer's connection to WAL and the current schema. Raises AgentError (exit 74 or 78)."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new one: later only `journal compact` changes it
    if not to_wal(connection):
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
        raise of_another_version(version, SCHEMA_VERSION)
    if version < SCHEMA_VERSION:
        connection.create_function("facts_of_order", 2, _facts_of_order, deterministic=True)
        connection.create_function("turn_of", 2, _turn_of, deterministic=True)
        connection.create_function("refusal_of", 2, _refusal_of, deterministic=True)
        connection.create_function("agent_of", 1, _agent_of, deterministic=True)
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
    if not version:
        make(connection)
        return
    _back_up(path, path.with_name(f"{path.name}.schema-{version}.bak"))
    for step in range(version + 1, SCHEMA_VERSION + 1):
        for statement in _statements(ddl(f"to-{step}.sql")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def make(connection: sqlite3.Connection) -> None:
    """Make the tables of a new journal, within a transaction."""
    for statement in _statements(ddl("tables.sql")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def fill_in(connection: sqlite3.Connection, version: int) -> None:
    """Fill in, within a transaction, what the steps make of rows: those of a journal of this schema were copied."""
    connection.create_function("refusal_of", 2, _refusal_of, deterministic=True)
    connection.create_function("agent_of", 1, _agent_of, deterministic=True)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        for statement in _statements(ddl(f"to-{step}.sql")):
            if re.match(r"(?:--[^\n]*\n|\s)*(?:INSERT|UPDATE)\b", statement):
                connection.execute(statement)


def read_older(connection: sqlite3.Connection) -> None:
    """Let a reader's connection see an older journal's files as they are called today. Nothing is written."""
    version = schema_version(connection)
    if not 0 < version < SCHEMA_VERSION:
        return
    has_remarks = connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'remark'").fetchone()
    for statement in _statements(ddl("older.sql")):
        is_source = "main.source" in statement
        if is_source or (version < _RENAMED_IN and (has_remarks or "main.remark" not in statement)):
            connection.execute(statement)


def ddl(name: str) -> str:
    """Return the text of one of the files beside this module: `tables.sql`, `to-N.sql`, `older.sql`."""
    return (_FOLDER / name).read_text("utf-8")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _facts_of_order(body: bytes | None, order_key: str) -> str:
    """Return, as JSON, test, status and reported time of each report that a message has of one order."""
    return json.dumps([fact[1:] for fact in facts_in(body) if fact.key == order_key] if body is not None else [])


def _turn_of(key: str, body: bytes | None) -> int:
    """Return a key's turn; that of a patient is 0 where the message has others beside."""
    return 0 if body is not None and has_several_patients(body) else turns.turn_of(key)


def _refusal_of(reason: str, part: int) -> str:
    """Return the HIS's code (part 0) or its ERR-3 codes (part 1) from our own sentence about a refusal."""
    said = _REFUSAL.match(reason)
    return "" if said is None else " ".join((said[part + 1] or "").split(", "))


def _agent_of(outbox: str) -> str:
    """Return whose outbox it is; "" where there is one agent. One that agents share has one of them at a time."""
    return outbox if is_shared(outbox) else node_of(outbox) if ":" in outbox else ""


def _back_up(path: Path, copy_path: Path) -> None:
    """Copy what is committed; the writer's own connection cannot be copied in mid-transaction."""
    rights.create_private(copy_path)
    with closing(connect(path, read_only=True)) as source, closing(sqlite3.connect(copy_path)) as copy:
        source.backup(copy)
