"""What a monitor must see: which events of the log go to Windows' Event Log.

Holds: the numbers of these events, and `Seen`, a listener of the log that hands them on.
Promises: a number is never given twice. The same thing (event, code, destination, outbox) comes once in ten minutes,
with how many were left out; what says that something began or is over comes each time. A text holds what the log
holds: ids, sizes and codes.
Never: writes to a system; `hand_over` does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from lab_sender.log import Event, Scalar, printable


class Kind(IntEnum):
    """The types of an entry, by Windows' numbers."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 4


class Entry(NamedTuple):
    """An entry of the Event Log."""

    number: int
    kind: Kind
    text: str


NUMBERS: Final[Mapping[str, int]] = {
    "agent.started": 1,
    "agent.stopped": 2,
    "service.failed": 3,
    "agent.failed": 4,
    "status.critical": 10,
    "status.recovered": 11,
    "lane.held": 20,
    "lane.resumed": 21,
    "journal.unavailable": 30,
    "intake.waits": 40,
    "outbox.back": 41,
    "keeper.waits": 50,
    "file.quarantined": 60,
    "message.quarantined": 61,
    "message.contradicted": 62,
    "retention.failed": 70,
    "config.refused": 71,
    "heartbeat.withheld": 72,
    "log.not-turned-over": 73,
}
"""The events that have a number of their own, whatever their level."""
OTHER: Final = 99
"""Any other event that is an error."""
_CHANGES: Final = frozenset(("lane.held", "lane.resumed", "status.critical", "status.recovered"))
"""What comes only when it is otherwise than before: each is handed on, for the last one says how it stands."""
_ONCE_IN_S: Final = 600.0
_MOST: Final = 1000
"""How many different things are told apart; beyond it all are forgotten, and come again."""


class Seen:
    """Hands on what a monitor must see; `hear` is a listener of the log (`lab_sender.log.listen`)."""

    def __init__(self, hand_over: Callable[[Entry], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hand_over = hand_over
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[tuple[Scalar, ...], float] = {}
        self._left_out: dict[tuple[Scalar, ...], int] = {}

    def hear(self, event: Event) -> None:
        """Hand an event over, if it is one to be seen and not the same again. Raises what `hand_over` raises."""
        if event.name not in NUMBERS and event.level < logging.ERROR:
            return
        more = 0 if event.name in _CHANGES else self._left_out_before(event)
        if more is not None:
            self._hand_over(_entry(event, more))

    def _left_out_before(self, event: Event) -> int | None:
        """Return how many of the same were left out before this one; None where this one is left out too."""
        key = (event.name, *(event.fields.get(each) for each in ("code", "destination", "outbox", "by")))
        with self._lock:
            now = self._clock()
            if now - self._since.get(key, -_ONCE_IN_S) < _ONCE_IN_S:
                self._left_out[key] = self._left_out.get(key, 0) + 1
                return None
            if len(self._since) >= _MOST:
                self._since.clear()
                self._left_out.clear()
            self._since[key] = now
            return self._left_out.pop(key, 0)


def _entry(event: Event, more: int) -> Entry:
    kind = Kind.INFORMATION
    if event.level >= logging.ERROR:
        kind = Kind.ERROR
    elif event.level >= logging.WARNING:
        kind = Kind.WARNING
    fields = [f"{name}={printable(str(value))}" for name, value in event.fields.items() if value not in ("", None)]
    lines = [" ".join([event.name, *fields])]
    if more:
        lines.append(f"The same {more} times more in between.")
    if kind is not Kind.INFORMATION:
        lines.append(f"What to do: lab-sender explain {event.name}")
    return Entry(NUMBERS.get(event.name, OTHER), kind, "\r\n".join(lines))
