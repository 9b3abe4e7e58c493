"""Whether the open journal still lies at its path, with its logs: what is written elsewhere is lost.

Holds: what journal.db and its logs are by device and inode, and the look at them.
Promises: one that was taken away or replaced, whole or in part, is seen by the next look, whatever instants were put
back. Where no name in their folder has changed since the last look, that is all that is asked.
Never: reads a file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Final

from lab_sender import files
from lab_sender.errors import AgentError, ExitCode

_LATER_NS: Final = 100_000_000
"""A change that comes so long after another one has another instant, by the clock of any kernel."""
_ROUNDED_NS: Final = 2_500_000_000
"""So where a file system keeps no parts of a second."""
_AGAIN_S: Final = 0.1
"""A folder that has just changed is not asked again before."""


class Presence:
    """The files of one open journal. Windows neither removes nor renames a file that is open."""

    def __init__(self, parts: Sequence[str]) -> None:
        """`parts` are there and open, all in one folder."""
        self._folder = os.path.dirname(parts[0])
        self._opened = [(part, files.identity(part)) for part in parts]
        self._seen: tuple[int, int, int] | None = None
        self._ask_folder_at = 0.0

    @property
    def journal(self) -> tuple[int, int] | None:
        """Return what journal.db is."""
        return self._opened[0][1]

    def look(self) -> None:
        """Look. Raises AgentError `journal.gone` or `journal.replaced`: exit 74, or 78 where the folder is away."""
        if files.WINDOWS:
            return
        is_asked = self._seen is not None or time.monotonic() >= self._ask_folder_at
        folder = _as_it_is(self._folder) if is_asked else None
        if folder is not None and folder == self._seen:
            return
        for part, identity in self._opened:
            try:
                seen = os.stat(part)
            except (FileNotFoundError, NotADirectoryError):
                raise _taken_away(part, "journal.gone") from None
            if (seen.st_dev, seen.st_ino) != identity:
                raise _taken_away(part, "journal.replaced")
        self._seen = folder if folder is not None and _is_past(folder[2]) else None
        if is_asked and self._seen is None:
            self._ask_folder_at = time.monotonic() + _AGAIN_S


def _as_it_is(folder: str) -> tuple[int, int, int] | None:
    """Return what is another one once a name in a folder was made, removed or renamed, or another folder lies there.

    Its last change (ctime) is set by no program, not by one either that puts a copy back. None: it is not there.
    """
    try:
        seen = os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return seen.st_dev, seen.st_ino, seen.st_ctime_ns


def _is_past(instant_ns: int) -> bool:
    """Say whether the next change cannot have this instant too."""
    return time.time_ns() - instant_ns > (_LATER_NS if instant_ns % 1_000_000_000 else _ROUNDED_NS)


def _taken_away(part: str, code: str) -> AgentError:
    folder = os.path.dirname(part)
    if files.is_gone(folder):  # a start would make a new journal there: no service may try one
        return AgentError(
            code,
            f"{os.path.basename(part)} was taken away with its folder {folder}; nothing more is sent.",
            hint="Bring that folder back before you start the agent: it would begin a new journal, and what waits is"
            " in the old one.",
            exit_code=ExitCode.CONFIG,
        )
    became = "replaced" if code == "journal.replaced" else "taken away"
    return AgentError(
        code,
        f"{os.path.basename(part)} was {became} while it was in use; nothing more is sent.",
        hint="Follow 'The journal was taken away' in docs/SYMPTOMS.md before you start the agent again.",
        exit_code=ExitCode.STORAGE,
    )
