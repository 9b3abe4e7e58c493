"""The texts of a report, whatever format it came in.

Holds: which key of the model is of which kind, and the walk over a report that may need it.
Promises: numbers, codes and short texts have no blanks around them; what is spoilt, or a word for nothing where a
result cannot do without, is a fault; elsewhere such a word is nothing, and a remark. A correction beside what it
corrects is a fault. A report in order costs a glance.
Never: changes the words of a value, a note or a name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import msgspec

from lab_sender.errors import Finding
from lab_sender.hl7.numerals import structured
from lab_sender.readers.guards.glance import Glance
from lab_sender.readers.guards.ranges import range_text
from lab_sender.readers.guards.words import (
    SPOILT,
    SPOILT_HINT,
    Kind,
    bare,
    has_decimal_comma,
    holds_unseen,
    is_correction,
    is_number_in_other_signs,
    is_spoilt,
    nothing_said,
    stand_beside,
)
from lab_sender.readers.items import BadItem, Item, ReportItem
from lab_sender.readers.rules import rule_faults
from lab_sender.report.model import (
    Alternate,
    Attachment,
    Authority,
    Coded,
    Identifier,
    Order,
    OrderNumber,
    Organization,
    Parent,
    Patient,
    Person,
    Range,
    Report,
    Result,
    Specimen,
    Visit,
)

_KINDS: Final[dict[tuple[type, str], Kind]] = {
    (Identifier, "id"): "number", (OrderNumber, "id"): "number", (Person, "id"): "number", (Specimen, "id"): "number",
    (Specimen, "placer"): "number", (Specimen, "filler"): "number", (Order, "filler"): "number",
    (Order, "accession"): "number", (Order, "placer"): "number", (Order, "group"): "number",
    (Patient, "account"): "number", (Visit, "number"): "number", (Parent, "placer"): "number",
    (Parent, "filler"): "number", (Organization, "id"): "number", (Coded, "code"): "code",
    (Alternate, "code"): "code", (Result, "sub_id"): "code", (Parent, "sub_id"): "code",
    (Result, "value"): "value", (Result, "range"): "range", (Range, "low"): "range", (Range, "high"): "range",
    (Range, "text"): "range",
}  # fmt: skip
_NEEDED: Final = frozenset(
    ((Order, "filler"), (Order, "accession"), (Order, "status"), (Result, "value"), (Result, "status"))
)
"""What a result cannot do without: a word for nothing there is no statement."""
_NEEDED_WITHIN: Final = frozenset(((Patient, "ids"), (Order, "filler"), (Order, "test"), (Result, "test")))
"""The same of the number, code and text within."""
_PROSE: Final = frozenset(
    ((Result, "value"), (Result, "notes"), (Order, "notes"), (Order, "clinical_info"), (Patient, "notes"),
     (Report, "notes"), (Specimen, "notes"), (Attachment, "notes"))
)  # fmt: skip
"""Texts whose blanks are their own."""
_WITH_ISSUER: Final = frozenset(
    ((Order, "filler"), (Order, "accession"), (Order, "placer"), (Order, "group"), (Patient, "account"),
     (Visit, "number"), (Specimen, "id"), (Specimen, "placer"), (Specimen, "filler"), (Parent, "placer"),
     (Parent, "filler"), (Result, "device"))
)  # fmt: skip
"""Texts of a number and, after a bar, who gave it out."""
_ISSUERS: Final = frozenset(
    ((Identifier, "authority"), (OrderNumber, "authority"), (Person, "authority"), (Organization, "authority"),
     (Visit, "facility"))
)  # fmt: skip
"""Texts of who gives numbers out: name, OID and type between bars."""
_LEFT_ALONE: Final = frozenset(((Attachment, "path"), (Report, "schema"), (Result, "type")))
_OF_A_CODE: Final = frozenset(("code", "text", "system", "original"))
_FILE_KEYS: Final = {"patient_class": "class"}


class Guard:
    """What holds for the reports of one site; `nothing` are its words for nothing, in lower case."""

    def __init__(self, nothing: Collection[str]) -> None:
        self.nothing = frozenset(nothing)
        self._glance = Glance(self.nothing)

    def hold(self, items: Iterable[Item]) -> tuple[list[Item], list[Finding]]:
        """Return the items, each in order or quarantined, and remarks on what was taken for nothing."""
        held: list[Item] = []
        remarks: list[Finding] = []
        for item in items:
            looks_plain = not isinstance(item, ReportItem) or self._glance.is_plain(item.report)
            held.append(item if looks_plain or not isinstance(item, ReportItem) else self._held(item, remarks))
        return held, _summed(remarks)

    def _held(self, item: ReportItem, remarks: list[Finding]) -> ReportItem | BadItem:
        walk = _Walk(self.nothing, f"{item.place}." if item.place else "")
        walk.part(item.report, "")
        faults = [*walk.faults, *_corrected_beside(item.report, walk.prefix)]
        if not faults and walk.changed:
            faults = list(rule_faults(item.report, item.place))
        remarks += item.located(tuple(walk.remarks))
        return BadItem(item.place, item.located(tuple(faults)), item.digest) if faults else item


class _Walk:
    """One walk over a report, which it puts in order."""

    def __init__(self, nothing: frozenset[str], prefix: str) -> None:
        self.prefix = prefix
        self.faults: list[Finding] = []
        self.remarks: list[Finding] = []
        self.changed = False
        self._nothing = nothing

    def part(self, part: Any, place: str, *, needed: bool = False) -> None:
        """Put a part of a report in order; `needed`: the result cannot do without its number, code or text."""
        kind = type(part)
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if not value or (kind, name) in _LEFT_ALONE or (name == "family" and self._is_named_null(part)):
                continue
            at = f"{place}.{_FILE_KEYS.get(name, name)}" if place else _FILE_KEYS.get(name, name)
            new = self._value(kind, name, value, at, needed=needed)
            if new is not value:
                self.changed = True
                setattr(part, name, new)

    def _value(self, kind: type, name: str, value: Any, at: str, *, needed: bool) -> Any:
        if isinstance(value, str):
            return self._text(kind, name, value, at, needed=needed)
        if isinstance(value, list):
            new = [self._value(kind, name, one, f"{at}[{n}]", needed=needed) for n, one in enumerate(value)]
            same = len(new) == len(value) and all(one is other for one, other in zip(new, value, strict=True))
            return value if same else [one for one in new if one != ""]
        if isinstance(value, msgspec.Struct):
            inner_needed = (kind, name) in _NEEDED_WITHIN
            self.part(value, at, needed=inner_needed)
            emptied = not inner_needed and isinstance(value, OrderNumber | Identifier) and not value.id
            return "" if emptied else value
        if isinstance(value, dict) and not value.keys().isdisjoint(_OF_A_CODE):
            return self._coded(value, at, needed=True)
        return value

    def _is_named_null(self, part: Any) -> bool:
        """Tell whether a family name is a word for nothing that people have: of letters, beside a given name."""
        given = bare(part.given)
        named = bool(given) and not self._is_nothing(given)
        return named and bare(part.family).isalpha() and self._is_nothing(part.family)

    def _is_nothing(self, text: str) -> bool:
        return bare(text).casefold() in self._nothing

    def _coded(self, value: dict[str, Any], at: str, *, needed: bool) -> dict[str, Any]:
        """Put a value that is a code in order; `needed`: it cannot do without its code, or the text for it."""
        new = dict(value)
        for key, text in value.items():
            if key == "alt" and isinstance(text, dict):
                new[key] = self._coded(text, f"{at}.alt", needed=False)
            elif key in _OF_A_CODE and isinstance(text, str) and text:
                said = needed and (key == "code" or (key == "text" and not value.get("code")))
                new[key] = self._text(Alternate, key, text, f"{at}.{key}", needed=said)
        return value if new == value else new

    def _text(self, kind: type, name: str, value: str, at: str, *, needed: bool) -> str:
        text = bare(value)
        if "|" in text and (kind, name) in _WITH_ISSUER:
            number, _, issuer = text.partition("|")
            number = self._text(kind, name, number, at, needed=needed)
            return "|".join(filter(None, (number, self._issuer(issuer, at)))) if number else ""
        if "|" in text and (kind, name) in _ISSUERS:
            return self._issuer(text, at)
        if text.casefold() in self._nothing:
            if (kind, name) in _NEEDED or (needed and name in ("id", "code", "text")):
                self._fault(at)
                return value
            self._remark(at)
            return ""
        what = _KINDS.get((kind, name), "text")
        if is_spoilt(what, text):
            self._fault(at)
        elif what in ("number", "code") and holds_unseen(text):
            self.remarks.append(_unseen(self.prefix + at))
        elif what == "value" and has_decimal_comma(text):
            self.remarks.append(_decimal_comma(self.prefix + at))
        elif what == "value" and is_number_in_other_signs(text):
            self.remarks.append(_other_signs(self.prefix + at))
        elif what == "value" and structured(text):
            return text
        elif what == "range" and "^" in text:
            return range_text([bare(part) for part in text.split("^")]) or text
        return value if text == value or (kind, name) in _PROSE else text

    def _issuer(self, text: str, at: str) -> str:
        """Put in order who gave a number out: name, OID and type between bars."""
        return "|".join(self._text(Authority, "", part, at, needed=False) for part in text.split("|")).rstrip("|")

    def _fault(self, at: str) -> None:
        self.faults.append(Finding("report.spoilt", SPOILT, place=self.prefix + at, hint=SPOILT_HINT))

    def _remark(self, at: str) -> None:
        self.remarks.append(nothing_said(self.prefix + at))


def _decimal_comma(place: str) -> Finding:
    return Finding(
        "value.decimal-comma",
        "A number with a comma is sent as text, not as a number.",
        place=place,
        hint="If it is the mark of decimals, have it written with a dot; for a table, write decimal_comma: true in "
        "its format under inputs.csv.",
        severity="warning",
    )


def _other_signs(place: str) -> Finding:
    return Finding(
        "value.number-signs",
        "A number with digits or signs that HL7 does not have in numbers is sent as text, not as a number.",
        place=place,
        hint="Have it written with the digits, the minus and the < > = of ASCII.",
        severity="warning",
    )


def _unseen(place: str) -> Finding:
    return Finding(
        "report.unseen",
        "Inside this number or code stands a character that nobody sees; it is sent as it is.",
        place=place,
        hint="The HIS takes it for another number than the one that people read: have it written anew at its source.",
        severity="warning",
    )


def _corrected_beside(report: Report, prefix: str) -> Iterator[Finding]:
    """Find a correction that stands beside what it corrects: a receiver may keep either.

    Orders of one number, code and specimen are one order to it.
    """
    named = [
        ((order, one.test.code or one.test.text, one.test.system, one.sub_id), f"orders[{n}].results[{i}]", one)
        for n, (order, results) in enumerate((_as_one(order), order.results) for order in report.orders)
        for i, one in enumerate(results)
    ]
    statuses: dict[tuple[str, ...], list[str]] = {}
    for name, _, result in named:
        statuses.setdefault(name, []).append(result.status)
    for name, place, result in named:
        if is_correction(result.status) and stand_beside(statuses[name]):
            yield Finding(
                "result.corrected-beside",
                "The order has another result of this test too, and this one is a correction.",
                place=f"{prefix}{place}.status",
                hint="Leave in the one that is valid.",
            )


def _as_one(order: Order) -> str:
    """Return what makes two orders the same to a receiver."""
    number = order.filler or order.accession or order.placer
    return repr((number, order.test.code or order.test.text, order.test.system, order.specimens, order.parent))


def _summed(remarks: list[Finding]) -> list[Finding]:
    """Tell the same of the same key once, with how often it was so."""
    first: dict[tuple[str, str], Finding] = {}
    times: Counter[tuple[str, str]] = Counter()
    for one in remarks:
        name = one.code, re.sub(r"[0-9]+", "", one.place)
        first.setdefault(name, one)
        times[name] += 1
    return [
        replace(one, text=f"{one.text} So it is {times[name]} times.") if times[name] > 1 else one
        for name, one in first.items()
    ]
