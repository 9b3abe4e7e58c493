"""A file's bytes to journal entries.

Holds: the pure step from what a file holds to the messages it becomes, for each destination by its profile.
Promises: every item of a file becomes an entry for each destination that takes it, spooled or quarantined with its
reason, or one in quarantine where nobody takes it. What cannot be built for a destination is quarantined for that one
alone, unless it is sure that it does not take it. A ready message's bytes are unchanged except for MSH-10 where it
has none, a PDF that belongs to it, and what the profile's rules change in ready HL7. What asks for no answer, by the
bytes that would go out, is not spooled.
Never: touches a file or the journal, or knows of other files.
"""

from __future__ import annotations

import datetime
import hashlib
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from lab_sender.config.destinations import DestinationConfig
from lab_sender.config.profile import Profile, SiteProfile
from lab_sender.config.takes import TAKES_ALL, Takes
from lab_sender.errors import FileError, Finding
from lab_sender.hl7.asked_answers import asked_answers
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.routing import Route, nobody, route, route_failed
from lab_sender.journal import NewMessage, Remark
from lab_sender.oru import Builder, with_rules
from lab_sender.readers import (
    BadItem,
    Inputs,
    Item,
    ReadyItem,
    ReportItem,
    attachment_paths,
    read,
    site_readers,
    with_companion,
)


class Interpretation(NamedTuple):
    """What a file's bytes say; can be sent to another process.

    `findings` is filled where the file as a whole is unreadable. A file that names attachments (`named`) has its
    `items` here, to be composed when they have come; any other has its `messages`. One that a PDF of the same
    base name may belong to (`pairs`) has both. `remarks` is what its reader did that no message shows.
    """

    kind: str
    sha256: bytes
    messages: tuple[NewMessage, ...] = ()
    findings: tuple[Finding, ...] = ()
    named: frozenset[str] = frozenset()
    items: tuple[Item, ...] = ()
    pairs: bool = False
    remarks: tuple[Finding, ...] = ()


class Recipient(NamedTuple):
    """What a destination wants of messages; can be sent to another process. "" is whichever their batch is for."""

    name: str
    profile: SiteProfile
    takes: Takes = TAKES_ALL


def recipients(destinations: Mapping[str, DestinationConfig], names: Iterable[str]) -> tuple[Recipient, ...]:
    """Return those of the destinations that have these names."""
    wanted = frozenset(names)
    chosen = [each for each in destinations.values() if each.name in wanted]
    return tuple([Recipient(each.name, each.message, each.takes) for each in chosen])


_Clock = Callable[[], datetime.datetime]


class Composer:
    """Composes for the destinations that a file may go to; for one that has no name, by its profile alone."""

    def __init__(
        self,
        wanted: SiteProfile | Sequence[Recipient],
        inputs: Inputs | None = None,
        *,
        now: _Clock = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        site_readers()  # one that cannot be loaded stops the start
        self.recipients = (Recipient("", wanted),) if isinstance(wanted, SiteProfile) else tuple(wanted)
        self.inputs = inputs or Inputs()
        self._writers = tuple([_Writer(each, self.inputs, now) for each in self.recipients])

    @cached_property
    def digest(self) -> str:
        """What differs where a profile, a destination's rules or the inputs do."""
        return hashlib.sha256(pickle.dumps((self.recipients, self.inputs), pickle.HIGHEST_PROTOCOL)).hexdigest()

    @cached_property
    def profiles(self) -> Mapping[str, Profile]:
        """The `message` section of each destination."""
        return {each.name: each.profile.settings for each in self.recipients}

    def interpret(self, data: bytes, name: str = "") -> Interpretation:
        """Read the bytes of the file `name`, and compose all of it that needs no other file."""
        sha256 = hashlib.sha256(data).digest()
        try:
            return self._interpreted(data, name, sha256)
        except FileError as error:
            return Interpretation("unreadable", sha256, findings=error.findings)
        except MemoryError:  # the machine's shortage is no fault of the file
            raise
        except Exception as error:  # a fault of ours must not stop other patients' results
            return Interpretation("unreadable", sha256, findings=(_fault(error),))

    def _interpreted(self, data: bytes, name: str, sha256: bytes) -> Interpretation:
        reading = read(data, name, self.inputs)
        items = tuple(reading.items)
        named = frozenset(_named(items))
        if named:
            return Interpretation(reading.kind, sha256, named=named, items=items, remarks=reading.remarks)
        messages = tuple([message for item in items for message in self.entries(item, {})])
        if (
            self.inputs.pdf.beside != "ignore"
            and len(items) == 1
            and any(message.state == "spooled" for message in messages)
        ):
            return Interpretation(reading.kind, sha256, messages, items=items, pairs=True, remarks=reading.remarks)
        return Interpretation(reading.kind, sha256, messages, remarks=reading.remarks)

    def entries(self, item: Item, attachments: Mapping[str, bytes], companion: str = "") -> tuple[NewMessage, ...]:
        """Make the entries of one item: one for each destination that takes it, or may take it and has it not built.

        `attachments` are the files that its report names; `companion` is the name of the one among them that it
        does not name: the PDF of its file's base name.
        """
        made = [writer.entry(item, attachments, companion) for writer in self._writers]
        entries = tuple([each for each in made if isinstance(each, NewMessage)])
        if entries:
            return entries
        names = [each.name for each in self.recipients]
        routes = zip(names, made, strict=True)
        found = nobody([(name, each) for name, each in routes if isinstance(each, Route)], item.place)
        return (_quarantined(item.place, item.digest, (found,), names[0]),)


class _Writer:
    """Composes for one destination."""

    def __init__(self, recipient: Recipient, inputs: Inputs, now: _Clock) -> None:
        self.destination, self._profile, self._takes = recipient
        self._builder = Builder(recipient.profile)
        self._inputs = inputs
        self._now = now

    def entry(self, item: Item, attachments: Mapping[str, bytes], companion: str) -> NewMessage | Route:
        """Make the entry of one item, or say by what it is not taken. See `Composer.entries`."""
        if companion:
            try:
                settings = self._profile.settings.attachments
                document = attachments.get(companion)
                item = with_companion(item, companion, document, settings.test, may_be_cut=settings.cut == "send")
            except Exception as error:
                return self._quarantined(item, (_fault(error),))
        match item:
            case ReportItem():
                return self._build(item, attachments)
            case ReadyItem():
                return self._keep(item)
            case BadItem():
                return self._quarantined(item, item.findings)

    def _build(self, item: ReportItem, attachments: Mapping[str, bytes]) -> NewMessage | Route:
        digest = item.digest
        if attachments:
            for name in sorted(attachments.keys() & set(attachment_paths(item.report)) - item.documents.keys()):
                digest = hashlib.sha256(digest + hashlib.sha256(attachments[name]).digest()).digest()
        control_id = new_id()
        try:
            built = self._builder.build(
                item.report,
                control_id=control_id,
                now=self._now(),
                attachments={**attachments, **item.documents},
                place=item.place,
            )
            taken = route(built.body, self._takes, item.place)
        except FileError as error:
            failed = route_failed(error, self._takes)
            if failed.taken is False:
                return failed
            return _quarantined(item.place, digest, item.located(error.findings), self.destination)
        except MemoryError:
            raise
        except Exception as error:  # attachments are built outside of `interpret`
            return _quarantined(item.place, digest, (_fault(error),), self.destination)
        if not taken.taken:
            return taken
        asked = asked_answers(built.body)
        if faults := asked.faults(item.place):
            return _quarantined(item.place, digest, faults, self.destination)
        return NewMessage(
            item.place,
            "spooled",
            digest,
            built.body,
            control_id,
            built.orders,
            built.patient_key,
            asked.wants_application,
            built=True,
            remarks=remarks_of(item.located(built.warnings)) if built.warnings else (),
            destination=self.destination,
        )

    def _keep(self, item: ReadyItem) -> NewMessage | Route:
        control_id, body, said = item.control_id, item.body, item.remarks
        try:
            if self._builder.rules.for_ready:
                body, warnings = with_rules(body, self._builder.rules, item.place)
                said += warnings
            if not control_id:
                control_id = new_id()
                body = with_control_id(body, control_id)
            taken = route(body, self._takes, item.place)
        except FileError as error:
            failed = route_failed(error, self._takes)
            return failed if failed.taken is False else self._quarantined(item, error.findings)
        except Exception as error:  # what has a companion is composed outside of `interpret`
            return self._quarantined(item, (_fault(error),))
        if not taken.taken:
            return taken
        asked = asked_answers(body)
        if self._inputs.hl7.no_answer == "send":
            said += asked.faults(item.place, severity="warning")
        elif faults := asked.faults(item.place):
            return self._quarantined(item, faults)
        return NewMessage(
            item.place,
            "spooled",
            item.digest,
            body,
            control_id,
            item.orders,
            item.patient_key,
            asked.wants_application,
            remarks=remarks_of(said),
            destination=self.destination,
        )

    def _quarantined(self, item: Item, findings: tuple[Finding, ...]) -> NewMessage:
        return _quarantined(item.place, item.digest, findings, self.destination)


def remarks_of(findings: Iterable[Finding]) -> tuple[Remark, ...]:
    """Gather what goes on with a file or message: one remark for each code, with the place of the first."""
    gathered: dict[str, Remark] = {}
    for each in findings:
        before = gathered.setdefault(each.code, Remark(each.code, each.place, each.text, 0))
        gathered[each.code] = before._replace(times=before.times + 1)
    return tuple(gathered.values())


def _fault(error: Exception) -> Finding:
    text = f"lab-sender itself failed on this file ({type(error).__name__}); its content was not sent."
    return Finding("agent.fault", text, hint="Keep the file and report this; `preview` shows where.")


def _named(items: Iterable[Item]) -> set[str]:
    """Return the files that reports name and that are still to come."""
    reports = [item for item in items if isinstance(item, ReportItem)]
    return {path for item in reports for path in attachment_paths(item.report) if path not in item.documents}


def _quarantined(
    place: str, digest: bytes, findings: tuple[Finding, ...], destination: str
) -> NewMessage:
    reason = "\n".join(finding.line() for finding in findings)
    code = findings[0].code
    return NewMessage(
        place, "quarantined", digest, code=code, reason=reason, findings=findings, destination=destination
    )
