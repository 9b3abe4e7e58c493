"""What a report must say before it can become a message, beyond the types of its keys.

Holds: the rules between keys (`filler` or `accession`, results or attachments), and which attachment
names are safe.
Promises: names every fault of a report, with its place.
Never: judges values, codes or dates; oru/ does, against HL7's own tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab_sender.errors import Finding
from lab_sender.readers.json.faults import wrong_schema
from lab_sender.report.model import SCHEMA_NAME, Order, OrderNumber, Report

# A plain name on every platform: no way out of the folder, no device of Windows, nothing hidden.
_UNSAFE_NAME = re.compile(
    r"[/\\:\x00-\x1f\x7f]|\A[.~]|[. ]\Z|\A(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\.|\Z)", re.IGNORECASE
)
_WITHOUT_RESULTS = frozenset(
    ("cancelled", "canceled", "received", "ordered", "registered", "scheduled", "i", "o", "s", "x")
)
"""Statuses of an order that may stand alone: it was given up, or is not done yet."""
_LONGEST_NAME = 255  # bytes


def rule_faults(report: Report, place: str) -> Iterator[Finding]:
    """Tell every rule that a decoded report breaks."""
    if report.schema != SCHEMA_NAME:
        yield wrong_schema(place)
        return
    prefix = f"{place}." if place else ""
    patient = report.patient
    if not any(one.id for one in patient.ids) and not (patient.name.family or patient.name.given):
        yield _missing("The report must say whose it is: patient.ids.", f"{prefix}patient")
    for n, identifier in enumerate(patient.ids):
        if not identifier.id:
            yield _missing("The identifier is empty.", f"{prefix}patient.ids[{n}].id")
    if not report.orders:
        yield _missing("The report holds no order.", f"{prefix}orders")
    for n, order in enumerate(report.orders):
        yield from _order_faults(order, f"{prefix}orders[{n}]")


def _order_faults(order: Order, place: str) -> Iterator[Finding]:
    filler = order.filler.id if isinstance(order.filler, OrderNumber) else order.filler
    if not filler and not order.accession:
        yield _missing("The order has no number: filler (or accession).", f"{place}.filler")
    elif filler and order.accession and filler.partition("|")[0] != order.accession.partition("|")[0]:
        yield Finding(
            "json.conflict",
            "filler and accession are two words for one number, but differ here.",
            place=f"{place}.accession",
        )
    reported = order.status.strip().lower() not in _WITHOUT_RESULTS
    if reported and not order.results and not order.attachments:
        yield _missing("The order has neither results nor attachments.", f"{place}.results")
    for n, attachment in enumerate(order.attachments):
        if (
            not attachment.path
            or _UNSAFE_NAME.search(attachment.path)
            or len(attachment.path.encode()) > _LONGEST_NAME
        ):
            yield Finding(
                "json.attachment-path",
                "An attachment is named by its plain file name; this is a path, or no name a file can have.",
                place=f"{place}.attachments[{n}].path",
                hint="Put the file beside the report in the outbox.",
            )


def _missing(text: str, place: str) -> Finding:
    return Finding("json.missing", text, place=place)
