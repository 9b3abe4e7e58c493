"""A journal that somebody wrote since we left it is looked at whole before anything is sent; after real kills."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kit.core import head, spool

from lab_sender.errors import AgentError
from lab_sender.journal import Journal, View, database
from lab_sender.journal.sqlite import store as sqlite_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there only an end in good order is believed")
ENDINGS = ("", "-wal", "-shm")
MINUTE_MS = 60_000
_RUN = """
import sys, time
from pathlib import Path
from kit.core import spool
from lab_sender.journal import Journal
from lab_sender.journal.sqlite import store
store.boot_id = lambda: "this run"
now_ms, store.now_ms = store.now_ms, lambda: now_ms() - 60_000
journal = Journal(Path(sys.argv[1]))
journal.begin()
spool(journal, *(f"M{number}" for number in range(400)))
journal.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
spool(journal, "BACKUP")
print("copy", flush=True)
sys.stdin.readline()
store.now_ms = now_ms
spool(journal, "LAST")
if "checkpoint" in sys.argv:
    time.sleep(0.05)  # the system's clock for files goes on by some milliseconds at a time
    journal.store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
print("kill", flush=True)
sys.stdin.read()
"""
"""An agent's journal in a process of its own; what it wrote until it is copied was written a minute ago."""


@pytest.fixture(autouse=True)
def one_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "this run")
    caplog.set_level(logging.INFO, "lab_sender")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


@pytest.fixture
def killed(path: Path, backup: Path) -> Path:
    """A journal whose agent was killed."""
    _kill(path, backup)
    return path


def _kill(path: Path, backup: Path, *more: str) -> None:
    arguments = [sys.executable, "-c", _RUN, str(path), *more]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"copy\n"
        for ending in ENDINGS:
            shutil.copyfile(f"{path}{ending}", f"{backup}{ending}")
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"kill\n"
        process.send_signal(signal.SIGKILL)
    _after(Path(f"{path}-wal"))


def _after(file: Path) -> None:
    """Wait until a change of another file is later than this one's: instants of files go by the tick."""
    other = file.with_name("other")
    while not other.exists() or other.stat().st_ctime_ns <= file.stat().st_ctime_ns:
        other.write_bytes(b"")


def _looked(path: Path, caplog: pytest.LogCaptureFixture) -> bool | str:
    """Begin: was all of the file looked at? Or the code of what was found. It is left without its last word."""
    caplog.clear()
    try:
        with closing(Journal(path)) as journal:
            journal.begin()
    except AgentError as error:
        return error.code
    events = {each.getMessage(): getattr(each, "fields", {}) for each in caplog.records}
    return bool(events.get("journal.unclean-end", {}).get("checked", "journal.checked" in events))


def _torn(data: bytes) -> bytes:
    """A copy, one page in the middle of which was never written: it is whole in all that a start asks for."""
    middle = len(data) // 2 // 4096 * 4096
    return data[:middle] + bytes(4096) + data[middle + 4096 :]


def _put(data: bytes, path: Path) -> None:
    """Write over a file, as `cat` and `cp` do: it stays the same file for the system."""
    with open(path, "wb") as file:
        file.write(data)


def _put_back(path: Path, backup: Path, *endings: str) -> None:
    """Put a torn copy over the journal, with those of its logs, and take the others away."""
    for ending in ENDINGS:
        if ending in ("", *endings):
            data = Path(f"{backup}{ending}").read_bytes()
            _put(data if ending else _torn(data), Path(f"{path}{ending}"))
        else:
            Path(f"{path}{ending}").unlink(missing_ok=True)


# ------------------------------------------------------------------ left by us


def test_after_a_kill_the_journal_is_not_looked_at(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Path(f"{killed}-wal").stat().st_size > 0
    assert _looked(killed, caplog) is False
    assert _looked(killed, caplog) is False  # and again, after an end with an error, which closes it


def test_nor_where_somebody_read_it_in_between(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(View(killed)) as view:
        assert view.integrity() == "ok"
        assert view.counts()["spooled"] == 402
    assert _looked(killed, caplog) is False


def test_nor_where_a_command_of_ours_wrote_in_it(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Journal(killed, who="anna")) as journal:
        journal.operator.hold("his", "why")
    assert not Path(f"{killed}-wal").exists()  # it was the last one to close it
    assert _looked(killed, caplog) is False


def test_nor_where_a_command_of_ours_did_nothing_in_it(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    Journal(killed).close()
    assert _looked(killed, caplog) is False


def test_nor_after_an_end_in_good_order(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Journal(path)) as journal:
        journal.begin()
        spool(journal, "M1")
        journal.end()
    assert _looked(path, caplog) is False


def test_the_last_write_is_noted_to_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_ms = 1_800_000_000_000
    monkeypatch.setattr(sqlite_store, "now_ms", lambda: at_ms)

    def noted() -> str:
        with journal.store.reading() as db:
            return str(db.execute("SELECT value FROM meta WHERE key = 'last_write'").fetchone()[0])

    with closing(Journal(path)) as journal:
        found = []
        for after_ms in (0, 999, 1, 5000, -3_600_000):  # the clock may be set back
            at_ms += after_ms
            spool(journal, f"M{len(found)}")
            found.append(int(noted()) - 1_800_000_000_000)
        assert found == [0, 0, 1000, 6000, 6000 - 3_600_000]
        at_ms += 1
        head(journal)
        assert noted() == str(at_ms - 1)  # nothing was written
    with closing(Journal(path)) as journal:
        assert noted() == f"{at_ms} closed"


# ------------------------------------------------------------------ written by somebody else


@pytest.mark.parametrize("endings", [(), ("-wal",), ("-wal", "-shm")])
def test_a_torn_copy_that_was_put_over_a_killed_agents_journal_is_found(
    endings: tuple[str, ...], killed: Path, backup: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the same run of the machine, and the inode stays: `cp backup.db* .`, with its logs or without."""
    _put_back(killed, backup, *endings)
    assert _looked(killed, caplog) == "journal.damaged"
    assert _looked(killed, caplog) == "journal.damaged"  # it stays so


def test_and_where_the_log_of_the_killed_one_was_left(
    killed: Path, backup: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _put(_torn(backup.read_bytes()), killed)
    assert _looked(killed, caplog) == "journal.damaged"
    assert _looked(killed, caplog) == "journal.damaged"


def test_and_where_a_command_wrote_in_it_before_the_agent(
    killed: Path, backup: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _put_back(killed, backup, "-wal")
    with closing(Journal(killed, who="anna")) as journal:
        journal.operator.hold("his", "why")
    assert _looked(killed, caplog) == "journal.damaged"


def test_and_where_the_copy_is_of_this_very_second(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It has no log and was not closed: no copy of a journal in use has that note."""
    journal = Journal(path)
    journal.begin()
    spool(journal, *(f"M{number}" for number in range(400)))
    journal.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
    copy = _torn(path.read_bytes())
    journal.close()
    _put(copy, path)
    assert _looked(path, caplog) == "journal.damaged"


def _closed_a_minute_ago(path: Path, monkeypatch: pytest.MonkeyPatch, *, clean: bool) -> bytes:
    return _closed(path, monkeypatch, clean=clean, ago_ms=MINUTE_MS)


def _closed(path: Path, monkeypatch: pytest.MonkeyPatch, *, clean: bool, ago_ms: int = 0) -> bytes:
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_store, "now_ms", lambda: database.now_ms() - ago_ms)
        with closing(Journal(path)) as journal:
            journal.begin()
            spool(journal, *(f"M{number}" for number in range(400)))
            if clean:
                journal.end()
    return path.read_bytes()


@pytest.mark.parametrize("clean", [True, False])
def test_a_torn_copy_of_a_journal_that_was_closed_is_found(
    clean: bool, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup that was made while no agent ran says that all is well."""
    copy = _torn(_closed_a_minute_ago(path, monkeypatch, clean=clean))
    with closing(Journal(path)) as journal:
        journal.begin()
        spool(journal, "LAST")
        journal.end()
    _put(copy, path)
    assert _looked(path, caplog) == "journal.damaged"


@pytest.mark.parametrize("torn", ["hole", "short"])
def test_a_torn_copy_of_a_moment_ago_at_another_path_is_found(
    torn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`systemctl stop; rsync journal/ newhost:; systemctl start`, and the copy is not whole."""
    path, copy = tmp_path / "old" / "journal.db", tmp_path / "new" / "journal.db"
    path.parent.mkdir()
    data = bytearray(_closed(path, monkeypatch, clean=True))
    middle = len(data) // 4096 // 2 * 4096
    data[middle:] = bytes(16 * 4096) + data[middle + 16 * 4096 :] if torn == "hole" else b""
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "another machine")
    copy.parent.mkdir()
    copy.write_bytes(data)
    assert _looked(copy, caplog) == "journal.damaged"
    assert _looked(copy, caplog) == "journal.damaged"


def test_and_in_the_same_run_where_it_takes_the_journals_place(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backup.write_bytes(_torn(_closed(path, monkeypatch, clean=True)))
    backup.replace(path)
    with closing(Journal(path, who="anna")) as journal:  # it does not vouch for the other file
        journal.operator.hold("his", "why")
    assert _looked(path, caplog) == "journal.damaged"


def test_and_with_the_logs_of_a_killed_one_though_an_agent_had_ended_in_good_order(
    path: Path, backup: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Something else has the journal open, so its logs stay; all of it is copied at once."""
    journal = Journal(path)
    journal.begin()
    spool(journal, *(f"M{number}" for number in range(400)))
    journal.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
    journal.end()
    for ending in ENDINGS:
        data = Path(f"{path}{ending}").read_bytes()
        Path(f"{backup}{ending}").write_bytes(data if ending else _torn(data))
    journal.close()
    assert _looked(backup, caplog) == "journal.damaged"


def test_behind_a_close_a_copy_of_some_seconds_later_is_found(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was put over the same file."""
    _put(_torn(_closed(path, monkeypatch, clean=True, ago_ms=3_000)), path)
    assert _looked(path, caplog) == "journal.damaged"


def test_a_whole_copy_at_another_path_is_looked_at_once(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backup.write_bytes(_closed(path, monkeypatch, clean=True))
    assert _looked(backup, caplog) is True
    assert _looked(backup, caplog) is False
    assert _looked(path, caplog) is False  # where it was copied from, nothing has changed


def test_after_a_restart_of_the_machine_a_journal_that_was_closed_is_not_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _closed(path, monkeypatch, clean=True)
    monkeypatch.setattr(sqlite_store, "boot_id", lambda: "the next run")
    assert _looked(path, caplog) is False


def test_a_whole_copy_is_looked_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _put(_closed_a_minute_ago(path, monkeypatch, clean=True), path)
    assert _looked(path, caplog) is True
    assert _looked(path, caplog) is False


def test_a_change_of_its_attributes_after_a_kill_has_it_looked_at(
    killed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can tell it from a write whose time was set back."""
    os.chmod(killed, 0o640)
    assert _looked(killed, caplog) is True
    assert _looked(killed, caplog) is False


def test_a_program_of_others_that_brings_the_log_into_it_has_it_looked_at(
    killed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(killed)) as db:
        assert db.execute("SELECT COUNT(*) FROM message").fetchone() == (402,)
    assert not Path(f"{killed}-wal").exists()
    assert _looked(killed, caplog) is True
    assert _looked(killed, caplog) is False


def test_a_kill_behind_a_checkpoint_has_it_looked_at(
    path: Path, backup: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has no longer the last word, as with a copy. The next write gives it back."""
    _kill(path, backup, "checkpoint")
    assert _looked(path, caplog) is True
    assert _looked(path, caplog) is False
