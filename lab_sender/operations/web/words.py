"""The words of acts, as buttons and pages have them; and what a page advises.

Holds: `ACTS`, and `words_of` and `follows` of a list; `DID`, what is on record; `advice`, what a code means and what
to do about it on the page.
Promises: one word for one act, on every page. What has no words here is said as `explain` does.
Never: does anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab_sender.operations.web.banner import meaning, settings_of

if TYPE_CHECKING:
    from lab_sender.operations.bulk import Frozen

ACTS: Final[dict[str, tuple[str, str]]] = {
    "release": ("Release", "released"),
    "rebuild": ("Build anew", "built anew"),
    "resend": ("Send again", "sent again"),
    "dismiss": ("Give up", "given up"),
}
"""Of each act: its button, and what is done with it."""
READ_AGAIN: Final = ("Read again", "read again")
"""The same of a release of what was never built: there are no bytes that could go out."""
_FOLLOWS: Final[dict[str, tuple[str, str]]] = {
    "release": (
        "It goes out, with the content that it has.", "They go out in order, with the content that they have."
    ),
    "rebuild": (
        "It is built again by the profile of now, and goes out.",
        "They are built again by the profile of now, and go out in order.",
    ),
    "resend": (
        "A copy goes out under a new control id, behind what waits.",
        "A copy of each goes out under a new control id, behind what waits.",
    ),
    "dismiss": ("It is not sent from now on.", "They are not sent from now on."),
}
"""What follows from an act, on one and on several."""
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


def words_of(frozen: Frozen) -> tuple[str, str]:
    """Return the button of an act on a list, and what is done with it."""
    return READ_AGAIN if frozen.act == "release" and frozen.read_again == frozen.count else ACTS[frozen.act]


def follows(frozen: Frozen) -> str:
    """Say what follows from an act on a list."""
    again = frozen.read_again
    if frozen.act == "release" and again:
        if again == frozen.count:
            whose = "Its file is" if again == 1 else "Their files are"
            return f"{whose} read again, and what can be built then goes out."
        was = "1 that was" if again == 1 else f"{again} that were"
        return f"{_FOLLOWS['release'][1]} The files of {was} not built are read again."
    return _FOLLOWS[frozen.act][frozen.count > 1]


def advice(code: str | None, destination: str | None = None) -> tuple[str, str]:
    """Return what a code of ours means and what to do about it on the page, of one destination with its settings."""
    means, todo = _ADVICE.get(code or "") or meaning(code)
    return settings_of(means, destination), settings_of(todo, destination)
