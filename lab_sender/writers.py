"""Who still writes to a file, and what it holds once nobody does.

Holds: the reading of a file, the question for its writers, and the kinds of disk on which nobody can answer it.
Promises: a file is opened only if it is a regular file, never through a link, and never blocks; what was read is what
the file held before and after the reading.
Never: changes a file, or a name.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from lab_sender.files import SHARE_VIOLATION, WINDOWS, AnyPath, Look
from lab_sender.paths import verbatim

if sys.platform == "linux":
    import fcntl
else:
    fcntl = None
if sys.platform == "win32":
    from lab_sender.windows import has_root, is_remote, last_change_ns, open_without_writers, share_of

Hold = int
"""A descriptor that keeps writers out of a file (Windows)."""
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_REMOTE_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "fuse.glusterfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs3"}
    | {"nfs4", "smb3", "smbfs", "vboxsf", "virtiofs"}
)


class StillChanging(Exception):
    """The file's writer has not finished: look again later."""


class TooLarge(Exception):
    """The file is larger than the limit; its content was not read."""


def hold(path: AnyPath) -> Hold | None:
    """Keep writers out of a file until `let_go`, on Windows; None elsewhere: no system can.

    Raises StillChanging while a writer has it open, FileNotFoundError, or another OSError.
    """
    return _open(path) if WINDOWS else None


def let_go(held: Hold | None) -> None:
    """End a `hold`."""
    if held is not None:
        os.close(held)


def _open(path: AnyPath) -> int:
    """Open a file to read it; on Windows writers are kept out. Raises StillChanging, or OSError."""
    if sys.platform == "win32":
        try:
            return open_without_writers(verbatim(path))
        except OSError as error:
            if error.winerror == SHARE_VIOLATION:
                raise StillChanging from error
            raise
    else:
        return os.open(path, _OPEN_FLAGS)


def read_whole(
    path: AnyPath, largest_bytes: int, *, ask_for_writers: bool, hold: Hold | None = None
) -> tuple[bytes, Look]:
    """Read a regular file that nobody changes meanwhile; through `hold`, which stays open, where there is one.

    Where writers are asked for, none comes in until it has been read (Linux). Raises StillChanging (a writer has it
    open, or size or time moved while we read), TooLarge (nothing was read), FileNotFoundError, or OSError (ELOOP for
    a link).
    """
    descriptor = _open(path) if hold is None else hold
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if before.st_size > largest_bytes:
            raise TooLarge
        if ask_for_writers and _lease(descriptor):
            raise StillChanging
        data = _read_all(descriptor, before.st_size)
        after = os.fstat(descriptor)
        if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
            raise StillChanging
        return data, Look(os.path.basename(path), after.st_size, after.st_mtime_ns, after.st_ino, after.st_mode)
    finally:
        if hold is None:
            os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    """Read `size` bytes and one more, so that a file that has grown shows it."""
    data = os.read(descriptor, size + 1)
    if len(data) >= size:
        return data
    parts = [data]
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def mind_no_writer() -> None:
    """Ignore SIGIO in this process: then no question for writers has to choose a signal. Main thread only."""
    if fcntl is not None and signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        signal.signal(signal.SIGIO, signal.SIG_IGN)


def _lease(descriptor: int) -> bool | None:
    """Try a read lease: it is granted only while nobody has the file open for writing.

    True: it is being written. None: not to be had here (not Linux, not our file and not root, or a file
    system without leases).

    A granted one ends with the descriptor, which is to be closed soon: whoever opens the file to write waits for it.
    He makes the kernel signal us; by default with SIGIO, which would end the process, so where that is not ignored
    a signal is chosen that nobody minds.
    """
    if fcntl is None:
        return None
    try:
        if signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    return False


def can_be_asked(folder: Path) -> bool:
    """Say whether the system knows of writers in this folder: Windows, or Linux with a local file system."""
    return WINDOWS or (fcntl is not None and file_system(folder) not in _REMOTE_FILE_SYSTEMS)


def closed_by_its_writer(path: AnyPath) -> bool | None:
    """Ask whether a file has no writer now; None where nobody can say."""
    try:
        return None if at_rest_since(path) is None else True
    except StillChanging:
        return False


def at_rest_since(path: AnyPath, changed_ns: int | None = None) -> int | None:
    """Return since when a file without a writer has its content and its name, in ns of the clock of its disk.

    `changed_ns` is that where a look has just seen it; its writers are asked for all the same. Far ahead where the
    disk does not keep it; None where nobody can say that there is no writer. Raises StillChanging while there is one.
    """
    try:
        descriptor = _open(path)
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            return last_change_ns(descriptor) or sys.maxsize
        written = _lease(descriptor)
        if written:
            raise StillChanging
        if written is None:
            return None
        return os.fstat(descriptor).st_ctime_ns if changed_ns is None else changed_ns
    finally:
        os.close(descriptor)


def root_is_there(root: str) -> bool:
    """Say whether the root of a drive (`Q:\\`) or share (`\\\\server\\share\\`) can be reached; `/` can."""
    return os.path.exists(verbatim(root))


def has_drive(drive: str) -> bool:
    """Say whether this account has a drive (`Q:`), whether or not it can be reached."""
    return sys.platform != "win32" or has_root(f"{drive}\\")


def mapped_to(drive: str) -> str | None:
    """Return the share that a drive (`Q:`) is mapped to, "" where that is not known; None: it is no mapped drive."""
    if sys.platform == "win32" and len(drive) == 2 and is_remote(f"{drive}\\"):
        return share_of(drive)
    return None


def is_local(folder: Path) -> bool:
    """Say whether a folder lies on a disk of this machine (SQLite's WAL needs that)."""
    kind = file_system(folder)
    return kind not in _REMOTE_FILE_SYSTEMS and kind != "unc"


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder (`ext4`, `nfs4`, on Windows `unc`); "" where unknown."""
    if sys.platform == "win32":
        whole = folder.resolve()
        return "unc" if whole.anchor.startswith("\\\\") or is_remote(whole.anchor) else ""
    if sys.platform != "linux":
        return ""
    with open("/proc/self/mountinfo", "rb") as mounts:
        return mounted_at(os.fsencode(folder.resolve()), mounts)


def mounted_at(where: bytes, mounts: Iterable[bytes]) -> str:
    """Find the type of the file system at a path in lines of proc(5)'s mountinfo; the last mount wins."""
    best, kind = b"", b""
    for line in mounts:
        left, _, right = line.partition(b" - ")
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), left.split()[4])
        inside = where == point or where.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind.decode()
