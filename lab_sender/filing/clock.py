"""Whether the clock can be believed enough to delete by it.

Holds: `Clock`, since when the wall clock has gone on without a leap, over the ends of agents.
Promises: a clock that has leapt is believed again when it has gone on for some days: whoever set it wrong has set it
right by then. The first one is believed as late.
Never: sets a clock, or judges how old something is.
"""

from __future__ import annotations

from typing import Final, Literal

from lab_sender.journal import RetentionBook

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_STEADY_MS: Final = 3 * _DAY_MS
_LEAP_MS: Final = _DAY_MS
"""Further between two looks of an agent a clock goes only where it was set (or the machine slept)."""
_OFF_MS: Final = 4 * _DAY_MS
"""So long may no agent have run: a long weekend."""


class Clock:
    """The wall clock as retention has seen it."""

    def __init__(self, book: RetentionBook) -> None:
        self._book = book
        self._since_ms = self._seen_ms = self._noted_ms = 0
        self._has_begun = False

    def look(self, now_ms: int) -> Literal["steady", "young", "leapt"]:
        """Take a look; `leapt` is said once, then it is `young` for some days. Raises JournalUnavailable."""
        most_ms = _LEAP_MS
        if not self._has_begun:
            self._since_ms, self._seen_ms = self._book.clock()
            most_ms = _OFF_MS
        is_first = not self._seen_ms
        leapt = is_first or not -_LEAP_MS <= now_ms - self._seen_ms <= most_ms
        since_ms = now_ms if leapt else self._since_ms
        if leapt or not 0 <= now_ms - self._noted_ms < _HOUR_MS:
            self._book.note_clock(since_ms, now_ms, leapt=leapt and not is_first)
            self._noted_ms = now_ms
        self._has_begun, self._since_ms, self._seen_ms = True, since_ms, now_ms
        if leapt and not is_first:
            return "leapt"
        return "steady" if now_ms - since_ms >= _STEADY_MS else "young"
