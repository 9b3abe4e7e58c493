"""Questions that may hang: a share that does not answer keeps whoever asks it for ever.

Holds: `Patience`, with a thing that is asked; `ask_of`, for a thing that all of this process ask.
Promises: it is asked by a thread of its own, one at a time; whoever waits for it gives up after a while, and while it
hangs the next ones give up at once. A question that comes back is asked again.
Never: ends the thread that hangs: nobody can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from lab_sender.errors import ExitCode, LabSenderError

LONGEST_S: Final = 20.0
T = TypeVar("T")


class Hangs(LabSenderError):
    """There is no answer now."""

    exit_code = ExitCode.LATER


class Patience:
    """Patience with one thing, whatever it is asked."""

    def __init__(self, longest_s: float | None = None) -> None:
        self._longest_s = longest_s
        self._asking = threading.Lock()
        self._hanging: threading.Thread | None = None

    def ask(self, question: Callable[[], T]) -> T:
        """Ask. Raises Hangs, and what the question raises."""
        longest_s = LONGEST_S if self._longest_s is None else self._longest_s
        # whoever is before us waits no longer than that either: those that had an answer say nothing of a hang
        if not self._asking.acquire(timeout=longest_s + LONGEST_S):
            raise _hangs()
        try:
            return self._answer(question, longest_s)
        finally:
            self._asking.release()

    def _answer(self, question: Callable[[], T], longest_s: float) -> T:
        if self._hanging is not None and self._hanging.is_alive():
            raise _hangs()
        found, errors = list[T](), list[BaseException]()

        def run() -> None:
            try:
                found.append(question())
            except BaseException as error:
                errors.append(error)

        thread = self._hanging = threading.Thread(target=run, name="look", daemon=True)
        thread.start()
        thread.join(longest_s)
        if errors:
            raise errors.pop()
        if not found:
            raise _hangs()
        return found.pop()


_KNOWN: Final[dict[str, Patience]] = {}
_KNOWN_LOCK: Final = threading.Lock()


def ask_of(thing: str, question: Callable[[], T], longest_s: float) -> T:
    """Ask a thing of this name: who asks while it hangs does not hang as well. Raises as `Patience.ask`."""
    with _KNOWN_LOCK:
        patience = _KNOWN.setdefault(thing, Patience(longest_s))
    return patience.ask(question)


def _hangs() -> Hangs:
    return Hangs(
        "status.hangs",
        "whoever looks gets no answer: a disk or a share hangs.",
        hint="Look whether the outbox's share and the journal's disk answer; it is seen by itself when they do.",
    )
