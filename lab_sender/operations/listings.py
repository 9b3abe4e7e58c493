"""What lies in the outboxes and is not taken yet, or waits to be read. What the journal has, search.py lists.

Holds: `lying`.
Promises: no patient data.
Never: changes anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Set
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
    """List what lies in the outbox and is no message yet.

    Raises LabSenderError `outbox.unreachable`, `outbox.missing`: of an outbox that is not there nobody knows what
    lies in it.
    """
    from lab_sender.operations.outboxes import still_claimed

    outboxes = installation.config.outboxes
    seen = [_seen(installation, each) for each in outboxes]  # first: an agent may take up meanwhile what was claimed
    known: Set[str] = frozenset()
    with contextlib.suppress(LabSenderError), installation.view() as view:
        known = view.claimed_names()  # without a journal nobody knows of any: all are shown
    every = list[Lying]()
    for outbox, (untaken, claimed) in zip(outboxes, seen, strict=True):
        every += [*untaken, *still_claimed(outbox, claimed, known)]
    every.sort(key=lambda each: -each.age_s)
    return OutboxListing(tuple(every[:limit]), len(every))


def _seen(installation: Installation, outbox: OutboxConfig) -> tuple[list[Lying], dict[Path, Lying]]:
    """Return what lies in an outbox, and what was claimed of it."""
    from lab_sender.operations.outboxes import ask_share, claimed, lies_in_outbox

    folder = str(outbox.folders.outbox)
    which = f" {folder}" if len(installation.config.outboxes) > 1 else ""

    def ask() -> tuple[list[Lying] | None, dict[Path, Lying]]:
        _want_there(installation, outbox, which)
        waiting = {path: _received(path, folder) for path in claimed(outbox)}
        there = lies_in_outbox(installation.config, outbox, ask_writers=True)
        if there is None:
            return None, waiting
        return [Lying(each.name, folder, each.why, round(each.age_s, 1), each.size) for each in there], waiting

    try:
        untaken, waiting = ask_share(outbox, ask)
    except patience.Hangs:
        hint = "Bring its share back; what was taken before goes out meanwhile."
        raise LabSenderError("outbox.unreachable", f"the outbox{which} does not answer.", hint=hint) from None
    if untaken is None:
        hint = "`lab-sender check` shows what is wrong with it."
        raise LabSenderError("outbox.unreachable", f"the outbox{which} cannot be read.", hint=hint)
    return untaken, waiting


def _want_there(installation: Installation, outbox: OutboxConfig, which: str) -> None:
    """Raise LabSenderError where an outbox is not there, as `status` says it too."""
    from lab_sender.operations.outboxes import is_missing

    if installation.is_away(outbox):
        hint = "Bring its share or folder back; what was taken before goes out meanwhile."
        raise LabSenderError("outbox.unreachable", f"the outbox{which} cannot be reached.", hint=hint)
    if is_missing(installation, outbox):
        hint = (
            "Before the first start all is as it should be: the agent makes it. If lab-sender has worked here before,"
            " start nothing: find the folder, and bring it back under its name."
        )
        raise LabSenderError("outbox.missing", f"the outbox{which} is not there, and no journal is.", hint=hint)


def _received(path: Path, folder: str) -> Lying:
    """Tell of a claimed file; what this account may not ask for is 0."""
    from lab_sender.operations.outboxes import came_ms

    age_s, size = wording.age_s(came_ms(path)) or 0.0, 0
    with contextlib.suppress(OSError):
        size = files.size_of(path) or 0
    return Lying(ClaimName.parse(path.name).name, folder, "received", round(age_s, 1), size)
