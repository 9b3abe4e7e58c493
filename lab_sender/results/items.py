"""What reading a file gives.

Holds: the reading of a file and its items: a report to be built, a message that is ready,
or one that cannot go on.
Promises: items stand in the order of the file. One bad item never takes the others with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Finding
from .model import Report


@dataclass(frozen=True, slots=True)
class ReportItem:
    """One report that is still to be built.

    `place` is the prefix of places in it: `""` for a single report, `[2]` in an array, `line 3`
    in NDJSON. `digest` is the SHA-256 of the report's JSON without white space: of what it says,
    not of what its attachments hold.
    """

    place: str
    report: Report
    digest: bytes


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """One ready HL7 message.

    `body` is the file's own bytes with every segment ended by CR, without MLLP bytes and batch
    envelope. `control_id_span` is the slice of `body` that is MSH-10. `charset` is the first
    repetition of MSH-18. `order_keys` are `id^authority` of each OBR-3 (else OBR-2), `patient_key`
    the same of the first PID-3 repetition; they are empty where the message has none.
    """

    place: str
    body: bytes
    control_id: str
    control_id_span: tuple[int, int]
    version: str
    charset: str
    order_keys: tuple[str, ...]
    patient_key: str
    accept_ack: str
    application_ack: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class BadItem:
    """One report or message that cannot go on, with every reason found."""

    place: str
    findings: tuple[Finding, ...]
    digest: bytes


Item = ReportItem | ReadyItem | BadItem


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. `kind` is `json`, `ndjson` or `hl7`."""

    kind: str
    items: list[Item]
