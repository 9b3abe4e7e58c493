r"""A result's value to OBX-2 and OBX-5.

Holds: the rules for value types.
Promises: digits go out as they came in: `0.10` stays `0.10`; only a JSON number's exponent is written out. OBX-5 is
always of the type in OBX-2; a value that fits no type is a finding, whatever its JSON looks like.
Never: guesses a date, a code or a range from a text.

The rules for type `auto` (one item; in a list of texts the widest type of its items holds for all):

| the item is                          | OBX-2 | OBX-5                |
|--------------------------------------|-------|----------------------|
| a number, or text like `14.1`, `-3`  | NM    | the digits           |
| a JSON number like `1.5e3`           | NM    | written out: `1500`  |
| text with an exponent, `10E5`        | ST    | the text             |
| `<5` `>=100` `1:128` `2+` `<1:8`     | SN    | `<^5`, `^1^:^128` .. |
| text of several lines                | FT    | lines by `\.br\`     |
| text of more than 199 characters     | TX    | the text             |
| any other text                       | ST    | the text             |
| `{code, text, system, alt, original}`| CWE   | dual coding          |
| `{cmp, n1, sep, n2}`                 | SN    |                      |
| `{pointer, application, type, ..}`   | RP    |                      |
| `{data, type, subtype, encoding}`    | ED    |                      |

A type goes out under its name in the version (`Dialect.value_types`). A profile may have structured numbers as ST, as
they are read, and text of several lines (FT or TX) as TX with a repetition, or an OBX, for each line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lab_sender.hl7.escape import LINE_END
from lab_sender.hl7.numerals import is_decimal, number_text, structured
from lab_sender.oru.value_types import RANGE, SHAPES, ST_LIMIT, VALUE, WRITERS, not_a_value, structured_text

if TYPE_CHECKING:
    from lab_sender.config.profile.model import Text
    from lab_sender.hl7.er7 import Row
    from lab_sender.oru.writer import Writer
    from lab_sender.report.model import Range

_NUMBERS_OF: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?").findall
_IS_NUMERIC: Final = re.compile(r"[+-]?[.,]?[0-9]").match
_NO_LIMIT: Final = frozenset(("", "-", "--", "---", "\u2013", "\u2014"))
_NUMBER_ENDS: Final = frozenset("0123456789+")
_TEXT_WIDTH: Final = ("NM", "SN", "ST", "TX", "FT")


def write_value(w: Writer, value: Any, wanted: str) -> tuple[str, str]:
    """Return OBX-2 and OBX-5 of a value; ("", "") for an empty value, or one with a finding."""
    if wanted == "auto" and isinstance(value, str) and is_decimal(value):
        return "NM", value  # the usual result, settled early
    if _is_empty(value):
        return "", ""
    kind = wanted
    if wanted == "auto":
        kind = _common_type(value) if isinstance(value, list) else classify(value)
    kind = w.site.dialect.value_types.get(kind, kind)
    writer = WRITERS.get(kind)
    if writer is None:
        return not_a_value(w, "value")
    several = isinstance(value, list) and (kind != "NA" or any(isinstance(item, list) for item in value))
    if not several and kind not in w.site.rewritten:
        return kind, writer(w, value, "value")
    items = value if several else [value]
    if not items:
        return not_a_value(w, "value")
    in_lines = kind in w.site.rewritten and kind != "SN" and _has_lines(items)
    if in_lines:
        kind = "TX"
        w.credit(VALUE, "text.multiline")
    elif kind == "SN" and kind in w.site.rewritten:
        kind, writer = "ST", structured_text
        w.credit(VALUE, "text.structured")
    written: list[str] = []
    for i, item in enumerate(items):
        at = f"value[{i}]" if several else "value"
        if _is_empty(item):
            w.fault("value.empty", "A value in a list says nothing.", VALUE, at, hint="Leave it out of the list.")
        elif in_lines:
            lines = _lines(item) if isinstance(item, str) else [item]
            written += [writer(w, line, at) if line != "" else "" for line in lines]
        else:
            written.append(writer(w, item, at))
    return kind, "~".join(written)


def rewritten(text: Text) -> frozenset[str]:
    """Return the value types that the profile wants in another form: structured numbers, text of several lines."""
    return frozenset(
        (("SN",) if text.structured == "ST" else ()) + (("FT", "TX") if text.multiline != "formatted" else ())
    )


def apart(w: Writer, row: Row, value: Any) -> list[Row]:
    """Return the row of an OBX, or a row for each line of its value where the profile splits lines.

    They have the same OBX-3, consecutive set ids, and in OBX-4 sub-ids 1 to n below the result's own.
    """
    if w.site.profile.text.multiline != "split" or row[2] != "TX" or not _has_lines(value):
        return [row]
    first, sub_id = int(row[1]), f"{row[4]}." if row[4] else ""
    return [
        ["OBX", str(first + n), *row[2:4], f"{sub_id}{n + 1}", line, *row[6:]]
        for n, line in enumerate(row[VALUE].split("~"))
    ]


def classify(item: Any) -> str:
    """Return the OBX-2 of one item by the rules above; "" for what is no value."""
    if isinstance(item, str):
        if is_decimal(item):
            return "NM"
        bare = item.strip()
        if bare[-1:] in _NUMBER_ENDS:
            if is_decimal(bare):
                return "NM"
            parts = structured(bare)
            if parts and (parts[4] is None or parts[2] == "1"):
                return "SN"  # a ratio that begins with 1 is a titre; 12:30 is more likely a time
        if LINE_END.search(item):
            return "FT"
        return "ST" if len(item) <= ST_LIMIT else "TX"
    if isinstance(item, dict):
        keys = item.keys()
        return next((kind for kind, shape in SHAPES.items() if keys and keys <= shape), "")
    return "NM" if number_text(item) else ""


def write_range(w: Writer, given: Range) -> str:
    """Return OBX-7: `low-high`, `>low` or `<high`; then the words of a range, alone if they name its limits.

    A dash alone is no limit. A limit in words, or with a sign of its own, stays as it is: `<5`, never `<<5`.
    """
    ends = []
    for key, limit in (("low", given.low), ("high", given.high)):
        if limit is None or (isinstance(limit, str) and limit.strip() in _NO_LIMIT):
            ends.append("")
            continue
        text = number_text(limit) or (w.text(limit, RANGE, "range", key) if isinstance(limit, str) else "")
        if not text:
            w.fault("range.limit", "This is neither a number nor a text.", RANGE, "range", key)
        ends.append(text)
    first, last = ends
    if first and last:
        limits = first if first == last and not _IS_NUMERIC(first) else f"{first}-{last}"
    else:
        only = first or last
        limits = f"{'>' if first else '<'}{only}" if _IS_NUMERIC(only) else only
    text = w.text(given.text, RANGE, "range", "text")
    named = {first, last} - {""} <= set(_NUMBERS_OF(given.text))
    return text if named and text else f"{limits} {text}".strip()


def _common_type(items: list[Any]) -> str:
    """Return the one type that carries every item; "" where none does."""
    kinds = {classify(item) for item in items if not _is_empty(item)}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else ""
    if kinds <= set(_TEXT_WIDTH):
        return max("ST", *kinds, key=_TEXT_WIDTH.index)
    if "CWE" in kinds and kinds <= {"CWE", "ST", "TX"}:
        return "CWE"
    return ""


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _has_lines(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_lines, value))
    return isinstance(value, str) and LINE_END.search(value) is not None


def _lines(text: str) -> list[Any]:
    """Return the lines of a text; a line end at its end begins no further one."""
    lines = LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]
