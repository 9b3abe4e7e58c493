"""Destinations that the journal has messages for and the configuration has no more.

Holds: `removed`, which finds them, and the error over which no agent starts.
Promises: whatever waits or lies in quarantine is named by its destination, with the command that gives it up: nothing
is forgotten because a line of the configuration went.
Never: changes anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import View


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
            each = Removed(name, waiting, counts.get("quarantined", 0))
            found += [each] * bool(each.waiting or each.quarantined)
    return tuple(found)


def demand_none_removed(journal: Path, configured: Collection[str]) -> None:
    """Raise AgentError `destination.removed` (exit 78) where there is one."""
    with contextlib.closing(View(journal)) as view:
        found = removed(configured, view)
    if found:
        text, hint = " ".join(each.text for each in found), " ".join(each.hint for each in found)
        raise AgentError("destination.removed", text, hint=hint, exit_code=ExitCode.CONFIG)
