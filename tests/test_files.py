"""Renames, flushes, looks and locks, on real files."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from kit.system import is_private

from lab_sender import files
from lab_sender.errors import AgentError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="file leases and /proc are Linux's")
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX files")
OTHER_DISK = Path("/dev/shm")


@pytest.fixture
def other_device(tmp_path: Path) -> Path:
    if not OTHER_DISK.is_dir() or files.same_device(OTHER_DISK, tmp_path):
        pytest.skip("no second file system here")
    folder = OTHER_DISK / f"lab-sender-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    return folder


# ------------------------------------------------------------------ names


def test_a_rename_overwrites_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        files.rename(tmp_path / "a", tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        files.rename(tmp_path / "gone", tmp_path / "c")
    files.rename(tmp_path / "a", tmp_path / "c")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "b", "c": "a"}


@LINUX
def test_a_name_that_is_taken_in_the_same_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs drop files of one name: no look before the rename can see that; the system does."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(files, "_rename_if_free", lambda _, source, __, target: os.rename(source, target))
    with pytest.raises(FileExistsError):
        files.rename(tmp_path / "a", tmp_path / "b")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "a", "b": "b"}


@POSIX
@pytest.mark.parametrize("can", [True, False], ids=["renameat2", "ordinary"])
def test_what_is_renamed_is_what_lies_in_the_open_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    """Another folder has come to its path meanwhile: what lies there nobody has looked at."""
    if not can:
        monkeypatch.setattr(files, "_rename_to_free_name", lambda: None)
    for name in ("outbox", "claimed"):
        (tmp_path / name).mkdir()
    (tmp_path / "outbox" / "a").write_text("whole")
    with files.OpenFolder(tmp_path / "outbox") as outbox, files.OpenFolder(tmp_path / "claimed") as claimed:
        (tmp_path / "outbox").rename(tmp_path / "old")
        (tmp_path / "outbox").mkdir()
        for name in ("a", "b"):
            (tmp_path / "outbox" / name).write_text("half")
        files.rename(outbox / "a", claimed / "1_a")
        with pytest.raises(FileNotFoundError):
            files.rename(outbox / "b", claimed / "2_b")
        (tmp_path / "old" / "c").write_text("another")
        with pytest.raises(FileExistsError):
            files.rename(outbox / "c", claimed / "1_a")
    assert {path.name: path.read_text() for path in (tmp_path / "claimed").iterdir()} == {"1_a": "whole"}
    assert sorted(path.name for path in (tmp_path / "outbox").iterdir()) == ["a", "b"]


@POSIX
def test_a_file_system_that_cannot_rename_so_is_renamed_on_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    for answer in (lambda *_: 22, None):
        monkeypatch.setattr(files, "_rename_to_free_name", lambda answer=answer: answer)
        with pytest.raises(FileExistsError):
            files.rename(tmp_path / "a", tmp_path / "b")
        with pytest.raises(FileNotFoundError):
            files.rename(tmp_path / "gone", tmp_path / "c")
        files.rename(tmp_path / "a", tmp_path / "c")
        files.rename(tmp_path / "c", tmp_path / "a")


def test_what_nobody_can_see_now_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "claimed"
    assert files.is_gone(folder)
    folder.mkdir()
    assert not files.is_gone(folder)
    folder.rmdir()

    def away(*_: object) -> None:
        raise OSError(errno.EHOSTDOWN, "the share does not answer")

    monkeypatch.setattr(files, "identity", away)
    assert not files.is_gone(folder)


@POSIX
def test_a_dangling_link_counts_as_taken(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        files.rename(tmp_path / "a", tmp_path / "b")


def test_a_move_reaches_another_device(tmp_path: Path, other_device: Path) -> None:
    try:
        source = tmp_path / "a.pdf"
        source.write_bytes(b"x" * 3_000_000)
        os.utime(source, ns=(10**18, 10**18))
        files.move(source, other_device / "a.pdf")
        assert [path.name for path in other_device.iterdir()] == ["a.pdf"]
        moved = other_device / "a.pdf"
        assert (moved.stat().st_size, moved.stat().st_mtime_ns, source.exists()) == (3_000_000, 10**18, False)
        source.write_bytes(b"another")
        with pytest.raises(FileExistsError):
            files.move(source, moved)
        assert (source.read_bytes(), moved.stat().st_size) == (b"another", 3_000_000)
    finally:
        for path in other_device.iterdir():
            path.unlink()
        other_device.rmdir()


def test_our_own_notes_are_written_whole_and_removed(tmp_path: Path) -> None:
    note = tmp_path / ("n" * 190 + ".reason.txt")
    files.write_new(note, b"one")
    files.write_new(note, b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {note.name: b"two"}
    files.remove(note)
    files.remove(note)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("F1.json", "F1.json"),
        ("x" * 250 + ".json", "x" * 120 + ".json"),
        ("ä" * 130 + ".hl7", "ä" * 60 + ".hl7"),
        ("x" * 250, "x" * 120),
        (".j" + "s" * 250, ".j" + "s" * 118),
    ],
)
def test_long_names_are_cut_and_keep_their_ending(name: str, short: str) -> None:
    assert files.short_name(name) == short
    assert len(os.fsencode(files.short_name(name))) <= 200


@POSIX
def test_names_become_valid_unicode() -> None:
    name = os.fsdecode("Müller.json".encode("latin-1"))
    assert files.valid_name(name) in ("M\ufffdller.json", "Müller.json")
    files.valid_name(name).encode()
    assert files.valid_name("Müller 漢字.json") == "Müller 漢字.json"


@POSIX
def test_a_look_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    looks = {entry.name: files.look(entry) for entry in files.entries(tmp_path)}
    link, folder = looks["link"], looks["folder"]
    assert link is not None
    assert folder is not None
    assert stat.S_ISLNK(link.mode)
    assert not link.regular
    assert stat.S_ISDIR(folder.mode)
    assert files.look(tmp_path / "gone") is None


def test_a_look_at_a_listing_and_one_at_a_path_see_the_same(tmp_path: Path) -> None:
    """Else a file would have changed between them, and be overtaken by younger ones."""
    (tmp_path / "a").write_bytes(b"abc")
    with (tmp_path / "open").open("wb") as writer:
        writer.write(b"abc")
        writer.flush()
        looks = [files.look(entry) for entry in files.entries(tmp_path)]
        assert looks == [files.look(tmp_path / each.name) for each in looks if each]
        assert {each.size for each in looks if each} == {3}
        assert all(each.inode for each in looks if each)


# ------------------------------------------------------------------ folders, locks, flushes


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / ".hidden"
    files.make_folder(folder)
    files.make_folder(folder)
    assert folder.is_dir()
    assert is_private(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"."):
        files.make_folder(tmp_path / "file" / "x")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    lock = files.take_lock(tmp_path / "lock")
    assert lock is not None
    assert files.take_lock(tmp_path / "lock") is None
    lock.close()
    again = files.take_lock(tmp_path / "lock")
    assert again is not None
    again.close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom lab_sender import files\n"
        "lock = files.take_lock(Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline().strip() == b"held"
    assert files.take_lock(tmp_path / "lock") is None
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    lock = files.take_lock(tmp_path / "lock")
    assert lock is not None
    lock.close()


@pytest.mark.skipif(files.WINDOWS, reason="folders are not flushed there")
def test_an_io_error_on_flush_is_final(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(files.errno.EIO, "gone")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(AgentError) as final:
        files.sync_folder(tmp_path)
    assert (final.value.code, final.value.exit_code) == ("disk.fsync-failed", 74)


@POSIX
def test_a_share_that_cannot_flush_folders_is_tolerated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(files.errno.EINVAL, "not here")

    monkeypatch.setattr(files.os, "fsync", fail)
    files.sync_folder(tmp_path)
