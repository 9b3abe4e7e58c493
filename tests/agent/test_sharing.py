"""An outbox that agents of several machines may share: what lies in it of others, and which one it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab_sender import files
from lab_sender.agent.tenancy import Premises, Tenure
from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.config.server import Server
from lab_sender.errors import AgentError
from lab_sender.ids import new_id
from lab_sender.premises import needs
from lab_sender.premises.sharing import changed, identified, identity_of, none_claimed_otherwise


def _of(outbox: Path, node: str = "") -> Folders:
    """The default folders of an agent, alone or one of several."""
    work = outbox / ".lab-sender"
    server = Server("postgresql://db/lab", node=node) if node else None
    folders = Folders(outbox, outbox / "sent", outbox / "quarantine", work, outbox.parent / "journal", server)
    needs.claimed_folder(folders).mkdir(parents=True, exist_ok=True)
    return folders


def _file_in(folders: Folders) -> Path:
    path = needs.claimed_folder(folders) / f"{new_id()}_a.hl7"
    path.write_bytes(b"MSH|")
    return path


def test_an_agent_that_is_alone_leaves_nothing_that_one_with_a_node_has_claimed(tmp_path: Path) -> None:
    """A file that was claimed and not read yet is in no list; `outbox.id` is removed, and nobody knows of it."""
    alone = _of(tmp_path / "out")
    waits = _file_in(_of(tmp_path / "out", "lab-a"))
    outboxes = (OutboxConfig("", alone, ("his",)),)
    with pytest.raises(AgentError) as ended, Premises(outboxes):
        pass
    assert (ended.value.code, ended.value.exit_code) == ("outbox.shared", 78)
    assert str(waits.parent) in ended.value.text
    waits.rename(waits.parent / ".DS_Store")
    with Premises(outboxes):
        pass


def test_an_agent_with_a_node_leaves_nothing_that_one_alone_has_claimed(tmp_path: Path) -> None:
    """Or one of before outboxes were shared; whatever the outbox says that it is."""
    shared = _of(tmp_path / "out", "lab-a")
    waits = _file_in(_of(tmp_path / "out"))
    identified(shared, new_id())
    lack = none_claimed_otherwise(shared)
    assert lack is not None
    assert (lack.code, lack.exit_code) == ("outbox.other-journal", 74)
    waits.unlink()
    assert none_claimed_otherwise(shared) is None


def test_where_others_have_claimed_is_not_nothing_where_nobody_can_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a share where each machine's agent has another account: what lies there comes before anything younger."""
    mine, theirs = _of(tmp_path / "out", "lab-a"), _of(tmp_path / "out", "lab-b")
    there, real = needs.claimed_folder(theirs), files.identity
    assert needs.others_claimed(mine) == [there]

    def identity(path: Path) -> object:
        if path == there:
            raise PermissionError
        return real(path)

    monkeypatch.setattr(files, "identity", identity)
    with pytest.raises(PermissionError):
        needs.others_claimed(mine)


def test_an_outbox_that_is_away_does_not_say_that_others_have_claimed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever took it over then filed before he had what they had claimed: it counted as missing, for ever."""
    mine, theirs = _of(tmp_path / "out", "lab-a"), _of(tmp_path / "out", "lab-b")
    real = files.entries
    mine.outbox.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        needs.others_claimed(mine, at_work=True)
    assert needs.others_claimed(mine) == [], "as before the first start"
    (tmp_path / "away").rename(mine.outbox)

    def goes_away(folder: Path) -> object:
        listed = list(real(folder))
        mine.outbox.rename(tmp_path / "away")
        return listed

    monkeypatch.setattr(files, "entries", goes_away)
    with pytest.raises(FileNotFoundError):
        needs.others_claimed(mine, at_work=True)
    monkeypatch.undo()
    (tmp_path / "away").rename(mine.outbox)
    assert needs.others_claimed(mine, at_work=True) == [needs.claimed_folder(theirs)]


def test_a_share_that_does_not_tell_case_has_no_other_agent_of_our_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _of(tmp_path / "out", "lab-a")
    for name in ("LAB-A", "lab-b"):
        _of(tmp_path / "out", name)
    monkeypatch.setattr(files, "identity", lambda _: (1, 1))
    assert [each.parent.name for each in needs.others_claimed(mine)] == ["lab-b"]
    monkeypatch.undo()
    if len(list(mine.nodes.iterdir())) == 3:  # where they are three folders, they are three agents
        assert [each.parent.name for each in needs.others_claimed(mine)] == ["LAB-A", "lab-b"]


def test_what_is_claimed_is_seen_whoever_has_it_and_whichever_way_it_moves_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = _of(tmp_path / "out", "lab-a"), _of(tmp_path / "out", "lab-b")
    here, there = needs.claimed_folder(mine), needs.claimed_folder(theirs)
    lies = _file_in(theirs)
    real, moved = files.entries, list[Path]()

    def entries(folder: Path) -> list[os.DirEntry[str]]:
        found = list(real(folder))
        if folder == here and not moved:
            moved.append((there / lies.name).rename(here / lies.name))
        return found

    monkeypatch.setattr(files, "entries", entries)
    assert set(needs.all_claimed(mine)) == {here / lies.name}
    moved.clear()
    monkeypatch.undo()
    (here / lies.name).rename(lies)
    here.rmdir()
    assert list(needs.all_claimed(mine)) == [lies], "our agent has not run yet"


def test_an_outbox_says_again_which_one_it_is_while_an_agent_works(tmp_path: Path) -> None:
    """Else the next machine gives it another identity, and both receive."""
    mine, theirs = _of(tmp_path / "out", "lab-a"), _of(tmp_path / "out", "lab-b")
    identity = identified(mine, new_id())
    mine.identity.unlink()
    assert changed(mine, identity) is None
    assert identity_of(theirs) == identity
    mine.identity.write_bytes(f"{new_id()}\n".encode())
    lack = changed(mine, identity)
    assert lack is not None
    assert lack.code == "lock.gone"
    mine.outbox.rename(tmp_path / "away")
    assert changed(mine, identity) is None
    assert not mine.outbox.exists(), "it is away: nothing is made"


def test_the_identity_is_looked_at_on_windows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine may have written it: nobody has it open."""
    premises = Premises((OutboxConfig("", _of(tmp_path / "out", "lab-a"), ("his",)),))
    (outbox,) = premises.outboxes
    identified(outbox.folders, new_id())
    outbox.identity, outbox.is_open = new_id(), True
    monkeypatch.setattr(files, "WINDOWS", True)
    with pytest.raises(AgentError) as ended:
        premises.look()
    assert ended.value.code == "lock.gone"


@pytest.mark.parametrize("torn", [b"", b"01K", bytes(21)])
def test_an_identity_that_was_torn_is_told_as_that(tmp_path: Path, torn: bytes) -> None:
    outbox = Tenure(OutboxConfig("", _of(tmp_path / "out", "lab-a"), ("his",)))
    outbox.is_open = True
    outbox.folders.identity.write_bytes(torn)

    class Journal:
        class sharing:  # noqa: N801
            new, knows = staticmethod(lambda _: new_id()), staticmethod(lambda _: True)

    with pytest.raises(AgentError) as ended:
        outbox.identify(Journal())  # type: ignore[arg-type]
    assert ended.value.code == "folder.unusable"
    assert "empty or torn" in ended.value.text


def test_a_copy_of_an_outbox_is_no_second_one(tmp_path: Path) -> None:
    """Both would be received by one lease, and the files of one be missing in the other."""
    configured = [OutboxConfig(name, _of(tmp_path / name, "lab-a"), ("his",)) for name in ("one", "two")]
    premises = Premises(configured)
    premises.demand_no_copy()
    for each in premises.outboxes:
        each.identity = "ID"
    with pytest.raises(AgentError) as ended:
        premises.demand_no_copy()
    assert (ended.value.code, ended.value.exit_code) == ("outbox.not-apart", 78)
    assert replace(configured[0], identity="ID").in_journal == replace(configured[1], identity="ID").in_journal
