"""What works beside the page, in a thread of its own.

Holds: `in_thread`, within which it works.
Promises: it works until the block ends, and is asked to end then; that is waited for a moment only.
Never: knows what it does, or listens to what it raises.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final, Protocol, TypeVar

_END_S: Final = 5.0


class Works(Protocol):
    """Something that works until it is stopped."""

    def run(self) -> None:
        """Work; this is its thread."""

    def stop(self) -> None:
        """End soon. Comes from another thread."""


_W = TypeVar("_W", bound=Works)


@contextlib.contextmanager
def in_thread(name: str, work: _W) -> Iterator[_W]:
    """Let it work until the block ends."""
    thread = threading.Thread(target=work.run, name=name, daemon=True)
    thread.start()
    try:
        yield work
    finally:
        work.stop()
        thread.join(_END_S)
