"""What whoever sends, receives or files writes by.

Holds: the part of a journal that a lane, an intake or a keeper needs; the same for as long as a lease is ours.
Promises: what is of a lease writes by a store that has its fence.
Never: opens a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from lab_sender.journal.database import Store
from lab_sender.journal.delivery import DeliveryBook
from lab_sender.journal.filing import FilingBook
from lab_sender.journal.minutes import Minutes
from lab_sender.journal.spool import SpoolBook

if TYPE_CHECKING:
    from lab_sender.journal.postgres.lane_store import LaneStore


class LanesBooks(Protocol):
    """What a lane writes by: the whole journal, or its part of one that several agents share."""

    @property
    def store(self) -> Store:
        """The writer."""

    @property
    def delivery(self) -> DeliveryBook:
        """The book of what leaves."""

    @property
    def minutes(self) -> Minutes:
        """What is counted."""


class FencedBooks(NamedTuple):
    """The books of a destination's lanes, for as long as its lease is ours."""

    store: LaneStore
    delivery: DeliveryBook
    minutes: Minutes


class OutboxBooks(NamedTuple):
    """The books of an outbox that agents share, for as long as its lease is ours: what comes, and where files lie.

    `after_unclean_end`: whoever had it before has not given it back.
    """

    store: LaneStore
    spool: SpoolBook
    filing: FilingBook
    after_unclean_end: bool

    def close(self) -> None:
        """Close all connections."""
        self.spool.close()
        self.filing.close()
        self.store.close()


class IntakeBooks(Protocol):
    """What an intake writes by: the whole journal, or its part of one that several agents share."""

    @property
    def spool(self) -> SpoolBook:
        """The book of what comes."""

    @property
    def after_unclean_end(self) -> bool:
        """Whether whoever had the outbox before did not end in good order."""
