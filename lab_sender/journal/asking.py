"""What every database's reader answers alike.

Holds: `Asking`: rows, rows by the names of their columns; the error of a journal that has not our tables.
Promises: one that is just being made has no rows, one of another version is an error that says so; a statement that
fails for another reason is a fault of ours and stays what it is.
Never: opens a connection, or knows a database (`sqlite/` and `postgres/` do).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.database import Values


class Asking(ABC):
    """Questions of one statement each."""

    not_there: ClassVar[tuple[type[Exception], ...]]
    """The errors by which the database says that there is no such table or column."""

    @property
    @abstractmethod
    def known_version(self) -> int:
        """The version of the tables that this lab-sender makes."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Any]:
        """Read within a block; the database's errors are mapped."""

    @abstractmethod
    def schema_version(self) -> int:
        """Return the version of the journal's tables; 0 while it is being made."""

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows; none while the journal is being made."""
        with self._asking() as db:
            rows: list[tuple[Any, ...]] = db.execute(sql, values).fetchall()
            return rows
        return []

    def dicts(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return all rows by the names of their columns; none while the journal is being made."""
        with self._asking() as db:
            cursor = db.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        return []

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Any]:
        """Read; a journal without our tables, or with those of another version, is told from a fault of ours."""
        try:
            with self.reading() as db:
                yield db
        except self.not_there:
            version = self.schema_version()
            if version == self.known_version:
                raise
            if version:
                raise of_another_version(version, self.known_version) from None


def of_another_version(version: int, known: int) -> AgentError:
    """Make the error of a journal whose tables are not this version's, which knows `known`."""
    if version > known:
        return AgentError(
            "journal.newer",
            f"the journal was written by a newer lab-sender (schema {version}, this one knows {known}).",
            hint="Start the newer version again.",
            exit_code=ExitCode.CONFIG,
        )
    return AgentError(
        "journal.older",
        f"the journal is of an older lab-sender (schema {version}, this one reads {known}).",
        hint="Start the agent of this version: it brings the journal up to date (of a file it keeps a copy).",
        exit_code=ExitCode.CONFIG,
    )
