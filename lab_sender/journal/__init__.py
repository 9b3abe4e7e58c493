"""journal/: the durable store. The journal is the fact; folders are a view of it.

Holds: one book for each room that writes (intake: spool, lane: delivery, keeper: filing and retention, operator:
operator), all over one writer, and a view for whoever reads.
Promises: one method per domain event, one transaction per method.
Never: builds, sends or moves anything.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lab_sender.config.server import Server
from lab_sender.errors import LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal.acts import ActRejected
from lab_sender.journal.books import FencedBooks, IntakeBooks, LanesBooks, OutboxBooks
from lab_sender.journal.criteria import Criteria, Cursor
from lab_sender.journal.database import (
    Address,
    DeletionRejected,
    JournalUnavailable,
    Store,
    now_ms,
    until_available,
)
from lab_sender.journal.delivery import DeliveryBook
from lab_sender.journal.filing import FilingBook
from lab_sender.journal.kept import Kept, KeptView
from lab_sender.journal.leases import ALERTS, Fence, LeaseLost, LeaseRow, NodeRow, Seen, clock
from lab_sender.journal.lists import Line
from lab_sender.journal.mark import Mark
from lab_sender.journal.minutes import Minutes, OutcomeOfTry
from lab_sender.journal.next_step import next_step
from lab_sender.journal.notes import note, note_his, noted, says_clean
from lab_sender.journal.opening import leases_of, open_lane_store, open_leases, open_records, open_store
from lab_sender.journal.operator import OperatorBook
from lab_sender.journal.order_history import LONGEST
from lab_sender.journal.rebuild import Original, RebuildBook
from lab_sender.journal.reloads import Asked, ReloadBook, Reloaded
from lab_sender.journal.retention import Due, OldFile, RetentionBook
from lab_sender.journal.room import Free, Room
from lab_sender.journal.rows import (
    Attempt,
    FileRow,
    Folder,
    Heads,
    HoldKind,
    LaneRow,
    LaterAnswer,
    LedgerEntry,
    LeftFile,
    MinuteRow,
    NewFile,
    NewMessage,
    NewSource,
    ReadBefore,
    Remark,
    Resting,
    Share,
    Spooled,
)
from lab_sender.journal.several import Done, NotDone, OfFile, Outcome, Weighed
from lab_sender.journal.sharing import Sharing, lease_of, outbox_of
from lab_sender.journal.spool import SpoolBook
from lab_sender.journal.sqlite import SCHEMA_VERSION
from lab_sender.journal.taken import Taken
from lab_sender.journal.view import View
from lab_sender.log import say

if TYPE_CHECKING:
    from lab_sender.journal.postgres.leases import LeaseTable

__all__ = [
    "ALERTS",
    "LONGEST",
    "SCHEMA_VERSION",
    "ActRejected",
    "Address",
    "Asked",
    "Attempt",
    "Criteria",
    "Cursor",
    "DeletionRejected",
    "Done",
    "Due",
    "Fence",
    "FencedBooks",
    "FileRow",
    "FilingBook",
    "Folder",
    "Free",
    "Heads",
    "HoldKind",
    "IntakeBooks",
    "Journal",
    "JournalUnavailable",
    "Kept",
    "KeptView",
    "LaneRow",
    "LanesBooks",
    "LaterAnswer",
    "LeaseLost",
    "LeaseRow",
    "LedgerEntry",
    "LeftFile",
    "Line",
    "Mark",
    "MinuteRow",
    "Minutes",
    "NewFile",
    "NewMessage",
    "NewSource",
    "NodeRow",
    "NotDone",
    "OfFile",
    "OldFile",
    "Original",
    "OutboxBooks",
    "Outcome",
    "OutcomeOfTry",
    "ReadBefore",
    "Reloaded",
    "Remark",
    "Resting",
    "RetentionBook",
    "Seen",
    "Server",
    "Share",
    "Spooled",
    "View",
    "Weighed",
    "clock",
    "lease_of",
    "leases_of",
    "next_step",
    "now_ms",
    "open_records",
    "outbox_of",
    "until_available",
]


class Journal:
    """A process's journal: the books over one writer."""

    def __init__(self, address: Address, *, who: str = "agent", busy_timeout_s: float = 5.0) -> None:
        """Open, creating a new journal if there is none. Raises AgentError or JournalUnavailable.

        `who` is on record for an act that does not say itself who does it.
        """
        self.store: Store = open_store(address, busy_timeout_s=busy_timeout_s)
        self.after_unclean_end = False
        """Whether the agent before this one did not end in good order; known once `begin` has been called."""
        self._run = new_id()
        self.minutes = Minutes(self.store)
        self.room = Room(self.store)
        self.taken = Taken(self.store)
        self.spool = SpoolBook(self.store)
        self.delivery = DeliveryBook(self.store)
        self.filing = FilingBook(self.store)
        self.operator = OperatorBook(self.store, who=who)
        self.rebuilding = RebuildBook(self.store, who=who)
        self.retention = RetentionBook(self.store)
        self.reloads = ReloadBook(self.store)
        self.sharing = Sharing(self.store)

    def begin(
        self,
        *,
        config_digest: str = "",
        his: str | Mapping[str, str] = "",
        outboxes: Sequence[str] = ("",),
        claimed: Mapping[str, str] | None = None,
    ) -> None:
        """Begin an agent's work by this configuration: where it delivers to, and the names of its outboxes.

        `his` is an address, or one by destination; `claimed` has the folder of each outbox's claimed files.

        After an unclean end that can have torn the journal (the machine's, not a killed process's), and where anybody
        else has written it since, the whole of it is checked first. Raises AgentError `journal.damaged` when the
        check fails.
        """
        with self.store.acting() as db:
            self.store.own(db, self._run)
            if noted(db, "agent_run") != self._run:  # else the same call again: the first one's COMMIT got no answer
                ended_clean = says_clean(noted(db, "clean"), db)
                self.after_unclean_end = not ended_clean
                whole = self.store.trust(db, noted(db, "machine_run"), ended_clean=ended_clean)
                if not ended_clean:
                    say(logging.WARNING, "journal.unclean-end", checked=whole)
                elif whole:
                    say(logging.INFO, "journal.checked")
            note(db, "agent_run", self._run)
            note(db, "machine_run", self.store.run_id())
            note(db, "config_digest", config_digest)
            note(db, "reload_asked", "")  # whoever asked: this agent has read the configuration anew
            note(db, "reload_answer", "")
            note_his(db, his)
            served = {*json.loads(noted(db, "outboxes") or "[]"), *outboxes}
            note(db, "outboxes", json.dumps(sorted(served if "" in outboxes else served - {""})))
            note(db, "claimed", json.dumps(dict(claimed or {})))
            note(db, "clean", "0")

    def leases(self) -> LeaseTable:
        """Open what says whose a lane is: of an agent of several, once it has begun."""
        return open_leases(self.store, self._run)

    def of_lane(self, fence: Fence) -> FencedBooks:
        """Open the books of a destination's lanes; whoever does closes their store."""
        store = open_lane_store(self.store, fence)
        return FencedBooks(store, DeliveryBook(store), self.minutes)

    def of_outbox(self, fence: Fence) -> OutboxBooks:
        """Open the books of an outbox that agents share; whoever does closes them."""
        store = open_lane_store(self.store, fence)
        return OutboxBooks(store, SpoolBook(store), FilingBook(store), fence.after_unclean_end)

    def heed(self, marks: Sequence[Mark]) -> None:
        """See that the journal knows what the outboxes of the agent have spooled last, now and behind a failover.

        Each is looked for by itself: what its intake commits meanwhile is in no look that has begun before. Raises
        AgentError (exit 74) where it does not: it is older than what was done.
        """
        for mark in marks:
            with self.store.reading() as db:
                mark.demand(db)
                mark.renew(db)
            mark.write()
        self.store.heed(marks)

    def serves(self, outbox: str, claimed: str) -> None:
        """Note an outbox that the agent has taken since it began, and the folder of its claimed files."""
        with self.store.durable() as db:
            served = {*json.loads(noted(db, "outboxes") or "[]"), outbox}
            note(db, "outboxes", json.dumps(sorted(served)))
            note(db, "claimed", json.dumps(json.loads(noted(db, "claimed") or "{}") | {outbox: claimed}))

    def end(self) -> None:
        """Note that the agent's work ended in good order."""
        with self.store.durable() as db:
            note(db, "clean", "1")

    def close(self) -> None:
        """Flush and close."""
        with contextlib.suppress(LabSenderError):
            self.minutes.flush(at_once=True)
        self.spool.close()
        self.filing.close()
        self.retention.close()
        self.store.close()
