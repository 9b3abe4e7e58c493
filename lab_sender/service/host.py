"""A program under Windows' service manager: what is reported of it, what it is asked, how it ends.

Holds: `Host`, between the manager and the agent. It knows no manager: `report` is its only way out.
Promises: while it starts or stops, the manager hears once a second that it is at it, and for how long to wait. It
runs when the agent is at work, or has waited for a share for half a minute. A stop is the agent's orderly stop; a
shutdown after it waits for no answer any more.
Never: reports an end that starting again may cure: Windows starts a service again whose process ends without that.

So Windows sees the exit codes: 0 is "stopped", 78 is "stopped" with the service-specific error 78 and stays so, and
everything else is a process that has ended by itself, to be started again after a while.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

from lab_sender import files
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.log import say

_EACH_S: Final = 1.0
_HINT_MS: Final = 15_000
"""How long the manager is to wait for the next report: a machine that swaps is no program that hangs."""
_READY_S: Final = 30.0
"""After this time it counts as running: whoever waits for a share works, and a start must end."""
SPECIFIC_ERROR: Final = 1066
"""ERROR_SERVICE_SPECIFIC_ERROR: the code is in the other field."""
NOT_IMPLEMENTED: Final = 120
"""ERROR_CALL_NOT_IMPLEMENTED: the answer to a request that we do not know."""


class State(IntEnum):
    """The states of a service, by Windows' numbers."""

    STOPPED = 1
    STARTING = 2
    STOPPING = 3
    RUNNING = 4


class Control(IntEnum):
    """What the manager asks, by Windows' numbers."""

    STOP = 1
    INTERROGATE = 4
    SHUTDOWN = 5
    PRESHUTDOWN = 15


_ENDS: Final = frozenset((Control.STOP, Control.SHUTDOWN, Control.PRESHUTDOWN))
_ACCEPTS_STOP: Final = 0x1
ACCEPTS: Final = _ACCEPTS_STOP | 0x4 | 0x100
"""STOP, SHUTDOWN and PRESHUTDOWN."""


class Report(NamedTuple):
    """What the manager hears: the fields of SERVICE_STATUS."""

    state: State
    accepts: int = 0
    error: int = 0
    specific: int = 0
    checkpoint: int = 0
    hint_ms: int = 0


class Host:
    """One run under the manager: `serve` does the work, `control` comes from the manager's thread."""

    def __init__(
        self, report: Callable[[Report], None], *, each_s: float = _EACH_S, ready_s: float = _READY_S
    ) -> None:
        self._report = report
        self._each_s = each_s
        self._ready_s = ready_s
        self._lock = threading.Lock()
        self._state = State.STARTING
        self._checkpoint = 0
        self._asked = 0
        self._stop: Callable[[], None] | None = None
        self._ended = threading.Event()

    def serve(self, work: Callable[[Host], None]) -> ExitCode:
        """Do the work; what it raises becomes the exit code. Where Windows should start it again, no end is reported.

        The caller then ends the process.
        """
        self._tell()
        ticker = threading.Thread(target=self._tick, name="service", daemon=True)
        ticker.start()
        code = ExitCode.BUG
        try:
            work(self)
            code = ExitCode.DONE
        except LabSenderError as error:
            code = error.exit_code
            self._say(error.code, code)
        except OSError as error:
            code = ExitCode.LATER if files.is_shortage(error) else ExitCode.STORAGE
            self._say("io", code)
        except BaseException as error:
            self._say(f"bug.{type(error).__name__}", code)
        finally:
            self._ended.set()
            ticker.join()
        if code in (ExitCode.DONE, ExitCode.CONFIG):
            with self._lock:
                self._state = State.STOPPED
                self._report(Report(State.STOPPED, error=SPECIFIC_ERROR if code else 0, specific=code))
        return code

    @property
    def has_ended(self) -> bool:
        """Say whether the manager has heard of the end."""
        return self._state is State.STOPPED

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Have a stop go there; one that has been asked for already goes there at once."""
        with self._lock:
            self._stop = stop
            asked = self._asked
        for _ in range(asked):
            stop()

    def ready(self) -> None:
        """Report that it runs, unless it is being stopped."""
        with self._lock:
            if self._state is State.STARTING:
                self._state = State.RUNNING
                self._report(Report(State.RUNNING, ACCEPTS))

    def control(self, number: int) -> int:
        """Do what the manager asks; returns its error code, 0 for done."""
        if number == Control.INTERROGATE:
            return 0
        if number not in _ENDS:
            return NOT_IMPLEMENTED
        with self._lock:
            self._asked += 1
            if self._state is not State.STOPPED:
                self._state = State.STOPPING
            stop = self._stop
        self._tell()
        if stop is not None:
            stop()
        return 0

    def _tick(self) -> None:
        waited_s = 0.0
        while not self._ended.wait(self._each_s):
            self._tell()
            waited_s += self._each_s
            if waited_s >= self._ready_s:
                self.ready()

    def _tell(self) -> None:
        """Report that it is starting or stopping still."""
        with self._lock:
            if self._state in (State.STARTING, State.STOPPING):
                self._checkpoint += 1
                accepts = 0 if self._state is State.STARTING else ACCEPTS & ~_ACCEPTS_STOP
                self._report(Report(self._state, accepts, checkpoint=self._checkpoint, hint_ms=_HINT_MS))

    @staticmethod
    def _say(code: str, exit_code: ExitCode) -> None:
        say(logging.CRITICAL, "service.failed", code=code, exit=int(exit_code))
