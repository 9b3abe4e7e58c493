"""The words of acts, as buttons and pages have them; and what a page advises.

Holds: `ACTS`; `DID`, what is on record; `advice`, what a code means and what to do about it on the page.
Promises: one word for one act, on every page. What has no words here is said as `explain` does.
Never: does anything.
"""

from __future__ import annotations

from typing import Final

from lab_sender.operations.web.banner import meaning, settings_of

ACTS: Final[dict[str, tuple[str, str, str]]] = {
    "release": ("Release", "released", "They go out in order, with the content that they have."),
    "rebuild": ("Build anew", "built anew", "They are built again by the profile of now, and go out in order."),
    "resend": ("Send again", "sent again", "A copy of each goes out under a new control id, behind what waits."),
    "dismiss": ("Give up", "given up", "They are not sent from now on."),
}
"""Of each act: its button, what is done with it, and what follows."""
DID: Final = {
    "message.released": "released", "message.resent": "sent again", "message.dismissed": "given up",
    "message.rebuilt": "built anew", "message.made-whole": "made whole",
    "file.released": "read again", "file.dismissed": "given up",
    "file.forced": "forced past newer results",
    "message.contradiction-closed": "case closed", "messages.released": "messages released",
    "messages.resent": "messages sent again", "messages.dismissed": "messages given up", "lane.held": "held",
    "lane.brake": "held by the brake", "lane.reply": "held by a reply rule", "lane.resumed": "resumed",
}  # fmt: skip
"""What was done, by the journal's event; what is not here is shown by its code."""
_ADVICE: Final[dict[str, tuple[str, str]]] = {
    "refused": (
        "The HIS said no as often as it is asked (`his.retry.refused`).",
        "Read its words and mend the cause there. Then release; or, where the profile was at fault, mend it, reload,"
        " and build anew.",
    ),
    "quarantine": ("", "Quarantine shows them by cause; decide there."),
    "report.overtaken": (
        "While its file lay in quarantine, or waited for its attachment, a newer report of its order came.",
        "Find out which one is valid; the reason names the newer one. Where it is that, give this one up. Where it is"
        " this one, have it released with --force on the command line: the page forces nothing.",
    ),
    "report.partly-overtaken": (
        "While its file lay in quarantine, or waited for its attachment, a newer report of some of its orders came.",
        "Find out which one is valid; the reason names the newer one. Where it is that, have the laboratory report"
        " anew the orders that, it says, nothing has passed; then give this one up. Where it is this one, have it"
        " released with --force on the command line: the page forces nothing.",
    ),
    "unanswered": (
        "It was sent, and no answer came: the HIS may have it.",
        "Ask the HIS for the control id. Where it has it, give up; where not, release.",
    ),
}


def advice(code: str | None, destination: str | None = None) -> tuple[str, str]:
    """Return what a code of ours means and what to do about it on the page, of one destination with its settings."""
    means, todo = _ADVICE.get(code or "") or meaning(code)
    return settings_of(means, destination), settings_of(todo, destination)
