"""Lists: what the journal has, and what lies in the outboxes.

Holds: `listing` and `lying`; what a message or an unreadable file is in them, stories.py has.
Promises: no patient data. A list costs what it shows.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

from lab_sender.errors import LabSenderError
from lab_sender.operations import wording
from lab_sender.operations.destinations import known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.journal import Line, View

_MORE: Final = 8
"""How many times as many lines are asked for next."""


class Listing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/list/1"):
    """What `list` shows, the newest first."""

    entries: Annotated[tuple[Entry, ...], about("Messages and files that could not be read, the newest first.")]
    more: Annotated[bool, about("There are older ones; --limit shows them.")]


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


def listing(
    installation: Installation,
    *,
    words: Sequence[str] = (),
    contradicted: bool = False,
    to: Sequence[str] = (),
    limit: int = 50,
) -> Listing:
    """List messages and files that could not be read, the newest first.

    `words` of wording.STATES choose by state; `contradicted` only what the HIS took back; `to` the messages for these
    destinations. Raises NoJournal, UnknownDestination.
    """
    with installation.view() as view:
        known_to(installation.config, view, to)
        lines = [
            line
            for destination in dict.fromkeys(to) or (None,)
            for line in (
                view.contradicted(limit + 1, destination)
                if contradicted
                else _lines(view, words, limit + 1, destination)
            )
        ]
    if len(to) > 1:
        lines.sort(key=lambda line: (line.created_ms, line.source_id, line.message_id or 0), reverse=True)
    return Listing(tuple([entry_of(installation, each) for each in lines[:limit]]), len(lines) > limit)


def lying(installation: Installation, *, limit: int = 50) -> OutboxListing:
    """List what lies in the outbox and is not taken yet. Raises LabSenderError `outbox.unreachable`."""
    from lab_sender.operations.outboxes import lies_in_outbox

    every = list[Lying]()
    for outbox in installation.config.outboxes:
        there = lies_in_outbox(installation.config, outbox, ask_writers=True)
        folder = str(outbox.folders.outbox)
        if there is None:
            which = f" {folder}" if len(installation.config.outboxes) > 1 else ""
            hint = "`lab-sender check` shows what is wrong with it."
            raise LabSenderError("outbox.unreachable", f"the outbox{which} cannot be read.", hint=hint)
        every += [Lying(each.name, folder, each.why, round(each.age_s, 1), each.size) for each in there]
    every.sort(key=lambda each: -each.age_s)
    return OutboxListing(tuple(every[:limit]), len(every))


def _lines(view: View, words: Sequence[str], limit: int, destination: str | None) -> list[Line]:
    """Find the newest lines that these words of states mean.

    The journal chooses by state; where a word means some of a state only, more are asked for until there are enough.
    """
    wanted = [each for word in words for each in wording.STATES[word]]
    states = sorted({state for state, _ in wanted})
    most = limit
    while True:
        lines = view.lines(states=states, limit=most, destination=destination)
        chosen = [line for line in lines if not wanted or any(_is(line, *each) for each in wanted)]
        if len(chosen) >= limit or len(lines) < most:
            return chosen[:limit]
        most *= _MORE


def _is(line: Line, state: str, code: str) -> bool:
    return line.state == state and code in ("", line.code)
