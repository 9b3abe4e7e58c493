"""What became of a file that was dropped.

Holds: `Dropped`, by which one file is known among all others, and the look and the wait for the fate of its messages.
Promises: a file is known by its name, its content and when it was dropped. A duplicate has the fate of the message it
is the same as, a resent message that of its copy; of a file that was read again the last reading counts.
Never: writes or runs an agent, or needs one; without a journal the file waits.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from lab_sender.errors import LabSenderError

if TYPE_CHECKING:
    from lab_sender.journal import Address, Line, View

Outcome = Literal["delivered", "contradicted", "quarantined", "given-up", "waiting"]

_OUTCOMES: Final[dict[str, Outcome]] = {
    "acked": "delivered", "quarantined": "quarantined", "dismissed": "given-up",
}  # fmt: skip
"""By the journal's states; a message in any other waits."""
BY_ITSELF: Final = -1
_FIRST_REST_S, _LONGEST_REST_S = 0.05, 1.0
_MOST_MESSAGES = 1_000_000
_MOST_STEPS = 100
"""How often a message may have taken another's place; a journal that leads in a circle ends there."""


class Dropped(Struct, frozen=True):
    """What a file is known by: its name in the outbox, its SHA-256 in hex, and the newest source before it.

    Where that is not known (`BY_ITSELF`), the newest file of this name and content is meant.
    """

    name: str
    sha256: str
    after: int


class MessageFate(Struct, frozen=True):
    """What became of one message. `final` decides: the message itself, its copy, or the one it is the same as."""

    outcome: Outcome
    line: Line
    final: Line


class Fate(Struct, frozen=True):
    """What became of a file; without messages it has not been taken, as far as the journal knows."""

    messages: tuple[MessageFate, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The file's as a whole: `waiting` while one message waits, else the worst that one of them has."""
        found = {each.outcome for each in self.messages} or {"waiting"}
        worst: tuple[Outcome, ...] = ("waiting", "quarantined", "given-up", "contradicted")
        return next((each for each in worst if each in found), "delivered")


def fate(view: View, dropped: Dropped) -> Fate:
    """Look once. Raises LabSenderError `journal.replaced` where this is not the journal of the time of the drop."""
    if view.last_source_id() < dropped.after:
        raise LabSenderError(
            "journal.replaced",
            "the journal is not the one that was there when the file was dropped; it cannot say what became of it.",
            hint=f"Look for {dropped.name} in the folders sent and quarantine.",
        )
    sources = view.sources_since(dropped.after, dropped.name, bytes.fromhex(dropped.sha256))
    messages: tuple[MessageFate, ...] = ()
    for source in sources[-1:] if dropped.after == BY_ITSELF else sources:
        lines = view.lines(source_ids=[source], limit=_MOST_MESSAGES)[::-1]
        read_again = any(each["kind"] == "file.released" for each in view.events(None, source))
        own = {line.message_id for line in lines}
        first = [line for line in lines if line.replaces is None or line.replaces not in own]  # no copies
        messages = tuple(_fate_of(view, line, read_again=read_again) for line in first)
        if not read_again:
            break
    return Fate(messages)


def wait(journal: Address, dropped: Dropped, timeout_s: float) -> Fate:
    """Look until no message of the file waits, or the time is up; then it says how far they are.

    A journal that cannot be read now is looked at again. Raises JournalUnavailable when it never could be.
    """
    from lab_sender.journal import JournalUnavailable

    deadline = time.monotonic() + timeout_s
    seen: Fate | None = None
    rest_s = _FIRST_REST_S
    while True:
        left_s = deadline - time.monotonic()
        try:
            seen = look(journal, dropped)
        except JournalUnavailable:
            if left_s <= 0 and seen is None:
                raise
        if left_s <= 0 or (seen is not None and seen.outcome != "waiting"):
            return seen or Fate()
        time.sleep(min(rest_s, left_s))
        rest_s = min(rest_s * 1.1, _LONGEST_REST_S)


def look(journal: Address, dropped: Dropped) -> Fate:
    """Look once, where there may be no journal yet. Raises JournalUnavailable."""
    from lab_sender.journal import View

    if isinstance(journal, Path) and (not journal.exists() or not journal.stat().st_size):
        return Fate()
    with contextlib.closing(View(journal)) as view:
        return fate(view, dropped) if view.schema_version() else Fate()  # an agent is making it just now


def _fate_of(view: View, line: Line, *, read_again: bool) -> MessageFate:
    """Return a message's fate. One that another took the place of has the fate of that one, which may be to come."""
    final = line
    for _ in range(_MOST_STEPS):
        other = _decided_by(view, final)
        if other is None:
            break
        final = other
    outcome = _OUTCOMES.get(final.state, "waiting")
    if outcome == "given-up" and read_again:
        outcome = "waiting"
    return MessageFate("contradicted" if final.contradicted else outcome, line, final)


def _decided_by(view: View, line: Line) -> Line | None:
    """Return the message that a message is the same as, or that took its place; None where it decides itself."""
    if line.state == "duplicate":
        return None if line.same_as is None else view.message(line.same_as)
    if line.state == "replaced" and line.replaced_by is not None:
        return view.message(line.replaced_by)
    return None
