"""Who may read what we make.

Holds: the rights of our files and folders, by what the site has given the folder's group.
Promises: what holds results or tells of them is made for its owner alone, and for the group of its folder where the
site has chosen one: then the group may do with it what it may do with the folder. Folders of the site stay as they
are. On Windows the access list of a folder decides, with which files.py makes it; nothing is done here.
Never: changes an owner or a group.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

AnyPath = str | Path
WINDOWS = sys.platform == "win32"


def of_group(folder: AnyPath) -> int:
    """Return what the site lets a folder's group do (`0o050`, `0o070`); 0 where it has chosen no group.

    It has chosen one where the folder hands its group on (setgid), or where all others are kept out.
    """
    mode = os.stat(folder).st_mode
    return mode & stat.S_IRWXG if mode & stat.S_ISGID or not mode & stat.S_IRWXO else 0


def give_group(folder: Path, group: int) -> None:
    """Give the group of a folder of ours its rights, whatever the umask has kept back."""
    mode = stat.S_IMODE(os.stat(folder).st_mode)
    if not WINDOWS and mode & stat.S_IRWXG != group:
        with contextlib.suppress(PermissionError):  # some services may not set the setgid bit, which must stay
            os.chmod(folder, mode | group)


def create_private(path: Path) -> None:
    """Make an empty file that only its owner, and the group of its folder, can read; one that is there stays.

    It opens nothing that is there: closing a file that SQLite has open would take SQLite's locks away.
    """
    with contextlib.suppress(FileExistsError):
        os.close(open_private(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def close_to_others(path: Path) -> None:
    """Take from all others the rights on a file of ours, if it is there; of one that is not ours nothing is taken.

    A device (`/dev/null`) is everybody's.
    """
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if not WINDOWS and stat.S_ISREG(mode := os.stat(path).st_mode) and mode & stat.S_IRWXO:
            os.chmod(path, _private_mode(path.parent))


def open_to_others(path: Path) -> bool:
    """Say whether any account of this machine can look into a folder or file; False where that is not known."""
    if WINDOWS:
        return False
    try:
        above = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
        return above and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH))
    except OSError:
        return False


def _private_mode(folder: AnyPath) -> int:
    return 0o600 | (of_group(folder) & 0o060)


def open_private(path: str, flags: int) -> int:
    """Open a file that only its owner, and the group of its folder, can read: an `opener` for `open`."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
    if not WINDOWS and stat.S_ISREG(os.fstat(descriptor).st_mode):
        try:
            os.fchmod(descriptor, _private_mode(os.path.dirname(path) or "."))
        except PermissionError:  # a disk that knows no rights
            pass
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor
