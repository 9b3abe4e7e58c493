"""One process: its parts, the orderly stop.

Holds: what is made at start (journal, lanes, an intake with its doorbell for each outbox, keeper) and how it ends.
Promises: nothing is sent before the journal has been opened and trusted. While it runs it is the only agent on its
journal and outboxes, and it ends when they are no longer what lies at their paths; without an outbox it goes on with
the others, and sends what is spooled.
Never: goes on with a part of itself missing, the doorbell excepted.

SIGTERM or Ctrl-C finishes the exchange in flight, commits its verdict and leaves nothing half done; a second one does
not wait for the answer (the outcome is then unknown). SIGHUP brings a changed configuration in force (reload.py). A
part that fails ends the agent with the failure's exit code.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lab_sender import files
from lab_sender.agent.beats import Beats, Pulse
from lab_sender.agent.figures import Figures
from lab_sender.agent.heartbeat import Heartbeat, heartbeat_of
from lab_sender.agent.notify import notify
from lab_sender.agent.parts import Part, Parts, Worker, shortage
from lab_sender.agent.receiving import Receives, Receiving, Shared, SharedReceiving
from lab_sender.agent.reload import Change, Reload, plans
from lab_sender.agent.sending import Sending, Sends, names_of
from lab_sender.agent.signals import obey
from lab_sender.agent.tenancy import Premises, Tenure
from lab_sender.config.folders import identity_in
from lab_sender.config.load import Config
from lab_sender.filing.feed import Feed
from lab_sender.filing.keeper import Keeper
from lab_sender.filing.purge import Purge
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.doorbell import Doorbell
from lab_sender.intake.intake import Intake
from lab_sender.intake.together import Together
from lab_sender.journal import Address, IntakeBooks, Journal, JournalUnavailable, View, lease_of
from lab_sender.log import say
from lab_sender.premises.known import known_outboxes
from lab_sender.premises.needs import others_claimed
from lab_sender.premises.removed import demand_none_removed

if TYPE_CHECKING:
    from lab_sender.agent.node import Node

_SWITCH_INTERVAL_S = 0.0005
"""A thread that has its ACK must not wait 5 ms for one that parses JSON."""
_TICK_S = 1.0
"""How long a lock, folder or journal that was taken away may go unseen; nothing is recorded in a wrong journal."""


class Agent:
    """The agent of one configuration."""

    def __init__(
        self,
        config: Config,
        *,
        reread: Callable[[], Config] | None = None,
        on_reload: Callable[[Config], None] = lambda _: None,
        beside: Sequence[Part] = (),
    ) -> None:
        """`reread` reads the configuration anew; `on_reload` takes what is not the agent's, and may raise OSError.

        `beside` are parts that nothing of the agent needs: they end with it, and never end it.
        """
        self._config = config
        self._beside = beside
        self._reload = Reload(reread or (lambda: config), on_reload)
        self._stopping = threading.Event()
        self._at_once = False
        self._parts = Parts(self._stopping)
        self.beats = Beats()
        """When each part was at work last: `intake`, `lane`, `keeper`, with the name of what they are for."""
        self._premises = Premises(config.outboxes)
        self._intakes: dict[str, Receives] = {}
        self._figures = Figures(self._premises.beside, config.destinations, self.beats)
        self._node: Node | None = None
        self._heartbeat = self._heartbeat_of(config)
        self._senders: Mapping[str, Sends] = {}

    def run(self, until: Callable[[Agent], bool] | None = None) -> None:
        """Run until stopped, or until `until` says so (asked about 20 times a second).

        Raises AgentError: another agent runs, or the system is short of memory or threads (exit 75), folders or
        journal cannot be used (74, 78).
        """
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            if not self._disk_there(until):
                return
            beside, address = self._premises.beside.parent, self._premises.journal
            with self._premises, Pulse(beside, self.beats) as pulse, self._open_journal(address) as journal:
                pulse.watch(journal.store.trouble)
                self._build(journal)
                self._work(until)
        except (MemoryError, OSError) as error:
            if not files.is_shortage(error):
                raise
            raise shortage(error) from error

    def _disk_there(self, until: Callable[[Agent], bool] | None) -> bool:
        """Wait for the drive or share that the journal lies on, as at boot; False where stopped meanwhile."""
        said = False
        while (lack := self._premises.disk_there()) is not None:
            if not said:
                say(logging.ERROR, "agent.waits", code=lack.code, drive=self._config.folders.journal.drive)
                said = True
            if self._stopping.wait(0.05 if until else _TICK_S) or (until is not None and until(self)):
                return False
        return True

    def _work(self, until: Callable[[Agent], bool] | None) -> None:
        try:
            self._start()
            while not self._stopping.wait(0.05 if until else _TICK_S):
                self._look()
                if until is not None and until(self):
                    self._stopping.set()
        finally:
            self._end()
        if self._parts.failure is not None:  # the journal is not marked clean: it is checked at the next start
            raise self._parts.failure

    def _look(self) -> None:
        """See that what the agent works on is still what it was started on, and take an outbox that has come back."""
        self._journal.store.look()
        self._premises.look()
        if (change := self._reload.look(self._config, self._journal)) is not None:
            self._use(change)
        for outbox in self._premises.outboxes:
            if outbox.name in self._intakes:
                self._intakes[outbox.name].check()
            elif self._premises.open_outbox(outbox) and self._is_noted(outbox):
                self._premises.served()
                say(logging.INFO, "outbox.back", **_named(outbox))
                self._intakes[outbox.name] = receives = self._receives(outbox)
                self._parts.start(receives)
        self._figures.turn()
        if self._heartbeat is not None:
            self._heartbeat.turn()

    def _is_noted(self, outbox: Tenure) -> bool:
        """Note in the journal that it serves an outbox; False while it cannot be written. Raises AgentError."""
        try:
            outbox.identify(self._journal)
            self._premises.demand_no_copy()
            self._heed(self._journal)
            if outbox.identity:
                self._written[outbox.name] = outbox.in_journal
                self._owners[outbox.in_journal] = outbox.name
                self._kept[outbox.in_journal] = outbox.folders
            self._journal.serves(self._written[outbox.name], str(outbox.claimed))
        except (JournalUnavailable, OSError):  # it may have gone away again
            return False
        return True

    def _heed(self, journal: Journal) -> None:
        """See that the journal knows what was spooled last from the outboxes that are there. Raises AgentError."""
        journal.heed([each.mark for each in self._premises.outboxes if each.is_open])

    def stop(self) -> None:
        """Ask for the orderly stop; asked twice, an exchange in flight is not waited for."""
        if self._stopping.is_set():
            self._at_once = True
        self._stopping.set()

    def obey_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, reload on SIGHUP, mind no SIGIO. Main thread only.

        Where standard error is a terminal, SIGHUP says that it was closed: that is a stop too.
        """
        obey(self.stop, self._reload.ring)

    @property
    def delivered(self) -> int:
        """How many messages this run has delivered."""
        return sum(sends.delivered for sends in self._senders.values())

    @contextlib.contextmanager
    def _open_journal(self, address: Address) -> Iterator[Journal]:
        journal = Journal(address)
        try:
            self._premises.identify(journal)
            with contextlib.closing(View(address)) as view:
                self._known = known_outboxes(self._premises.identified, view)
                demand_none_removed(view, self._config.destinations, self._known)
            for each in self._known.removed:
                say(logging.WARNING, "outbox.removed-away", outbox=each.name, claimed=each.claimed)
            self._heed(journal)
            away = {each.name for each in self._premises.outboxes if each.is_new}  # noted when they are taken
            written, owners, folders = self._known.written, self._known.owners, self._known.folders
            journal.begin(
                config_digest=self._config.digest,
                his={each.name: each.his.address for each in self._config.destinations.values()},
                outboxes=[written[name] for name in written if name not in away],
                claimed={name: folders[name] for name in folders if owners.get(name) not in away},
            )
            self._premises.served()
            yield journal
            journal.end()
        finally:
            journal.close()

    def _build(self, journal: Journal) -> None:
        config = self._config
        self._journal = journal
        self._written, self._owners = dict(self._known.written), dict(self._known.owners)
        self._together = Together(journal, self._owners)
        self._plans = plans(config)
        self._senders = self._sends(journal)
        names = [each.name for each in config.outboxes]
        shared = {each.name for each in config.outboxes if each.folders.may_be_shared}
        feed = Feed(
            journal, names, self._owners, some_unowned=self._known.some_unowned, shared=shared, holder=self._holder
        )
        self._keepers = {
            each.name: Keeper(
                journal,
                each.folders,
                on_returned=partial(self._returned, each.name),
                name=each.name,
                feed=feed,
                beat=self.beats.of(f"keeper {each.name}".rstrip()),
                shared=each.name in shared,
            )
            for each in config.outboxes
        }

        folders = {each.name: each.folders for each in config.outboxes}
        self._kept = {name: folders[owner] for name, owner in self._owners.items()}
        self._purge = Purge(journal, self._kept, config.retention)

    def _sends(self, journal: Journal) -> Mapping[str, Sends]:
        """Make what sends to each destination: of several agents on the journal, one sends to it at a time."""
        config, only = self._config, len(self._config.destinations) == 1
        to = [(each, names_of(each, is_only_one=only)) for each in config.destinations.values()]
        server = config.folders.database
        if server is None or not server.node:
            return {each.name: Sending(each, each.his, names, journal, self.beats) for each, names in to}
        from lab_sender.agent.host import LaneHost  # an agent that is alone does without
        from lab_sender.agent.node import Node

        self._node = Node(journal, list(config.destinations), server.node, server.lease_s, self.beats.of("node"))
        self.beats.leads = self._node.leads
        return {each.name: LaneHost(each, names, journal, self._node, self.beats) for each, names in to}

    def _heartbeat_of(self, config: Config) -> Heartbeat | None:
        return heartbeat_of(config.alerts, self.beats, lambda: self._node is None or self._node.sends_alerts())

    def _use(self, change: Change) -> None:
        """Go by another configuration; nothing of this can fail."""
        if change.config.alerts.heartbeat != self._config.alerts.heartbeat:
            self._heartbeat = self._heartbeat_of(change.config)
        self._config, self._plans = change.config, dict(change.plans)
        for name, sends in self._senders.items():
            sends.use(change.config.destinations[name].his)
        for name, receives in self._intakes.items():
            receives.use(self._plans[name])
        self._purge.configure(change.config.retention)

    def _returned(self, outbox: str) -> None:
        """A released file is back in claimed/; an intake that is not there yet looks when it begins."""
        if outbox in self._intakes:
            self._intakes[outbox].returned()

    def _start(self) -> None:
        self._figures.begin()
        say(logging.INFO, "agent.started", pid=os.getpid(), config=self._config.digest)
        for sends in self._senders.values():
            for part in sends.parts:
                self._parts.start(part)
        if self._node is not None:
            self._parts.start(self._node, is_last=True)
        if (bell := self._journal.store.bell(self._wake)) is not None:
            self._parts.start(Worker("bell", bell.run, lambda _: bell.stop()))
        for outbox in self._premises.outboxes:
            if outbox.is_open:
                self._intakes[outbox.name] = self._receives(outbox)
            else:
                say(logging.ERROR, "intake.waits", code="outbox.unreachable", errno=None, **_named(outbox))
                self._together.trouble.note(outbox.name, "outbox.unreachable")
        for receives in self._intakes.values():  # each knows by now what was claimed by all of them before
            self._parts.start(receives)
        self._parts.start(Worker("retention", self._purge.run, lambda _: self._purge.stop()))
        for name, keeper in self._keepers.items():
            self._parts.start(_worker(name, keeper), is_last=True)
        manager = notify(self.beats, self._journal, lambda: f"{self.delivered} delivered since the start")
        if manager is not None:
            self._parts.start(manager)
        for part in self._beside:
            self._parts.start(part, is_last=True)

    def _receives(self, outbox: Tenure) -> Receives:
        name, make = f"intake {outbox.name}".rstrip(), partial(self._made, outbox)
        if self._node is None or not outbox.identity:
            return Receiving(name, self._journal, make)
        forget = partial(self._together.trouble.note, outbox.name, "")
        shared = Shared(outbox.identity, outbox.mark, outbox.is_there, forget)
        keeper, beat = self._keepers[outbox.name], self.beats.of(name)
        return SharedReceiving(name, shared, self._journal, make, keeper, self._node, beat)

    def _holder(self, written: str) -> str:
        """Return the node that has an outbox which agents share, by its name in the journal."""
        return self._node.owner_of(lease_of(identity_in(written))) if self._node is not None else ""

    def _made(self, outbox: Tenure, books: IntakeBooks, may: Callable[[], bool]) -> tuple[Intake, Doorbell]:
        """Make an intake by the plan of now."""
        folders = outbox.folders
        intake = Intake(
            books,
            self._plans[outbox.name],
            Arrivals(folders.outbox, self._config.intake, own=folders.ours),
            destination=outbox.to[0],
            outbox=folders.outbox,
            claimed=outbox.claimed,
            on_spooled=self._wake,
            name=outbox.name,
            written=self._written[outbox.name],
            together=self._together,
            mark=outbox.mark,
            beat=self.beats.of(f"intake {outbox.name}".rstrip()),
            others=partial(others_claimed, folders, at_work=True) if outbox.identity else None,
            may=may,
        )
        return intake, Doorbell(folders.outbox, intake.ring)

    def _wake(self) -> None:
        for sends in self._senders.values():
            sends.wake()

    def _end(self) -> None:
        """End in the order of the way: whoever takes in and sends, then the folders, then the doorbells."""
        self._parts.end(lambda: self._at_once)
        for receives in self._intakes.values():
            receives.end()
        say(logging.INFO, "agent.stopped", delivered=self.delivered)
        self._figures.end()


def _worker(outbox: str, keeper: Keeper) -> Worker:
    return Worker(f"keeper {outbox}".rstrip(), keeper.run, lambda _: keeper.stop())


def _named(outbox: Tenure) -> dict[str, str]:
    return {"outbox": outbox.name} if outbox.name else {}
