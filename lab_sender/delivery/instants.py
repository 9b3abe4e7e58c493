"""Instants of the journal by a clock that nobody sets.

Holds: when, by the monotonic clock, an instant of the wall clock was that stands in the journal.
Promises: instants that this agent has seen pass keep their distance, whatever is done to the wall clock. One from
before the agent's start is as long ago as the wall clock says, and never in the future. Equal ones stay equal.
Never: reads the journal.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

_MOST: Final = 256


class Instants:
    """Remembers the instants it was last asked for."""

    def __init__(self, wall_ms: Callable[[], int], clock_s: Callable[[], float] = monotonic) -> None:
        self._wall_ms = wall_ms
        self._clock_s = clock_s
        self._known: OrderedDict[int, float] = OrderedDict()
        self._lock = threading.Lock()

    def now_s(self) -> float:
        """Return the monotonic clock, in seconds."""
        return self._clock_s()

    def now_ms(self) -> int:
        """Return the wall clock's instant, in milliseconds since the epoch, and remember when that was."""
        at_ms = self._wall_ms()
        self._remember(at_ms, self._clock_s())
        return at_ms

    def of(self, at_ms: int) -> float:
        """Return an instant by the monotonic clock, in seconds."""
        with self._lock:
            at_s = self._known.pop(at_ms, None)
        if at_s is None:
            at_s = self._clock_s() - max(0, self._wall_ms() - at_ms) / 1000
        self._remember(at_ms, at_s)
        return at_s

    def since_s(self, at_ms: int) -> float:
        """Return for how long an instant has been over."""
        return self._clock_s() - self.of(at_ms)

    def _remember(self, at_ms: int, at_s: float) -> None:
        with self._lock:
            self._known[at_ms] = at_s
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
