"""What the system asks of an agent by signals.

Holds: which signal is a stop, and which asks to reload.
Promises: where standard error is a terminal, SIGHUP says that it was closed, and is a stop. SIGIO ends nothing.
Never: does anything in a signal's handler but to ask.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

from lab_sender import writers


def obey(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call these from now on when they are asked for. Main thread only."""

    def ends(_number: int, _frame: FrameType | None) -> None:
        stop()

    def hears(_number: int, _frame: FrameType | None) -> None:
        reload()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP"):
        if hasattr(signal, name):
            is_reload = name == "SIGHUP" and not sys.stderr.isatty()
            signal.signal(getattr(signal, name), hears if is_reload else ends)
    writers.mind_no_writer()
