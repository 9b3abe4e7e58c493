"""Whether a file of the outbox is at rest, and lay there before the look that sees it began.

Holds: when the look began, and what it saw of the files' times of change.
Promises: a folder is not listed in one instant, so what comes while a look goes on may be seen without an older one
that came before it. It is not said to have been there, and another look is wanted soon. A share's clock, and a disk
that keeps whole seconds, say nothing of that.
Never: decides that a file is complete.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lab_sender import files, writers

_GRAIN_NS = 20_000_000
"""By so much the times of files may lie behind the clock."""
_SECOND_NS = 1_000_000_000
_NOW_NS = sys.maxsize
"""What a clock that is not ours says."""


class AtRest:
    """What is asked of the files of an outbox, look by look."""

    def __init__(self, outbox: Path) -> None:
        self._prefix = f"{outbox}{os.sep}"
        self._changed_ns: Mapping[str, int] = {}
        self._began_ns = 0
        self._has_our_clock = writers.is_local(outbox)
        self.can_be_asked = writers.can_be_asked(outbox)
        """Whether the system knows of writers there."""
        self.wants_another_look = False
        """Whether a file has come too late for the last look, and is there before the next one begins."""

    def begin(self) -> None:
        """Begin a look."""
        self._began_ns = time.time_ns() - _GRAIN_NS
        self._changed_ns = {}
        self.wants_another_look = False

    def saw(self, changed_ns: Mapping[str, int]) -> None:
        """Note what the look has seen of the times of change: they need not be asked for."""
        self._changed_ns = changed_ns

    def has_no_writer(self, name: str) -> bool:
        """Say whether nobody is known to write to a file."""
        return not self.can_be_asked or writers.closed_by_its_writer(self._prefix + name) is not False

    def is_closed(self, name: str, *, seen_earlier: bool) -> bool:
        """Say whether a file is known to have no writer, and lay there before this look began."""
        if not seen_earlier:
            return self.was_here(name)
        return self.can_be_asked and self._since_ns(name) is not None

    def was_here(self, name: str) -> bool:
        """Say whether a file without a writer lay there before this look began."""
        if not self.can_be_asked:
            return False
        since_ns = self._since_ns(name) if self._has_our_clock else _NOW_NS
        if since_ns is None:
            return False
        is_here = since_ns < self._began_ns and since_ns % _SECOND_NS > 0
        self.wants_another_look |= not is_here
        return is_here

    def marker_was_here(self, name: str) -> bool:
        """Say the same of a marker, which may be anything: what is no file is not opened."""
        look = files.look(Path(self._prefix + name))
        return look is not None and look.regular and self.was_here(name)

    def _since_ns(self, name: str) -> int | None:
        try:
            return writers.at_rest_since(self._prefix + name, self._changed_ns.get(name))
        except writers.StillChanging:
            return None
