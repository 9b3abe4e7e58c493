"""`journal backup`, `recover` and `compact`: the journal as a file.

Holds: what each of them asks for before it begins, and what it came to.
Promises: a backup is made beside a running agent; the other two want it stopped. Nothing is overwritten.
Never: restores: docs/AUDITOR.md says how, step by step.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.journal.copies import Recovered

_ROOM: Final = 2
"""So many times the journal's size must be free for it to be compacted."""


class NoFile(LabSenderError):
    """The journal is no file; nothing was changed."""


class NoRoom(LabSenderError):
    """The disk has not enough room; nothing was changed."""

    exit_code = ExitCode.STORAGE


class BackedUp(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/journal-backup/1"):
    """What `journal backup` made."""

    path: Annotated[str, about("The backup: one file.")]
    bytes: Annotated[int, about("Its size.")]
    sha256: Annotated[str, about("Its SHA-256, to be held against it before it is restored.")]
    messages: Annotated[dict[str, int], about("How many messages it has, by their state.")]


class RecoveredTable(Value, frozen=True):
    """What a table of the damaged journal gave."""

    table: Annotated[str, about("The table.")]
    rows: Annotated[int, about("Rows that the new journal has.")]
    unreadable: Annotated[int, about("Numbers that could not be read; not each of them need have had a row.")]
    unsound: Annotated[int, about("Rows that were not taken: their bytes have changed, or they make no sense.")]


class RecoveredJournal(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/journal-recovered/1"):
    """What `journal recover` made."""

    path: Annotated[str, about("The new journal: one file.")]
    whole: Annotated[bool, about("Nothing is missing, as far as anybody knows.")]
    tables: Annotated[tuple[RecoveredTable, ...], about("What each table gave.")]
    bytes_lost: Annotated[int, about("Messages that waited and have lost their bytes: they are in quarantine now.")]
    rows_lost: Annotated[int, about("Messages of which only the bytes are left: in quarantine, or delivered.")]
    nowhere: Annotated[int, about("Bytes of which nobody knows where they were to go: they are not in it.")]
    sources_lost: Annotated[int, about("Files of which only messages are left.")]
    orders_again: Annotated[int, about("Messages whose orders were read from their bytes again.")]
    unsure: Annotated[int, about("Unfinished files of which a message may be lost whole: they are in quarantine.")]
    messages: Annotated[dict[str, int], about("How many messages it has, by their state.")]


class Compacted(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/journal-compacted/1"):
    """What `journal compact` did."""

    before_bytes: Annotated[int, about("The journal's size on the disk before.")]
    after_bytes: Annotated[int, about("Its size now.")]


def backup(installation: Installation, target: Path) -> BackedUp:
    """Copy the journal, beside the agent if one runs. Raises NoJournal, TargetTaken, AgentError."""
    from lab_sender.journal import copies

    _demand_file(installation)
    copies.back_up(installation.journal_path, target)
    with open(target, "rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    return BackedUp(str(target), target.stat().st_size, sha256, _messages(target))


def recover(installation: Installation, target: Path) -> RecoveredJournal:
    """Make a new journal of what can be read of this one. Raises NoJournal, TargetTaken, AgentRuns, AgentError."""
    from lab_sender.journal import copies

    _demand_file(installation)
    installation.want_no_agent()
    return _recovered(target, copies.recover(installation.journal_path, target))


def compact(installation: Installation) -> Compacted:
    """Give the journal's free pages back to the disk. Raises NoJournal, AgentRuns, NoRoom, AgentError."""
    from lab_sender.journal import copies

    _demand_file(installation)
    installation.want_no_agent()
    path, before = installation.journal_path, installation.file_bytes
    free = shutil.disk_usage(path.parent).free
    if free < _ROOM * before:
        raise NoRoom(
            "journal.no-room",
            f"{_ROOM * before:,} bytes must be free in {path.parent}; {free:,} are. Nothing was changed.",
            hint="Make room there; it is needed only while the journal is written anew.",
        )
    copies.compact(path)
    return Compacted(before, installation.file_bytes)


def _demand_file(installation: Installation) -> None:
    installation.want_journal()
    if not isinstance(installation.journal_at, Path):
        raise NoFile(
            "journal.on-server",
            "the journal is on PostgreSQL, which has its own means for that.",
            hint="Ask whoever runs the database: pg_dump makes a copy, pg_restore brings it back.",
        )


def _recovered(target: Path, found: Recovered) -> RecoveredJournal:
    return RecoveredJournal(
        str(target),
        found.is_whole,
        tuple([RecoveredTable(*each) for each in found.tables]),
        **found.mended._asdict(),
        messages=_messages(target),
    )


def _messages(path: Path) -> dict[str, int]:
    from lab_sender.journal import View

    view = View(path)
    try:
        return view.counts()
    finally:
        view.close()
