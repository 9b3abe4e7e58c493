"""journal -> HIS: one connection to a destination, and the messages that go over it.

Holds: the loop that takes the head of the spool, marks it, sends it, and records the verdict.
Promises: one message in flight, in the order of the journal; a message's `sending` is committed before its first
byte, its verdict before the next message; what an operator or another lane did, and new settings, are looked at
between the mark and the first byte. A message that was not sent is not charged.
Never: builds or changes bytes, reads a file, or gives up because the HIS cannot be reached.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from lab_sender.config.sections import His
from lab_sender.delivery import retry
from lab_sender.delivery.consequences import Consequences
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.later import COMMIT_ONLY, LaterAnswers
from lab_sender.delivery.link_status import LaneStatus, attempt_of
from lab_sender.delivery.record import Record
from lab_sender.journal import Attempt, JournalUnavailable, LanesBooks, Spooled
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, FrameError, Link, Outcome

_LINK_LOOK_S = 5.0
"""How long a link that died while idle may go unseen."""
_LOOK_S = 0.25
"""How long new settings and a change made by another process (release, hold, resume) may go unseen."""


class Lane:
    """One lane of a destination; `run` is its thread, the other methods are for other threads."""

    def __init__(
        self,
        destination: Destination,
        journal: LanesBooks,
        link: Link,
        *,
        name: str = "lane",
        beat: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`link` is made with the settings of `destination`, and is the lane's alone.

        `beat` is called while it works, with the seconds for which it may be silent.
        """
        self._beat = beat
        self.name = name
        self.destination = destination
        self.delivered = 0
        self._journal = journal
        self._link = link
        self._his = destination.his
        self._bell = threading.Condition()
        self._rung = False
        self._stopping = threading.Event()
        self._heads: deque[Spooled] = deque()
        self._alone = False
        self._seen = 0
        self._is_stale = False
        self._marked: int | None = None
        self._troubles = 0
        self._foreign_version = -1
        self._has_marked = False
        """True until the look after the next message is marked: what that transaction saw of others is told then."""
        self._look_at_link_at = 0.0
        self._record = Record(self._stopping)
        self._number = destination.join(self.rouse)
        self._later = LaterAnswers(destination.name, journal, self._record)
        self._status = LaneStatus(destination.name, destination.links, self._number, self._record, link)
        self._consequences = Consequences(destination, self._number, journal, self._status, self._record)

    def wake(self) -> None:
        """Say that the journal has something new."""
        self.rouse(False)

    def rouse(self, anew: bool) -> None:
        """Wake it; `anew`: what it has read of the line may be so no more."""
        if anew:
            self._is_stale = True
        with self._bell:
            self._rung = True
            self._bell.notify_all()

    def stop(self, at_once: bool = False) -> None:
        """End after the exchange in flight, or (`at_once`) in the middle of it: its outcome is then unknown."""
        self._stopping.set()
        if at_once:
            self._link.abort()
        self.wake()

    def run(self) -> None:
        """Deliver until stopped. Raises AgentError when the journal or the disk cannot be trusted."""
        self._beat(0.0)
        try:
            self._begin()
            while not self._stopping.is_set():
                self._beat(0.0)
                message = self._next()
                if message is None:
                    self._rest()
                else:
                    self._deliver(message)
            self._end()
        except JournalUnavailable:
            if not self._stopping.is_set():
                raise
        finally:
            self._link.close()

    def _begin(self) -> None:
        self._record(self.destination.begin)
        if self.destination.closed_until() is None:
            self._connect()

    def _end(self) -> None:
        self._link.listen()
        self._later.take(self._his, self._link.heard)
        self._take_mark_back()
        self._status.show("idle")

    # ------------------------------------------------------------- what leaves next

    def _next(self) -> Spooled | None:
        """Return the message whose turn it is; None when there is none, or the destination holds."""
        self._look_for_changes()
        destination = self.destination
        if destination.keeps_in(self._number):
            return None
        if not self._heads:
            found = self._record(lambda: destination.heads(self._number, self._seen))
            self._heads.extend(found.messages)
            self._alone, self._seen = found.alone, found.seen
        if self._heads:
            return self._heads[0]
        destination.has_no_heads(self._number)
        return None

    def _look_for_changes(self) -> bool:
        """Before every send: what was read ahead may have been overtaken by a release, a dismissal, a hold, by what
        another lane wrote, or by new settings. True where something has changed."""
        as_marked, self._has_marked = self._has_marked, False
        version = self._record(lambda: self._journal.store.foreign_version(as_appended=as_marked))
        his = self.destination.his
        if version == self._foreign_version and his is self._his and not self._is_stale:
            return False
        self._foreign_version, self._is_stale = version, False
        seen_first = self._record(self.destination.look)
        if (seen_first or self._status.link == "held") and not self.destination.hold:
            self._show_link()
        if his is not self._his:
            self._use(his)
        self._forget()
        self._take_mark_back()
        return True

    def _show_link(self) -> None:
        self._status.show("up" if self._link.connected else "idle")

    def _use(self, his: His) -> None:
        """Go by new settings from here on; over a new connection, where they lead elsewhere."""
        self._link.listen()
        self._take_heard()
        self._his = his
        if self._link.use(his):
            self._troubles = 0
            self._look_at_link_at = 0.0
            if self._status.link == "up":
                self._status.show("idle")

    def _take_mark_back(self) -> None:
        """Undo the `sending` mark: nothing of the message was written."""
        marked, self._marked = self._marked, None
        if marked is not None:
            self._record(lambda: self._journal.delivery.not_sent(marked))
            self.destination.leave(self._number)

    def _forget(self) -> None:
        """Forget what was read of the line: it may have changed, also before what was read last."""
        self._heads.clear()
        self._alone, self._seen = False, 0

    def _leave(self) -> None:
        """Nothing is in flight, and the rows have changed: forget what was read of them."""
        self._marked = None
        self._forget()

    # ------------------------------------------------------------- one message

    def _deliver(self, message: Spooled) -> None:
        if message.accept_acked:
            self._record(lambda: self._journal.delivery.commit_stands(message, COMMIT_ONLY))
            self._forget()
            self.destination.leave(self._number)
            return
        if not self._link.connected:
            self._connect()  # it lasts: the next look finds what an operator did meanwhile
            return
        if self._link.wait_for_close():  # so does this
            return
        if self._marked != message.id:
            self._mark(message)  # one more look: from now on a release is refused
            return
        if message.is_part and self._hears_of_loss():
            return
        self.destination.sends(self._number)
        self._beat(self._his.ack_timeout_s + self._his.application_ack_timeout_s)
        started_ms = self.destination.instants.now_ms()
        try:
            outcome = self._link.exchange(
                message.body, message.control_id, on_commit=lambda ack: self._later.awaits(self._his, message, ack)
            )
        except FrameError as error:
            self._leave()
            self._consequences.unsendable(message, error)
            self.destination.leave(self._number)
        else:
            self._conclude(message, outcome, started_ms)
            if self._link.heard:
                self._take_heard()

    def _mark(self, message: Spooled) -> None:
        """Note that it leaves next; not while others keep it in, and no part over what the HIS has no more."""
        if message.stands_on_other and self._record(lambda: self._journal.delivery.made_whole(message)):
            self._forget()
            return
        wait_s = self.destination.enter(self._number, alone=self._alone)
        if wait_s is not None:
            self._rest(wait_s or _LOOK_S)
        elif self._record(lambda: self._journal.delivery.sending(message.id, self._number)):
            self._marked = message.id
        else:
            self._forget()
            self.destination.leave(self._number)

    def _take_heard(self) -> bool:
        """Keep what the HIS has said beside its verdicts. True: it takes a delivery back, so nothing is marked."""
        taken_back = self._later.take(self._his, self._link.heard)
        if taken_back:
            self._take_mark_back()
            self._forget()
            self.destination.has_taken_back(self._number)
        return taken_back

    def _hears_of_loss(self) -> bool:
        """Hear what the HIS has said until now, just before a part leaves: it may have taken back what was before."""
        self._link.listen()
        return self._take_heard()

    def _connect(self) -> bool:
        """Open the link; if that fails, wait before the next try. Nothing is charged to any message."""
        self._beat(self._his.connect_timeout_s)
        trouble = self._link.open()
        self._take_heard()
        if trouble is None:
            self._status.connected(self._link.opened, self._link.peer)
            return True
        self._not_sent(trouble)
        return False

    def _not_sent(self, trouble: Outcome) -> None:
        """Nothing left: wait, charging no message. A connection that had stood idle is replaced at once."""
        self._take_mark_back()
        self._troubles += 1
        say(logging.DEBUG, "message.not-sent", destination=self.destination.name, code=trouble.code)
        if self._troubles == 1 and (trouble.cause == "stale" or self._link.answered):
            return
        after_s = retry.wait_s(self._his.retry, self._troubles)
        self._status.show("down", trouble.code, trouble.detail, after_s)
        self._wait(after_s)

    def _conclude(self, message: Spooled, outcome: Outcome, started_ms: int) -> None:
        """Turn an outcome into the journal's fact, and go on from there."""
        attempt = attempt_of(message.id, started_ms, outcome)
        if outcome.ack is not None:
            self._troubles = 0
            if self.destination.is_silent or self.destination.has_several_lanes:
                self._record(self.destination.answers)
        if outcome.kind == "verdict" and outcome.ack is not None:
            self._reply(message, outcome.ack, attempt)
        elif outcome.kind == "committed":
            self._later.committed_only(message.id)
            self._accepted(message, attempt, COMMIT_ONLY)
        elif outcome.kind == "not-sent":
            self._journal.minutes.count(self.destination.name, "not-sent", outcome.elapsed_ms)
            self._not_sent(outcome)
        else:
            # a connection that has just delivered was often ended before this message: not charged, once
            is_free = self._troubles == 0 and self._link.answered and outcome.cause == "ended"
            self._troubles += 1
            self._leave()
            after_s = self._consequences.unanswered(
                self._his, message, attempt, outcome, troubles=self._troubles, is_free=is_free
            )
            self.destination.leave(self._number)
            self._wait_for_turn(message, after_s)

    def _reply(self, message: Spooled, ack: Acknowledgement, attempt: Attempt) -> None:
        if ack.code != "CA":
            self._later.application_answers()
            if ack.code == "AA" and not self._his.replies:
                self._accepted(message, attempt, "")
                return
        decision = retry.judge_ack(
            self._his,
            ack,
            refused=message.refusals + 1,
            may_have_left=message.may_have_left and not message.refused_before,
        )
        if isinstance(decision, retry.Delivered):
            due = ack.code == "CA" and self._later.is_due(self._his, message, ack)
            self._accepted(message, attempt, "known" if decision.known else COMMIT_ONLY if due else "")
            return
        self._leave()
        after_s = self._consequences.refused(message, attempt, ack, decision)
        self.destination.leave(self._number)
        self._wait_for_turn(message, after_s)

    def _accepted(self, message: Spooled, attempt: Attempt, code: str) -> None:
        """Record the acceptance; the same transaction lets the next message leave."""
        self._heads.popleft()
        self._troubles = 0
        self.delivered += 1
        destination, number = self.destination, self._number
        destination.accepted()
        if destination.hold:
            self._record(lambda: destination.probe_accepted(message.id, number))
        if self._alone:
            self._forget()
        goes_on = self._link.connected and not self._stopping.is_set() and destination.goes_on()
        following = self._heads[0].id if self._heads and goes_on and not self._heads[0].stands_on_other else None
        marked = self._record(
            lambda: self._journal.delivery.acked(message, attempt, code=code, next_id=following, lane=number)
        )
        self._marked, self._has_marked = following if marked else None, marked and following is not None
        if following is not None and not marked:
            self._forget()
        if self._marked is None:
            destination.leave(number)
        self._status.accepted("up" if self._link.connected else "idle")
        self._journal.minutes.count(destination.name, "delivered", attempt.elapsed_ms)
        say(
            logging.DEBUG,
            "message.acked",
            message=message.id,
            destination=destination.name,
            code=attempt.ack_code,
            ms=attempt.elapsed_ms,
            again=message.may_have_left,
            spooled_ms=message.created_ms,
        )

    # ------------------------------------------------------------- waiting

    def _rest(self, seconds: float = _LOOK_S) -> None:
        """Nothing to send now: keep the link up, wait for the bell, a change, the next probe, or the opening."""
        now, hold = time.monotonic(), self.destination.hold
        opens = self.destination.closed_until()
        if opens is not None:
            seconds = min(seconds, max(0.0, opens.timestamp() - time.time()))
            if not hold:
                self._status.closed(round(opens.timestamp() * 1000))
        elif not hold and (self._status.link in ("down", "closed") or now >= self._look_at_link_at):
            self._look_at_link_at = now + _LINK_LOOK_S
            if not self._connect():
                return
        self._link.listen()
        self._take_heard()
        self._wait(min(seconds, _LOOK_S), wake_by_bell=True)

    def _wait_for_turn(self, message: Spooled, seconds: float | None) -> None:
        """Wait before a message goes again; new settings end it, what an operator does to others does not."""
        if seconds is None:
            return
        his, again_at = self._his, time.monotonic() + seconds
        while self._wait(again_at - time.monotonic()):
            following = self._next()
            if following is None or (following.id, following.control_id) != (message.id, message.control_id):
                return
            if self._his is not his:
                return

    def _wait(self, seconds: float, *, wake_by_bell: bool = False) -> bool:
        """Wait; a stop ends it, new messages only if asked; True where something has changed meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            self._beat(_LOOK_S)
            with self._bell:
                if wake_by_bell and self._rung:
                    self._rung = False
                    return False
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._bell.wait(min(left, _LOOK_S))
            if self._look_for_changes():
                return True
        return False
