"""What is of one machine alone, of several whose agents share the journal.

Holds: which conditions are, and which other machines work.
Promises: pure. Where a machine has the journal alone nothing has a name.
Never: looks at anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from lab_sender.operations.conditions import Condition
    from lab_sender.operations.nodes import NodeStatus

_OF_MACHINE: Final = frozenset(
    (
        "agent.none", "agent.stuck", "config.not-in-force", "config.refused", "destination.removed",
        "disk.filling", "disk.low", "intake.nobody", "intake.quiet", "intake.stuck", "intake.waits",
        "journal.behind", "journal.elsewhere", "journal.missing", "journal.unavailable", "keeper.waits",
        "outbox.missing", "outbox.unreachable", "outbox.unreadable", "outbox.untaken", "retention.failed",
    )
)  # fmt: skip
"""Those that are, whatever they are due to."""


def others_alive(nodes: Iterable[NodeStatus]) -> list[NodeStatus]:
    """Return the other machines whose agents work, as far as is known."""
    return [each for each in nodes if not (each.here or each.stopped or each.away)]


def is_of_machine(code: str, destination: str, cause: str) -> bool:
    """Say whether a condition is of one machine alone, of several: due to its agent, configuration, files or disk."""
    return (
        code in _OF_MACHINE
        or (code, destination) == ("waiting.old", "")
        or (code, cause) == ("certificate.ends", "own")
    )


def with_machine(each: Condition, here: str | None, nodes: Sequence[NodeStatus]) -> Condition:
    """Name the machine; that no agent runs concerns all where no other one works either."""
    if each.code == "agent.none" and not others_alive(nodes):
        return each
    is_own = is_of_machine(each.code, each.destination or "", each.cause or "")
    return replace(each, node=here) if is_own else each
