"""A new journal of what can still be read of a damaged one.

Holds: `recover`, which reads table by table, around what cannot be read.
Promises: the damaged journal is not written to: its files are copied first. A row is taken as it is or not at all, a
message's bytes only where their checksum is right; of each table it is said how many rows were taken, and how many
numbers could not be read. Nothing is overwritten, and nothing that waited is left out in silence (mend.py).
Never: invents an answer of the HIS.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.journal import verdicts
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.sqlite import schema
from lab_sender.journal.sqlite.copies import as_one_file, new_file
from lab_sender.journal.sqlite.failures import mapped_errors
from lab_sender.journal.sqlite.mend import Mended, mend

_AT_ONCE: Final = 2000
_BY_NUMBER: Final = {
    "source": "id", "file": "id", "message": "id", "wire": "message_id", "remark": "id", "answer": "id",
    "event": "id", "attempt": "message_id", "message_order": "message_id", "owed": "source_id",
}  # fmt: skip
"""The column by whose numbers a table is read around a fault; the others are read from both ends."""
_COUNTED_BY: Final = {"wire": "message", "attempt": "message", "message_order": "message", "owed": "source"}
_READS: Final = range(6, schema.SCHEMA_VERSION + 1)
"""The schemas whose tables are read: what the newest has more is filled in (`schema.fill_in`)."""
Row = Sequence[Any]


class Unreadable(LabSenderError):
    """Nothing of the journal can be read."""

    exit_code = ExitCode.STORAGE


class Saved(NamedTuple):
    """What became of a table: rows that were taken, numbers that could not be read, rows that are not sound.

    A number that could not be read need not have had a row.
    """

    table: str
    rows: int
    unreadable: int
    unsound: int


class Recovered(NamedTuple):
    """What a damaged journal gave: table by table, and what had to be put right for it to be one whole."""

    tables: tuple[Saved, ...]
    mended: Mended

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, as far as anybody can tell."""
        return not any(each.unreadable or each.unsound for each in self.tables) and self.mended.is_nothing


def recover(path: Path, target: Path) -> Recovered:
    """Make a new journal of what can be read; no agent may run.

    Raises TargetTaken, Unreadable, AgentError, OSError.
    """
    with (
        new_file(target) as part,
        _copied(path, target.parent) as copy,
        mapped_errors(),
        closing(_opened(copy)) as old,
        closing(schema.connect(part)) as new,
    ):
        schema.prepare(new, part)
        new.execute("PRAGMA journal_mode = OFF")  # it is flushed, and gets its name, when it is whole
        new.execute("PRAGMA synchronous = OFF")
        new.execute("BEGIN IMMEDIATE")
        new.execute("DELETE FROM meta")
        last = _last_numbers(old)
        tables, lost = list[Saved](), set[int]()
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        for (name,) in new.execute(names).fetchall():
            table = _Table(old, new, name)
            tables.append(table.save(last))
            if name == "message":
                lost = table.lost
        (orders,) = [each for each in tables if each.table == "message_order"]
        schema.fill_in(new, schema.schema_version(old))
        verdicts.fold(new)  # before anything is judged by its state
        found = mend(new, last, lost, orders_whole=not (orders.unreadable or orders.unsound))
        new.execute("COMMIT")
        as_one_file(new)
    return Recovered(tuple(tables), found)


class _Table:
    """One table, on its way from the damaged journal to the new one."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, name: str) -> None:
        self._old, self._new, self._name = old, new, name
        had = {row[1] for row in old.execute(f"PRAGMA table_info({name})")}
        self._is_there = bool(had)
        columns = [row[1] for row in new.execute(f"PRAGMA table_info({name})") if row[1] in had]
        self._sums = _sums(columns) if name == "wire" else []
        listed, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._select = f"SELECT {listed} FROM {name}"
        self._insert = f"INSERT OR IGNORE INTO {name} ({listed}) VALUES ({marks})"
        keys = sorted((row[5], row[1]) for row in new.execute(f"PRAGMA table_info({name})") if row[5])
        self._keys = [key for _, key in keys]
        self._unreadable = 0
        self._unsound = 0
        self.lost = set[int]()
        """The numbers that could not be read, or were not sound; not each of them need have had a row."""

    def save(self, last: dict[str, int]) -> Saved:
        """Copy what can be read."""
        if not self._is_there:
            return Saved(self._name, 0, 0, 0)
        number = _BY_NUMBER.get(self._name)
        if number is None:
            self._from_both_ends()
        else:
            highest = last.get(_COUNTED_BY.get(self._name, self._name), 0)
            with suppress(sqlite3.DatabaseError):
                found = self._old.execute(f"SELECT MAX({number}) FROM {self._name}").fetchone()[0]
                highest = max(highest, found or 0)
            for first in range(0, highest + 1, _AT_ONCE):
                self._between(number, first, first + _AT_ONCE - 1)
            if self._unreadable:
                self._from_both_ends()
        (count,) = self._new.execute(f"SELECT COUNT(*) FROM {self._name}").fetchone()
        return Saved(self._name, count, self._unreadable, self._unsound)

    def _between(self, number: str, first: int, last: int) -> None:
        """Copy rows by their numbers; where that fails, by half as many at once."""
        try:
            rows = self._old.execute(f"{self._select} WHERE {number} BETWEEN ? AND ?", (first, last)).fetchall()
        except sqlite3.DatabaseError:
            if first == last:
                self._unreadable += 1
                self.lost.add(first)
                return
            middle = (first + last) // 2
            self._between(number, first, middle)
            self._between(number, middle + 1, last)
        else:
            self._take(rows)

    def _from_both_ends(self) -> None:
        """Copy rows by their key, from the first one up to a fault, and from the last one down to it."""
        reached = 0
        for direction in ("", " DESC"):
            order = ", ".join(f"{key}{direction}" for key in self._keys)
            try:
                for row in self._old.execute(f"{self._select} ORDER BY {order}"):
                    if self._is_sound(row):
                        self._new.execute(self._insert, row)
            except sqlite3.DatabaseError:
                reached += 1
            else:
                return
        self._unreadable = max(self._unreadable, reached and 1)

    def _take(self, rows: Sequence[Row]) -> None:
        sound = [row for row in rows if self._is_sound(row)]
        self._unsound += len(rows) - len(sound)
        before = self._new.total_changes
        self._new.executemany(self._insert, sound)
        lost = len(sound) - (self._new.total_changes - before)  # what a table's own rules do not take
        self._unsound += lost
        if self._unsound:
            self.lost.update(row[0] for row in rows if isinstance(row[0], int))

    def _is_sound(self, row: Row) -> bool:
        return all(_fits(row[content], row[crc32]) for content, crc32 in self._sums)


def _sums(columns: Sequence[str]) -> list[tuple[int, int]]:
    """Return where bytes stand, and where their sum does."""
    both = (("body", "crc32"), ("whole", "whole_crc32"))
    return [(columns.index(content), columns.index(crc32)) for content, crc32 in both if crc32 in columns]


def _fits(content: object, crc32: object) -> bool:
    if isinstance(content, bytes):
        return zlib.crc32(content) == crc32
    return content is crc32 is None


@contextmanager
def _copied(path: Path, beside: Path) -> Iterator[Path]:
    """Copy the journal with its log: opening it would write to both."""
    with tempfile.TemporaryDirectory(prefix=".journal-", dir=beside) as folder:
        for ending in ("", "-wal"):
            part = Path(f"{path}{ending}")
            if part.exists():
                shutil.copyfile(part, Path(folder) / f"journal.db{ending}")
        yield Path(folder) / "journal.db"


def _opened(path: Path) -> sqlite3.Connection:
    """Open the copy. Raises Unreadable: not even its list of tables can be read; AgentError: another version's."""
    connection = schema.connect(path)
    try:
        version = schema.schema_version(connection)
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Unreadable(
            "journal.unreadable",
            f"nothing of the journal can be read ({getattr(error, 'sqlite_errorname', 'SQLITE_ERROR')}).",
            hint="Restore the last backup: docs/AUDITOR.md, 'Restore a backup'.",
        ) from error
    if version not in _READS:
        connection.close()
        raise of_another_version(version, schema.SCHEMA_VERSION)
    return connection


def _last_numbers(old: sqlite3.Connection) -> dict[str, int]:
    """Return the highest numbers that were ever given, by table, as far as that can be read."""
    try:
        return {str(name): int(number) for name, number in old.execute("SELECT name, seq FROM sqlite_sequence")}
    except (sqlite3.DatabaseError, TypeError, ValueError):
        return {}
