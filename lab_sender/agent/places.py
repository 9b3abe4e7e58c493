"""What an agent among several keeps in mind of a lane, of a shared outbox, and of the other agents.

Holds: the facts, without a rule.
Promises: nothing: node.py does.
Never: asks a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from lab_sender.journal import Fence, Seen, outbox_of

T = TypeVar("T")


def lanes_of(places: Mapping[str, T]) -> dict[str, T]:
    """Leave out the outboxes: they are spread over nobody."""
    return {name: each for name, each in places.items() if not outbox_of(name)}


def named(name: str) -> dict[str, str]:
    """Return how an event names it."""
    return {"outbox": outbox_of(name)} if outbox_of(name) else {"destination": name}


class Place:
    """One destination or outbox, as this node sees it."""

    def __init__(self) -> None:
        self.is_waited_for = False
        self.fence: Fence | None = None
        self.to_give_back: Fence | None = None
        self.is_wanted_back = False
        self.seen = Seen()


class Peer:
    """Another node, as it was seen."""

    def __init__(self) -> None:
        self.beat: object = None
        self.seen = Seen()
        self.has_moved = False
