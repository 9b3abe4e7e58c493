"""When it is the HIS that is ill, and not the results.

Holds: the row of messages set aside with no acceptance between them, and the count at which the lane is to hold.
Promises: pure; a message counts once, however often it was set aside.
Never: holds a lane or moves a message; delivery.py does.
"""

from __future__ import annotations

from collections.abc import Iterable


class Brake:
    """Counts messages set aside in a row; `refused` and `unanswered` are the counts that are too many."""

    def __init__(self, refused: int, unanswered: int) -> None:
        self._most = {"refused": refused, "unanswered": unanswered}
        self._aside: dict[int, str] = {}

    def remember(self, aside: Iterable[tuple[int, str]]) -> None:
        """Begin with the row that the journal has, so that a restart does not begin it anew."""
        self._aside = dict(aside)

    def forget(self) -> None:
        """Begin a new row: a message was accepted, or somebody has looked after the lane."""
        self._aside.clear()

    def set_aside(self, message_id: int, why: str) -> bool:
        """Count a message that is `refused` or `unanswered`; True when the lane is to hold."""
        self._aside.pop(message_id, None)
        self._aside[message_id] = why
        return any(self.count(kind) >= most for kind, most in self._most.items())

    def count(self, why: str) -> int:
        """Return how many of the row were set aside for this reason."""
        return list(self._aside.values()).count(why)

    @property
    def row(self) -> list[int]:
        """The messages of the row, which go back to their places when the lane holds."""
        return list(self._aside)
