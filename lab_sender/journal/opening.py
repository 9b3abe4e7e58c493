"""The one place that asks which database a journal is on.

Holds: the choice of a writer and of a reader.
Promises: what PostgreSQL needs is imported only for a journal that is there.
Never: knows a statement.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab_sender.config.server import Server
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.database import Address, Reader, Store
from lab_sender.journal.leases import Fence
from lab_sender.journal.sqlite import SqliteReader, SqliteStore, fold_in

if TYPE_CHECKING:
    from lab_sender.journal.postgres.lane_store import LaneStore
    from lab_sender.journal.postgres.leases import LeaseTable
    from lab_sender.journal.postgres.records import RecordsStore


def open_store(address: Address, *, busy_timeout_s: float) -> Store:
    """Open a process's writer, making a new journal if there is none. Raises AgentError or JournalUnavailable."""
    if isinstance(address, Server):
        with driver():
            from lab_sender.journal.postgres.store import PostgresStore

        return PostgresStore(address, busy_timeout_s=busy_timeout_s)
    return SqliteStore(address, busy_timeout_s=busy_timeout_s)


def open_reader(address: Address) -> Reader:
    """Open a connection that only reads; it is made by the first question. Raises AgentError."""
    if isinstance(address, Server):
        with driver():
            from lab_sender.journal.postgres.reader import PostgresReader

        return PostgresReader(address)
    return SqliteReader(address, fold_in=fold_in)


def open_leases(store: Store, instance: str) -> LeaseTable:
    """Open what says whose a lane is, for the agent of this process, of which several share the journal."""
    from lab_sender.journal.postgres.leases import LeaseTable

    return LeaseTable(store.path, instance)


def open_lane_store(store: Store, fence: Fence) -> LaneStore:
    """Open the writer of a lane that this process has taken, beside its first one."""
    from lab_sender.journal.postgres.lane_store import LaneStore
    from lab_sender.journal.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    return LaneStore(store, fence)


def open_records(server: Server) -> RecordsStore:
    """Open what page and alerts keep in a journal's schema; nothing is asked yet. Raises AgentError."""
    with driver():
        from lab_sender.journal.postgres.records import RecordsStore

    return RecordsStore(server)


def leases_of(server: Server, instance: str) -> LeaseTable:
    """Open the leases for a process beside the agent's. Raises AgentError."""
    with driver():
        from lab_sender.journal.postgres.leases import LeaseTable

    return LeaseTable(server, instance)


@contextlib.contextmanager
def driver() -> Iterator[None]:
    """Import what speaks to PostgreSQL. Raises AgentError that says what to install."""
    try:
        yield
    except ImportError as error:
        raise AgentError(
            "journal.no-driver",
            f"the journal is on PostgreSQL, and what speaks to it is not there ({error}).",
            hint="Install it: pip install 'lab-sender[postgresql]'.",
            exit_code=ExitCode.CONFIG,
        ) from error


def text_for_dba(schema: str, role: str, since: int = 0) -> str:
    """Write the SQL that makes a journal in a schema for a role, or brings one of version `since` up; for psql.

    Raises ValueError where there is no such version.
    """
    with driver():
        from lab_sender.journal.postgres import schema as of_postgres

    return of_postgres.text_for_dba(schema, role, since)
