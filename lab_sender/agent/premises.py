"""The folders and locks of one agent: what it needs, and what it may call its own.

Holds: what an agent needs of its folders, asked by the agent and by `check`; the locks (beside the journal, on the
journal itself, in the outbox and in the work folder); the look whether all of it still lies where it lay.
Promises: one agent on one journal and on one outbox, by whatever path, link or copied configuration it is named. An
outbox that is missing though its journal has served an agent is never made anew: the agent runs without it until it
is back.
Never: moves or reads a file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab_sender import files, rights, writers
from lab_sender.agent.wiring import JOURNAL_NAME, LOCK_NAME
from lab_sender.config.folders import Folders
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import View

_LOCK_TRIES = 5
"""`status` and others take the lock for an instant, to see whether it is free."""


class AnotherRuns(AgentError):
    """Another agent has the journal or the outbox."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that an agent needs and lacks; it ends with `code` and `exit_code` (DONE: it waits)."""

    what: str
    code: str
    text: str
    hint: str
    exit_code: ExitCode

    def error(self) -> AgentError:
        """Make the error that an agent ends with."""
        return AgentError(self.code, self.text, hint=self.hint, exit_code=self.exit_code)


def usable(name: str, folder: Path) -> Lack | None:
    """A folder is there and may be used, or can be made."""
    above = existing(folder)
    if folder.is_dir():
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return None
        text, hint = f"{folder} cannot be read and written by this account.", "Give it these rights."
    elif os.path.lexists(folder):
        text, hint = f"{folder} is no folder.", "Move that file away, or name another folder."
    elif above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return None
    else:
        text, hint = f"{folder} cannot be made in {above}.", "Make it, or give the rights."
    return Lack(name, "folder.unusable", text, hint, ExitCode.STORAGE)


def journal_on_own_disk(folders: Folders) -> Lack | None:
    """The journal lies on a disk of this machine."""
    folder = existing(folders.journal)
    if writers.is_local(folder):
        return None
    kind = writers.file_system(folder)
    text = f"the journal's folder is on a network share ({kind}); SQLite cannot keep it safe there."
    hint = "Set folders.journal to a folder on a local disk."
    return Lack("journal's disk", "journal.remote", text, hint, ExitCode.CONFIG)


def journal_writable(folders: Folders) -> Lack | None:
    """The journal may be written; SQLite would leave read-only files of its own beside one that may not."""
    if files.may_write(folders.journal) and files.may_write(folders.journal / JOURNAL_NAME):
        return None
    text = f"this account may not write the journal in {folders.journal}."
    hint = f"Give lab-sender's account the right to write to that folder and to {JOURNAL_NAME} in it."
    return Lack("journal", "journal.no-right", text, hint, ExitCode.STORAGE)


def one_disk(folders: Folders) -> Lack | None:
    """Outbox and work folder lie on one disk or share: claiming is a rename."""
    if files.same_device(existing(folders.outbox), existing(claimed_folder(folders))):
        return None
    text = "the work folder is on another disk or share than the outbox, and claiming is a rename."
    hint = "Set folders.work to a folder on the outbox's disk."
    return Lack("one disk", "folder.other-device", text, hint, ExitCode.CONFIG)


def own_journal(folders: Folders) -> Lack | None:
    """An outbox that an agent has worked on has its journal, which knows what is claimed and what was sent."""
    lock, claimed = folders.work / LOCK_NAME, claimed_folder(folders)
    if not _holds_nothing(folders.journal / JOURNAL_NAME):
        return None
    has_claimed = claimed.is_dir() and any(True for _ in files.entries(claimed))
    has_served = lock.exists() and lock.stat().st_size > 0
    if not (has_served or has_claimed):
        return None
    text = "an agent has worked on this outbox, but the journal that knows what it did is not there."
    hint = "Follow 'The journal is missing' in docs/OPERATING.md; nothing was changed."
    return Lack("journal", "journal.missing", text, hint, ExitCode.STORAGE)


def outbox_there(folders: Folders) -> Lack | None:
    """Outbox and claimed files can be reached; asked where the journal has a history."""
    claimed = claimed_folder(folders)
    if folders.outbox.is_dir() and claimed.is_dir():
        return None
    name, missing = ("work", claimed) if folders.outbox.is_dir() else ("outbox", folders.outbox)
    text = f"{missing} is not there, though the journal has a history: nothing is received."
    hint = (
        "Bring the share back; the agent goes on by itself and makes nothing anew. Only if what was in it is gone for"
        f" good, make it by hand, with the folder {claimed} in the agent's account."
    )
    return Lack(name, "outbox.unreachable", text, hint, ExitCode.DONE)


ON_THE_DISK = (journal_on_own_disk, journal_writable, one_disk)
"""What must be so before an agent's first start too."""


def claimed_folder(folders: Folders) -> Path:
    """Where claimed files lie until they are filed."""
    return folders.by_name["claimed"]


def lock_files(folders: Folders) -> tuple[Path, ...]:
    """The lock files of the journal and of the outbox, in that order; who has one of them works there."""
    journal = (folders.journal / JOURNAL_NAME).resolve().parent
    return tuple(folder / LOCK_NAME for folder in (journal, *(each.resolve() for each in folders.lock_outbox)))


def is_taken(folders: Folders) -> bool:
    """Say whether an agent has one of the locks; one that starts meanwhile tries again."""
    for path in dict.fromkeys(lock_files(folders)):
        if path.exists():
            lock = files.take_lock(path)
            if lock is None:
                return True
            lock.close()
    return False


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _holds_nothing(journal: Path) -> bool:
    """Say whether there is no journal yet, or one without tables: its write-ahead log was taken away."""
    if not journal.exists() or journal.stat().st_size == 0:
        return True
    view = View(journal)
    try:
        return view.schema_version() == 0
    finally:
        view.close()


class Premises:
    """The folders of one configuration; a context, entered while an agent works."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self.claimed = claimed_folder(folders)
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
            if there == (mine.st_dev, mine.st_ino) or (path in self._outbox_locks and outbox_there(self._folders)):
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
        if outbox_there(self._folders) is None:
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
        self._demand(journal_on_own_disk)
        self._demand(journal_writable)
        self._take(lock_files(self._folders)[0], "this journal")
        served = not _holds_nothing(self.journal)
        if not served:
            self._make((self._folders.outbox,), shared=True)
            self._make((self._folders.work, self.claimed))
            if lack := own_journal(self._folders):
                self._lock_outbox()  # it is not missing where another agent has it
                raise lack.error()
        if outbox_there(self._folders) is None:
            self._take_outbox()
        rights.create_private(self.journal)
        if not files.WINDOWS:  # by another hard link it has another folder, and the lock there is another one
            self._take(self.journal, "this journal")

    def _take_outbox(self) -> None:
        self._demand(one_disk)
        self._make((self._folders.sent, self._folders.quarantine, *self._folders.lock_outbox))
        self._lock_outbox()
        self.has_outbox = True

    def _lock_outbox(self) -> None:
        for path in self._outbox_locks:
            if path.parent.is_dir():
                self._take(path, "this outbox")

    @property
    def _outbox_locks(self) -> tuple[Path, ...]:
        return lock_files(self._folders)[1:]

    def _demand(self, premise: Callable[[Folders], Lack | None]) -> None:
        if lack := premise(self._folders):
            raise lack.error()

    def _make(self, folders: tuple[Path, ...], *, shared: bool = False) -> None:
        try:
            for folder in folders:
                files.make_folder(folder, shared=shared)
        except OSError as error:
            if files.is_shortage(error):
                raise
            text = f"{error.filename} cannot be made ({error.strerror})."
            lack = Lack("folder", "folder.unusable", text, "`lab-sender check` shows all folders.", ExitCode.STORAGE)
            raise (usable("folder", folder) or lack).error() from error

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
