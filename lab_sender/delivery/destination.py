"""One destination, however many connections lead to it.

Holds: its settings, its hold with the brake and its probes, since when its HIS answers nobody; its lanes, and which
of them may send what now: each its own part of the line, one alone what is in no lane's part, and while the
destination holds the first one alone.
Promises: the journal comes first: where a method raises JournalUnavailable nothing has changed, and it may be called
again. What one lane writes that changes what another one may send, that one is told of before its next byte.
Never: connects, sends or waits. One lane's is one strict order, and costs no more than without any of this.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lab_sender.config.closed import closed_until
from lab_sender.config.sections import His
from lab_sender.delivery.brake import Brake, Probe
from lab_sender.delivery.gate import Gate
from lab_sender.delivery.instants import Instants
from lab_sender.delivery.links import Links
from lab_sender.ids import new_id
from lab_sender.journal import Heads, HoldKind, LaneRow, LanesBooks, Share, now_ms
from lab_sender.log import say


class Quarantined(NamedTuple):
    """Whether a message is in quarantine now; `reason`: the destination holds instead."""

    done: bool
    reason: str = ""


class Destination:
    """What the lanes of one destination share; for several threads.

    How many lanes there are, and by which key, is settled when they have been made: new settings do not change it.
    """

    def __init__(self, name: str, journal: LanesBooks, his: His) -> None:
        self.name = name
        self.his = his
        """The newest settings. A lane goes by those that it took before its message."""
        self.hold: HoldKind = ""
        self.instants = Instants(now_ms)
        self.links = Links(name, journal.delivery)
        self._book = journal.delivery
        self._order_by = his.order_by
        self._lock = threading.RLock()
        self._rouse: list[Callable[[bool], None]] = []
        self._gate = Gate()
        self._behind = False
        self._has_begun = False
        self._brake = Brake()
        self._probe = Probe()
        self._probing: int | None = None
        self._probe_at = 0.0
        self._silent_since_ms: int | None = None
        self._answered_at = 0.0
        self._act = ""

    def use(self, his: His) -> None:
        """Replace the settings: each lane takes them before its next message. May come from any thread."""
        self.his = his

    def join(self, rouse: Callable[[bool], None]) -> int:
        """Add a lane, before any begins; returns its number. `rouse` wakes it, and (True) has it look anew."""
        self._rouse.append(rouse)
        return self.links.join()

    @property
    def has_several_lanes(self) -> bool:
        """True where the order is one for each key only."""
        return len(self._rouse) > 1

    def begin(self) -> LaneRow:
        """Go on from what the journal has, and return it: once, whichever lane is the first to ask.

        What was being sent when the agent ended may have left, over any of the lanes that there were then.
        """
        with self._lock:
            if not self._has_begun:
                interrupted = self._book.interrupted(self.name)
                if interrupted:
                    say(logging.WARNING, "lane.interrupted", messages=interrupted, destination=self.name)
            row = self._book.lane(self.name)
            if not self._has_begun:
                self._brake.remember(self._book.quarantined_since_acceptance(self.name))
                self._silent_since_ms = row.silent_since_ms
                self.links.trouble = row.trouble
                self._has_begun = True
            return row

    def look(self) -> bool:
        """Read the hold anew; True where somebody has set or ended it. Then no message is blamed any more."""
        with self._lock:
            row = self._book.lane(self.name)
            if row.hold == self.hold:
                return False
            self.hold = row.hold
            self._probe = Probe(row.held_for)
            self._brake.pardon()
        event = "lane.held" if row.hold else "lane.resumed"
        say(logging.INFO, event, by=row.hold or "operator", destination=self.name)
        return True

    # ------------------------------------------------------------- what leaves next

    @property
    def lets_nothing_out(self) -> bool:
        """True while an operator holds it, or the brake does and its next probe is not due."""
        return self.hold == "operator" or (self.hold != "" and time.monotonic() < self._probe_at)

    def keeps_in(self, lane: int) -> bool:
        """Say whether this lane sends nothing now: the destination holds, or another lane asks; or it is closed."""
        return self.lets_nothing_out or (self.hold != "" and not self._asks(lane)) or self.closed_until() is not None

    def _asks(self, lane: int) -> bool:
        """Say whether this lane asks while the destination holds: the one that has begun to, else links.asks."""
        with self._lock:
            asks = self.links.asks if self._probing is None else self._probing
            return not self.has_several_lanes or lane == asks

    def closed_until(self) -> datetime | None:
        """Return when its closed hours end, by the wall clock; None: it is open."""
        if not self.his.closed:
            return None
        return closed_until(self.his.closed, datetime.fromtimestamp(time.time(), UTC))

    def heads(self, lane: int = 0, after: int = 0) -> Heads:
        """Return what this lane may send next, in order, behind the id `after` where there are several lanes.

        While the destination holds: the first of all, or, where the brake asks with another message, that one.
        """
        with self._lock:
            rule, probe, order_by = self.his.after_quarantine, self._probe, self._order_by
            several = self.has_several_lanes
            if self.hold and probe.asks_another:
                but, by = probe.held_for, order_by if several else ""
                found = self._book.another(
                    self.name, after_quarantine=rule, but=but, after=probe.last, order_by=by
                )
                return Heads(found, alone=several)
            if self.hold or not several:
                return Heads(self._book.head(self.name, after_quarantine=rule), alone=several)
            share = Share(lane, len(self._rouse), order_by)
            heads = self._book.heads(self.name, share, after_quarantine=rule, after=after)
            self._behind |= heads.behind is not None
            return heads

    def has_no_heads(self, lane: int = 0) -> None:
        """Nothing may leave; where another message was to be asked with, there is none."""
        with self._lock:
            if self._probe.asks_another and self._asks(lane):
                self._probe.no_other()
                self._probe_at = time.monotonic() + self.his.brake.probe_s

    def enter(self, lane: int, *, alone: bool) -> float | None:
        """Let a lane mark a message: None. Or return after how many seconds to ask again (0: when woken)."""
        with self._lock:
            if self.hold and not self._asks(lane):
                return 0.0
            wait_s = self._gate.enter(lane, alone=alone, pace_s=self.his.pace_s)
            if wait_s is None:
                self._probing = lane if self.hold else None
            elif not wait_s:
                self._behind = True
            return wait_s

    def sends(self, lane: int) -> None:
        """The first byte of this lane's message leaves now."""
        if pace_s := self.his.pace_s:
            with self._lock:
                self._gate.begin(lane, pace_s)

    def leave(self, lane: int) -> None:
        """What this lane had out is in the journal; who waits for that is woken."""
        with self._lock:
            self._gate.leave(lane)
            self._probing = None if self._probing == lane else self._probing
            if self._behind:
                self._behind = False
                self._rouse_others(lane, anew=False)

    def goes_on(self) -> bool:
        """Say whether a lane that has delivered may mark its next message at once."""
        if not self.has_several_lanes:
            return not self.his.pace_s and self.closed_until() is None
        return not (self.hold or self.his.pace_s) and self.closed_until() is None

    def _rouse_others(self, lane: int, *, anew: bool) -> None:
        for number, rouse in enumerate(self._rouse):
            if number != lane:
                rouse(anew)

    # ------------------------------------------------------------- what comes back

    @property
    def is_silent(self) -> bool:
        """True while the HIS has answered nobody since a message went unanswered."""
        return self._silent_since_ms is not None

    def answers(self) -> None:
        """The HIS has answered somebody."""
        with self._lock:
            self._answered_at = self.instants.now_s()
            if self._silent_since_ms is not None:
                self._book.silent(self.name, None)
                self._silent_since_ms = None

    def does_not_answer(self, since_ms: int) -> None:
        """A message that began to leave at `since_ms` went unanswered; no other one was answered meanwhile."""
        with self._lock:
            if self.has_several_lanes and self._answered_at > self.instants.of(since_ms):
                return
            if self._silent_since_ms is None:
                self._book.silent(self.name, since_ms)
                self._silent_since_ms = since_ms

    def has_answered_since(self, at_ms: int) -> bool:
        """Say whether the HIS has answered anybody since then."""
        with self._lock:
            silent_ms, instants = self._silent_since_ms, self.instants
            return silent_ms is None or instants.of(at_ms) < instants.of(silent_ms)

    def accepted(self) -> None:
        """The HIS has accepted a message: a new row of quarantined ones begins."""
        with self._lock:
            self._brake.forget()

    def has_taken_back(self, lane: int) -> None:
        """The HIS has taken a delivery back: what the other lanes have read of the line may be so no more."""
        self._rouse_others(lane, anew=True)

    # ------------------------------------------------------------- brake and hold

    def is_blamed(self, message_id: int) -> bool:
        """Say whether the next failure of this message is its last."""
        return self._brake.is_blamed(message_id)

    def brakes(self, message_id: int, why: str) -> bool:
        """Count a message that is to be quarantined; True where there are too many, and the lane is to hold."""
        with self._lock:
            return self._brake.count_in(message_id, why, self.his.brake)

    def quarantine(
        self, message_id: int, why: str, write: Callable[[], bool], *, code: str, lane: int
    ) -> Quarantined:
        """Quarantine a message by `write`; or hold, where there are too many in a row or another lane just did."""
        with self._lock:
            if self.hold and self.has_several_lanes:
                return Quarantined(False)
            is_blamed = self.is_blamed(message_id)
            if not is_blamed and self.brakes(message_id, why):
                return Quarantined(False, self.hold_for_row(code, lane))
            done = write()
            if is_blamed:
                self.brakes(message_id, why)
            self._rouse_others(lane, anew=True)
            return Quarantined(done)

    def hold_for_row(self, code: str, lane: int = 0) -> str:
        """Hold for those quarantined in a row, which go back to their places; returns the reason."""
        with self._lock:
            return self.hold_for("brake", self._brake.described(code), self._brake.row, lane)

    def hold_for(self, kind: HoldKind, reason: str, put_back: Sequence[int], lane: int = 0) -> str:
        """Hold, put these messages back in their places, and ask with the first one after a while.

        Nothing where another lane has made it hold just before: what is to be put back has not been quarantined.
        """
        with self._lock:
            if self.hold and self.has_several_lanes:
                return reason
            back = self._book.held(self.name, kind, reason, put_back, act=self._receipt())
            self._act = ""
            self.hold = kind
            self._probe = Probe(back)
            self._brake.forget()
            self._probe_at = time.monotonic() + self.his.brake.probe_s
            self._rouse_others(lane, anew=True)
        say(logging.ERROR, "lane.held", by=kind, put_back=len(back), destination=self.name)
        return reason

    def probe_failed(self, message_id: int, lane: int = 0) -> float | None:
        """Note that the HIS did not take this one while it holds; returns the seconds before the next is tried.

        None: this was no probe, but under way before the hold.
        """
        with self._lock:
            if self._probing != lane and self.has_several_lanes:
                return None
            at_once = self.hold == "brake" and self._probe.failed(message_id)
            after_s = 0.0 if at_once else self.his.brake.probe_s
            self._probe_at = time.monotonic() + after_s
            return after_s

    def probe_accepted(self, message_id: int, lane: int = 0) -> None:
        """End the hold: the HIS has taken this one. If it held for others, they are to blame.

        One that was under way before the hold ends a hold of the brake only, which asks nothing else.
        """
        with self._lock:
            is_probe = self._probing == lane and self.hold != "operator"
            if self.has_several_lanes and not is_probe and self.hold != "brake":
                return
            self._book.released(self.name, who="probe", act=self._receipt())
            self._act = ""
            self._brake.blame(self._probe, message_id)
            self._probe = Probe()
            self.hold = ""
            self._rouse_others(lane, anew=True)
        say(logging.INFO, "lane.resumed", by="probe", destination=self.name)

    def _receipt(self) -> str:
        """Return the id of the act in hand: the same for each try of it."""
        self._act = self._act or new_id()
        return self._act
