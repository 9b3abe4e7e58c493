"""Files that another agent of a shared outbox has claimed, and this one goes on with.

Holds: the renames from the others' folders of claimed files into our own.
Promises: they keep their names, so their order and what the journal knows of them; what was moved is durable before
it is looked at. Nothing is overwritten. Whoever takes the outbox in does it, and nobody else: the others have ended,
and what one of them does that stood still meanwhile fails, or is found by the next look.
Never: reads a file, or touches what is our own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lab_sender import files
from lab_sender.intake.names import is_dropping
from lab_sender.log import say


class Adoption:
    """Adopts for one outbox; `others` names the folders, as they are now."""

    def __init__(self, claimed: Path, others: Callable[[], Sequence[Path]], may: Callable[[], bool]) -> None:
        """`may` is asked before each rename: whether the outbox is still ours."""
        self._claimed = claimed
        self._others = others
        self._may = may

    def adopt(self) -> int:
        """Move all that others have claimed to our own; return how many there were. Raises OSError."""
        return sum(self._from(each) for each in self._others())

    def _from(self, folder: Path) -> int:
        moved = 0
        for name in sorted(each.name for each in files.entries(folder) if not is_dropping(each.name)):
            if not self._may():
                break
            try:
                files.rename(f"{folder}{os.sep}{name}", f"{self._claimed}{os.sep}{name}")
            except (FileNotFoundError, files.Busy):  # filed just now; or open on Windows: the next look
                continue
            moved += 1
        if moved:
            files.sync_folder(self._claimed)
            files.sync_folder(folder)
            say(logging.WARNING, "intake.adopted", after=folder.parent.name, files=moved)
        return moved
