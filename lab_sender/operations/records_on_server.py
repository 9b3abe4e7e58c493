"""What page, API and alerts keep where the journal is on PostgreSQL: in its schema, one set for all machines.

Holds: `RecordsOnServer`, which is asked as operations.db is; a transaction may be one of a lease.
Promises: what is committed is on the server's disk; transactions come one at a time, whichever machine makes them.
What a machine has in an operations.db of before is taken along once, by the first who asks (taken_along.py).
Never: makes a table beside the journal's own steps, or keeps anything on this machine.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import JournalUnavailable, LeaseLost, open_records
from lab_sender.operations.records import Column, Connection, RecordsDamaged, RecordsUnavailable, Values

if TYPE_CHECKING:
    from pathlib import Path

    from lab_sender.config.server import Server
    from lab_sender.journal import Fence


class RecordsOnServer:
    """What is kept in a journal's schema; threads may share it."""

    def __init__(self, server: Server, *files: Path) -> None:
        """Nothing is asked yet; the first question takes along what this machine has kept in `files` until now.

        Raises AgentError where what speaks to PostgreSQL is not installed.
        """
        self._store = open_records(server)
        self._server = server
        self._files = files
        self._taking = threading.RLock()
        self._is_taken = not files
        self._takes = False

    def also(self, tables: str, columns: Sequence[Column] = ()) -> None:
        """Do nothing: the journal's steps make all tables."""

    @contextlib.contextmanager
    def transaction(self, fence: Fence | None = None) -> Iterator[Connection]:
        """Run a transaction; with a fence only while its lease is ours. Raises LeaseLost."""
        self._take_along()
        with _mapped(), self._store.transaction(fence) as db:
            yield db

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let what this thread reads within the block be of one moment, whatever is written meanwhile."""
        self._take_along()
        with _mapped(), self._store.reading():
            yield

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a question."""
        self._take_along()
        with _mapped(), self._store.reading() as db:
            return db.execute(sql, values).fetchall()

    def dicts(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return all rows of a question by the names of their columns."""
        self._take_along()
        with _mapped(), self._store.reading() as db:
            cursor = db.execute(sql, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def last_audit_row(self) -> int:
        """Return the number of the last row that the audit ever had, 0 if none."""
        rows = self.rows("SELECT last_id FROM audit_end")
        return int(rows[0][0]) if rows else 0

    def close(self) -> None:
        """Close every connection; nobody asks any more."""
        self._store.close()

    def _take_along(self) -> None:
        """Take along what lies on this machine, if anything does. Raises RecordsUnavailable or RecordsDamaged."""
        if self._is_taken:
            return
        with self._taking:
            if self._is_taken or self._takes:
                return
            self._takes = True
            try:
                for file in self._files:
                    if file.exists():
                        from lab_sender.operations.taken_along import take_along

                        take_along(file, self, self._server.node)
                self._is_taken = True
            finally:
                self._takes = False


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except LeaseLost:
        raise
    except JournalUnavailable as error:
        raise RecordsUnavailable(
            "records.unavailable",
            f"accounts, audit and alerts are on PostgreSQL, and cannot be read or written now ({error.code}).",
            hint=error.hint,
        ) from error
    except AgentError as error:
        if error.exit_code == ExitCode.STORAGE:
            raise RecordsDamaged(error.code, error.text, hint=error.hint) from error
        raise RecordsUnavailable(error.code, error.text, hint=error.hint) from error
