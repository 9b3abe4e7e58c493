"""One destination, however many connections lead to it.

Holds: its settings, its hold with the brake and its probes, and since when its HIS answers nobody.
Promises: the journal comes first: where a method raises JournalUnavailable nothing has changed, and it may be called
again.
Never: connects, sends or waits. Not for several threads, `use` apart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from lab_sender.config.sections import His
from lab_sender.delivery.brake import Brake, Probe
from lab_sender.delivery.instants import Instants
from lab_sender.ids import new_id
from lab_sender.journal import HoldKind, Journal, LaneRow, Spooled, now_ms
from lab_sender.log import say


class Destination:
    """What the lanes of one destination share."""

    def __init__(self, name: str, journal: Journal, his: His) -> None:
        self.name = name
        self.his = his
        """The newest settings. A lane goes by those that it took before its message."""
        self.hold: HoldKind = ""
        self.instants = Instants(now_ms)
        self._book = journal.delivery
        self._brake = Brake()
        self._probe = Probe()
        self._probe_at = 0.0
        self._silent_since_ms: int | None = None
        self._act = ""

    def use(self, his: His) -> None:
        """Replace the settings: each lane takes them before its next message. May come from any thread."""
        self.his = his

    def begin(self) -> LaneRow:
        """Go on from what the journal has, and return it."""
        row = self._book.lane(self.name)
        self._brake.remember(self._book.quarantined_since_acceptance(self.name))
        self._silent_since_ms = row.silent_since_ms
        return row

    def look(self) -> bool:
        """Read the hold anew; True where somebody has set or ended it. Then no message is blamed any more."""
        row = self._book.lane(self.name)
        if row.hold == self.hold:
            return False
        self.hold = row.hold
        self._probe = Probe(row.held_for)
        self._brake.pardon()
        say(logging.INFO, "lane.held" if row.hold else "lane.resumed", by=row.hold or "operator")
        return True

    @property
    def lets_nothing_out(self) -> bool:
        """True while an operator holds it, or the brake does and its next probe is not due."""
        return self.hold == "operator" or (self.hold != "" and time.monotonic() < self._probe_at)

    def heads(self) -> list[Spooled]:
        """Return what may leave next, in order; where the brake asks with another message, that one."""
        rule, probe = self.his.after_quarantine, self._probe
        if self.hold and probe.asks_another:
            return self._book.another(self.name, after_quarantine=rule, but=probe.held_for, after=probe.last)
        return self._book.head(self.name, after_quarantine=rule)

    def has_no_heads(self) -> None:
        """Nothing may leave; where another message was to be asked with, there is none."""
        if self._probe.asks_another:
            self._probe.no_other()
            self._probe_at = time.monotonic() + self.his.brake.probe_s

    # ------------------------------------------------------------- what comes back

    @property
    def is_silent(self) -> bool:
        """True while the HIS has answered nobody since a message went unanswered."""
        return self._silent_since_ms is not None

    def answers(self) -> None:
        """The HIS has answered somebody."""
        self._book.silent(self.name, None)
        self._silent_since_ms = None

    def does_not_answer(self, since_ms: int) -> None:
        """A message that began to leave at `since_ms` went unanswered."""
        if self._silent_since_ms is None:
            self._book.silent(self.name, since_ms)
            self._silent_since_ms = since_ms

    def has_answered_since(self, at_ms: int) -> bool:
        """Say whether the HIS has answered anybody since then."""
        silent_ms, instants = self._silent_since_ms, self.instants
        return silent_ms is None or instants.of(at_ms) < instants.of(silent_ms)

    def accepted(self) -> None:
        """The HIS has accepted a message: a new row of quarantined ones begins."""
        self._brake.forget()

    # ------------------------------------------------------------- brake and hold

    def is_blamed(self, message_id: int) -> bool:
        """Say whether the next failure of this message is its last."""
        return self._brake.is_blamed(message_id)

    def brakes(self, message_id: int, why: str) -> bool:
        """Count a message that is to be quarantined; True where there are too many, and the lane is to hold."""
        return self._brake.count_in(message_id, why, self.his.brake)

    def hold_for_row(self, code: str) -> str:
        """Hold for those quarantined in a row, which go back to their places; returns the reason."""
        return self.hold_for("brake", self._brake.described(code), self._brake.row)

    def hold_for(self, kind: HoldKind, reason: str, put_back: Sequence[int]) -> str:
        """Hold, put these messages back in their places, and ask with the first one after a while."""
        back = self._book.held(self.name, kind, reason, put_back, act=self._receipt())
        self._act = ""
        self.hold = kind
        self._probe = Probe(back)
        self._brake.forget()
        self._probe_at = time.monotonic() + self.his.brake.probe_s
        say(logging.ERROR, "lane.held", by=kind, put_back=len(back))
        return reason

    def probe_failed(self, message_id: int) -> float:
        """Note that the HIS did not take this one while it holds; returns the seconds before the next is tried."""
        at_once = self.hold == "brake" and self._probe.failed(message_id)
        after_s = 0.0 if at_once else self.his.brake.probe_s
        self._probe_at = time.monotonic() + after_s
        return after_s

    def probe_accepted(self, message_id: int) -> None:
        """End the hold: the HIS has taken this one. If it held for others, they are to blame."""
        self._book.released(self.name, who="probe", act=self._receipt())
        self._act = ""
        self._brake.blame(self._probe, message_id)
        self._probe = Probe()
        self.hold = ""
        say(logging.INFO, "lane.resumed", by="probe")

    def _receipt(self) -> str:
        """Return the id of the act in hand: the same for each try of it."""
        self._act = self._act or new_id()
        return self._act
