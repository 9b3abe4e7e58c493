"""The folders and locks of one agent, while it works: what it may call its own.

Holds: the locks (beside the journal, on the journal itself, in each outbox and in its work folder); the folders that
are made; the look whether all of it still lies where it lay.
Promises: one agent on one journal and on one outbox, by whatever path, link or copied configuration it is named. An
outbox that is missing though its journal has served it is never made anew: the agent runs without it until it is
back.
Never: moves or reads a file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from lab_sender import files, rights
from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import Journal
from lab_sender.premises import locks, needs
from lab_sender.premises.behind import mark_of
from lab_sender.premises.names import JOURNAL_NAME, LOCK_NAME, journal_of
from lab_sender.premises.needs import AnotherRuns, Lack
from lab_sender.premises.sharing import (
    changed,
    identified,
    identity_of,
    none_claimed_otherwise,
    not_readable,
    not_shared_otherwise,
    of_another_journal,
    one_twice,
)

_LOCK_TRIES = 5
"""`status` and others take the lock for an instant, to see whether it is free."""


class Tenure:
    """One outbox of an agent. `is_open`: it and its claimed files can be reached, and are locked."""

    def __init__(self, outbox: OutboxConfig) -> None:
        self._configured = outbox
        self.name = outbox.name
        self.to = outbox.to
        self.folders = outbox.folders
        self.claimed = needs.claimed_folder(outbox.folders)
        self.mark = mark_of(outbox.folders)
        self.identity = ""
        """Which outbox it is to all agents that share it; known where it may be shared, and is open."""
        self.is_open = False
        self.is_new = False
        """The journal has not served it yet: its folders may be made."""

    @property
    def in_journal(self) -> str:
        """The name that the journal has for it."""
        return self.configured.in_journal

    @property
    def configured(self) -> OutboxConfig:
        """The same, with what is known of it by now."""
        return replace(self._configured, identity=self.identity)

    def is_there(self) -> bool:
        """Say whether it can be reached."""
        return needs.outbox_there(self.folders) is None

    @property
    def locks(self) -> tuple[Path, ...]:
        """Its lock files."""
        return locks.outbox_locks(self.folders)

    def identify(self, journal: Journal) -> None:
        """See which outbox this is, where agents may share it, and that all of them have this journal.

        Raises AgentError `outbox.other-journal` (exit 78) or `folder.unusable` (74), OSError, JournalUnavailable.
        """
        if self.folders.may_be_shared and self.is_open and not self.identity:
            found = identity_of(self.folders) or identified(self.folders, journal.sharing.new(str(self.claimed)))
            if not found:
                raise not_readable(self.folders).error()
            if not journal.sharing.knows(found):
                raise of_another_journal(self.folders).error()
            self.identity = found


class Premises:
    """The folders of one configuration; a context, entered while an agent works."""

    def __init__(self, outboxes: Sequence[OutboxConfig]) -> None:
        self._configured = outboxes
        self.outboxes = tuple([Tenure(each) for each in outboxes])
        self._first = outboxes[0].folders
        self.journal = journal_of(self._first)
        self.beside = self._first.journal / JOURNAL_NAME
        self._locks: dict[Path, IO[bytes]] = {}
        self._begun = False
        """The journal had a history when this agent came."""

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

    @property
    def identified(self) -> Sequence[OutboxConfig]:
        """The outboxes, with what is known of them by now."""
        return [each.configured for each in self.outboxes]

    def look(self) -> None:
        """See that the locks still lie where they were taken; an outbox that is away is waited for.

        Raises AgentError (exit 75; 78 where the journal's folder is away): another agent could take a lock there, and
        go on beside this one.
        """
        for each in self.outboxes:
            if each.is_open and (lack := changed(each.folders, each.identity)):
                raise lack.error()
        if files.WINDOWS:  # a file that is open cannot be removed or renamed there, nor its folder
            return
        owners = {path: each.folders for each in self.outboxes for path in each.locks}
        for path, lock in self._locks.items():
            there = files.identity_now(path)
            mine = os.fstat(lock.fileno())
            if there == (mine.st_dev, mine.st_ino) or (path in owners and needs.outbox_there(owners[path])):
                continue
            if files.is_gone(path.parent):  # a start would make a new journal there: no service may try one
                raise AgentError(
                    "lock.gone",
                    f"{path.parent}, where the journal lies, was removed or renamed.",
                    hint="Bring it back before you start the agent: it would begin a new journal, and what waits is"
                    " in the old one.",
                    exit_code=ExitCode.CONFIG,
                )
            raise AgentError(
                "lock.gone",
                f"{path} is not the file that this agent has locked: it, or its folder, was removed or replaced.",
                hint="Started again, the agent works on what lies there now. Check that it is what should.",
                exit_code=ExitCode.LATER,
            )

    def open_outbox(self, outbox: Tenure) -> bool:
        """Take an outbox that was away, once it is there again; True when it is.

        Raises AgentError: another agent has it (75), or it cannot be used (78).
        """
        if needs.disks_there(outbox.folders) is None:
            self._demand_own(outbox)
            self._make_new(outbox)
            self._take_if_there(outbox)
        return outbox.is_open

    def identify(self, journal: Journal) -> None:
        """See which outboxes those are that agents may share. Raises AgentError (74, 78), JournalUnavailable."""
        for outbox in self.outboxes:
            try:
                outbox.identify(journal)
            except OSError as error:
                text = f"{outbox.folders.identity} cannot be read or written ({error.strerror})."
                hint = "All agents that share an outbox may read and write what is in its .lab-sender."
                raise Lack("folder", "folder.unusable", text, hint, ExitCode.STORAGE).error() from error
        self.demand_no_copy()

    def demand_no_copy(self) -> None:
        """See that each outbox that may be shared is one of its own. Raises AgentError `outbox.not-apart` (78)."""
        known = dict[str, Folders]()
        for outbox in self.outboxes:
            if outbox.identity in known:
                raise one_twice(known[outbox.identity], outbox.folders).error()
            if outbox.identity:
                known[outbox.identity] = outbox.folders

    def disk_there(self) -> Lack | None:
        """The drive or share is there that the journal lies on: before that nothing can begin."""
        return needs.disk_there("journal", self._first.journal)

    def served(self) -> None:
        """Note in the work folder of each outbox that it has a journal, once it has."""
        for outbox in self.outboxes:
            lock = self._locks.get(outbox.locks[-1])
            if lock is not None and not os.fstat(lock.fileno()).st_size:
                lock.write(b"the journal of this outbox is in use\n")
                lock.flush()

    def _enter(self) -> None:
        self._demand(needs.not_moved, self._first)
        self._make((self._first.journal,))
        for premise in needs.OF_THE_JOURNAL:
            self._demand(premise, self._first)
        self._take(locks.lock_files(self._first)[0], "this journal")
        has_file = self._first.database is None  # else whose the journal is, its own lock says
        if has_file and os.path.isfile(self.beside):  # before it is read: it may be another agent's
            self._lock_journal()
        self._begun = not needs.holds_nothing(self.journal)
        served = {each.name for each in needs.served(self._configured)}
        for outbox in self.outboxes:
            outbox.is_new = outbox.name not in served
        here = [outbox for outbox in self.outboxes if needs.disks_there(outbox.folders) is None]
        for outbox in here:
            self._demand_own(outbox)
        for outbox in here:
            self._make_new(outbox)
        for outbox in here:
            self._take_if_there(outbox)
        if has_file:
            rights.create_private(self.beside)
            self._lock_journal()

    def _lock_journal(self) -> None:
        """Lock the file itself too: by another hard link it has another folder, and the lock there is another one."""
        self._take(self.beside, "this journal")

    def _demand_own(self, outbox: Tenure) -> None:
        """Demand of an outbox that is new to the journal that no other one knows of its files."""
        self._demand(not_shared_otherwise, outbox.folders)
        others = needs.of_no_other_journal if self._begun else needs.worked_on
        lack = none_claimed_otherwise(outbox.folders) or (others(outbox.folders) if outbox.is_new else None)
        if lack is not None:
            self._lock_outbox(outbox)  # it is not missing where another agent has it
            raise lack.error()

    def _make_new(self, outbox: Tenure) -> None:
        if outbox.is_new:
            self._make((outbox.folders.outbox,), shared=True)
            self._make((outbox.folders.work, outbox.claimed))

    def _take_if_there(self, outbox: Tenure) -> None:
        folders = outbox.folders
        if needs.outbox_there(folders) is not None:
            return
        self._demand(needs.one_disk, folders)
        if lack := needs.apart(folders, [each.folders for each in self.outboxes if each is not outbox]):
            raise lack.error()
        self._make((folders.sent, folders.quarantine, *folders.lock_outbox))
        self._lock_outbox(outbox)
        if outbox.is_new and not os.path.exists(folders.identity):
            self._begin_mark(outbox)
        else:
            outbox.mark.read()
        outbox.is_open, outbox.is_new = True, False

    def _begin_mark(self, outbox: Tenure) -> None:
        """Take away what is of another journal: at the next start, this one would seem to lack it."""
        try:
            outbox.mark.forget()
        except OSError as error:
            text = f"{error.filename} cannot be removed ({error.strerror})."
            hint = "It is of an earlier journal of this outbox: remove it, or give the agent's account the right to."
            raise Lack("folder", "folder.unusable", text, hint, ExitCode.STORAGE).error() from error

    def _lock_outbox(self, outbox: Tenure) -> None:
        what = "this outbox" if len(self.outboxes) == 1 else f"the outbox {outbox.name}"
        for path in outbox.locks:
            if os.path.isdir(path.parent):
                self._take(path, what)
        alone = outbox.folders.identity.with_name(LOCK_NAME)
        if outbox.folders.may_be_shared and os.path.exists(alone):  # of an agent that shares it with nobody
            self._take(alone, what)
            self._locks.pop(alone).close()

    def _demand(self, premise: Callable[[Folders], Lack | None], folders: Folders) -> None:
        if lack := premise(folders):
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
            found = needs.usable("folder", folder)
            raise (found if found is not None and found.exit_code else lack).error() from error

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
