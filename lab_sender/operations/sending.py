"""One file now: into the outbox like every other, and what became of it.

Holds: `drop`, the way of a file and what belongs to it into the outbox, and `Sending`, the wait until the journal
knows what became of it.
Promises: the file goes the way of every other, through the outbox and the journal, and is copied, never moved;
nothing in the outbox is overwritten. If no agent runs, or the one that did has ended, one runs here until the file
is final.
Never: talks to the HIS itself, or decides what an answer means.
"""

from __future__ import annotations

import hashlib
import itertools
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from lab_sender.errors import FileError
from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.journal import Line, View
    from lab_sender.readers import Inputs

_LOOK_S = 0.05
_LOOK_FOR_AGENT_S = 1.0
_REST_S = 1.0
_MOST_STEPS = 100
_WAITING = frozenset({"spooled", "sending"})
Fate = Literal["delivered", "contradicted", "quarantined", "waiting"]


class Sent(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/send/1"):
    """What became of a file that was sent now."""

    file: Annotated[str, about("Its name in the outbox.")]
    result: Annotated[
        Fate,
        about(
            "delivered: all of it; contradicted: and the HIS took some of it back; quarantined: some of it is not"
            " delivered and will not be without a person; waiting: it goes out later."
        ),
    ]
    messages: Annotated[tuple[Entry, ...], about("Its messages in their order; none while it is in the outbox.")]


class Sending:
    """One file's way: dropped at the first look, then looked for in the journal."""

    def __init__(self, installation: Installation, file: Path, deadline: float) -> None:
        """Read the file. Raises FileError `file.too-large`, or Later while it is being written."""
        self._installation = installation
        self._file = file
        self._deadline = deadline
        self._data = read_file(file, installation.config.intake.largest_file_bytes)
        self._sha256 = hashlib.sha256(self._data).digest()
        self._since = 0
        self.name = ""
        self.lines: Sequence[Line] = ()
        self._states: set[str] = set()
        if installation.has_journal:
            with installation.view() as view:
                self._since = view.last_source_id()

    def known(self) -> bool:
        """Look; True when every message of the file is final, or the time is up."""
        if not self.name:
            self.name = drop(self._installation, self._file, self._data)
        if self._installation.has_journal:
            with self._installation.view() as view:
                sources = view.sources_since(self._since, self.name, self._sha256)[:1]
                if sources:
                    self.lines = view.lines(source_ids=sources, limit=1_000_000)[::-1]
                    self._states = {_fate(view, line) for line in self.lines}
        return self.result != "waiting" or time.monotonic() >= self._deadline

    def wait(self) -> bool:
        """Look until it is known, and a moment longer for the file to come to rest; False: no agent runs any more."""
        look_at = time.monotonic() + _LOOK_FOR_AGENT_S
        while not self.known():
            time.sleep(_LOOK_S)
            if time.monotonic() >= look_at:
                if not self._installation.agent_runs():
                    return False
                look_at = time.monotonic() + _LOOK_FOR_AGENT_S
        rest = min(self._deadline, time.monotonic() + _REST_S)
        while self.result != "waiting" and self.lines[0].where == "claimed" and time.monotonic() < rest:
            time.sleep(_LOOK_S)
            self.known()
        return True

    def until_final(self) -> Sent:
        """Wait for the verdict, or until the time is up; run an agent where none runs."""
        while (self._installation.agent_runs() or not _run_agent(self._installation, self)) and not self.wait():
            pass  # the agent has ended: it was that of another `send`, or was stopped
        return self.sent

    @property
    def sent(self) -> Sent:
        """What is known so far."""
        entries = [entry_of(self._installation, line) for line in self.lines]
        return Sent(self.name, self.result, tuple(entries))

    @property
    def result(self) -> Fate:
        """The fate of the whole file so far; one that a person gave up counts as quarantined: not delivered."""
        if not self._states or self._states & _WAITING:
            return "waiting"
        if self._states <= {"acked", "contradicted"} and "contradicted" in self._states:
            return "contradicted"
        return "delivered" if self._states == {"acked"} else "quarantined"


def _fate(view: View, line: Line) -> str:
    """Return a message's state; of a duplicate that of its original, of a replaced one that of what replaced it."""
    final = line
    for _ in range(_MOST_STEPS):
        other = {"duplicate": final.same_as, "replaced": final.replaced_by}.get(final.state)
        found = view.message(other) if other is not None else None
        if found is None:
            break
        final = found
    if final.state == "replaced":
        return "spooled"  # its file is still to be read again
    return "contradicted" if final.contradicted else final.state


def drop(installation: Installation, file: Path, data: bytes) -> str:
    """Put a copy of a file, after those of the attachments it names, into the outbox; return its name there.

    A file that lies in the outbox already is left as it is. Raises Later `send.attachment-taken`.
    """
    from lab_sender import files
    intake, outbox = installation.config.intake, installation.config.outbox
    if file.resolve().parent == outbox.resolve():
        return file.name
    if installation.outbox_is_away:
        raise Later(
            "outbox.unreachable", "the outbox is not there, though the journal has a history; it is not made anew.",
            hint="`lab-sender check` says what to do.",
        )  # fmt: skip
    files.make_folder(outbox, shared=True)
    name = file.name.lstrip(".") or "result"
    named, companion = _belonging(file, data, installation.config.inputs)
    if companion is not None and (outbox / name).exists():
        raise _taken(name)  # under another name the file would not get its PDF, and that one would get it
    for attachment in [*named, *([companion] if companion else [])]:
        part = _copy(outbox, read_file(attachment, intake.largest_file_bytes))
        try:
            files.rename(part, outbox / attachment.name)
        except FileExistsError as error:
            files.remove(part)
            raise _taken(attachment.name) from error
    part = _copy(outbox, data)
    target = outbox / name
    for number in itertools.count(1):
        try:
            files.rename(part, target)
            break
        except FileExistsError:
            target = outbox / f"{Path(name).stem}-{number}{Path(name).suffix}"
    if intake.marker:
        (outbox / f"{target.name}{intake.marker}").touch()
    files.sync_folder(outbox)
    return target.name


def _taken(name: str) -> Later:
    text = f"a file of the name of one that belongs together is in the outbox: {name}."
    return Later("send.attachment-taken", text, hint="Send again when it has been taken.")


def read_file(path: Path, largest_bytes: int) -> bytes:
    """Read a file whole. Raises FileError `file.too-large`, or Later while it is being written."""
    from lab_sender import files

    try:
        return files.read_whole(path.resolve(), largest_bytes, ask_for_writers=False)[0]
    except files.TooLarge:
        raise FileError.of(
            "file.too-large", f"the file is larger than intake.largest_file ({largest_bytes} bytes).",
            hint="Split it, or raise the limit.",
        ) from None  # fmt: skip
    except files.StillChanging:
        raise Later("file.changing", "the file is being written.", hint="Try again in a moment.") from None


def _belonging(file: Path, data: bytes, inputs: Inputs) -> tuple[list[Path], Path | None]:
    """Find the files beside this one that it names, and the PDF of its base name; what is wrong, the agent finds."""
    from lab_sender.operations import beside
    from lab_sender.readers import read

    try:
        items = read(data, file.name, inputs).items
    except FileError:
        return [], None
    pdf = beside.companion(items, file, inputs)
    return beside.named_files(items, file.parent), pdf if pdf is not None and pdf.is_file() else None


def _copy(outbox: Path, data: bytes) -> Path:
    """Write a copy under a name that no intake takes; durable once it has its own and the folder is flushed."""
    from lab_sender import files
    from lab_sender.ids import new_id

    part = outbox / f".{new_id()}.part"
    files.write_new(part, data, shared=True)
    return part


def _run_agent(installation: Installation, sending: Sending) -> bool:
    """Be the agent until the verdict is known or a signal comes; False if another one has started meanwhile.

    The file is dropped when the agent is up, so that its doorbell hears it.
    """
    from lab_sender import log
    from lab_sender.agent.premises import AnotherRuns
    from lab_sender.agent.process import Agent

    settings = installation.config.log
    log.set_up(form=settings.format, level=settings.level if settings.file else "critical", file=settings.file)
    agent = Agent(installation.config)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    agent.obey_signals()
    try:
        agent.run(until=lambda _: sending.known())
    except AnotherRuns:
        return False
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    sending.known()  # the agent's last round has brought the file to its folder
    return True
