"""What reading a file gives.

Holds: the reading of a file and its items: a report to be built, a message that is ready,
or one that cannot go on.
Promises: items stand in the order of the file. One bad item never takes the others with it.
Never: opens a file, or knows a format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from msgspec import Struct, field

from lab_sender.errors import Finding
from lab_sender.hl7.orders import OrderFact
from lab_sender.report.model import Report

MOST_BAD = 200
"""Reports of a file that cannot be sent and are named one by one."""


class Places(Protocol):
    """Where in the file the parts of a report stand, where its own paths say nothing: in a table, for example."""

    def find(self, path: str) -> str:
        """Return the place of the part of the report at `path`, such as `orders[0].results[1].value`."""


class ReportItem(Struct, frozen=True):
    """One report that is still to be built.

    `place` is the prefix of places in it: `""` for a single report, `[2]` in an array, `line 3`
    in NDJSON. `digest` is a SHA-256 of what the report says in a normal form: of its JSON without white
    space, for example; not of what attachments beside it hold. `documents` are attachments that the file
    itself holds, by their path.
    """

    place: str
    report: Report
    digest: bytes
    documents: dict[str, bytes] = field(default_factory=dict)
    places: Places | None = None

    def located(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Return findings on this report with their places as the file has them."""
        if self.places is None:
            return findings
        inside = f"{self.place}."
        parts = [(each, each.place.removeprefix(inside)) for each in findings]
        return tuple(
            each if part == each.place else replace(each, place=self.places.find(part)) for each, part in parts
        )


class ReadyItem(Struct, frozen=True):
    """One ready HL7 message.

    `body` is the file's own bytes with every segment ended by CR, without MLLP bytes and batch
    envelope. `charset` is the first repetition of MSH-18. `orders` is what each OBR with a number says,
    `patient_key` the `id^authority` of the first PID-3 repetition; they are empty where the message has none.
    `remarks` is what a HIS may stumble over in it.
    """

    place: str
    body: bytes
    control_id: str
    version: str
    charset: str
    orders: tuple[OrderFact, ...]
    patient_key: str
    digest: bytes
    remarks: tuple[Finding, ...] = ()


class BadItem(Struct, frozen=True):
    """One report or message that cannot go on, with the reasons found (see `errors.bounded`)."""

    place: str
    findings: tuple[Finding, ...]
    digest: bytes


Item = ReportItem | ReadyItem | BadItem


def owners_of(item: Item) -> frozenset[str]:
    """Return, for each order of a report or message, patient and order number as one text, authorities left out."""
    match item:
        case ReportItem(report=report):
            patient = report.patient.ids[0].id if report.patient.ids else ""
            numbers = [order.filler or order.placer for order in report.orders]
            orders = [each.partition("|")[0] if isinstance(each, str) else each.id for each in numbers]
        case ReadyItem():
            patient = item.patient_key.partition("^")[0]
            orders = [fact.key.partition("^")[0] for fact in item.orders]
        case BadItem():
            return frozenset()
    return frozenset(f"{patient.strip()}\n{order.strip()}" for order in orders if order.strip())


def few_bad(items: Iterable[Item]) -> list[Item]:
    """Return items in their order, of bad ones the first `MOST_BAD`; one last item stands for all other bad ones.

    A wrong export has hundreds of thousands of them, and each would be a message in quarantine.
    """
    kept: list[Item] = []
    bad = more = 0
    digest = hashlib.sha256()
    for item in items:
        if isinstance(item, BadItem):
            bad += 1
            if bad > MOST_BAD:
                more += 1
                digest.update(item.digest)
                continue
        kept.append(item)
    if more:
        text = f"{more} more reports of this file cannot be sent; they are not named one by one."
        finding = Finding("file.more-bad-reports", text, hint="Correct the first ones; the rest may go with them.")
        kept.append(BadItem("the rest", (finding,), digest.digest()))
    return kept


class Remark(Struct, frozen=True):
    """Something that a reader did with a file and that none of its items shows, such as rows skipped by rule."""

    finding: Finding


class Reading(Struct, frozen=True):
    """What a file says. `kind` is its reader's: `json`, `hl7`, `csv` ..."""

    kind: str
    items: list[Item]
    remarks: tuple[Finding, ...] = ()
