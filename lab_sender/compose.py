"""A file's bytes to the messages that go into the journal.

Holds: the step between reading and spooling: building reports, keeping or giving control ids, recognising
content that was delivered already.
Promises: every item of a file becomes one entry, spooled, duplicate or quarantined with its reason; the bytes of
a ready message change in MSH-10 at most. The same content is skipped only while it is the newest that was sent for
each of its orders: a result that went from A to B and back to A is sent three times.
Never: touches a file or writes to the journal.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from lab_sender.errors import FileError, Finding
from lab_sender.ids import new_id
from lab_sender.journal import NewMessage, NewSource
from lab_sender.oru import Builder
from lab_sender.results import BadItem, Item, ReadyItem, ReportItem, with_control_id


class Known(Protocol):
    """What the journal knows of earlier messages: message id and the digest of its content."""

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return the messages that have these control ids."""
        ...

    def latest_of_orders(self, order_keys: Collection[str]) -> dict[str, tuple[int, bytes]]:
        """Return for each order the newest message that was or will be delivered."""
        ...


class Composer:
    """Turns items into journal entries: each by itself (`entry`), then a batch beside what is known (`settle`)."""

    def __init__(
        self,
        builder: Builder,
        known: Known,
        destination: str,
        *,
        application_ack: str,
        duplicates: Literal["skip", "send"],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        self._builder = builder
        self._known = known
        self._destination = destination
        self._wants_application = application_ack == "AL"
        self._skip_duplicates = duplicates == "skip"
        self._now = now

    def entry(self, item: Item, attachments: Mapping[str, bytes]) -> NewMessage:
        """Make the entry of one item, without regard to others."""
        match item:
            case ReportItem():
                return self._build(item, attachments)
            case ReadyItem():
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
            case BadItem():
                return _quarantined(item.place, item.digest, item.findings)

    def settle(self, sources: Sequence[NewSource]) -> list[NewSource]:
        """Mark what was taken before, and give new control ids where one is used by other content.

        Order within the batch counts as order in time.
        """
        spooled = [message for source in sources for message in source.messages if message.state == "spooled"]
        holders: dict[str, tuple[int | None, bytes]] = {}
        holders |= self._known.holders_of([str(message.control_id) for message in spooled], self._destination)
        latest: dict[str, tuple[int | None, bytes]] = {}
        if self._skip_duplicates:
            latest |= self._known.latest_of_orders([key for message in spooled for key in message.order_keys])
        settled = []
        for source in sources:
            messages = tuple(self._settled(message, holders, latest) for message in source.messages)
            settled.append(source if messages == source.messages else replace(source, messages=messages))
        return settled

    def _settled(
        self,
        message: NewMessage,
        holders: dict[str, tuple[int | None, bytes]],
        latest: dict[str, tuple[int | None, bytes]],
    ) -> NewMessage:
        if message.state != "spooled" or message.body is None or message.control_id is None:
            return message
        holder = holders.get(message.control_id)
        if self._skip_duplicates:
            newest = {latest.get(key) for key in message.order_keys} or {holder}
            before = newest.pop()
            if not newest and before is not None and before[1] == message.digest:
                return _duplicate(message, before[0])
        if holder is not None:
            control_id = new_id()
            message = replace(message, control_id=control_id, body=with_control_id(message.body, control_id))
        holders[str(message.control_id)] = (None, message.digest)
        latest.update(dict.fromkeys(message.order_keys, (None, message.digest)))
        return message

    def _build(self, item: ReportItem, attachments: Mapping[str, bytes]) -> NewMessage:
        digest = item.digest
        if attachments:
            named = {each.path for order in item.report.orders for each in order.attachments}
            for name in sorted(named & attachments.keys()):
                digest = hashlib.sha256(digest + hashlib.sha256(attachments[name]).digest()).digest()
        control_id = new_id()
        try:
            built = self._builder.build(
                item.report, control_id=control_id, now=self._now(), attachments=attachments, place=item.place
            )
        except FileError as error:
            return _quarantined(item.place, digest, error.findings)
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


def _duplicate(message: NewMessage, same_as: int | None) -> NewMessage:
    text = "the same content was taken before and is the newest for its orders; `resend` sends it again."
    return NewMessage(
        message.place, "duplicate", message.digest, code="message.duplicate", reason=text, same_as=same_as
    )


def _quarantined(place: str, digest: bytes, findings: tuple[Finding, ...]) -> NewMessage:
    reason = "\n".join(finding.line() for finding in findings)
    return NewMessage(place, "quarantined", digest, code=findings[0].code, reason=reason)
