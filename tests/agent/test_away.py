"""A drive or share that is away: the agent waits and says so, `check` shows it, and nothing is made meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PureWindowsPath

import pytest
from kit.core import ready, until
from kit.threads import at_work

from lab_sender import files, writers
from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.errors import ExitCode
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.checks import Check, check
from lab_sender.operations.installation import Installation, NoJournal
from lab_sender.operations.status import status
from lab_sender.premises import needs
from lab_sender.premises.needs import Lack

WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="drives are Windows'; `make test-windows` tries them")
CONFIG = """
{boxes}
his: {{host: 127.0.0.1, port: {port}}}
intake: {{poll: 50ms, settle: 50ms}}
"""
LACK = Lack("outbox", "folder.away", "it is away.", "Wait.", ExitCode.DONE)


def _running(config: Path) -> AbstractContextManager[Agent]:
    return at_work(Agent(load(config)))


def _away(monkeypatch: pytest.MonkeyPatch, *roots: Path) -> set[Path]:
    """Let these folders lie on drives that are away as long as they are in the set."""
    away = set(roots)
    monkeypatch.setattr(
        needs, "disk_there", lambda _, folder: LACK if any(folder.is_relative_to(each) for each in away) else None
    )
    return away


@pytest.mark.parametrize(
    ("folder", "has_drive", "text", "hint"),
    [
        (r"Q:\lab\out", False, "there is no drive Q: for this account.", r"write \\server\share\lab\out in place of"),
        (r"Q:\lab\out", True, "drive Q: cannot be reached.", "plugged in"),
        (r"\\nas\lab\out", True, r"the share \\nas\lab cannot be reached.", "Is its server up"),
    ],
)
def test_what_is_away_is_named_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, folder: str, has_drive: bool, text: str, hint: str
) -> None:
    roots = list[str]()
    monkeypatch.setattr(writers, "root_is_there", roots.append)
    monkeypatch.setattr(writers, "has_drive", lambda _: has_drive)
    lack = needs.disk_there("outbox", PureWindowsPath(folder))
    assert lack is not None
    assert (lack.code, lack.text, lack.exit_code) == ("folder.away", text, 0)
    assert hint in lack.hint
    assert roots == [PureWindowsPath(folder).anchor]


def test_a_root_that_is_its_own_parent_ends_the_making_of_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os.path, "isdir", lambda _: False)
    with pytest.raises(FileNotFoundError) as missing:
        files.make_folder(Path("Q:\\lab\\out" if files.WINDOWS else "/lab/out"))
    assert missing.value.filename == Path("Q:\\" if files.WINDOWS else "/").anchor


def test_an_agent_begins_when_the_drive_of_its_journal_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = _away(monkeypatch, tmp_path / "drive")
    config, outbox = tmp_path / "config.yaml", tmp_path / "drive" / "out"
    with StandIn() as his:
        config.write_text(CONFIG.format(boxes="outbox: drive/out", port=his.port))
        with _running(config):
            until(lambda: "agent.waits" in caplog.text)
            assert not outbox.exists()
            assert _waits_for(caplog) == [("agent.waits", "folder.away")]
            assert "outbox.unreachable" in {each.code for each in status(Installation(config)).conditions}
            with pytest.raises(NoJournal) as lacking:
                Installation(config).want_journal()
            assert lacking.value.code == "folder.away"
            away.clear()
            until((outbox / ".lab-sender" / "claimed").is_dir)
            _drop(outbox, "M1")
            his.wait_for(1)
        assert len(_waits_for(caplog)) == 1


def test_an_agent_that_waits_for_its_drive_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _away(monkeypatch, tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(boxes="outbox: out", port=1))
    with _running(config):
        pass
    assert list(tmp_path.iterdir()) == [config]


def test_the_others_go_on_and_a_new_outbox_is_taken_when_its_drive_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is served from then on; not before, so that its folders may be made also after a restart."""
    away = _away(monkeypatch, tmp_path / "drive")
    config, here, there = tmp_path / "config.yaml", tmp_path / "here", tmp_path / "drive" / "there"
    boxes = "outboxes: [{folder: drive/there}, {folder: here}]\nfolders: {journal: journal}"
    with StandIn() as his:
        config.write_text(CONFIG.format(boxes=boxes, port=his.port))
        for number in (1, 2):
            with _running(config):
                until((here / ".lab-sender" / "claimed").is_dir)
                _drop(here, f"M{number}")
                his.wait_for(number)
                assert not there.exists()
                now = status(Installation(config))
                assert ("outbox.unreachable", "CRITICAL") in {(each.code, each.level) for each in now.conditions}
                if number == 2:
                    away.clear()
                    until((there / ".lab-sender" / "claimed").is_dir)
                    _drop(there, "M3")
                    his.wait_for(3)
        there.rename(tmp_path / "drive" / "gone")
        with _running(config):
            _drop(here, "M4")
            his.wait_for(4)
            assert not there.exists(), "served: it is never made anew"


def test_an_outbox_of_another_journal_that_comes_later_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = _away(monkeypatch, tmp_path / "drive")
    config, work = tmp_path / "config.yaml", tmp_path / "drive" / "out" / ".lab-sender"
    config.write_text(CONFIG.format(boxes="outbox: drive/out\nfolders: {journal: journal}", port=1))
    (work / "claimed").mkdir(parents=True)
    (work / "agent.lock").write_text("the journal of this outbox is in use\n")
    agent = Agent(load(config))
    with pytest.raises(needs.AgentError) as lacking:
        agent.run(lambda _: away.clear())  # type: ignore[func-returns-value, arg-type]
    assert lacking.value.code == "journal.missing"


def test_check_has_a_row_for_it_and_asks_no_more_of_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _away(monkeypatch, tmp_path / "drive")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(boxes="outbox: drive/out", port=1))
    rows = check(Installation(config)).checks
    assert [(each.what, each.text) for each in rows if each.text == LACK.text] == [("outbox", LACK.text)] * 2
    assert {each.what for each in rows if each.state == "fail"} <= {"outbox", "connection", "HIS"}


def test_check_warns_of_a_mapped_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "mapped_to", lambda _: r"\\nas\lab")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(boxes="outbox: out", port=1))
    (row,) = [each for each in check(Installation(config)).checks if each.what == "drive"]
    assert row.state == "warn"
    assert r"write \\nas\lab\..." in (row.hint or "")


# ------------------------------------------------------------------ a drive of Windows


@WINDOWS
@pytest.mark.parametrize("more", ["", "folders: {journal: journal}"])
def test_a_drive_that_comes_after_5_s(
    tmp_path: Path, drive: Callable[[Path], None], caplog: pytest.LogCaptureFixture, more: str
) -> None:
    """As a service at boot finds it: once with the journal on the drive, once with the outbox alone."""
    config, disk = tmp_path / "config.yaml", tmp_path / "disk"
    disk.mkdir()
    with StandIn() as his:
        config.write_text(CONFIG.format(boxes=f"outbox: Q:\\lab\\out\n{more}", port=his.port))
        assert "there is no drive Q: for this account." in {each.text for each in _failed(config)}
        with _running(config):
            time.sleep(5)
            waits = ("intake.waits", "outbox.unreachable") if more else ("agent.waits", "folder.away")
            assert _waits_for(caplog) == [waits]
            drive(disk)
            until((disk / "lab" / "out" / ".lab-sender" / "claimed").is_dir)
            assert not [each for each in _failed(config) if each.what != "HIS"]
            _drop(disk / "lab" / "out", "M1")
            his.wait_for(1)


@WINDOWS
def test_a_server_that_is_away(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(boxes="outbox: \\\\no-such-server\\lab\\out", port=1))
    assert r"the share \\no-such-server\lab cannot be reached." in {each.text for each in _failed(config)}


def _waits_for(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object]]:
    """What agent and intake say that they wait for."""
    said = [(each.getMessage(), getattr(each, "fields", {}).get("code")) for each in caplog.records]
    return [each for each in said if each[0].endswith(".waits")]


def _failed(config: Path) -> list[Check]:
    return [each for each in check(Installation(config)).checks if each.state == "fail"]


def _drop(outbox: Path, control_id: str) -> None:
    part = outbox / f"{control_id}.tmp"
    part.write_bytes(ready(control_id, order=control_id))
    part.rename(outbox / f"{control_id}.hl7")


@pytest.fixture
def drive() -> Iterator[Callable[[Path], None]]:
    """Make drive Q: of a folder, until the test ends."""
    made = list[str]()

    def make(folder: Path) -> None:
        subprocess.run(["subst", "Q:", str(folder)], capture_output=True, check=False)
        if not os.path.exists("Q:\\"):  # Wine has its drives as links
            prefix = os.environ["WINEPREFIX"]
            unix = subprocess.run(["winepath", "-u", str(folder)], capture_output=True, text=True, check=True)
            made.append(f"{prefix}/dosdevices/q:")
            _unix("/bin/ln", "-s", unix.stdout.strip(), made[0])
        until(lambda: os.path.exists("Q:\\"), "the drive is there")

    yield make
    subprocess.run(["subst", "Q:", "/D"], capture_output=True, check=False)
    for each in made:
        _unix("/bin/rm", each)


def _unix(*command: str) -> None:
    subprocess.run(["cmd", "/c", "start", "/unix", *command], capture_output=True, check=True)
