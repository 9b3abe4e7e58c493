"""A copy of the journal while it is in use, and the journal made small again.

Holds: `back_up` and `compact`.
Promises: a copy is one instant of the journal, was looked at whole, and is on the disk under its name or not there at
all; nothing is overwritten, and no writer waits for it. What `compact` does happens whole or not at all.
Never: looks whether an agent runs.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from lab_sender import files, rights
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal import verdicts
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.database import damaged
from lab_sender.journal.sqlite import schema
from lab_sender.journal.sqlite.failures import mapped_errors

_LEFT_S: Final = 86_400.0
"""A part that nobody has written to for so long is of a process that was killed."""


class TargetTaken(LabSenderError):
    """There is something where a new file should be."""

    exit_code = ExitCode.NO


def back_up(path: Path, target: Path) -> None:
    """Copy the journal, beside a running agent. Raises TargetTaken, AgentError `journal.damaged`, OSError."""
    with (
        new_file(target) as part,
        mapped_errors(),
        closing(schema.connect(path, read_only=True)) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        source.execute("BEGIN")
        version = schema.schema_version(source)  # from here on it is one instant
        if version > schema.SCHEMA_VERSION:
            raise of_another_version(version, schema.SCHEMA_VERSION)
        source.backup(copy)
        if version == schema.SCHEMA_VERSION:
            copy.execute("BEGIN IMMEDIATE")
            verdicts.fold(copy)
            copy.execute("COMMIT")
        as_one_file(copy)


def compact(path: Path) -> None:
    """Give free pages back to the disk, and let the journal do so by itself from now on. No agent may run.

    It needs twice the journal's size of free disk meanwhile. Raises JournalUnavailable, AgentError.
    """
    os.environ["SQLITE_TMPDIR"] = str(path.parent)  # patient data belong into no other folder
    with mapped_errors(), closing(schema.connect(path)) as db:
        version = schema.schema_version(db)
        if version != schema.SCHEMA_VERSION:
            raise of_another_version(version, schema.SCHEMA_VERSION)
        demand_whole(db)
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        demand_whole(db)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Let a new file be made under another name; at the end of the block it is on the disk under its own.

    Raises TargetTaken where there is something already. Two at one time do not write to one file; what one that was
    killed has left goes after a day.
    """
    demand_free(target)
    part = target.with_name(f".{target.name}.{new_id()}.part")
    _sweep(target)
    rights.create_private(part)
    try:
        yield part
        with open(part, "r+b") as written:
            files.fsync(written.fileno())
        try:
            files.rename(part, target)
        except FileExistsError:
            raise _taken(target) from None
        files.sync_folder(target.parent)
    finally:
        files.remove(part)


def _sweep(target: Path) -> None:
    """Remove what killed ones have left; whoever is at work has just written to his."""
    old_s = time.time() - _LEFT_S
    for each in list(files.entries(target.parent)):
        if each.name.startswith(f".{target.name}.") and ".part" in each.name:
            with suppress(FileNotFoundError):
                if each.stat(follow_symlinks=False).st_mtime < old_s:
                    files.remove(Path(each.path))


def as_one_file(db: sqlite3.Connection) -> None:
    """Look at all of a new journal, and leave it as one file: its log is for the agent to make."""
    demand_whole(db)
    db.execute("PRAGMA journal_mode = DELETE")


def demand_free(target: Path) -> None:
    """Raise TargetTaken where there is something already."""
    if os.path.lexists(target):
        raise _taken(target)


def _taken(target: Path) -> TargetTaken:
    return TargetTaken(
        "journal.target-taken",
        f"{target} is there already; nothing was changed.",
        hint="Choose another name: nothing is overwritten.",
    )


def demand_whole(db: sqlite3.Connection) -> None:
    """Look at all of a journal. Raises AgentError `journal.damaged`."""
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise damaged("quick_check")
