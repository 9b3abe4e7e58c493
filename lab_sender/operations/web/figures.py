"""What went out, by the minute: for the picture of the last hour, the rate, and when what waits will be gone.

Holds: `Figures`, made of the journal's figures by the minute.
Promises: pure, and no longer to make because the journal has grown. Where nothing goes out, no time is promised.
Never: counts messages.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lab_sender.journal import View
from lab_sender.journal.minutes import Sum
from lab_sender.journal.rows import MinuteRow

HOUR: Final = 60
_RECENT: Final = 2
"""Minutes of which the rate is made: the one that runs, and the one before."""
_SURE_S: Final = 5.0
"""So long a time must have been counted before a rate is told."""


class Figures(NamedTuple):
    """`minutes` are the delivered ones of the last hour, the running minute last; `rate_s` is how many a second now.

    `ack_ms` is how long the HIS took to answer, on average in the last hour; None where it answered nothing. `today`
    has the tries since midnight by what came of them.
    """

    minutes: tuple[int, ...]
    rate_s: float
    ack_ms: float | None
    today: Mapping[str, int]

    @property
    def peak(self) -> int:
        """The most of a minute."""
        return max(self.minutes, default=0)

    def gone_s(self, waiting: int) -> float | None:
        """Return in how many seconds what waits will be gone at this rate; None where nothing goes out."""
        return waiting / self.rate_s if waiting and self.rate_s > 0 else None


NOTHING: Final = Figures((0,) * HOUR, 0.0, None, {})


def figures(view: View, now_s: float) -> Figures:
    """Ask the journal."""
    now = int(now_s) // 60
    midnight = datetime.datetime.fromtimestamp(now_s).replace(hour=0, minute=0, second=0, microsecond=0)
    return figures_of(view.minutes(now - HOUR + 1), view.sums(int(midnight.timestamp()) // 60), now_s)


def figures_of(rows: Iterable[MinuteRow], sums: Mapping[tuple[str, str], Sum], now_s: float) -> Figures:
    """Make them of the minutes of the last hour, and of the sums since midnight."""
    now = int(now_s) // 60
    delivered, answered, took_ms = [0] * HOUR, 0, 0.0
    for row in rows:
        at = row.minute - now + HOUR - 1
        if not 0 <= at < HOUR:
            continue
        if row.outcome == "delivered":
            delivered[at] += row.n
        if row.outcome in ("delivered", "refused"):
            answered, took_ms = answered + row.n, took_ms + row.ms
    seconds = (_RECENT - 1) * 60 + now_s % 60
    today: dict[str, int] = {}
    for (_, outcome), each in sums.items():
        today[outcome] = today.get(outcome, 0) + each.n
    return Figures(
        minutes=tuple(delivered),
        rate_s=sum(delivered[-_RECENT:]) / seconds if seconds > _SURE_S else 0.0,
        ack_ms=took_ms / answered if answered else None,
        today=today,
    )
