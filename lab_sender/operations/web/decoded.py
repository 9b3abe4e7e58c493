"""A message and an answer as a person reads them: results as a table, segments field by field.

Holds: `results_of` and `segments_of`.
Promises: pure; what cannot be read is shown as it stands. Of each value it is said whether it is of a patient: only
what is in a short list of codes is not.
Never: changes or judges a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lab_sender.hl7.describe import FieldView, SegmentView, describe
from lab_sender.hl7.escape import unescape
from lab_sender.ids import is_ours

_OPEN: Final = {
    "MSH": frozenset((1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 17, 18)),
    "OBR": frozenset((1, 4, 25)),
    "OBX": frozenset((1, 2, 3, 6, 11)),
    "ORC": frozenset((1,)),
    "PID": frozenset((1,)),
    "NTE": frozenset((1,)),
    "SPM": frozenset((1, 4)),
}
"""The fields of our messages that say nothing of a patient."""
_OPEN_OF_ANSWERS: Final = {"MSH": frozenset((1, 2, 7, 9, 11, 12)), "MSA": frozenset((1,)), "ERR": frozenset((4,))}
"""Of an answer: all else may be the HIS's own words."""
_NAMES: Final = {
    "MSH": "Message header", "SFT": "Software", "PID": "Patient", "PD1": "Patient, more", "NTE": "Note",
    "PV1": "Visit", "ORC": "Order", "OBR": "Report of an order", "OBX": "Result", "SPM": "Specimen",
    "TQ1": "Timing", "MSA": "Answer", "ERR": "Error", "PRT": "Participation",
}  # fmt: skip
_CODE: Final = re.compile(r"[0-9]{1,4}(\^\^HL7[0-9]{4})?")
_LONGEST: Final = 400


class Result(NamedTuple):
    """One OBX, as people know it."""

    test: str
    code: str
    value: str
    is_number: bool
    unit: str
    range: str
    flag: str
    status: str
    notes: tuple[str, ...]


class Order(NamedTuple):
    """One OBR with its results."""

    number: str
    test: str
    status: str
    results: tuple[Result, ...]


class Field(NamedTuple):
    """One filled field; `is_open`: it is not of a patient."""

    key: str
    name: str
    text: str
    is_open: bool


class Segment(NamedTuple):
    """One segment, with what it is in a word."""

    name: str
    about: str
    fields: tuple[Field, ...]


def results_of(body: bytes) -> tuple[Order, ...]:
    """Return the results of a message, order by order."""
    orders: list[Order] = []
    for each in describe(body):
        fields = {field.number: field.raw for field in each.fields}
        if each.name == "OBR":
            number = _part(fields.get(3, ""), 0) or _part(fields.get(2, ""), 0)
            orders.append(Order(number, _named(fields.get(4, "")), fields.get(25, ""), ()))
        elif each.name == "OBX":
            before = orders.pop() if orders else Order("", "", "", ())
            orders.append(before._replace(results=(*before.results, _result(fields))))
        elif each.name == "NTE" and orders and orders[-1].results:
            *others, last = orders[-1].results
            note = unescape(fields.get(3, "").replace("~", "\n"))
            orders[-1] = orders[-1]._replace(results=(*others, last._replace(notes=(*last.notes, note))))
    return tuple(orders)


def segments_of(body: bytes, *, answers: str = "") -> tuple[Segment, ...]:
    """Return the segments of a message; or of an answer, which `answers` a control id of ours."""
    return tuple(_segments(describe(body), _OPEN_OF_ANSWERS if answers else _OPEN, answers))


def _segments(
    found: Sequence[SegmentView], open_fields: dict[str, frozenset[int]], answers: str
) -> Iterable[Segment]:
    for each in found:
        known = open_fields.get(each.name, frozenset())
        fields = [
            Field(
                f"{each.name}-{field.number}",
                field.name,
                _short(field.text),
                _is_open(each.name, field, known, answers),
            )
            for field in each.fields
        ]
        yield Segment(each.name, _NAMES.get(each.name, ""), tuple(fields))


def _is_open(segment: str, field: FieldView, known: frozenset[int], answers: str) -> bool:
    """Say whether a field is not of a patient: a control id is none only where we gave it."""
    if (segment, field.number) == ("MSH", 10) or (answers and field.raw == answers):
        return is_ours(field.raw)
    return field.number in known or (bool(answers) and _is_code(segment, field))


def _is_code(segment: str, field: FieldView) -> bool:
    """Say whether a field of an answer is ERR-3, and nothing but HL7's code."""
    return (segment, field.number) == ("ERR", 3) and bool(_CODE.fullmatch(field.raw))


def _result(fields: dict[int, str]) -> Result:
    kind = fields.get(2, "")
    return Result(
        test=_named(fields.get(3, "")),
        code=_part(fields.get(3, ""), 0),
        value=_value(kind, fields.get(5, "")),
        is_number=kind in ("NM", "SN"),
        unit=_part(fields.get(6, ""), 0),
        range=unescape(fields.get(7, "")),
        flag=unescape(fields.get(8, "").replace("~", " ")),
        status=fields.get(11, ""),
        notes=(),
    )


def _value(kind: str, raw: str) -> str:
    if kind in ("ED", "RP"):
        size = len(raw.rpartition("^")[2]) * 3 // 4
        return f"document, {size:,} bytes" if kind == "ED" else "document elsewhere"
    return "\n".join(_said(kind, each) for each in raw.split("~"))


def _said(kind: str, raw: str) -> str:
    parts = [unescape(each) for each in raw.split("^")]
    if kind in ("CE", "CWE", "CNE", "CF"):
        return parts[1] if len(parts) > 1 and parts[1] else parts[0]
    return _short(" ".join(filter(None, parts)))


def _named(raw: str) -> str:
    """Return what a coded field calls itself: its text, else its code."""
    return _part(raw, 1) or _part(raw, 4) or _part(raw, 0)


def _part(raw: str, number: int) -> str:
    parts = raw.split("~")[0].split("^")
    return unescape(parts[number]) if number < len(parts) else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text):,} characters)"
