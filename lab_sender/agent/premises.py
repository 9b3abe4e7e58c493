"""The folders and locks of one agent: what it may call its own.

Holds: the locks (beside the journal, on the journal itself, in the outbox and in the work folder), which folders are
made, and the look whether all of it still lies where it lay.
Promises: one agent on one journal and on one outbox, by whatever path, link or copied configuration it is named. An
outbox that is missing though its journal has served an agent is never made anew: the agent runs without it until it
is back.
Never: moves or reads a file.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from lab_sender import files, rights
from lab_sender.agent.wiring import JOURNAL_NAME, LOCK_NAME
from lab_sender.config.folders import Folders
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import View

_LOCK_TRIES = 5
"""`status` and others take the lock for an instant, to see whether it is free."""


class AnotherRuns(AgentError):
    """Another agent has the journal or the outbox."""


class Premises:
    """The folders of one configuration; a context, entered while an agent works."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self.claimed = folders.work / "claimed"
        self.journal = folders.journal / JOURNAL_NAME
        self.has_outbox = False
        """Whether the outbox and the claimed files can be reached, and are locked."""
        self._locks: dict[Path, IO[bytes]] = {}

    def __enter__(self) -> Premises:
        """Make folders where there is no history, and take the locks. Raises AgentError (exit 74, 75 or 78)."""
        try:
            self._enter()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def look(self) -> None:
        """See that the locks still lie where they were taken; an outbox that is away is waited for.

        Raises AgentError (exit 75): another agent could take a lock there, and go on beside this one.
        """
        if files.WINDOWS:  # a file that is open cannot be removed or renamed there, nor its folder
            return
        for path, lock in self._locks.items():
            there = files.identity(path)
            mine = os.fstat(lock.fileno())
            if there == (mine.st_dev, mine.st_ino) or (path in self._outbox_locks and not self._reachable()):
                continue
            raise AgentError(
                "lock.gone",
                f"{path} is not the file that this agent has locked: it, or its folder, was removed or replaced.",
                hint="Started again, the agent works on what lies there now. Check that it is what should.",
                exit_code=ExitCode.LATER,
            )

    def open_outbox(self) -> bool:
        """Take an outbox that was away, once it is there again; True when it is.

        Raises AgentError: another agent has it (75), or it cannot be used (78).
        """
        if self._reachable():
            self._take_outbox()
        return self.has_outbox

    def served(self) -> None:
        """Note in the work folder that this outbox has a journal, once it has."""
        lock = self._locks.get(self._outbox_locks[-1])
        if lock is not None and not os.fstat(lock.fileno()).st_size:
            lock.write(b"the journal of this outbox is in use\n")
            lock.flush()

    def _enter(self) -> None:
        self._make((self._folders.journal,))
        self._check_journal()
        self._take(self.journal.resolve().parent / LOCK_NAME, "this journal")
        served = not _holds_nothing(self.journal)
        if not served:
            self._make((self._folders.outbox,), shared=True)
            self._make((self._folders.work, self.claimed))
            if lacks_its_journal(self._folders.work):
                self._lock_outbox()  # it is not missing where another agent has it
                raise AgentError(
                    "journal.missing",
                    "an agent has worked on this outbox, but the journal that knows what it did is not there.",
                    hint="Follow 'The journal is missing' in docs/OPERATING.md; nothing was changed.",
                    exit_code=ExitCode.STORAGE,
                )
        if self._reachable():
            self._take_outbox()
        rights.create_private(self.journal)
        if not files.WINDOWS:  # by another hard link it has another folder, and the lock there is another one
            self._take(self.journal, "this journal")

    def _take_outbox(self) -> None:
        if not files.same_device(self._folders.outbox, self.claimed):
            raise AgentError(
                "folder.other-device",
                "folders.work must lie on the same disk or share as the outbox: claiming is a rename.",
                exit_code=ExitCode.CONFIG,
            )
        self._make((self._folders.sent, self._folders.quarantine, *self._folders.lock_outbox))
        self._lock_outbox()
        self.has_outbox = True

    def _lock_outbox(self) -> None:
        for path in self._outbox_locks:
            if path.parent.is_dir():
                self._take(path, "this outbox")

    @property
    def _outbox_locks(self) -> tuple[Path, ...]:
        return tuple(folder.resolve() / LOCK_NAME for folder in self._folders.lock_outbox)

    def _reachable(self) -> bool:
        return self._folders.outbox.is_dir() and self.claimed.is_dir()

    def _check_journal(self) -> None:
        if not files.is_local(self._folders.journal):
            raise AgentError(
                "journal.remote",
                "the journal's folder is on a network share; SQLite cannot keep it safe there.",
                hint="Set folders.journal to a folder on a local disk.",
                exit_code=ExitCode.CONFIG,
            )
        if not (files.may_write(self._folders.journal) and files.may_write(self.journal)):
            raise AgentError(  # before SQLite opens it: it would leave read-only files of its own beside it
                "journal.no-right",
                f"this account may not write the journal in {self._folders.journal}.",
                hint="Give lab-sender's account the right to write to that folder and to journal.db in it.",
                exit_code=ExitCode.STORAGE,
            )

    def _make(self, folders: tuple[Path, ...], *, shared: bool = False) -> None:
        try:
            for folder in folders:
                files.make_folder(folder, shared=shared)
        except OSError as error:
            if files.is_shortage(error):
                raise
            raise AgentError(
                "folder.unusable",
                f"a folder cannot be made ({error.strerror}): {error.filename}",
                hint="Check its parent's rights; `lab-sender check` shows all folders.",
                exit_code=ExitCode.STORAGE,
            ) from error

    def _take(self, path: Path, what: str) -> None:
        if path in self._locks:
            return
        for _ in range(_LOCK_TRIES):
            lock = files.take_lock(path)
            if lock is not None:
                self._locks[path] = lock
                return
            time.sleep(0.1)
        raise AnotherRuns(
            "agent.running",
            f"another lab-sender works on {what}.",
            hint="`lab-sender status` shows it; stop it first.",
            exit_code=ExitCode.LATER,
        )

    def _leave(self) -> None:
        while self._locks:
            self._locks.popitem()[1].close()


def lacks_its_journal(work: Path) -> bool:
    """Say whether an outbox that has no journal now had one, which knew what is claimed and what was sent."""
    lock, claimed = work / LOCK_NAME, work / "claimed"
    served = lock.exists() and lock.stat().st_size > 0
    return served or (claimed.is_dir() and any(True for _ in files.entries(claimed)))


def _holds_nothing(journal: Path) -> bool:
    """Say whether there is no journal yet, or one without tables: its write-ahead log was taken away."""
    if not journal.exists() or journal.stat().st_size == 0:
        return True
    view = View(journal)
    try:
        return view.schema_version() == 0
    finally:
        view.close()
