"""journal -> HIS: the lane of one destination.

Holds: the loop that takes the head of the spool, sends it, and turns the outcome into a fact in the journal.
Promises: one message in flight, in the order of the journal; a message's `sending` is committed before its first
byte, its verdict before the next message; what an operator did is looked at between the mark and the first byte. A
message that was not sent is not charged. Several messages in a row set aside, or one while the HIS answers nobody,
mean that the HIS may be ill: they go back to their places and the lane holds, trying the first and another one now
and then. Another one's acceptance shows whose fault it is.
Never: builds or changes bytes, reads a file, or gives up because the HIS cannot be reached.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lab_sender.delivery import retry
from lab_sender.delivery.brake import Brake, Probe
from lab_sender.delivery.instants import Instants
from lab_sender.delivery.later import COMMIT_ONLY, LaterAnswers
from lab_sender.delivery.link_status import LaneStatus, attempt_of, loggable, refusal_reason, said, words_of
from lab_sender.ids import new_id
from lab_sender.journal import Attempt, HoldKind, Journal, JournalUnavailable, Spooled, now_ms, until_available
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, FrameError, Link, Outcome

T = TypeVar("T")

_LINK_LOOK_S = 5.0
"""How long a link that died while idle may go unseen."""
_LOOK_S = 0.25
"""How long a change made by another process (release, hold, resume) may go unseen."""
_ENDED = frozenset(("ack.closed", "ack.reset", "ack.lost", "write.reset", "write.lost"))
"""How a connection ends under a message. One that has just delivered was often ended before it: not charged, once."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How a lane behaves; times in seconds."""

    policy: retry.Policy
    brake_refused: int = 5
    brake_unanswered: int = 2
    probe_s: float = 60.0
    after_quarantine: str = "continue"


class Lane:
    """One destination's lane; `run` is its thread, the other methods are for other threads."""

    def __init__(self, destination: str, journal: Journal, link: Link, settings: LaneSettings) -> None:
        self.destination = destination
        self.delivered = 0
        self._journal = journal
        self._link = link
        self._settings = settings
        self._bell = threading.Condition()
        self._rung = False
        self._stopping = threading.Event()
        self._heads: deque[Spooled] = deque()
        self._marked: int | None = None
        self._brake = Brake(settings.brake_refused, settings.brake_unanswered)
        self._probe = Probe()
        self._silent_since_ms: int | None = None
        self._instants = Instants(now_ms)
        self._troubles = 0
        self._hold: HoldKind = ""
        self._probe_at = 0.0
        self._foreign_version = -1
        self._look_at_link_at = 0.0
        self._later = LaterAnswers(destination, journal, settings.policy)
        self._status = LaneStatus(
            destination, lambda *told: self._record(lambda: journal.delivery.link(destination, *told))
        )

    def wake(self) -> None:
        """Say that the journal has something new."""
        with self._bell:
            self._rung = True
            self._bell.notify_all()

    def stop(self, *, at_once: bool = False) -> None:
        """End after the exchange in flight, or (`at_once`) in the middle of it: its outcome is then unknown."""
        self._stopping.set()
        if at_once:
            self._link.abort()
        self.wake()

    def run(self) -> None:
        """Deliver until stopped. Raises AgentError when the journal or the disk cannot be trusted."""
        try:
            self._begin()
            while not self._stopping.is_set():
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
        interrupted = self._record(lambda: self._journal.delivery.interrupted(self.destination))
        if interrupted:
            say(logging.WARNING, "lane.interrupted", messages=interrupted)
        self._brake.remember(
            self._record(lambda: self._journal.delivery.quarantined_since_acceptance(self.destination))
        )
        lane = self._record(lambda: self._journal.delivery.lane(self.destination))
        self._silent_since_ms = lane.silent_since_ms
        self._status.resume(lane.trouble)
        self._connect()

    def _end(self) -> None:
        self._link.listen()
        self._later_answers()
        self._take_mark_back()
        self._status.tell("idle")

    def _next(self) -> Spooled | None:
        """Return the message whose turn it is; None when there is none, or the lane holds."""
        self._look_for_foreign_changes()
        if self._hold == "operator" or (self._hold and time.monotonic() < self._probe_at):
            return None
        if not self._heads:
            self._heads.extend(self._record(self._read_heads))
        if self._heads:
            return self._heads[0]
        if self._probe.asks_another:
            self._probe.no_other()
            self._probe_at = time.monotonic() + self._settings.probe_s
        return None

    def _read_heads(self) -> list[Spooled]:
        rule, probe = self._settings.after_quarantine, self._probe
        if self._hold and probe.asks_another:
            return self._journal.delivery.another(
                self.destination, after_quarantine=rule, but=probe.held_for, after=probe.last
            )
        return self._journal.delivery.head(self.destination, after_quarantine=rule)

    def _look_for_foreign_changes(self) -> None:
        """Before every send: what was read ahead may have been overtaken by a release, a dismissal, a hold."""
        version = self._record(self._journal.store.foreign_version)
        if version == self._foreign_version:
            return
        self._foreign_version = version
        lane = self._record(lambda: self._journal.delivery.lane(self.destination))
        hold = lane.hold
        if hold != self._hold:
            self._probe = Probe(lane.held_for)
            self._brake.pardon()
            say(logging.INFO, "lane.held" if hold else "lane.resumed", by=hold or "operator")
            if not hold:
                self._status.tell("up" if self._link.connected else "idle")
        self._hold = hold
        self._heads.clear()
        self._take_mark_back()

    def _take_mark_back(self) -> None:
        """The message marked `sending`, if there is one, does not leave now: no byte of it has."""
        marked, self._marked = self._marked, None
        if marked is not None:
            self._record(lambda: self._journal.delivery.not_sent(marked))

    def _deliver(self, message: Spooled) -> None:
        if message.accept_acked:
            self._record(lambda: self._journal.delivery.commit_stands(message, COMMIT_ONLY))
            self._heads.clear()
            return
        if not self._link.connected:
            self._connect()  # it lasts: the next look finds what an operator did meanwhile
            return
        if self._link.wait_for_close():  # so does this
            return
        if self._marked != message.id:
            if self._record(lambda: self._journal.delivery.sending(message.id)):
                self._marked = message.id  # one more look: from now on a release is refused
            else:
                self._heads.clear()
            return
        started_ms = self._instants.now_ms()
        try:
            outcome = self._link.exchange(
                message.body, message.control_id, on_commit=lambda ack: self._commit_accepted(message, ack)
            )
        except FrameError as error:
            self._unsendable(message, error)
        else:
            self._settle(message, outcome, started_ms)
            if self._link.heard:
                self._later_answers()

    def _connect(self) -> bool:
        """Open the link; if that fails, wait before the next try. Nothing is charged to any message."""
        trouble = self._link.open()
        self._later_answers()
        if trouble is None:
            self._status.connected(self._link.opened, self._link.peer)
            return True
        self._not_sent(trouble)
        return False

    def _not_sent(self, trouble: Outcome) -> None:
        """Nothing left: wait, charging no message. A connection that had stood idle is replaced at once."""
        self._take_mark_back()
        self._troubles += 1
        if self._troubles == 1 and (trouble.code == "connect.stale" or self._link.answered):
            return
        after_s = retry.wait_s(self._settings.policy, self._troubles)
        self._status.tell("down", trouble.code, trouble.detail, after_s)
        self._wait(after_s)

    def _settle(self, message: Spooled, outcome: Outcome, started_ms: int) -> None:
        """Turn an outcome into the journal's fact. `_marked` says what `sending` is still open."""
        attempt = attempt_of(message.id, started_ms, outcome)
        if outcome.ack is not None:
            self._heard()
        if outcome.kind == "verdict" and outcome.ack is not None:
            self._reply(message, outcome.ack, attempt)
        elif outcome.kind == "committed":
            self._later.committed_only(message.id)
            self._accepted(message, attempt, COMMIT_ONLY)
        elif outcome.kind == "not-sent":
            self._not_sent(outcome)
        else:
            self._silence(message, outcome, attempt)

    def _heard(self) -> None:
        """The HIS has answered somebody."""
        self._troubles = 0
        if self._silent_since_ms is not None:
            self._silent_since_ms = None
            self._record(lambda: self._journal.delivery.silent(self.destination, None))

    def _reply(self, message: Spooled, ack: Acknowledgement, attempt: Attempt) -> None:
        if ack.code != "CA":
            self._later.application_answers()
            if ack.code == "AA" and not self._settings.policy.site_rules:
                self._accepted(message, attempt, "")
                return
        decision = retry.judge_ack(
            self._settings.policy,
            ack,
            refused=message.refusals + 1,
            may_have_left=message.may_have_left and not message.refused_before,
        )
        if isinstance(decision, retry.Delivered):
            due = ack.code == "CA" and self._later.is_due(message, ack)
            self._accepted(message, attempt, "known" if decision.known else COMMIT_ONLY if due else "")
            return
        say(
            logging.WARNING,
            "message.refused",
            message=message.id,
            control_id=loggable(message.control_id),
            code=ack.code,
        )
        reason = refusal_reason(ack, message.control_id, may_have_left=message.may_have_left)
        self._refused(message, attempt, decision, reason, words_of(ack))

    def _refused(
        self, message: Spooled, attempt: Attempt, decision: retry.Decision, reason: str, his_words: str
    ) -> None:
        charged = not self._hold
        self._leave()
        if not self._record(lambda: self._journal.delivery.refused(message, attempt, charged=charged)):
            return
        told = f"message {message.id} was refused"  # the HIS's own words may name a patient
        if self._brake.is_blamed(message.id) and not isinstance(decision, retry.Hold):
            decision = retry.SetAside("refused")
        self._next_step(message, decision, reason, said(attempt), told, his_words)

    def _silence(self, message: Spooled, outcome: Outcome, attempt: Attempt) -> None:
        just_delivered = self._troubles == 0 and self._link.answered and outcome.code in _ENDED
        self._troubles += 1
        say(
            logging.WARNING,
            "message.unanswered",
            message=message.id,
            control_id=loggable(message.control_id),
            phase=outcome.phase,
            code=outcome.code,
        )
        stopped = outcome.code.endswith(".aborted")
        charged = not (self._hold or stopped or just_delivered)
        self._leave()
        first_ms = self._record(lambda: self._journal.delivery.unknown(message, attempt, charged=charged))
        if first_ms is None or just_delivered:
            return
        if self._silent_since_ms is None and not stopped:
            self._silent_since_ms = attempt.started_ms
            self._record(lambda: self._journal.delivery.silent(self.destination, attempt.started_ms))
        decision = self._judge_silence(message, first_ms) if charged else self._again()
        reason = f"{outcome.code} in phase {outcome.phase}: {outcome.detail}"
        self._next_step(message, decision, reason, outcome.code, outcome.detail)

    def _judge_silence(self, message: Spooled, first_ms: int) -> retry.Decision:
        if self._brake.is_blamed(message.id):
            return retry.SetAside("unanswered")
        silent_ms, instants = self._silent_since_ms, self._instants
        return retry.judge_silence(
            self._settings.policy,
            unknown=message.unknowns + 1,
            troubles=self._troubles,
            since_s=instants.since_s(first_ms),
            answers_others=silent_ms is None or instants.of(first_ms) < instants.of(silent_ms),
        )

    def _again(self) -> retry.Decision:
        return retry.Again(retry.wait_s(self._settings.policy, self._troubles))

    def _leave(self) -> None:
        """Nothing is in flight now, and the rows have news: what was read of them is forgotten."""
        self._marked = None
        self._heads.clear()

    def _next_step(
        self, message: Spooled, decision: retry.Decision, reason: str, code: str, told: str, his_words: str = ""
    ) -> None:
        """Do what was decided about a message that was not accepted; `told` is what `status` says of it."""
        if self._hold:
            at_once = self._hold == "brake" and self._probe.failed(message.id)
            after_s = 0.0 if at_once else self._settings.probe_s
            self._probe_at = time.monotonic() + after_s
            self._status.tell("held", code, told, after_s)
            return
        match decision:
            case retry.Again(after_s):
                self._status.tell("waiting", code, told, after_s)
                self._wait_for_turn(message, after_s)
            case retry.Hold():
                self._hold_lane("reply", f"a reply rule says hold: {code}", [message.id])
            case retry.SetAside(why):
                self._set_aside(message, why, reason, code, his_words)
            case retry.Doubt():
                text = f"message {message.id} unanswered, and nothing else answered since, last {code}"
                self._hold_lane("brake", text, [message.id])
            case retry.Delivered():
                raise AssertionError("an acceptance is not handled here")

    def _unsendable(self, message: Spooled, error: FrameError) -> None:
        """Quarantine a message whose bytes no frame can carry; no byte of it left."""
        self._leave()
        control_id = loggable(message.control_id)
        say(logging.ERROR, "message.quarantined", message=message.id, control_id=control_id, why=error.code)
        self._record(lambda: self._journal.delivery.quarantined(message, code=error.code, reason=error.text))

    def _set_aside(self, message: Spooled, why: str, reason: str, code: str, his_words: str) -> None:
        if self._brake.set_aside(message.id, why):
            self._hold_lane("brake", self._brake.described(code), self._brake.row)
            return
        book, control_id = self._journal.delivery, loggable(message.control_id)
        if self._record(lambda: book.quarantined(message, code=why, reason=reason, his_words=his_words)):
            say(logging.ERROR, "message.quarantined", message=message.id, control_id=control_id, why=why)

    def _hold_lane(self, kind: HoldKind, reason: str, put_back: list[int]) -> None:
        book, act = self._journal.delivery, new_id()
        back = self._record(lambda: book.held(self.destination, kind, reason, put_back, act=act))
        self._hold = kind
        self._probe = Probe(back)
        self._brake.forget()
        self._heads.clear()
        self._probe_at = time.monotonic() + self._settings.probe_s
        say(logging.ERROR, "lane.held", by=kind, put_back=len(back))
        self._status.tell("held", "lane.held", reason, self._settings.probe_s)

    def _accepted(self, message: Spooled, attempt: Attempt, code: str) -> None:
        """Record the acceptance; the same transaction lets the next message leave."""
        self._heads.popleft()
        self._brake.forget()
        self._troubles = 0
        self.delivered += 1
        if self._hold:
            act = new_id()
            self._record(lambda: self._journal.delivery.released(self.destination, who="probe", act=act))
            self._brake.blame(self._probe, message.id)
            self._probe = Probe()
            self._hold = ""
            say(logging.INFO, "lane.resumed", by="probe")
        goes_on = self._link.connected and not self._stopping.is_set()
        following = self._heads[0].id if self._heads and goes_on else None
        marked = self._record(lambda: self._journal.delivery.acked(message, attempt, code=code, next_id=following))
        self._marked = following if marked else None
        if following is not None and not marked:
            self._heads.clear()
        self._status.accepted("up" if self._link.connected else "idle")
        say(logging.DEBUG, "message.acked", message=message.id)

    def _rest(self) -> None:
        """Nothing to send now: keep the link up, wait for the bell, a foreign change, or the next probe."""
        now = time.monotonic()
        if not self._hold and (self._status.link == "down" or now >= self._look_at_link_at):
            self._look_at_link_at = now + _LINK_LOOK_S
            if not self._connect():
                return
        self._link.listen()
        self._later_answers()
        self._wait(_LOOK_S, wake_by_bell=True)

    def _commit_accepted(self, message: Spooled, ack: Acknowledgement) -> bool:
        """Note a CA if the application's answer is still to come."""
        if not self._later.is_awaited(message, ack):
            return False
        self._record(lambda: self._journal.delivery.commit_accepted(message.id))
        return True

    def _later_answers(self) -> None:
        """Record what the HIS has said beside the verdicts."""
        unknown, at_ms = 0, now_ms()
        while self._link.heard:
            unknown += not self._record(lambda: self._later.record(self._link.heard[0], at_ms))
            del self._link.heard[0]
        if unknown:
            say(logging.WARNING, "ack.foreign", answers=unknown)

    def _wait_for_turn(self, message: Spooled, seconds: float) -> None:
        """Wait before a message goes again; what an operator does to others does not cut it short."""
        again_at = time.monotonic() + seconds
        while self._wait(again_at - time.monotonic()):
            following = self._next()
            if following is None or (following.id, following.control_id) != (message.id, message.control_id):
                return

    def _wait(self, seconds: float, *, wake_by_bell: bool = False) -> bool:
        """Wait; a stop ends it, new messages only if asked; True where another process has written meanwhile."""
        deadline = time.monotonic() + seconds
        version = self._foreign_version
        while not self._stopping.is_set():
            with self._bell:
                if wake_by_bell and self._rung:
                    self._rung = False
                    return False
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._bell.wait(min(left, _LOOK_S))
            self._look_for_foreign_changes()
            if version != self._foreign_version:
                return True
        return False

    def _record(self, call: Callable[[], T]) -> T:
        """Write to the journal, waiting while it cannot be written: nothing is sent meanwhile."""
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="lane")
