"""operations.db and many threads; and how it stands where operations.db cannot be read."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from lab_sender.errors import LabSenderError
from lab_sender.operations.alerts.book import Book
from lab_sender.operations.records import FileRecords, RecordsDamaged, RecordsUnavailable
from lab_sender.operations.web.site import Site
from web.conftest import Browser
from web.scene import Scene


def open_files(path: Path) -> int:
    folder = Path("/proc/self/fd")
    found = [os.readlink(each) for each in folder.iterdir() if each.is_symlink()]
    return sum(each.startswith(str(path)) for each in found)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_threads_that_have_ended_leave_nothing_open(tmp_path: Path) -> None:
    """The page's threads come and go, for years."""
    records = FileRecords(tmp_path / "operations.db")
    records.rows("SELECT 1 FROM account")
    before = open_files(records.path)
    for _ in range(20):
        thread = threading.Thread(target=records.rows, args=("SELECT 1 FROM account",))
        thread.start()
        thread.join()
    assert open_files(records.path) <= before + 1, "SQLite keeps one for the next connection"
    records.close()
    assert open_files(records.path) == 0
    assert records.rows("SELECT count(*) FROM account") == [(0,)], "it opens again"


@pytest.mark.parametrize("trouble", ["damaged", "locked"])
def test_how_it_stands_is_known_without_it(scene: Scene, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits and what needs a person stands in the journal; alerts, health and metrics say it."""
    text = scene.path.read_text().replace("web:", "alerts: {channels: {mail: {url: 'json://localhost:1'}}}\nweb:")
    scene.path.write_text(text)
    Book(scene.site.records)
    scene.site.close()
    with scene.agent():
        scene.drop_reports(1, 2)
        other = FileRecords(scene.site.records.path)
        if trouble == "damaged":
            for ending in ("-wal", "-shm"):
                Path(f"{other.path}{ending}").unlink(missing_ok=True)
            other.path.write_bytes(b"no database at all, " * 400)
        site = Site(scene.path)
        if trouble == "locked":
            monkeypatch.setattr(FileRecords, "_opened", _nobody_opens)
        page = Browser(site).get("/")
        assert "How it stands cannot be said" not in page.text
        assert page.status_code == 200
        assert "lab_sender_status_known 1" in Browser(site).get("/metrics").text
        assert Browser(site).get("/readyz").status_code == 200
        assert Browser(site).get("/login").status_code in (500, 503)


def _nobody_opens(records: FileRecords) -> None:
    raise records._unavailable("SQLITE_BUSY")


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (sqlite3.SQLITE_FULL, RecordsUnavailable),
        (sqlite3.SQLITE_IOERR_SHMSIZE, RecordsUnavailable),
        (sqlite3.SQLITE_IOERR_READ, RecordsDamaged),
    ],
)
def test_a_full_disk_is_no_damage_whatever_could_not_grow(
    tmp_path: Path, code: int, raised: type[LabSenderError]
) -> None:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_X"
    with pytest.raises(raised), FileRecords(tmp_path / "operations.db").transaction():
        raise error


def test_where_the_journal_has_gone_another_process_goes_too(tmp_path: Path) -> None:
    """This one lets in whom operations.db names: it may not do so to a journal whose accounts are elsewhere."""
    config = tmp_path / "config.yaml"
    written = "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n"
    config.write_text(written)
    (tmp_path / "outbox" / ".lab-sender").mkdir(parents=True)
    site = Site(config)
    before = site.installation.journal_at
    moved = ("journal: {database: 'postgresql://u@localhost/lab'}\n", "reload.needs-restart")
    for also, code in (("log: {level: warning}\n", ""), moved):
        config.write_text(written + also)
        site._read_s -= 60
        found = site.installation
        assert (found.journal_at, found.unread) == (before, code), also
    site.close()
