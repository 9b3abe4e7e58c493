"""Whether the agent's loops turn.

Holds: for each loop when it turned last, and how long a turn of it may last.
Promises: a loop that waits for the HIS as long as its settings allow is not late. Asking costs nothing.
Never: does anything about a loop that is late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from lab_sender.config.sections import His

KEEPER_S: Final = 300.0
INTAKE_S: Final = 900.0
"""How long a turn may last of who moves, and of who reads files: many of them, or one that is large."""
_SPARE_S: Final = 60.0


class Loop(NamedTuple):
    """A loop: when it turned last, by the monotonic clock, and how long a turn of it may last."""

    name: str
    beat_at: Callable[[], float]
    patience_s: float


def lane_s(his: His) -> float:
    """Return how long a turn of a lane may last: connect, write, ACK, application ACK."""
    connects = his.connect_timeout_s * len(his.hosts)
    return connects + 2 * his.ack_timeout_s + his.application_ack_timeout_s + _SPARE_S


class Beats:
    """The loops of one agent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loops: list[Loop] = []

    def watch(self, loop: Loop) -> None:
        """Look at a loop from now on."""
        self._loops.append(loop)

    def late(self) -> list[str]:
        """Return the loops whose turn lasts too long."""
        now = self._clock()
        return [each.name for each in list(self._loops) if now - each.beat_at() > each.patience_s]

    def oldest_s(self) -> float:
        """Return how long ago the slowest of them turned last."""
        now = self._clock()
        return max((now - each.beat_at() for each in list(self._loops)), default=0.0)
