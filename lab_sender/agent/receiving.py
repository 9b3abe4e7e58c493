"""What takes one outbox in: its intake and its doorbell, for as long as it is ours.

Holds: `Receives`, which the agent asks for; `Receiving`, of an agent that has the outbox alone from its start to its
end; `SharedReceiving`, of one of several that share it: standing by, taking it in from the taking of the lease to its
loss or giving back, standing by again.
Promises: one of several takes in and files. What the one before has claimed comes before anything younger of the
outbox. Whoever loses the lease spools and files nothing more, and claims nothing more. Stopped, it files what is
final, and gives the lease back then. An outbox that cannot be reached from here is left to others.
Never: takes a lease itself (node.py), or knows what an intake does.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lab_sender.agent.parts import Part
from lab_sender.filing.keeper import Keeper
from lab_sender.intake.doorbell import Doorbell
from lab_sender.intake.intake import Intake
from lab_sender.intake.plan import Plan
from lab_sender.journal import Fence, IntakeBooks, Journal, JournalUnavailable, LeaseLost, Mark, clock, lease_of
from lab_sender.log import say

if TYPE_CHECKING:
    from lab_sender.agent.node import Node

_LOOK_S: Final = 1.0
"""How long it may go unseen that an outbox can be reached again."""
_AWAY_S: Final = 10.0
"""For so long an outbox may be out of reach for who takes it in."""


def always() -> bool:
    """Say that an outbox is ours: nobody shares it."""
    return True


class Making(Protocol):
    """Makes an outbox's intake, by the plan of now."""

    def __call__(self, books: IntakeBooks, may: Callable[[], bool]) -> tuple[Intake, Doorbell]:
        """Make it, and its doorbell; `may` says whether the outbox is still ours."""


class Receives(Part, Protocol):
    """What takes one outbox in, whoever shares it."""

    def use(self, plan: Plan, /) -> None:
        """Go by another plan."""

    def returned(self) -> None:
        """Take up files that the keeper has brought back."""

    def check(self) -> None:
        """See whether the doorbell still works."""

    def end(self) -> None:
        """End the doorbell, when all else has ended."""


class Receiving:
    """An outbox that is this agent's alone."""

    def __init__(self, name: str, journal: Journal, make: Making) -> None:
        self.name = name
        self._intake, self._doorbell = make(journal, always)
        self._doorbell.start()
        self.run = self._intake.run
        self.use = self._intake.use
        self.returned = self._intake.returned
        self.check = self._doorbell.check
        self.end = self._doorbell.stop

    def stop(self, at_once: bool) -> None:
        """End after the batch in hand."""
        del at_once
        self._intake.stop()


class Shared(NamedTuple):
    """An outbox that agents share: which one, what it remembers of the journal, whether it can be reached.

    `forget_trouble` has nothing more shown of what was waited for here; it raises JournalUnavailable.
    """

    identity: str
    mark: Mark
    is_there: Callable[[], bool]
    forget_trouble: Callable[[], None]


class SharedReceiving:
    """An outbox that is this agent's while its lease is."""

    def __init__(
        self,
        name: str,
        shared: Shared,
        journal: Journal,
        make: Making,
        keeper: Keeper,
        node: Node,
        beat: Callable[[float], None],
    ) -> None:
        self.name = name
        self._lease = lease_of(shared.identity)
        self._shared = shared
        self._journal = journal
        self._make = make
        self._keeper = keeper
        self._node = node
        self._beat = beat
        self._stopping = threading.Event()
        self._now: tuple[Intake, Doorbell] | None = None
        self._lock = threading.Lock()
        self._away_since: float | None = None
        node.add_outbox(self._lease)

    def use(self, plan: Plan) -> None:
        """Go by another plan."""
        with self._lock:
            if self._now is not None:
                self._now[0].use(plan)

    def returned(self) -> None:
        """Take up files that the keeper has brought back."""
        if (now := self._now) is not None:
            now[0].returned()

    def check(self) -> None:
        """See whether the doorbell still works, and leave the outbox to others where it is out of reach for long."""
        if (now := self._now) is None:
            return
        now[1].check()
        if self._shared.is_there():
            self._away_since = None
        elif self._away_since is None:
            self._away_since = clock()
        elif clock() - self._away_since > _AWAY_S:
            now[0].stop()

    def end(self) -> None:
        """Do nothing: the doorbell has ended with the lease."""

    def stop(self, at_once: bool) -> None:
        """End after the batch in hand."""
        del at_once
        self._stopping.set()
        if (now := self._now) is not None:
            now[0].stop()

    def run(self) -> None:
        """Stand by and take in, by turns, until stopped. Raises what the intake has failed of."""
        while not self._stopping.is_set():
            if not self._shared.is_there():
                self._beat(_LOOK_S)
                self._stopping.wait(_LOOK_S)
                continue
            with contextlib.suppress(JournalUnavailable):
                self._shared.forget_trouble()
            if (fence := self._node.wait_for(self._lease, self._stopping, self._beat)) is not None:
                self._take_in(fence)

    def _take_in(self, fence: Fence) -> None:
        """Take in and file as long as the outbox is ours."""
        held = True
        try:
            self._with_books(fence)
        except (LeaseLost, JournalUnavailable):
            fence.lose()
        except BaseException:
            fence.lose()
            raise
        finally:
            held = fence.holds()
            self._node.ended(self._lease, fence)
        if not held:
            say(logging.WARNING, "intake.lost", outbox=self._shared.identity)

    def _with_books(self, fence: Fence) -> None:
        books = self._journal.of_outbox(fence)
        try:
            fence.at_loss(books.store.cut)
            self._shared.mark.read()
            with books.store.reading() as db:
                self._shared.mark.demand(db)
                self._shared.mark.renew(db)
            with self._lock:
                self._now = intake, doorbell = self._make(books, fence.holds)
            intake.adopted = lambda: self._keeper.begin(books, fence.holds)
            self._work(intake, doorbell, fence)
        finally:
            with self._lock:
                self._now = None
            self._keeper.leave()
            books.close()

    def _work(self, intake: Intake, doorbell: Doorbell, fence: Fence) -> None:
        self._away_since = None
        doorbell.start()
        try:
            fence.at_loss(intake.stop)
            if self._stopping.is_set():
                intake.stop()
            intake.run()
        finally:
            doorbell.stop()
