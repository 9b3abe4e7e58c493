"""How Windows reads a path, and what it cannot have in one.

Holds: the verbatim form of a path, which Windows takes letter for letter (`\\\\?\\C:\\lab\\CON.hl7`); the names that
it reads as something else, and a name to keep such a file under.
Promises: text alone, so that each answer about Windows can be had on every system.
Never: looks at the disk.
"""

from __future__ import annotations

import ntpath
import os
import re
import sys

AnyPath = str | os.PathLike[str]
WINDOWS = sys.platform == "win32"
_AS_IT_IS = ("\\\\?\\", "\\\\.\\")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.IGNORECASE | re.DOTALL
)
_NOT_IN_A_NAME = frozenset('<>:"|?*')


def verbatim(path: AnyPath) -> str:
    """Return a path that the system takes letter for letter, also with more than 260 of them."""
    return verbatim_on_windows(os.fspath(path), os.getcwd()) if WINDOWS else os.fspath(path)


def verbatim_on_windows(path: str, current: str) -> str:
    """Return the same of a path on Windows, where `current` is the current folder; a verbatim one stays."""
    if not path or path.startswith(_AS_IT_IS):
        return path
    whole = ntpath.normpath(ntpath.join(current, path))
    drive, rest = ntpath.splitdrive(whole)
    if not (drive and rest.startswith("\\")) and not whole.startswith("\\\\"):
        return path  # of another drive's current folder, which only Windows knows
    return f"\\\\?\\UNC{whole[1:]}" if whole.startswith("\\\\") else f"\\\\?\\{whole}"


def is_device(name: str) -> bool:
    """Say whether Windows reads a name as a device (`CON`, `nul.txt`, `COM1.hl7`)."""
    return _DEVICE.fullmatch(name) is not None


def is_cut(name: str) -> bool:
    """Say whether Windows leaves out the end of a name: dots and blanks; `.` and `..` are no names."""
    return name.endswith((".", " ")) and name not in (".", "..")


def foreign_letters(name: str) -> str:
    """Return what of a name no name on Windows can have."""
    return "".join(sorted(_NOT_IN_A_NAME.intersection(name)))


def openable(name: str) -> str:
    """Return the name, or one near it that every program on Windows can open."""
    kept = name.rstrip(". ")
    name = kept + "_" * (len(name) - len(kept))
    return f"_{name}" if is_device(name) else name
