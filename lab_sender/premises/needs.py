"""What an agent needs of its folders.

Holds: each need with what is lacking, asked by the agent and by `check`; which outboxes a journal has served.
Promises: one word for one lack, whoever asks.
Never: moves or reads a file, or leaves one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from msgspec import Struct

from lab_sender import files, writers
from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.errors import AgentError, ExitCode, LabSenderError
from lab_sender.intake.names import is_dropping
from lab_sender.journal import Address, View
from lab_sender.premises.names import JOURNAL_NAME, LOCK_NAME, journal_of


class AnotherRuns(AgentError):
    """Another agent has the journal or an outbox."""


class Lack(Struct, frozen=True):
    """Something that an agent needs and lacks; it ends with `code` and `exit_code` (DONE: it waits)."""

    what: str
    code: str
    text: str
    hint: str
    exit_code: ExitCode

    def error(self) -> AgentError:
        """Make the error that an agent ends with."""
        return AgentError(self.code, self.text, hint=self.hint, exit_code=self.exit_code)


def disk_there(name: str, folder: PurePath) -> Lack | None:
    """The drive or share that a folder lies on is there; on Windows each has a root of its own."""
    drive, rest = folder.drive, "\\".join(folder.parts[1:])
    if writers.root_is_there(folder.anchor):
        return None
    if drive.startswith("\\\\"):
        text, hint = f"the share {drive} cannot be reached.", "Is its server up, and may this account use it?"
    elif writers.has_drive(drive):
        text, hint = f"drive {drive} cannot be reached.", "Is its disk plugged in, or the server up that it leads to?"
    else:
        text = f"there is no drive {drive} for this account."
        hint = (
            rf"If it is a mapped drive, write \\server\share\{rest} in place of {folder}: whoever is logged in"
            " has such a drive, and no service."
        )
    waits = f"The agent waits for it, and goes on by itself. {hint}"
    return Lack(name, "folder.away", text, waits, ExitCode.DONE)


def disks_there(folders: Folders) -> Lack | None:
    """The drives and shares are there that an outbox and its folders lie on."""
    names = ("outbox", "work", "sent", "quarantine")
    return next(filter(None, (disk_there(name, getattr(folders, name)) for name in names)), None)


def usable(name: str, folder: Path) -> Lack | None:
    """A folder is there and may be used, or can be made."""
    if lack := disk_there(name, folder):
        return lack
    above = existing(folder)
    if os.path.isdir(folder):
        if _may_use(folder):
            return None
        text = f"{folder} cannot be read and written by this account."
        hint = f"Give it these rights{_by_command(folder)}."
    elif os.path.lexists(folder):
        text, hint = f"{folder} is no folder.", "Move that file away, or name another folder."
    elif os.path.isdir(above) and files.may_write(above) and os.access(above, os.X_OK):
        return None
    else:
        text, hint = f"{folder} cannot be made in {above}.", f"Make it, or give the rights{_by_command(above)}."
    return Lack(name, "folder.unusable", text, hint, ExitCode.STORAGE)


def _may_use(folder: Path) -> bool:
    if not files.WINDOWS:  # which alone says what it lets nobody do
        return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    try:
        next(files.entries(folder), None)
    except OSError:
        return False
    return files.may_write(folder)


def _by_command(folder: Path) -> str:
    return f', with icacls "{folder}" /grant "ACCOUNT:(OI)(CI)M"' if files.WINDOWS else ""


def journal_on_own_disk(folders: Folders) -> Lack | None:
    """The journal lies on a disk of this machine."""
    folder = existing(folders.journal)
    if folders.database is not None or writers.is_local(folder):
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


def not_moved(folders: Folders) -> Lack | None:
    """An outbox with its journal in it does not lie beside its place, under another name: that journal says so."""
    if not folders.journal.is_relative_to(folders.outbox) or os.path.isdir(claimed_folder(folders)):
        return None
    inside = folders.journal.relative_to(folders.outbox) / JOURNAL_NAME
    there = next((each for each in _beside(folders.outbox) if _is_journal_of(each / inside, folders)), None)
    if there is None:
        return None
    text = f"the outbox {folders.outbox} was renamed: it is {there} now, with its journal and what waits in it."
    hint = (
        f"Start nothing before {there} has its name back: {folders.outbox}. What is in its place by now is moved away"
        f" first. Only where all is to begin anew, move it out of {folders.outbox.parent}. Nothing was changed."
    )
    return Lack("outbox", "outbox.missing", text, hint, ExitCode.STORAGE)


def _beside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.parent / each.name for each in files.entries(folder.parent) if each.name != folder.name)
    except OSError:
        return []


def _is_journal_of(journal: Path, folders: Folders) -> bool:
    """Say whether an agent has noted in a journal that it serves these folders."""
    try:
        if holds_nothing(journal):
            return False
        with contextlib.closing(View(journal)) as view:
            return str(claimed_folder(folders)) in view.claimed_folders().values()
    except (OSError, LabSenderError):
        return False  # it is somebody else's, or nobody can say


def worked_on(folders: Folders) -> Lack | None:
    """No agent has worked on an outbox whose journal holds nothing: that knows what is claimed and what was sent."""
    if folders.may_be_shared and os.path.exists(folders.identity):
        return None  # it is the journal that has to know it
    locks = {folders.work / LOCK_NAME, folders.own / LOCK_NAME}
    has_served = any(os.path.exists(lock) and os.path.getsize(lock) > 0 for lock in locks)
    has_claimed = any(map(_has_claimed, _claimed_before(folders)))
    if not (has_served or has_claimed):
        return None
    text = "an agent has worked on this outbox, but the journal that knows what it did is not there."
    hint = "Follow 'The journal is missing' in docs/SYMPTOMS.md; nothing was changed."
    return Lack("journal", "journal.missing", text, hint, ExitCode.STORAGE)


def of_no_other_journal(folders: Folders) -> Lack | None:
    """An outbox that its journal has not served yet holds no claimed files: another journal knows of them."""
    if folders.may_be_shared and os.path.exists(folders.identity):
        return None
    if not any(map(_has_claimed, _claimed_before(folders))):
        return None
    text = f"there are claimed files in {folders.work}, but this journal has not served the outbox {folders.outbox}."
    hint = (
        "An agent with another journal knows what became of them: let it send and file them all, then stop it."
        " If the folder was renamed, give it the name that it had. Nothing was changed."
    )
    return Lack("outbox", "outbox.other-journal", text, hint, ExitCode.STORAGE)


def apart(folders: Folders, others: Iterable[Folders]) -> Lack | None:
    """An outbox is not another one, nor in it or around it, by whatever links they are named."""
    mine = folders.outbox.resolve()
    for other in others:
        theirs = other.outbox.resolve()
        if mine.is_relative_to(theirs) or theirs.is_relative_to(mine) or _is_one(mine, theirs):
            text = f"the outboxes {other.outbox} and {folders.outbox} lie on one another: they lead to {mine}."
            hint = "Give each outbox a folder of its own: whose `to` counts for a file would be chance."
            return Lack("outbox", "outbox.not-apart", text, hint, ExitCode.CONFIG)
    return None


def outbox_there(folders: Folders) -> Lack | None:
    """Outbox and claimed files can be reached; asked where the journal has a history."""
    claimed = claimed_folder(folders)
    if os.path.isdir(folders.outbox) and os.path.isdir(claimed):
        return None
    name, missing = ("work", claimed) if os.path.isdir(folders.outbox) else ("outbox", folders.outbox)
    text = f"{missing} is not there, though the journal has a history: nothing is received."
    hint = (
        "Bring the share back; the agent goes on by itself and makes nothing anew. Only if what was in it is gone for"
        f" good, make it by hand, with the folder {claimed} in the agent's account."
    )
    return Lack(name, "outbox.unreachable", text, hint, ExitCode.DONE)


def of_the_agent(folders: Folders, file: str) -> Lack:
    """The journal that `file` names is the one that the running agent works with."""
    text = (
        f"the running agent works with another journal than {file} names ({journal_of(folders)}):"
        " what waits and what is held is in that one, and is not seen here."
    )
    hint = (
        f"Write back into {file} where the journal was when the agent began (`journal`, `folders.journal`, or which"
        " outbox is the first: without `folders.journal` it lies there), and look again. To move it, stop the agent"
        " first. Nothing was changed."
    )
    return Lack("journal", "journal.elsewhere", text, hint, ExitCode.LATER)


OF_THE_JOURNAL = (journal_on_own_disk, journal_writable)
"""What must be so of the journal's folder before an agent's first start too."""


def claimed_folder(folders: Folders) -> Path:
    """Where claimed files lie until they are filed."""
    return folders.by_name["claimed"]


def _claimed_before(folders: Folders) -> Iterator[Path]:
    """Yield where files may be claimed in an outbox that the journal has not served: of whichever agent."""
    yield claimed_folder(folders)
    try:
        yield from others_claimed(folders)
    except OSError:
        yield folders.nodes  # what nobody can say may have some


def others_claimed(folders: Folders, *, at_work: bool = False) -> list[Path]:
    """Return where other agents have claimed files of an outbox that they may share.

    Raises OSError, also where that cannot be said of one of them: what lies there comes before anything younger. And
    where an agent that is `at_work` there does not see its own folder: the outbox is away, and shows nothing.
    """
    if not folders.may_be_shared:
        return []
    mine = claimed_folder(folders)
    try:
        names = [each.name for each in files.entries(folders.nodes)]
    except FileNotFoundError:
        if at_work:
            raise
        return []
    there = (folders.nodes / name / mine.name for name in sorted(names))
    others = [each for each in there if files.identity(each) is not None and not _is_ours(each, mine)]
    if at_work and files.identity(mine) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(mine))
    return others


def all_claimed(folders: Folders) -> Iterator[Path]:
    """Yield what is claimed of an outbox, by whichever agent. Raises OSError: what cannot be read is not missing.

    Our own folder comes first and last: what is taken over meanwhile, by us or from us, is seen, and may come twice.
    """
    mine = claimed_folder(folders)
    others = others_claimed(folders)
    for folder in (mine, *others, mine) if others else (mine,):
        with contextlib.suppress(FileNotFoundError):  # its agent has not made it yet
            yield from (folder / each.name for each in files.entries(folder))


def _is_ours(each: Path, mine: Path) -> bool:
    """Say whether it is our own folder, whatever the case of its name on a share that does not tell it."""
    if each == mine:
        return True
    return str(each).casefold() == str(mine).casefold() and files.identity(each) == files.identity(mine)


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    while not os.path.exists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def served(outboxes: Sequence[OutboxConfig]) -> tuple[OutboxConfig, ...]:
    """Return those of the outboxes that their journal has served: they are never made anew.

    A served one is known by the folder of its claimed files; by its name where that folder has gone: it may have been
    renamed. The first one has been served, where the journal is older than the names of outboxes.
    """
    journal = journal_of(outboxes[0].folders)
    if holds_nothing(journal):
        return ()
    view = View(journal)
    try:
        known = view.outboxes_served()
        names = ("",) if known is None else known
        noted = {name: Path(folder) for name, folder in view.claimed_folders().items()}
    finally:
        view.close()
    first, found = outboxes[0], list[OutboxConfig]()
    for each in outboxes:
        if any(at(folder, (each,)) for folder in noted.values()):
            found.append(each)
            continue
        name = "" if each is first and each.in_journal not in names and "" in names else each.in_journal
        folder = noted.get(name)
        elsewhere = folder is not None and (os.path.isdir(folder) or at(folder, outboxes) is not None)
        if not elsewhere and (name in names or (each is first and not name)):
            found.append(each)
    return tuple(found)


def at(folder: Path, outboxes: Iterable[OutboxConfig]) -> OutboxConfig | None:
    """Return the outbox whose claimed files lie in this folder, by whatever links it is named."""
    here = files.identity_now(folder)
    for each in outboxes:
        claimed = claimed_folder(each.folders)
        if claimed == folder or (here is not None and files.identity_now(claimed) == here):
            return each
    return None


def holds_nothing(journal: Address) -> bool:
    """Say whether there is no journal, one without tables (its log was taken away), or one that nobody has begun."""
    if isinstance(journal, Path) and (not journal.exists() or journal.stat().st_size == 0):
        return True
    view = View(journal)
    try:
        if view.schema_version() == 0:
            return True
        if isinstance(journal, Path):
            return False
        return not view.has_begun() and not view.last_source_id()  # a DBA has made its tables
    finally:
        view.close()


def _is_one(one: Path, other: Path) -> bool:
    """Say whether two paths are one folder: a share that is mounted twice, or names that differ in case only."""
    identity = files.identity_now(one)  # a share that is away is waited for
    return identity is not None and identity == files.identity_now(other)


def claimed_in(claimed: Path) -> list[str] | None:
    """Name what lies in a folder of claimed files, but for what shares and desktops leave; None: nobody can say."""
    try:
        return [entry.name for entry in files.entries(claimed) if not is_dropping(entry.name)]
    except OSError:
        return None


def _has_claimed(claimed: Path) -> bool:
    lying = claimed_in(claimed)
    return os.path.lexists(claimed) if lying is None else bool(lying)  # what cannot be listed may have some
