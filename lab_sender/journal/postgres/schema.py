"""The journal's tables on PostgreSQL: made from the same text as SQLite's, and brought up to date.

Holds: how a new journal is made and an older one changed, which version one has, and the same as a text for a DBA.
Promises: one process does so, in one transaction, alone on the journal; it waits for others briefly and again, so
that nobody stands behind it for long. A newer journal is worked on only where that says so.
Never: drops a table, or works on tables that it does not know.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from psycopg import errors, sql

from lab_sender.config.server import Server
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.postgres import steps
from lab_sender.journal.postgres.connection import PostgresDb
from lab_sender.journal.postgres.locks import Locks, locks_of
from lab_sender.journal.postgres.translation import tables
from lab_sender.journal.sqlite.schema import ddl

_NOTED: Final = "INSERT INTO meta (key, value) VALUES ('acts', '0') ON CONFLICT DO NOTHING"
_VERSION: Final = (
    "INSERT INTO meta (key, value) VALUES ('schema', '{version}'), ('readable_by', '{readable_by}')"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_TRIES: Final = 10
_LOCK_S: Final = 2
_EACH_S: Final = 0.5


class Version(NamedTuple):
    """What a journal says of itself; 0: it has no tables."""

    number: int
    readable_by: int

    @property
    def is_known(self) -> bool:
        """Whether this lab-sender may work on it."""
        return self.readable_by <= steps.known()


def prepare(db: PostgresDb, server: Server, locks: Locks) -> None:
    """Make the tables where there are none, and bring older ones up. Raises AgentError (exit 78)."""
    if db.script("SHOW server_encoding") != [("UTF8",)]:
        raise AgentError(
            "journal.encoding",
            "the database is not in UTF-8: names of patients would be altered.",
            hint="Make another one: createdb --encoding=UTF8 --template=template0 NAME.",
            exit_code=ExitCode.CONFIG,
        )
    version = version_of(db)
    if version.number < steps.known():
        version = _brought_up(db, server, locks)
    demand_known(version)


def demand_known(version: Version) -> None:
    """Raise AgentError where only a newer lab-sender may work on it."""
    if not version.is_known:
        raise of_another_version(version.number, steps.known())


def version_of(db: PostgresDb) -> Version:
    """Return the version of the tables."""
    if db.script("SELECT to_regclass('meta') IS NULL") == [(True,)]:
        return Version(0, 0)
    return version_in(dict(db.script("SELECT key, value FROM meta WHERE key IN ('schema', 'readable_by')")))


def version_in(noted: Mapping[str, str]) -> Version:
    """Read the two notes; the first journals have one."""
    number = int(noted.get("schema", 0))
    return Version(number, int(noted.get("readable_by", number)))


def schema_version(db: PostgresDb) -> int:
    """Return the version of the tables, 0 where there are none; a newer one that may be read counts as ours."""
    found = version_of(db)
    return min(found.number, steps.known()) if found.is_known else found.number


def text_for_dba(schema: str, role: str, since: int = 0) -> str:
    """Write what `prepare` does, and the rights that the agent's role needs then, for psql.

    `since` is the version that is there, 0 for none. Raises ValueError where there is no such version.
    """
    if since and not steps.FIRST <= since < steps.known():
        raise ValueError(since)
    lock = f"SELECT pg_advisory_xact_lock({locks_of(schema).all})"
    there = f"(SELECT value FROM meta WHERE key = 'schema') IS DISTINCT FROM '{since}'"
    wrong = there if since else "to_regclass('meta') IS NOT NULL"
    said = f"it is not of version {since}" if since else "it has its tables already"
    made = [
        *([] if since else [f'CREATE SCHEMA IF NOT EXISTS "{schema}"']),
        f'SET LOCAL search_path = "{schema}"',
        f"SET LOCAL lock_timeout = '{_LOCK_S}s'",
        lock,
        f"DO $$ BEGIN IF {wrong} THEN RAISE 'nothing was changed: {said}'; END IF; END $$",
    ]
    rights = [
        f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"',
        f'GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA "{schema}" TO "{role}"',
    ]
    body = [*made, *_statements(since), *rights]
    head = f"-- The journal of lab-sender, schema {steps.known()}{f', from {since}' if since else ''}."
    texts = (each.strip().removesuffix(";") for each in body)
    return "\n".join([head, "\\set ON_ERROR_STOP on", "BEGIN;", *(f"{each};" for each in texts), "COMMIT;", ""])


def _statements(since: int) -> list[str]:
    made = [] if since else list(tables(ddl("tables.sql")))
    notes = [_NOTED, _VERSION.format(version=steps.known(), readable_by=steps.readable_by())]
    return [*made, *(each.sql for each in steps.since(since)), *notes]


def _brought_up(db: PostgresDb, server: Server, locks: Locks) -> Version:
    """Bring it up; what others have locked is waited for, a while at a time: they would stand behind us."""
    for _ in range(_TRIES - 1):
        try:
            return _once(db, server, locks)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(_EACH_S)
    return _once(db, server, locks)


def _once(db: PostgresDb, server: Server, locks: Locks) -> Version:
    """Make or change the tables in one transaction. Raises AgentError where this account may not."""
    try:
        return _changed(db, server, locks)
    except (errors.InsufficientPrivilege, errors.DuplicateSchema) as error:
        db.script("ROLLBACK")
        raise _no_right(server, version_of(db).number) from error
    finally:
        if not db.is_idle and not db.raw.closed:
            db.script("ROLLBACK")


def _changed(db: PostgresDb, server: Server, locks: Locks) -> Version:
    """Change them; another process may have done so just before."""
    db.script(
        f"BEGIN; SET LOCAL lock_timeout = '{int(_LOCK_S * 1000)}ms'; SELECT pg_advisory_xact_lock({locks.all})"
    )
    version = version_of(db)
    if version.number >= steps.known():
        return version
    if not db.script("SELECT 1 FROM pg_namespace WHERE nspname = current_schema()"):
        db.script(f"CREATE SCHEMA {sql.Identifier(server.schema).as_string(db.raw)}")
    for statement in _statements(version.number):
        db.script(statement)
    db.script("COMMIT")
    return Version(steps.known(), steps.readable_by())


def _no_right(server: Server, version: int) -> AgentError:
    what = f"bring the journal's tables to version {steps.known()}" if version else "make the journal's tables"
    since = f" --from {version}" if version else ""
    return AgentError(
        "journal.schema-behind",
        f"this account may not {what} in the schema {server.schema}.",
        hint=f"A DBA must run what `lab-sender journal schema{since}` prints, with psql.",
        exit_code=ExitCode.CONFIG,
    )
