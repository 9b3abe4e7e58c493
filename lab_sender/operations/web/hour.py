"""What was delivered in each minute of the last hour: the picture on the overview.

Holds: `by_minute`.
Promises: pure, and no longer to make because the journal has grown.
Never: counts messages: it adds up the journal's figures by the minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab_sender.journal.rows import MinuteRow

MINUTES: Final = 60
NOTHING: Final[tuple[int, ...]] = (0,) * MINUTES


def by_minute(rows: Iterable[MinuteRow], now_s: float) -> tuple[int, ...]:
    """Return how many were delivered in each minute, the running one last."""
    first = int(now_s) // 60 - MINUTES + 1
    delivered = list(NOTHING)
    for row in rows:
        if row.outcome == "delivered" and 0 <= row.minute - first < MINUTES:
            delivered[row.minute - first] += row.n
    return tuple(delivered)
