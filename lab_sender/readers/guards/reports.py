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
from lab_sender.readers.guards.glance import Glance
from lab_sender.readers.guards.ranges import range_text
from lab_sender.readers.guards.words import (
    SPOILT,
    SPOILT_HINT,
    Kind,
    has_decimal_comma,
    is_correction,
    is_spoilt,
    nothing_said,
)
from lab_sender.readers.items import BadItem, Item, ReportItem
from lab_sender.readers.rules import rule_faults
from lab_sender.report.model import (
    Attachment,
    Coded,
    Identifier,
    Name,
    Order,
    OrderNumber,
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
    (Patient, "account"): "number", (Visit, "number"): "number", (Coded, "code"): "code", (Result, "sub_id"): "code",
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
_LEFT_ALONE: Final = frozenset(((Attachment, "path"), (Report, "schema"), (Result, "type"), (Name, "family")))
_FILE_KEYS: Final = {"patient_class": "class"}


class Guard:
    """What holds for the reports of one site; `nothing` are its words for nothing, in lower case."""

    def __init__(self, nothing: Collection[str]) -> None:
        self.nothing = frozenset(nothing)
        self._glance = Glance(self.nothing)

    def hold(self, items: Iterable[Item]) -> tuple[list[Item], list[Finding]]:
        """Return the items, each in order or refused, and remarks on what was taken for nothing."""
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
            if not value or (kind, name) in _LEFT_ALONE:
                continue
            at = f"{place}.{_FILE_KEYS.get(name, name)}" if place else _FILE_KEYS.get(name, name)
            new = self._value(kind, name, value, at, needed=needed)
            if new is not value:
                self.changed = True
                setattr(part, name, new)
        if kind is Name and part.family and not part.given and part.family.strip().casefold() in self._nothing:
            self._remark(f"{place}.family")  # with a given name it is a name that people have
            part.family, self.changed = "", True

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
        if isinstance(value, dict) and "code" in value:
            return self._coded(value, at)
        return value

    def _coded(self, value: dict[str, Any], at: str) -> dict[str, Any]:
        """Take the blanks from a coded value's code and system."""
        for key in ("code", "system"):
            text = value.get(key)
            if isinstance(text, str) and text != text.strip():
                value = {**value, key: text.strip()}
            if isinstance(text, str) and is_spoilt("code", text.strip()):
                self._fault(f"{at}.{key}")
        return value

    def _text(self, kind: type, name: str, value: str, at: str, *, needed: bool) -> str:
        bare = value.strip()
        if bare.casefold() in self._nothing:
            if (kind, name) in _NEEDED or (needed and name in ("id", "code", "text")):
                self._fault(at)
                return value
            self._remark(at)
            return ""
        what = _KINDS.get((kind, name), "text")
        if is_spoilt(what, bare):
            self._fault(at)
        elif what == "value" and has_decimal_comma(bare):
            self.remarks.append(_decimal_comma(self.prefix + at))
        elif what == "range" and "^" in bare:
            return range_text([part.strip() for part in bare.split("^")]) or bare
        if (kind, name) in _PROSE or bare == value:
            return value
        return bare

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


def _corrected_beside(report: Report, prefix: str) -> Iterator[Finding]:
    """Find a correction that stands beside what it corrects: a receiver may keep either."""
    for n, order in enumerate(report.orders):
        names = [(one.test.code or one.test.text, one.test.system, one.sub_id) for one in order.results]
        times = Counter(names)
        for i, (name, result) in enumerate(zip(names, order.results, strict=True)):
            if times[name] > 1 and is_correction(result.status):
                yield Finding(
                    "result.corrected-beside",
                    "The order has another result of this test too, and this one is a correction.",
                    place=f"{prefix}orders[{n}].results[{i}].status",
                    hint="Leave in the one that is valid.",
                )


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
