"""The fields of ASTM records: which says what of a report (LIS2-A2 chapters 6 to 9).

Holds: the P record as a patient, the forms of values, times and statuses, and the way back from a part of a report to
its field.
Promises: texts stay as they are; a time is as precise as it came.
Never: decides what a missing field means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab_sender.readers.astm.records import Record
from lab_sender.report.model import Identifier, Name, Patient, Result

_TIME = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\.\d{1,4})?)?([+-]\d{4})?)?)?)?")
RESULT_STATUS = {
    "F": "F", "V": "F", "M": "F", "R": "F", "Q": "F", "": "", "C": "C", "P": "P", "S": "P", "I": "I", "X": "X",
    "W": "R",  # "validity is questionable" is no final result
}  # fmt: skip
"""R-9 (LIS2-A2 9.9) -> OBX-11 (HL7 table 0085)."""
NO_STATUS = "?"
ORDER_STATUS = {"F": "final", "C": "corrected", "P": "preliminary", "X": "cancelled"}
"""O-26 (LIS2-A2 8.4.26); the others tell nothing about the results."""
PRIORITY = frozenset("SAR")
_PATH = re.compile(r"orders\[(?P<order>\d+)\](?:\.results\[(?P<result>\d+)\])?(?:\.(?P<key>\w+))?")
_PATIENT_FIELDS = {"ids": " P-3", "name": " P-6", "birth": " P-8", "sex": " P-9"}
_ORDER_FIELDS = {
    "test": " O-5", "priority": " O-6", "requested": " O-7", "collected": " O-8", "collected_until": " O-9",
    "clinical_info": " O-14", "received": " O-15", "reported": " O-23", "status": " O-26",
}  # fmt: skip
_RESULT_FIELDS = {
    "test": " R-3", "value": " R-4", "unit": " R-5", "range": " R-6", "flags": " R-7", "status": " R-9",
    "analysed": " R-13", "device": " R-14",
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


def patient_of(record: Record | None) -> Patient:
    """Return whom a P record is about; nobody where there is no record."""
    if record is None:
        return Patient()
    family, given, middle, suffix, prefix = (record.text(6, n) for n in range(1, 6))
    return Patient(
        ids=[Identifier(one) for one in dict.fromkeys(record.text(n, 1) for n in (3, 4, 5)) if one],
        name=Name(family=family, given=given, middle=middle, suffix=suffix, prefix=prefix),
        birth=time_of(record, 8),
        sex=record.text(9, 1).upper(),
    )


def value_of(record: Record) -> str | list[str] | None:
    """R-4: text as it stands; several repetitions are several values; none is no value."""
    values = [text for each in record.repetitions(4) if (text := " ".join(filter(None, each)))]
    return values if len(values) > 1 else next(iter(values), None)


def is_empty(result: Result) -> bool:
    """Tell whether a result has no value and no status that says why."""
    return result.value is None and result.status not in ("X", "I")


def joined(repetitions: list[list[str]]) -> str:
    """Return a field as one text."""
    return "; ".join(filter(None, (" ".join(filter(None, each)) for each in repetitions)))


def whole_test(record: Record, number: int) -> str:
    """Return all of a test's name: what tells tests apart that share a code."""
    return "^".join(record.repetitions(number)[0]).rstrip("^")


def time_of(record: Record, number: int) -> str:
    """YYYYMMDDHHMMSS to ISO 8601, as precise as it came. What is no time stays, and the builder refuses it."""
    text = record.text(number, 1)
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
