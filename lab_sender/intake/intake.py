"""outbox -> journal: the thread that takes the files of one outbox in, round by round.

Holds: the bell, the stop, the plan in force, and the order of a round.
Promises: a round looks once, and works off all that this look found, by one plan. A file is claimed by a rename
that overwrites nothing, and both folders are flushed before the journal is: a crash at any point leaves it in the
outbox, in claimed/ (found again at start), or in the journal.
Never: sends anything, or acts on a folder that looks empty.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from lab_sender.files import Look
from lab_sender.intake.adoption import Adoption
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.batches import Batches
from lab_sender.intake.claims import Claims
from lab_sender.intake.pairing import Pairing
from lab_sender.intake.phases import Claimed
from lab_sender.intake.plan import Plan
from lab_sender.intake.together import Together
from lab_sender.intake.troubles import Troubles
from lab_sender.intake.workshop import Stopped
from lab_sender.journal import IntakeBooks, JournalUnavailable, Mark
from lab_sender.log import say

_MOST_BYTES = 16 << 20
"""A batch is closed when it has so many bytes."""
_SOON_S = 0.02
"""After so long the next look sees what was there when a file came that this one saw too late."""


class Intake:
    """The intake; `run` is its thread. `ring`, `returned`, `use` and `stop` are for others."""

    def __init__(
        self,
        journal: IntakeBooks,
        plan: Plan,
        arrivals: Arrivals,
        *,
        destination: str,
        outbox: Path,
        claimed: Path,
        on_spooled: Callable[[], None],
        name: str = "",
        written: str | None = None,
        together: Together | None = None,
        mark: Mark | None = None,
        beat: Callable[[float], None] = lambda _: None,
        others: Callable[[], Sequence[Path]] | None = None,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        """`name` is that of the outbox, `written` the journal's for it, where that is another.

        `together` is what its intake shares with those of other ones, `mark` what it remembers of the journal. `beat`
        is called while it works, with the seconds for which it may be silent. `others` names the folders in which
        other agents of a shared outbox have claimed, and `may` says whether it is still ours.
        """
        self._beat = beat
        self._name = name
        if together is None:
            together = Together(journal)
        self._together = together
        self._journal = journal
        self._plan = plan
        self._next: Plan | None = None
        self._arrivals = arrivals
        self._stopping = threading.Event()
        self._troubles = Troubles(together, self._stopping, name)
        self._claims = Claims(
            outbox,
            claimed,
            largest_file_bytes=plan.settings.largest_file_bytes,
            taken=arrivals.taken,
            trouble=self._troubles.add,
            ids=together.ids,
            may=may,
        )
        self._claims.go_on_from_left()  # before any outbox of this agent claims
        self.adopted: Callable[[], None] = lambda: None
        """Called once what others have claimed is ours, before it is read: it may be filed from now on."""
        self._adoption = Adoption(claimed, others, may, self.returned) if others is not None else None
        self._pairing = Pairing(self._claims, plan, outbox=outbox, owed=self._owed)
        self._batches = Batches(
            journal, self._claims, self._pairing, self._troubles, plan,
            destination=destination, on_spooled=on_spooled, together=together,
            outbox=name if written is None else written, mark=mark,
        )  # fmt: skip
        self._bell = threading.Condition()
        self._closed: set[str] = set()
        self._rung = True
        self._returned = threading.Event()

    def ring(self, closed_name: str | None = None) -> None:
        """Ask for a look now; `closed_name` was closed by its writer or renamed into place."""
        with self._bell:
            if closed_name is None:
                self._rung = True
            else:
                self._closed.add(closed_name)
            self._bell.notify()

    def returned(self) -> None:
        """Take up files that the keeper has brought back to claimed/."""
        self._returned.set()
        self.ring()

    def use(self, plan: Plan) -> None:
        """Go on by another plan from the next round on: what this one builds, it builds by the old one."""
        with self._bell:
            self._next = plan
        self.ring()

    def stop(self) -> None:
        """End after the batch in hand; claims that are not journaled yet are found at the next start."""
        self._stopping.set()
        self._batches.interrupt()
        self.ring()

    def run(self) -> None:
        """Take files in until stopped. Raises AgentError when the disk or the journal cannot be trusted."""
        try:
            self._recover()
            while not self._stopping.is_set():
                self._round()
                self._rest()
        except (JournalUnavailable, Stopped):
            if not self._stopping.is_set():
                raise
        finally:
            self._batches.close()

    def _recover(self) -> None:
        """Take up files that were claimed before a crash and are not in the journal."""
        while True:
            try:
                self._adopt()
                self.adopted()
                self._claims.go_on_from(self._troubles.record(self._journal.spool.last_claim_id))
                self._take_up(alone=self._journal.after_unclean_end, begins=True)
                return
            except OSError as error:
                if not isinstance(error, FileNotFoundError) and self._adoption is None:
                    raise
                self._troubles.add("outbox.unreachable", error)  # it went away just now
                self._troubles.note()
            if self._stopping.wait(self._plan.settings.poll_s):
                return

    def _adopt(self) -> None:
        """Go on with what other agents of the outbox have claimed. Raises OSError."""
        if self._adoption is not None:
            self._adoption.adopt()

    def _take_up(self, *, alone: bool = False, begins: bool = False) -> None:
        """Take up what lies in claimed/ and is neither in hand nor in the journal; `alone`: read one by one.

        `begins`: whoever has claimed it may have ended before its marker was away. Raises OSError when the folder, or
        then the outbox, is away.
        """
        has_markers = begins or self._claims.unsure
        self._returned.clear()
        self._claims.unsure = False
        try:
            claims, documents = self._claims.left_behind(
                lambda names: self._troubles.record(lambda: self._journal.spool.known_claims(names)),
                self._batches.paths(),
            )
        except OSError:  # it is away: another look is due when it is back
            self._returned.set()
            raise
        claims = self._in_turn(claims)
        if claims or documents:
            say(logging.WARNING, "intake.recovered", files=len(claims) + len(documents))
        if has_markers:
            self._claims.remove_markers(self._arrivals.outlived([each.name for each in (*claims, *documents)]))
        self._batches.keep_documents(documents)
        self._batches.take_all(claims, alone=alone)

    def _in_turn(self, claims: Sequence[Claimed]) -> list[Claimed]:
        """Order them by when they came first: a released file has not become younger by that."""
        spool = self._journal.spool
        first = self._troubles.record(lambda: spool.first_claims([each.claim_id for each in claims]))
        ages = [(each, *first.get(each.claim_id, ("", False))) for each in claims]
        aged = [replace(each, first=since, forced=forced) for each, since, forced in ages]
        return sorted(aged, key=lambda each: each.turn)

    def _round(self) -> None:
        """Look once, and work off everything that this look found, in batches."""
        self._beat(0.0)
        with self._bell:
            self._rung = False
        closed = self._heard()
        self._troubles.begin()
        self._take_plan()
        try:
            if self._returned.is_set() or self._claims.unsure:
                self._take_up()
            ready = self._arrivals.complete(closed, meanwhile=self._heard)
            self._claims.look()
        except OSError as error:
            ready = []
            self._arrivals.could_not_look()
            self._troubles.add("outbox.unreachable", error)
        if not self._arrivals.saw_all:
            self._pairing.wait_anew()
        self._claims.outdated = False
        for batch in _batches(self._pairing.documents_first(ready), self._batches.most_files):
            if self._stopping.is_set() or self._claims.unsure:  # what may be claimed already comes first
                break
            self._beat(0.0)
            self._batches.put(self._claims.claim(batch))
        if self._claims.outdated:
            self.ring()
        self._batches.finish()
        self._batches.take_due()
        try:
            self._adopt()  # what one that stood still meanwhile has claimed too late
            if not self._arrivals.goes_on:  # what lies there is about to be looked at
                self._arrivals.log_untaken()
        except OSError as error:
            self._troubles.add("outbox.unreachable", error)
        self._troubles.note(each.why for each in self._batches.waiting if each.why)

    def _take_plan(self) -> None:
        with self._bell:
            plan, self._next = self._next, None
        if plan is not None:
            self._plan = plan
            self._arrivals.use(plan.settings)
            self._batches.use(plan)

    def _heard(self) -> set[str]:
        """Take the names that the doorbell rang for since it was asked last; a ring for no name is kept."""
        with self._bell:
            closed, self._closed = self._closed, set()
        return closed

    def _rest(self) -> None:
        wait_s = self._plan.settings.poll_s
        if self._arrivals.goes_on:
            return
        if self._arrivals.unsettled or self._batches.waiting:
            wait_s = min(wait_s, self._plan.settings.settle_s)
        if self._arrivals.wants_another:
            wait_s = min(wait_s, _SOON_S)
        self._beat(wait_s)
        with self._bell:
            if not (self._rung or self._closed or self._stopping.is_set()):  # a stop may have rung before the look
                self._bell.wait(wait_s)

    def _owed(self, names: Collection[str]) -> dict[str, list[frozenset[str]]]:
        within_ms = int(self._plan.settings.attachment_wait_s * 1000)
        owed, elsewhere = self._journal.spool.owed, self._together.elsewhere(self._name)
        return self._troubles.record(lambda: owed(names, within_ms=within_ms, elsewhere=elsewhere))


def _batches(looks: Sequence[Look], most_files: Callable[[int], int]) -> Iterator[list[Look]]:
    """Part the looks; `most_files` says how many the next batch may have, of so many that are left."""
    batch: list[Look] = []
    size, most = 0, most_files(len(looks))
    for number, look in enumerate(looks, 1):
        batch.append(look)
        size += look.size
        if len(batch) >= most or size >= _MOST_BYTES:
            yield batch
            batch, size, most = [], 0, most_files(len(looks) - number)
    if batch:
        yield batch
