"""A report to its message, away from outbox, journal and HIS.

Holds: the one report that a text holds, and the message that a profile makes of it.
Promises: reads and builds as the agent does; every finding is returned, and none raised.
Never: touches a file but those of the profile.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from lab_sender.errors import FileError, Finding

if TYPE_CHECKING:
    from lab_sender.oru import Builder
    from lab_sender.readers import Inputs, ReportItem


class Message(Struct, frozen=True):
    """A message as it would be sent, and what was found on the way; without `body` it cannot be sent.

    `body` is the bytes between the MLLP frame, in the character set of MSH-18. They are patient data.
    """

    body: bytes | None
    control_id: str
    findings: tuple[Finding, ...] = ()


def build(
    data: bytes,
    builder: Builder,
    inputs: Inputs,
    *,
    control_id: str,
    now: datetime.datetime,
    attachments: Mapping[str, bytes],
) -> Message:
    """Build the message of the one report that `data` holds."""
    from lab_sender.hl7.asked_answers import asked_answers

    try:
        item, remarks = _report_in(data, inputs)
    except FileError as error:
        return Message(None, control_id, error.findings)
    files = {**attachments, **item.documents}
    try:
        built = builder.build(item.report, control_id=control_id, now=now, attachments=files, place=item.place)
    except FileError as error:
        return Message(None, control_id, (*remarks, *item.located(error.findings)))
    faults = asked_answers(built.body).faults(item.place)
    body = None if faults else built.body
    return Message(body, control_id, (*remarks, *faults, *item.located(built.warnings)))


def _report_in(data: bytes, inputs: Inputs) -> tuple[ReportItem, tuple[Finding, ...]]:
    """Read the report, and what its reader says of it. Raises FileError."""
    from lab_sender.readers import BadItem, ReportItem, read

    reading = read(data, "", inputs)
    if len(reading.items) > 1:
        text = f"It holds {len(reading.items)} reports; a message is built of one."
        raise FileError.of("build.one-report", text, hint="Build them one by one.")
    match reading.items[0]:
        case ReportItem() as item:
            return item, reading.remarks
        case BadItem(findings=findings):
            raise FileError((*findings, *reading.remarks))
        case _:
            raise FileError.of("build.one-report", "It is a ready message, which is not built.", hint="Drop it.")
