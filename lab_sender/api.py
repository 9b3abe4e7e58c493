"""lab-sender for programs: build a report, drop it, learn what became of it, read the journal.

Holds: the names that docs/API.md lists; Semantic Versioning covers them and nothing else of the package.
Promises: works beside a running agent and without one; never overwrites a file, never writes the journal. Values are
frozen. Patient data comes out of `Message.body`, `Journal.body`, `Journal.answers` and `Journal.his_words` alone.
Never: sends, runs an agent, or imports what only the command line needs.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from lab_sender.config.load import ConfigError
from lab_sender.config.profile import builtin
from lab_sender.errors import AgentError, FileError, Finding, LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal import JournalUnavailable, Line, View
from lab_sender.operations import drop as dropping
from lab_sender.operations import fate as fates
from lab_sender.operations.build import Message
from lab_sender.operations.build import build as _build
from lab_sender.operations.destinations import chosen
from lab_sender.operations.drop import NameRejected
from lab_sender.operations.fate import Dropped, Outcome
from lab_sender.operations.installation import Installation, Later, NoJournal, journal_named
from lab_sender.operations.outboxes import outbox_for
from lab_sender.operations.values import State

if TYPE_CHECKING:
    from lab_sender.oru import Builder
    from lab_sender.readers import Inputs
    from lab_sender.report.model import Report

__all__ = [
    "AgentError",
    "ConfigError",
    "Entry",
    "Fate",
    "FileError",
    "Finding",
    "Journal",
    "JournalUnavailable",
    "LabSender",
    "LabSenderError",
    "Later",
    "Message",
    "MessageFate",
    "NameRejected",
    "NoJournal",
    "Outcome",
    "Receipt",
    "State",
    "build",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the journal, or a file that could not be read (then `id` is None)."""

    id: int | None
    file_id: int
    file: str
    place: str
    destination: str
    control_id: str
    state: State
    code: str
    reason: str
    ack_code: str
    contradicted: str
    attempts: int
    received: datetime.datetime
    final: datetime.datetime | None
    same_as: int | None


@dataclass(frozen=True, slots=True)
class MessageFate:
    """What became of one message of a file.

    `entry` is the message itself. `final` decides: of a duplicate it is the message that it is the same as, of one
    that a person has resent the copy, else `entry`.
    """

    outcome: Outcome
    entry: Entry
    final: Entry

    @property
    def control_id(self) -> str:
        """The control id (MSH-10) under which the HIS has the message, or would have it."""
        return self.final.control_id

    @property
    def code(self) -> str:
        """Why it is in quarantine; "" elsewhere."""
        return self.final.code if self.outcome == "quarantined" else ""

    @property
    def reason(self) -> str:
        """The same in words, without the HIS's own; "" elsewhere."""
        return self.final.reason if self.outcome == "quarantined" else ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a file. `outcome` is `waiting` while one of its messages waits, else the worst of them.

    Without messages the file has not been received: it lies in the outbox, or has just been claimed.
    """

    outcome: Outcome
    messages: tuple[MessageFate, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A file that was dropped. Its fields are plain values: a program may keep them, and ask after a restart.

    `journal` is the journal's path; where that is on PostgreSQL, the path of the configuration that names it.
    """

    journal: str
    name: str
    sha256: str
    after: int

    def wait(self, timeout_s: float) -> Fate:
        """Wait until every message of the file is final, or the time is up; 0 looks once.

        No agent need run, and one may be started, stopped or killed meanwhile. Raises JournalUnavailable where the
        journal could never be read, LabSenderError `journal.replaced` where it is not the one of the drop.
        """
        found = fates.wait(journal_named(self.journal), Dropped(self.name, self.sha256, self.after), timeout_s)
        messages = (MessageFate(each.outcome, _entry(each.line), _entry(each.final)) for each in found.messages)
        return Fate(found.outcome, tuple(messages))


class LabSender:
    """An installation of lab-sender: what a config.yaml names."""

    def __init__(self, config: str | Path) -> None:
        """Read the configuration, once. Raises ConfigError with every mistake in it."""
        self._installation = Installation(Path(config).absolute())
        self._builders: dict[str, Builder] = {}
        self._installation.config  # noqa: B018  # read now: a program wants to know at its start

    def agent_runs(self) -> bool:
        """Say whether an agent works on this outbox or journal."""
        return self._installation.agent_runs()

    def build(
        self,
        report: Report | Mapping[str, Any] | str | bytes,
        *,
        attachments: Mapping[str, bytes] | None = None,
        control_id: str = "",
        now: datetime.datetime | None = None,
        to: str = "",
    ) -> Message:
        """Build a report by this configuration; nothing is dropped, sent or written.

        `to` names the destination by whose profile it is built; without it that is the first one.
        `report` is a lab-result/1 report: the model's class, a dict, or JSON text. `attachments` are the files that
        it names. Without `control_id` and `now` (aware) the message has an id of its own and the time of day.
        """
        return _built(report, self._builder(to), self._installation.config.inputs, attachments, control_id, now)

    def drop(
        self,
        content: Report | Mapping[str, Any] | Sequence[Any] | str | bytes,
        *,
        name: str = "",
        attachments: Mapping[str, bytes] | None = None,
        to: Sequence[str] = (),
    ) -> Receipt:
        """Put a report, reports, or any file's bytes into the outbox; durable on return.

        The bytes of a ready message go out as they are. Without `name` the file has one of its own. Where the name is
        taken, it gets a number; with `attachments`, which the report knows by name, it is not dropped. Raises
        NameRejected, FileError, Later, JournalUnavailable; then nothing was dropped.

        It goes into the first outbox; with `to`, names of destinations, into the one whose files go to these and
        nowhere else. Raises LabSenderError `send.no-outbox` where there is none, `destination.unknown`.
        """
        outbox = outbox_for(self._installation.config, to)
        data = _data(content)
        name = name or _own_name(content, data)
        attachments = attachments or {}
        dropped = dropping.drop(
            self._installation, data, name, attachments, outbox, keeps_name=bool(attachments)
        )
        return self._receipt(dropped)

    def receipt(self, name: str, content: bytes) -> Receipt:
        """Make the receipt of a file that something else has dropped: the newest of this name and content."""
        return self._receipt(Dropped(name, dropping.sha256_of(content), fates.BY_ITSELF))

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """Open the journal for reading. Raises NoJournal before the first start of an agent."""
        with self._installation.view() as view:
            yield Journal(view)

    def _builder(self, to: str) -> Builder:
        """Return the builder of a destination, the first one's without a name. Raises `destination.unknown`."""
        from lab_sender.oru import Builder

        name = chosen(self._installation.config, (to,) if to else ())[0]
        if name not in self._builders:
            self._builders[name] = Builder(self._installation.config.destinations[name].message)
        return self._builders[name]

    def _receipt(self, dropped: Dropped) -> Receipt:
        return Receipt(self._installation.journal_name, dropped.name, dropped.sha256, dropped.after)


class Journal:
    """A journal that is open for reading; each answer is of the moment of its question."""

    def __init__(self, view: View) -> None:
        self._view = view

    def by_order(self, number: str, *, limit: int = 50) -> list[Entry]:
        """Return the newest messages that speak of an order: its number, or `number^authority`."""
        lines = (*self._view.by_order(number, limit=limit), *self._view.quarantined_by_number(number, limit=limit))
        found = {line.message_id or 0: line for line in lines}
        return [_entry(found[each]) for each in sorted(found, reverse=True)][:limit]

    def by_control_id(self, control_id: str) -> list[Entry]:
        """Return the message with this control id (MSH-10)."""
        return [_entry(line) for line in self._view.by_control_id(control_id)]

    def by_state(self, *states: State, limit: int = 50) -> list[Entry]:
        """Return the newest messages and unreadable files in these states."""
        if unknown := set(states) - set(get_args(State)):
            raise ValueError(f"no such state: {', '.join(sorted(unknown))}")
        return [_entry(line) for line in self._view.lines(states=states, limit=limit)]

    def by_file(self, name: str, *, limit: int = 50) -> list[Entry]:
        """Return what became of the newest files of this name, as it was in the outbox or is now."""
        return [_entry(line) for line in self._view.by_name(name, limit=limit)]

    def orders(self, entry: Entry) -> list[str]:
        """Return the orders that a message speaks of, as `number^authority`."""
        return [] if entry.id is None else self._view.orders(entry.id)

    def body(self, entry: Entry) -> bytes | None:
        """Return a message's bytes: patient data. None where it was never built."""
        return None if entry.id is None else self._view.wire(entry.id)

    def answers(self, entry: Entry) -> list[bytes]:
        """Return the HIS's answers to a message, oldest first: patient data may be in them."""
        if entry.id is None:
            return []
        said = [(each["started_ms"], each["ack"]) for each in self._view.attempts(entry.id)]
        said += [(each["at_ms"], each["ack"]) for each in self._view.answers(entry.id)]
        return [ack for _, ack in sorted(said, key=lambda each: each[0]) if ack is not None]

    def his_words(self, entry: Entry) -> str:
        """Return what the HIS said of a message it refused: patient data may be in it."""
        line = None if entry.id is None else self._view.message(entry.id)
        return "" if line is None else line.his_words


def build(
    report: Report | Mapping[str, Any] | str | bytes,
    profile: str,
    *,
    attachments: Mapping[str, bytes] | None = None,
    control_id: str = "",
    now: datetime.datetime | None = None,
) -> Message:
    """Build a report by a profile alone, without an installation; else as `LabSender.build`.

    `profile` is the name of a built-in one (`us-lri`) or a .yaml file. Raises LabSenderError `profile.*`.
    """
    from lab_sender.oru import Builder
    from lab_sender.readers import Inputs

    return _built(report, Builder(builtin(profile)), Inputs(), attachments, control_id, now)


def _built(
    report: Any,
    builder: Builder,
    inputs: Inputs,
    attachments: Mapping[str, bytes] | None,
    control_id: str,
    now: datetime.datetime | None,
) -> Message:
    control_id = control_id or new_id()
    try:
        data = _data(report)
    except FileError as error:
        return Message(None, control_id, error.findings)
    now = now or datetime.datetime.now().astimezone()
    return _build(data, builder, inputs, control_id=control_id, now=now, attachments=attachments or {})


def _data(content: Any) -> bytes:
    """Return the bytes of a file. Raises FileError for a report that has no form in JSON."""
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str):
        from lab_sender.report.json_text import json_text

        return json_text(content)
    if not content.lstrip().startswith(("{", "[")):
        raise TypeError("anything but JSON is given as bytes: its character set is its own")
    return content.encode()


def _own_name(content: Any, data: bytes) -> str:
    """Name a file that nobody has named. What it is, its content says; the ending is for people."""
    ready = isinstance(content, bytes) and data.lstrip().startswith((b"MSH", b"FHS", b"BHS"))
    return f"{new_id()}.{'hl7' if ready else 'json' if data.lstrip().startswith((b'{', b'[')) else 'txt'}"


def _entry(line: Line) -> Entry:
    return Entry(
        id=line.message_id,
        file_id=line.source_id,
        file=line.name,
        place=line.place_in_file,
        destination=line.destination,
        control_id=line.control_id,
        state=cast(State, line.state),
        code=line.code,
        reason=line.reason,
        ack_code=line.ack_code,
        contradicted=line.contradicted,
        attempts=line.attempts,
        received=_time(line.created_ms),
        final=None if line.final_ms is None else _time(line.final_ms),
        same_as=line.same_as,
    )


def _time(at_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
