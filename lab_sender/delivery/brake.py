"""When it is the HIS that is ill, and not the results.

Holds: the row of messages quarantined with no acceptance between them, and whose turn it is to be tried while the
destination holds.
Promises: pure; a message counts once, however often it was quarantined. Another message's acceptance says that the
HIS is well: then each message that the hold was for has one more try, and is quarantined without a new hold.
Never: holds a destination or moves a message; destination.py does.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab_sender.config import sections


class Probe:
    """While the destination holds: the first message is tried, and when that fails, another one."""

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
    """Counts messages quarantined in a row."""

    def __init__(self) -> None:
        self._row: dict[int, str] = {}
        self._last_chance: set[int] = set()

    def remember(self, row: Iterable[tuple[int, str]]) -> None:
        """Begin with the row that the journal has, so that a restart does not begin it anew."""
        self._row = dict(row)

    def forget(self) -> None:
        """Begin a new row: a message was accepted, or the destination holds."""
        self._row.clear()

    def pardon(self) -> None:
        """Somebody has looked after the destination: no message is blamed any more."""
        self._row.clear()
        self._last_chance.clear()

    def blame(self, probe: Probe, accepted_id: int) -> None:
        """A message was accepted while it held: another one's acceptance blames those it was held for."""
        self._last_chance = set() if accepted_id in probe.held_for else set(probe.held_for)

    def is_blamed(self, message_id: int) -> bool:
        """Say whether the next failure of this message is its last."""
        return message_id in self._last_chance

    def count_in(self, message_id: int, why: str, most: sections.Brake) -> bool:
        """Count a message that is `refused` or `unanswered`; True when there are too many, by `most`."""
        if message_id in self._last_chance:
            self._last_chance.discard(message_id)
            return False
        self._row.pop(message_id, None)
        self._row[message_id] = why
        return self.count("refused") >= most.refused or self.count("unanswered") >= most.unanswered

    def count(self, why: str) -> int:
        """Return how many of the row were quarantined for this reason."""
        return list(self._row.values()).count(why)

    def described(self, code: str) -> str:
        """Say for which messages it holds, and why; `code` is the HIS's last word or the last trouble."""
        parts = []
        for why in ("refused", "unanswered"):
            ids = [str(message_id) for message_id, kind in self._row.items() if kind == why]
            if ids:
                parts.append(f"{_named(ids)} {why}")
        return f"{' and '.join(parts)} in a row, last {code}"

    @property
    def row(self) -> list[int]:
        """The messages of the row, which go back to their places when it holds."""
        return list(self._row)


def _named(ids: list[str]) -> str:
    shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
    return f"message{'s' if len(ids) > 1 else ''} {shown}"
