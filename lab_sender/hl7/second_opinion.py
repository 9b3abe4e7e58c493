r"""hl7apy's opinion on a finished message.

Holds: a message's way through hl7apy's parser and validator, and the list of its known mistakes.
Promises: every objection names its field; a known false objection is labelled with its reason, and the check goes on
without its cause. Whatever hl7apy raises is an objection.
Never: is used to send a message (it takes seconds for a large one), or logged: hl7apy's texts may quote the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from hl7apy import SUPPORTED_LIBRARIES, load_library
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_field, parse_message, parse_segment
from hl7apy.validation import Validator

from lab_sender.hl7.er7 import field_name
from lab_sender.hl7.grammar import CORRECTED, NEAREST

_FOUR_DELIMITERS: Final = "Below 2.7 it takes four delimiters only; the ELR profile asks for five in 2.5.1."
_VERSION: Final = "It has no metadata of this version of its own; read as the nearest."
_LOST: Final = "It drops segments that it finds no group for, without a word, and then judges what is left."
_GROUPS: Final = "Its groups of 2.8 take an OBX after ORC for a document of the order and then count too many."
_REQUIRED: Final = "Its metadata requires what the standard makes conditional."
_LENGTH: Final = "It holds ST to 199 and IS to 20 characters, counted after escaping; the standard lets a site agree."
_BEYOND: Final = "It has no field beyond the last of the version; the profile takes one over from a later version."
_OWN: Final = "It knows no Z-segments."
_SHORTEST_LIMIT: Final = 20
_NUMERIC: Final = re.compile(r"[0-9.+-]*").fullmatch


class Opinion(NamedTuple):
    """One objection of hl7apy; `reason` is filled where it is known to be wrong."""

    place: str
    text: str
    reason: str = ""


def second_opinion(body: bytes, charset: str) -> list[Opinion]:
    """Return what hl7apy objects to in a message; `charset` is the Python codec of its bytes."""
    text = re.sub(r"\r\n|\n", "\r", body.decode(charset, "replace")).rstrip("\r") + "\r"
    return list(_Reader(text).opinions())


class _Reader:
    """Reads one message, and removes on the way what hl7apy is known to stumble over."""

    def __init__(self, text: str) -> None:
        self._lines = text.rstrip("\r").split("\r")
        self._separator = self._lines[0][3:4] or "|"
        msh = self._lines[0].split(self._separator)
        self._delimiters = msh[1] if len(msh) > 1 else ""
        self._version = msh[11].split(self._delimiters[:1] or "^")[0].strip() if len(msh) > 11 else ""

    def opinions(self) -> Iterator[Opinion]:
        yield from self._head()
        if self._version in SUPPORTED_LIBRARIES:
            own = [line for line in self._lines if line.startswith("Z")]
            if own:
                yield Opinion(own[0][:3], f"Z-segments left out: {len(own)}.", _OWN)
            yield from self._whole()
            yield from self._segments()

    def _head(self) -> Iterator[Opinion]:
        """Try MSH, and change in it what keeps hl7apy from going on."""
        objection = self._objection(lambda: parse_message("\r".join(self._lines), find_groups=False))
        if objection and len(self._delimiters) == 5 and self._version < "2.7":
            yield Opinion("MSH-2", objection, _FOUR_DELIMITERS)
            self._replace(2, self._delimiters[:4])
            self._delimiters = self._delimiters[:4]
            objection = self._objection(lambda: parse_message("\r".join(self._lines), find_groups=False))
        if objection and self._version in NEAREST:
            yield Opinion("MSH-12", objection, _VERSION)
            self._version = NEAREST[self._version]
            self._replace(12, self._version)
            objection = self._objection(lambda: parse_message("\r".join(self._lines), find_groups=False))
        if objection:
            yield Opinion("message", objection)
        elif self._version not in SUPPORTED_LIBRARIES:
            yield Opinion("MSH-12", "It reads on by its own default version where MSH-12 names none.")

    def _whole(self) -> Iterator[Opinion]:
        """Parse with groups, as the validator needs them, and validate."""
        parsed: list[Any] = []
        text = "\r".join(line for line in self._lines if not line.startswith("Z"))
        objection = self._objection(lambda: parsed.append(parse_message(text, find_groups=True)))
        if objection:
            yield Opinion("message", objection)
            return
        missing = len(text.split("\r")) - len(_names(parsed[0]))
        if missing:
            yield Opinion("message", f"{missing} segments are not in what it read.", _LOST)
        objection = self._objection(lambda: Validator.validate(parsed[0]))
        if not objection:
            return
        corrected = (key for version, key in CORRECTED if version == self._version)
        wrongly = next((key for key in corrected if objection.endswith(key)), "")
        yield Opinion("message", objection, _REQUIRED if wrongly else self._reason(objection))
        if wrongly and self._fill(wrongly):  # the validator stops at its first find
            yield from self._whole()

    def _reason(self, objection: str) -> str:
        return _GROUPS if self._version.startswith("2.8") and "limit exceeded" in objection else ""

    def _fill(self, key: str) -> bool:
        """Fill a field that hl7apy wrongly requires; return whether it was empty anywhere."""
        segment, _, number = key.partition("_")
        filled = False
        for index, line in enumerate(self._lines):
            fields = line.split(self._separator)
            if fields[0] == segment:
                fields += [""] * (int(number) + 1 - len(fields))
                filled = filled or not fields[int(number)]
                fields[int(number)] = fields[int(number)] or "1"
                self._lines[index] = self._separator.join(fields)
        return filled

    def _segments(self) -> Iterator[Opinion]:
        """Parse each segment strictly, and OBX-5 by its own type."""
        count: dict[str, int] = {}
        for line in self._lines[1:]:  # parse_segment cannot read MSH-2
            name = line[:3]
            count[name] = count.get(name, 0) + 1
            if not name.startswith("Z"):
                yield from self._segment(line, name, count[name])

    def _segment(self, line: str, name: str, number: int) -> Iterator[Opinion]:
        place = field_name(name, number, 0).removesuffix("-0")
        fields = line.split(self._separator)
        known = len(load_library(self._version).SEGMENTS.get(name, ("", ()))[1])
        kind, value = (fields[2], fields[5]) if name == "OBX" and len(fields) > 5 else ("", "")
        if kind:
            fields[5] = ""  # looked at with its own type
        objection = self._strict(fields)
        if objection and known and len(fields) > known + 1:
            fields, before = fields[: known + 1], objection
            objection = self._strict(fields)
            if objection != before:
                yield Opinion(place, before, _BEYOND)
        if objection:
            shorter = [self._shortened(one) for one in fields]
            if shorter != fields and not self._strict(shorter):
                yield Opinion(place, objection, _LENGTH)
            else:
                yield Opinion(place, objection, self._reason(objection))
        for one in value.split(self._delimiters[1]) if kind else ():
            yield from self._value(kind, one, f"{place}-5")

    def _value(self, kind: str, value: str, place: str) -> Iterator[Opinion]:
        structure = load_library(self._version).DATATYPES_STRUCTS.get(kind)
        reference = ("sequence", structure, kind, "OBSERVATION_VALUE", None, -1)
        if not structure:
            reference = ("leaf", None, kind, "OBSERVATION_VALUE", None, -1)

        def look(text: str) -> str:
            def strict() -> None:
                level = VALIDATION_LEVEL.STRICT
                field = parse_field(text, "OBX_5", self._version, self._encoding(), level, reference)
                Validator.validate(field, reference)

            return self._objection(strict)

        objection = look(value)
        if objection:
            shorter = self._shortened(value)
            yield Opinion(place, objection, _LENGTH if shorter != value and not look(shorter) else "")

    def _strict(self, fields: list[str]) -> str:
        line = self._separator.join(fields)
        return self._objection(lambda: parse_segment(line, self._version, self._encoding(), VALIDATION_LEVEL.STRICT))

    def _encoding(self) -> dict[str, str]:
        component, repetition, escape, subcomponent = list(self._delimiters + "^~\\&"[len(self._delimiters) :])[:4]
        return {
            "SEGMENT": "\r", "FIELD": self._separator, "COMPONENT": component, "REPETITION": repetition,
            "ESCAPE": escape, "SUBCOMPONENT": subcomponent,
        }  # fmt: skip

    def _shortened(self, text: str) -> str:
        """Return a field with every leaf that is longer than IS may be replaced by a short one."""
        leaves = re.split(f"([{re.escape(self._delimiters[:2] + self._delimiters[3:4])}])", text)
        return "".join("shortened" if len(one) > _SHORTEST_LIMIT and not _NUMERIC(one) else one for one in leaves)

    def _replace(self, number: int, value: str) -> None:
        fields = self._lines[0].split(self._separator)
        fields[number - 1] = value
        self._lines[0] = self._separator.join(fields)

    @staticmethod
    def _objection(work: Callable[[], object]) -> str:
        """Return what hl7apy raises; "" for nothing."""
        try:
            work()
        except Exception as error:  # it raises its own errors, and Python's where it has a fault
            return f"{type(error).__name__}: {error}".rstrip(": ")
        return ""


def _names(element: Any) -> list[str]:
    """Name the segments in a parsed message."""
    if element.classname == "Segment":
        return [element.name]
    return [name for child in element.children for name in _names(child)]
