"""A file's bytes to journal entries.

Holds: the pure step from what a file holds to the messages it becomes.
Promises: every item of a file becomes one entry, spooled or quarantined with its reason; the bytes of a ready
message stay as they are (one without MSH-10 is given one). What `interpret` returns can be sent to another process.
Never: touches a file or the journal, or knows of other files.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from lab_sender.errors import FileError, Finding
from lab_sender.ids import new_id
from lab_sender.journal import NewMessage
from lab_sender.oru import Builder, MessageProfile
from lab_sender.results import BadItem, Item, ReadyItem, ReportItem, attachment_paths, read, with_control_id


class Interpretation(NamedTuple):
    """What a file's bytes say.

    `findings` is filled where the file as a whole is unreadable. A file that names attachments (`named`) has its
    `items` here, to be composed when they have come; any other has its `messages`.
    """

    kind: str
    sha256: bytes
    messages: tuple[NewMessage, ...] = ()
    findings: tuple[Finding, ...] = ()
    named: frozenset[str] = frozenset()
    items: tuple[Item, ...] = ()


class Composer:
    """Composes by one site's profile."""

    def __init__(
        self,
        profile: MessageProfile,
        *,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        self.profile = profile
        self._builder = Builder(profile)
        self._wants_application = profile.application_ack == "AL"
        self._now = now

    def interpret(self, data: bytes) -> Interpretation:
        """Read a file's bytes, and compose all of it that needs no other file."""
        sha256 = hashlib.sha256(data).digest()
        try:
            return self._interpreted(data, sha256)
        except FileError as error:
            return Interpretation("unreadable", sha256, findings=error.findings)
        except Exception as error:  # a fault of ours must not stop other patients' results
            return Interpretation("unreadable", sha256, findings=(_fault(error),))

    def _interpreted(self, data: bytes, sha256: bytes) -> Interpretation:
        reading = read(data)
        named = frozenset(_named(reading.items))
        if named:
            return Interpretation(reading.kind, sha256, named=named, items=tuple(reading.items))
        return Interpretation(reading.kind, sha256, tuple([self.entry(item, {}) for item in reading.items]))

    def entry(self, item: Item, attachments: Mapping[str, bytes]) -> NewMessage:
        """Make the entry of one item; `attachments` are the files that its report names."""
        match item:
            case ReportItem():
                return self._build(item, attachments)
            case ReadyItem():
                return _keep(item)
            case BadItem():
                return _quarantined(item.place, item.digest, item.findings)

    def _build(self, item: ReportItem, attachments: Mapping[str, bytes]) -> NewMessage:
        digest = item.digest
        if attachments:
            for name in sorted(attachments.keys() & attachment_paths(item.report)):
                digest = hashlib.sha256(digest + hashlib.sha256(attachments[name]).digest()).digest()
        control_id = new_id()
        try:
            built = self._builder.build(
                item.report, control_id=control_id, now=self._now(), attachments=attachments, place=item.place
            )
        except FileError as error:
            return _quarantined(item.place, digest, error.findings)
        except Exception as error:  # attachments are built outside of `interpret`
            return _quarantined(item.place, digest, (_fault(error),))
        return NewMessage(
            item.place,
            "spooled",
            digest,
            built.body,
            control_id,
            built.order_keys,
            built.patient_key,
            self._wants_application,
        )


def _fault(error: Exception) -> Finding:
    text = f"lab-sender itself failed on this file ({type(error).__name__}); its content was not sent."
    return Finding("agent.fault", text, hint="Keep the file and report this; `preview` shows where.")


def _keep(item: ReadyItem) -> NewMessage:
    control_id, body = item.control_id, item.body
    if not control_id:
        control_id = new_id()
        body = with_control_id(body, control_id)
    return NewMessage(
        item.place,
        "spooled",
        item.digest,
        body,
        control_id,
        item.order_keys,
        item.patient_key,
        item.application_ack == "AL",
    )


def _named(items: Iterable[Item]) -> set[str]:
    return {path for item in items if isinstance(item, ReportItem) for path in attachment_paths(item.report)}


def _quarantined(place: str, digest: bytes, findings: tuple[Finding, ...]) -> NewMessage:
    reason = "\n".join(finding.line() for finding in findings)
    return NewMessage(place, "quarantined", digest, code=findings[0].code, reason=reason)
