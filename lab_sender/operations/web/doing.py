"""What every act that is asked for on the page or by the API has: a reason, and who.

Holds: how both are read.
Promises: no act without a reason; who it was is on record as the account, and that it came by the page.
Never: does anything.
"""

from __future__ import annotations

from typing import Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.files import valid_name
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.web.asked import Asked

LONGEST_REASON: Final = 400


class NoReason(LabSenderError):
    """Nothing was done."""

    exit_code = ExitCode.USAGE


def reason_of(asked: Asked) -> str:
    """Return the reason that was typed. Raises NoReason."""
    return reason(asked.text("why"))


def reason(text: str) -> str:
    """Return a reason as it goes on record. Raises NoReason."""
    why = valid_name(text).strip()
    if not why or len(why) > LONGEST_REASON:
        text = f"an act needs a reason, of up to {LONGEST_REASON} characters."
        raise NoReason("act.no-reason", text, hint="Say in a few words why; it is kept with your name.")
    return why


def who_of(visitor: Visitor) -> str:
    """Name whoever acts, for the journal."""
    return visitor.name if visitor.key is not None else f"{visitor.name} (page)"
