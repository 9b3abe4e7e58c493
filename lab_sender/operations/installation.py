"""What every command starts from: the configuration, and the journal it names.

Holds: `Installation`, the configuration read on demand, and the ways to open its journal.
Promises: no command makes a journal or a folder by looking for one.
Never: prints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import patience

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig
    from lab_sender.config.load import Config
    from lab_sender.journal import Address, Journal, KeptView, View
    from lab_sender.operations.records import Records
    from lab_sender.premises.beat import Beat
    from lab_sender.premises.needs import Lack


LOOK_S: Final = 3.0
"""For how long a look into a folder may take: a share that hangs answers never."""


class NoJournal(LabSenderError):
    """No agent has run with this configuration yet, or its journal is not the one that is named."""


class Later(LabSenderError):
    """Nothing was done; the same command may work later."""

    exit_code = ExitCode.LATER


class AgentRuns(Later):
    """An agent runs, and what was asked for wants it stopped."""

    def __init__(self) -> None:
        super().__init__("agent.running", "an agent runs.", hint="Stop it first; nothing was changed.")


class Installation:
    """The configuration that `--config` names. Everything is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_tables = False
        self.unread = ""
        """Why the file cannot be read any more, by its code, where whoever goes on has an older one."""

    @property
    def path(self) -> Path:
        """The configuration's file, as it was named."""
        return self._path

    def latest(self) -> Installation:
        """Return the same by the configuration of now; where that cannot be read, this one, which then says so."""
        again = Installation(self._path)
        try:
            _ = again.config
        except LabSenderError as error:
            self.unread = error.code
        except OSError:
            self.unread = "config.invalid"
        else:
            return again
        return self

    def anew(self) -> Installation:
        """Return the same, of which nothing has been read yet."""
        return Installation(self._path)

    @cached_property
    def config(self) -> Config:
        """The configuration. Raises ConfigError with all its mistakes."""
        from lab_sender.operations.configuration import load

        return load(self._path)

    @cached_property
    def config_to_run(self) -> Config:
        """The same, for the agent: messages can be built by it. Raises ConfigError with all its mistakes."""
        return self.reread()

    def reread(self) -> Config:
        """Read the configuration anew, for a running agent. Raises ConfigError with all its mistakes."""
        from lab_sender.operations.configuration import load

        return load(self._path, to_build=True)

    @property
    def is_configured(self) -> bool:
        """Say whether the configuration's file is there."""
        return self._path.exists()

    @property
    def journal_at(self) -> Address:
        """Where the journal is, or would be: journal.db, or a PostgreSQL."""
        from lab_sender.premises.names import journal_of

        return journal_of(self.config.folders)

    @property
    def journal_name(self) -> str:
        """What a program may keep to find the journal again (`journal_named`): no password is in it."""
        return str(self.journal_at if isinstance(self.journal_at, Path) else self.config.path)

    @property
    def journal_path(self) -> Path:
        """Where journal.db is, or would be; beside it lies what page, alerts and metrics keep, whatever database."""
        from lab_sender.premises.names import JOURNAL_NAME

        return self.config.folders.journal / JOURNAL_NAME

    @property
    def has_journal(self) -> bool:
        """Say whether there is a journal. Raises JournalUnavailable where that cannot be asked just now."""
        if isinstance(path := self.journal_at, Path):
            return path.exists() and path.stat().st_size > 0
        from lab_sender.premises.needs import holds_nothing

        self._has_tables = self._has_tables or not holds_nothing(path)
        return self._has_tables

    @property
    def file_bytes(self) -> int:
        """The size of journal.db on the disk, its log included."""
        sizes = (Path(f"{self.journal_path}{ending}") for ending in ("", "-wal", "-shm"))
        return sum(each.stat().st_size for each in sizes if each.exists())

    def journal_bytes(self, view: View) -> int:
        """Return the size of the journal on the disk, of whatever database; `view` is open on it."""
        return self.file_bytes if isinstance(self.journal_at, Path) else view.size_bytes()

    def is_away(self, outbox: OutboxConfig) -> bool:
        """Say whether an outbox, or the agent's folder in it, is missing though the journal has served it.

        So is one whose drive or share is not there, served or not.
        """
        from lab_sender.premises.needs import disks_there, outbox_there

        if disks_there(outbox.folders) is not None:
            return True
        if outbox_there(outbox.folders) is None:
            return False
        served = self._served()
        return served is None or outbox in served  # a journal that cannot be read has a history too

    def is_new(self, outbox: OutboxConfig) -> bool:
        """Say whether the journal has a history, but has not served this outbox yet."""
        served = self._served() or ()  # what is wrong with the journal is found by itself
        return bool(served) and outbox not in served

    def _served(self) -> Sequence[OutboxConfig] | None:
        """Return the outboxes that the journal has served; None where it cannot be read."""
        from lab_sender.premises.needs import served

        try:
            return served(self.config.outboxes)
        except LabSenderError:
            return None

    def path_of(self, where: str, outbox: str = "") -> Path | None:
        """Turn a journal's `sent/2026-11-22/x.json` into the path of that file; a claimed one has none to show.

        Nor has one of an outbox that is not configured any more: a file of that name elsewhere is another one.
        """
        folder, _, name = where.partition("/")
        if not name or folder not in ("sent", "quarantine", "dismissed"):
            return None
        owner = self.outbox_named(outbox)
        return owner.folders.by_name[folder] / name if owner is not None else None

    def outbox_named(self, name: str) -> OutboxConfig | None:
        """Return the outbox that has the files of a name in the journal; None where no configured one has."""
        owner = self._owners.get(name) if self.has_journal else name
        return next((each for each in self.config.outboxes if each.name == owner), None)

    @cached_property
    def _owners(self) -> Mapping[str, str]:
        from lab_sender.premises.known import known_outboxes

        with self.view() as view:
            return known_outboxes(self.config.outboxes, view).owners

    def agent_runs(self) -> bool:
        """Say whether an agent holds a lock on this journal or an outbox; one that starts meanwhile tries again.

        Where this account may not try a lock, or the share of an outbox hangs, what the agent writes of itself says
        it.
        """
        from lab_sender.premises.beat import is_fresh
        from lab_sender.premises.locks import is_taken

        folders = [each.folders for each in self.config.outboxes]
        try:
            return patience.ask_of(f"locks of {self.journal_path}", lambda: is_taken(*folders), LOOK_S)
        except (PermissionError, patience.Hangs):
            return is_fresh(self.last_beat())

    @property
    def before_a_first_start(self) -> str:
        """Say what to make sure of where neither an outbox nor a journal is there; "" where one is."""
        if self.has_journal or any(each.folders.outbox.is_dir() for each in self.config.outboxes):
            return ""
        return (
            "Has an agent worked here before? Then start nothing, and follow 'The outbox is not there' in"
            " docs/SYMPTOMS.md: its folder was moved, or its disk is not mounted. Only if not: `lab-sender run`."
        )

    def lack_of_journal(self) -> Lack | None:
        """Return why the journal that is named is not the one that knows what is done here; None where it is.

        Without an agent it is what one would end with at its start. Raises LabSenderError where it cannot be read.
        """
        if lack := self._lack_beside_agent():
            return lack
        return None if self.agent_runs() else self._lack_at_start()

    def _lack_beside_agent(self) -> Lack | None:
        from lab_sender.premises.locks import has_other_journal
        from lab_sender.premises.needs import of_the_agent

        folders = [each.folders for each in self.config.outboxes]
        with contextlib.suppress(PermissionError, patience.Hangs):
            question = f"locks of {self.journal_path}"
            if patience.ask_of(question, lambda: has_other_journal(*folders), LOOK_S):
                return of_the_agent(self.config.folders, self.config.path.name)
        return None

    def _lack_at_start(self) -> Lack | None:
        """Ask each outbox; one that hangs says nothing."""
        from lab_sender.premises.behind import not_behind
        from lab_sender.premises.needs import disk_there, holds_nothing, not_moved, worked_on

        if disk_there("journal", self.config.folders.journal) is not None:
            return None  # an agent waits for it
        if holds_nothing(self.journal_at):
            return self._first_lack(lambda each: not_moved(each.folders) or worked_on(each.folders))
        with self.view() as view:
            return self._first_lack(
                lambda each: None if self.is_away(each) or self.is_new(each) else not_behind(each.folders, view)
            )

    def _first_lack(self, lack_of: Callable[[OutboxConfig], Lack | None]) -> Lack | None:
        for each in self.config.outboxes:
            with contextlib.suppress(patience.Hangs):
                if lack := patience.ask_of(f"outbox {each.folders.outbox}", partial(lack_of, each), LOOK_S):
                    return lack
        return None

    def last_beat(self) -> Beat | None:
        """Return what the last agent has written of itself; None where none has."""
        from lab_sender.premises.beat import last_beat

        return last_beat(self.journal_path.parent)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """Open the journal for reading. Raises NoJournal."""
        from lab_sender.journal import View

        self.want_journal()
        view = View(self.journal_at)
        try:
            yield view
        finally:
            view.close()

    @contextlib.contextmanager
    def kept_view(self) -> Iterator[KeptView | None]:
        """Open the journal for reading what it knows of sent/; None where there is no journal."""
        from lab_sender.journal import KeptView

        view = KeptView(self.journal_at) if self.has_journal else None
        try:
            yield view
        finally:
            if view is not None:
                view.close()

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """Open the journal for an act, beside the agent if one runs. Raises NoJournal, also if that has another."""
        from lab_sender.journal import Journal

        self.want_journal()
        if lack := self._lack_beside_agent():
            raise NoJournal(lack.code, lack.text, hint=lack.hint)
        journal = Journal(self.journal_at)
        try:
            yield journal
        finally:
            journal.close()

    def records(self) -> Records:
        """Return what page and alerts keep: beside journal.db, or where the journal is on PostgreSQL, there.

        It is made where it is missing, and so is the journal's folder, in one that is there: accounts may come before
        the first agent. Raises NoJournal.
        """
        from lab_sender import files
        from lab_sender.operations.records import NAME, FileRecords

        path = self.journal_path.with_name(NAME)
        if (server := self.config.folders.database) is not None:
            from lab_sender.operations.records_on_server import RecordsOnServer

            return RecordsOnServer(server, *dict.fromkeys((path, self._before_node(path))))
        if not path.parent.is_dir():
            if not path.parent.parent.is_dir():
                self.want_journal()
            files.make_folder(path.parent)
        return FileRecords(path)

    def _before_node(self, path: Path) -> Path:
        """Return where this machine has kept it before it had a `node`, whose folder for the journal is another."""
        folders = self.config.folders
        return folders.work / path.name if folders.journal == folders.own else path

    def audit_broken(self, view: View | None) -> int | None:
        """Return the first row of the audit that the last walk along it found wrong; `view` is open on a journal."""
        from lab_sender.operations.records import broken_row

        if self.config.folders.database is None:
            return broken_row(self.journal_path.parent)
        return view.audit_broken() if view is not None else None

    def want_no_agent(self) -> None:
        """Raise AgentRuns where one runs."""
        if self.agent_runs():
            raise AgentRuns

    def want_journal(self) -> None:
        """Raise NoJournal where there is none."""
        if not self.has_journal:
            from lab_sender.premises.needs import disk_there

            if lack := disk_there("journal", self.config.folders.journal):
                raise NoJournal(lack.code, lack.text, hint=lack.hint)
            if lack := self.lack_of_journal():
                raise NoJournal(lack.code, lack.text, hint=lack.hint)
            raise NoJournal(
                "journal.none",
                f"there is no journal at {self.journal_at}.",
                hint=self.before_a_first_start or "No agent has run with this configuration yet: `lab-sender run`.",
            )


def journal_named(name: str) -> Address:
    """Return where a journal is, by its path or by that of the configuration that names it."""
    from lab_sender.premises.names import JOURNAL_NAME

    path = Path(name)
    return path if path.name == JOURNAL_NAME else Installation(path).journal_at
