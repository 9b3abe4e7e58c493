"""One process: the lock, the threads, the orderly stop.

Holds: what is made at start (folders, journal, intake, lane, keeper, doorbell) and how it ends.
Promises: one agent on one outbox; nothing is sent before the journal has been opened and trusted; SIGTERM or
Ctrl-C finishes the exchange in flight, commits its verdict and leaves nothing half done; a second one does not wait
for the answer (the outcome is then unknown). A thread that fails ends the agent with the failure's exit code.
Never: goes on with a part of itself missing, the doorbell excepted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from lab_sender import files
from lab_sender.agent.wiring import (
    DESTINATION,
    JOURNAL_NAME,
    LOCK_NAME,
    correction_policy,
    endpoint,
    inputs,
    lane_settings,
    own_folders,
    timeouts,
)
from lab_sender.config.load import Config
from lab_sender.delivery.lane import Lane
from lab_sender.errors import AgentError
from lab_sender.filing.keeper import Keeper
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.compose import Composer
from lab_sender.intake.doorbell import Doorbell
from lab_sender.intake.intake import Intake, IntakeSettings
from lab_sender.intake.recognise import Recogniser
from lab_sender.intake.untaken import overdue_s
from lab_sender.journal import Journal, View
from lab_sender.log import say
from lab_sender.mllp import Link

EXIT_NOT_NOW = 75
_SWITCH_INTERVAL_S = 0.0005
"""A thread that has its ACK must not wait 5 ms for one that parses JSON."""
_LOCK_TRIES = 5


class Agent:
    """The agent of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stopping = threading.Event()
        self._at_once = False
        self._failure: BaseException | None = None
        self._threads: dict[str, threading.Thread] = {}

    def run(self, until: Callable[[Agent], bool] | None = None) -> None:
        """Run until stopped, or until `until` says so (asked about 20 times a second).

        Raises AgentError: another agent runs, or the system is short of memory or threads (exit 75), folders or
        journal cannot be used (74, 78).
        """
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            with self._locked(), self._open_journal() as journal:
                self._build(journal)
                self._work(until)
        except MemoryError as error:
            raise _shortage("memory") from error

    def _work(self, until: Callable[[Agent], bool] | None) -> None:
        try:
            self._start()
            while not self._stopping.wait(0.05 if until else 1.0):
                self._doorbell.check()
                if until is not None and until(self):
                    self._stopping.set()
        finally:
            self._end()
        if self._failure is not None:  # the journal is not marked clean: it is checked at the next start
            raise self._failure

    def stop(self) -> None:
        """Ask for the orderly stop; asked twice, an exchange in flight is not waited for."""
        if self._stopping.is_set():
            self._at_once = True
        self._stopping.set()

    def obey_signals(self) -> None:
        """Stop on SIGTERM, SIGINT and (where there is one) SIGHUP. Main thread only."""

        def obey(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), obey)

    @property
    def delivered(self) -> int:
        """How many messages this run has delivered."""
        return self._lane.delivered

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        folders = self._config.folders
        try:
            for folder in (folders.outbox, folders.work, folders.work / "claimed", folders.journal):
                files.make_folder(folder)
            for folder in (folders.sent, folders.quarantine):
                files.make_folder(folder)
        except OSError as error:
            raise AgentError(
                "folder.unusable",
                f"a folder cannot be made ({error.strerror}): {error.filename}",
                hint="Check its parent's rights; `lab-sender check` shows all folders.",
                exit_code=74,
            ) from error
        lock = None
        for _ in range(_LOCK_TRIES):
            lock = files.take_lock(folders.work / LOCK_NAME)
            if lock is not None:
                break
            time.sleep(0.1)
        if lock is None:
            raise AgentError(
                "agent.running",
                "another lab-sender works on this outbox.",
                hint="`lab-sender status` shows it; stop it first.",
                exit_code=EXIT_NOT_NOW,
            )
        try:
            yield
        finally:
            lock.close()

    @contextlib.contextmanager
    def _open_journal(self) -> Iterator[Journal]:
        folders = self._config.folders
        claimed = folders.work / "claimed"
        path = folders.journal / JOURNAL_NAME
        if not files.same_device(folders.outbox, claimed):
            raise AgentError(
                "folder.other-device",
                "folders.work must lie on the same disk or share as the outbox: claiming is a rename.",
                exit_code=78,
            )
        if not files.is_local(folders.journal):
            raise AgentError(
                "journal.remote",
                "the journal's folder is on a network share; SQLite cannot keep it safe there.",
                hint="Set folders.journal to a folder on a local disk.",
                exit_code=78,
            )
        if not (files.may_write(folders.journal) and files.may_write(path)):
            raise AgentError(  # before SQLite opens it: it would leave read-only files of its own beside it
                "journal.no-right",
                f"this account may not write the journal in {folders.journal}.",
                hint="Give lab-sender's account the right to write to that folder and to journal.db in it.",
                exit_code=74,
            )
        if _holds_nothing(path) and any(True for _ in files.entries(claimed)):
            raise AgentError(
                "journal.missing",
                "files are claimed, but the journal that knows of them is not there.",
                hint="Follow 'The journal is missing' in docs/OPERATING.md; nothing was changed.",
                exit_code=74,
            )
        journal = Journal(path)
        try:
            journal.begin()
            yield journal
            journal.end()
        finally:
            journal.close()

    def _build(self, journal: Journal) -> None:
        config, folders = self._config, self._config.folders
        claimed = folders.work / "claimed"
        self._lane = Lane(DESTINATION, journal, Link(endpoint(config), timeouts(config)), lane_settings(config))
        arrivals = Arrivals(
            folders.outbox,
            settle_s=config.intake.settle_s,
            marker=config.intake.marker,
            temporary=config.intake.temporary,
            own=own_folders(config),
            overdue_s=overdue_s(config.intake.settle_s, config.intake.attachment_wait_s),
        )
        self._intake = Intake(
            journal,
            Composer(config.message, inputs(config)),
            Recogniser(journal.spool, DESTINATION, config.intake.duplicates, correction_policy(config)),
            arrivals,
            IntakeSettings(
                config.intake.poll_s,
                config.intake.settle_s,
                config.intake.largest_file_bytes,
                config.intake.attachment_wait_s,
            ),
            destination=DESTINATION,
            outbox=folders.outbox,
            claimed=claimed,
            on_spooled=self._lane.wake,
        )
        self._keeper = Keeper(
            journal,
            claimed=claimed,
            sent=folders.sent,
            quarantine=folders.quarantine,
            on_returned=self._intake.returned,
        )
        self._doorbell = Doorbell(folders.outbox, self._intake.ring)

    def _start(self) -> None:
        say(logging.INFO, "agent.started", pid=os.getpid(), config=self._config.digest)
        self._spawn("lane", self._lane.run)
        self._doorbell.start()
        self._spawn("intake", self._intake.run)
        self._spawn("keeper", self._keeper.run)

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(name, target), name=name)
        try:
            thread.start()
        except RuntimeError as error:
            raise _shortage("threads") from error
        self._threads[name] = thread

    def _guarded(self, name: str, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:
            code = error.code if isinstance(error, AgentError) else type(error).__name__
            say(logging.CRITICAL, "agent.failed", thread=name, code=code)
            if self._failure is None:
                self._failure = error
            self._stopping.set()

    def _end(self) -> None:
        """Stop in the order of the way: no new claims, then the exchange in flight, then the folders."""
        self._intake.stop()
        self._lane.stop(at_once=self._at_once)
        while not (self._ended("lane", 0.1) and self._ended("intake", 0.1)):
            if self._at_once:
                self._lane.stop(at_once=True)
        self._keeper.stop()
        self._ended("keeper")
        self._doorbell.stop()
        say(logging.INFO, "agent.stopped", delivered=self._lane.delivered)

    def _ended(self, name: str, within_s: float | None = None) -> bool:
        """Wait for a thread; True when it has ended, or could not be started at all."""
        thread = self._threads.get(name)
        if thread is not None:
            thread.join(within_s)
        return thread is None or not thread.is_alive()


def _shortage(what: str) -> AgentError:
    return AgentError(
        "agent.short",
        f"the system gives no more {what}; nothing is lost, the next start goes on.",
        hint="Look for a limit on this account, service or container, and raise it.",
        exit_code=EXIT_NOT_NOW,
    )


def _holds_nothing(journal: Path) -> bool:
    """Say whether there is no journal yet, or one without tables: its write-ahead log was taken away."""
    if not journal.exists() or journal.stat().st_size == 0:
        return True
    view = View(journal)
    try:
        return view.schema_version() == 0
    finally:
        view.close()
