"""Which lanes of a destination may have a message out at the same time, and how soon the next one may leave.

Holds: the lanes that have a message marked or in flight, which of them goes alone, and when the last one left.
Promises: what goes alone leaves while no other lane has anything out, and nothing leaves beside it. With a pace, from
one message's first byte to the next one's, over all lanes, at least so much time passes by the monotonic clock.
Never: reads the journal or waits. Its destination's lock guards it.
"""

from __future__ import annotations

import time

_SOON_S = 0.01
"""How long a lane waits for another one that has its turn and is about to send."""


class Gate:
    """What the lanes of one destination have out."""

    def __init__(self) -> None:
        self._out: dict[int, bool] = {}
        self._about_to: int | None = None
        self._next_at = 0.0

    def enter(self, lane: int, *, alone: bool, pace_s: float) -> float | None:
        """Let a lane mark a message: None. Or return after how many seconds to ask again (0: when woken)."""
        others = [goes_alone for each, goes_alone in self._out.items() if each != lane]
        if others and (alone or any(others)):
            return 0.0
        if pace_s:
            if self._about_to not in (None, lane):
                return _SOON_S
            left_s = self._next_at - time.monotonic()
            if left_s > 0:
                return left_s
            self._about_to = lane
        self._out[lane] = alone
        return None

    def begin(self, lane: int, pace_s: float) -> None:
        """The first byte of this lane's message leaves now."""
        self._next_at = time.monotonic() + pace_s
        if self._about_to == lane:
            self._about_to = None

    def leave(self, lane: int) -> None:
        """This lane has nothing out any more."""
        self._out.pop(lane, None)
        if self._about_to == lane:
            self._about_to = None
