"""Folders follow the journal: moves, reasons, taken names, and every crash between."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from kit.core import HIS, bad, entry, head, rows, source, states, steps, tree
from kit.fixtures import OF_THE_FILE

from lab_sender import files
from lab_sender.config.folders import Folders
from lab_sender.filing.delivered import day_of
from lab_sender.filing.keeper import Keeper
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Attempt, Journal, JournalUnavailable, NewFile, NewMessage, NewSource, View

CONTENT = b"abc"


class House:
    """The folders of an agent; `keep` is a keeper's whole life: start, one round, end."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.journal, self.folder = journal, folder / "house"
        self.paths = {name: self.folder / name for name in ("outbox", "claimed", "sent", "quarantine")}
        for path in self.paths.values():
            path.mkdir(parents=True, exist_ok=True)
        self.count = 0

    def keeper(self) -> Keeper:
        paths = self.paths
        folders = Folders(paths["outbox"], paths["sent"], paths["quarantine"], work=self.folder, journal=self.folder)
        return Keeper(self.journal, folders)

    def keep(self) -> None:
        keeper = self.keeper()
        keeper.stop()
        keeper.run()

    def claim(self, name: str, *messages: NewMessage, code: str = "", attachment: str = "") -> int:
        """Put a claimed file into folder and journal; returns its source's id."""
        self.count += 1
        made = source(f"C{self.count}", *messages, code=code)
        claimed = [NewFile(name, f"C{self.count}_{name[:150]}", size=len(CONTENT))]
        if attachment:
            claimed_as = f"D{self.count}@C{self.count}_{attachment}"
            claimed.append(NewFile(attachment, claimed_as, "attachment", len(CONTENT)))
        for file in claimed:
            (self.paths["claimed"] / file.claimed_as).write_bytes(CONTENT)
        whole = NewSource(made.claim_id, "hl7", 3, made.sha256, tuple(claimed), made.messages, code, code)
        self.journal.spool.spooled([whole], HIS)
        return self.count

    def ack(self, *control_ids: str) -> None:
        for message in head(self.journal):
            if message.control_id in control_ids:
                self.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))

    def refuse(self, *control_ids: str) -> None:
        for message in head(self.journal):
            if message.control_id in control_ids:
                self.journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")

    def files(self) -> list[str]:
        """Every file, with the day in sent/ written as DAY."""
        names = []
        for path in tree(self.folder):
            parts = path.split("/")
            names.append("/".join(["sent", "DAY", *parts[2:]] if parts[0] == "sent" else parts))
        return names

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def settled(self) -> bool:
        return not self.journal.filing.unsettled_sources()


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open nothing more."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def not_listable(folder: Path, within: Path) -> Iterator[None]:
    """Let this process write into a folder, but not list it: files can be moved there, and never flushed."""
    folder.chmod(0o300)
    if root := os.getuid() == 0:
        for path in (within, *within.rglob("*")):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.fixture
def house(tmp_path: Path, journal: Journal) -> House:
    return House(tmp_path, journal)


def test_an_acknowledged_file_goes_to_sent_and_not_before(house: House) -> None:
    house.claim("a.json", entry("M1"), entry("M2"), attachment="a.pdf")
    house.ack("M1")
    house.keep()
    assert [path.split("/")[0] for path in house.files()] == ["claimed", "claimed"]
    house.ack("M2")
    house.keep()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a.pdf"]
    assert house.settled()


def test_a_quarantined_file_has_its_reason_beside_it(house: House) -> None:
    house.claim("a.json", entry("M1"), bad("[1]"), attachment="a.pdf")
    house.claim("b.json", code="json.syntax")
    house.ack("M1")
    house.keep()
    assert house.files() == [
        "quarantine/a.json", "quarantine/a.json.reason.txt", "quarantine/a.pdf",
        "quarantine/b.json", "quarantine/b.json.reason.txt",
    ]  # fmt: skip
    assert "[1]: json.value" in house.text("quarantine/a.json.reason.txt")
    assert "message 2, quarantined 20" in house.text("quarantine/a.json.reason.txt")
    assert house.text("quarantine/b.json.reason.txt").startswith("json.syntax\nIt is file:2, received 20")


def test_a_reason_has_the_line_ends_of_the_system(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notepad shows one long line otherwise; and one that is up to date is not written anew."""
    monkeypatch.setattr("lab_sender.filing.keeper.os.linesep", "\r\n")
    house.claim("b.json", code="json.syntax")
    house.keep()
    path = house.folder / "quarantine/b.json.reason.txt"
    data, inode = path.read_bytes(), path.stat().st_ino
    assert data.startswith(b"json.syntax\r\nIt is file:1, received 20")
    assert data.count(b"\n") == data.count(b"\r\n") > 1
    house.keep()
    assert path.stat().st_ino == inode


def test_a_reason_says_what_became_of_the_rest_since(house: House) -> None:
    """The file rests in quarantine for one destination while another one's messages go on."""
    there = entry("M2", destination="other")
    house.claim("a.json", entry("M1"), there)
    house.refuse("M1")
    keeper = house.keeper()
    keeper.round()
    path = "quarantine/a.json.reason.txt"
    assert house.text(path).startswith("the report for his, control id M1: refused\n")
    assert "At other: 0 of 1 delivered; 1 still waiting when this was" in house.text(path)
    for message in house.journal.delivery.head("other", after_quarantine="continue"):
        house.journal.delivery.quarantined(message, code="refused", reason="The HIS answered AR.")
    keeper.round()
    assert "the report for other, control id M2: refused\nThe HIS answered AR." in house.text(path)
    assert "waiting" not in house.text(path)
    (house.folder / path).unlink()
    house.journal.operator.release(2)
    for message in house.journal.delivery.head("other", after_quarantine="continue"):
        house.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
    keeper.round()
    assert house.files() == ["quarantine/a.json"], "who has taken a reason away gets no other one"


def test_a_reason_that_was_being_written_anew_at_a_crash_is_written_at_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.claim("a.json", entry("M1"), entry("M2", destination="other"))
    house.refuse("M1")
    house.keep()
    for message in house.journal.delivery.head("other", after_quarantine="continue"):
        house.journal.delivery.quarantined(message, code="refused", reason="The HIS answered AR.")
    with monkeypatch.context() as crash:
        crash.setattr(files, "fsync", _killed)
        with pytest.raises(KeyboardInterrupt):
            house.keep()
    house.keep()
    assert house.files() == ["quarantine/a.json", "quarantine/a.json.reason.txt"]
    assert "the report for other, control id M2: refused\n" in house.text("quarantine/a.json.reason.txt")


def _killed(_: int) -> None:
    raise KeyboardInterrupt


def test_a_dismissed_file_leaves_quarantine_without_its_reason(house: House) -> None:
    house.claim("a.json", entry("M1"))
    source_id = house.claim("b.json", code="json.syntax")
    house.refuse("M1")
    house.keep()
    house.journal.operator.dismiss(1, "wrong patient")
    house.journal.operator.dismiss_file(source_id, "no report")
    house.keep()
    assert house.files() == ["quarantine/dismissed/a.json", "quarantine/dismissed/b.json"]


def test_a_file_called_dismissed_does_not_take_the_folder_s_place(house: House) -> None:
    file_id = house.claim("dismissed", code="json.syntax")
    house.keep()
    assert not (house.paths["quarantine"] / "dismissed").is_file()
    house.journal.operator.dismiss_file(file_id, "no report")
    house.keep()
    assert house.files() == ["quarantine/dismissed/dismissed"]
    assert house.settled()


def test_a_released_file_comes_back_and_goes_on_to_sent(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    house.keep()
    house.journal.operator.release(1)
    house.keep()
    assert house.files() == ["claimed/C1_a.json"]
    house.ack("M1")
    house.keep()
    assert house.files() == ["sent/DAY/a.json"]


def test_a_released_file_is_intakes_again_with_its_attachments_bound_to_it(house: House) -> None:
    source_id = house.claim("a.json", code="json.syntax", attachment="a.pdf")
    house.keep()
    house.journal.operator.release_file(source_id)
    assert len(house.journal.spool.returning()) == 1
    house.keep()
    (claim_id,) = {path.name.partition("_")[0] for path in house.paths["claimed"].glob("*_a.json")}
    assert sorted(path.name.partition("@")[2] or path.name for path in house.paths["claimed"].iterdir()) == [
        f"{claim_id}_a.json", f"{claim_id}_a.pdf",
    ]  # fmt: skip
    assert house.journal.spool.returning() == set()
    assert house.journal.spool.known_claims([path.name for path in house.paths["claimed"].iterdir()]) == set()
    (house.paths["claimed"] / f"{claim_id}_a.json").unlink()  # intake has done with it
    house.keep()
    assert house.settled()


def test_a_crash_on_the_way_back_leaves_no_attachment_without_its_report(house: House) -> None:
    """The attachment is there, its report is not: intake is told to keep its hands off."""
    source_id = house.claim("a.json", code="json.syntax", attachment="a.pdf")
    house.keep()
    house.journal.operator.release_file(source_id)
    keeper = house.keeper()
    with pytest.MonkeyPatch.context() as patch:
        real = files.move

        def dies(source: str, target: str) -> None:
            if source.endswith("a.json"):
                raise KeyboardInterrupt
            real(source, target)

        patch.setattr(files, "move", dies)
        keeper._todo.add(source_id)
        with pytest.raises(KeyboardInterrupt):
            keeper.round()
    (attachment,) = house.paths["claimed"].iterdir()
    assert {attachment.name.partition("@")[2].partition("_")[0]} == house.journal.spool.returning()
    assert house.journal.spool.known_claims([attachment.name]) == {attachment.name}
    house.keep()
    assert len(list(house.paths["claimed"].iterdir())) == 2
    assert house.journal.spool.returning() == set()


@pytest.mark.parametrize("role", ["report", "attachment"])
def test_fault_92_what_has_grown_since_it_was_read_is_not_filed_as_sent(house: House, role: str) -> None:
    house.claim("a.json", entry("M1"), attachment="a.pdf")
    house.ack("M1")
    (path,) = house.paths["claimed"].glob("*.json" if role == "report" else "*.pdf")
    with path.open("ab") as late_writer:
        late_writer.write(b"more")
    house.keep()
    assert sorted(house.files()) == ["quarantine/a.json", "quarantine/a.json.reason.txt", "quarantine/a.pdf"]
    reason = house.text("quarantine/a.json.reason.txt")
    assert reason.startswith("file.grown: ")
    assert "M1: acked" in reason
    assert states(house.journal) == {"M1": "acked"}  # and it is not sent again
    house.journal.operator.release_file(1)
    house.keep()
    assert any(path.name.endswith("_a.json") for path in house.paths["claimed"].iterdir())


def test_what_the_brake_puts_back_comes_back(house: House) -> None:
    for name in ("M1", "M2", "M3"):
        house.claim(f"{name}.json", entry(name))
    house.refuse("M1", "M2")
    house.keep()
    assert "quarantine/M1.json" in house.files()
    house.journal.delivery.held(HIS, "brake", "ill", [1, 2, 3])
    house.keep()
    assert house.files() == ["claimed/C1_M1.json", "claimed/C2_M2.json", "claimed/C3_M3.json"]


def test_a_resent_copy_that_is_refused_takes_its_file_to_quarantine(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    house.keep()
    house.journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    house.keep()
    assert house.files() == ["sent/DAY/a.json"]
    house.refuse("N1")
    house.journal.delivery.finished_sources()  # the process that knew died
    house.keep()
    assert house.files() == ["quarantine/a.json", "quarantine/a.json.reason.txt"]


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("together", [True, False])
def test_one_name_twice_keeps_both(house: House, together: bool) -> None:
    for control_id in ("M1", "M2"):
        house.claim("a.json", entry(control_id))
        if not together:
            house.ack(control_id)
            house.keep()
    house.ack("M1", "M2")
    house.keep()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a~C2.json"]


def test_attachments_of_one_name_keep_both(house: House) -> None:
    for control_id in ("M1", "M2"):
        house.claim(f"{control_id}.json", entry(control_id), attachment="scan.pdf")
    house.ack("M1", "M2")
    house.keep()
    assert house.files() == [
        "sent/DAY/M1.json", "sent/DAY/M2.json", "sent/DAY/scan.pdf", "sent/DAY/scan~D2.pdf",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["a.json", "a.json.reason.txt"])
def test_a_reason_overwrites_no_file(house: House, first: str) -> None:
    """Somebody drags the quarantine back into the outbox, notes and all."""
    house.claim(first, code="file.unknown-format")
    house.keep()
    before = tree(house.paths["quarantine"])
    other = "a.json" if first != "a.json" else "a.json.reason.txt"
    house.claim(other, code="file.unknown-format")
    house.keep()
    after = tree(house.paths["quarantine"])
    assert {name: data for name, data in after.items() if name in before} == before
    assert list(after.values()).count(CONTENT) == 2
    assert len(after) == 4


def test_a_long_name_still_has_room_for_its_reason(house: House) -> None:
    long = "ä" * 123 + ".json"
    for _ in range(2):
        house.claim(long, code="json.syntax")
    house.keep()
    names = house.files()
    assert len(names) == 4
    assert all(path.startswith("quarantine/ää") and (".json" in path) for path in names)
    assert house.settled()


# ------------------------------------------------------------------ crashes


def _sent(house: House) -> tuple[int, str, Path]:
    """A file whose message is acknowledged; its row's id, the name it is to have, and its path there."""
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    path = house.paths["sent"] / "2026-11-22" / "a.json"
    path.parent.mkdir()
    return 1, "2026-11-22/a.json", path


def test_a_move_is_planned_made_flushed_and_marked_in_this_order(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    book = house.journal.filing
    done = steps(
        monkeypatch,
        (book, "planned"), (files, "move"), (files, "write_new"), (files, "sync_folder"), (book, "placed"),
    )  # fmt: skip
    house.keep()
    assert done == ["planned", "move", "write_new", "sync_folder", "sync_folder", "placed"]


def test_a_crash_before_the_move(house: House) -> None:
    file_id, name, _ = _sent(house)
    house.journal.filing.planned([(file_id, "sent", name)])
    house.keep()
    assert house.files() == ["sent/DAY/a.json"]
    assert house.settled()


def test_a_crash_after_the_move(house: House) -> None:
    file_id, name, path = _sent(house)
    house.journal.filing.planned([(file_id, "sent", name)])
    (house.paths["claimed"] / "C1_a.json").rename(path)
    house.keep()
    assert house.files() == ["sent/DAY/a.json"]
    assert rows(house.journal, "SELECT folder, filed_as FROM file") == [("sent", name)]


def test_a_crash_before_the_reason_is_written(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    house.journal.filing.planned([(1, "quarantine", "a.json")])
    (house.paths["claimed"] / "C1_a.json").rename(house.paths["quarantine"] / "a.json")
    house.keep()
    assert house.files() == ["quarantine/a.json", "quarantine/a.json.reason.txt"]


def test_a_plan_overtaken_by_an_operator_is_finished_and_put_right(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    house.journal.filing.planned([(1, "quarantine", "a.json")])
    (house.paths["claimed"] / "C1_a.json").rename(house.paths["quarantine"] / "a.json")
    house.journal.operator.release(1)  # while the agent was down
    keeper = house.keeper()
    keeper.stop()
    keeper.run()
    keeper.round()
    assert house.files() == ["claimed/C1_a.json"]
    assert house.settled()


def test_a_journal_that_fails_between_move_and_mark(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.claim("a.json", entry("M1"), attachment="a.pdf")
    house.ack("M1")

    def unavailable(_ids: object) -> None:
        monkeypatch.undo()
        raise JournalUnavailable("journal.busy", "locked")

    monkeypatch.setattr(house.journal.filing, "placed", unavailable)
    keeper = house.keeper()
    keeper.stop()
    keeper.run()
    assert not house.settled()
    keeper.round()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a.pdf"]
    assert house.settled()


# ------------------------------------------------------------------ without a plan


def test_what_was_delivered_is_flushed_moved_flushed_and_marked_without_a_plan(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    book = house.journal.filing
    done = steps(
        monkeypatch,
        (house.journal.store, "tick"), (book, "planned"), (files, "rename"), (files, "sync_folder"), (book, "sent"),
        (files, "move"),
    )  # fmt: skip
    house.keeper().round()
    made = ["sync_folder"]
    assert done == ["tick", *made, "rename", "sync_folder", "sync_folder", "sent", "tick"]
    assert house.files() == ["sent/DAY/a.json"]
    assert house.settled()


def _moved_before_a_crash(house: House, name: str, *, content: bytes = CONTENT) -> str:
    """A file whose message is acknowledged, moved under this name and not noted; its name in sent/."""
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    ((final_ms,),) = rows(house.journal, "SELECT final_ms FROM message")
    day = day_of(final_ms)
    path = house.paths["sent"] / day / name
    path.parent.mkdir()
    (house.paths["claimed"] / "C1_a.json").rename(path)
    path.write_bytes(content)
    return f"{day}/{name}"


@pytest.mark.parametrize("name", ["a.json", "a~C1.json"])
def test_a_crash_between_move_and_mark(house: House, name: str) -> None:
    filed_as = _moved_before_a_crash(house, name)
    house.keep()
    assert rows(house.journal, "SELECT folder, filed_as, planned_folder FROM file") == [("sent", filed_as, "")]
    assert house.files() == [f"sent/DAY/{name}"]
    assert house.settled()


def test_a_file_both_of_whose_names_are_taken_is_said_to_wait(house: House) -> None:
    """As by copies onto another disk whose originals could not be removed; it lay in claimed/ for ever, unseen."""
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    ((final_ms,),) = rows(house.journal, "SELECT final_ms FROM message")
    for name in ("a.json", "a~C1.json"):
        path = house.paths["sent"] / day_of(final_ms) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"other")
    house.keep()
    ((trouble,),) = rows(house.journal, "SELECT value FROM meta WHERE key = 'filing_trouble'")
    assert "keeper.FileExistsError" in trouble
    path.unlink()
    house.keep()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a~C1.json"]
    assert house.settled()


@pytest.mark.parametrize("name", ["a.json", "a~C1.json"])
def test_a_file_of_other_content_is_not_taken_for_the_one_that_was_moved(house: House, name: str) -> None:
    _moved_before_a_crash(house, name, content=b"other")
    house.keep()
    assert rows(house.journal, "SELECT folder FROM file") == [("missing",)]


def test_the_same_content_that_is_another_ones_is_not_taken_for_it(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.ack("M1")
    house.keep()
    house.claim("a.json", entry("M2", value="2"))
    house.ack("M2")
    (house.paths["claimed"] / "C2_a.json").unlink()
    house.keep()
    assert rows(house.journal, "SELECT folder FROM file ORDER BY id") == [("sent",), ("missing",)]


def test_what_was_moved_before_a_crash_and_is_released_comes_back(house: House) -> None:
    """Its rows say claimed/, where it is not any more."""
    _moved_before_a_crash(house, "a.json")
    with house.journal.store.quick() as db:
        db.execute("UPDATE source SET state = 'withdrawn', returns_as = 'C9'")
    house.keep()
    assert house.files() == ["claimed/C9_a.json"]


def test_what_cannot_be_opened_after_a_crash_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    filed_as = _moved_before_a_crash(house, "a.json")

    def is_there(_path: object, _sha256: bytes) -> bool:
        monkeypatch.undo()
        raise PermissionError(13, "no")

    monkeypatch.setattr(files, "is_there", is_there)
    keeper = house.keeper()
    keeper.stop()
    keeper.run()
    assert rows(house.journal, "SELECT folder FROM file") == [("claimed",)]
    keeper.round()
    assert rows(house.journal, "SELECT filed_as FROM file") == [(filed_as,)]


# ------------------------------------------------------------------ people


@OF_THE_FILE
@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_fault_68_a_file_that_cannot_be_opened_now_is_not_missing(house: House) -> None:
    """The move was made, its reason was not; then the process has no descriptor left."""
    house.claim("b.json", code="json.syntax")
    house.journal.filing.planned([(1, "quarantine", "b.json")])
    (house.paths["claimed"] / "C1_b.json").rename(house.paths["quarantine"] / "b.json")
    keeper = house.keeper()
    keeper.stop()
    with no_descriptors():
        keeper.run()
    assert rows(house.journal, "SELECT folder, planned_folder FROM file") == [("claimed", "quarantine")]
    house.keep()
    assert house.files() == ["quarantine/b.json", "quarantine/b.json.reason.txt"]


def test_a_file_that_somebody_took_away_is_missing_and_said_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.claim("a.json", entry("M1"))
    (house.paths["claimed"] / "C1_a.json").unlink()
    house.ack("M1")
    house.keep()
    house.keep()
    assert caplog.text.count("file.missing") == 1
    assert rows(house.journal, "SELECT folder FROM file") == [("missing",)]
    assert house.settled()


def test_a_released_file_that_is_not_there_is_in_quarantine_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody has seen it in claimed/, so it has not come there."""
    source_id = house.claim("a.json", code="json.syntax", attachment="a.pdf")
    house.keep()
    kept = house.paths["quarantine"] / "a.json"
    kept.rename(house.folder / "elsewhere")
    house.journal.operator.release_file(source_id)
    house.keep()
    house.keep()
    assert caplog.text.count("file.missing") == 1
    assert rows(house.journal, "SELECT state, code FROM source") == [("quarantined", "file.missing")]
    assert house.journal.spool.returning() == set()
    assert house.settled()
    (house.folder / "elsewhere").rename(kept)
    house.journal.operator.release_file(source_id)
    house.keep()
    assert [path.split("/")[0] for path in house.files()][:2] == ["claimed"] * 2


def test_a_claimed_folder_that_is_away_is_not_made_for_a_released_file(house: House) -> None:
    """The quarantine may lie elsewhere, and the mount point of a share is a folder too."""
    source_id = house.claim("a.json", code="json.syntax")
    house.keep()
    house.journal.operator.release_file(source_id)
    claimed, away = house.paths["claimed"], house.folder / "away"
    claimed.rename(away)
    house.keep()
    assert (house.folder / "quarantine" / "a.json").exists()
    assert not claimed.exists()
    assert rows(house.journal, "SELECT value FROM meta WHERE key = 'filing_trouble'") == [
        ("keeper.FileNotFoundError",)
    ]
    away.rename(claimed)
    house.keep()
    assert [path.split("/")[0] for path in house.files()] == ["claimed"]


def test_what_is_missing_is_not_released(house: House) -> None:
    source_id = house.claim("a.json", code="json.syntax")
    (house.paths["claimed"] / "C1_a.json").unlink()
    house.keep()
    with pytest.raises(ActRejected) as rejected:
        house.journal.operator.release_file(source_id)
    assert rejected.value.code == "release.file-missing"
    assert rows(house.journal, "SELECT state FROM source") == [("quarantined",)]


def test_a_stranger_at_the_planned_name_is_not_taken_for_the_file(house: House) -> None:
    file_id, name, path = _sent(house)
    house.journal.filing.planned([(file_id, "sent", name)])
    path.write_bytes(b"somebody else's")
    (house.paths["claimed"] / "C1_a.json").unlink()
    house.keep()
    assert rows(house.journal, "SELECT folder FROM file") == [("missing",)]
    assert path.read_bytes() == b"somebody else's"


@pytest.mark.parametrize("folder", ["sent", "quarantine"])
def test_a_folder_deleted_while_running_is_made_again(house: House, folder: str) -> None:
    keeper = house.keeper()
    for number in (1, 2, 3):
        name = f"M{number}"
        house.claim(f"{name}.json", entry(name))
        (house.ack if folder == "sent" else house.refuse)(name)
        keeper.round()
        keeper.round()
        assert f"{name}.json" in {Path(path).name for path in house.files()}
        shutil.rmtree(house.paths[folder])


def test_one_file_that_cannot_move_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("M1", "M2"):
        house.claim(f"{name}.json", entry(name))
    house.ack("M1", "M2")
    real = files.rename

    def rename(origin: object, target: object) -> None:
        if "M1" in str(target):
            raise PermissionError(13, "no", str(target))
        real(origin, target)

    monkeypatch.setattr(files, "rename", rename)
    keeper = house.keeper()
    for _ in range(3):
        keeper.round()
    assert house.files() == ["claimed/C1_M1.json", "sent/DAY/M2.json"]
    assert caplog.text.count("keeper.waits") == 1
    monkeypatch.undo()
    keeper.round()
    assert house.files() == ["sent/DAY/M1.json", "sent/DAY/M2.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not flushed there")
def test_a_folder_that_cannot_be_flushed_is_waited_for() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        with contextlib.closing(Journal(Path(place) / "journal.db", who="tester")) as journal:
            house = House(Path(place), journal)
            for name in ("M1", "M2"):
                house.claim(f"{name}.json", entry(name))
            house.refuse("M1")
            house.ack("M2")
            with not_listable(house.paths["quarantine"], Path(place)):
                for _ in range(3):
                    house.keep()
                assert rows(journal, "SELECT folder FROM file") == [("claimed",), ("sent",)]
                assert _filing_trouble(Path(place)) == "keeper.PermissionError"
            house.keep()
            assert rows(journal, "SELECT folder FROM file") == [("quarantine",), ("sent",)]
            assert _filing_trouble(Path(place)) == ""


def _filing_trouble(folder: Path) -> str:
    with contextlib.closing(View(folder / "journal.db")) as view:
        return view.filing_trouble()


def test_many_files_at_once(house: House) -> None:
    count = 520  # more than one batch
    names = [f"M{number:03}" for number in range(count)]
    made = []
    for name in names:
        (house.paths["claimed"] / f"C-{name}_{name}.json").write_bytes(CONTENT)
        made.append(source(f"C-{name}", entry(name), name=f"{name}.json"))
    house.journal.spool.spooled(made, HIS)
    for message in head(house.journal, limit=count, largest_bytes=1 << 30):
        house.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
    house.keep()
    assert house.files() == [f"sent/DAY/{name}.json" for name in names]


def test_changes_of_another_process_are_followed(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    keeper = house.keeper()
    thread = threading.Thread(target=keeper.run)
    thread.start()
    try:
        other = Journal(house.journal.store.path, who="operator")
        other.operator.dismiss(1, "given up")
        other.close()
    finally:
        keeper.stop()
        thread.join(30)
    house.keep()
    assert house.files() == ["quarantine/dismissed/a.json"]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system here")
def test_the_archive_may_be_on_another_disk(house: House, tmp_path: Path) -> None:
    other = Path("/dev/shm") / f"lab-sender-{os.getpid()}-{tmp_path.name}"
    try:
        house.paths["sent"] = other / "sent"
        house.claim("a.json", entry("M1"))
        house.ack("M1")
        house.keep()
        assert [Path(path).name for path in tree(other)] == ["a.json"]
        assert house.files() == []
    finally:
        shutil.rmtree(other)


def _duplicate(same_as: int | str) -> NewMessage:
    return NewMessage("", "duplicate", b"d", code="message.duplicate", reason="the same", same_as=same_as)


@pytest.mark.parametrize("same_as", [1, "M1"])
def test_a_duplicate_waits_for_its_original_and_shares_its_fate(house: House, same_as: int | str) -> None:
    if same_as == 1:
        house.claim("a.json", entry("M1"))
        house.claim("b.json", _duplicate(1))
    else:  # both in one file
        house.claim("a.json", entry("M1"), _duplicate("M1"))
        house.claim("b.json", _duplicate(1))
    house.keep()
    assert [path for path in house.files() if not path.startswith("claimed/")] == []
    keeper = house.keeper()
    house.refuse("M1")
    keeper.round()
    assert {"quarantine/a.json", "quarantine/b.json"} <= set(house.files())
    assert "the same content as message 1: The HIS answered AE." in house.text("quarantine/b.json.reason.txt")
    house.journal.operator.release(1)
    house.keep()
    house.ack("M1")
    keeper.round()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/b.json"]


def test_what_another_agent_had_claimed_is_not_missing_before_a_share_shows_it(house: House) -> None:
    """Of a shared outbox that was taken over just now: nobody files before that, or after it was lost."""
    house.claim("a.hl7", entry("M1"))
    house.ack("M1")
    there = house.paths["claimed"] / "C1_a.hl7"
    elsewhere = there.rename(house.folder / "elsewhere")
    paths = house.paths
    folders = Folders(paths["outbox"], paths["sent"], paths["quarantine"], work=house.folder, journal=house.folder)
    keeper, is_ours = Keeper(house.journal, folders, shared=True), [True]
    keeper.round()
    keeper.begin(Mock(filing=house.journal.filing), lambda: is_ours[0])
    keeper._feed.look()
    keeper.round()
    assert rows(house.journal, "SELECT folder FROM file") == [("claimed",)]
    elsewhere.rename(there)
    is_ours[0] = False
    keeper.leave()
    assert there.exists()
    is_ours[0] = True
    keeper.begin(Mock(filing=house.journal.filing), lambda: is_ours[0])
    keeper.leave()
    assert rows(house.journal, "SELECT folder FROM file") == [("sent",)]


def test_nothing_is_missing_where_the_share_goes_away_at_the_move(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.claim("a.hl7", code="hl7.unreadable")
    claimed, away = house.paths["claimed"], house.folder / "away"
    real = files.move

    def late(source: str, target: str) -> None:
        claimed.rename(away)
        monkeypatch.undo()
        real(source, target)

    monkeypatch.setattr(files, "move", late)
    keeper = house.keeper()
    keeper._feed.look()
    keeper.round()
    assert rows(house.journal, "SELECT folder FROM file") == [("claimed",)]
    away.rename(claimed)
    keeper.round()
    assert rows(house.journal, "SELECT folder FROM file") == [("quarantine",)]


@pytest.mark.parametrize("attachment", ["", "a.pdf"])
def test_what_another_agent_had_planned_is_not_moved_because_its_name_is_taken(house: House, attachment: str) -> None:
    """It planned while the share was away, when each name looked free; names come again, and so may contents."""
    house.claim("a.hl7", entry("M1"), attachment=attachment)
    house.ack("M1")
    house.keep()
    (taken,) = house.paths["sent"].rglob("a.hl7")
    source_id = house.claim("a.hl7", entry("M2"), attachment=attachment)
    house.ack("M2")
    found = rows(house.journal, f"SELECT id, name FROM file WHERE source_id = {source_id}")
    house.journal.filing.planned([(file_id, "sent", f"{taken.parent.name}/{name}") for file_id, name in found])
    elsewhere = house.paths["claimed"].rename(house.folder / "elsewhere")
    house.paths["claimed"].mkdir()
    folders = Folders(*(house.paths[each] for each in ("outbox", "sent", "quarantine")), house.folder, house.folder)
    keeper = Keeper(house.journal, folders, shared=True)
    keeper.begin(Mock(filing=house.journal.filing), lambda: True)
    keeper._feed.look()
    keeper.round()
    places = f"SELECT DISTINCT folder FROM file WHERE source_id = {source_id}"
    assert rows(house.journal, places) == [("claimed",)]
    for each in elsewhere.iterdir():
        each.rename(house.paths["claimed"] / each.name)
    keeper.round()
    assert rows(house.journal, places) == [("sent",)]
    assert not list(house.paths["claimed"].iterdir())
    names = {each for (each,) in rows(house.journal, "SELECT filed_as FROM file")}
    assert len(names) == 2 * len(found), "each at a place of its own"


def test_what_another_agent_was_moving_back_is_not_missing_before_a_share_shows_it(house: House) -> None:
    """It stood still before a released file came to its claimed ones, and moved it after they were looked at."""
    source_id = house.claim("a.json", code="json.syntax")
    house.keep()
    house.journal.operator.release_file(source_id)
    (there,) = (each for each in house.paths["quarantine"].iterdir() if each.suffix == ".json")
    elsewhere = there.rename(house.folder / "elsewhere")
    folders = Folders(*(house.paths[each] for each in ("outbox", "sent", "quarantine")), house.folder, house.folder)
    keeper = Keeper(house.journal, folders, shared=True)
    keeper.begin(Mock(filing=house.journal.filing), lambda: True)
    keeper._feed.look()
    keeper.round()
    assert rows(house.journal, "SELECT state FROM source") == [("withdrawn",)]
    (back,) = house.journal.spool.returning()
    elsewhere.rename(house.paths["claimed"] / f"{back}_a.json")
    keeper.round()
    assert rows(house.journal, "SELECT folder FROM file") == [("outbox",)]
