"""A read stands from one appended row to the next, and for nobody else: two writers on one file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from kit.system import WINDOWS

from lab_sender.errors import AgentError
from lab_sender.journal import JournalUnavailable
from lab_sender.journal.sqlite.store import SqliteStore

_ROW = "INSERT INTO meta (key, value) VALUES (:key, '')"
_BUSY_S = 0.2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "journal.db", busy_timeout_s=_BUSY_S)) as store:
        with store.quick() as db:
            db.execute(_ROW, {"key": "first"})
        yield store


@pytest.fixture
def other(store: SqliteStore) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(store.path, isolation_level=None, timeout=0)) as db:
        yield db


def _keys(db: sqlite3.Connection) -> set[str]:
    return {key for (key,) in db.execute("SELECT key FROM meta WHERE value = ''")}


def _somebody_reads(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])


class _Seam:
    """The writer's connection; `then` happens at a statement, once, `behind` it or in its place."""

    def __init__(self, store: SqliteStore, statement: str, then: Callable[[], object], *, behind: bool) -> None:
        self.store, self.real = store, store.connection
        self.statement, self.then, self.behind = statement, then, behind
        self.is_due = True
        store.connection = cast("sqlite3.Connection", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        due = self.is_due and sql == self.statement
        self.is_due = self.is_due and not due
        if due and not self.behind:
            self.then()
        done = self.real.execute(sql, *values)
        if due and self.behind:
            self.then()
        return done


def test_it_stands_from_one_row_to_the_next_until_the_tick(store: SqliteStore, other: sqlite3.Connection) -> None:
    for key in ("a", "b", "c"):
        assert store.append(_ROW, {"key": key})
        store.foreign_version(as_appended=True)
        assert _somebody_reads(other)
        assert _keys(other) >= {"first", key}
    store.tick()
    assert not _somebody_reads(other)


def test_a_row_stands_on_what_others_have_written_and_tells_of_it(
    store: SqliteStore, other: sqlite3.Connection
) -> None:
    store.append(_ROW, {"key": "a"})
    version = store.foreign_version(as_appended=True)
    store.append(_ROW, {"key": "b"})
    assert store.foreign_version(as_appended=True) == version
    other.execute(_ROW, {"key": "others"})
    assert store.append(_ROW, {"key": "c"})
    assert store.foreign_version(as_appended=True) != version
    assert _keys(other) == {"first", "a", "b", "c", "others"}


def test_what_others_write_behind_the_row_that_lets_it_stand_is_told_with_the_next(
    store: SqliteStore, other: sqlite3.Connection
) -> None:
    _Seam(store, "COMMIT", lambda: other.execute(_ROW, {"key": "others"}), behind=True)
    told = list[int]()
    for key in ("a", "b"):
        store.append(_ROW, {"key": key})
        told.append(store.foreign_version(as_appended=True))
    assert told[0] != told[1]


def _no_memory() -> None:
    raise MemoryError


def _append(store: SqliteStore) -> None:
    store.append(_ROW, {"key": "a"})


def _transaction(store: SqliteStore) -> None:
    with store.quick() as db:
        db.execute(_ROW, {"key": "a"})


@pytest.mark.parametrize("way", [_append, _transaction])
def test_a_row_is_said_to_be_there_only_where_it_is(
    store: SqliteStore, other: sqlite3.Connection, way: Callable[[SqliteStore], None]
) -> None:
    """A COMMIT that fails, whatever by, leaves nothing open that the next row could fall into."""
    _Seam(store, "COMMIT", _no_memory, behind=False)
    with pytest.raises(MemoryError):
        way(store)
    assert not store.connection.in_transaction
    assert not _somebody_reads(other)
    assert store.append(_ROW, {"key": "b"})
    assert _keys(other) == {"first", "b"}


@pytest.mark.skipif(WINDOWS, reason="an open file stays where it is there")
def test_no_row_is_written_where_the_journal_was_taken_away(store: SqliteStore) -> None:
    store.append(_ROW, {"key": "a"})
    away = store.path.rename(store.path.with_name("away"))
    with pytest.raises(AgentError, match=r"journal\.gone"):
        store.append(_ROW, {"key": "b"})
    away.rename(store.path)


def test_a_row_waits_for_who_is_writing(store: SqliteStore, other: sqlite3.Connection) -> None:
    store.append(_ROW, {"key": "a"})
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    with pytest.raises(JournalUnavailable):
        store.append(_ROW, {"key": "b"})
    assert time.monotonic() - begun > _BUSY_S / 2
    other.execute("ROLLBACK")
    assert store.append(_ROW, {"key": "b"})


def _read(store: SqliteStore) -> set[str]:
    with store.reading() as db:
        return _keys(db)


def _write(store: SqliteStore) -> set[str]:
    with store.quick() as db:
        return _keys(db)


@pytest.mark.parametrize("way", [_read, _write])
def test_whoever_uses_the_connection_sees_what_others_have_written(
    store: SqliteStore, other: sqlite3.Connection, way: Callable[[SqliteStore], set[str]]
) -> None:
    store.append(_ROW, {"key": "a"})
    other.execute(_ROW, {"key": "others"})
    assert way(store) == {"first", "a", "others"}


def test_that_others_have_written_is_told(store: SqliteStore, other: sqlite3.Connection) -> None:
    version = store.foreign_version()
    store.append(_ROW, {"key": "a"})
    other.execute(_ROW, {"key": "others"})
    assert store.foreign_version() != version


def test_what_was_deleted_is_emptied_out_of_the_log_behind_a_row(store: SqliteStore) -> None:
    with closing(store.aside()) as aside:
        store.append(_ROW, {"key": "a"})
        assert aside.finish()


def test_the_log_does_not_grow_with_the_rows(store: SqliteStore) -> None:
    log, page_bytes = store.path.with_name("journal.db-wal"), 4096 + 24
    sizes = list[int]()
    for number in range(6000):
        if not store.append(_ROW, {"key": f"{number:0300}"}) or number % 100 == 99:
            store.tick()
        sizes.append(log.stat().st_size)
    assert sizes[1000] < max(sizes) < 3000 * page_bytes, "2000, and what comes between two ticks"
