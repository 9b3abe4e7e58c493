"""What the HIS says of a message beside the verdict that a try waits for.

Holds: which CA is final and which waits for the application's answer, and what a later answer does.
Promises: every answer that names a message of this destination is kept at it; one that does not accept a delivered
message flags it, durably and in the log.
Never: sends a message again, or takes a delivery back: what the HIS has, only the HIS knows.

After `_MOST_IN_VAIN` commits in a row that no application answer followed, none is awaited until one comes again; the
first of them is logged.
"""

from __future__ import annotations

import logging
from functools import partial

from lab_sender.config.sections import His
from lab_sender.delivery import retry
from lab_sender.delivery.record import Record
from lab_sender.journal import LanesBooks, LaterAnswer, Spooled, now_ms
from lab_sender.log import say
from lab_sender.mllp import ACK_CODES, Acknowledgement, Unreadable

COMMIT_ONLY = "commit-only"
_MOST_IN_VAIN = 3


class LaterAnswers:
    """One lane's. Not for several threads."""

    def __init__(self, destination: str, journal: LanesBooks, record: Record) -> None:
        self._destination = destination
        self._book = journal.delivery
        self._record = record
        self._in_vain = 0

    def is_due(self, his: His, message: Spooled, ack: Acknowledgement) -> bool:
        """Say whether the application owes an answer after this CA: the message asks for one, no rule says else."""
        return message.wants_application and not retry.has_rule_for(his, ack)

    def is_awaited(self, his: His, message: Spooled, ack: Acknowledgement) -> bool:
        """Say whether to wait for the application's answer after this CA."""
        return self._in_vain < _MOST_IN_VAIN and self.is_due(his, message, ack)

    def awaits(self, his: His, message: Spooled, ack: Acknowledgement) -> bool:
        """Note the CA where the application's answer is awaited; False where it is not."""
        awaited = self.is_awaited(his, message, ack)
        if awaited:
            self._record(lambda: self._book.commit_accepted(message.id))
        return awaited

    def committed_only(self, message_id: int) -> None:
        """Count a commit that no application answer followed."""
        if self._in_vain == 0:
            say(logging.WARNING, "ack.commit-only", message=message_id, destination=self._destination)
        self._in_vain += 1
        if self._in_vain == _MOST_IN_VAIN:
            say(logging.WARNING, "link.commit-only", destination=self._destination, commits=_MOST_IN_VAIN)

    def application_answers(self) -> None:
        """The application has answered: it is worth waiting for."""
        self._in_vain = 0

    def take(self, his: His, heard: list[Acknowledgement | Unreadable]) -> bool:
        """Keep these answers at their messages, the oldest first, and take them from the list.

        True where the HIS has taken a delivery back by one of them that it had not said before.
        """
        unknown, taken_back, at_ms = 0, False, now_ms()
        while heard:
            ack = heard[0]
            if isinstance(ack, Unreadable):
                say(logging.WARNING, "ack.unreadable", code=ack.code, destination=self._destination)
            else:
                kept = self._record(partial(self._keep, his, ack, at_ms))
                unknown += kept is None
                taken_back = taken_back or (kept is not None and kept.contradicts and not kept.repeated)
            del heard[0]
        if unknown:
            say(logging.WARNING, "ack.foreign", answers=unknown)
        return taken_back

    def _keep(self, his: His, ack: Acknowledgement, at_ms: int) -> LaterAnswer | None:
        """Keep an answer that came then at its message; None where we have none of that control id.

        Raises JournalUnavailable: nothing is kept then.
        """
        decision = retry.judge_ack(his, ack, refused=1, may_have_left=True)
        accepts = ack.code in ACK_CODES and isinstance(decision, retry.Delivered)
        kept = self._book.said_later(
            self._destination, ack.control_id, ack.code, ack.raw, accepts=accepts, at_ms=at_ms
        )
        if kept is None:
            return None
        if ack.code in ("AA", "AE", "AR"):
            self.application_answers()
        if kept.contradicts:
            if not kept.repeated:
                say(logging.ERROR, "message.contradicted", message=kept.message_id, code=ack.code)
        else:
            say(logging.INFO, "ack.late", message=kept.message_id, code=ack.code)
        return kept
