"""What deletes much, on PostgreSQL.

Holds: its transactions; what SQLite's has to do beside them, the server does by itself.
Promises: each is alone, and small enough for others to go between.
Never: deletes what a trigger keeps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg

from lab_sender.journal.database import DeletionRejected
from lab_sender.journal.postgres.connection import PostgresDb


class PostgresAside:
    """Deletes in small steps, each alone; the server makes room by itself (autovacuum)."""

    def __init__(self, acting: Callable[[], contextlib.AbstractContextManager[PostgresDb]]) -> None:
        self._acting = acting

    @contextlib.contextmanager
    def transaction(self) -> Iterator[PostgresDb]:
        """Run a transaction. Raises JournalUnavailable or AgentError; nothing was written."""
        try:
            with self._acting() as db:
                yield db
        except psycopg.IntegrityError as error:  # a trigger: the rule that was to keep it has a hole
            said = error.diag.message_primary
            raise DeletionRejected("retention.rejected", f"{said}; nothing was deleted.") from error

    def catch_up(self) -> None:
        """Do nothing: the server does."""

    def give_back(self, most: int) -> bool:
        """Return False: the server keeps its own free room."""
        del most
        return False

    def finish(self) -> bool:
        """Return True: the server's log is its own."""
        return True

    def close(self) -> None:
        """Do nothing: the store closes."""
