"""One file now: into the outbox like every other, and what became of it.

Holds: `Sending`, the way of a file and what lies beside it into the outbox (drop.py), and the wait until the journal
knows what became of it (fate.py).
Promises: the file is copied, never moved, and takes its turn. If no agent runs, or the one that did has ended, one
runs here until the file is final.
Never: talks to the HIS itself, or decides what an answer means.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from lab_sender import files, writers
from lab_sender.errors import FileError
from lab_sender.operations.drop import check_names, drop, newest_source, sha256_of
from lab_sender.operations.fate import Dropped, Fate, Outcome, wait
from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.outboxes import outbox_for, outbox_of
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.operations.fate import MessageFate
    from lab_sender.readers import Inputs

_LOOK_S = 0.05
_LOOK_FOR_AGENT_S = 1.0
_REST_S = 1.0
_UNNAMED: Final = "result"
"""The name of a file whose own has dots only."""
Result = Literal["delivered", "contradicted", "quarantined", "waiting"]
_RESULTS: Final[dict[Outcome, Result]] = {
    "delivered": "delivered", "contradicted": "contradicted", "quarantined": "quarantined", "waiting": "waiting",
    "given-up": "quarantined",
}  # fmt: skip
"""What a person gave up counts as quarantined: it was not delivered."""


class Sent(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/send/1"):
    """What became of a file that was sent now."""

    file: Annotated[str, about("Its name in the outbox.")]
    result: Annotated[
        Result,
        about(
            "delivered: all of it; contradicted: and the HIS took some of it back; quarantined: some of it is not"
            " delivered and will not be without a person; waiting: it goes out later."
        ),
    ]
    messages: Annotated[tuple[Entry, ...], about("Its messages in their order; none while it is in the outbox.")]


class Sending:
    """One file's way: dropped at the first look, then looked for in the journal."""

    def __init__(self, installation: Installation, file: Path, deadline: float, to: Sequence[str] = ()) -> None:
        """Read the file, which goes to the destinations that are named, else to those of its outbox.

        Raises what `outbox_for` does, FileError `file.too-large`, NameRejected, or Later while it is being written.
        """
        self._outbox = outbox_for(installation.config, to, file)
        after = newest_source(installation)
        self._installation = installation
        self._file = file
        self._deadline = deadline
        self._data = read_file(file, installation.config.intake.largest_file_bytes)
        self._dropped: Dropped | None = None
        self._fate: Fate | None = None
        in_outbox = outbox_of(installation.config, file) is not None
        self._name = file.name if in_outbox else file.name.lstrip(".") or _UNNAMED
        check_names(installation, [self._name], portable=False)
        if in_outbox:
            self._dropped = Dropped(file.name, sha256_of(self._data), after)

    def known(self) -> bool:
        """Look; True when every message of the file is final, or the time is up."""
        self._look(0.0)
        return self.result != "waiting" or time.monotonic() >= self._deadline

    def _look(self, timeout_s: float) -> None:
        """Look until it is known, or the time is up; a journal that cannot be read now is looked at later."""
        from lab_sender.journal import JournalUnavailable

        if self._dropped is None:
            self._dropped = self._drop()
        try:
            self._fate = wait(self._installation.journal_at, self._dropped, timeout_s)
        except JournalUnavailable:
            if self._fate is None and time.monotonic() >= self._deadline:
                raise

    def wait(self) -> bool:
        """Look until it is known, and a moment longer for the file to come to rest; False: no agent runs any more."""
        while not self.known():
            self._look(min(_LOOK_FOR_AGENT_S, max(0.0, self._deadline - time.monotonic())))
            if self.result == "waiting" and not self._installation.agent_runs():
                return False
        rest = min(self._deadline, time.monotonic() + _REST_S)
        while self.result != "waiting" and self._is_claimed() and time.monotonic() < rest:
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
        name = self._dropped.name if self._dropped is not None else ""
        entries = [entry_of(self._installation, each.line) for each in self._messages]
        return Sent(name, self.result, tuple(entries))

    @property
    def result(self) -> Result:
        """What became of the whole file so far."""
        return _RESULTS[self._fate.outcome] if self._fate is not None else "waiting"

    @property
    def _messages(self) -> tuple[MessageFate, ...]:
        return self._fate.messages if self._fate is not None else ()

    def _is_claimed(self) -> bool:
        return any(each.line.where == "claimed" for each in self._messages)

    def _drop(self) -> Dropped:
        """Put a copy of the file, after those of what belongs to it, into the outbox. Raises what `drop` raises.

        Beside a companion the file keeps its name: under another one it would not get its PDF, and that one would.
        """
        config = self._installation.config
        if not self._installation.is_away(self._outbox):
            files.make_folder(self._outbox.folders.outbox, shared=True)
        attachments, keeps_name = self._belonging(config.inputs, config.intake.largest_file_bytes)
        return drop(
            self._installation,
            self._data,
            self._name,
            attachments,
            self._outbox,
            keeps_name=keeps_name,
            portable=False,
        )

    def _belonging(self, inputs: Inputs, largest_bytes: int) -> tuple[Mapping[str, bytes], bool]:
        """Read the files beside this one that it names, or its companion; what is wrong with it, the agent finds."""
        from lab_sender.operations import beside
        from lab_sender.readers import read

        try:
            items = read(self._data, self._file.name, inputs).items
        except FileError:
            return {}, False
        pdf = beside.companion(items, self._file, inputs)
        companions = [pdf] if pdf is not None and pdf.is_file() else []
        found = [*beside.named_files(items, self._file.parent), *companions]
        return {each.name: read_file(each, largest_bytes) for each in found}, bool(companions)


def read_file(path: Path, largest_bytes: int) -> bytes:
    """Read a file whole. Raises FileError `file.too-large`, or Later while it is being written."""
    try:
        return writers.read_whole(path.resolve(), largest_bytes, ask_for_writers=False)[0]
    except writers.TooLarge:
        raise FileError.of(
            "file.too-large", f"the file is larger than intake.largest_file ({largest_bytes} bytes).",
            hint="Split it, or raise the limit.",
        ) from None  # fmt: skip
    except writers.StillChanging:
        raise Later("file.changing", "the file is being written.", hint="Try again in a moment.") from None


def _run_agent(installation: Installation, sending: Sending) -> bool:
    """Be the agent until the verdict is known or a signal comes; False if another one has started meanwhile.

    The file is dropped when the agent is up, so that its doorbell hears it.
    """
    from lab_sender.agent.process import Agent
    from lab_sender.logfile import set_up_as
    from lab_sender.premises.needs import AnotherRuns

    settings = installation.config.log
    set_up_as(settings, level="" if settings.file else "critical")
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
