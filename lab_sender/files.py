"""Every rename, every fsync, every look at a folder.

Holds: the operations that move a result and make it last, and what differs between platforms.
Promises: nothing here overwrites a file but small ones of our own; a name that must survive a power cut is followed
by `sync_folder`, or was renamed through to the disk (Windows); a look follows no link. A path is taken letter for
letter, whatever Windows would make of it.
Never: reads a result but to know it again, decides what a file means, or deletes a result (`remove` is for our own
notes).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from msgspec import Struct

from lab_sender import rights
from lab_sender.errors import AgentError, ExitCode
from lab_sender.paths import openable, verbatim

if sys.platform == "win32":
    from lab_sender import windows

AnyPath = str | Path
WINDOWS = sys.platform == "win32"
SHARE_VIOLATION = 32
"""What Windows says of a file that another program holds."""
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN))
_LONGEST_NAME = 200
_NO_UNICODE = re.compile("[\ud800-\udfff]")
"""How Python shows the bytes of a name that is not UTF-8."""


class Look(Struct, frozen=True):
    """What one look at a directory entry saw. Two equal looks mean: not changed between them."""

    name: str
    size: int
    mtime_ns: int
    inode: int
    mode: int

    @property
    def regular(self) -> bool:
        return stat.S_ISREG(self.mode)


class OpenFolder:
    """A folder that is kept open while many names in it change; a context. `folder / name` is a file in it.

    On Windows, where there is no such thing, it is its path.
    """

    __slots__ = ("_path", "descriptor")

    def __init__(self, path: AnyPath) -> None:
        """Open it. Raises OSError."""
        self._path = str(path)
        self.descriptor = -1 if WINDOWS else os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def __truediv__(self, name: str) -> Within:
        return Within(self, name)

    def __fspath__(self) -> str:
        return self._path

    __str__ = __fspath__


class Within(NamedTuple):
    """A name in an open folder."""

    folder: OpenFolder
    name: str

    def __fspath__(self) -> str:
        return f"{self.folder}{os.sep}{self.name}"

    def __str__(self) -> str:
        return self.__fspath__()


class Busy(Exception):
    """Another program holds the file (Windows sharing violation): try again later."""


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder, unsorted; their `path` is verbatim. Raises OSError where it cannot be read."""
    with os.scandir(verbatim(folder)) as listing:
        yield from listing


def seen(entry: os.DirEntry[str] | Path | Within) -> os.stat_result | None:
    """Ask what a name is without following links; None if it has gone.

    Windows' listings know no inode, and an open file by the size that it had before: there each file is asked itself.
    """
    try:
        if isinstance(entry, os.DirEntry) and not WINDOWS:
            return entry.stat(follow_symlinks=False)
        if isinstance(entry, Within) and not WINDOWS:
            return os.stat(entry.name, dir_fd=entry.folder.descriptor, follow_symlinks=False)
        return os.lstat(verbatim(entry))
    except FileNotFoundError:
        return None


def look(entry: os.DirEntry[str] | Path | Within) -> Look | None:
    """Look at a name without following links; None if it has gone."""
    found = seen(entry)
    return None if found is None else Look(entry.name, found.st_size, found.st_mtime_ns, found.st_ino, found.st_mode)


def size_of(path: AnyPath) -> int | None:
    """Return the size of what lies at a path, a link not followed; None if it has gone."""
    try:
        return os.lstat(verbatim(path)).st_size
    except FileNotFoundError:
        return None


def rename(source: AnyPath | Within, target: AnyPath | Within) -> None:
    """Rename within one file system; the target name must be free.

    Raises FileExistsError, FileNotFoundError, Busy, or another OSError. Durable after `sync_folder` of both
    folders. Another program may take the name in the same instant: Windows and Linux see it, some shares do not.
    """
    if sys.platform == "win32":
        try:
            windows.rename(verbatim(source), verbatim(target))
        except PermissionError as error:
            if error.winerror == SHARE_VIOLATION:
                raise Busy from error
            raise
        return
    of_source, of_target = _found_from(source), _found_from(target)
    if (to_free_name := _rename_to_free_name()) is not None:
        failed = to_free_name(of_source[0], os.fsencode(of_source[1]), of_target[0], os.fsencode(of_target[1]))
        if not failed:
            return
        if failed == errno.EEXIST:
            raise FileExistsError(errno.EEXIST, "target name is taken", str(target))
    _rename_if_free(*of_source, *of_target)


def _found_from(path: AnyPath | Within) -> tuple[int, str]:
    """Return the open folder that a name is found from, and the name: by the path another folder may lie there."""
    if isinstance(path, Within):
        return path.folder.descriptor, path.name
    return _AT_FDCWD, str(path)


def _rename_if_free(source_folder: int, source: str, target_folder: int, target: str) -> None:
    """Look whether the target name is free, then rename: for file systems that do not do both at once."""
    of_source, of_target = (None if each == _AT_FDCWD else each for each in (source_folder, target_folder))
    try:
        os.stat(target, dir_fd=of_target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, target, src_dir_fd=of_source, dst_dir_fd=of_target)
    else:
        raise FileExistsError(errno.EEXIST, "target name is taken", target)


def _replace(source: AnyPath, target: AnyPath) -> None:
    """Rename over what is there: a file of ours."""
    if sys.platform == "win32":
        windows.rename(verbatim(source), verbatim(target), replace=True)
    else:
        os.replace(source, target)


@functools.cache
def _rename_to_free_name() -> Callable[[int, bytes, int, bytes], int] | None:
    """Find Linux's call that renames to a free name only; it returns an errno, 0 when done. None: there is none."""
    if sys.platform != "linux":
        return None
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename_to_free_name(source_folder: int, source: bytes, target_folder: int, target: bytes) -> int:
        return ctypes.get_errno() if call(source_folder, source, target_folder, target, _RENAME_NOREPLACE) else 0

    return rename_to_free_name


def move(source: AnyPath, target: AnyPath) -> None:
    """Move a file, also onto another file system (there: copy, fsync, rename, then remove the source)."""
    try:
        rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        source, target = Path(source), Path(target)
        part = target.with_name(f".{target.name}.part")
        with open(verbatim(source), "rb") as reader, open(verbatim(part), "wb", opener=rights.open_private) as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            fsync(writer.fileno())
        shutil.copystat(verbatim(source), verbatim(part))
        rename(part, target)
        sync_folder(target.parent)
        os.unlink(verbatim(source))


def fsync(descriptor: int) -> None:
    """Flush a file. A failed fsync is final: the kernel may have dropped the pages (EIO is not retried)."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno == errno.EIO:
            raise AgentError(
                "disk.fsync-failed",
                "the disk reported an error on flush; what it holds is not known.",
                hint="Check the disk, then start the agent again: it reconciles folders and journal.",
                exit_code=ExitCode.STORAGE,
            ) from error
        raise


def sync_folder(folder: AnyPath | OpenFolder) -> None:
    """Make the names in a folder survive a power cut. No-op where folders can't be flushed (Windows, some shares)."""
    if WINDOWS:
        return
    if isinstance(folder, OpenFolder):
        _sync(folder.descriptor)
        return
    with OpenFolder(folder) as opened:
        _sync(opened.descriptor)


def _sync(folder: int) -> None:
    try:
        fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def write_new(path: Path, data: bytes, *, shared: bool = False) -> None:
    """Write a small file whole or not at all, replacing an older one of ours. Durable after `sync_folder`.

    A `shared` one is for another account to read, as the umask lets it.
    """
    part = path.with_name(f".{path.name[:120]}.part")
    with open(verbatim(part), "wb", opener=None if shared else rights.open_private) as writer:
        writer.write(data)
        writer.flush()
        fsync(writer.fileno())
    _replace(part, path)


def write_for_now(path: Path, data: bytes) -> None:
    """Write a small file that is soon written anew: whole or not at all, but not flushed, for nothing rests on it."""
    part = path.with_name(f".{path.name}.part")
    with open(verbatim(part), "wb", opener=rights.open_private) as writer:
        writer.write(data)
    _replace(part, path)


def overwrite(path: Path, data: bytes) -> None:
    """Write a file whose length never changes in its place, by one write; not flushed, for nothing rests on it."""
    flags = os.O_WRONLY | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(verbatim(path), flags)
    except FileNotFoundError:
        descriptor = rights.open_private(verbatim(path), flags | os.O_CREAT)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def append(path: Path, data: bytes) -> None:
    """Write behind the end of a file of ours, making it at need. Durable on return, its name too."""
    is_new = not exists(path)
    with open(verbatim(path), "ab", opener=rights.open_private) as writer:
        writer.write(data)
        writer.flush()
        fsync(writer.fileno())
    if is_new:
        sync_folder(path.parent)


def cut(path: Path, length: int) -> None:
    """Take away what lies behind so many bytes of a file of ours. Durable on return."""
    with open(verbatim(path), "r+b") as writer:
        writer.truncate(length)
        fsync(writer.fileno())


def remove_if_empty(folder: Path) -> bool:
    """Remove a folder of ours that has nothing in it; False where it has, or is gone."""
    try:
        os.rmdir(verbatim(folder))
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
        return False
    return True


def valid_name(name: str) -> str:
    """Make a name that is valid Unicode, whatever bytes it had on the disk."""
    return _NO_UNICODE.sub("\ufffd", name)


def short_name(name: str) -> str:
    """Cut a name so that an id and an ending of ours fit beside it; its own ending is kept.

    On Windows it becomes one that can be opened there: other systems write names to a share that no program can.
    """
    if WINDOWS:
        name = openable(name)
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    ending = os.path.splitext(name)[1][-20:]
    return name.encode()[: _LONGEST_NAME - 80].decode(errors="ignore") + ending


def remove(path: Path) -> None:
    """Remove a note of ours; gone already is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(verbatim(path))


def make_folder(folder: Path, *, shared: bool = False) -> None:
    """Create a folder and its parents, durably.

    Only its owner can read it, and the group of the folder above where the site has chosen one; a `shared` one is
    open to its group, as the account's umask lets it be. On Windows SYSTEM and Administrators can as well; a `shared`
    one, and all on a share, have the rights of the folder above. What begins with a dot is for no group and no other
    account. Raises OSError, as where the disk or share is not there.
    """
    if os.path.isdir(verbatim(folder)):
        return
    if folder == folder.parent:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    make_folder(folder.parent, shared=shared)
    with contextlib.suppress(FileExistsError):
        _make(folder, shared=shared)
    sync_folder(folder.parent)


def _make(folder: Path, *, shared: bool) -> None:
    if sys.platform == "win32":
        try:
            if shared:
                os.mkdir(verbatim(folder))
            else:
                closed = folder.name.startswith(".")
                windows.make_private(verbatim(folder), verbatim(folder.parent), closed=closed)
        except OSError as error:
            error.filename = str(folder)
            raise
        if folder.name.startswith("."):
            windows.hide(verbatim(folder))
        return
    group = 0o070 if shared else 0 if folder.name.startswith(".") else rights.of_group(folder.parent)
    os.mkdir(folder, 0o700 | group)
    if not shared:
        rights.give_group(folder, group)


def is_shortage(error: BaseException) -> bool:
    """Say whether the system is short of something (memory, descriptors, buffers) that it may have again soon."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES)


def exists(path: AnyPath) -> bool:
    """Say whether something of this name is there, a link too."""
    return os.path.lexists(verbatim(path))


def is_there(path: AnyPath, sha256: bytes = b"") -> bool:
    """Say whether a file is there, with that content; `sha256` is empty where the content was not read.

    Raises OSError where nobody can say now: a file that cannot be opened is not a missing one.
    """
    try:
        with open(verbatim(path), "rb") as reader:
            return not sha256 or hashlib.file_digest(reader, "sha256").digest() == sha256
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def identity(path: AnyPath | int) -> tuple[int, int] | None:
    """Return what tells a file or folder from every other one that may come to lie at its path; None if gone.

    A number is the descriptor of an open one.
    """
    try:
        seen = os.stat(path if isinstance(path, int) else verbatim(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return seen.st_dev, seen.st_ino


def identity_now(path: AnyPath | int) -> tuple[int, int] | None:
    """Return the same; None also where nobody can say, as of a share that does not answer."""
    try:
        return identity(path)
    except OSError:
        return None


def is_gone(path: AnyPath) -> bool:
    """Say whether a file or folder is not there; False also where nobody can say, as of a share without an answer."""
    try:
        return identity(path) is None
    except OSError:
        return False


def may_write(path: Path) -> bool:
    """Say whether this account may write to a file, or into a folder; to one that is not there yet, yes.

    Windows tells it of nobody: it is tried there, in a folder by a file that is made and removed.
    """
    if not WINDOWS:
        return not path.exists() or os.access(path, os.W_OK)
    try:
        if os.path.isdir(verbatim(path)):
            tried = path / f".lab-sender-{os.getpid()}.tmp"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0)
            try:
                os.close(os.open(verbatim(tried), flags))
            finally:
                remove(tried)
        elif exists(path):
            os.close(os.open(verbatim(path), os.O_RDWR))
    except PermissionError:
        return False
    except OSError as error:
        return error.errno != errno.EROFS
    return True


def same_device(one: Path, other: Path) -> bool:
    """Say whether a rename from one folder to the other is possible."""
    return os.stat(verbatim(one)).st_dev == os.stat(verbatim(other)).st_dev


def take_lock(path: Path) -> IO[bytes] | None:
    """Take the lock that one agent holds on its folders; None if another process has it.

    The lock lasts until the returned file is closed or the process ends, however it ends.
    """
    handle = open(verbatim(path), "a+b")  # noqa: SIM115  # it is the lock
    try:
        if sys.platform == "win32":
            windows.lock(handle.fileno())
        else:
            from fcntl import LOCK_EX, LOCK_NB, flock

            flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
