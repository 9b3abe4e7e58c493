"""An outbox that agents of several machines may have together: which one it is, and who else works there.

Holds: the file with its identity, and what is lacking where an agent cannot be one of those that share it.
Promises: the identity is given once, whoever is first, and is read whole or not at all.
Never: claims or moves a file.
"""

from __future__ import annotations

import os

from lab_sender import files
from lab_sender.config.folders import Folders
from lab_sender.errors import ExitCode
from lab_sender.ids import ID_LENGTH, is_id
from lab_sender.premises.needs import Lack


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


def of_another_journal(folders: Folders) -> Lack:
    """An outbox that agents share has one journal, and it is not this one."""
    text = f"the agents that share the outbox {folders.outbox} have another journal. Nothing was changed."
    hint = (
        "Write the same database and schema under journal in the configuration of each of them. If their journal is"
        f" lost, follow 'The journal is missing' in docs/SYMPTOMS.md, and remove {folders.identity} too."
    )
    return Lack("outbox", "outbox.other-journal", text, hint, ExitCode.CONFIG)


def changed(folders: Folders, identity: str) -> Lack | None:
    """An outbox stays the one that it was when an agent began; one that is away is waited for."""
    if not identity:
        return not_shared_otherwise(folders)
    try:
        now = identity_of(folders)
    except OSError:
        return None
    if now in ("", identity):
        return None
    text = f"{folders.outbox} is another outbox than when the agent began: {folders.identity} says so."
    hint = "Started again, the agent works on what lies there now. Check that it is what should."
    return Lack("outbox", "lock.gone", text, hint, ExitCode.LATER)
