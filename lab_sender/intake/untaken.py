"""What lies in the outbox and has not been taken, and why.

Holds: one look at the outbox by name, age and kind, for the agent's log, `status` and `list --outbox`.
Promises: everything in the outbox that is not the agent's own is listed: files, temporary names, markers without a
file, links and the like, and sub-folders with files in them. An age counts from when the file came or was last
written, whichever is later.
Never: takes or changes anything, or follows a link.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from lab_sender import files, writers
from lab_sender.intake.names import Names, is_dropping

Why = Literal[
    "settling", "being written", "empty", "marker missing", "temporary", "marker without file", "sub-folder", "link",
    "no file",
]  # fmt: skip
_MOST_IN_A_FOLDER = 1000
FILES: frozenset[Why] = frozenset({"settling", "being written", "empty", "marker missing"})
"""What will be taken when it is complete."""


class Untaken(NamedTuple):
    """One entry of the outbox. `size` is in bytes; of a sub-folder it is how many files are in it, at most 1,000."""

    name: str
    why: Why
    age_s: float
    size: int


def overdue_s(settle_s: float, attachment_wait_s: float) -> float:
    """Return the age from which a file that lies untaken is worth a warning."""
    return max(10 * settle_s, attachment_wait_s)


def untaken(outbox: Path, names: Names, own: Collection[Path], *, ask_writers: bool = False) -> list[Untaken]:
    """List what lies in the outbox, the oldest first. Raises OSError where it cannot be read.

    `own` are the agent's folders. What a desktop leaves behind by itself is left out. `ask_writers`: find out which
    files are being written now; that opens each.
    """
    now = time.time()
    there = [entry for entry in files.entries(outbox) if not is_dropping(entry.name)]
    plain = [entry.name for entry in there if not (names.is_marker(entry.name) or names.is_temporary(entry.name))]
    lowered = {name.lower() for name in plain}
    markers: dict[str, list[str]] = {}
    for entry in there:
        if names.is_marker(entry.name):
            markers.setdefault(entry.name.lower(), []).append(entry.name)
    complete = {name: found for name in plain if (found := names.markers_of(name, markers, lowered))}
    used = {marker for found in complete.values() for marker in found}
    listed = []
    for entry in there:
        try:
            seen = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        why: Why | None
        size, since_s = seen.st_size, max(seen.st_mtime, seen.st_ctime)
        if stat.S_ISDIR(seen.st_mode):
            within = () if entry.name.startswith(".") else _inside(str(outbox / entry.name), own)
            inside = list(islice(within, _MOST_IN_A_FOLDER))
            why, size, since_s = ("sub-folder" if inside else None), len(inside), min(inside, default=now)
        elif not stat.S_ISREG(seen.st_mode):
            why = "link" if stat.S_ISLNK(seen.st_mode) else "no file"
        elif names.is_marker(entry.name):
            why = None if entry.name in used else "marker without file"
        elif names.is_temporary(entry.name):
            why = "temporary"
        elif names.marker and entry.name not in complete:
            why = "marker missing"
        elif ask_writers and writers.closed_by_its_writer(entry.path) is False:
            why = "being written"
        else:
            why = "settling" if seen.st_size else "empty"
        if why is not None:
            listed.append(Untaken(entry.name, why, max(0.0, now - since_s), size))
    return sorted(listed, key=lambda each: (-each.age_s, each.name))


def _inside(folder: str, own: Collection[Path]) -> Iterator[float]:
    """Yield when each file below a folder came; the agent's own folders, and what cannot be read, have none."""
    if Path(folder) in own:
        return
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if Path(root, each) not in own]
        for name in names:
            try:
                seen = os.lstat(os.path.join(root, name))
            except OSError:
                continue
            yield max(seen.st_mtime, seen.st_ctime)
