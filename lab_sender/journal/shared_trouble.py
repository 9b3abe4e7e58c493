"""What those who do the same work for several outboxes wait for, as one note for `status`.

Holds: the trouble of each.
Promises: one of them is noted as long as any has one; for several threads.
Never: knows what the work is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class SharedTrouble:
    """The troubles of several workers; `write` notes the code of one, "" when there is none."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._of: dict[str, str] = {}

    def note(self, outbox: str, code: str) -> None:
        """Note what the worker of an outbox waits for; "" when nothing. Raises JournalUnavailable."""
        with self._lock:
            self._of[outbox] = code
            self._write(next(filter(None, self._of.values()), ""))
