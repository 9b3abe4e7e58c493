"""A file into the outbox.

Holds: which names an agent takes, and the order in which a report, its attachments and their markers appear.
Promises: each file appears whole and durable, under a name that was free; a report after its attachments, the markers
after all. What fails before the first file has appeared leaves nothing.
Never: makes an outbox, overwrites, or changes a byte.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab_sender import files
from lab_sender.errors import FileError, LabSenderError
from lab_sender.ids import new_id
from lab_sender.operations.fate import Dropped
from lab_sender.operations.installation import Installation, Later

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig
    from lab_sender.intake.names import Names

_LONGEST_NAME_BYTES: Final = 200
_NOT_IN_NAMES: Final = frozenset('<>:"/\\|?*')
"""What Windows, or a share of it, does not have in names."""


class NameRejected(LabSenderError):
    """The agent would not take a file of this name; nothing was dropped."""


def drop(
    installation: Installation,
    data: bytes,
    name: str,
    attachments: Mapping[str, bytes],
    outbox: OutboxConfig,
    *,
    keeps_name: bool,
    portable: bool = True,
) -> Dropped:
    """Put a file and its attachments into an outbox; durable on return.

    Where its name is taken it gets a number, or, if it `keeps_name`, is not dropped; attachments keep theirs. Names
    need be `portable` where they are not those of files that lie on this system already. Raises NameRejected,
    FileError `file.too-large`, and Later (`drop.name-taken`, `outbox.unreachable`) for what may work later.
    """
    intake, folder = installation.config.intake, outbox.folders.outbox
    check_names(installation, [*attachments, name], portable=portable)
    for content in (*attachments.values(), data):
        if len(content) > intake.largest_file_bytes:
            text = f"the file is larger than intake.largest_file ({intake.largest_file_bytes} bytes)."
            raise FileError.of("file.too-large", text, hint="Split it, or raise the limit.")
    if not os.path.isdir(folder) or installation.is_away(outbox):
        raise Later("outbox.unreachable", "the outbox is not there.", hint="`lab-sender check` says what to do.")
    after = newest_source(installation)
    parts = {each: folder / f".{new_id()}.part" for each in (*attachments, name)}
    try:
        for each, content in (*attachments.items(), (name, data)):
            files.write_new(parts[each], content, shared=True)
        for each in parts if keeps_name else attachments:
            if files.look(folder / each) is not None:
                raise _taken(each)
        for each in attachments:
            _appear(parts[each], folder, [each])
        final = _appear(parts[name], folder, [name] if keeps_name else _numbered(name))
    finally:
        for part in parts.values():
            files.remove(part)
    files.sync_folder(folder)
    if intake.marker:
        for each in (*attachments, final):
            (folder / f"{each}{intake.marker}").touch()
        files.sync_folder(folder)
    return Dropped(final, sha256_of(data), after)


def sha256_of(data: bytes) -> str:
    """Return what a file's content is known by."""
    return hashlib.sha256(data).hexdigest()


def newest_source(installation: Installation) -> int:
    """Return the id of the source that the journal has received last; 0 where there is none."""
    if not installation.has_journal:
        return 0
    with installation.view() as view:
        return view.last_source_id() if view.schema_version() else 0  # an agent is making it just now


def _numbered(name: str) -> Iterator[str]:
    """Yield a name, then the same with a number before its ending."""
    path = Path(name)
    yield name
    number = 0
    while True:
        number += 1
        yield f"{path.stem}-{number}{path.suffix}"


def _appear(part: Path, outbox: Path, names: Iterator[str] | list[str]) -> str:
    """Give a finished file the first of the names that is free; return it."""
    name = ""
    for name in names:
        try:
            files.rename(part, outbox / name)
            return name
        except FileExistsError:
            continue
    raise _taken(name)


def _taken(name: str) -> Later:
    text = f"a file of the name of one that belongs together is in the outbox: {name}."
    return Later("drop.name-taken", text, hint="Drop them again when it has been taken.")


def check_names(installation: Installation, every: Collection[str], *, portable: bool) -> None:
    """Raise NameRejected for a name that an agent, or with `portable` another system, would not take."""
    from lab_sender.intake.names import Names

    intake = installation.config.intake
    names = Names(intake.temporary, intake.marker)
    for name in every:
        why = _why_not(name, names, portable=portable)
        if not why and [*every].count(name) > 1:
            why = "is that of two files that are dropped together"
        if why:
            raise NameRejected("drop.name", f"the name {name!r} {why}.", hint="Nothing was dropped. Give it another.")


def _why_not(name: str, names: Names, *, portable: bool) -> str:
    """Return why an agent would not take a file of this name; "" where it would."""
    from lab_sender.intake.names import is_dropping

    if portable and (not name or not name.isprintable() or _NOT_IN_NAMES.intersection(name) or name[-1] in " ."):
        return "is not one that every system can write"
    if portable and len(name.encode()) > _LONGEST_NAME_BYTES:
        return f"is longer than {_LONGEST_NAME_BYTES} bytes"
    if names.is_temporary(name) or is_dropping(name):
        return "is one of intake.temporary, or begins with a dot: the agent would not take it"
    if names.is_marker(name):
        return "is that of a marker (intake.marker): the agent would not take it"
    return ""
