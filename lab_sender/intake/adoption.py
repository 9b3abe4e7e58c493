"""Files that another agent of a shared outbox has claimed, and this one goes on with.

Holds: the renames from the others' folders of claimed files into our own.
Promises: they keep their names, so their order and what the journal knows of them; what was moved is durable before
it is looked at, and is looked at whatever else cannot be moved. Nothing is overwritten. Whoever takes the outbox in
does it, and nobody else: the others have ended, and what one of them does that stood still meanwhile fails, or is
found by the next look.
Never: reads a file, or touches what is our own.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from lab_sender import files
from lab_sender.intake.names import is_dropping
from lab_sender.log import say


class Adoption:
    """Adopts for one outbox; `others` names the folders, as they are now."""

    def __init__(
        self,
        claimed: Path,
        others: Callable[[], Sequence[Path]],
        may: Callable[[], bool],
        moved: Callable[[], None],
    ) -> None:
        """`may` is asked before each rename: whether the outbox is still ours.

        `moved` is called when something has come and is durable, whatever else could not be moved.
        """
        self._claimed = claimed
        self._others = others
        self._may = may
        self._tell = moved
        self._moved: Counter[Path] = Counter()
        """How many came from each folder; not durable yet."""
        self._left: dict[Path, int] = {}

    def adopt(self) -> None:
        """Move all that others have claimed to our own. Raises OSError, once it has moved what it could."""
        failed = None
        for folder in self._others():
            try:
                self._from(folder)
            except OSError as error:
                failed = error
        self._make_durable()
        if failed is not None:
            raise failed

    def _from(self, folder: Path) -> None:
        failed, left = None, 0
        for name in sorted(each.name for each in files.entries(folder) if not is_dropping(each.name)):
            if not self._may():
                return
            target = f"{self._claimed}{os.sep}{name}"
            try:
                files.rename(f"{folder}{os.sep}{name}", target)
            except FileExistsError:  # a name is given once: a copy, as a restored backup leaves it
                left += 1
            except FileNotFoundError:  # filed just now; or moved, and the answer came to a repeated request
                self._moved[folder] += files.exists(target)
            except files.Busy:  # open on Windows: the next look
                continue
            except OSError as error:
                failed = error
                self._moved[folder] += not files.exists(f"{folder}{os.sep}{name}")  # it may have been made
            else:
                self._moved[folder] += 1
        if left != self._left.get(folder, 0):
            say(logging.WARNING, "intake.not-adopted", after=folder.parent.name, files=left)
        self._left[folder] = left
        if failed is not None:
            raise failed

    def _make_durable(self) -> None:
        moved = +self._moved
        if not moved:
            return
        files.sync_folder(self._claimed)
        for folder, number in moved.items():
            with contextlib.suppress(FileNotFoundError):
                files.sync_folder(folder)
            say(logging.WARNING, "intake.adopted", after=folder.parent.name, files=number)
        self._moved.clear()
        self._tell()
