"""The links of a destination's lanes, as one: what `status` shows.

Holds: the state of each lane's link as it was last shown, and the last trouble since an acceptance; where another
lane is still in trouble then, that one's.
Promises: the journal has one row: the lane that is worst off, how many are up, and an address that one of them leads
to. It is written when it changes.
Never: logs, or judges what is an alarm.
"""

from __future__ import annotations

import threading
from typing import Literal

from lab_sender.journal.delivery import DeliveryBook
from lab_sender.journal.rows import LinkRow

LinkState = Literal["", "up", "down", "idle", "waiting", "held", "closed"]
_WORST_FIRST = ("held", "down", "waiting", "closed", "idle", "", "up")


class Links:
    """One destination's; for several threads."""

    def __init__(self, destination: str, book: DeliveryBook) -> None:
        self.trouble = ""
        """The code of the last trouble; "" from an acceptance on."""
        self._destination = destination
        self._book = book
        self._lock = threading.Lock()
        self._rows: list[LinkRow] = []
        self._written: LinkRow | None = None

    def join(self) -> int:
        """Add a lane; returns its number."""
        self._rows.append(LinkRow("idle"))
        return len(self._rows) - 1

    def accepted(self, lane: int) -> None:
        """A message was accepted over this lane: its trouble is over, another one's is not."""
        with self._lock:
            codes = [each.code for number, each in enumerate(self._rows) if number != lane]
            self.trouble = next(filter(None, codes), "")

    @property
    def asks(self) -> int:
        """The lane that asks the HIS while the destination holds: the first one whose link is not down."""
        with self._lock:
            return next((lane for lane, each in enumerate(self._rows) if each.link != "down"), 0)

    @property
    def several(self) -> bool:
        """True where there are several lanes."""
        return len(self._rows) > 1

    def show(self, lane: int, link: LinkRow) -> None:
        """Show the state of this lane's link."""
        with self._lock:
            rows = list(self._rows)
            rows[lane] = link
            up = [each for each in rows if each.connected_ms is not None]
            worst = min(rows, key=lambda each: _WORST_FIRST.index(each.link))
            row = worst._replace(
                trouble=self.trouble,
                connections=len(rows),
                connections_up=len(up),
                address=up[0].address if up else "",
                connected_ms=min((each.connected_ms for each in up if each.connected_ms is not None), default=None),
                peer_ends_ms=min((each.peer_ends_ms for each in rows if each.peer_ends_ms), default=None),
            )
            if not self.several or row != self._written:
                self._book.link(self._destination, row)
            self._rows, self._written = rows, row
