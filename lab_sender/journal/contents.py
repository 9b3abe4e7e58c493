"""All that a journal holds, table by table, on its way from one database to another.

Holds: the tables with the kinds of their columns, the sum by which two copies are compared, the texts that are told.
Promises: a value comes out as it went in, or the move ends with the column's name. Only a NUL, which no text of a
PostgreSQL can hold, becomes U+FFFD, and is counted. A sum is that of all rows, in whatever order they come.
Never: opens a database.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, Final, Literal, NamedTuple, Protocol, cast

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.journal.moved import MOVED, MOVED_IN, MOVED_TO

Kind = Literal["INTEGER", "TEXT", "BLOB", "REAL", "BOOLEAN"]
Row = tuple[Any, ...]

OF_THE_DATABASE: Final = frozenset(
    ("schema", "readable_by", "acts", "last_write", "last_file", "machine_run", MOVED, MOVED_IN, MOVED_TO)
)
"""Notes of `meta` that are about the database itself, and stay with it."""
_TYPES: Final[dict[Kind, tuple[type, ...]]] = {
    "INTEGER": (int,), "TEXT": (str,), "BLOB": (bytes,), "REAL": (float, int), "BOOLEAN": (bool, int),
}  # fmt: skip
_WHOLE: Final = 1 << 128


class MoveRejected(LabSenderError):
    """The journal was not moved, and is where it was."""

    exit_code = ExitCode.NO


class Table(NamedTuple):
    """A table, with the kinds of its columns by their names."""

    name: str
    kinds: dict[str, Kind]

    @property
    def columns(self) -> str:
        """Their names, as a statement has them."""
        return ", ".join(self.kinds)


class Sum:
    """How many rows there are, and what they come to together."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Let rows through, and add them."""
        for row in rows:
            self.rows += 1
            self._sum += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
            yield row

    def __eq__(self, other: object) -> bool:
        """Whether these are the same rows."""
        return isinstance(other, Sum) and (self.rows, self._sum % _WHOLE) == (other.rows, other._sum % _WHOLE)

    __hash__ = None  # type: ignore[assignment]


class Source(Protocol):
    """The journal that is moved; nobody writes to it meanwhile."""

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""

    def rows(self, table: Table) -> Generator[Row]:
        """Return its rows, columns in the table's order."""

    def last_ids(self) -> dict[str, int]:
        """Return the last id that each table has given, by its name."""


class Target(Protocol):
    """The journal that it becomes, in one transaction."""

    has_nul: bool
    """Whether its texts can hold one."""

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows."""

    def rows(self, table: Table) -> Generator[Row]:
        """Return what it has now."""

    def give_ids_from(self, last: dict[str, int]) -> None:
        """Let each table go on behind the last id that the source has given."""


class Progress(Protocol):
    """Hears how far a move is."""

    def __call__(self, table: str, done: int, rows: int, /) -> None:
        """`done` of a table's `rows` are there."""


class Copied(NamedTuple):
    """What was copied: rows by table, and in which columns texts had a NUL."""

    rows: dict[str, int]
    nul: dict[str, int]


def copy(tables: Iterable[Table], source: Source, target: Target, progress: Progress) -> Copied:
    """Copy all, read it back and compare. Raises MoveRejected: nothing of it may be committed then."""
    sums, nul = dict[str, Sum](), Counter[str]()
    tables = list(tables)
    for table in tables:
        sums[table.name] = Sum()
        count = source.count(table)
        with closing(source.rows(table)) as read:
            rows = _sound(table, _of_us(table, read), nul, keep_nul=target.has_nul)
            target.write(table, sums[table.name].over(_told(table, rows, count, progress)))
    target.give_ids_from(source.last_ids())
    for table in tables:
        there = Sum()
        with closing(target.rows(table)) as read:
            deque(there.over(_sound(table, _of_us(table, read), Counter(), keep_nul=True)), maxlen=0)
        if there != sums[table.name]:
            raise MoveRejected(
                "journal.move-differs",
                f"what was read back of the table {table.name} is not what was written; nothing was changed.",
                hint="Has a disk or memory a fault? The journal stays where it was.",
            )
    return Copied({name: each.rows for name, each in sums.items()}, dict(nul))


def _of_us(table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    """Leave out what is about the database itself."""
    if table.name != "meta":
        yield from rows
        return
    key = list(table.kinds).index("key")
    yield from (row for row in rows if row[key] not in OF_THE_DATABASE)


def _told(table: Table, rows: Iterable[Row], count: int, progress: Progress) -> Iterator[Row]:
    done = 0
    for done, row in enumerate(rows, 1):
        if done % 10_000 == 0:
            progress(table.name, done, count)
        yield row
    progress(table.name, done, done)


def _sound(table: Table, rows: Iterable[Row], nul: Counter[str], *, keep_nul: bool) -> Iterator[Row]:
    """Return rows in one form, whichever database they come from."""
    kinds = list(table.kinds.items())
    for row in rows:
        yield tuple([
            None if value is None else _value(table.name, name, kind, value, nul, keep_nul=keep_nul)
            for (name, kind), value in zip(kinds, row, strict=True)
        ])  # fmt: skip


def _value(table: str, name: str, kind: Kind, value: Any, nul: Counter[str], *, keep_nul: bool) -> Any:
    if isinstance(value, memoryview):
        value = bytes(value)
    if not isinstance(value, _TYPES[kind]):
        raise _cannot_move(table, name)
    if kind == "TEXT":
        text = cast(str, value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise _cannot_move(table, name) from None
        if not keep_nul and "\0" in text:
            nul[f"{table}.{name}"] += 1
            text = text.replace("\0", "\ufffd")
        return text
    if kind == "BOOLEAN":
        return bool(value)
    return float(cast(float, value)) if kind == "REAL" else value


def _cannot_move(table: str, name: str) -> MoveRejected:
    """Make the error of a value that no program of ours has written."""
    return MoveRejected(
        "journal.move-value",
        f"a row of the table {table} has in {name} what is no value of that column; nothing was changed.",
        hint="The journal was written by another program, or is damaged: `lab-sender check`, then"
        " 'The journal is damaged' in docs/SYMPTOMS.md.",
    )
