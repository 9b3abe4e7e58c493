"""Readings, the question for writers, and kinds of disk, on real files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab_sender import writers

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="file leases and /proc are Linux's")
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX files")
LIMIT = 1 << 20


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    data, look = writers.read_whole(path, 3, ask_for_writers=True)
    assert (data, look.size, look.name, look.regular) == (b"abc", 3, "a", True)
    path.write_bytes(b"")
    assert writers.read_whole(path, 3, ask_for_writers=True)[0] == b""
    with pytest.raises(FileNotFoundError):
        writers.read_whole(tmp_path / "gone", 3, ask_for_writers=False)


def _change_while_reading(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let `change` happen between the first look and the first byte."""
    real = os.read

    def read(descriptor: int, size: int) -> bytes:
        monkeypatch.undo()
        change()
        return real(descriptor, size)

    monkeypatch.setattr(writers.os, "read", read)


@pytest.mark.skipif(sys.platform == "win32", reason="nobody may write there while a file is read")
@pytest.mark.parametrize("change", ["grow", "truncate", "empty", "rewrite"])
def test_a_file_that_changes_under_the_reading_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    os.utime(path, ns=(10**18, 10**18))

    def changes() -> None:
        match change:
            case "grow":
                path.write_bytes(b"0123456789" * 2)
            case "truncate":
                os.truncate(path, 4)
            case "empty":
                os.truncate(path, 0)
            case "rewrite":
                path.write_bytes(b"abcdefghij")

    _change_while_reading(monkeypatch, changes)
    with pytest.raises(writers.StillChanging):
        writers.read_whole(path, LIMIT, ask_for_writers=False)


def test_a_file_read_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(os.urandom(5000))
    real = os.read
    monkeypatch.setattr(writers.os, "read", lambda descriptor, size: real(descriptor, min(size, 700)))
    assert writers.read_whole(path, LIMIT, ask_for_writers=False)[0] == path.read_bytes()


def test_a_huge_sparse_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(writers.TooLarge):
        writers.read_whole(path, LIMIT, ask_for_writers=False)
    path.unlink()


@POSIX
@pytest.mark.parametrize("kind", ["fifo", "link", "loop", "folder", "device"])
def test_what_is_no_regular_file_is_refused_and_never_blocks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "link":
            (tmp_path / "real").write_text("secret")
            path.symlink_to("real")
        case "loop":
            path.symlink_to("odd")
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/null")
    with pytest.raises(OSError, match=r"regular|symbolic|directory"):
        writers.read_whole(path, LIMIT, ask_for_writers=True)


@LINUX
def test_an_open_writer_vetoes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        with pytest.raises(writers.StillChanging):
            writers.read_whole(path, LIMIT, ask_for_writers=True)
        assert writers.closed_by_its_writer(path) is False
        assert writers.read_whole(path, LIMIT, ask_for_writers=False)[0] == b"half"
    assert writers.closed_by_its_writer(path) is True
    assert writers.closed_by_its_writer(tmp_path / "gone") is None
    assert writers.can_be_asked(tmp_path)


@LINUX
@pytest.mark.parametrize(
    "asks", ["closed_by_its_writer(path)", "read_whole(path, 9, ask_for_writers=True)[0] == b'a'"]
)
@pytest.mark.parametrize("first", ["", "writers.mind_no_writer()"])
def test_a_writer_that_comes_during_the_question_ends_nothing(tmp_path: Path, first: str, asks: str) -> None:
    """The kernel breaks the lease with a signal; SIGIO, its default, would kill the agent."""
    program = (
        "import os, sys\n"
        "from lab_sender import writers\n"
        "def meets(real):\n"
        "    def meeting(descriptor, *more):\n"
        "        done = real(descriptor, *more)\n"
        "        try: os.open(path, os.O_WRONLY | os.O_NONBLOCK)\n"
        "        except BlockingIOError: print('met')\n"
        "        return done\n"
        "    return meeting\n"
        "path = sys.argv[1]\n"
        f"{first}\n"
        "lease, writers._lease = writers._lease, meets(writers._lease)\n"
        "read, writers._read_all = writers._read_all, meets(writers._read_all)\n"
        f"print(writers.{asks})\n"
        "os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))\n"
    )
    (tmp_path / "a").write_text("a")
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True, timeout=60, check=False
    )
    met = ["met"] * (2 if "read" in asks else 1)
    assert (run.returncode, run.stdout.split()) == (0, [*met, "True"]), run.stderr


# ------------------------------------------------------------------ kinds of disk


MOUNTS = (
    b"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
    b"2 1 8:2 / /mnt/lab\\040share rw shared:5 - cifs //server/x rw\n"
    b"3 1 8:3 / /mnt/B\xc3\xbcro rw - nfs4 server:/x rw\n"
    b"4 1 8:4 / /mnt/B\xfcro rw - nfs server:/x rw\n"
    b"5 1 8:5 / /srv rw - ext4 /dev/sdb rw\n"
    b"6 5 8:6 / /srv rw - tmpfs none rw\n"
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/mnt/lab share", "cifs"),
        ("/mnt/lab share/outbox", "cifs"),
        ("/mnt/lab sharexy", "ext4"),
        ("/mnt/Büro/outbox", "nfs4"),
        ("/srv/a", "tmpfs"),
    ],
)
def test_the_disk_a_folder_is_on(path: str, kind: str) -> None:
    assert writers.mounted_at(path.encode(), MOUNTS.splitlines(keepends=True)) == kind


@LINUX
def test_a_share_is_not_local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert writers.is_local(tmp_path)
    for kind in ("cifs", "nfs4", "unc"):
        monkeypatch.setattr(writers, "file_system", lambda _folder, kind=kind: kind)
        assert not writers.is_local(tmp_path)
    assert not writers.can_be_asked(tmp_path) or kind == "unc"


@LINUX
def test_a_fifo_does_not_wait_for_its_other_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = threading.Event()

    def ask() -> None:
        writers.closed_by_its_writer(tmp_path / "fifo")
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    assert done.wait(30)
