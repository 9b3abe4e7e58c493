"""How much room the journal's disk had, hour by hour: whoever looks can tell when it will be full.

Holds: `Room`, which notes it, and how it is read.
Promises: a note an hour, of the last four days. What cannot be looked at or noted now is left out.
Never: judges.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from lab_sender.journal.database import Reader, Store, now_ms
from lab_sender.journal.hourly import HOUR_MS, Hourly
from lab_sender.journal.notes import note, noted, shown

_KEPT_MS: Final = 96 * HOUR_MS


class Free(NamedTuple):
    """So many bytes were free."""

    at_ms: int
    bytes: int


class Room:
    """Notes it; a keeper asks it to, as often as it likes."""

    def __init__(
        self,
        store: Store,
        *,
        clock_ms: Callable[[], int] = now_ms,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._store, self._free = store, free
        self._hourly = Hourly(clock_ms)

    def look(self, folder: Path) -> None:
        """Note what is free on the folder's disk, once an hour. Raises JournalUnavailable."""
        if (at_ms := self._hourly.due_ms()) is None:
            return
        try:
            free = self._free(folder)
        except OSError:
            return
        with self._store.quick() as db:
            before = [each for each in _read(noted(db, "disk_room")) if at_ms - _KEPT_MS <= each.at_ms < at_ms]
            if before and at_ms - before[-1].at_ms < HOUR_MS:  # an agent before this one has
                return
            note(db, "disk_room", json.dumps([*before, Free(at_ms, free)]))


def room(reader: Reader) -> list[Free]:
    """Return what was free, the oldest first."""
    return _read(shown(reader, "disk_room"))


def _read(text: str) -> list[Free]:
    return [Free(*each) for each in json.loads(text or "[]")]
