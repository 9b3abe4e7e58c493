"""What there is to file, outbox by outbox.

Holds: the sources of which a file may have to move, sorted for the keepers of one agent, and what each of them waits
for.
Promises: what has become final, here or by another process's act, is given to the keeper of the outbox that it came
from, once; what came from an outbox that is not configured any more, to that of the first one. `status` is shown the
trouble of one keeper as long as any has one.
Never: touches a file, or waits for one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from lab_sender.journal import Journal
from lab_sender.journal.shared_trouble import SharedTrouble


class Feed:
    """What the keepers over one journal work off. Threads share it."""

    def __init__(self, journal: Journal, outboxes: Sequence[str] = ("",)) -> None:
        self._journal = journal
        self._outboxes = outboxes
        self._lock = threading.Lock()
        self._version = self._event = -1
        self._finished: set[int] = set()
        self._todo: dict[str, set[int]] = {outbox: set() for outbox in outboxes}
        self.trouble = SharedTrouble(journal.filing.trouble)

    def look(self) -> None:
        """See what others have written to the journal since the last look. Raises JournalUnavailable."""
        filing = self._journal.filing
        with self._lock:
            if self._version != (now := self._journal.store.foreign_version()):
                newest = filing.last_event()
                if self._event < 0:
                    self._finished.update(filing.unsettled_sources(), filing.reasons())
                else:
                    self._finished.update(filing.unsettled_since(self._event))
                self._sort()
                self._version, self._event = now, newest

    def take(self, outbox: str) -> set[int]:
        """Return what there is to file of an outbox since the last call. Raises JournalUnavailable; none is lost."""
        with self._lock:
            self._finished |= self._journal.delivery.finished_sources()
            if self._finished:
                self._sort()
            todo, self._todo[outbox] = self._todo[outbox], set()
            return todo

    def _sort(self) -> None:
        """Give each source that has changed, and those that share its fate, to the outbox that it is of."""
        filing, first = self._journal.filing, self._outboxes[0]
        sources = self._finished | filing.sharing(self._finished)
        named = filing.outboxes_of(sources) if len(self._outboxes) > 1 else {}
        for source_id in sources:
            self._todo.get(named.get(source_id, first), self._todo[first]).add(source_id)
        self._finished = set()
