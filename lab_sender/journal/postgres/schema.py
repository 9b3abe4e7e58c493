"""The journal's tables on PostgreSQL: made from the same text as SQLite's.

Holds: how a new journal is made, and which version one has.
Promises: one process makes them, in one transaction; a newer or older journal is an error, and never replaced.
Never: drops or changes a table.
"""

from __future__ import annotations

from typing import Final

from psycopg import errors, sql

from lab_sender.config.server import Server
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.postgres.connection import PostgresDb
from lab_sender.journal.postgres.locks import Locks
from lab_sender.journal.postgres.translation import tables
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION, ddl, of_another_version

_NOTES: Final = "INSERT INTO meta (key, value) VALUES ('schema', '{version}'), ('acts', '0')"


def prepare(db: PostgresDb, server: Server, locks: Locks) -> None:
    """Make the tables where there are none. Raises AgentError (exit 78)."""
    if (version := schema_version(db)) == 0:
        version = _made(db, server, locks)
    if version != SCHEMA_VERSION:
        raise of_another_version(version)


def schema_version(db: PostgresDb) -> int:
    """Return the version of the tables; 0 where there are none."""
    try:
        rows = db.script("SELECT value FROM meta WHERE key = 'schema'")
    except errors.UndefinedTable:
        return 0
    return int(rows[0][0]) if rows else 0


def _made(db: PostgresDb, server: Server, locks: Locks) -> int:
    """Make them; another process may do so just now."""
    if db.script("SHOW server_encoding") != [("UTF8",)]:
        raise AgentError(
            "journal.encoding",
            "the database is not in UTF-8: names of patients would be altered.",
            hint="Make another one: createdb --encoding=UTF8 --template=template0 NAME.",
            exit_code=ExitCode.CONFIG,
        )
    db.script(f"BEGIN; SELECT pg_advisory_xact_lock({locks.acts})")
    try:
        if version := _version_within(db):
            return version
        name = sql.Identifier(server.schema).as_string(db.raw)
        if not db.script("SELECT 1 FROM pg_namespace WHERE nspname = current_schema()"):
            db.script(f"CREATE SCHEMA {name}")
        for statement in tables(ddl("tables.sql")):
            db.script(statement)
        db.script(_NOTES.format(version=SCHEMA_VERSION))
        db.script("COMMIT")
    except errors.InsufficientPrivilege as error:
        raise AgentError(
            "journal.no-right",
            f"this account may not make the journal's tables in the schema {server.schema}.",
            hint=f"As the database's owner: CREATE SCHEMA {server.schema} AUTHORIZATION the account.",
            exit_code=ExitCode.STORAGE,
        ) from error
    finally:
        if not db.is_idle and not db.raw.closed:
            db.script("ROLLBACK")
    return SCHEMA_VERSION


def _version_within(db: PostgresDb) -> int:
    """Return the version, within a transaction, which a question to a missing table would end."""
    if db.script("SELECT to_regclass('meta') IS NULL") == [(True,)]:
        return 0
    return schema_version(db)
