"""A field's ER7 text in words that a clinician can read.

Holds: the wording of each composite data type, and the names of the fields that may be relocated into a note.
Promises: no delimiter is left in the words; escape sequences stay as they are.
Never: decides what becomes a note; relocations.py does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from lab_sender.config.profile.notation import FieldPath

_Wording: TypeAlias = Callable[[Sequence[str]], str]

_LABELS: Final = {
    "PID-10": "Race",
    "PID-10[2]": "Race",
    "PID-22": "Ethnic group",
    "PID-22[2]": "Ethnic group",
    "NK1-2": "Next of kin",
    "NK1-3": "Next of kin, relationship",
    "NK1-4": "Next of kin, address",
    "NK1-5": "Next of kin, telephone",
    "ORC-21": "Ordering facility",
    "ORC-21.10": "Ordering facility, number",
    "ORC-22": "Ordering facility, address",
    "OBR-4": "Ordered test",
    "OBR-6": "Requested",
    "OBR-14": "Specimen received",
    "OBR-15": "Specimen",
    "OBR-26": "Parent result",
    "OBR-28": "Copy to",
    "OBR-31": "Reason for study",
    "OBR-32": "Interpreter",
    "OBR-32.1.10": "Interpreter, issuer of the number",
    "OBX-3": "Test",
    "OBX-5": "Result",
    "OBX-6": "Unit",
    "OBX-8[2]": "Further flags",
    "OBX-16": "Observer",
    "OBX-17": "Method",
    "OBX-18": "Equipment",
    "OBX-19": "Analysed",
    "OBX-23": "Performing laboratory",
    "OBX-24": "Performing laboratory, address",
    "OBX-25": "Performing laboratory, director",
    "SPM-2": "Specimen number",
    "SPM-4": "Specimen type",
    "SPM-6": "Specimen additive",
    "SPM-7": "Specimen collection method",
    "SPM-8": "Specimen site",
    "SPM-14": "Specimen description",
    "SPM-17": "Specimen collected",
    "SPM-18": "Specimen received",
    "SPM-21": "Specimen rejected",
    "SPM-24": "Specimen condition",
}
_PARTS: Final = {
    2: "text",
    3: "coding system",
    4: "alternate code",
    5: "alternate text",
    6: "alternate coding system",
    9: "original text",
}
"""Components of CWE that an old version may lack."""
_TIME: Final = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d(?:\.\d+)?))?)?([+-]\d{4})?)?)?)?")


def label(path: FieldPath) -> str:
    """Name a field, or a part of one, for a reader."""
    whole = _LABELS.get(str(path))
    if whole:
        return whole
    name = _LABELS.get(f"{path.segment}-{path.field}", f"{path.segment}-{path.field}")
    last = path.subcomponent or path.component
    return f"{name}, {_PARTS.get(last, f'part {last}')}" if last else name


def words(datatype: str, text: str) -> str:
    """Put the ER7 text of a field of `datatype` into words, its repetitions one after the other."""
    in_words = _WORDING.get(datatype, _plain)
    return "; ".join(filter(None, (in_words(one.split("^")) for one in text.split("~"))))


def person_name(parts: Sequence[str]) -> str:
    """Return the name in the components of an XCN: prefix, given, middle and family name, suffix."""
    return " ".join(filter(None, (_part(parts, number) for number in (6, 3, 4, 2, 5))))


def _plain(parts: Sequence[str]) -> str:
    return " ".join(filter(None, re.split("[&^]", "^".join(parts))))


def _with_id(name: str, number: str) -> str:
    return f"{name} ({number})" if name and number else name or number


def _part(parts: Sequence[str], number: int) -> str:
    return _plain(parts[number - 1 : number])


def _authority(text: str) -> str:
    """Return the namespace of an HD, or its universal id where it has none."""
    return next(filter(None, text.split("&")), "")


def _number(number: str, authority: str) -> str:
    return ", ".join(filter(None, (number, _authority(authority))))


def _person(parts: Sequence[str]) -> str:
    return _with_id(person_name(parts), _number(_part(parts, 1), "".join(parts[8:9])))


def _organization(parts: Sequence[str]) -> str:
    return _with_id(_part(parts, 1), _number(_part(parts, 10), "".join(parts[5:6])))


def _name(parts: Sequence[str]) -> str:
    return " ".join(filter(None, (_part(parts, number) for number in (5, 2, 3, 1, 4, 6))))


def _code(parts: Sequence[str]) -> str:
    """Return text and code, the alternate ones, the original text; a reader needs no coding systems."""
    codes = _with_id(_part(parts, 2), _part(parts, 1)), _with_id(_part(parts, 5), _part(parts, 4))
    return ", ".join(filter(None, (*codes, _part(parts, 9))))


def _entity(parts: Sequence[str]) -> str:
    return _with_id(_part(parts, 1), _authority("&".join(parts[1:3])))


def _pair(parts: Sequence[str]) -> str:
    return ", ".join(filter(None, (_entity(part.split("&")) for part in parts)))


def _time(parts: Sequence[str]) -> str:
    match = _TIME.fullmatch(parts[0])
    if match is None:
        return parts[0]
    year, month, day, hour, minute, second, zone = match.groups()
    date = "-".join(filter(None, (year, month, day)))
    clock = ":".join(filter(None, (hour, minute, second)))
    return " ".join(filter(None, (date, clock, zone)))


def _span(parts: Sequence[str]) -> str:
    return " to ".join(filter(None, (_time([part]) for part in parts)))


_WORDING: Final[dict[str, _Wording]] = {
    "CE": _code,
    "CWE": _code,
    "XCN": _person,
    "XPN": _name,
    "XAD": lambda parts: ", ".join(filter(None, (_plain([part]) for part in (*parts[:6], *parts[8:9])))),
    "XON": _organization,
    "XTN": lambda parts: _part(parts, 1) or _part(parts, 12) or _part(parts, 4),
    "CX": lambda parts: _with_id(_part(parts, 1), _authority("".join(parts[3:4]))),
    "EI": _entity,
    "EIP": _pair,
    "TS": _time,
    "DTM": _time,
    "DR": _span,
}
