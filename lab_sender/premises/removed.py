"""Destinations that the journal knows, with something left, and the configuration has no more.

Holds: `removed`, which finds them, and the errors over which no agent starts, for outboxes too (known.py).
Promises: whatever waits or lies in quarantine is named by its destination, with the command that gives it up: nothing
is forgotten because a line of the configuration went.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import View
from lab_sender.premises.known import Known, RemovedOutbox


class Removed(NamedTuple):
    """A destination that is not configured, and how many messages wait for it or lie in quarantine."""

    name: str
    waiting: int
    quarantined: int

    @property
    def text(self) -> str:
        """Say what it still has."""
        parts = [f"{self.waiting} waiting"] * bool(self.waiting)
        parts += [f"{self.quarantined} in quarantine"] * bool(self.quarantined)
        many = "a message" if self.waiting + self.quarantined == 1 else "messages"
        return f"the journal has {many} for {self.name} ({', '.join(parts)}), which is no destination any more."

    @property
    def hint(self) -> str:
        """Say how to go on."""
        return (
            f"Write {self.name} back into the configuration, under that name; or give up what it has:"
            f' `lab-sender dismiss --all --to {self.name} --why TEXT`.'
        )


def removed(configured: Collection[str], view: View) -> tuple[Removed, ...]:
    """Find the destinations that are not configured and have something that is not settled."""
    found = []
    for name in view.destinations():
        if name not in configured:
            counts = view.counts(name)
            waiting = counts.get("spooled", 0) + counts.get("sending", 0)
            each = Removed(name, waiting, counts.get("quarantined", 0) - view.taken_by_nobody(name))
            found += [each] * bool(each.waiting or each.quarantined)
    return tuple(found)


def demand_none_removed(view: View, configured: Collection[str], known: Known) -> None:
    """Raise AgentError `destination.removed` or `outbox.removed` (exit 78) where there is one.

    An outbox that cannot be reached is no reason: what it has waits, and others go on.
    """
    _demand_none("destination.removed", removed(configured, view))
    _demand_none("outbox.removed", [each for each in known.removed if not each.is_away])


def _demand_none(code: str, found: Sequence[Removed | RemovedOutbox]) -> None:
    if found:
        text, hint = " ".join(each.text for each in found), " ".join(each.hint for each in found)
        raise AgentError(code, text, hint=hint, exit_code=ExitCode.CONFIG)
