"""A glance at a report: whether all its texts are so plain that no guard has anything to say.

Holds: what is plain beyond doubt, and the texts that were found so before: codes, units and ranges of a laboratory
come again with every report.
Promises: what could be spoilt, a word for nothing or a blank too many is not plain, in whatever key it stands; nor is
a correction. It costs a few microseconds a report.
Never: says what is wrong.
"""

from __future__ import annotations

import re
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import astuple

from lab_sender.readers.guards.words import (
    Kind,
    bare,
    has_decimal_comma,
    holds_unseen,
    is_correction,
    is_number_in_other_signs,
    is_spoilt,
)
from lab_sender.report.model import Range, Report, Result

_SURELY: Final = re.compile(
    r"[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}[0-9T:.Z+-]*|[A-DF-Za-df-z]+[0-9]+(?:\|([A-Z]+))?"
).fullmatch
"""Numbers, times and identifiers, which are others in each report: `14.1`, `2026-01-31T09:00`, `F1`, `A2024|LAB`."""
_MOST_KNOWN: Final = 1 << 13
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Glance:
    """Knows plain texts; `nothing` are words for nothing, in lower case."""

    def __init__(self, nothing: frozenset[str]) -> None:
        self._nothing = nothing
        self._known: set[object] = {""}

    def is_plain(self, report: Report) -> bool:
        """Tell whether nothing in a report needs a closer look."""
        if len(self._known) > _MOST_KNOWN:
            self._known = {""}
        return self._part(report)

    def _part(self, part: msgspec.Struct) -> bool:
        known = self._known
        for value in astuple(part):
            if value.__class__ is str:
                if value not in known and not self._text(value):
                    return False
            elif value and not self._value(value):
                return False
        return True

    def _value(self, value: Any) -> bool:
        """Look at a value that is not empty."""
        if value.__class__ is Result:
            return self._result(value)
        if isinstance(value, msgspec.Struct):
            parts_apart = value.__class__ is Range and "^" in f"{value.low}{value.high}{value.text}"
            return not parts_apart and self._part(value)
        if isinstance(value, str):
            return value in self._known or self._text(value)
        if isinstance(value, list):
            return all(map(self._value, value))
        return all(map(self._value, value.values())) if isinstance(value, dict) else True

    def _result(self, result: Result) -> bool:
        """Look at a result: what a laboratory says of each result of a test, once; then at what is of this one."""
        test, span, alt = result.test, result.range, result.test.alt
        if not (result.unit.__class__ is span.__class__ is result.method.__class__ is str):
            return self._is_plainly_said(result.status, span) and self._part(result)
        of_test: tuple[Any, ...] = (
            test.code, test.text, test.system, test.original, result.unit, span, result.status,
            result.method, result.device,
        )  # fmt: skip
        if alt is not None:
            of_test += (alt.code, alt.text, alt.system)
        known = self._known
        if of_test not in known:
            if not (self._is_plainly_said(result.status, span) and all(map(self._value, filter(None, of_test)))):
                return False
            known.add(of_test)
        of_this = (result.sub_id, result.observed, result.analysed, *result.flags, *result.notes)
        if not (known.issuperset(of_this) or all(map(self._value, filter(None, of_this)))):
            return False
        value = result.value
        if value.__class__ is str:
            if value not in known and not self._text(value):
                return False
        elif value and not self._value(value):
            return False
        observer, lab = result.observer, result.lab
        return (not observer or self._value(observer)) and (not lab or self._value(lab))

    def _is_plainly_said(self, status: str, span: object) -> bool:
        """Say whether a status corrects nothing, and a range that is a text has no parts (`3^5`)."""
        return not (is_correction(status) or (span.__class__ is str and "^" in str(span)))

    def _text(self, text: str) -> bool:
        if surely := _SURELY(text):
            plain = surely[1] is None or self._value(surely[1])
        else:
            plain = (
                all(map(self._word, text.split("|")))
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
            and word.casefold() not in self._nothing
            and not holds_unseen(word)
            and not any(is_spoilt(kind, word) for kind in _KINDS)
        )
