"""What a lane tells: the state of its link, for `status` and the log, and why a message was refused.

Holds: what was told last, and the wording.
Promises: a change is logged once; the journal's row is written when it changes or the next try moves.
Never: tells the HIS's own words, which may name a patient, to the log or the status; they stay in the journal's
reason and in the file beside the quarantined one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from lab_sender.journal import Attempt, now_ms
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, Outcome

WriteLink = Callable[[str, str, str, int | None], None]
"""Writes link, code, detail and the next try (milliseconds of the epoch) to the lane's row."""


class LaneStatus:
    """The state of one lane's link as others see it."""

    def __init__(self, destination: str, write: WriteLink) -> None:
        self._destination = destination
        self._write = write
        self._told = ("", "")

    @property
    def link(self) -> str:
        """The link's state as told last: up, down, idle, waiting, held."""
        return self._told[0]

    def tell(self, link: str, code: str = "", detail: str = "", after_s: float | None = None) -> None:
        """Note the state of the link; `after_s` is the wait before the next try."""
        if (link, code) != self._told:
            level = logging.WARNING if code else logging.INFO
            say(level, f"link.{link}", code=code, destination=self._destination)
        elif after_s is None:
            return
        self._told = (link, code)
        self._write(link, code, detail, None if after_s is None else now_ms() + int(after_s * 1000))


def attempt_of(message_id: int, started_ms: int, outcome: Outcome) -> Attempt:
    """Make the journal's record of an exchange."""
    return Attempt(
        message_id,
        started_ms,
        outcome.kind,
        outcome.phase,
        outcome.code,
        outcome.detail,
        outcome.ack.code if outcome.ack else "",
        outcome.ack.raw if outcome.ack else None,
        outcome.foreign_ids,
        round(outcome.elapsed_ms, 3),
    )


def refusal_reason(ack: Acknowledgement) -> str:
    """Write the reason of a refusal for the operator, as the HIS gave it; a text given twice is told once."""
    parts = [f"The HIS answered {ack.code}"]
    if ack.error_codes:
        parts.append(f"with error {', '.join(ack.error_codes)}")
    words = " / ".join(dict.fromkeys(text for text in (ack.text, ack.error_text) if text))
    return " ".join(parts) + (f": {words}" if words else ".")
