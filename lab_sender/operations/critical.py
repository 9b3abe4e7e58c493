"""What is critical, as events of the log.

Holds: `Critical`, a part beside the agent where its events are all that a monitor sees (a service of Windows).
Promises: each condition that is CRITICAL is an event when it begins and when it is over; that nobody can look is one
too. A look that hangs, in a share say, holds up neither the agent nor its end.
Never: sends anything to anybody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from lab_sender.errors import LabSenderError
from lab_sender.log import say
from lab_sender.operations.conditions import Condition

EVERY_S: Final = 60.0
_UNKNOWN: Final = "status.unreadable"


class _Key(NamedTuple):
    code: str
    destination: str | None
    cause: str | None


class Critical:
    """Looks once a minute; `run` is its thread."""

    name = "critical"

    def __init__(self, look: Callable[[], Iterable[Condition]], *, every_s: float = EVERY_S) -> None:
        """`look` gives the conditions of the installation; what it raises is a condition by itself."""
        self._look = look
        self._every_s = every_s
        self._stopping = threading.Event()
        self._known: frozenset[_Key] = frozenset()

    def run(self) -> None:
        """Look until stopped."""
        looking: threading.Thread | None = None
        while not self._stopping.wait(self._every_s):
            if looking is None or not looking.is_alive():
                looking = threading.Thread(target=self.turn, name=self.name, daemon=True)
                try:
                    looking.start()
                except RuntimeError:  # no thread for it now; the agent's own parts come first
                    looking = None

    def stop(self, at_once: bool, /) -> None:
        """End; a look that is under way is not waited for."""
        del at_once
        self._stopping.set()

    def turn(self) -> None:
        """Look once, and report what has changed. Raises nothing."""
        try:
            now = frozenset(
                _Key(each.code, each.destination, each.cause) for each in self._look() if each.level == "CRITICAL"
            )
        except Exception as error:  # whatever keeps us from looking is what they must see
            code = error.code if isinstance(error, LabSenderError) else type(error).__name__
            now = frozenset((_Key(_UNKNOWN, None, code),))
        before, self._known = self._known, now
        if self._stopping.is_set():
            return
        for begun in sorted(now - before, key=str):
            say(logging.ERROR, "status.critical", **_fields(begun))
        for ended in sorted(before - now, key=str):
            say(logging.INFO, "status.recovered", **_fields(ended))


def _fields(key: _Key) -> dict[str, str | None]:
    return {"code": key.code, "destination": key.destination, "cause": key.cause}
