"""Which of several machines sends the alerts: a lease of the same kind as the lanes'.

Holds: `AlertLease`, the thread that takes it, renews it and gives it back.
Promises: it is taken when it was given back, or when its owner was not heard of for a whole lease by our own clock.
It ends a margin before others may take it, whatever the database does. At the end it is given back, so that another
machine goes on at once; so it is where whoever sends does not say any more that it does.
Never: sends, or looks at what is wrong.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from lab_sender.ids import new_id
from lab_sender.journal import ALERTS, Fence, Seen, clock, leases_of
from lab_sender.log import say

if TYPE_CHECKING:
    from lab_sender.config.server import Server

_LOOK_S: Final = 0.25
_RENEW_S: Final = 2.5
_WORKS_S: Final = 60.0
"""Whoever has not said for so long that it sends hangs, and another machine does."""


class AlertLease:
    """One process's; `run` is its thread."""

    def __init__(self, server: Server) -> None:
        """Nothing is asked yet. Raises AgentError where what speaks to PostgreSQL is not installed."""
        self._table = leases_of(server, new_id())
        self._lease_s = server.lease_s
        self._seen = Seen()
        self._fence: Fence | None = None
        self._news = threading.Event()
        self._wanted_until = 0.0
        self._stopping = threading.Event()
        self._has_begun = False
        self._renew_at = 0.0

    def want(self, wanted: bool) -> None:
        """Say at each look whether there is anything to send from here; not before the journal has its tables."""
        self._wanted_until = clock() + _WORKS_S if wanted else 0.0

    def fence(self) -> Fence | None:
        """Return the lease while it is ours."""
        fence = self._fence
        return fence if fence is not None and fence.holds() else None

    def wait(self, for_s: float) -> None:
        """Wait, or until it was taken or lost."""
        self._news.wait(for_s)
        self._news.clear()

    def ring(self) -> None:
        """End a wait."""
        self._news.set()

    def run(self) -> None:
        """Take it, or stand by, until stopped."""
        try:
            while not self._stopping.is_set():
                self._try()
                self._stopping.wait(_LOOK_S)
            self.want(False)
            self._try()
        finally:
            self._table.close()

    def stop(self) -> None:
        """Give it back, and end."""
        self._stopping.set()

    def _try(self) -> None:
        before = self.fence()
        try:
            self._turn()
        except Exception:  # whoever sends asks the same database, and says so; nothing ends this thread
            self._has_begun = False
        if self.fence() is not before:
            self.ring()

    def _turn(self) -> None:
        is_wanted = clock() < self._wanted_until
        if self._fence is None and not is_wanted:
            return
        if not self._has_begun:
            self._table.make([ALERTS])
            self._has_begun = True
        if self._fence is not None and not is_wanted:
            self._table.give_back(self._fence)
            self._fence = None
            say(logging.INFO, "alerts.given-back")
            return
        if self._fence is not None and clock() >= self._renew_at:
            self._renew_at = clock() + min(self._lease_s / 4, _RENEW_S)
            self._table.renew([self._fence])
        rows, _ = self._table.look()
        row = next((each for each in rows if each.name == ALERTS), None)
        if row is None:  # a server has taken over that lacks it
            self._has_begun = False
            return
        if self._fence is not None:
            if not self._fence.holds() or (row.owner, row.epoch) != (self._fence.owner, self._fence.epoch):
                self._fence.lose()
                self._fence = None
                say(logging.WARNING, "alerts.lost")
        elif is_wanted:
            stands_s = self._seen.stands_s((self._table.connections, row.owner, row.epoch, row.beat))
            if not row.owner or self._table.is_mine(row) or stands_s >= row.lease_ms / 1000:
                self._fence = self._table.take(row)
                if self._fence is not None:
                    say(logging.INFO, "alerts.taken", after=row.node, epoch=self._fence.epoch)
