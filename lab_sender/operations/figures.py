"""How fast a destination takes messages, and what today has brought: made of the figures by the minute.

Holds: `Figures` of one destination, `Certificate`, until when one is good, and `full_in_s`, when the disk is full.
Promises: no message is counted for it; a destination that takes nothing now has no time at which all is out.
Never: asks the HIS, or reads a key.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from lab_sender.operations.values import Instant, Value, about

if TYPE_CHECKING:
    from pathlib import Path

    from lab_sender.journal import Free, View

_RATE_MINUTES: Final = 5
_UNKNOWN_MINUTES: Final = 10
_SLOW_MINUTES: Final = 60
"""Of so many the 95th of a hundred ACKs is told: of five minutes it is one message."""
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_LEAST_HOURS: Final = 12
"""So much of the past says something of the future."""
_DAY_HOURS: Final = 24


class Certificate(Value, frozen=True):
    """Until when a certificate is good."""

    whose: Annotated[Literal["own", "peer"], about("Ours, or that of the HIS as it was shown last.")]
    ends_ms: Annotated[Instant, about("When it ends, in ms since 1970 UTC.")]


class Figures(NamedTuple):
    """Of one destination: delivered a minute of late, the ACK's mean time, tries without answer of late, today, and
    in which time 95 of a hundred ACKs of the last hour came."""

    rate_per_min: float = 0.0
    ack_ms: float | None = None
    unknown: int = 0
    today: dict[str, int] = {}
    ack_p95_ms: float | None = None

    def eta_s(self, waiting: int) -> float | None:
        """Return in how many seconds all that waits is out at this rate; None: nothing goes out."""
        return round(waiting / self.rate_per_min * 60, 0) if waiting and self.rate_per_min else None


def figures(view: View, at_ms: int) -> dict[str, Figures]:
    """Return the figures of each destination that has any of today."""
    minute = at_ms // _MINUTE_MS
    midnight = datetime.datetime.fromtimestamp(at_ms / 1000).replace(hour=0, minute=0, second=0, microsecond=0)
    today: dict[str, dict[str, int]] = {}
    for (destination, outcome), total in view.sums(int(midnight.timestamp()) // 60).items():
        today.setdefault(destination, {})[outcome] = total.n
    late = view.minutes(minute - _UNKNOWN_MINUTES)
    slowest = view.acks_within_ms(minute - _SLOW_MINUTES + 1, 0.95)
    found = {}
    for name in {*today, *(each.destination for each in late)}:
        mine = [each for each in late if each.destination == name]
        out = [each for each in mine if each.outcome == "delivered" and each.minute > minute - _RATE_MINUTES]
        number, ms = sum(each.n for each in out), sum(each.ms for each in out)
        minutes = _RATE_MINUTES - 1 + at_ms % _MINUTE_MS / _MINUTE_MS
        unknown = sum(each.n for each in mine if each.outcome == "unknown")
        rate = round(number / minutes, 1)
        mean = round(ms / number, 2) if number else None
        found[name] = Figures(rate, mean, unknown, today.get(name, {}), slowest.get(name))
    return found


def full_in_s(room: Sequence[Free]) -> float | None:
    """Return in how many seconds a disk is full, if it goes on as it did; None: not known, or it does not fill.

    The last day and all that is known must both say so: what came at once, and has ended, fills no disk.
    """
    newest = room[-1].at_ms if room else 0
    day = [each for each in room if each.at_ms >= newest - _DAY_HOURS * _HOUR_MS]
    ends = [_ends_in_s(each) for each in (room, day)]
    known = [each for each in ends if each is not None]
    return max(known) if len(known) == len(ends) else None


def _ends_in_s(room: Sequence[Free]) -> float | None:
    if len(room) < 2 or room[-1].at_ms - room[0].at_ms < _LEAST_HOURS * _HOUR_MS:
        return None
    slope = _slope([each.at_ms / 1000 for each in room], [each.bytes for each in room])
    falls = sum(after.bytes < before.bytes for before, after in itertools.pairwise(room))
    if slope >= 0 or falls < 2:  # one fall is one file
        return None
    return max(0.0, room[-1].bytes / -slope)


def _slope(at: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the line of least squares; `statistics` has it too, and every look would load that."""
    mean_at, mean = sum(at) / len(at), sum(values) / len(values)
    both = sum((x - mean_at) * (y - mean) for x, y in zip(at, values, strict=True))
    return both / sum((x - mean_at) ** 2 for x in at)


def certificates(own: Path | str | None, peer_ends_ms: int | None) -> Iterable[Certificate]:
    """Yield until when a destination's certificates are good; one of ours that cannot be read is left to `check`."""
    if own:
        from lab_sender.mllp.certificates import own_certificate_end
        from lab_sender.mllp.failures import WireFailure

        try:
            yield Certificate("own", round(own_certificate_end(own).timestamp() * 1000))
        except WireFailure:
            pass
    if peer_ends_ms is not None:
        yield Certificate("peer", peer_ends_ms)
