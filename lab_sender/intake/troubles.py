"""What intake waits for.

Holds: the troubles of the round in hand, and the wait for a journal that cannot be written.
Promises: a trouble is logged once when it begins, however many files wait for it, and noted for `status` until it is
over.
Never: ends the wait by itself.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from lab_sender.intake.together import Together
from lab_sender.journal import JournalUnavailable, until_available
from lab_sender.log import say

T = TypeVar("T")


class Troubles:
    """The troubles of one intake; its journal calls go through `record`."""

    def __init__(self, together: Together, stopping: threading.Event, outbox: str = "") -> None:
        self._together = together
        self._outbox = outbox
        self._stopping = stopping
        self._now: list[str] = []
        self._noted: list[str] | None = None
        """What `status` shows; None: what an agent before this one has noted."""

    def begin(self) -> None:
        """Begin a round: what is still in the way shows itself again."""
        self._now = []

    def add(self, code: str, error: Exception) -> None:
        """Add what some file, or all of them, cannot go on for."""
        if code in self._now:
            return
        self._now.append(code)
        if code not in (self._noted or ()):
            number = error.errno if isinstance(error, OSError) else None
            more = {"outbox": self._outbox} if self._outbox else {}
            say(logging.ERROR, "intake.waits", code=code, errno=os.strerror(number) if number else None, **more)

    def note(self, waiting: Iterable[str] = ()) -> None:
        """Note for `status` what intake waits for, if that has changed; `waiting` are codes of earlier rounds."""
        troubles = list(dict.fromkeys((*self._now, *waiting)))
        if troubles != self._noted:
            self._noted = troubles
            self.record(lambda: self._together.trouble.note(self._outbox, troubles[-1] if troubles else ""))

    def record(self, call: Callable[[], T]) -> T:
        """Make a call of the journal, as often as it takes. Raises JournalUnavailable when stopped meanwhile."""
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="intake")
