"""A file's bytes to journal entries.

Holds: the pure step from what a file holds to the messages it becomes.
Promises: every item of a file becomes one entry, spooled or quarantined with its reason. A ready message's bytes are
unchanged except for MSH-10 where it has none, a PDF that belongs to it, and what the profile's rules change in ready
HL7. What asks for no answer, by the bytes that would go out, is not spooled.
Never: touches a file or the journal, or knows of other files.
"""

from __future__ import annotations

import datetime
import hashlib
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from lab_sender.config.profile import SiteProfile
from lab_sender.errors import FileError, Finding
from lab_sender.hl7.asked_answers import asked_answers
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
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


class Composer:
    """Composes by one site's profile."""

    def __init__(
        self,
        profile: SiteProfile,
        inputs: Inputs | None = None,
        *,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        site_readers()  # one that cannot be loaded stops the start
        self.profile = profile
        self.inputs = inputs or Inputs()
        self._builder = Builder(profile)
        self._now = now

    @cached_property
    def digest(self) -> str:
        """What differs where the profile or the inputs do."""
        return hashlib.sha256(pickle.dumps((self.profile, self.inputs), pickle.HIGHEST_PROTOCOL)).hexdigest()

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
        messages = tuple([self.entry(item, {}) for item in items])
        if self.inputs.pdf.beside != "ignore" and len(items) == 1 and messages[0].state == "spooled":
            return Interpretation(reading.kind, sha256, messages, items=items, pairs=True, remarks=reading.remarks)
        return Interpretation(reading.kind, sha256, messages, remarks=reading.remarks)

    def entry(self, item: Item, attachments: Mapping[str, bytes], companion: str = "") -> NewMessage:
        """Make the entry of one item.

        `attachments` are the files that its report names; `companion` is the name of the one among them that it
        does not name: the PDF of its file's base name.
        """
        if companion:
            try:
                settings = self.profile.settings.attachments
                document = attachments.get(companion)
                item = with_companion(item, companion, document, settings.test, may_be_cut=settings.cut == "send")
            except Exception as error:
                return _quarantined(item.place, item.digest, (_fault(error),))
        match item:
            case ReportItem():
                return self._build(item, attachments)
            case ReadyItem():
                return self._keep(item)
            case BadItem():
                return _quarantined(item.place, item.digest, item.findings)

    def _build(self, item: ReportItem, attachments: Mapping[str, bytes]) -> NewMessage:
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
        except FileError as error:
            return _quarantined(item.place, digest, item.located(error.findings))
        except MemoryError:
            raise
        except Exception as error:  # attachments are built outside of `interpret`
            return _quarantined(item.place, digest, (_fault(error),))
        asked = asked_answers(built.body)
        if faults := asked.faults(item.place):
            return _quarantined(item.place, digest, faults)
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
        )

    def _keep(self, item: ReadyItem) -> NewMessage:
        control_id, body, said = item.control_id, item.body, item.remarks
        try:
            if self._builder.rules.for_ready:
                body, warnings = with_rules(body, self._builder.rules, item.place)
                said += warnings
        except FileError as error:
            return _quarantined(item.place, item.digest, error.findings)
        except Exception as error:  # what has a companion is composed outside of `interpret`
            return _quarantined(item.place, item.digest, (_fault(error),))
        asked = asked_answers(body)
        if self.inputs.hl7.no_answer == "send":
            said += asked.faults(item.place, severity="warning")
        elif faults := asked.faults(item.place):
            return _quarantined(item.place, item.digest, faults)
        if not control_id:
            control_id = new_id()
            body = with_control_id(body, control_id)
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
        )


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


def _quarantined(place: str, digest: bytes, findings: tuple[Finding, ...]) -> NewMessage:
    reason = "\n".join(finding.line() for finding in findings)
    return NewMessage(place, "quarantined", digest, code=findings[0].code, reason=reason, findings=findings)
