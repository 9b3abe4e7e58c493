"""What is critical, as events of the log.

Holds: `Critical`, a part beside the agent where its events are all that a monitor sees (a service of Windows).
Promises: each condition that is CRITICAL is an event when it begins and when it is over, and is the same one by the
rule of alerts; that nobody can look is one too. A look that hangs, in a share say, holds up neither the agent nor its
end.
Never: sends anything to anybody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final

from lab_sender.errors import LabSenderError
from lab_sender.log import say
from lab_sender.operations.alerts.machine import Key, key_of
from lab_sender.operations.conditions import Condition

EVERY_S: Final = 60.0
_UNKNOWN: Final = "status.unreadable"


class Critical:
    """Looks once a minute; `run` is its thread."""

    name = "critical"

    def __init__(self, look: Callable[[], Iterable[Condition]], *, every_s: float = EVERY_S) -> None:
        """`look` gives the conditions of the installation; what it raises is a condition by itself."""
        self._look = look
        self._every_s = every_s
        self._stopping = threading.Event()
        self._known: dict[Key, Condition] = {}

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
            found = [each for each in self._look() if each.level == "CRITICAL"]
        except Exception as error:  # whatever keeps us from looking is what they must see
            code = error.code if isinstance(error, LabSenderError) else type(error).__name__
            found = [Condition(_UNKNOWN, "CRITICAL", None, code, None, "")]
        before, self._known = self._known, {key_of(each): each for each in found}
        if self._stopping.is_set():
            return
        for key in sorted(self._known.keys() - before.keys()):
            say(logging.ERROR, "status.critical", **_fields(self._known[key]))
        for key in sorted(before.keys() - self._known.keys()):
            say(logging.INFO, "status.recovered", **_fields(before[key]))


def _fields(condition: Condition) -> dict[str, str | None]:
    return {"code": condition.code, "destination": condition.destination, "cause": condition.cause}
