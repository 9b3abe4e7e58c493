"""A try that brought no acceptance: recorded, and done what retry.py says.

Holds: what follows for the message (again, quarantine), for its destination (silent, brake, hold), for the status.
Promises: the try is in the journal before anything else is done; while the destination holds, nothing is charged.
Never: judges by itself, sends or waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from lab_sender.config.sections import His
from lab_sender.delivery import retry
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.link_status import LaneStatus, refusal_codes, refusal_reason, words_of
from lab_sender.delivery.record import Record
from lab_sender.ids import loggable
from lab_sender.journal import Attempt, LanesBooks, Spooled
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, FrameError, Outcome


class _Why(NamedTuple):
    """Why a message was not accepted: `reason` for the quarantine, `code` and `text` for the status and the log."""

    reason: str
    code: str
    text: str
    his_words: str = ""
    his_code: str = ""
    his_error: str = ""


class Consequences:
    """One lane's. Each method returns after how many seconds the message goes again; None: the lane looks anew."""

    def __init__(
        self, destination: Destination, lane: int, journal: LanesBooks, status: LaneStatus, record: Record
    ) -> None:
        self._destination = destination
        self._lane = lane
        self._book = journal.delivery
        self._count = journal.minutes.count
        self._status = status
        self._record = record

    def refused(
        self, message: Spooled, attempt: Attempt, ack: Acknowledgement, decision: retry.Decision
    ) -> float | None:
        """The HIS has refused it."""
        control_id = loggable(message.control_id)
        to, ms = self._destination.name, attempt.elapsed_ms
        self._count(to, "refused", ms)
        say(
            logging.WARNING, "message.refused", message=message.id, control_id=control_id, code=ack.code,
            destination=to, ms=ms,
        )  # fmt: skip
        charged = not self._destination.hold
        if not self._record(lambda: self._book.refused(message, attempt, charged=charged)):
            return None
        if self._destination.is_blamed(message.id) and not isinstance(decision, retry.Hold):
            decision = retry.Quarantine("refused")
        codes = refusal_codes(attempt)
        reason = refusal_reason(ack, message.control_id, may_have_left=message.may_have_left)
        text = f"message {message.id} was refused by the HIS"  # the HIS's own words may name a patient
        why = _Why(reason, " ".join(codes), text, words_of(ack), codes[0], " ".join(codes[1:]))
        return self._do(decision, message, why)

    def unanswered(
        self, his: His, message: Spooled, attempt: Attempt, outcome: Outcome, *, troubles: int, is_free: bool
    ) -> float | None:
        """Nobody knows whether it has arrived. `troubles` counts those in a row; `is_free`: it is not charged."""
        destination = self._destination
        say(
            logging.WARNING,
            "message.unanswered",
            message=message.id,
            control_id=loggable(message.control_id),
            phase=outcome.phase,
            code=outcome.code,
            destination=destination.name,
        )
        self._count(destination.name, "unknown", attempt.elapsed_ms)
        stopped = outcome.cause == "aborted"
        charged = not (destination.hold or stopped or is_free)
        first_ms = self._record(lambda: self._book.unknown(message, attempt, charged=charged))
        if first_ms is None or is_free:
            return None
        if not stopped:
            self._record(lambda: destination.does_not_answer(attempt.started_ms))
        decision: retry.Decision
        if not charged:
            decision = retry.Again(retry.wait_s(his.retry, troubles))
        elif destination.is_blamed(message.id):
            decision = retry.Quarantine("unanswered")
        else:
            decision = retry.judge_unknown(
                his.retry,
                unknown=message.unknowns + 1,
                troubles=troubles,
                since_s=destination.instants.since_s(first_ms),
                answers_others=destination.has_answered_since(first_ms),
            )
        reason = f"{outcome.code} in phase {outcome.phase}: {outcome.detail}"
        return self._do(decision, message, _Why(reason, outcome.code, outcome.detail))

    def unsendable(self, message: Spooled, error: FrameError) -> None:
        """No frame can carry its bytes; none of them has left."""
        self._record(lambda: self._book.quarantined(message, code=error.code, reason=error.text))
        self._note_quarantined(message, error.code)

    def _do(self, decision: retry.Decision, message: Spooled, why: _Why) -> float | None:
        destination, status = self._destination, self._status
        if destination.hold:
            probe_s = destination.probe_failed(message.id, self._lane)
            if probe_s is not None:
                status.show("held", why.code, why.text, probe_s)
            return None
        match decision:
            case retry.Again(after_s):
                status.show("waiting", why.code, why.text, after_s)
                return after_s
            case retry.Hold():
                text = f"a reply rule says hold: {why.code}"
                self._hold(lambda: destination.hold_for("reply", text, [message.id], self._lane))
            case retry.Quarantine(kind):
                self._quarantine(message, kind, why)
            case retry.Doubt():
                text = f"message {message.id} unanswered, and nothing else answered since, last {why.code}"
                self._hold(lambda: destination.hold_for("brake", text, [message.id], self._lane))
            case retry.Delivered():
                raise AssertionError("an acceptance is not handled here")
        return None

    def _quarantine(self, message: Spooled, kind: str, why: _Why) -> None:
        def write() -> bool:
            return self._book.quarantined(
                message,
                code=kind,
                reason=why.reason,
                his_words=why.his_words,
                his_code=why.his_code,
                his_error=why.his_error,
            )

        destination = self._destination
        became = self._record(
            lambda: destination.quarantine(message.id, kind, write, code=why.code, lane=self._lane)
        )
        if became.done:
            self._note_quarantined(message, kind)
        elif became.reason:
            self._show_hold(became.reason)

    def _note_quarantined(self, message: Spooled, why: str) -> None:
        control_id, to = loggable(message.control_id), self._destination.name
        self._count(to, "quarantined")
        say(logging.ERROR, "message.quarantined", message=message.id, control_id=control_id, why=why, destination=to)

    def _hold(self, hold: Callable[[], str]) -> None:
        self._show_hold(self._record(hold))

    def _show_hold(self, reason: str) -> None:
        self._status.show("held", "lane.held", reason, self._destination.his.brake.probe_s)
