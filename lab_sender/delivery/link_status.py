"""What a lane tells: the state of its link, for `status` and the log, why a message was refused, and which id of it.

Holds: what was told last, and the wording.
Promises: a change is logged once; the journal's row is written when it changes or the next try moves.
Never: tells the HIS's own words, which may name a patient, to the log or the status; they stay in the journal's
reason and in the file beside the quarantined one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from lab_sender.delivery.known import MOST_CHARACTERS
from lab_sender.ids import is_ours
from lab_sender.journal import Attempt, now_ms
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, Outcome

_CODE = re.compile("[A-Za-z0-9._-]{1,20}")

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


def refusal_reason(ack: Acknowledgement, control_id: str, *, may_have_left: bool) -> str:
    """Write the reason of a refusal in our words: codes only, and of them only what looks like one."""
    codes = [code for code in ack.error_codes if _CODE.fullmatch(code)]
    told = f" with error {', '.join(codes)}" if codes else ""
    if not may_have_left:
        return f"The HIS answered {ack.code}{told}."
    return (
        f"The HIS answered {ack.code}{told}. The message may have arrived all the same: an earlier try had no answer."
        f" Ask the HIS whether it has control id {control_id}: if so, dismiss this message; if not, release it."
    )


def words_of(ack: Acknowledgement) -> str:
    """Return the beginning of the HIS's own words, which may name a patient; a text given twice is told once."""
    odd = [code for code in ack.error_codes if not _CODE.fullmatch(code)]
    words = " / ".join(dict.fromkeys(text for text in (*odd, ack.text, ack.error_text) if text))
    return words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]} ... (all of it: show --raw)"


def loggable(control_id: str) -> str:
    """Return a control id that was made here; of any other "": laboratories use accession or patient numbers."""
    return control_id if is_ours(control_id) else ""
