"""What there is to file, outbox by outbox.

Holds: the sources of which a file may have to move, sorted for the keepers of one agent, and what each of them waits
for.
Promises: what has become final, here or by another process's act, is given to the keeper of the outbox that has its
files, once. What no keeper has the files of waits, and `status` is shown that; as it is shown the trouble of one
keeper as long as any has one.
Never: touches a file, or waits for one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from lab_sender.config.folders import is_others, is_shared, node_of
from lab_sender.journal import Journal
from lab_sender.journal.shared_trouble import SharedTrouble
from lab_sender.log import say

AWAY: Final = "outbox.removed-away"
"""Files have to move in an outbox that is not configured any more and cannot be reached."""
_OTHERS_SENT_S: Final = 60.0
"""How long what another agent has sent of our files may lie in claimed/ where nobody has told us."""


class Feed:
    """What the keepers over one journal work off. Threads share it."""

    def __init__(
        self,
        journal: Journal,
        outboxes: Sequence[str] = ("",),
        owners: Mapping[str, str] | None = None,
        *,
        some_unowned: bool = False,
        shared: Collection[str] = (),
        holder: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`outboxes` are the keepers' names; `owners` has the keeper of each name in the journal; None: the same.

        `some_unowned`: the journal has names of outboxes that no keeper has the files of. Where several agents share
        the journal, what another one's outbox has is that one's to file, and what it has sent of ours is ours. Of
        `shared` outboxes only what has begun is ours; `holder` says who has one, by its name in the journal.
        """
        self._journal = journal
        self._first = outboxes[0]
        self._owners = {each: each for each in outboxes} if owners is None else owners
        self._node = journal.store.node
        self._is_all_of_one = len(outboxes) == 1 and not some_unowned and not self._node
        self._look_at_all_at = 0.0
        self._listened = 0
        self._lock = threading.Lock()
        self._version = self._event = -1
        self._finished: set[int] = set()
        self._holder = holder
        self._todo: dict[str, set[int]] = {outbox: set() for outbox in outboxes if outbox not in shared}
        self._away: dict[str, bool] = {}
        """The outboxes in which files have to move and nobody can move them; whether that is noted."""
        self.trouble = SharedTrouble(journal.filing.trouble)

    def begin(self, outbox: str) -> None:
        """Have all looked at that an outbox has to file, and what comes from now on."""
        with self._lock:
            self._todo[outbox] = set()
            self._version = self._event = -1

    def leave(self, outbox: str) -> None:
        """Tell whoever has the outbox next what there is to file of it."""
        with self._lock:
            self._todo.pop(outbox, None)

    def pass_on(self) -> None:
        """Tell others what was finished here and is theirs to file. Raises JournalUnavailable; none is lost."""
        with self._lock:
            self._finished |= self._journal.delivery.finished_sources()
            if self._finished:
                self._sort()

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
            if self._node:
                self._look_at_all()
            self._note_away()

    def _look_at_all(self) -> None:
        """See what others have finished of our files, each minute, and where something told may have been missed."""
        listened = self._journal.store.times_listened()
        if listened != self._listened or time.monotonic() >= self._look_at_all_at:
            filing = self._journal.filing
            named = filing.outboxes_of(filing.unsettled_sources())
            self._finished.update(each for each, outbox in named.items() if self._is_ours(outbox))
            self._sort()
            self._look_at_all_at, self._listened = time.monotonic() + _OTHERS_SENT_S, listened

    def take(self, outbox: str) -> set[int]:
        """Return what there is to file of an outbox since the last call. Raises JournalUnavailable; none is lost."""
        with self._lock:
            self._finished |= self._journal.delivery.finished_sources()
            if self._finished:
                self._sort()
            todo, self._todo[outbox] = self._todo[outbox], set()
            return todo

    def _is_ours(self, outbox: str) -> bool:
        return self._owners.get(outbox) in self._todo if is_shared(outbox) else not is_others(self._node, outbox)

    def _sort(self) -> None:
        """Give each source that has changed, and those that share its fate, to the keeper that has its files."""
        filing = self._journal.filing
        sources = self._finished | filing.sharing(self._finished)
        named = {} if self._is_all_of_one else filing.outboxes_of(sources)
        nobodys: dict[int, str] = {}
        others: dict[str, list[int]] = {}
        for source_id in sources:
            name = named.get(source_id)
            keeper = self._first if name is None else self._owners.get(name)
            if keeper in self._todo:
                self._todo[keeper].add(source_id)
            elif name is not None and self._node and is_shared(name):
                others.setdefault(self._holder(name), []).append(source_id)
            elif name is not None and is_others(self._node, name):
                others.setdefault(node_of(name), []).append(source_id)
            elif name is not None:
                nobodys[source_id] = name
        for node, theirs in others.items():
            if node not in ("", self._node):
                self._journal.store.tell_finished(node, theirs)
        for rest in filing.resting(nobodys) if nobodys else ():
            if rest.to_move:
                self._away.setdefault(nobodys[rest.source_id], False)
        self._finished = set()

    def _note_away(self) -> None:
        for name, is_noted in self._away.items():
            if not is_noted:
                self.trouble.note(f"away {name}", AWAY)
                say(logging.ERROR, "keeper.waits", code=AWAY, outbox=name)
                self._away[name] = True
