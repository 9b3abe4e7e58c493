"""How a path may be written in a setting.

Holds: what a path cannot have, each with what to write instead: what cannot be seen, what a shell would put in, what
Windows reads as something else, and paths of the other system.
Promises: no spelling is silently another folder than the one that was meant.
Never: looks at the disk or the environment.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterator

from lab_sender import paths
from lab_sender.config.text.section import wrong

_OF_A_SHELL = re.compile(r"%([A-Za-z_][A-Za-z0-9_()]*)%|^\$(?:env:)?([A-Za-z_][A-Za-z0-9_]*)", re.IGNORECASE)
_DRIVE = re.compile(r"([A-Za-z]):")


def demand_plain(text: str, *, windows: bool) -> None:
    """Raise `wrong` for a path that would be another one than it looks like; `windows`: on that system."""
    for said, hint in _faults(text, windows=windows):
        raise wrong(said, hint)


def _faults(text: str, *, windows: bool) -> Iterator[tuple[str, str]]:
    if not text.strip():
        yield "must name a file or folder", ""
    if not text.isprintable():
        shown = "a control character" if any(ord(each) < 32 for each in text) else "a character that cannot be seen"
        yield f"holds {shown}", r"\ in double quotes is an escape; use single quotes, or / in its place"
    if text.startswith("~"):
        home = r"${USERPROFILE}\..." if windows else "${HOME}/..."
        yield "~ is not read as the home folder", f"write the whole path, or {home}"
    if found := _OF_A_SHELL.search(text):
        yield f"{found[0]} is not read from the environment", f"write ${{{found[1] or found[2]}}}"
    if windows and text.startswith(("\\\\?\\", "\\\\.\\")):
        yield "names a device of Windows", r"write C:\... or \\server\share\...: long paths are read all the same"
    if set("*?") & set(text):
        yield "must name one file or folder; * and ? are not read", "write its whole name"
    yield from _faults_on_windows(text) if windows else _faults_elsewhere(text)


def _faults_on_windows(text: str) -> Iterator[tuple[str, str]]:
    path = text.replace("/", "\\")
    drive, rest = ntpath.splitdrive(path)
    if path.startswith("\\\\"):
        server, _, share = path[2:].partition("\\")
        if not server or not share.strip("\\"):
            yield "names a server and no share", r"write \\server\share\folder"
        rest = path[2:]
    elif drive and not rest.startswith("\\"):
        yield f"counts from wherever drive {drive} stands just now", f"write {drive}\\{rest}"
    elif text.startswith("\\"):
        yield "names no drive", r"write C:\..., or \\server\share\folder"
    for part in rest.split("\\"):
        if letters := paths.foreign_letters(part):
            yield f"no name on Windows can have {letters[0]}", ""
        if paths.is_device(part):
            yield f"{part} is a device on Windows", "name a folder"
        if paths.is_cut(part):
            yield "Windows leaves out a dot or blank at the end of a name", "write the name without it"


def _faults_elsewhere(text: str) -> Iterator[tuple[str, str]]:
    if _DRIVE.match(text) or "\\" in text:
        yield "is a path of Windows, and this is another system", "write where it is here, with /"
