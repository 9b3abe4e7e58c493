"""A report that a program holds, as the text of a `lab-result/1` file.

Holds: the way from Python values (dicts and lists, the model's classes) to JSON.
Promises: numbers keep their value, a Decimal every digit; what JSON has no form for (NaN, half a surrogate pair,
a datetime) is an error with its place, and never becomes `null`.
Never: looks whether it is a report; the reader does, as for every file.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from lab_sender.errors import FileError, Finding

_DEEPEST = 100
"""Objects and lists inside one another."""
_LONGEST_KEY = 40
_TIMES = "Give times as ISO 8601 text."


def json_text(report: Any) -> bytes:
    """Write a report, or a list of them, as UTF-8. Raises FileError with every place that cannot be written."""
    walk = _Walk()
    plain = walk.value(report, "", 0)
    if walk.findings:
        raise FileError(walk.findings)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class _Walk:
    """One walk over a report; `findings` is what was in its way."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def value(self, value: Any, place: str, level: int) -> Any:
        """Return a value as `json` can write it."""
        match value:
            case None | bool() | int():
                return value
            case str():
                return self._text(value, place)
            case float() | Decimal():
                return self._number(value, place)
        if level >= _DEEPEST:
            return self._fault("json.too-deep", "It is nested too deep to be a report.", place)
        match value:
            case Mapping():
                pairs = [(self._key(key, place), each) for key, each in value.items()]
                return {key: self.value(each, _at(place, key), level + 1) for key, each in pairs}
            case list() | tuple():
                return [self.value(each, f"{place}[{n}]", level + 1) for n, each in enumerate(value)]
            case msgspec.Struct():
                return self.value(_stated(value), place, level)
        return self._fault("json.type", f"A {type(value).__name__} has no form in JSON.", place, _TIMES)

    def _text(self, value: str, place: str) -> str:
        if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            self._fault("json.surrogate", "A text holds one half of a surrogate pair, not a character.", place)
        return value

    def _number(self, value: float | Decimal, place: str) -> Any:
        if not math.isfinite(value):
            return self._fault("json.type", "A number is infinite, or not a number.", place)
        return format(value, "f") if isinstance(value, Decimal) else value

    def _key(self, key: Any, place: str) -> str:
        if not isinstance(key, str):
            self._fault("json.type", f"A key is a {type(key).__name__}, not a text.", place)
        return str(key)

    def _fault(self, code: str, text: str, place: str, hint: str = "") -> None:
        self.findings.append(Finding(code, text, place=place, hint=hint))


def _at(place: str, key: str) -> str:
    """Join a place and a key; a key that could be anything is not repeated."""
    shown = key if key.isascii() and key.isidentifier() and len(key) <= _LONGEST_KEY else "?"
    return f"{place}.{shown}" if place else shown


def _stated(part: msgspec.Struct) -> dict[str, Any]:
    """Return what a part of the model states, by the keys of the file."""
    values = ((name, key, required, getattr(part, name)) for name, key, required in _fields(type(part)))
    return {key: value for _, key, required, value in values if required or value not in (None, "", [])}


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((each.name, each.encode_name, each.required) for each in msgspec.structs.fields(kind))
