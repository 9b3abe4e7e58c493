"""Writing to a journal that may be away for a while.

Holds: `Record`, by which the parts of a lane write.
Promises: nothing else is done until the journal has taken what is to be written; a stop ends the wait.
Never: keeps anything itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from lab_sender.journal import JournalUnavailable, until_available
from lab_sender.log import say

T = TypeVar("T")


class Record:
    """Makes a call until the journal takes it. Raises JournalUnavailable when `stopping` is set meanwhile."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def __call__(self, call: Callable[[], T]) -> T:
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="lane")
