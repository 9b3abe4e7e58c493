"""Whether the machine has ended since.

Holds: the id that the system gives to each of its starts.
Promises: two ends of the machine never have one id; "" where no such id is known to be sound.
Never: guesses from clocks.
"""

from __future__ import annotations

import sys
from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the id of the machine's run. Only Linux gives one: elsewhere each end may have been the machine's."""
    if sys.platform != "linux":
        return ""
    try:
        return _LINUX.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
