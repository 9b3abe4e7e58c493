"""What systemd knows of the agent: that it has begun, that it works, and what it does in a few words.

Holds: `Notify`, a part of the agent; where no service manager listens there is none (`notify`).
Promises: READY is said when journal and lanes stand. The watchdog is fed while every lane is at work and the journal
takes the agent's flush. A share that hangs holds up intake and keeper, and is no reason to end the delivery.
Never: ends anything, or blocks a lane: systemd does what the unit says when it is not fed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lab_sender.agent.beats import Beats
from lab_sender.journal import Journal, JournalUnavailable
from lab_sender.premises.beat import FRESH_S

if TYPE_CHECKING:
    from systemd_watchdog.systemd_watchdog import WatchDog

_EACH_S: Final = 1.0
_TURN_S: Final = 1.0
"""For so long the journal is waited for: lanes that wait for it, one after the other, may take minutes."""


class Notify:
    """Speaks to the service manager; `run` is its thread."""

    name = "notify"

    def __init__(
        self, manager: WatchDog, beats: Beats, journal: Journal, describe: Callable[[], str]
    ) -> None:
        """`describe` says in a few words what the agent does, without a name or number of anybody."""
        self._manager = manager
        self._beats = beats
        self._journal = journal
        self._describe = describe
        self._said = ""
        self._stopping = threading.Event()

    def run(self) -> None:
        """Speak until stopped."""
        self._manager.ready()
        each_s = min(_EACH_S, self._manager.timeout_td.total_seconds() / 4)
        while True:
            self._look()
            if self._stopping.wait(each_s):
                return

    def stop(self, _at_once: bool) -> None:
        """End; what is being finished meanwhile has the time that the unit gives it."""
        self._stopping.set()

    def _look(self) -> None:
        with contextlib.suppress(JournalUnavailable):  # a full disk: lanes wait, and starting again would not mend it
            self._journal.store.tick(_TURN_S)
        silent_s = {} if self._journal.store.trouble() else self._beats.silent_s()
        stuck = [name for name, for_s in silent_s.items() if name.startswith("lane") and for_s > FRESH_S]
        if not stuck:
            self._manager.notify()
        said = f"stuck: {', '.join(sorted(stuck))}" if stuck else self._describe()
        if said != self._said:
            self._manager.status(said)
            self._said = said


def notify(beats: Beats, journal: Journal, describe: Callable[[], str]) -> Notify | None:
    """Return the part that speaks to systemd, where it has started this process (`Type=notify`)."""
    if sys.platform == "win32" or not os.environ.get("NOTIFY_SOCKET"):
        return None
    from systemd_watchdog.systemd_watchdog import WatchDog

    return Notify(WatchDog(), beats, journal, describe)
