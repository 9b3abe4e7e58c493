"""When it is the HIS that is ill, and not the results.

Holds: the row of messages set aside with no acceptance between them, the count at which the lane is to hold, and
whose turn it is to be tried while it holds.
Promises: pure; a message counts once, however often it was set aside. Another message's acceptance says that the
HIS is well: then each message that the lane was held for has one more try, and is set aside without a new hold.
Never: holds a lane or moves a message; lane.py does.
"""

from __future__ import annotations

from collections.abc import Iterable


class Probe:
    """While the lane holds: the first message is tried, and when that fails, another one."""

    def __init__(self, held_for: Iterable[int] = ()) -> None:
        self.held_for = frozenset(held_for)
        self.asks_another = False
        self.last = 0
        """The other message that was tried last: the next one is one after it."""

    def failed(self, message_id: int) -> bool:
        """Note a vain try; True when another message is to be tried at once."""
        if self.asks_another:
            self.last = message_id
        self.asks_another = not self.asks_another
        return self.asks_another

    def no_other(self) -> None:
        """There is no other message to try."""
        self.asks_another = False


class Brake:
    """Counts messages set aside in a row; `refused` and `unanswered` are the counts that are too many."""

    def __init__(self, refused: int, unanswered: int) -> None:
        self._most = {"refused": refused, "unanswered": unanswered}
        self._aside: dict[int, str] = {}
        self._last_chance: set[int] = set()

    def remember(self, aside: Iterable[tuple[int, str]]) -> None:
        """Begin with the row that the journal has, so that a restart does not begin it anew."""
        self._aside = dict(aside)

    def forget(self) -> None:
        """Begin a new row: a message was accepted, or the lane holds."""
        self._aside.clear()

    def pardon(self) -> None:
        """Somebody has looked after the lane: no message is blamed any more."""
        self._aside.clear()
        self._last_chance.clear()

    def blame(self, probe: Probe, accepted_id: int) -> None:
        """A message was accepted while the lane held: another one's acceptance blames those it was held for."""
        self._last_chance = set() if accepted_id in probe.held_for else set(probe.held_for)

    def is_blamed(self, message_id: int) -> bool:
        """Say whether the next failure of this message is its last."""
        return message_id in self._last_chance

    def set_aside(self, message_id: int, why: str) -> bool:
        """Count a message that is `refused` or `unanswered`; True when the lane is to hold."""
        if message_id in self._last_chance:
            self._last_chance.discard(message_id)
            return False
        self._aside.pop(message_id, None)
        self._aside[message_id] = why
        return any(self.count(kind) >= most for kind, most in self._most.items())

    def count(self, why: str) -> int:
        """Return how many of the row were set aside for this reason."""
        return list(self._aside.values()).count(why)

    def described(self, code: str) -> str:
        """Say which messages hold the lane, and why; `code` is the HIS's last word or the last trouble."""
        parts = []
        for why in ("refused", "unanswered"):
            ids = [str(message_id) for message_id, kind in self._aside.items() if kind == why]
            if ids:
                parts.append(f"{_named(ids)} {why}")
        return f"{' and '.join(parts)} in a row, last {code}"

    @property
    def row(self) -> list[int]:
        """The messages of the row, which go back to their places when the lane holds."""
        return list(self._aside)


def _named(ids: list[str]) -> str:
    shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
    return f"message{'s' if len(ids) > 1 else ''} {shown}"
