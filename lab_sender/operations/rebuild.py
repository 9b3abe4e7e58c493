"""A message that has not been delivered, built anew by the profile in force.

Holds: the way from a message's own file, as it was received, to its new bytes.
Promises: the file is the one that was received, by its checksum, and the report the same, by its digest; nothing is
changed where the new bytes would say the same.
Never: moves or changes a file, sends, or touches a ready message, whose bytes are not ours.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lab_sender import files
from lab_sender.operations.installation import Installation
from lab_sender.operations.surely import surely
from lab_sender.paths import verbatim

if TYPE_CHECKING:
    from lab_sender.journal import FileRow, Journal, NewMessage, Original

_OF_EACH_MESSAGE = (6, 9)
"""The fields of MSH that differ each time a message is built: its time and its control id."""


class Rebuilt(NamedTuple):
    """A message that was built anew: its state, `spooled` or `quarantined`, and its new control id."""

    state: str
    control_id: str


def rebuild(
    installation: Installation,
    journal: Journal,
    message_id: int,
    *,
    who: str,
    force: bool = False,
    act: str | None = None,
    why: str = "",
) -> Rebuilt:
    """Build a waiting or quarantined message anew.

    Durable and on record on return. Raises ActRejected, or FileError where its file cannot be read any more.
    """
    original, new = prepared(installation, journal, message_id, force=force)
    state = surely(partial(journal.rebuilding.rebuilt, original, new, who=who, force=force, why=why), act)
    return Rebuilt(state, str(new.control_id))


def prepared(
    installation: Installation, journal: Journal, message_id: int, *, force: bool = False
) -> tuple[Original, NewMessage]:
    """Build a message anew without a trace, and return it with the one that it would replace.

    Raises ActRejected, or FileError where its file cannot be read any more.
    """
    from lab_sender.journal import ActRejected

    original = journal.rebuilding.original(message_id, force=force)
    new = _built(installation, original)
    if new.state != "spooled" or new.body is None:
        raise ActRejected(
            "rebuild.not-buildable",
            f"the profile in force does not build message {message_id}: {new.reason}",
            hint="Nothing was changed.",
        )
    if not new.built:
        raise ActRejected(
            "rebuild.not-ours",
            f"message {message_id} is a ready-made one: its bytes come from its file.",
            hint="Dismiss it and drop the corrected file.",
        )
    if _says_the_same(original.body, new.body):
        raise ActRejected(
            "rebuild.unchanged",
            f"the profile in force builds message {message_id} just as it is.",
            hint="Nothing was changed; `preview` shows what a profile makes of a file.",
        )
    return original, new


def _built(installation: Installation, original: Original) -> NewMessage:
    """Compose the report of a message from its files. Raises ActRejected or FileError."""
    from lab_sender.errors import FileError
    from lab_sender.intake.compose import Composer, recipients
    from lab_sender.journal import ActRejected

    config, message_id = installation.config, original.message_id
    (report,) = (file for file in original.files if file.role == "report")
    data = _read(installation, report, message_id)
    if hashlib.sha256(data).digest() != report.sha256:
        raise ActRejected("rebuild.other-file", f"the file of message {message_id} is not the one that was received.")
    composer = Composer(recipients(config.destinations, (original.destination,)), config.inputs)
    said = composer.interpret(data, report.name)
    if said.findings:
        raise FileError(said.findings)
    attachments = {
        file.name: _read(installation, file, message_id) for file in original.files if file.role == "attachment"
    }
    messages = said.messages
    if said.items and attachments:
        companion = next(iter(attachments.keys() - said.named), "") if said.pairs else ""
        messages = tuple([each for item in said.items for each in composer.entries(item, attachments, companion)])
    here = [message for message in messages if message.place == original.place]
    if len(here) != 1 or here[0].digest != original.digest:
        raise ActRejected(
            "rebuild.reads-differently",
            f"the file of message {message_id} is read differently today: its report is not the one from then.",
            hint="Has `inputs` changed, or an attachment? Dismiss the message and drop its file again.",
        )
    return here[0]


def _read(installation: Installation, file: FileRow, message_id: int) -> bytes:
    from lab_sender.journal import ActRejected

    owner = installation.outbox_named(file.outbox)
    folders = owner.folders.by_name if owner is not None else {}
    at = [(file.folder, file.claimed_as if file.folder == "claimed" else file.filed_as)]
    at += [(file.planned_folder, file.planned_as)] if file.planned_folder else []
    for folder, name in at:
        path = folders.get(folder, Path()) / name
        if name and files.is_there(path):
            return Path(verbatim(path)).read_bytes()
    raise ActRejected(
        "rebuild.no-file",
        f"a file of message {message_id} is not where the journal has it.",
        hint="Try again in a moment: it may be on its way. `lab-sender show` says where it belongs.",
    )


def _says_the_same(before: bytes, after: bytes) -> bool:
    heads = []
    for body in (before, after):
        head, _, rest = body.partition(b"\r")
        fields = head.split(body[3:4])
        for number in _OF_EACH_MESSAGE:
            if number < len(fields):
                fields[number] = b""
        heads.append((fields, rest))
    return heads[0] == heads[1]
