"""Why a file is in quarantine, beside it.

Holds: the writing of `NAME.reason.txt`, and bringing it up to date.
Promises: it is there when the file is, and goes when that leaves quarantine. One that somebody took away stays away.
Never: moves a result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.journal import FileRow, Resting
from lab_sender.log import printable
from lab_sender.paths import verbatim

REASON: Final = ".reason.txt"


class Reasons:
    """Those of one outbox; `within(folder, name)` and `at(file)` say where a file lies."""

    def __init__(
        self, within: Callable[[str, str], str], at: Callable[[FileRow], str], trouble: Callable[[OSError], None]
    ) -> None:
        """`trouble` is called with what keeps one from being written now."""
        self._in, self._at = within, at
        self._trouble = trouble

    def note(self, rest: Resting, file: FileRow, folder: str, name: str) -> None:
        """Write the reason beside a quarantined file; take it away when the file leaves quarantine."""
        if file.role != "report":
            return
        if file.folder == "quarantine":
            files.remove(Path(self._at(file) + REASON))
        if folder == "quarantine":
            files.write_new(Path(self._in(folder, name) + REASON), _text_of(rest))

    def renewed(self, resting: Iterable[Resting]) -> set[int]:
        """Bring the reasons of files that stay in quarantine up to date; returns the sources of the others."""
        failed = set()
        for rest in resting:
            for file in rest.files:
                if (rest.folder, file.folder, file.role, file.planned_folder) == ("quarantine",) * 2 + ("report", ""):
                    path, reason = Path(self._at(file) + REASON), _text_of(rest)
                    try:
                        if Path(verbatim(path)).read_bytes() != reason:
                            files.write_new(path, reason)
                            files.sync_folder(str(path.parent))
                    except FileNotFoundError:  # somebody has taken it away
                        continue
                    except OSError as error:
                        self._trouble(error)
                        failed.add(file.source_id)
        return failed


def _text_of(rest: Resting) -> bytes:
    """Return what is written beside a quarantined file, with the line ends of this system.

    It is read with `cat` or Notepad, and the HIS's words stand in it.
    """
    return printable(rest.reason, keep="\n").replace("\n", os.linesep).encode()
