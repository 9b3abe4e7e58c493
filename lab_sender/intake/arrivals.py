"""Which files in the outbox are complete.

Holds: what earlier looks saw of each name, and the rule that calls a file complete.
Promises: a file is called complete when its marker has come (where markers are agreed), or its writer has
closed it or renamed it into place (the doorbell saw that), or two of our own looks, `settle` apart by the monotonic
clock, saw the same size and time; where the system can say that a writer still has the file open, that vetoes.
Order is by modification time, then name. Temporary names, folders, links and devices are never called.
Never: opens anything but a regular file, and never renames.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from lab_sender import files
from lab_sender.files import Look
from lab_sender.log import say

_EMPTY_SETTLE_FACTOR = 10
"""An empty file is more likely one whose first byte has not come yet."""


@dataclass(frozen=True, slots=True)
class _Seen:
    look: Look
    since_s: float


class Arrivals:
    """The outbox as a sequence of looks."""

    def __init__(
        self,
        outbox: Path,
        *,
        settle_s: float,
        marker: str,
        temporary: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._prefix = f"{outbox}{os.sep}"
        self._settle_s = settle_s
        self._marker = marker
        self._temporary = re.compile("|".join(fnmatch.translate(each.lower()) for each in temporary) or r"(?!)")
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._called: dict[str, Look] = {}
        self._oddities: set[str] = set()
        self._ask_writers = files.writers_can_be_asked(outbox)

    @property
    def unsettled(self) -> bool:
        """True while some file was seen that is not complete yet."""
        return bool(self._seen)

    def complete(self, closed: Collection[str]) -> list[Look]:
        """Look once at the whole outbox; return the complete files in order of arrival.

        `closed` are names that their writers closed or renamed into place since the last look. Raises OSError
        when the outbox cannot be read; an outbox that is empty or away has no consequence.
        """
        now = self._clock()
        names: dict[str, Look] = {}
        markers: set[str] = set()
        for entry in files.entries(self._outbox):
            name = entry.name
            if self._marker and name.endswith(self._marker):
                markers.add(name)
            elif not name.startswith(".") and not self._temporary.match(name.lower()):
                look = files.look(entry)
                if look is not None and self._takes(entry.name, look):
                    names[name] = look
        ready = []
        before, self._seen = self._seen, {}
        for name, look in names.items():
            if self._marker:
                if name + self._marker in markers:
                    ready.append(look)
            elif self._called.get(name) == look or self._is_complete(look, before.get(name), name in closed, now):
                ready.append(look)
        self._called = {look.name: look for look in ready}  # one that could not be claimed stays complete
        ready.sort(key=lambda look: (look.mtime_ns, look.name))
        return ready

    def marker_of(self, name: str) -> Path | None:
        """Return the path of a file's marker, where markers are agreed."""
        return self._outbox / (name + self._marker) if self._marker else None

    def _is_complete(self, look: Look, before: _Seen | None, closed: bool, now: float) -> bool:
        if closed and look.size:
            return True
        if before is None or before.look != look:
            before = _Seen(look, now)
            waited = self._closed_long_ago(look)
        else:
            settle_s = self._settle_s if look.size else self._settle_s * _EMPTY_SETTLE_FACTOR
            waited = now - before.since_s >= settle_s and self._has_no_writer(look.name)
        if not waited:
            self._seen[look.name] = before
        return waited

    def _closed_long_ago(self, look: Look) -> bool:
        """Two signs at the first look: old by the wall clock, and the system says that nobody is writing it."""
        age_s = time.time() - look.mtime_ns / 1e9
        return (
            look.size > 0
            and age_s >= self._settle_s
            and self._ask_writers
            and files.closed_by_its_writer(self._prefix + look.name) is True
        )

    def _has_no_writer(self, name: str) -> bool:
        return not self._ask_writers or files.closed_by_its_writer(self._prefix + name) is not False

    def _takes(self, name: str, look: Look) -> bool:
        if look.regular:
            return True
        if not files.is_folder(look) and name not in self._oddities:
            self._oddities.add(name)
            say(logging.WARNING, "outbox.not-a-file", mode=oct(look.mode))
        return False
