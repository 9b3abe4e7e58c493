"""journal.db as one end of a move.

Holds: the tables, the file that is read, the file that is made, and what a file notes of a move.
Promises: a file that is moved is changed by one COMMIT, which says that it has moved; until then it is locked, and a
kill leaves it as it was. A file that is made has its name only when it is whole and on the disk.
Never: looks at the other end.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

from lab_sender.journal import notes, verdicts
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.contents import Kind, Row, Table
from lab_sender.journal.moved import MOVED_IN, MOVED_TO, ToServer, demand_not_left
from lab_sender.journal.notes import Note
from lab_sender.journal.sqlite import schema
from lab_sender.journal.sqlite.copies import as_one_file, demand_whole, new_file
from lab_sender.journal.sqlite.failures import mapped_errors
from lab_sender.journal.sqlite.mend import never_again


def tables() -> tuple[Table, ...]:
    """Return the tables of a journal of this version."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema.ddl("tables.sql"))
        listed = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        names = [name for (name,) in db.execute(listed)]
        infos = {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
    return tuple(Table(name, {row[1]: cast(Kind, row[2]) for row in info}) for name, info in infos.items())


def noted(path: Path, key: Note) -> str:
    """Return what a file notes of a move, "" where nothing is, or no file. Raises what keeps it from being read."""
    if not path.exists() or not path.stat().st_size:
        return ""
    with mapped_errors(), closing(schema.connect(path, read_only=True)) as db:
        try:
            if not schema.schema_version(db):
                return ""
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:  # somebody else's file
                return ""
            raise
        return notes.noted(db, key)


class MovedFile:
    """The file that is moved: locked from here to `close`, and read."""

    def __init__(self, path: Path) -> None:
        """Raises AgentError or JournalUnavailable."""
        with mapped_errors():
            self._db = schema.connect(path, busy_timeout_s=1.0)
            try:
                version = schema.schema_version(self._db)
                if version != schema.SCHEMA_VERSION:
                    raise of_another_version(version, schema.SCHEMA_VERSION)
                demand_not_left(notes.noted(self._db, MOVED_TO))
                demand_whole(self._db)
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("BEGIN IMMEDIATE")
                verdicts.fold(self._db)
            except BaseException:
                self._db.close()
                raise
        self._db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        return int(self._db.execute(f"SELECT COUNT(*) FROM {table.name}").fetchone()[0])

    def rows(self, table: Table) -> Generator[Row]:
        """Return its rows."""
        with mapped_errors():
            yield from self._db.execute(f"SELECT {table.columns} FROM {table.name}")

    def last_ids(self) -> dict[str, int]:
        """Return the last id that each table has given."""
        return dict(self._db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())

    def leave(self, note: ToServer) -> None:
        """Say that the journal has moved. This COMMIT is the instant at which it has."""
        with mapped_errors():
            notes.note(self._db, MOVED_TO, str(note))
            self._db.execute("COMMIT")
            with contextlib.suppress(sqlite3.Error):  # that a copy of the file alone says so too
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let it go; without `leave` nothing was changed."""
        self._db.close()


class NewFile:
    """The file that is made, under another name yet."""

    has_nul = True

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows; those that a new journal has by itself go."""
        self._db.execute(f"DELETE FROM {table.name}")
        values = ", ".join("?" * len(table.kinds))
        self._db.executemany(f"INSERT INTO {table.name} ({table.columns}) VALUES ({values})", rows)

    def rows(self, table: Table) -> Generator[Row]:
        """Return what it has now."""
        yield from self._db.execute(f"SELECT {table.columns} FROM {table.name}")

    def give_ids_from(self, last: dict[str, int]) -> None:
        """Let each table go on behind the last id that was given, or the highest that is there."""
        for name, number in last.items():
            if _counts(self._db, name):
                never_again(self._db, name, number)

    def note(self, move: str) -> None:
        """Note which move has made it."""
        notes.note(self._db, MOVED_IN, move)


@contextlib.contextmanager
def made(target: Path, when_whole: Callable[[Path], None]) -> Iterator[NewFile]:
    """Let a file be filled. After the block it is looked at whole, and gets its name behind `when_whole`.

    That is told how it is called until then.

    The rename is the instant at which the journal is there. Raises TargetTaken, AgentError, JournalUnavailable.
    """
    with new_file(target) as part, mapped_errors():
        with closing(sqlite3.connect(part, isolation_level=None)) as db:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("BEGIN")
            schema.make(db)
            yield NewFile(db)
            db.execute("COMMIT")
            as_one_file(db)
        when_whole(part)


def _counts(db: sqlite3.Connection, table: str) -> bool:
    (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return "AUTOINCREMENT" in text
