"""A glance at a report: whether all its texts are so plain that no guard has anything to say.

Holds: what is plain beyond doubt, and the texts that were found so before: codes, units and ranges of a laboratory
come again with every report.
Promises: what could be spoilt, a word for nothing, a correction or a blank too many is not plain, in whatever key it
stands. It costs a few microseconds a report.
Never: says what is wrong.
"""

from __future__ import annotations

import re
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import astuple

from lab_sender.readers.guards.words import (
    CORRECTION_WORDS,
    Kind,
    bare,
    has_decimal_comma,
    is_number_in_other_signs,
    is_spoilt,
)
from lab_sender.report.model import Report, Result

_SURELY: Final = re.compile(
    r"[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}[0-9T:.Z+-]*|[A-DF-Za-df-z]+[0-9]+(?:\|([A-Z]+))?"
).fullmatch
"""Numbers, times and identifiers, which are others in each report: `14.1`, `2026-01-31T09:00`, `F1`, `A2024|LAB`."""
_MOST_KNOWN: Final = 1 << 16
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Glance:
    """Knows plain texts; `nothing` are words for nothing, in lower case."""

    def __init__(self, nothing: frozenset[str]) -> None:
        self._not_plain = nothing | CORRECTION_WORDS
        self._known: set[object] = {""}

    def is_plain(self, report: Report) -> bool:
        """Tell whether nothing in a report needs a closer look."""
        if len(self._known) > _MOST_KNOWN:
            self._known = {""}
        return self._part(report)

    def _part(self, part: Any) -> bool:
        for value in astuple(part):
            kind = value.__class__
            if kind is str:
                if value and not self._text(value):
                    return False
            elif value and not self._value(value):
                return False
        return True

    def _value(self, value: Any) -> bool:
        """Look at a value that is neither a text nor empty."""
        if isinstance(value, list):
            return all(map(self._item, value))
        if isinstance(value, dict):
            return all(map(self._item, value.values()))
        return self._part(value) if isinstance(value, msgspec.Struct) else True

    def _item(self, item: Any) -> bool:
        if item.__class__ is Result:
            return self._result(item)
        return self._text(item) if isinstance(item, str) else self._value(item)

    def _result(self, result: Result) -> bool:
        """Look at a result: in one step, where all its texts were seen before."""
        test, span, unit = result.test, result.range, result.unit
        if span.__class__ is not str or unit.__class__ is not str:
            return self._part(result)
        if "^" in span:
            return False
        texts = {test.code, test.text, test.system, result.sub_id, unit, span, result.status, *result.flags}
        rest = result.observer or result.lab or result.method or result.device or result.notes
        if texts <= self._known and not (rest or test.alt or test.original):
            return self._item(result.value) and self._text(result.observed) and self._text(result.analysed)
        return self._part(result)

    def _text(self, text: str) -> bool:
        if text in self._known:
            return True
        if surely := _SURELY(text):
            return surely[1] is None or self._text(surely[1])
        plain = (
            bare(text) == text
            and all(map(self._word, text.split("|")))
            and not has_decimal_comma(text)
            and not is_number_in_other_signs(text)
        )
        if plain:
            self._known.add(text)
        return plain

    def _word(self, word: str) -> bool:
        """Look at a text, or at one of those between bars: a number and who gave it out."""
        return (
            bare(word) == word
            and word.lower() not in self._not_plain
            and not any(is_spoilt(kind, word) for kind in _KINDS)
        )
