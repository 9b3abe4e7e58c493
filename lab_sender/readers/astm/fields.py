"""The fields of ASTM records: which says what of a report (LIS2-A2 chapters 6 to 9).

Holds: the P record as a patient, the forms of values, units, ranges, names and times, what each field is called, and
the way back from a part of a report to its field.
Promises: texts stay as they are; components are never run together; a time is as precise as it came.
Never: decides what a missing field means, or what becomes of a part that nobody has read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lab_sender.config.inputs import AstmInput
from lab_sender.readers.astm.records import Record
from lab_sender.readers.guards.ranges import range_text
from lab_sender.report.model import Address, Identifier, Name, Patient, Person, Result, Visit

_TIME = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\.\d{1,4})?)?([+-]\d{4})?)?)?)?")
RESULT_STATUS = {
    "F": "F", "V": "F", "M": "F", "R": "F", "Q": "F", "": "", "C": "C", "P": "P", "S": "P", "I": "I", "X": "X",
    "W": "R",  # "validity is questionable" is no final result
}  # fmt: skip
"""R-9 (LIS2-A2 9.9) -> OBX-11 (HL7 table 0085)."""
NO_STATUS = "?"
ORDER_STATUS = {"F": "final", "C": "corrected", "P": "preliminary", "X": "cancelled"}
"""O-26 (LIS2-A2 8.4.26); the others say nothing about the results."""
_NO_STATUS_OF_RESULTS: Final = frozenset("OIQ")
PRIORITY = frozenset("SAR")
ACTIONS: Final = frozenset("NAPLXQ")
"""O-12 (LIS2-A2 8.4.12) that takes nothing back; Q is a control specimen."""
GRAVE: Final = {
    "P": frozenset((3, 4, 5, 6)),
    "O": frozenset((14, 16, 26)),
    "R": frozenset((4, 5, 6, 7, 9)),
    "C": frozenset((4, 5)),
}
"""Fields of which a part that nobody understands may change what a doctor reads."""
LENGTH: Final = {"R": 14, "C": 5}
"""The fields that LIS2-A2 has; what stands behind them, nobody knows."""
_COMPARATORS: Final = frozenset(("<", ">", "<=", ">=", "="))
_COUNT: Final = re.compile(r"[0-9]+")
_NUMBER_AT_END: Final = re.compile(r"(?<![0-9^])[0-9]+\Z")
"""A number that is no power itself."""
_POWER: Final = re.compile(r"-?[0-9]")
_METRE_AT_END: Final = re.compile(r"(?<![^\W\d_])[dcmuµμn]?m\Z")
_SQUARE_OR_CUBE: Final = re.compile(r"[23](?![0-9])")
_PATH = re.compile(r"orders\[(?P<order>\d+)\](?:\.results\[(?P<result>\d+)\])?(?:\.(?P<key>\w+))?")
_PATIENT_FIELDS = {"ids": " P-3", "name": " P-6", "birth": " P-8", "sex": " P-9", "race": " P-10",
                   "address": " P-11", "phones": " P-13"}  # fmt: skip
_ORDER_FIELDS = {
    "test": " O-5", "priority": " O-6", "requested": " O-7", "collected": " O-8", "collected_until": " O-9",
    "clinical_info": " O-14", "received": " O-15", "specimens": " O-16", "orderer": " O-17",
    "orderer_phone": " O-18", "reported": " O-23", "status": " O-26",
}  # fmt: skip
_RESULT_FIELDS = {
    "test": " R-3", "value": " R-4", "unit": " R-5", "range": " R-6", "flags": " R-7", "status": " R-9",
    "observer": " R-11", "analysed": " R-13", "device": " R-14",
}  # fmt: skip


class Places:
    """Where the parts of a report stand: the record, and its field where a part is one."""

    def __init__(self, patient: int, orders: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Take the numbers of the records: the patient's, and each order's with those of its results."""
        self._patient = patient
        self._orders = orders

    def find(self, path: str) -> str:
        match = _PATH.match(path)
        if match is None:
            field = _PATIENT_FIELDS.get(path.removeprefix("patient.").partition(".")[0].partition("[")[0], "")
            return f"record {self._patient}{field}"
        order, results = self._orders[int(match["order"])]
        if match["result"] is None:
            return f"record {order}{_ORDER_FIELDS.get(match['key'], '')}"
        return f"record {results[int(match['result'])]}{_RESULT_FIELDS.get(match['key'], '')}"


def patient_of(record: Record | None, settings: AstmInput) -> Patient:
    """Return whom a P record is about; nobody where there is no record."""
    if record is None:
        return Patient()
    ids = [one for field in settings.patient_ids for one in _identifiers(record, field)]
    return Patient(
        ids=list({(one.id, one.authority, one.type): one for one in ids}.values()),
        name=_name(record, settings.name_parts),
        birth=time_of(record, 8),
        sex=record.text(9).upper(),
        race=[race] if (race := record.text(10)) else [],
        address=_address(record),
        phones=[phone for phone in record.repeated(13) if phone],
    )


def visit_of(record: Record | None) -> Visit | None:
    """Return the physician (P-14) and the place (P-26: ward, room, bed) of a P record; None without both."""
    if record is None:
        return None
    attending = person_of(record, 14)
    filled = [part for part in record.parts(26)[0] if part]
    if len(filled) == 1:
        record.whole(26, 0)
        ward, room, bed = filled[0], "", ""
    else:
        ward, room, bed = (record.text(26, n) for n in (1, 2, 3))
    if attending is None and not filled:
        return None
    return Visit(ward=ward, room=room, bed=bed, attending=attending)


def person_of(record: Record, field: int) -> Person | None:
    """Return a physician: an id, if the first component has a digit, then the name as in LIS2-A2 5.6.6.

    A name of one part is the family name, wherever it stands.
    """
    first = record.parts(field)[0][0]
    has_id = any(letter.isdigit() for letter in first)
    names = [record.text(field, n) for n in range(2 if has_id else 1, 7 if has_id else 6)]
    number = record.text(field) if has_id else ""
    filled = list(filter(None, names))
    if not number and not filled:
        return None
    if len(filled) == 1:
        return Person(number, family=filled[0])
    family, given, middle, suffix, prefix = names
    return Person(number, family=family, given=given, middle=middle, suffix=suffix, prefix=prefix)


def _identifiers(record: Record, field: int) -> list[Identifier]:
    """Return the ids of a field: number, and in the places of HL7's CX who gave it out and of what type it is."""
    columns = (record.repeated(field, component) for component in (1, 4, 5))
    return [Identifier(*parts) for parts in zip(*columns, strict=True) if parts[0]]


def _name(record: Record, parts: Sequence[str]) -> Name:
    return Name(**{part: record.text(6, n) for n, part in enumerate(parts, 1) if part})


def _address(record: Record) -> Address | None:
    street, city, state, code, country = (record.text(11, n) for n in range(1, 6))
    given = Address(street, city=city, state=state, zip=code, country=country)
    return given if given != Address() else None


def value_of(record: Record, settings: AstmInput) -> tuple[str | list[str] | None, bool]:
    """R-4: text as it stands, several repetitions are several values, None is no value; and whether it is in doubt.

    It is where several components are filled, and neither a comparator nor a setting says what they are together.
    """
    values = []
    doubt = False
    for n, parts in enumerate(record.parts(4)):
        filled = [part for part in parts if part]
        chosen = settings.value_part
        if len(filled) > 1 and chosen:
            text = record.repeated(4, chosen)[n]
        else:
            record.whole(4, n)
            if len(filled) == 2 and filled[0] in _COMPARATORS:
                text = "".join(filled)
            elif len(filled) == 2 and settings.titers and all(map(_COUNT.fullmatch, filled)):
                text = ":".join(filled)
            else:
                text = next(iter(filled), "")
                doubt = doubt or len(filled) > 1
        if text:
            values.append(text)
    return (values if len(values) > 1 else next(iter(values), None)), doubt


def unit_of(record: Record) -> str:
    """R-5 has one component (LIS2-A2 9.5): the `^` of a power is the unit's own, as in `10^3/uL` and `/mm^3`."""
    parts = record.parts(5)[0]
    unit = record.text(5)
    for component, part in enumerate(parts[1:], 2):
        if not ((_NUMBER_AT_END.search(unit) and _POWER.match(part))
                or (_METRE_AT_END.search(unit) and _SQUARE_OR_CUBE.match(part))):  # fmt: skip
            break
        unit += "^" + record.text(5, component)
    return unit


def range_of(record: Record) -> str:
    """R-6: each repetition as limits, or as a text with what it is of."""
    texts = []
    for n, parts in enumerate(record.parts(6)):
        text = range_text(parts, described=True)
        if text is None:
            continue  # nobody has read it
        record.whole(6, n)
        texts.append(text)
    return "; ".join(filter(None, texts))


def order_status_of(record: Record) -> str:
    """O-26: what it says of the results below; "" where it says nothing of them."""
    said = [text.upper() for text in record.repeated(26)]
    if unknown := set(said) - ORDER_STATUS.keys() - _NO_STATUS_OF_RESULTS - {""}:
        record.unsay(26, said.index(unknown.pop()))
    return next((ORDER_STATUS[one] for one in said if one in ORDER_STATUS), "")


def is_empty(result: Result) -> bool:
    """Tell whether a result has no value and no status that says why."""
    return result.value is None and result.status not in ("X", "I")


def joined(record: Record, field: int) -> str:
    """Return a field of words as one text."""
    return "; ".join(filter(None, (" ".join(filter(None, each)) for each in record.whole(field))))


def whole_test(record: Record, number: int) -> str:
    """Return all of a test's name: what sets tests apart that share a code."""
    return "^".join(record.parts(number)[0]).rstrip("^")


def time_of(record: Record, number: int) -> str:
    """YYYYMMDDHHMMSS to ISO 8601, as precise as it came. What is no time stays, and the builder rejects it."""
    text = record.text(number)
    match = _TIME.fullmatch(text)
    if match is None:
        return text
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    date = "-".join(filter(None, (year, month, day)))
    if hour is None:
        return date
    clock = ":".join(filter(None, (hour, minute, second)))
    zone = f"{offset[:3]}:{offset[3:]}" if offset else ""
    return f"{date}T{clock}{fraction or ''}{zone}"
