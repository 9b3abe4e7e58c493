"""What an agent needs of its folders: it ends with the words that `check` shows, and `check` shows all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kit.system import link
from msgspec.structs import replace

from lab_sender import files, writers
from lab_sender.agent.tenancy import Premises
from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.errors import AgentError
from lab_sender.ids import new_id
from lab_sender.journal import Journal
from lab_sender.operations import probes
from lab_sender.operations.installation import Installation
from lab_sender.premises import needs
from lab_sender.premises.behind import mark_of
from lab_sender.premises.locks import is_taken
from lab_sender.premises.needs import AnotherRuns


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    path = tmp_path / "config.yaml"
    path.write_text("outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\nfolders: {journal: journal}\n")
    return Installation(path)


def _shown(installation: Installation) -> dict[str, str]:
    """What `check` finds lacking: text, without the line of the setting before it, and hint."""
    config = installation.config
    (outbox,) = config.outboxes
    found = [*probes.folders(config, outbox, away=installation.is_away(outbox)), *probes.journal(installation)]
    return {each.text.split(": ", 1)[-1]: each.hint for each in found if each.state == "fail"}


def _on_a_share(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = installation.config.folders.journal
    real = writers.file_system
    monkeypatch.setattr(
        writers, "file_system", lambda folder: "nfs4" if folder in (journal, journal.parent) else real(folder)
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
    Journal(installation.journal_path).close()  # a history
    (outbox,) = installation.config.outboxes
    first = next(probes.folders(installation.config, outbox, away=installation.is_away(outbox)))
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


# ------------------------------------------------------------------ several outboxes


def _outboxes(folder: Path, *names: str, journal: str = "journal") -> tuple[OutboxConfig, ...]:
    made = []
    for name in names:
        outbox = folder / name
        work = outbox / ".lab-sender"
        folders = Folders(outbox, outbox / "sent", outbox / "quarantine", work, folder / journal)
        made.append(OutboxConfig(name, folders, ("his",)))
    return tuple(made)


def _served(outboxes: tuple[OutboxConfig, ...]) -> None:
    """Let an agent work on these for a moment."""
    with Premises(outboxes) as premises:
        journal = Journal(premises.journal)
        journal.begin(outboxes=[each.name for each in outboxes])
        premises.served()
        journal.end()
        journal.close()


def test_two_agents_that_share_an_outbox_do_not_run_side_by_side(tmp_path: Path) -> None:
    with Premises(_outboxes(tmp_path, "a", "shared", journal="one")):
        with pytest.raises(AnotherRuns) as ended, Premises(_outboxes(tmp_path, "b", "shared", journal="two")):
            pass
        assert ended.value.exit_code == 75
        assert "shared" in ended.value.text
        assert is_taken(*[each.folders for each in _outboxes(tmp_path, "b", "shared", journal="two")])
        with Premises(_outboxes(tmp_path, "b", "c", journal="two")):
            pass


def test_a_journal_that_another_agent_has_by_a_hard_link_is_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _served(_outboxes(tmp_path, "a", journal="one"))
    (tmp_path / "two").mkdir()
    os.link(tmp_path / "one" / "journal.db", tmp_path / "two" / "journal.db")
    with Premises(_outboxes(tmp_path, "a", journal="one")):
        monkeypatch.setattr(needs, "View", None)
        with pytest.raises(AnotherRuns), Premises(_outboxes(tmp_path, "b", journal="two")):
            pass
    assert not (tmp_path / "b").exists()


def test_every_outbox_is_made_at_the_first_start_and_never_anew(tmp_path: Path) -> None:
    outboxes = _outboxes(tmp_path, "a", "b")
    _served(outboxes)
    (tmp_path / "b").rename(tmp_path / "away")
    with Premises(outboxes) as premises:
        assert [(each.name, each.is_open) for each in premises.outboxes] == [("a", True), ("b", False)]
        assert not (tmp_path / "b").exists()
        premises.look()
        assert not premises.open_outbox(premises.outboxes[1])
        (tmp_path / "away").rename(tmp_path / "b")
        assert premises.open_outbox(premises.outboxes[1])
        with pytest.raises(AnotherRuns), Premises(_outboxes(tmp_path, "c", "b", journal="two")):
            pass
        if not files.WINDOWS:
            (tmp_path / "b" / ".lab-sender" / "agent.lock").unlink()
            with pytest.raises(AgentError, match=r"agent\.lock"):
                premises.look()


def test_an_outbox_may_be_added_to_a_journal_with_a_history(tmp_path: Path) -> None:
    _served(_outboxes(tmp_path, "a"))
    both = _outboxes(tmp_path, "a", "b")
    _served(both)
    assert [path.is_dir() for path in (tmp_path / "b", both[1].folders.work / "claimed")] == [True, True]
    (tmp_path / "b").rename(tmp_path / "away")
    with Premises(both) as premises:
        assert not premises.outboxes[1].is_open, "from now on it is waited for"


def test_an_older_journal_has_served_the_first_outbox(tmp_path: Path) -> None:
    outboxes = _outboxes(tmp_path, "a", "b")
    with Premises(outboxes[:1]) as premises:
        Journal(premises.journal).close()  # nothing is noted of outboxes
    (tmp_path / "a").rename(tmp_path / "away")
    with Premises(outboxes) as premises:
        assert [each.is_open for each in premises.outboxes] == [False, True]


@pytest.mark.parametrize("back", [False, True])
def test_the_short_form_becomes_a_list_and_back(tmp_path: Path, back: bool) -> None:
    listed = _outboxes(tmp_path, "a", "b")
    short = (replace(listed[0], name=""),)
    first, second = (listed, short) if back else (short, listed)
    _served(first)
    (tmp_path / "a" / ".lab-sender" / "claimed" / "X_waits.json").write_text("{}")
    _served(second)
    (tmp_path / "a").rename(tmp_path / "away")
    with Premises(second) as premises:
        assert not premises.outboxes[0].is_open


def test_an_outbox_in_which_another_journal_has_claims_is_not_taken_over(tmp_path: Path) -> None:
    _served(_outboxes(tmp_path, "a", journal="one"))
    _served(_outboxes(tmp_path, "b", journal="two"))
    waits = tmp_path / "b" / ".lab-sender" / "claimed" / "X_waits.json"
    waits.write_text("{}")
    both = _outboxes(tmp_path, "a", "b", journal="one")
    with pytest.raises(AgentError) as ended, Premises(both):
        pass
    assert (ended.value.code, ended.value.exit_code) == ("outbox.other-journal", 74)
    assert not is_taken(*[each.folders for each in both])
    waits.unlink()
    _served(both)


def test_what_an_outbox_remembers_of_another_journal_stops_nobody(tmp_path: Path) -> None:
    """It is new to this one, begun anew or with another history; nothing comes before the next start."""
    outboxes = _outboxes(tmp_path, "a", journal="one")
    _served(outboxes)
    mark = mark_of(outboxes[0].folders)
    mark.keep(new_id())
    mark.write()
    moved = _outboxes(tmp_path, "b", journal="two")
    _served(moved)
    both = _outboxes(tmp_path, "b", "a", journal="two")
    _served(both)
    with Premises(both) as premises:
        assert [each.is_open for each in premises.outboxes] == [True, True]
        with closing(Journal(premises.journal)) as journal:
            journal.heed([each.mark for each in premises.outboxes])


@pytest.mark.parametrize("leads_to", ["a", "a/inside", "."])
def test_two_outboxes_that_are_one_by_a_link_are_not_worked_on(tmp_path: Path, leads_to: str) -> None:
    """Which of them takes a file, and so where it goes, would be chance."""
    (tmp_path / "a" / "inside").mkdir(parents=True)
    link(tmp_path / "b", tmp_path / leads_to, to_folder=True)
    outboxes = _outboxes(tmp_path, "a", "b")
    with pytest.raises(AgentError) as ended, Premises(outboxes):
        pass
    assert (ended.value.code, ended.value.exit_code) == ("outbox.not-apart", 78)
    assert not is_taken(*[each.folders for each in outboxes])
