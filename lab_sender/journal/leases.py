"""Whose lane it is, where agents of several machines share a journal: what is so without asking the database.

Holds: the clock that leases go by; `Fence`, a lane that this process has; `Seen`, how long a taker has watched
another one's lease; the rows of leases and nodes.
Promises: no clocks of two machines are compared, nor the database's: an owner's time counts from before it asked, a
taker's from when it saw the answer to that. Who has a lane ends with it a margin before anybody can take it.
Never: asks a database, so nothing here can hang with one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.sharing import outbox_of

_MARGIN: Final = 0.3
"""The part of a lease by whose beginning its owner has ended."""
ALERTS: Final = "@alerts"
"""The lease of whoever sends alerts; no destination has such a name."""
LEASES: Final = "SELECT name, owner, epoch, beat, lease_ms FROM lease ORDER BY name"
NOW_MS: Final = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
NODES: Final = (
    f"SELECT n.name, n.instance, n.version, n.started_ms, n.beat, n.clean, n.serves, {NOW_MS} - n.seen_ms,"
    f" {NOW_MS} - GREATEST(m.told_ms, n.started_ms) FROM node n LEFT JOIN machine m ON m.node = n.name"
    " ORDER BY n.name"
)
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", None)


def clock() -> float:
    """Return seconds that go on while the machine sleeps, where it has such a clock."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class LeaseLost(AgentError):
    """The lane is another agent's now, or may be: this one writes and sends nothing more for it."""

    def __init__(self, name: str) -> None:
        text = f"the lane {name} is not this agent's any more; it writes and sends nothing more for it."
        super().__init__("lane.lost", text, exit_code=ExitCode.LATER)


class LeaseRow(NamedTuple):
    """Whose a lane is: `owner` is a node with its instance, "" while it is nobody's; `beat` moves while it lives."""

    name: str
    owner: str
    epoch: int
    beat: int
    lease_ms: int
    """For how long its owner's word counts."""

    @property
    def node(self) -> str:
        """The owner's node."""
        return self.owner.partition("/")[0]

    @property
    def is_lane(self) -> bool:
        """Whether it is a destination's, not an outbox's or that of the alerts."""
        return self.name != ALERTS and not outbox_of(self.name)


class NodeRow(NamedTuple):
    """One agent of those that share the journal. Times are the database's: for people, nothing is decided by them."""

    name: str
    instance: str
    version: str
    started_ms: int
    beat: int
    clean: bool
    serves: str
    """The destinations that it is configured for, in JSON."""
    silent_ms: int
    """How long ago it was heard of."""
    untold_ms: int
    """How long ago it was looked there what is wrong, by its page's process; no longer than since its start."""


class Fence:
    """A lane that this process has taken, until its lease is lost or given back. Threads share it."""

    def __init__(self, row: LeaseRow, asked_at: float, before: str = "") -> None:
        """`asked_at` is when it was asked for, by `clock`; `before` is who had it and has not given it back."""
        self.after_unclean_end = before not in ("", row.owner)
        self.name = row.name
        self.owner = row.owner
        self.epoch = row.epoch
        self._lease_s = row.lease_ms / 1000
        self._ends_at = asked_at + self._lease_s * (1 - _MARGIN)
        self._is_lost = False
        self._lock = threading.Lock()
        self._at_loss: list[Callable[[], None]] = []

    def holds(self) -> bool:
        """Say whether nobody else can have the lane yet, a margin included."""
        return not self._is_lost and clock() < self._ends_at

    def demand(self) -> None:
        """Raise LeaseLost where it does not hold."""
        if not self.holds():
            raise LeaseLost(self.name)

    def renewed(self, asked_at: float) -> None:
        """The database has seen us since this instant; one that was lost stays lost."""
        self._ends_at = max(self._ends_at, asked_at + self._lease_s * (1 - _MARGIN))

    def at_loss(self, call: Callable[[], None]) -> None:
        """Have this called when it is lost, from whatever thread; at once where it is."""
        with self._lock:
            if not self._is_lost:
                self._at_loss.append(call)
                return
        call()

    def lose(self) -> None:
        """End the lane: from now on nothing is written or sent for it."""
        with self._lock:
            calls, self._at_loss = self._at_loss, []
            self._is_lost = True
        for call in calls:
            call()


class Seen:
    """What a taker has seen of another one's beat, and since when it stands still."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since = 0.0

    def stands_s(self, seen: object) -> float:
        """Return for how long exactly this has been seen; over another connection the watch begins anew."""
        now = clock()
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since
