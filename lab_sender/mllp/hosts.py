"""Which of a HIS's addresses is tried next.

Holds: `Hosts`: the addresses in the order of the settings, and which of them rest since they failed.
Promises: each connect begins with the first one that does not rest; where all rest each is tried, the one that has
rested longest first. One address never rests: its lane's own waits are enough.
Never: connects, or changes the address of a connection that stands. For several threads: the lanes of a destination
share what they know.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab_sender.config.sections import His


class Hosts:
    """The addresses of one HIS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._rest_until: dict[str, float] = {}

    def in_turn(self, his: His) -> list[His]:
        """Return the settings for each address, in the order to try them in."""
        if len(his.hosts) == 1:
            return [his]
        now = monotonic()
        with self._lock:
            until = {host: self._rest_until.get(host, 0.0) for host in his.hosts}
        fresh = [host for host in his.hosts if until[host] <= now]
        return [at(his, host) for host in fresh or sorted(his.hosts, key=until.__getitem__)]

    def failed(self, his: His) -> None:
        """This address could not be reached: it rests, twice as long each time, as retries of a message do."""
        host, retry = his.host, his.retry
        with self._lock:
            failures = self._failures[host] = min(self._failures.get(host, 0) + 1, 32)
            rest_s = min(retry.longest_wait_s, retry.first_wait_s * 2 ** (failures - 1))
            self._rest_until[host] = monotonic() + rest_s

    def reached(self, his: His) -> None:
        """A connection to this address stands."""
        with self._lock:
            self._failures.pop(his.host, None)
            self._rest_until.pop(his.host, None)


def at(his: His, host: str) -> His:
    """Return the settings with this address only."""
    return his if his.hosts == (host,) else his.model_copy(update={"hosts": (host,)})
