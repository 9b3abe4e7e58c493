"""The page's process, as the agent's child.

Holds: `Child`, a part of the agent: it starts `lab-sender web` and starts it again when it has ended.
Promises: whatever becomes of that process, the agent goes on: nothing here raises. It is started again after waits
that grow from a second to a minute. It ends with the agent, also with one that is killed: its standard input ends.
Never: loads what the page needs; this module is of the standard library.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from lab_sender.log import say

_FIRST_S: Final = 1.0
"""The agent starts first: the page's imports take a second of a core."""
_LONGEST_S: Final = 60.0
_STEADY_S: Final = 60.0
"""A process that has lived for so long ended for a reason of its own: the waits begin anew."""
_END_S: Final = 3.0
_LOOK_S: Final = 0.2


class Child:
    """The page's process of the configuration at a path."""

    name = "web"

    def __init__(
        self, config: Path, *, wanted: bool = True, command: tuple[str, ...] = (sys.executable, "-m", "lab_sender")
    ) -> None:
        """It does not start while it is not `wanted`."""
        self._command = (*command, "--config", str(config), "web", "--with-agent")
        self._wanted = wanted
        self._again = threading.Event()
        self._stopping = threading.Event()

    def want(self, wanted: bool) -> None:
        """Start the process, or end it."""
        if wanted is not self._wanted:
            self._wanted = wanted
            self._again.set()

    def again(self) -> None:
        """End the process and start it anew: its configuration has changed."""
        self._again.set()

    def run(self) -> None:
        """Keep the process running until stopped."""
        wait_s = _FIRST_S
        while not self._stopping.wait(wait_s):
            if not self._wanted:
                wait_s = _LOOK_S
                continue
            begun = time.monotonic()
            self._again.clear()
            try:
                self._once()
            except Exception as error:
                say(logging.WARNING, "web.ended", code=type(error).__name__, exit=None)
            lived_s = time.monotonic() - begun
            is_fresh = lived_s >= _STEADY_S or self._again.is_set()
            wait_s = _FIRST_S if is_fresh else min(max(wait_s, _FIRST_S) * 2, _LONGEST_S)

    def stop(self, at_once: bool, /) -> None:
        """End the process; `at_once` changes nothing: it is never waited for long."""
        del at_once
        self._stopping.set()

    def _once(self) -> None:
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            while process.poll() is None and not self._again.is_set() and not self._stopping.wait(_LOOK_S):
                pass
        finally:
            _end(process)
        if not self._stopping.is_set() and not self._again.is_set():
            say(logging.WARNING, "web.ended", code="web.ended", exit=process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
            process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the system keeps one that hangs in a share's call
            process.wait(_END_S)
