"""What lies in the outboxes and is not taken yet. What the journal has, search.py lists.

Holds: `lying`.
Promises: no patient data.
Never: changes anything.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from lab_sender.errors import LabSenderError
from lab_sender.operations import patience
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about


class Lying(Value, frozen=True):
    """One entry of the outbox that has not been taken."""

    name: Annotated[str, about("Its name in the outbox.")]
    outbox: Annotated[str, about("The outbox's folder.")]
    why: Annotated[str, about("Why it has not been taken: settling, being written, empty, temporary ...")]
    age_s: Annotated[float, about("How many seconds ago it came or was last written.")]
    size: Annotated[int, about("Its bytes; of a sub-folder, how many files are in it, at most 1,000.")]


class OutboxListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/outbox/1"):
    """What `list --outbox` shows, the oldest first."""

    entries: Annotated[tuple[Lying, ...], about("What lies in the outbox and is not taken yet, the oldest first.")]
    total: Annotated[int, about("How many there are, shown or not.")]


def lying(installation: Installation, *, limit: int = 50) -> OutboxListing:
    """List what lies in the outbox and is not taken yet. Raises LabSenderError `outbox.unreachable`."""
    from lab_sender.operations.outboxes import ask_share, lies_in_outbox

    every = list[Lying]()
    for outbox in installation.config.outboxes:
        folder = str(outbox.folders.outbox)
        which = f" {folder}" if len(installation.config.outboxes) > 1 else ""
        try:
            look = partial(lies_in_outbox, installation.config, outbox, ask_writers=True)
            there = ask_share(outbox, look)
        except patience.Hangs:
            hint = "Bring its share back; what was taken before goes out meanwhile."
            raise LabSenderError("outbox.unreachable", f"the outbox{which} does not answer.", hint=hint) from None
        if there is None:
            hint = "`lab-sender check` shows what is wrong with it."
            raise LabSenderError("outbox.unreachable", f"the outbox{which} cannot be read.", hint=hint)
        every += [Lying(each.name, folder, each.why, round(each.age_s, 1), each.size) for each in there]
    every.sort(key=lambda each: -each.age_s)
    return OutboxListing(tuple(every[:limit]), len(every))
