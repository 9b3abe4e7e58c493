"""What another agent of a shared outbox has claimed: gone on with, whatever else cannot be moved."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from kit.core import ready

from intake.test_intake import Station
from lab_sender import files
from lab_sender.ids import new_id
from lab_sender.intake.adoption import Adoption
from lab_sender.journal import Journal


class Shared(Station):
    """A station that shares its outbox with two others."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        super().__init__(folder, journal)
        self.last = ""
        self.others = [folder / "nodes" / name / "claimed" for name in ("a", "b")]
        for each in self.others:
            each.mkdir(parents=True)
        self.intake._adoption = Adoption(self.claimed, lambda: self.others, lambda: True, self.intake.returned)

    def claimed_by(self, other: int, name: str, claim_id: str = "") -> Path:
        self.last = claim_id or new_id(self.last)
        path = self.others[other] / f"{self.last}_{name}"
        path.write_bytes(ready(name.partition(".")[0]))
        return path


@pytest.fixture
def shared(tmp_path: Path, journal: Journal) -> Shared:
    return Shared(tmp_path, journal)


@pytest.mark.parametrize("at", ["rename", "listing"])
def test_what_was_moved_is_read_whatever_else_cannot_be(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """It lay among our own claimed files until the agent was started again."""
    shared.claimed_by(0, "M1.hl7")
    last = shared.claimed_by(1, "M2.hl7")
    real, listed = files.rename, files.entries

    def rename(source: object, target: object) -> None:
        if at == "rename" and str(source) == str(last):
            raise PermissionError
        real(source, target)  # type: ignore[arg-type]

    def entries(folder: Path) -> object:
        if at == "listing" and folder == last.parent:
            raise PermissionError
        return listed(folder)

    monkeypatch.setattr(files, "rename", rename)
    monkeypatch.setattr(files, "entries", entries)
    shared.look()
    assert shared.sources() == [("M1.hl7", "")]
    assert shared.trouble() == "outbox.unreachable"
    monkeypatch.undo()
    shared.look()
    assert shared.sources() == [("M1.hl7", ""), ("M2.hl7", "")]
    assert shared.trouble() == ""


def test_nothing_is_read_that_is_not_durable_here(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise PermissionError

    shared.claimed_by(0, "M1.hl7")
    monkeypatch.setattr(files, "sync_folder", fails)
    shared.look()
    assert shared.sources() == []
    assert shared.trouble() == "outbox.unreachable"
    monkeypatch.undo()
    shared.look()
    assert shared.sources() == [("M1.hl7", "")]


@pytest.mark.parametrize("failure", [FileNotFoundError, TimeoutError])
def test_a_move_that_a_share_has_made_and_denies_is_one(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, failure: type[OSError]
) -> None:
    """As where the answer was lost on the way, and the request was sent again, or nobody came to know."""
    real = files.rename

    def rename(source: object, target: object) -> None:
        real(source, target)  # type: ignore[arg-type]
        raise failure

    monkeypatch.setattr(files, "rename", rename)
    shared.claimed_by(0, "M1.hl7")
    shared.look()
    assert shared.sources() == [("M1.hl7", "")]


def test_a_copy_of_what_is_here_stops_nothing_and_is_said_once(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup that was restored over an outbox brings back what was taken over since."""
    caplog.set_level(logging.WARNING)
    first = shared.claimed_by(0, "M1.hl7")
    (shared.claimed / first.name).write_bytes(first.read_bytes())
    shared.claimed_by(0, "M2.hl7")
    shared.claimed_by(1, "M3.hl7")
    shared.intake._recover()
    shared.look()
    assert [name for name, _ in shared.sources()] == ["M1.hl7", "M2.hl7", "M3.hl7"]
    assert first.exists()
    assert caplog.text.count("intake.not-adopted") == 1


def test_what_is_claimed_sorts_behind_what_came_from_a_machine_whose_clock_is_ahead(shared: Shared) -> None:
    ahead = f"7{new_id()[1:]}"
    shared.look()
    shared.claimed_by(0, "M1.hl7", ahead)
    shared.look()
    shared.put("M2.hl7", ready("M2"))
    shared.look()
    assert [name for name, _ in shared.sources()] == ["M1.hl7", "M2.hl7"]
    (later,) = (name for name in os.listdir(shared.claimed) if not name.startswith(ahead))
    assert later > ahead
