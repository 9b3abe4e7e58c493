"""Questions that may hang: a share that does not answer keeps whoever asks it for ever.

Holds: `Patience`, around such a question.
Promises: it is asked by a thread of its own, one at a time; whoever waits for it gives up after a while, and while it
hangs the next ones give up at once. A question that comes back is asked again.
Never: ends the thread that hangs: nobody can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from lab_sender.errors import ExitCode, LabSenderError

LONGEST_S: Final = 20.0
T = TypeVar("T")


class Hangs(LabSenderError):
    """There is no answer now."""

    exit_code = ExitCode.LATER


class Patience(Generic[T]):
    """A question, asked with patience. Raises Hangs, and what the question raises."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._hanging: threading.Thread | None = None

    def __call__(self) -> T:
        """Ask."""
        if not self._asking.acquire(timeout=LONGEST_S):
            raise _hangs()
        try:
            return self._answer()
        finally:
            self._asking.release()

    def _answer(self) -> T:
        if self._hanging is not None and self._hanging.is_alive():
            raise _hangs()
        found, errors = list[T](), list[BaseException]()

        def run() -> None:
            try:
                found.append(self._ask())
            except BaseException as error:
                errors.append(error)

        thread = self._hanging = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(LONGEST_S)
        if errors:
            raise errors.pop()
        if not found:
            raise _hangs()
        return found.pop()


def _hangs() -> Hangs:
    return Hangs(
        "status.hangs",
        "whoever looks gets no answer: a disk or a share hangs.",
        hint="Look whether the outbox's share and the journal's disk answer; it is seen by itself when they do.",
    )
