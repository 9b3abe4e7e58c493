"""What every command starts from: the configuration, and the journal it names.

Holds: `Installation`, the configuration read on demand, and the ways to open its journal.
Promises: no command makes a journal or a folder by looking for one.
Never: prints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender.errors import ExitCode, LabSenderError

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.journal import Journal, KeptView, View


class NoJournal(LabSenderError):
    """No agent has run with this configuration yet."""


class Later(LabSenderError):
    """Nothing was done; the same command may work later."""

    exit_code = ExitCode.LATER


class Installation:
    """The configuration that `--config` names. Everything is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def config(self) -> Config:
        """The configuration. Raises ConfigError with all its mistakes."""
        from lab_sender.operations.configuration import load

        return load(self._path)

    @cached_property
    def config_to_run(self) -> Config:
        """The same, for the agent: messages can be built by it. Raises ConfigError with all its mistakes."""
        from lab_sender.operations.configuration import load

        return load(self._path, to_build=True)

    @property
    def is_configured(self) -> bool:
        """Say whether the configuration's file is there."""
        return self._path.exists()

    @property
    def journal_path(self) -> Path:
        """Where the journal is, or would be."""
        from lab_sender.agent.wiring import JOURNAL_NAME

        return self.config.folders.journal / JOURNAL_NAME

    @property
    def has_journal(self) -> bool:
        """Say whether there is a journal."""
        path = self.journal_path
        return path.exists() and path.stat().st_size > 0

    @property
    def journal_bytes(self) -> int:
        """The size of the journal on the disk, its log included."""
        path = self.journal_path
        sizes = (Path(f"{path}{ending}") for ending in ("", "-wal", "-shm"))
        return sum(each.stat().st_size for each in sizes if each.exists())

    @property
    def outbox_is_away(self) -> bool:
        """Say whether the outbox, or the agent's folder in it, is missing though the journal has a history."""
        from lab_sender.agent.premises import outbox_there

        return self.has_journal and outbox_there(self.config.folders) is not None

    @property
    def folders(self) -> dict[str, Path]:
        """The folders in which a file can lie for good, by the journal's names."""
        by_name = self.config.folders.by_name
        return {name: by_name[name] for name in ("sent", "quarantine", "dismissed")}

    def path_of(self, line_where: str) -> Path | None:
        """Turn a journal's `sent/2026-11-22/x.json` into the path of that file; a claimed one has none to show."""
        folder, _, name = line_where.partition("/")
        return self.folders[folder] / name if name and folder in self.folders else None

    def agent_runs(self) -> bool:
        """Say whether an agent holds a lock on this journal or outbox; one that starts meanwhile tries again."""
        from lab_sender.agent.premises import is_taken

        return is_taken(self.config.folders)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """Open the journal for reading. Raises NoJournal."""
        from lab_sender.journal import View

        self._want_journal()
        view = View(self.journal_path)
        try:
            yield view
        finally:
            view.close()

    @contextlib.contextmanager
    def kept_view(self) -> Iterator[KeptView | None]:
        """Open the journal for reading what it knows of sent/; None where there is no journal."""
        from lab_sender.journal import KeptView

        view = KeptView(self.journal_path) if self.has_journal else None
        try:
            yield view
        finally:
            if view is not None:
                view.close()

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """Open the journal for an act, beside the agent if one runs. Raises NoJournal."""
        from lab_sender.journal import Journal

        self._want_journal()
        journal = Journal(self.journal_path)
        try:
            yield journal
        finally:
            journal.close()

    def _want_journal(self) -> None:
        if not self.has_journal:
            raise NoJournal(
                "journal.none",
                f"there is no journal at {self.journal_path}.",
                hint="No agent has run with this configuration yet: `lab-sender run`.",
            )
