"""An outbox that agents of several machines may have together: which one it is, and who else works there.

Holds: the file with its identity, and what is lacking where an agent cannot be one of those that share it.
Promises: the identity is given once, whoever is first, and is read whole or not at all.
Never: claims or moves a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lab_sender import files
from lab_sender.config.folders import CLAIMED, NODES, Folders
from lab_sender.errors import ExitCode
from lab_sender.ids import ID_LENGTH, is_id
from lab_sender.premises.needs import Lack, claimed_in, outbox_there


def identity_of(folders: Folders) -> str:
    """Return which outbox this is; "": nobody has said so yet. Raises OSError."""
    try:
        text = folders.identity.read_bytes()[: ID_LENGTH + 1].decode("ascii", "replace").rstrip("\n")
    except FileNotFoundError:
        return ""
    return text if is_id(text) else ""


def identified(folders: Folders, identity: str) -> str:
    """Say which outbox this is, unless somebody was quicker; return what is said. Raises OSError."""
    part = folders.own / folders.identity.name
    files.write_new(part, f"{identity}\n".encode("ascii"))
    try:
        files.rename(part, folders.identity)
    except FileExistsError:
        files.remove(part)
    files.sync_folder(folders.identity.parent)
    return identity_of(folders)


def not_shared_otherwise(folders: Folders) -> Lack | None:
    """An outbox that agents share is no other agent's."""
    if folders.may_be_shared or not os.path.exists(folders.identity):
        return None
    text = f"agents that each have a journal.node share the outbox {folders.outbox}; this one cannot."
    hint = (
        "Give it their journal.database and a journal.node of its own, and leave folders.work out, with folders.sent"
        " and folders.quarantine inside of the outbox. Or, if none of them works there any more and"
        f" `lab-sender list` shows nothing of it as claimed, remove {folders.identity}."
    )
    return Lack("outbox", "outbox.shared", text, hint, ExitCode.CONFIG)


def none_claimed_otherwise(folders: Folders) -> Lack | None:
    """Nothing lies where agents claim that share an outbox, and this one does not; or the other way round."""
    at = next((each for each in _claimed_otherwise(folders) if claimed_in(each)), None)
    if at is None:
        return None
    if folders.may_be_shared:
        text = f"files lie in {at} that an agent has claimed which had this outbox alone. Nothing was changed."
        hint = (
            "Start that agent as it was (without journal.node, or with the lab-sender of before), let it send and"
            " file all it has, and stop it; then start this one."
        )
        return Lack("outbox", "outbox.other-journal", text, hint, ExitCode.STORAGE)
    text = f"files lie in {at} that an agent with a journal.node has claimed; this one would never read or file them."
    hint = (
        "Start that agent again, with its journal.database and journal.node, and let it send and file all; any other"
        " one that shared the outbox goes on with them too. Then stop it, and start this one."
    )
    return Lack("outbox", "outbox.shared", text, hint, ExitCode.CONFIG)


def _claimed_otherwise(folders: Folders) -> Iterator[Path]:
    nodes = folders.identity.parent / NODES
    if folders.may_be_shared:
        yield folders.work / CLAIMED
    else:
        yield from (nodes / name / CLAIMED for name in sorted(claimed_in(nodes) or ()))


def not_readable(folders: Folders) -> Lack:
    """The file with the identity is there and says nothing."""
    text = f"{folders.identity} does not say which outbox this is: it is empty or torn."
    hint = "Stop all agents that share the outbox, remove that file, and start them: they write it anew."
    return Lack("outbox", "folder.unusable", text, hint, ExitCode.STORAGE)


def one_twice(one: Folders, other: Folders) -> Lack:
    """Two folders have one identity: one is a copy of the other."""
    text = f"{one.identity} and {other.identity} say the same: one outbox is a copy of the other."
    hint = "Move the copy's folder .lab-sender away: it knows of the other one's files. Nothing was changed."
    return Lack("outbox", "outbox.not-apart", text, hint, ExitCode.CONFIG)


def of_another_journal(folders: Folders) -> Lack:
    """An outbox that agents share has one journal, and it is not this one."""
    text = f"the agents that share the outbox {folders.outbox} have another journal. Nothing was changed."
    hint = (
        "Write the same database and schema under journal in the configuration of each of them. If their journal is"
        f" lost, follow 'The journal is missing' in docs/SYMPTOMS.md, and remove {folders.identity} too."
    )
    return Lack("outbox", "outbox.other-journal", text, hint, ExitCode.CONFIG)


def changed(folders: Folders, identity: str) -> Lack | None:
    """An outbox stays the one that it was when an agent began; one that is away is waited for.

    Where the file that says so was taken away while an agent works, it is written again.
    """
    if not identity:
        return not_shared_otherwise(folders)
    try:
        now = identity_of(folders)
        if not now and not files.exists(folders.identity) and outbox_there(folders) is None:
            now = identified(folders, identity)  # before anybody gives it another one
    except (OSError, files.Busy):
        return None
    if now in ("", identity):
        return None
    text = f"{folders.outbox} is another outbox than when the agent began: {folders.identity} says so."
    hint = "Started again, the agent works on what lies there now. Check that it is what should."
    return Lack("outbox", "lock.gone", text, hint, ExitCode.LATER)
