"""What lies in the outboxes and is not taken yet, or waits to be read. What the journal has, search.py lists.

Holds: `lying`.
Promises: no patient data.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab_sender import files
from lab_sender.errors import LabSenderError
from lab_sender.ids import ClaimName
from lab_sender.operations import patience, wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig


class Lying(Value, frozen=True):
    """One entry of the outbox that has not been taken, or was taken and is no message yet."""

    name: Annotated[str, about("Its name in the outbox.")]
    outbox: Annotated[str, about("The outbox's folder.")]
    why: Annotated[
        str,
        about("Why not yet: settling, being written, empty ... `received`: it waits, as for its attachment."),
    ]
    age_s: Annotated[float, about("How many seconds ago it came or was last written.")]
    size: Annotated[int, about("Its bytes; of a sub-folder, how many files are in it, at most 1,000.")]


class OutboxListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/outbox/1"):
    """What `list --outbox` shows, the oldest first."""

    entries: Annotated[
        tuple[Lying, ...], about("What lies in the outbox, or was received and waits to be read; the oldest first.")
    ]
    total: Annotated[int, about("How many there are, shown or not.")]


def lying(installation: Installation, *, limit: int = 50) -> OutboxListing:
    """List what lies in the outbox and is no message yet. Raises LabSenderError `outbox.unreachable`."""
    from lab_sender.operations.outboxes import ask_share

    every = list[Lying]()
    for outbox in installation.config.outboxes:
        folder = str(outbox.folders.outbox)
        which = f" {folder}" if len(installation.config.outboxes) > 1 else ""
        try:
            there = ask_share(outbox, partial(_there, installation, outbox))
        except patience.Hangs:
            hint = "Bring its share back; what was taken before goes out meanwhile."
            raise LabSenderError("outbox.unreachable", f"the outbox{which} does not answer.", hint=hint) from None
        if there is None:
            hint = "`lab-sender check` shows what is wrong with it."
            raise LabSenderError("outbox.unreachable", f"the outbox{which} cannot be read.", hint=hint)
        every += there
    every.sort(key=lambda each: -each.age_s)
    return OutboxListing(tuple(every[:limit]), len(every))


def _there(installation: Installation, outbox: OutboxConfig) -> list[Lying] | None:
    """List what is no message yet of one outbox; None where it cannot be read."""
    from lab_sender.operations.outboxes import claimed, lies_in_outbox

    folder = str(outbox.folders.outbox)
    waiting = claimed(outbox)
    untaken = lies_in_outbox(installation.config, outbox, ask_writers=True)
    if untaken is None:
        return None
    known: Set[str] = frozenset()
    if installation.has_journal:
        with installation.view() as view:
            known = view.claimed_names()
    lying = [Lying(each.name, folder, each.why, round(each.age_s, 1), each.size) for each in untaken]
    lying += [each for path in waiting if path.name not in known and (each := _received(path, folder)) is not None]
    return lying


def _received(path: Path, folder: str) -> Lying | None:
    """Tell of a claimed file, without age and size where this account may not ask for them; None if it has gone."""
    age_s, size = 0.0, 0
    try:
        if (seen := files.seen(path)) is None:
            return None
        age_s, size = wording.age_s(round(max(seen.st_mtime, seen.st_ctime) * 1000)) or 0.0, seen.st_size
    except OSError:
        pass
    return Lying(ClaimName.parse(path.name).name, folder, "received", round(age_s, 1), size)
