"""A journal of an older schema becomes one of this schema, nothing lost; on a journal that an older version wrote."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import head, rows, waiting

from lab_sender.journal import Journal
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION, ddl, connect, prepare

OLD = Path(__file__).with_name("journal-v1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text())
    return path


def test_what_the_old_journal_knew_is_all_there(old: Path) -> None:
    before = _contents(old)
    with closing(Journal(old)) as journal:
        journal.begin()
        after = _contents(old)
        assert waiting(journal) == ["M4"]
        assert journal.delivery.lane("his").hold == "operator"
        for table in before.keys() - {"message_order", "meta"}:
            width = len(before[table][0])
            assert [row[:width] for row in after[table]] == before[table], table
        assert {row[-4:] for row in after["message"]} == {(0, 0, "", "")}
        assert dict(after["meta"]) == dict(before["meta"]) | {"clean": "0", "send_round": "0"}


def test_a_journal_of_schema_2_keeps_all_it_knew(tmp_path: Path) -> None:
    """Written by the version before: a message in each state, files dismissed and withdrawn, a lane on hold."""
    path = _schema_2(tmp_path, "journal-v2.sql")
    before = _contents(path)
    assert {row[7] for row in before["message"]} == {
        "spooled", "sending", "acked", "quarantined", "duplicate", "dismissed",
    }  # fmt: skip
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            width = len(before[table][0]) if before[table] else 0
            assert [row[:width] for row in after[table]] == before[table], table
        assert waiting(journal) == ["M6", "M7", "M8", "M9"]
    assert _contents(path.with_name("journal.db.schema-2.bak")) == before
    Journal(tmp_path / "new.db").close()
    assert _columns(path) == _columns(tmp_path / "new.db")


def test_the_ledger_is_filled_from_the_bytes_as_sent(old: Path) -> None:
    with closing(Journal(old)) as journal:
        found = rows(
            journal,
            "SELECT message_id, order_key, service, status, reported FROM message_order ORDER BY message_id, service",
        )
        assert found == [
            (1, "F1^LAB", "58410-2", "F", "20240103101500+0000"),
            (2, "F3^LAB", "2345-7", "F", ""),
            (2, "F2^LAB", "24323-8", "P", "20240103"),
            (2, "F2^LAB", "58410-2", "F", "20240104"),
            (4, "F4^LAB", "58410-2", "F", "20240105"),
            (5, "F5^LAB", "", "", ""),  # its bytes say nothing of that order
        ]
        told = journal.spool.ledger(["F1^LAB", "F2^LAB", "F4^LAB", "F5^LAB"], "his")
        assert [(entry.order.service, entry.is_sure) for entry in told["F2^LAB"]] == [
            ("24323-8", True), ("58410-2", True),
        ]  # fmt: skip
        assert [(entry.message, entry.is_sure) for entry in told["F4^LAB"]] == [(4, False)]  # it may have arrived


def test_the_old_journal_is_kept_beside_the_new_one(old: Path) -> None:
    before = _contents(old)
    Journal(old).close()
    copy = old.with_name("journal.db.schema-1.bak")
    assert _contents(copy) == before
    assert _version(copy) == 1
    assert _version(old) == SCHEMA_VERSION
    copy.unlink()
    Journal(old).close()
    assert not copy.exists()


def test_a_migrated_journal_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    Journal(old).close()
    Journal(tmp_path / "new.db").close()
    assert _columns(old) == _columns(tmp_path / "new.db")


def test_a_journal_of_schema_2_is_brought_up(tmp_path: Path) -> None:
    """And what the HIS said, which stood behind our own words in the reason, stands apart from them."""
    path = _schema_2(tmp_path, "journal-v2-words.sql")
    before = _contents(path)
    Journal(tmp_path / "new.db").close()
    with closing(Journal(path)) as journal:
        journal.begin()
        assert _columns(path) == _columns(tmp_path / "new.db")
        assert waiting(journal) == ["M4", "M5"]
        assert rows(journal, "SELECT control_id, state, reason, his_words, contradicted FROM message") == [
            ("M1", "acked", "", "", ""),
            ("M2", "quarantined", "The HIS answered AE.", "with error Patient: Doe, 101: unknown: Doe", ""),
            ("M3", "quarantined", "The HIS answered CR.", "", ""),
            ("M4", "spooled", "", "", ""),
            ("M5", "spooled", "", "", ""),
        ]
        later = journal.delivery.said_later("his", "M1", "AE", b"MSH", accepts=False)
        assert later is not None
        assert later.contradicts
        assert rows(journal, "SELECT contradicted FROM message WHERE control_id = 'M1'") == [("AE",)]
    assert {table: len(_contents(path)[table]) for table in before.keys() - {"event", "meta"}} == {
        table: len(found) for table, found in before.items() if table not in ("event", "meta")
    }


def test_a_migration_that_fails_leaves_the_old_journal(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _contents(old)
    half = "CREATE TABLE half (x);\nCREATE TABLE meta (x);\n"
    monkeypatch.setattr("lab_sender.journal.sqlite.schema.ddl", lambda name: half if name == "to-2.sql" else ddl(name))
    with pytest.raises(sqlite3.OperationalError):
        Journal(old)
    assert (_version(old), _contents(old)) == (1, before)
    monkeypatch.undo()
    with closing(Journal(old)) as journal:
        assert len(head(journal)) == 1


@pytest.mark.parametrize("made", ["old", "new"])
def test_two_processes_may_bring_it_up_at_once(made: str, old: Path, tmp_path: Path) -> None:
    path = old if made == "old" else tmp_path / "another.db"
    connections = [connect(path) for _ in range(4)]
    failures: list[Exception] = []

    def bring_up(connection: sqlite3.Connection) -> None:
        try:
            prepare(connection, path)
        except Exception as error:
            failures.append(error)

    connections[0].execute("PRAGMA journal_mode = WAL")
    threads = [threading.Thread(target=bring_up, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    assert failures == []
    assert _version(path) == SCHEMA_VERSION
    if made == "old":
        assert _version(old.with_name("journal.db.schema-1.bak")) == 1


def _schema_2(folder: Path, rows_of: str) -> Path:
    """Make a journal of schema version 2 with the rows of a dump."""
    path = folder / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        for name in ("journal-v2-schema.sql", rows_of):
            db.executescript(OLD.with_name(name).read_text())
    return path


def _contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in tables
            if not name.startswith("sqlite_")
        }


def _columns(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Columns of each table and index, whatever their order in a table."""
    with closing(sqlite3.connect(path)) as db:
        named = db.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return {
            name: {row[1:] for row in db.execute(f"PRAGMA {kind}_xinfo({name})")}
            for kind, name in named
            if kind in ("table", "index")
        }


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_release_under_way_in_a_schema_2_journal_goes_on_as_one_of_today(tmp_path: Path) -> None:
    """Schema 2 sent released files to the outbox; today they go back to claimed/ under a claim id of their own."""
    path = _schema_2(tmp_path, "journal-v2-released.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        assert journal.spool.returning() == {"06GX0000000000000002R"}
        (release,) = journal.filing.resting([2])
        assert (release.folder, release.returns_as) == ("outbox", "06GX0000000000000002R")
        on_its_way = "06GX0000000000000002R_b.json"
        assert journal.spool.known_claims([on_its_way]) == {on_its_way}  # intake leaves it alone until all is there
        assert {file.size for rest in journal.filing.resting([1, 2, 3, 4, 5]) for file in rest.files} == {-1}
        assert journal.spool.owed(["1.pdf"], within_ms=10**12) == {}
        assert waiting(journal) == ["M5"]
        after = _contents(path)
        for table in before.keys() - {"meta"}:
            assert [row[: len(old)] for row, old in zip(after[table], before[table], strict=True)] == before[table]
    Journal(tmp_path / "new.db").close()
    assert _columns(path) == _columns(tmp_path / "new.db")


def test_a_journal_of_schema_2_keeps_its_lanes(tmp_path: Path) -> None:
    """What schema 2 wrote of a hold and a link is there, and the new columns say nothing of it."""
    path = _schema_2(tmp_path, "journal-v2-brake.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        lane = journal.delivery.lane("his")
        assert (lane.hold, lane.hold_reason, lane.held_for) == ("brake", "5 messages refused", ())
        assert (lane.link, lane.trouble, lane.silent_since_ms) == ("held", "", None)
        assert waiting(journal) == ["M1", "M2"]
    width = len(before["lane"][0])
    assert [row[:width] for row in _contents(path)["lane"]] == before["lane"]
    assert _version(path.with_name("journal.db.schema-2.bak")) == 2
