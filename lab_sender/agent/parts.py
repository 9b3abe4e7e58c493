"""The parts of an agent, each in a thread of its own.

Holds: `Part`, what a part can do, and `Parts`, those that run.
Promises: they are started in order and asked to end in order; the last one is asked when the others have ended, so
that it files what they have done. A part that fails ends the agent.
Never: knows what a part does.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from lab_sender import files
from lab_sender.errors import AgentError, ExitCode
from lab_sender.log import say

_LOOK_S = 0.1
"""How long a second stop may go unseen."""


class Part(Protocol):
    """Something that works until it is stopped."""

    @property
    def name(self) -> str:
        """What its thread is called, in the log too."""

    def run(self) -> None:
        """Work. What this raises ends the agent."""

    def stop(self, at_once: bool, /) -> None:
        """End in good order, or without waiting for others; may be asked again. Comes from another thread."""


class Worker(Struct, frozen=True):
    """A part made of two functions."""

    name: str
    run: Callable[[], None]
    stop: Callable[[bool], None]


class _Running(Struct, frozen=True):
    part: Part
    thread: threading.Thread
    is_last: bool


class Parts:
    """The parts that run; `failure` is what the first one to fail has raised."""

    def __init__(self, stopping: threading.Event) -> None:
        """`stopping` is set when a part fails."""
        self.failure: BaseException | None = None
        self._stopping = stopping
        self._running: list[_Running] = []

    def start(self, part: Part, *, is_last: bool = False) -> None:
        """Start a part. Raises AgentError `agent.short` where there is no thread for it."""
        thread = threading.Thread(target=self._work, args=(part,), name=part.name)
        try:
            thread.start()
        except RuntimeError as error:
            raise shortage(error) from error
        self._running.append(_Running(part, thread, is_last))

    def end(self, at_once: Callable[[], bool]) -> None:
        """Ask all to end, and wait until they have; `at_once` is asked meanwhile whether not to wait for others."""
        for is_last in (False, True):
            running = [each for each in self._running if each.is_last is is_last]
            for each in running:
                each.part.stop(at_once())
            while running := [each for each in running if each.thread.is_alive()]:
                running[0].thread.join(_LOOK_S)
                if at_once():
                    for each in running:
                        if each.thread.is_alive():
                            each.part.stop(True)

    def _work(self, part: Part) -> None:
        try:
            part.run()
        except BaseException as failed:
            error = shortage(failed) if files.is_shortage(failed) else failed
            code = error.code if isinstance(error, AgentError) else type(error).__name__
            say(logging.CRITICAL, "agent.failed", thread=part.name, code=code)
            if self.failure is None:
                self.failure = error
            self._stopping.set()


def shortage(error: BaseException) -> AgentError:
    """Say of what the system has given no more."""
    what = "threads" if isinstance(error, RuntimeError) else "memory"
    if isinstance(error, OSError):
        what = errno.errorcode.get(error.errno or 0, "of something").lower()
        what = {"emfile": "open files", "enfile": "open files"}.get(what, f"room for this ({what})")
    return AgentError(
        "agent.short",
        f"the system gives no more {what}; nothing is lost, the next start goes on.",
        hint="Look for a limit on this account, service or container, and raise it.",
        exit_code=ExitCode.LATER,
    )
