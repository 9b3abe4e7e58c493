"""FHIR's value[x] and reference ranges to values of a report.

Holds: one function for each type that value[x] can be, and ranges in their own unit or in words.
Promises: digits stay as they came. A text stays a text, even where it looks like a number. What a report has no form
for (sampled data, an unknown comparator) is a finding.
Never: compares a value with its range.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lab_sender.readers.fhir.bundle import Element
from lab_sender.readers.fhir.codes import concept, system_name, words
from lab_sender.report.model import Coded, Range, ValueType

_NUMBERS_OF: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?").findall
_LETTERS: Final = re.compile(r"[^\W\d_]|[<>=≤≥]").search
_ONE_LINE: Final = 199  # characters of HL7 type ST; longer text and lines are left to type auto
_QUARANTINED: Final = "?"  # stands in a report that is quarantined
_COMPARATORS: Final = ("", "<", "<=", ">", ">=")


class Value(NamedTuple):
    """What a result's `value`, `type` and `unit` are to be."""

    value: Any = None
    type: ValueType = "auto"
    unit: str | Coded = ""


def read_value(given: Element) -> Value:
    """Return the value[x] of an observation or component; a value of None: it has none."""
    for key in given.value:
        if key.startswith("value"):
            read = _FORMS.get(key)
            if read is not None:
                return read(given, key)
            given.done(key)
            given.fault("fhir.value", "A value of this type cannot be sent as a result.", key)
            return Value(_QUARANTINED)
    return Value()


def read_range(given: Element, unit: str | Coded) -> tuple[str | Range, list[str]]:
    """Return the reference range of a value of `unit`, and notes with what else is said of it.

    It is the limits where one range of all has limits in that unit for everyone. Else it is words, in one line.
    """
    ranges = given.many("referenceRange")
    plain = [one for one in ranges if _is_plain(one, unit)]
    if len(plain) != 1:
        return "; ".join(filter(None, map(_range_in_words, ranges))), []
    (chosen,) = plain
    low, high = (chosen.one(end).number("value") for end in ("low", "high"))
    text = _in_one_line(chosen.text("text"))
    said = [] if not _LETTERS(text) and {*_NUMBERS_OF(text)} == {low, high} - {""} else [text]
    said += [_range_in_words(one) for one in ranges if one is not chosen]
    return Range(low, high), [f"Reference range: {one}" for one in said if one]


def _is_plain(given: Element, unit: str | Coded) -> bool:
    """Tell whether a range has limits in this unit, and holds for everyone."""
    ends = given.one("low"), given.one("high")
    if any(end.has("comparator") for end in ends) or not any(end.number("value") for end in ends):
        return False
    return not _for_whom(given) and all(_names_of(_unit(end)) <= _names_of(unit) for end in ends)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def quantity_words(given: Element) -> str:
    """Return a Quantity as a person would write it: `<0.10 mg/L`."""
    unit = "" if _is_of_unity(given) else given.text("unit") or given.text("code")
    given.done("code", "system")
    return f"{given.text('comparator')}{given.number('value')} {unit}".strip()


# ----------------------------------------------------------------- value types


def _quantity(given: Element, key: str) -> Value:
    quantity = given.one(key)
    number, comparator = quantity.number("value"), _comparator(quantity)
    unit = _unit(quantity)
    if not number:
        return Value(None, "auto", unit)
    return Value({"cmp": comparator, "n1": number} if comparator else number, "auto", unit)


def _concept(given: Element, key: str) -> Value:
    found = concept(given.one(key))
    if found is None:
        return Value()
    if not found.code:
        return Value(found.text, _text_type(found.text))
    value: dict[str, Any] = {"code": found.code, "text": found.text, "system": found.system}
    if found.alt is not None:
        value["alt"] = {"code": found.alt.code, "text": found.alt.text, "system": found.alt.system}
    return Value(value)


def _string(given: Element, key: str) -> Value:
    text = given.text(key)
    return Value(text, _text_type(text)) if text else Value()


def _boolean(given: Element, key: str) -> Value:
    yes = given.flag(key)
    return Value({"code": "Y" if yes else "N", "text": "Yes" if yes else "No", "system": "HL70136"})


def _integer(given: Element, key: str) -> Value:
    return Value(given.number(key) or None)


def _date_time(given: Element, key: str) -> Value:
    text = given.text(key)
    return Value(text, "DTM" if "T" in text else "DT") if text else Value()


def _time(given: Element, key: str) -> Value:
    text = given.text(key)
    return Value(text, "TM") if text else Value()


def _period(given: Element, key: str) -> Value:
    period = given.one(key)
    text = f"{period.text('start')}/{period.text('end')}"  # an ISO 8601 interval
    return Value(text, "ST") if text != "/" else Value()


def _range(given: Element, key: str) -> Value:
    span = given.one(key)
    low, high = span.one("low"), span.one("high")
    first, last = low.number("value"), high.number("value")
    if low and high and _unit(low) != _unit(high):
        return Value(f"{quantity_words(low)} - {quantity_words(high)}", "ST")
    unit = _unit(low or high)
    if first and last:
        return Value({"n1": first, "sep": "-", "n2": last}, "auto", unit)
    if not first and not last:
        return Value()
    return Value({"cmp": ">=", "n1": first} if first else {"cmp": "<=", "n1": last}, "auto", unit)


def _ratio(given: Element, key: str) -> Value:
    """A titre (1:128) has plain numbers; anything else is said in words."""
    ratio = given.one(key)
    over, under = ratio.one("numerator"), ratio.one("denominator")
    comparator, _ = _comparator(over), _comparator(under)
    first, last = over.number("value"), under.number("value")
    if not first and not last:
        return Value()
    if not first or not last:
        ratio.fault("fhir.invalid", "A ratio has a numerator and a denominator, or neither.")
    pure = all(_is_of_unity(side) or not _unit(side) for side in (over, under))
    if pure and not under.text("comparator"):
        return Value({"cmp": comparator, "n1": first, "sep": ":", "n2": last})
    return Value(f"{quantity_words(over)} : {quantity_words(under)}", "ST")


_FORMS: Final[dict[str, Callable[[Element, str], Value]]] = {
    "valueQuantity": _quantity,
    "valueCodeableConcept": _concept,
    "valueString": _string,
    "valueBoolean": _boolean,
    "valueInteger": _integer,
    "valueRange": _range,
    "valueRatio": _ratio,
    "valueTime": _time,
    "valueDateTime": _date_time,
    "valuePeriod": _period,
}


def _text_type(text: str) -> ValueType:
    return "ST" if len(text) <= _ONE_LINE and "\n" not in text and "\r" not in text else "auto"


def _comparator(quantity: Element) -> str:
    comparator = quantity.text("comparator")
    if comparator not in _COMPARATORS:
        quantity.fault("fhir.value", "HL7 v2 has no such comparator.", "comparator")
    return comparator


def _unit(quantity: Element) -> str | Coded:
    code, text = quantity.text("code"), quantity.text("unit")
    return Coded(code, text, system_name(quantity.system())) if code else text


def _is_of_unity(quantity: Element) -> bool:
    """Tell whether a quantity is a mere number: its unit is UCUM's `1`."""
    unity = quantity.text("code") == "1" and quantity.text("unit") in ("", "1")
    if unity:
        quantity.done("unit", "code", "system")
    return unity


def _names_of(unit: str | Coded) -> set[str]:
    return {unit, ""} if isinstance(unit, str) else {unit.code, unit.text, ""}


# ---------------------------------------------------------------------- ranges


def _range_in_words(given: Element) -> str:
    low, high = quantity_words(given.one("low")), quantity_words(given.one("high"))
    limits = f"{low} - {high}" if low and high else f">={low}" if low else f"<={high}" if high else ""
    whom = _for_whom(given)
    text = _in_one_line(given.text("text"))
    if not {given.one(end).number("value") for end in ("low", "high")} <= {*_NUMBERS_OF(text), ""}:
        text = f"{limits} {text}".strip()  # limits that the text does not say
    return f"{text} ({whom})" if text and whom else text


def _for_whom(given: Element) -> str:
    """Say for whom or in which sense a range holds; "" for the normal range of everyone."""
    kind = given.one("type")
    parts = ["" if [one.text("code") for one in kind.many("coding")] == ["normal"] else words(kind)]
    parts += [words(one) for one in given.many("appliesTo")]
    age = given.one("age")
    low, high = quantity_words(age.one("low")), quantity_words(age.one("high"))
    if age:
        parts.append(f"age {low} to {high}" if low and high else f"age from {low}" if low else f"age up to {high}")
    return ", ".join(filter(None, parts))
