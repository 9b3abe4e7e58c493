"""The agent's figures, for metrics: counted from the events of the log, and written beside the journal.

Holds: the counters, as a listener of the log, and the file `metrics.prom`.
Promises: the file is whole at any time, and not older than a few seconds while the agent works; what the agent counts
it counts from its start. Where it cannot be written the agent goes on, and that is logged once.
Never: has a patient, a file's name, a control id or an order in it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.agent.beats import Beats
from lab_sender.agent.counters import Counters
from lab_sender.log import listen, say
from lab_sender.premises.names import METRICS_NAME

EVERY_S: Final = 5.0


class Figures:
    """The figures of one agent; `turn` is called about once a second."""

    def __init__(self, journal: Path, destinations: Collection[str], beats: Beats) -> None:
        self._path = journal.with_name(METRICS_NAME)
        self._counters = Counters(destinations)
        self._beats = beats
        self._end_listening: Callable[[], None] = lambda: None
        self._next_at = 0.0
        self._has_failed = False

    def begin(self) -> None:
        """Count from here on."""
        self._end_listening = listen(self._counters.hear)

    def turn(self) -> None:
        """Write, if it is time."""
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + EVERY_S
            self._write()

    def end(self) -> None:
        """Write for the last time, and count no more."""
        self._end_listening()
        self._write()

    def _write(self) -> None:
        text = self._counters.text(time.time() - max(self._beats.silent_s().values(), default=0.0))
        try:
            files.write_for_now(self._path, text.encode())
        except OSError as error:
            if not self._has_failed:
                say(logging.WARNING, "metrics.not-written", errno=error.errno)
            self._has_failed = True
        else:
            self._has_failed = False
