"""When a note that is made hour by hour is due.

Holds: `Hourly`.
Promises: asking touches no disk; whoever asks as often as he likes is told once an hour, and at once where the clock
was set back. For several threads.
Never: notes anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

HOUR_MS: Final = 3_600_000


class Hourly:
    """One note's hours, by a wall clock."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._last_ms: int | None = None

    def due_ms(self) -> int | None:
        """Return the time where the note is due, which it then is no more for an hour; else None."""
        at_ms = self._clock_ms()
        with self._lock:
            if self._last_ms is not None and 0 <= at_ms - self._last_ms < HOUR_MS:
                return None
            self._last_ms = at_ms
        return at_ms
