"""What the HIS says of a message beside the verdict that a try waits for.

Holds: which CA is final and which waits for the application's answer, and what a later answer does.
Promises: every answer that names a message of this destination is kept at it; one that does not accept a delivered
message flags it, durably and in the log. After `_MOST_SILENT` commits in a row that no application answer followed,
none is awaited until one comes again; the first of them is told.
Never: sends a message again, or takes a delivery back: what the HIS has, only the HIS can tell.
"""

from __future__ import annotations

import logging

from lab_sender.delivery import retry
from lab_sender.journal import Journal, Spooled
from lab_sender.log import say
from lab_sender.mllp import ACK_CODES, Acknowledgement, Unreadable

COMMIT_ONLY = "commit-only"
_MOST_SILENT = 3


class LaterAnswers:
    """One lane's. Not for several threads."""

    def __init__(self, destination: str, journal: Journal, policy: retry.Policy) -> None:
        self._destination = destination
        self._journal = journal
        self._policy = policy
        self._silent = 0

    def is_due(self, message: Spooled, ack: Acknowledgement) -> bool:
        """Say whether the application owes an answer after this CA: the message asks for one, no rule says else."""
        return message.wants_application and not retry.has_rule_for(self._policy, ack)

    def is_awaited(self, message: Spooled, ack: Acknowledgement) -> bool:
        """Say whether to wait for the application's answer after this CA."""
        return self._silent < _MOST_SILENT and self.is_due(message, ack)

    def committed_only(self, message_id: int) -> None:
        """Count a commit that no application answer followed."""
        if self._silent == 0:
            say(logging.WARNING, "ack.commit-only", message=message_id, destination=self._destination)
        self._silent += 1
        if self._silent == _MOST_SILENT:
            say(logging.WARNING, "link.commit-only", destination=self._destination, commits=_MOST_SILENT)

    def application_answers(self) -> None:
        """The application has answered: it is worth waiting for."""
        self._silent = 0

    def record(self, ack: Acknowledgement | Unreadable, at_ms: int) -> bool:
        """Keep an answer that came then at its message; False where we have none of that control id.

        One that cannot be read is told in the log. Raises JournalUnavailable: nothing is kept then.
        """
        if isinstance(ack, Unreadable):
            say(logging.WARNING, "ack.unreadable", code=ack.code, destination=self._destination)
            return True
        decision = retry.judge_ack(self._policy, ack, refused=1, may_have_left=True)
        accepts = ack.code in ACK_CODES and isinstance(decision, retry.Delivered)
        kept = self._journal.delivery.said_later(
            self._destination, ack.control_id, ack.code, ack.raw, accepts=accepts, at_ms=at_ms
        )
        if kept is None:
            return False
        if ack.code in ("AA", "AE", "AR"):
            self.application_answers()
        if kept.contradicts:
            if not kept.repeated:
                say(logging.ERROR, "message.contradicted", message=kept.message_id, code=ack.code)
        else:
            say(logging.INFO, "ack.late", message=kept.message_id, code=ack.code)
        return True
