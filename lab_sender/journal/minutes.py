"""Figures by the minute: what came of how many tries, and how long they took.

Holds: the counts of the minutes that are not in the journal yet; of ACKs also how many took how long, for two days.
Promises: counting touches no disk, and never fails; what is counted is in the journal about a second later, and after
an orderly end. For several threads.
Never: is a fact that anything rests on: a kill loses the counts of the last second.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from lab_sender.journal.database import Reader, Store
from lab_sender.journal.rows import MinuteRow
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("minutes")
_EACH_S: Final = 1.0

_ACKS_KEPT: Final = 2 * 24 * 60
"""For so many minutes it is kept how long ACKs took."""
_A_DECADE: Final = 10

OutcomeOfTry = Literal["delivered", "refused", "unknown", "not-sent", "quarantined"]
"""What came of a try, by which it is counted: `unknown` had no verdict, `not-sent` left no byte. And `quarantined`: a
message that went there from its lane, beside what came of its last try."""


class Sum(NamedTuple):
    """How many of one outcome there were, and how many milliseconds they took together."""

    n: int
    ms: float


class Minutes:
    """Counts; a keeper flushes it."""

    def __init__(self, store: Store, wall_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str, str], list[float]] = {}
        self._acks: dict[tuple[int, str, int], int] = {}
        self._forgot = 0
        self._flush_at = 0.0

    def count(self, destination: str, outcome: OutcomeOfTry, ms: float = 0.0) -> None:
        """Count one."""
        minute = int(self._wall_s()) // 60
        key = (minute, destination, outcome)
        with self._lock:
            if outcome == "delivered":
                ack = (minute, destination, bucket_of(ms))
                self._acks[ack] = self._acks.get(ack, 0) + 1
            total = self._counts.get(key)
            if total is None:
                self._counts[key] = [1, ms]
            else:
                total[0] += 1
                total[1] += ms

    def flush(self, *, at_once: bool = False) -> None:
        """Bring the counts into the journal, once a second. Raises JournalUnavailable: they are kept."""
        now = time.monotonic()
        if not self._counts or (now < self._flush_at and not at_once):
            return
        self._flush_at = now + _EACH_S
        with self._store.quick() as db:
            with self._lock:
                counts = {key: (int(n), ms) for key, (n, ms) in self._counts.items()}
                acks = dict(self._acks)
            for (minute, destination, outcome), (n, ms) in counts.items():
                values = {"minute": minute, "destination": destination, "outcome": outcome, "n": n, "ms": ms}
                db.execute(_SQL["count"], values)
            for (minute, destination, bucket), number in acks.items():
                values = {"minute": minute, "destination": destination, "bucket": bucket, "n": number}
                db.execute(_SQL["count_ack"], values)
            if (newest := max(key[0] for key in counts)) >= self._forgot + 60:
                db.execute(_SQL["forget_acks"], {"minute": newest - _ACKS_KEPT})
                self._forgot = newest
        with self._lock:
            for ack, number in acks.items():
                self._acks[ack] -= number
                if not self._acks[ack]:
                    del self._acks[ack]
            for key, (n, ms) in counts.items():
                total = self._counts[key]
                if total[0] > n:
                    self._counts[key] = [total[0] - n, total[1] - ms]
                else:
                    del self._counts[key]


def since(reader: Reader, minute: int, destination: str | None) -> list[MinuteRow]:
    """Return the figures from a minute on, the oldest first."""
    values = {"minute": minute, "destination": destination}
    return [MinuteRow(*row) for row in reader.rows(_SQL["since"], values)]


def sums(reader: Reader, minute: int) -> dict[tuple[str, str], Sum]:
    """Return, by destination and outcome, what came together from a minute on."""
    return {(row[0], row[1]): Sum(row[2], row[3]) for row in reader.rows(_SQL["sums"], {"minute": minute})}


def bucket_of(ms: float) -> int:
    """Return the smallest whole n, not below 0, with `ms` <= 10^(n/10)."""
    return max(0, math.ceil(round(_A_DECADE * math.log10(ms), 9))) if ms > 1 else 0


def within_ms(reader: Reader, minute: int, share: float) -> dict[str, float]:
    """Return by destination in how many ms this share of the ACKs came since a minute; at most a quarter too much."""
    counts: dict[str, list[tuple[int, int]]] = {}
    for destination, bucket, n in reader.rows(_SQL["acks"], {"minute": minute}):
        counts.setdefault(destination, []).append((bucket, n))
    found = {}
    for destination, buckets in counts.items():
        left = share * sum(n for _, n in buckets)
        for bucket, n in sorted(buckets):
            left -= n
            if left <= 1e-9:
                found[destination] = round(10 ** (bucket / _A_DECADE), 1)
                break
    return found
