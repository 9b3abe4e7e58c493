"""From the outbox into the journal, on real folders, with the real builder."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from kit.core import HIS, head, ready, report, rows, states, steps, tree, until
from kit.fixtures import OF_THE_FILE
from kit.intake import plan, section
from msgspec.structs import replace

from lab_sender import files, writers
from lab_sender.config.profile import builtin
from lab_sender.files import Look
from lab_sender.ids import new_id
from lab_sender.intake import batches, helper, troubles
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.compose import Composer
from lab_sender.intake.helper import Helper
from lab_sender.intake.intake import Intake
from lab_sender.journal import Journal
from lab_sender.paths import verbatim
from lab_sender.readers import Inputs

ROOT_ONLY = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody without rights"
)
PROFILE = builtin(corrections={"suspicious": "send"})
PDF = b"%PDF-1.4 a document %%EOF"


class Station:
    """An intake with its folders, stepped by hand: `look` is one round."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        *,
        marker: str = "",
        inputs: Inputs | None = None,
        stands_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        **settings: float,
    ) -> None:
        """`stands_s` by `clock` is how long a file must stand; reports wait by the real clock."""
        self.outbox, self.claimed, self.journal = folder / "outbox", folder / "claimed", journal
        self.woken = 0
        for each in (self.outbox, self.claimed):
            each.mkdir(exist_ok=True)
        looks = section(settle_s=stands_s, marker=marker, temporary=("*.tmp",))
        values = {"poll_s": 0.0, "settle_s": 0.0, "largest_file_bytes": 1 << 20, "attachment_wait_s": 600.0}
        self.intake = Intake(
            journal, plan(Composer(PROFILE, inputs), **(values | settings)),
            Arrivals(self.outbox, looks, clock=clock), destination=HIS, outbox=self.outbox, claimed=self.claimed,
            on_spooled=self._wake,
        )  # fmt: skip

    def _wake(self) -> None:
        self.woken += 1

    def put(self, name: str, data: bytes) -> Path:
        """Put a file in place as a producer does: whole, by rename."""
        part = self.outbox / f".{name[:100]}"
        part.write_bytes(data)
        return part.rename(self.outbox / name)

    def look(self, rounds: int = 2) -> None:
        """Look as often as it takes: a file without a doorbell needs two looks where nobody can ask for writers."""
        for _ in range(rounds):
            self.intake._round()

    def sources(self) -> list[tuple[str, str]]:
        """Name and trouble of every file in the journal, in order."""
        return rows(
            self.journal,
            "SELECT name, code FROM source s JOIN file f ON f.source_id = s.id WHERE role = 'report' ORDER BY s.id",
        )

    def trouble(self) -> str:
        found = rows(self.journal, "SELECT value FROM meta WHERE key = 'intake_trouble'")
        return str(found[0][0]) if found else ""


@pytest.fixture
def station(tmp_path: Path, journal: Journal) -> Station:
    return Station(tmp_path, journal)


# ------------------------------------------------------------------ the way in


def test_a_file_is_claimed_read_built_and_spooled(station: Station) -> None:
    station.put("F1.json", report("F1"))
    station.look()
    assert station.sources() == [("F1.json", "")]
    assert not list(station.outbox.iterdir())
    (claimed,) = station.claimed.iterdir()
    assert claimed.name.endswith("_F1.json")
    assert (station.woken, claimed.read_bytes()) == (1, report("F1"))
    (message,) = head(station.journal)
    assert b"|F1^LAB|" in message.body


@pytest.mark.parametrize("name", ["trail.hl7.", "trail.hl7 ", "CON.hl7", "NUL", "lpt1.json", "a" * 200 + ".hl7"])
def test_a_name_that_win32_cannot_open_is_taken(station: Station, name: str) -> None:
    """Another system writes it to a share; on Windows it lies under a name that every program can open."""
    with open(verbatim(station.outbox / name), "wb") as file:
        file.write(ready("M1"))
    station.look()
    assert station.sources() == [(name, "")]
    assert station.trouble() == ""
    assert not list(station.outbox.iterdir())
    (claimed,) = station.claimed.iterdir()
    assert claimed.read_bytes() == ready("M1")


def test_a_batch_is_in_order_and_a_bad_file_takes_no_other_with_it(station: Station) -> None:
    for number, (name, data) in enumerate(
        [
            ("1.json", report("F1")),
            ("2.json", b'{"schema": "lab-result/1", "patient": '),
            ("3.hl7", ready("R3", order="F3") + ready("R4", order="F4")),
            ("4.bin", b"\x00\x01\x02"),
            ("5.xml", b"<xml/>"),
            ("6.json", b"[" + report("F6") + b"," + report("F7", "1", "../no.pdf") + b"]"),
            ("7.json", report("F8")),
        ]
    ):
        os.utime(station.put(name, data), ns=(10**18, 10**18 + number))
    station.look()
    found = [code for _, code in station.sources()]
    assert found == ["", "json.syntax", "", "file.binary", "file.unknown-format", "", ""]
    sent = [body for (body,) in rows(station.journal, "SELECT body FROM wire ORDER BY message_id")]
    assert [body.split(b"^LAB")[0][-2:] for body in sent] == [b"F1", b"F3", b"F4", b"F6", b"F8"]
    assert list(states(station.journal).values()).count("spooled") == 5
    assert sent[1] == ready("R3", order="F3")
    assert len(list(station.claimed.iterdir())) == 7


def test_a_claim_is_flushed_before_the_journal_answers_for_it(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        station.put(f"{name}.hl7", ready(name, order=name))
    book = station.journal.spool
    done = steps(monkeypatch, (files, "rename"), (files, "sync_folder"), (writers, "read_whole"), (book, "spooled"))
    station.look()
    assert done == ["rename"] * 2 + ["sync_folder"] * 2 + ["read_whole"] * 2 + ["spooled"]


def _many(station: Station, count: int) -> None:
    for number in range(count):
        (station.outbox / f"{number:03}.hl7").write_bytes(ready(f"M{number}", order=f"F{number}"))


@pytest.mark.parametrize("count", [1, 300])
def test_files_that_wait_are_taken_in_few_transactions(station: Station, count: int) -> None:
    _many(station, count)
    batches = station.intake._batches
    with closing(batches):
        while batches.most_files(count) != 128:
            cast(threading.Thread, cast(Helper, batches._workshop._helper)._begins).join()
        station.look()
        assert len(head(station.journal, limit=1000)) == count
        assert station.woken == -(-count // 128)


def test_no_file_waits_for_a_helper_that_begins(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their messages leave meanwhile, a few at a time."""
    monkeypatch.setattr(helper, "command", lambda: [sys.executable, "-c", "import sys; sys.stdin.read()"])
    monkeypatch.setattr("lab_sender.intake.workshop._LONGEST_S", 0.2)
    _many(station, 60)
    with closing(station.intake._batches):
        station.look()
    assert len(head(station.journal, limit=1000)) == 60
    assert station.woken == 3  # of 16, of 16 and of the 28 for which no helper is called


def test_an_empty_file_and_a_too_large_one_are_quarantined_unread(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, largest_file_bytes=1000)
    station.put("empty.json", b"")
    station.put("large.json", b" " * 1001)
    station.look()
    assert sorted(station.sources()) == [("empty.json", "file.empty"), ("large.json", "file.too-large")]
    assert rows(journal, "SELECT COUNT(*) FROM message") == [(0,)]
    assert len(list(station.claimed.iterdir())) == 2


def test_a_file_that_vanishes_before_the_claim_is_nobodys_business(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = station.put("a.json", report())
    real = writers.hold

    def late(source: str) -> int | None:
        path.unlink(missing_ok=True)
        return real(source)

    monkeypatch.setattr(writers, "hold", late)
    station.look()
    assert station.sources() == []
    assert station.trouble() == ""


@pytest.mark.parametrize("most", [128, 1])
@pytest.mark.parametrize(
    "how", ["by rename", "in place", "gone", "younger, but older than b", "its time kept", "chmod"]
)
def test_what_changes_between_its_look_and_its_claim_comes_in_its_turn(
    station: Station, monkeypatch: pytest.MonkeyPatch, how: str, most: int
) -> None:
    """In its old place its new content would go before what is older; behind a later one, after what is younger."""
    monkeypatch.setattr(batches, "_MOST_FILES", most)
    path = station.put("a.hl7", ready("M1"))
    os.utime(path, ns=(10**18, 10**18))
    os.utime(station.put("b.hl7", ready("M2", value="2")), ns=(10**18, 10**18 + 100_000))
    real = Arrivals.complete

    def complete(*values: Any, **more: Any) -> list[Look]:
        found = real(*values, **more)
        monkeypatch.setattr(Arrivals, "complete", real)
        assert [each.name for each in found] == ["a.hl7", "b.hl7"]
        if how == "in place":
            path.write_bytes(ready("M3", value="3"))
        elif how == "chmod":
            path.chmod(0o400)
        else:
            path.unlink()
        if how not in ("in place", "gone", "chmod"):
            station.put("a.hl7", ready("M3", value="3"))
        turn = {"younger, but older than b": 50_000, "its time kept": 0}.get(how)
        if turn is not None:
            os.utime(path, ns=(10**18, 10**18 + turn))
        return found

    monkeypatch.setattr(Arrivals, "complete", complete)
    station.look(1)
    assert station.intake._rung == (how in ("by rename", "in place", "younger, but older than b"))
    station.look(3)
    assert [each.control_id for each in head(station.journal)] == {
        "by rename": ["M2", "M3"], "in place": ["M2", "M3"], "gone": ["M2"],
        "younger, but older than b": ["M3", "M2"], "its time kept": ["M3", "M2"], "chmod": ["M1", "M2"],
    }[how]  # fmt: skip
    assert station.trouble() == ""


def test_a_claim_that_a_share_has_made_and_denies_is_one(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the answer was lost on the way, and the request was sent again: it lay in claimed/ till a restart."""
    real = files.rename

    def rename(source: object, target: object) -> None:
        real(source, target)  # type: ignore[arg-type]
        raise FileNotFoundError

    station.put("a.hl7", ready("M1"))
    monkeypatch.setattr(files, "rename", rename)
    station.look()
    assert station.sources() == [("a.hl7", "")]


@pytest.mark.parametrize("marker", ["", ".ok"])
def test_a_claim_that_a_share_has_made_and_fails_of_is_one(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    """As where the answer never came. It comes before anything younger, and its marker goes too."""
    station = Station(tmp_path, journal, marker=marker)
    real = files.rename

    def rename(source: object, target: object) -> None:
        monkeypatch.undo()
        real(source, target)  # type: ignore[arg-type]
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    for name in ("a.hl7", "b.hl7"):
        station.put(name, ready(name))
        if marker:
            station.put(name + marker, b"")
    monkeypatch.setattr(files, "rename", rename)
    monkeypatch.setattr(batches, "_MOST_FILES", 1)
    station.look(3)
    assert station.sources() == [("a.hl7", ""), ("b.hl7", "")]
    assert not list(station.outbox.iterdir())


@pytest.mark.skipif(files.WINDOWS, reason="what was claimed is held until it is read")
def test_what_was_claimed_is_read_when_its_folder_is_back(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The share goes away between claim and read: it lay in claimed/ till a restart, and nobody was told."""
    station.put("a.hl7", ready("M1"))
    real, away = writers.read_whole, station.claimed.with_name("away")

    def late(path: str, *more: object, **others: object) -> object:
        station.claimed.rename(away)
        monkeypatch.undo()
        return real(path, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(writers, "read_whole", late)
    station.look(3)
    assert station.trouble() == "outbox.unreachable"
    assert "claim.vanished" not in caplog.text
    away.rename(station.claimed)
    station.put("b.hl7", ready("M2"))
    station.look()
    assert station.sources() == [("a.hl7", ""), ("b.hl7", "")]
    assert station.trouble() == ""


@pytest.mark.skipif(files.WINDOWS, reason="what was claimed is held until it is read")
def test_nothing_younger_passes_what_could_not_be_seen_for_a_moment(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, away = writers.read_whole, station.claimed.with_name("away")

    def late(path: str, *more: object, **others: object) -> object:
        monkeypatch.undo()
        station.claimed.rename(away)
        try:
            return real(path, *more, **others)  # type: ignore[arg-type]
        finally:
            away.rename(station.claimed)

    for number, name in enumerate(("a.json", "b.json")):
        os.utime(station.put(name, report("F1", str(number))), ns=(10**18 + number,) * 2)
    monkeypatch.setattr(writers, "read_whole", late)
    station.look(3)
    assert station.sources() == [("a.json", ""), ("b.json", "")]
    assert [each.split()[0] for each in states(station.journal).values()] == ["spooled", "spooled"]


@pytest.mark.skipif(files.WINDOWS, reason="what was claimed is held until it is read")
def test_a_document_that_could_not_be_bound_is_found_again(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share has renamed it and said that it failed."""
    real = files.rename

    def rename(source: object, target: object) -> None:
        real(source, target)  # type: ignore[arg-type]
        if "@" in str(target):
            monkeypatch.undo()
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    station.put("a.json", _with_pdf())
    station.look()
    monkeypatch.setattr(files, "rename", rename)
    station.put("a.pdf", PDF)
    station.look(4)
    assert station.sources() == [("a.json", "")]
    assert len(rows(station.journal, "SELECT 1 FROM file")) == 2


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_folder_that_goes_away_before_its_flush_is_waited_for(
    station: Station, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """After a claim's rename, and after a document was bound: it ended the agent. All stay in order."""
    real, calls = files.sync_folder, 0

    def sync(folder: object) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        real(folder)  # type: ignore[arg-type]

    for name, data in (("a.pdf", PDF), ("a.json", _with_pdf()), ("b.json", report("F2")), ("c.json", report("F3"))):
        station.put(name, data)
    monkeypatch.setattr(files, "sync_folder", sync)
    monkeypatch.setattr(batches, "_MOST_FILES", 3)
    station.look()
    assert calls > nth
    assert station.sources() == [("a.json", ""), ("b.json", ""), ("c.json", "")]
    assert station.trouble() == ""
    assert len(rows(station.journal, "SELECT 1 FROM file")) == 4


def test_what_was_brought_back_is_read_when_its_folder_is_back(station: Station) -> None:
    """The share goes away in the moment in which intake is told of a released file."""
    away = station.claimed.with_name("away")
    (station.claimed / f"{new_id()}_a.hl7").write_bytes(ready("M1"))
    station.claimed.rename(away)
    station.intake.returned()
    station.look()
    assert station.sources() == []
    away.rename(station.claimed)
    station.look()
    assert station.sources() == [("a.hl7", "")]


@pytest.mark.skipif(files.WINDOWS, reason="what was claimed is held until it is read")
def test_a_claim_that_vanishes_is_said_and_invents_nothing(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    station.put("a.json", report())
    real = writers.read_whole

    def late(path: str, *more: object, **others: object) -> object:
        os.unlink(path)
        return real(path, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(writers, "read_whole", late)
    station.look()
    assert "claim.vanished" in caplog.text
    assert station.sources() == []


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="this system knows of no writers")
def test_a_file_written_on_after_the_claim_waits_and_is_sent_once_and_whole(station: Station) -> None:
    path = station.put("a.json", b"")
    data = report()
    with path.open("wb") as writer:
        writer.write(data[:20])
        writer.flush()
        station.intake.ring("a.json")  # a doorbell that is wrong
        station.look(3)
        assert station.sources() == []
        assert len(list(station.claimed.iterdir())) == (0 if files.WINDOWS else 1)  # no claim there beside a writer
        writer.write(data[20:])
    station.look()
    assert station.sources() == [("a.json", "")]
    assert len(head(station.journal)) == 1


def test_the_same_name_again_while_the_first_is_on_its_way(station: Station) -> None:
    station.put("a.hl7", ready("M1", value="1"))
    station.look()
    station.put("a.hl7", ready("M2", value="2"))
    station.look()
    assert [each.control_id for each in head(station.journal)] == ["M1", "M2"]
    assert len(list(station.claimed.iterdir())) == 2


ODD_NAMES = ("Müller 漢字.hl7".encode(), b"M\xfcller.hl7", b"x" * 251 + b".hl7", b"a 'x.hl7", b"_.hl7", b"@_@.hl7")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_goes(tmp_path: Path, journal: Journal, name: bytes) -> None:
    station = Station(tmp_path, journal)
    try:
        (station.outbox / os.fsdecode(name)).write_bytes(ready("M1"))
    except (OSError, UnicodeError):
        pytest.skip("not a name on this disk")
    station.look()
    assert [each.control_id for each in head(journal)] == ["M1"]
    again = Station(tmp_path, journal)
    again.intake._recover()
    again.look()
    assert states(journal) == {"M1": "spooled"}


# ------------------------------------------------------------------ markers


def test_a_marker_is_taken_away_with_its_file(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, marker=".ok")
    station.put("a.hl7", ready("M1"))
    station.look()
    assert station.sources() == []
    station.put("a.hl7.ok", b"")
    station.put("b.hl7.ok", b"")
    station.look()
    assert station.sources() == [("a.hl7", "")]
    assert [path.name for path in station.outbox.iterdir()] == ["b.hl7.ok"]


def test_a_marker_does_not_outlive_its_file_for_the_next_of_that_name(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next file's marker may come while the first is being read; it must stay."""
    station = Station(tmp_path, journal, marker=".ok")
    station.put("a.hl7", ready("M1", value="1"))
    station.put("a.hl7.ok", b"")
    real = writers.read_whole

    def producer_is_fast(*values: object, **more: object) -> object:
        monkeypatch.undo()
        assert not list(station.outbox.iterdir())
        station.put("a.hl7", ready("M2", value="2"))
        station.put("a.hl7.ok", b"")
        return real(*values, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(writers, "read_whole", producer_is_fast)
    station.look()
    assert [each.control_id for each in head(journal)] == ["M1", "M2"]
    assert not list(station.outbox.iterdir())


class _Killed(BaseException):
    """The process is gone."""


def _killed_with_the_marker_there(folder: Path, journal: Journal, marker: str) -> Station:
    """Claim a.hl7 and end before its marker is away; return the station of the next start, before it begins."""
    station = Station(folder, journal, marker=".ok")
    station.put("a.hl7", ready("M1"))
    station.put(marker, b"")
    with pytest.MonkeyPatch.context() as patches:

        def gone(_: Path) -> None:
            raise _Killed

        patches.setattr(files, "remove", gone)
        with pytest.raises(_Killed):
            station.look()
    assert [path.name for path in station.outbox.iterdir()] == [marker]
    return Station(folder, journal, marker=".ok")


@pytest.mark.parametrize("marker", ["a.hl7.ok", "a.OK"])
@pytest.mark.parametrize("down", [False, True], ids=["after the start", "before the start"])
def test_a_marker_that_an_end_has_left_does_not_complete_the_next_file_of_that_name(
    tmp_path: Path, journal: Journal, marker: str, down: bool
) -> None:
    """Killed between the claim and the removal of its marker; the next file is still being written."""
    again = _killed_with_the_marker_there(tmp_path, journal, marker)
    half = ready("M2", value="7")
    if not down:
        again.intake._recover()
    path = again.put("a.hl7", half)
    os.utime(path, ns=(time.time_ns() + 10**9,) * 2)
    if down:
        again.intake._recover()
    again.look()
    assert states(journal) == {"M1": "spooled"}
    again.put("a.hl7.ok", b"")
    again.look()
    assert states(journal) == {"M1": "spooled", "M2": "spooled"}
    assert not list(again.outbox.iterdir())


def test_a_marker_that_has_come_since_the_end_stays(tmp_path: Path, journal: Journal) -> None:
    """Also one of a base name that completes another file still."""
    again = _killed_with_the_marker_there(tmp_path, journal, "a.ok")
    again.put("a.hl7", ready("M2", value="7"))
    os.utime(again.put("a.hl7.ok", b""), ns=(time.time_ns() + 10**9,) * 2)
    again.intake._recover()
    again.look()
    assert states(journal) == {"M1": "spooled", "M2": "spooled"}
    assert [path.name for path in again.outbox.iterdir()] == []


# ------------------------------------------------------------------ attachments


def _with_pdf(name: str = "a.pdf") -> bytes:
    return report("F1", "1", name)


@pytest.mark.parametrize("order", [("a.pdf", "a.json"), ("a.json", "a.pdf")], ids=["before", "after"])
@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
def test_a_report_goes_with_its_attachment(station: Station, order: tuple[str, str], together: bool) -> None:
    for name in order:
        station.put(name, PDF if name.endswith("pdf") else _with_pdf())
        if not together:
            station.look()
    station.look()
    assert station.sources() == [("a.json", "")]
    (message,) = head(station.journal)
    assert b"|ED|" in message.body
    assert rows(station.journal, "SELECT name, role FROM file ORDER BY id") == [
        ("a.json", "report"), ("a.pdf", "attachment"),
    ]  # fmt: skip
    assert not list(station.outbox.iterdir())
    assert len(list(station.claimed.iterdir())) == 2


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 jpeg", b"\x89PNG\r\n\x1a\n", b"{\\rtf1 text}"])
def test_a_picture_or_a_text_may_come_before_its_report_too(station: Station, data: bytes) -> None:
    station.put("scan.x", data)
    station.look()
    assert station.sources() == []
    station.put("a.json", _with_pdf("scan.x").replace(b'"scan.x"', b'"scan.x", "mime": "application/octet-stream"'))
    station.look()
    assert station.sources() == [("a.json", "")]
    assert rows(station.journal, "SELECT name FROM file WHERE role = 'attachment'") == [("scan.x",)]


def test_a_report_without_its_attachment_does_not_wait_for_ever(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, attachment_wait_s=0.0)
    station.put("a.json", _with_pdf())
    station.look()
    assert list(states(journal).values()) == ["quarantined attachment.missing"]
    station.put("a.pdf", PDF)  # too late
    station.look()
    assert station.sources() == [("a.json", ""), ("a.pdf", "attachment.unclaimed")]


def test_a_report_waits_while_others_pass(station: Station) -> None:
    station.put("a.json", _with_pdf())
    station.put("b.json", report("F2"))
    station.look(3)
    assert station.sources() == [("b.json", "")]
    station.put("a.pdf", PDF)
    station.look()
    assert station.sources() == [("b.json", ""), ("a.json", "")]


def test_an_attachment_that_vanishes_is_waited_for_again(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.put("a.json", _with_pdf())
    station.look()
    real = writers.read_whole

    def gone(path: str, *more: object, **others: object) -> object:
        if path.endswith(".pdf"):
            monkeypatch.undo()
            os.unlink(path)
        return real(path, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(writers, "read_whole", gone)
    station.put("a.pdf", PDF)
    station.look()
    assert station.sources() == []
    station.put("a.pdf", PDF)
    station.look()
    assert station.sources() == [("a.json", "")]


def test_after_a_crash_each_report_finds_its_own_attachment(tmp_path: Path, journal: Journal) -> None:
    """Two documents of one name, claimed for two reports that wait for more."""
    station = Station(tmp_path, journal)
    for patient, document in (("F1", PDF + b" one"), ("F2", PDF + b" two")):
        data = report(patient, "1", "scan.pdf", f"{patient}.pdf")
        station.put(f"{patient}.json", data)
        station.put("scan.pdf", document)
        station.look()
    assert station.sources() == []
    again = Station(tmp_path, journal)
    again.intake._recover()
    for patient in ("F1", "F2"):
        again.put(f"{patient}.pdf", PDF)
    again.look()
    assert sorted(again.sources()) == [("F1.json", ""), ("F2.json", "")]
    paired = rows(
        journal,
        "SELECT r.name, a.claimed_as FROM file r JOIN file a ON a.source_id = r.source_id"
        " WHERE r.role = 'report' AND a.name = 'scan.pdf' ORDER BY r.name",
    )
    read_back = [(name, (again.claimed / claimed_as).read_bytes()) for name, claimed_as in paired]
    assert read_back == [("F1.json", PDF + b" one"), ("F2.json", PDF + b" two")]


def test_a_document_that_two_reports_want_is_given_to_neither(station: Station) -> None:
    station.put("F1.json", report("F1", "1", "scan.pdf"))
    station.look()
    station.put("F2.json", report("F2", "1", "scan.pdf"))
    station.put("scan.pdf", PDF)
    station.look(3)
    refused = [(name, "attachment.shared") for name in ("F1.json", "F2.json", "scan.pdf")]
    assert sorted(station.sources()) == refused
    station.put("F3.json", report("F3", "1", "scan.pdf"))
    station.look(3)
    assert sorted(station.sources()) == sorted([*refused, ("F3.json", "attachment.shared")])  # nor the next one


def test_an_attachment_waits_for_its_marker_too(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, marker=".ok")
    for name, data in (("a.json", _with_pdf()), ("a.json.ok", b""), ("a.pdf", PDF)):
        station.put(name, data)
    station.look(3)
    assert station.sources() == []
    station.put("a.pdf.ok", b"")
    station.look()
    assert station.sources() == [("a.json", "")]
    assert not list(station.outbox.iterdir())  # a marker left behind would complete the next file of that name


def test_of_two_documents_of_one_name_the_report_gets_the_newer(station: Station) -> None:
    for document in (b" of another patient", b" its own"):
        station.put("a.pdf", PDF + document)
        station.look()
    station.put("a.json", _with_pdf())
    station.look()
    assert station.sources() == [("a.pdf", "attachment.unclaimed"), ("a.json", "")]
    ((claimed_as,),) = rows(station.journal, "SELECT claimed_as FROM file WHERE role = 'attachment'")
    assert (station.claimed / claimed_as).read_bytes() == PDF + b" its own"


def test_what_pairing_rejects_is_spooled_with_its_batch(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.put("a.pdf", PDF + b" of another patient")
    station.look()
    station.put("a.pdf", PDF + b" its own")
    station.put("a.json", _with_pdf())
    station.put("b.json", report("F2"))
    done = steps(monkeypatch, (station.journal.spool, "spooled"))
    station.look()
    assert done == ["spooled"]
    assert sorted(station.sources()) == [("a.json", ""), ("a.pdf", "attachment.unclaimed"), ("b.json", "")]


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
def test_a_result_is_no_attachment_of_another(tmp_path: Path, journal: Journal, together: bool) -> None:
    station = Station(tmp_path, journal, attachment_wait_s=0.1)
    naming = report("F1", "1", "b.json")
    station.put("a.json", naming)
    if not together:  # bound to it by an older version
        station.intake._claims.claim(station.intake._arrivals.complete({"a.json"}))
        (claimed,) = station.claimed.iterdir()
        (station.claimed / f"C9@{claimed.name.partition('_')[0]}_b.json").write_bytes(report("F2"))
        station = Station(tmp_path, journal)
        station.intake._recover()
        assert station.sources() == [("a.json", "attachment.result")]
        assert head(journal) == []
        return
    station.put("b.json", report("F2"))
    for _ in range(500):
        station.look()
        if len(station.sources()) == 2:
            break
    assert sorted(station.sources()) == [("a.json", ""), ("b.json", "")]
    (sent,) = head(journal)
    assert b"|F2^LAB|" in sent.body


def test_a_fault_over_an_attachment_costs_one_report_only(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_values: object, **_more: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(station.intake._plan.composer._writers[0]._builder, "build", fault)
    station.put("a.pdf", PDF)
    station.put("a.json", _with_pdf())
    station.put("b.hl7", ready("M1"))
    station.look()
    assert sorted(states(station.journal).values()) == ["quarantined agent.fault", "spooled"]


def test_a_document_in_the_journal_is_not_taken_up_again(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, attachment_wait_s=0.0)
    (station.claimed / "C1@C0_a.pdf").write_bytes(PDF)  # its report's source is gone
    station.intake._recover()
    station.look()
    assert station.sources() == [("a.pdf", "attachment.unclaimed")]
    again = Station(tmp_path, journal)
    again.intake._recover()  # before the keeper could move it
    again.put("a.json", _with_pdf())
    again.look()
    assert again.sources() == [("a.pdf", "attachment.unclaimed")]


def test_a_report_that_waited_is_not_sent_after_a_newer_one(station: Station) -> None:
    station.put("v0.json", report("F1", "0"))
    station.put("v1.json", report("F1", "1", "F1.pdf"))
    station.put("v2.json", report("F1", "2"))
    station.put("other.json", report("F2", "1", "F2.pdf"))
    station.look()
    station.put("F1.pdf", PDF)
    station.put("F2.pdf", PDF)
    station.look(3)
    told = rows(station.journal, "SELECT state, code FROM message ORDER BY id")
    assert [state for state, _ in told].count("spooled") == 3
    assert ("quarantined", "report.overtaken") in told


def test_an_older_report_of_the_same_batch_overtakes_nothing(station: Station) -> None:
    station.put("v0.json", report("F1", "0"))
    station.put("v1.json", report("F1", "1", "F1.pdf"))
    station.look()
    station.put("F1.pdf", PDF)
    station.look(3)
    assert rows(station.journal, "SELECT DISTINCT state FROM message") == [("spooled",)]


def test_reports_that_waited_go_in_the_order_in_which_they_came(station: Station) -> None:
    for number in (1, 2, 3):
        station.put(f"{number}.json", report("F1", str(number), f"{number}.pdf"))
        station.look()
    batches = station.intake._batches
    first, *others = batches.waiting
    batches.waiting = [first, *(replace(each, retry_s=each.retry_s + 60.0) for each in others)]
    station.look()
    assert batches.waiting[-1].claim == first.claim  # it was looked at last
    batches.waiting = [replace(each, retry_s=0.0) for each in batches.waiting]
    station.put("1.pdf", PDF)
    station.put("2.pdf", PDF)
    station.look()
    station.put("3.pdf", PDF)  # it is the newest: those before it have not overtaken it
    station.look()
    assert station.sources() == [("1.json", ""), ("2.json", ""), ("3.json", "")]
    assert {*states(station.journal).values()} <= {"spooled", "spooled correction.silent-change"}


def test_a_report_that_waited_over_a_restart_is_not_sent_after_a_newer_one(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    station.put("v0.json", report("F1", "0"))
    station.look()
    station.put("v1.json", report("F1", "1", "F1.pdf"))
    station.put("other.json", report("F2", "1", "F2.pdf"))
    station.look()
    station.put("v2.json", report("F1", "2"))
    station.look()
    again = Station(tmp_path, journal)
    again.intake._recover()
    for name in ("F1.pdf", "F2.pdf"):
        again.put(name, PDF)
    again.look(3)
    query = "SELECT f.name, m.state FROM message m JOIN file f USING (source_id) WHERE f.role = 'report'"
    told = dict(rows(journal, query))
    assert told == {"v0.json": "spooled", "v1.json": "quarantined", "v2.json": "spooled", "other.json": "spooled"}


@pytest.mark.parametrize("restart", [False, True])
def test_a_document_is_not_forgotten_when_the_outbox_goes_away_under_it(
    station: Station, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    """It is claimed and nobody knows it yet: it is found when the outbox is back, here or by the next start."""
    station.put("a.json", _with_pdf())
    station.look()
    station.put("a.pdf", PDF)

    def away(_folder: object) -> None:
        raise OSError(errno.ESTALE, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(files, "sync_folder", away)
        station.intake._round()
        assert station.sources() == []
        assert station.trouble()
    again = Station(station.outbox.parent, station.journal) if restart else station
    if restart:
        again.intake._recover()
    again.look()
    assert again.sources() == [("a.json", "")]
    assert len(rows(station.journal, "SELECT 1 FROM file")) == 2


def test_the_name_that_binds_a_document_is_flushed_before_the_journal_answers(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.put("a.pdf", PDF)
    station.look()
    station.put("a.json", _with_pdf())
    done = steps(monkeypatch, (files, "rename"), (files, "sync_folder"), (station.journal.spool, "spooled"))
    station.look()
    claimed, bound = ["rename", "sync_folder", "sync_folder"], ["rename", "sync_folder"]
    assert done == [*claimed, *bound, "spooled"]


# ------------------------------------------------------------------ crashes


def test_what_was_claimed_before_a_crash_is_taken_up_in_order(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    for number, name in enumerate(["b.hl7", "a.hl7"]):
        os.utime(station.put(name, ready(f"M{number}", order=f"F{number}")), ns=(10**18, 10**18 + number * 100))
    looks = station.intake._arrivals.complete({"a.hl7", "b.hl7"})
    station.intake._claims.claim(looks)  # and there the process died
    again = Station(tmp_path, journal)
    again.intake._recover()
    assert [each.control_id for each in head(journal)] == ["M0", "M1"]
    Station(tmp_path, journal).intake._recover()
    assert len(head(journal)) == 2


def test_a_claimed_attachment_finds_its_report_after_a_crash(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    station.put("a.json", report("F1", "1", "a.pdf", "b.pdf"))
    station.look()
    station.put("a.pdf", PDF)
    station.look()  # claimed for the report, which still waits for b.pdf
    assert len(list(station.claimed.iterdir())) == 2
    again = Station(tmp_path, journal)
    again.intake._recover()
    again.put("b.pdf", PDF)
    again.look()
    assert again.sources() == [("a.json", "")]
    assert len(list(again.claimed.iterdir())) == 3
    Station(tmp_path, journal).intake._recover()
    assert again.sources() == [("a.json", "")]


def test_of_two_documents_bound_to_one_report_none_lies_unseen(tmp_path: Path, journal: Journal) -> None:
    """A cut one, and the whole one that came in its place."""
    station = Station(tmp_path, journal, attachment_wait_s=0.0)
    (station.claimed / "C1_a.json").write_bytes(_with_pdf())
    for name, data in (("C2@C1_a.pdf", PDF[:9]), ("C3@C1_a.pdf", PDF)):
        (station.claimed / name).write_bytes(data)
    station.intake._recover()
    station.look()
    assert sorted(station.sources()) == [("a.json", ""), ("a.pdf", "attachment.unclaimed")]
    assert rows(journal, "SELECT claimed_as FROM file ORDER BY id") == [
        ("C1_a.json",), ("C3@C1_a.pdf",), ("C2@C1_a.pdf",),
    ]  # fmt: skip


def test_a_document_without_report_is_found_again_after_a_crash(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    station.put("a.pdf", PDF)
    station.look()
    again = Station(tmp_path, journal)
    again.intake._recover()
    again.put("a.json", _with_pdf())
    again.look()
    assert again.sources() == [("a.json", "")]


def test_a_stray_file_among_the_claimed_is_taken_for_a_result(station: Station) -> None:
    (station.claimed / "stray").write_bytes(ready("M1"))
    (station.claimed / "folder").mkdir()
    station.intake._recover()
    assert [each.control_id for each in head(station.journal)] == ["M1"]


# ------------------------------------------------------------------ when it cannot go on


@OF_THE_FILE
def test_a_journal_that_cannot_be_written_is_waited_for(
    station: Station, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(troubles, "_journal_waits", lambda _: waits.set())
    locker = sqlite3.connect(journal.store.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    station.put("a.hl7", ready("M1"))
    thread = threading.Thread(target=station.intake.run)
    thread.start()
    try:
        assert waits.wait(30)
        assert states(journal) == {}
        locker.execute("COMMIT")
        until(lambda: states(journal) == {"M1": "spooled"})
    finally:
        locker.close()
        station.intake.stop()
        thread.join(30)
    assert not thread.is_alive()


@OF_THE_FILE
def test_stopping_while_the_journal_is_locked_leaves_the_claim_for_the_next_start(
    station: Station, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    monkeypatch.setattr(troubles, "_journal_waits", lambda _: station.intake.stop())
    locker = sqlite3.connect(journal.store.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    station.put("a.hl7", ready("M1"))
    station.intake.run()
    locker.close()
    assert states(journal) == {}
    again = Station(station.outbox.parent, journal)
    again.intake._recover()
    assert states(journal) == {"M1": "spooled"}


def test_an_outbox_that_is_away_is_waited_for(station: Station) -> None:
    station.outbox.rmdir()
    station.look()
    assert station.trouble() == "outbox.unreachable"
    station.outbox.mkdir()
    station.put("a.hl7", ready("M1"))
    station.look()
    assert (station.trouble(), states(station.journal)) == ("", {"M1": "spooled"})


@contextmanager
def _nobody() -> Iterator[None]:
    """Be somebody without rights for a while."""
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def open_station() -> Iterator[Station]:
    """A station that nobody owns, below a folder that everybody may pass."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65534, 65534)
        with _nobody():
            journal = Journal(Path(folder) / "journal.db")
            station = Station(Path(folder), journal)
        yield station
        journal.close()


@ROOT_ONLY
def test_an_outbox_that_cannot_be_written_is_waited_for(open_station: Station) -> None:
    station = open_station
    path = station.put("a.hl7", ready("M1"))
    with _nobody():
        station.outbox.chmod(0o555)
        station.look()
        assert station.trouble() == "claim.failed"
        assert path.exists()
        station.outbox.chmod(0o755)
        station.look()
    assert states(station.journal) == {"M1": "spooled"}
    assert station.trouble() == ""


@ROOT_ONLY
def test_one_file_that_cannot_be_read_holds_up_no_other(open_station: Station) -> None:
    station = open_station
    station.put("a.hl7", ready("M1")).chmod(0)
    station.put("b.hl7", ready("M2", order="F2"))
    with _nobody():
        station.look(3)
        assert states(station.journal) == {"M2": "spooled"}
        assert station.trouble() == "file.unreadable-now"
    (locked,) = [path for path in station.claimed.iterdir() if path.name.endswith("_a.hl7")]
    locked.chmod(0o644)
    with _nobody():
        station.look(3)
    assert states(station.journal) == {"M2": "spooled", "M1": "spooled"}
    assert station.trouble() == ""


def test_a_document_that_could_not_be_read_is_no_trouble_any_more_once_it_is(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report waits on, for another one."""
    station.put("a.json", report("F1", "1", "one.pdf", "two.pdf"))
    station.put("one.pdf", PDF)
    station.look()
    real = writers.read_whole
    again = Station(station.outbox.parent, station.journal)

    def refused(path: str, *more: object, **others: object) -> object:
        if path.endswith("one.pdf"):
            raise PermissionError(errno.EACCES, "no right")
        return real(path, *more, **others)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(writers, "read_whole", refused)
        again.intake._recover()
        again.look()
        assert again.trouble() == "file.unreadable-now"
    again.look()
    assert again.trouble() == ""
    again.put("two.pdf", PDF)
    again.look()
    assert again.sources() == [("a.json", "")]


def test_folders_that_look_empty_have_no_consequence(station: Station) -> None:
    station.put("a.hl7", ready("M1"))
    station.look()
    before = tree(station.claimed)
    station.look(3)
    assert tree(station.claimed) == before
    assert states(station.journal) == {"M1": "spooled"}


@pytest.mark.skipif(sys.platform == "win32", reason="no folder in which a file is open is moved there")
def test_a_round_that_could_not_look_wants_no_other_one_soon(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    station.intake._arrivals._at_rest.wants_another_look = True
    station.claimed.rename(tmp_path / "away")
    station.outbox.rename(tmp_path / "away, too")
    station.intake.returned()
    station.look(1)
    assert not station.intake._arrivals.wants_another
