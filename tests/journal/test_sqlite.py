"""What is SQLite's own in the journal's store: its flushes, locks and errors, its file, and the look at all of it."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from kit.core import HIS, bad, entry, head, rows, source, spool, states, waiting
from kit.fixtures import SQLITE_ONLY
from kit.spared import tables_made
from kit.system import WINDOWS

from lab_sender.errors import AgentError
from lab_sender.journal import SCHEMA_VERSION, Attempt, Journal, JournalUnavailable, View
from lab_sender.journal.notes import noted
from lab_sender.journal.sqlite import presence
from lab_sender.journal.sqlite import store as sqlite_store
from lab_sender.journal.sqlite.store import SqliteStore


@pytest.fixture(autouse=True)
def _as_in_a_laboratory() -> Iterator[None]:
    with tables_made():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


# ------------------------------------------------------------------ a new one


def test_a_journal_of_the_tests_is_one_that_has_made_its_tables(tmp_path: Path) -> None:
    made, copied = tmp_path / "made.db", tmp_path / "copied.db"
    Journal(made, who="tester").close()
    with tables_made(copied=True):
        Journal(copied, who="tester").close()
    asked = ("SELECT * FROM sqlite_master", "PRAGMA user_version", "PRAGMA auto_vacuum", "PRAGMA journal_mode")
    asked += ("PRAGMA page_size", "PRAGMA freelist_count", "PRAGMA quick_check", "SELECT * FROM meta")
    with closing(sqlite3.connect(made)) as one, closing(sqlite3.connect(copied)) as other:
        for each in asked:
            assert one.execute(each).fetchall() == other.execute(each).fetchall()


# ------------------------------------------------------------------ transactions


@SQLITE_ONLY
def test_a_durable_transaction_waits_for_the_disk_and_a_quick_one_does_not(journal: Journal) -> None:
    for _ in range(2):
        with journal.store.durable() as db:
            assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        with journal.store.quick() as db:
            assert db.execute("PRAGMA synchronous").fetchone() == (1,)
    assert rows(journal, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.skipif(WINDOWS, reason="an open file stays where it is there")
@pytest.mark.parametrize("moves", ["a part", "the folder"])
@pytest.mark.parametrize(("quiet_ms", "is_rounded"), [(60_000, False), (50, False), (2_000, True)])
def test_a_journal_that_is_no_longer_in_its_folder_is_missed_whatever_instants_were_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_ms: int, is_rounded: bool, moves: str
) -> None:
    """Looked at long after the last change in the folder, and just after it."""
    folder = tmp_path / "journal"
    folder.mkdir()
    with closing(SqliteStore(folder / "journal.db")) as store:
        _, _, ctime_ns = presence._as_it_is(str(folder)) or (0, 0, 0)
        if is_rounded:
            ctime_ns -= ctime_ns % 10**9
        monkeypatch.setattr(presence.time, "time_ns", lambda: ctime_ns + quiet_ms * 10**6)
        store._presence._ask_folder_at = 0.0
        if quiet_ms < 60_000:  # all that follows happens before the file system's clock goes on
            monkeypatch.setattr(presence, "_as_it_is", lambda _: (1, 1, ctime_ns))
        with store.quick():
            pass
        before, lay_there = os.stat(folder), folder / "journal.db-shm"
        if moves == "a part":
            shutil.copy(lay_there, folder / "copy")
            os.replace(folder / "copy", lay_there)
        else:
            folder.rename(tmp_path / "away")
            shutil.copytree(tmp_path / "away", folder)
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(AgentError, match=r"journal\.replaced"), store.quick():
            pass


@pytest.mark.skipif(WINDOWS, reason="an open file stays where it is there")
def test_while_nothing_changes_in_its_folder_nothing_else_is_asked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore(path)) as store:
        now_ns = time.time_ns() + 60 * 10**9
        monkeypatch.setattr(presence.time, "time_ns", lambda: now_ns)
        store._presence._ask_folder_at = 0.0
        store.look()
        asked = list[object]()
        real = os.stat
        monkeypatch.setattr(presence.os, "stat", lambda path: (asked.append(path), real(path))[1])
        store.look()
        assert asked == [str(path.parent)]


@pytest.mark.skipif(WINDOWS, reason="an open file stays where it is there")
def test_nothing_is_deleted_where_the_journal_was_taken_away(path: Path) -> None:
    with closing(SqliteStore(path)) as store, closing(store.aside()) as aside, closing(store.aside()) as opened:
        assert opened.finish()
        path.rename(path.with_name("away"))
        for call in (aside.finish, opened.finish, lambda: opened.give_back(1)):
            with pytest.raises(AgentError, match=r"journal\.gone"):
                call()
        assert not path.exists(), "none is made there"


@SQLITE_ONLY
def test_a_lock_of_another_process_is_waited_for_by_the_caller(journal: Journal) -> None:
    spool(journal, "M1")
    message = head(journal)[0]
    other = sqlite3.connect(journal.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for call in (
        lambda: spool(journal, "M2"),
        lambda: journal.delivery.sending(message.id),
        lambda: journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA")),
        lambda: journal.filing.planned([(1, "sent", "x")]),
    ):
        with pytest.raises(JournalUnavailable) as locked:
            call()
        assert locked.value.code == "journal.busy"
    assert waiting(journal) == ["M1"]  # reading goes on
    other.close()
    spool(journal, "M2")
    assert waiting(journal) == ["M1", "M2"]


@SQLITE_ONLY
def test_a_full_disk_writes_nothing_and_is_got_over(journal: Journal) -> None:
    spool(journal, "M1")
    db = journal.store.connection
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    batch = [source("C2", entry("M2")), source("C3", entry("M3", body=b"x" * 200_000))]
    with pytest.raises(JournalUnavailable) as full:
        journal.spool.spooled(batch, HIS)
    assert full.value.code == "journal.full"
    assert states(journal) == {"M1": "spooled"}
    assert journal.spool.known_claims(["C2_C2.json"]) == set()
    db.execute("PRAGMA max_page_count = 1000000")
    journal.spool.spooled(batch, HIS)
    assert waiting(journal) == ["M1", "M2", "M3"]


@SQLITE_ONLY
def test_a_newer_schema_is_refused(journal: Journal) -> None:
    with journal.store.durable() as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(AgentError) as newer:
        Journal(journal.store.path)
    assert (newer.value.code, newer.value.exit_code) == ("journal.newer", 78)


@SQLITE_ONLY
def test_whoever_looks_at_tables_of_another_version_is_told_so(journal: Journal) -> None:
    """Not that a column is missing: `status` after an upgrade, before the agent has brought the journal up."""
    with journal.store.durable() as db:
        db.execute("ALTER TABLE lane RENAME COLUMN trouble TO another")
    for version, code in ((SCHEMA_VERSION - 1, "journal.older"), (SCHEMA_VERSION + 1, "journal.newer")):
        with journal.store.durable() as db:
            db.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(AgentError) as refused:
            View(journal.store.path).lanes()
        assert (refused.value.code, refused.value.exit_code) == (code, 78)
    with journal.store.durable() as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    with pytest.raises(sqlite3.OperationalError):
        View(journal.store.path).lanes()


def test_a_journal_that_is_being_made_answers_with_nothing(path: Path) -> None:
    sqlite3.connect(path).close()
    view = View(path)
    assert (view.counts(), view.lines(), view.lanes(), view.schema_version()) == ({"unreadable": 0}, [], [], 0)
    assert (view.attempts(1), view.last_source_id(), view.intake_trouble()) == ([], 0, "")
    view.close()


@SQLITE_ONLY
def test_ids_go_on_from_the_last_ones_ever_given(journal: Journal) -> None:
    spool(journal, "M1")
    with journal.store.durable() as db:
        db.execute("UPDATE sqlite_sequence SET seq = 25000")
    spool(journal, "M2")
    assert rows(journal, "SELECT id, source_id FROM message ORDER BY id") == [(1, 1), (25001, 25001)]


@SQLITE_ONLY
def test_files_are_found_by_name_through_all_of_the_history(journal: Journal) -> None:
    """The index of names is in parts of ten thousand sources."""
    for number, last in enumerate((0, 9_998, 10_000, 29_999, 50_000)):
        with journal.store.durable() as db:
            db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'source'", (last,))
        batch = [source(f"C{number}{name}", entry(f"M{number}{name}"), name=name) for name in ("a.json", "b.json")]
        journal.spool.spooled(batch, HIS)
    view = View(journal.store.path)
    found = [line.source_id for line in view.by_name("a.json", limit=10)]
    assert found == [50_001, 30_000, 10_001, 9_999, 1]
    assert [line.source_id for line in view.by_name("b.json", limit=2)] == [50_002, 30_001]
    assert view.by_name("c.json", limit=10) == []
    view.close()


# ------------------------------------------------------------------ the file


@pytest.mark.parametrize("damage", [b"no database at all" * 80, b"SQLite format 3\x00" + b"\xff" * 999])
def test_a_damaged_file_is_refused_and_left_alone(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    with pytest.raises(AgentError) as refused:
        Journal(path)
    assert (refused.value.code, refused.value.exit_code) == ("journal.damaged", 74)
    assert path.read_bytes() == damage


def _ended_uncleanly(path: Path) -> None:
    """An agent has ended without its last word, and a page of its journal is not what it was."""
    journal = Journal(path)
    journal.begin()
    spool(journal, *(f"M{n}" for n in range(200)))
    (page,) = rows(journal, "SELECT rootpage FROM sqlite_master WHERE name = 'file'")[0]
    journal.close()  # no end()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)


def _checked(path: Path, caplog: pytest.LogCaptureFixture) -> bool | str:
    """Begin: was the whole file looked at? Or the code of what was found."""
    caplog.set_level(logging.INFO, "lab_sender")
    journal = Journal(path)
    try:
        journal.begin()
        (event,) = [each for each in caplog.records if each.getMessage() == "journal.unclean-end"]
        assert journal.after_unclean_end
        return bool(event.fields["checked"])  # type: ignore[attr-defined]
    except AgentError as error:
        return error.code
    finally:
        journal.close()
        caplog.clear()


def test_a_killed_process_tears_nothing_and_the_file_is_not_read_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "this run")
    _ended_uncleanly(path)
    assert _checked(path, caplog) is False
    assert _checked(path, caplog) is False  # and again


@pytest.mark.parametrize("runs", [("one", "two"), ("", ""), ("one", ""), ("", "two")])
def test_after_an_end_of_the_machine_all_of_it_is_checked(
    runs: tuple[str, str], path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And wherever nobody can say that it was not the machine's."""
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: runs[0])
    _ended_uncleanly(path)
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: runs[1])
    assert _checked(path, caplog) == "journal.damaged"


def test_a_journal_that_another_file_took_the_place_of_is_checked(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "this run")
    _ended_uncleanly(path)
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    copy.replace(path)
    assert _checked(path, caplog) == "journal.damaged"


def test_a_journal_whose_disk_was_to_blame_is_checked_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent has ended with 74: what the disk did then is not known, whoever ended it."""
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "this run")
    journal = Journal(path)
    journal.begin()
    spool(journal, "C1")
    with journal.store.quick() as db:
        db.execute("UPDATE wire SET body = CAST(replace(body, 'MSH', 'MSX') AS BLOB)")
    with pytest.raises(AgentError, match=r"journal\.damaged"):
        head(journal)
    journal.close()
    assert _checked(path, caplog) is True


def test_the_system_gives_each_of_its_runs_an_id() -> None:
    given = sqlite_store.boot_id()
    assert given == sqlite_store.boot_id()
    assert len(given) in (0, 36)


def test_a_look_at_the_whole_file_has_an_end(path: Path) -> None:
    _ended_uncleanly(path)
    view = View(path)
    for within_s in (None, 60):
        with pytest.raises(AgentError, match="SQLITE_CORRUPT"):
            view.integrity(within_s)
    view.close()
    Journal(path.with_name("sound.db")).close()
    view = View(path.with_name("sound.db"))
    assert (view.integrity(), view.integrity(within_s=60)) == ("ok", "ok")
    view.close()


def test_a_look_that_takes_too_long_says_so(path: Path) -> None:
    journal = Journal(path)
    journal.spool.spooled([source("C", *(entry(f"M{n}") for n in range(3000)), bad())], HIS)
    journal.close()
    view = View(path)
    assert view.integrity(within_s=0) == "unfinished"
    assert view.integrity() == "ok"
    view.close()


def _error(code: int, name: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(name)
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


def test_a_doubt_about_the_disk_is_noted_also_when_the_last_flush_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j.db")
    journal.begin()
    with journal.store.quick() as db:
        db.execute("UPDATE meta SET value = '1' WHERE key = 'tick'")
    with suppress(AgentError):
        journal.store.failed(_error(sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"))
    real, fails = journal.store.durable, [_error(sqlite3.SQLITE_BUSY, "SQLITE_BUSY")]

    def durable() -> object:
        if fails:
            journal.store.failed(fails.pop())
        return real()

    monkeypatch.setattr(journal.store, "durable", durable)
    with suppress(Exception):
        journal.close()
    again = Journal(tmp_path / "j.db")
    with again.store.reading() as db:
        assert noted(db, "machine_run") == ""
    again.close()


def test_trouble_is_over_when_the_journal_takes_something_again(tmp_path: Path) -> None:
    """Also where nobody has anything to write: it would hide a lane that is stuck, and alarm for nothing."""
    with closing(Journal(tmp_path / "journal.db", busy_timeout_s=0.0)) as journal:
        journal.store.tick()
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalUnavailable):
                journal.spool.trouble("x")
            assert journal.store.trouble() is not None
            with pytest.raises(JournalUnavailable):
                journal.store.tick()
            other.execute("ROLLBACK")
        journal.store.tick()
        assert journal.store.trouble() is None
