"""The dead man's handle: somebody else notices when this agent is gone.

Holds: the question for a page (`alerts.heartbeat`) every 5 minutes, while all parts of the agent are at work.
Promises: of several machines that share a journal, the one that sends the alerts asks.
It is asked in a thread of its own with a bound on its time: neither a name that cannot be looked up nor a
silent server delays the agent, its end, or the next one by more than itself. What goes wrong is logged once.
Never: shows the address, which is a secret; loads what it needs before the first question.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from lab_sender import __version__
from lab_sender.agent.beats import Beats
from lab_sender.config.alerts import Alerts
from lab_sender.log import say

EVERY_S: Final = 300.0
SILENT_S: Final = 300.0
"""For how long a part may be silent beyond what it has said: to read a large file takes a while."""
_BOUND_S: Final = 10.0


def heartbeat_of(settings: Alerts, beats: Beats, is_ours: Callable[[], bool] = lambda: True) -> Heartbeat | None:
    """Make the heartbeat of a configuration; None where it has none."""
    address = settings.heartbeat
    return Heartbeat(address.get_secret_value(), beats, is_ours=is_ours) if address is not None else None


class Heartbeat:
    """The heartbeat of one agent; `turn` is called about once a second."""

    def __init__(
        self,
        address: str,
        beats: Beats,
        *,
        is_ours: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
        bound_s: float = _BOUND_S,
    ) -> None:
        """`is_ours` says whether it is this machine's to ask: of several one does."""
        self._address = address
        self._beats = beats
        self._is_ours = is_ours
        self._clock = clock
        self._every_s = every_s
        self._bound_s = bound_s
        self._next_at = clock()
        self._asking: threading.Thread | None = None
        self._trouble: str | None = None

    def turn(self) -> None:
        """Ask, if it is time; once it has become ours, at once. Raises nothing, waits for nothing."""
        if not self._is_ours():
            self._next_at = self._clock()
            return
        if self._clock() < self._next_at:
            return
        self._next_at = self._clock() + self._every_s
        if silent := [name for name, each_s in self._beats.silent_s().items() if each_s > SILENT_S]:
            self._note("heartbeat.withheld", ", ".join(silent))
        elif self._asking is not None and self._asking.is_alive():
            self._note("heartbeat.failed", "hangs")
        else:
            self._asking = threading.Thread(target=self._ask, name="heartbeat", daemon=True)
            try:
                self._asking.start()
            except RuntimeError:  # no thread for it now; the agent's own parts come first
                self._asking = None

    def _ask(self) -> None:
        import urllib.request

        request = urllib.request.Request(self._address, headers={"User-Agent": f"lab-sender/{__version__}"})
        try:
            with urllib.request.urlopen(request, timeout=self._bound_s):
                pass
        except Exception as error:  # its own text may have the address in it
            status = getattr(error, "code", None)
            self._note("heartbeat.failed", f"http {status}" if isinstance(status, int) else type(error).__name__)
        else:
            self._note("", "")

    def _note(self, event: str, code: str) -> None:
        """Log a trouble when it begins, and its end."""
        trouble, before = f"{event} {code}".strip(), self._trouble
        self._trouble = trouble
        if trouble == before:
            return
        if event == "heartbeat.withheld":
            say(logging.ERROR, "heartbeat.withheld", silent=code)
        elif event:
            say(logging.WARNING, "heartbeat.failed", code=code)
        else:
            say(logging.INFO, "heartbeat.well")
