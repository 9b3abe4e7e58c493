"""What the intakes of one agent share, one for each outbox.

Holds: the locks, the sequence of claim ids, and what each of them waits for.
Promises: claim ids sort in the order of the claims over all outboxes. Two intakes never look at what is known and add
to it at the same time, and never read a file by itself at the same time. `status` is shown the trouble of one intake
as long as any has one.
Never: waits for an outbox: an intake that holds a lock works on the journal, but for reading by itself at a start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from lab_sender.ids import ID_LENGTH, is_id, new_id
from lab_sender.journal import IntakeBooks
from lab_sender.journal.shared_trouble import SharedTrouble


class Together:
    """What the intakes over one journal share.

    `owners` has, for each name in the journal, the outbox that has the files of that name.
    """

    def __init__(self, journal: IntakeBooks, owners: Mapping[str, str] | None = None) -> None:
        self._owners = owners or {}
        self.spooling = threading.Lock()
        """Held from the look at what is known until the batch is in the journal."""
        self.reading_alone = threading.Lock()
        """Held while files are read one by one after an unclean end: one mark says which it is."""
        self.newest_spooled = ""
        """The newest claim that is in the journal; whoever spools changes it. What sorts before it was passed."""
        self.ids = ClaimIds()
        self.trouble = SharedTrouble(journal.spool.trouble)

    def elsewhere(self, outbox: str) -> frozenset[str]:
        """Return the names in the journal of what came by other outboxes."""
        return frozenset(name for name, owner in self._owners.items() if owner != outbox)


class ClaimIds:
    """The claim ids of one agent: each sorts behind all before it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest = ""

    def next(self) -> str:
        """Return a new one."""
        with self._lock:
            self._newest = new_id(self._newest)
            return self._newest

    def go_on_from(self, ids: Iterable[str]) -> None:
        """Sort behind these too, which were given before."""
        known = (each[:ID_LENGTH] for each in ids)  # one released under schema 2 has a letter more
        with self._lock:
            self._newest = max([self._newest, *filter(is_id, known)])
