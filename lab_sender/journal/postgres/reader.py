"""A connection that only reads.

Holds: the reader's connection, made anew where it was lost.
Promises: blocks no writer and writes nothing; a block sees one instant; a journal that is just being made answers
with no rows.
Never: looks whether the server's files are whole: that is PostgreSQL's (`journal check` says so).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

import psycopg
from psycopg import errors

from lab_sender.config.server import Server
from lab_sender.errors import AgentError
from lab_sender.journal.asking import Asking
from lab_sender.journal.database import now_ms
from lab_sender.journal.leases import NOW_MS
from lab_sender.journal.postgres import moving, schema, steps
from lab_sender.journal.postgres.connection import PostgresDb, connect
from lab_sender.journal.postgres.failures import is_lost, raise_mapped
from lab_sender.journal.postgres.locks import locks_of

_NOT_WRITABLE: Final = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = ? AND c.relkind = 'r' AND NOT (has_table_privilege(c.oid, 'SELECT')"
    " AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')"
    " AND has_table_privilege(c.oid, 'DELETE')) ORDER BY c.relname"
)
_MAY_MAKE: Final = (
    "SELECT COALESCE((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :schema),"
    " has_database_privilege(current_database(), 'CREATE'))"
)
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresReader(Asking):
    """A connection to a journal that is read."""

    not_there = (errors.UndefinedTable, errors.UndefinedColumn)

    @property
    def known_version(self) -> int:
        """The version that this lab-sender makes."""
        return steps.known()

    def __init__(self, server: Server, failed: Callable[[BaseException], NoReturn] = raise_mapped) -> None:
        """It is opened by the first question; `failed` raises an error as what it means."""
        self._server = server
        self.node = server.node
        self._failed = failed
        self._db: PostgresDb | None = None
        self._lock = threading.RLock()
        self._is_within = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresDb]:
        """Read within a block, one thread at a time; the database's errors are mapped.

        Raises AgentError or JournalUnavailable.
        """
        with self._lock:
            if self._is_within and self._db is not None:
                yield self._db
                return
            try:
                db = self._begun()
                self._is_within = True
                try:
                    yield db
                    db.script("COMMIT")
                finally:
                    self._is_within = False
                    leave(db)
            except (psycopg.Error, AgentError) as error:
                self._failed(error)

    def schema_version(self) -> int:
        """Return the version of the journal's tables; 0 while it is being made."""
        with self.reading() as db:
            return schema.schema_version(db)

    def foreign_version(self) -> int:
        """Return a number that changes when somebody has written."""
        with self.reading() as db:
            ((version,),) = db.script("SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS BIGINT)")
        return int(version)

    def size_bytes(self) -> int:
        """Return what the tables and their indexes take."""
        with self.reading() as db:
            ((size,),) = db.script(
                "SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0) FROM pg_class"
                " WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r'"
            )
        return int(size)

    def weaknesses(self) -> list[str]:
        """Return what of the server's settings can lose what was committed, in words."""
        with self.reading() as db:
            off = [
                f"{name} is off: a power cut can lose or tear what was delivered"
                for (name,) in db.script(
                    "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'"
                    " ORDER BY name"
                )
            ]
            ((standbys, synchronous),) = db.script(
                "SELECT COUNT(*), current_setting('synchronous_standby_names') FROM pg_stat_replication"
            )
        if standbys and not synchronous:
            text = "a standby follows without synchronous_standby_names: if it takes over, the last results are gone"
            off.append(text)
        if synchronous and not standbys:
            off.append("no standby follows that synchronous_standby_names waits for: nothing is received or sent")
        return off

    def rights_lacking(self) -> list[str]:
        """Return what this account may not do that an agent has to, in words."""
        with self.reading() as db:
            version = schema.version_of(db).number
            tables = [name for (name,) in db.execute(_NOT_WRITABLE, (self._server.schema,))]
            ((may_make,),) = db.execute(_MAY_MAKE, {"schema": self._server.schema}).fetchall()
        lacking = [f"no right to read and write the tables {', '.join(tables)}"] if tables else []
        if version < steps.known() and not may_make:
            since = f" from version {version}" if version else ""
            lacking.append(f"no right to make its tables{since}")
        return lacking

    def clock_ahead_ms(self) -> int:
        """Return by how much the server's clock is ahead of this machine's; behind it, less than 0."""
        with self.reading() as db:
            asked_ms = now_ms()
            ((there_ms,),) = db.script(f"SELECT {NOW_MS}")
            return int(there_ms) - (asked_ms + now_ms()) // 2

    def keeps_out(self) -> str:
        """Return by which code an agent at work keeps out the one of this address, "" where none does."""
        with self.reading() as db:
            try:
                ((is_free, is_mine),) = db.script(locks_of(self._server.schema).of_agent(self._server.node))
            finally:
                db.script("SELECT pg_advisory_unlock_all()")
        return "journal.taken" if not is_free else "" if is_mine else "node.taken"

    def damage(self, within_s: float | None = None) -> str:
        """Return "": the files are the server's, which checks what it reads."""
        del within_s
        with self.reading() as db:
            schema.schema_version(db)
        return ""

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()

    def _begun(self) -> PostgresDb:
        if self._db is not None and self._db.is_idle:
            try:
                self._db.script(READ)
                return self._db
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
        if self._db is not None:
            self._db.close()
        self._db = connect(self._server, read_only=True)
        if schema.version_of(self._db).number:
            moving.demand_here(self._db)
        self._db.script(READ)
        return self._db


def leave(db: PostgresDb) -> None:
    """Undo what a block has left open; a connection that cannot is closed."""
    if db.is_idle:
        return
    try:
        db.script("ROLLBACK")
    except psycopg.Error:
        db.close()
