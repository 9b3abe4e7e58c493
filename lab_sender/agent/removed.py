"""Destinations and outboxes that the journal knows, with something left, and the configuration has no more.

Holds: `removed` and `removed_outboxes`, which find them, and the errors over which no agent starts.
Promises: whatever waits or lies in quarantine is named by its destination, with the command that gives it up, and so
is an outbox with claimed files in it: nothing is forgotten because a line of the configuration went.
Never: changes anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from lab_sender import files
from lab_sender.config.folders import OutboxConfig
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
            each = Removed(name, waiting, counts.get("quarantined", 0) - view.taken_by_nobody(name))
            found += [each] * bool(each.waiting or each.quarantined)
    return tuple(found)


class RemovedOutbox(NamedTuple):
    """An outbox that is not configured: its claimed files lie in `folder`, others of it are in quarantine."""

    name: str
    folder: Path
    claimed: int
    quarantined: int

    @property
    def text(self) -> str:
        """Say what it still has."""
        parts = [f"{self.claimed} claimed in {self.folder}"] * bool(self.claimed)
        parts += [f"{self.quarantined} in quarantine"] * bool(self.quarantined)
        name = f" {self.name}" if self.name else " of before"
        return f"the outbox{name}, which is no outbox any more, still has files: {', '.join(parts)}."

    @property
    def hint(self) -> str:
        """Say how to go on."""
        return (
            "Write it back into the configuration and let it run empty, and release or dismiss what it has in"
            " quarantine; then take it out. If what is in it is a copy of what lies elsewhere now, take it away."
        )


def removed_outboxes(configured: Sequence[OutboxConfig], view: View) -> tuple[RemovedOutbox, ...]:
    """Find the outboxes of the last agent that are not configured, are where they were, and are not through."""
    here = [each.folders.by_name["claimed"] for each in configured]
    identities = [files.identity(each) for each in here]
    found = []
    for name, path in view.claimed_folders().items():
        folder = Path(path)
        if folder in here or not folder.is_dir() or files.identity(folder) in identities:
            continue
        each = RemovedOutbox(
            name, folder, sum(1 for _ in files.entries(folder)), view.quarantined_of_outbox(name)
        )
        found += [each] * bool(each.claimed or each.quarantined)
    return tuple(found)


def demand_none_removed(journal: Path, configured: Collection[str], outboxes: Sequence[OutboxConfig]) -> None:
    """Raise AgentError `destination.removed` or `outbox.removed` (exit 78) where there is one."""
    with contextlib.closing(View(journal)) as view:
        _demand_none("destination.removed", removed(configured, view))
        _demand_none("outbox.removed", removed_outboxes(outboxes, view))


def _demand_none(code: str, found: Sequence[Removed | RemovedOutbox]) -> None:
    if found:
        text, hint = " ".join(each.text for each in found), " ".join(each.hint for each in found)
        raise AgentError(code, text, hint=hint, exit_code=ExitCode.CONFIG)
