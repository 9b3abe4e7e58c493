"""What an agent needs of its folders: it ends with the words that `check` shows, and `check` shows all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab_sender import files
from lab_sender.agent.premises import is_taken
from lab_sender.agent.tenancy import Premises
from lab_sender.errors import AgentError
from lab_sender.operations import probes
from lab_sender.operations.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    path = tmp_path / "config.yaml"
    path.write_text("outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\nfolders: {journal: journal}\n")
    return Installation(path)


def _shown(installation: Installation) -> dict[str, str]:
    """What `check` finds lacking: text, without the line of the setting before it, and hint."""
    found = [*probes.folders(installation.config, away=installation.outbox_is_away), *probes.journal(installation)]
    return {each.text.split(": ", 1)[-1]: each.hint for each in found if each.state == "fail"}


def _on_a_share(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = installation.config.folders.journal
    real = files.file_system
    monkeypatch.setattr(
        files, "file_system", lambda folder: "nfs4" if folder in (journal, journal.parent) else real(folder)
    )


def _read_only(_: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "may_write", lambda path: path.name != "journal.db")


def _two_disks(_: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "same_device", lambda *_: False)


def _a_file_is_there(installation: Installation, _: pytest.MonkeyPatch) -> None:
    installation.config.outbox.write_text("")


def _claimed_before(installation: Installation, _: pytest.MonkeyPatch) -> None:
    claimed = installation.config.folders.work / "claimed"
    claimed.mkdir(parents=True)
    (claimed / "X_r.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "code", "exit_code"),
    [
        (_on_a_share, "journal.remote", 78),
        (_read_only, "journal.no-right", 74),
        (_two_disks, "folder.other-device", 78),
        (_a_file_is_there, "folder.unusable", 74),
        (_claimed_before, "journal.missing", 74),
    ],
)
def test_an_agent_ends_with_what_check_shows(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Installation, pytest.MonkeyPatch], None],
    code: str,
    exit_code: int,
) -> None:
    assert _shown(installation) == {}
    spoil(installation, monkeypatch)
    shown = _shown(installation)
    with pytest.raises(AgentError) as ended, Premises(installation.config.outboxes):
        pass
    assert (ended.value.code, ended.value.exit_code) == (code, exit_code)
    assert shown[ended.value.text] == ended.value.hint
    assert not is_taken(installation.config.folders), "it has let go of its locks"


def test_check_shows_all_that_is_lacking(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for spoil in (_on_a_share, _read_only, _two_disks, _claimed_before):
        spoil(installation, monkeypatch)
    assert len(_shown(installation)) == 4


def test_an_outbox_that_is_away_is_shown_and_waited_for(installation: Installation) -> None:
    folders = installation.config.folders
    folders.journal.mkdir()
    installation.journal_path.write_bytes(b"x")  # a history
    first = next(probes.folders(installation.config, away=installation.outbox_is_away))
    assert (first.what, first.state) == ("outbox", "fail")
    assert "the agent goes on by itself" in first.hint


def test_the_locks_are_free_taken_and_free_again(installation: Installation) -> None:
    folders = installation.config.folders
    assert not is_taken(folders)
    with Premises(installation.config.outboxes):
        assert is_taken(folders)
        assert installation.agent_runs()
    assert not is_taken(folders)
    assert os.path.exists(folders.work / "agent.lock")
