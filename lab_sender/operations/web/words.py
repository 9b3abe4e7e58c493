"""The words of acts, as buttons and pages have them.

Holds: `ACTS`.
Promises: one word for one act, on every page.
Never: does anything.
"""

from __future__ import annotations

from typing import Final

ACTS: Final[dict[str, tuple[str, str, str]]] = {
    "release": ("Release", "released", "They go out in order, with the content that they have."),
    "rebuild": ("Build anew", "built anew", "They are built again by the profile of now, and go out in order."),
    "resend": ("Send again", "sent again", "A copy of each goes out under a new control id, behind what waits."),
    "dismiss": ("Give up", "given up", "They are not sent, now or later."),
}
"""Of each act: its button, what is done with it, and what follows."""
