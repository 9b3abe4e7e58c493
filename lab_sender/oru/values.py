r"""A result's value to OBX-2 and OBX-5.

Holds: the typing rules.
Promises: digits go out as they came in (`0.10` stays `0.10`; only an exponent is written out); OBX-5 always is what
OBX-2 says; a value that fits no type is a finding, whatever its JSON looks like.
Never: guesses a date, a code or a range out of a text.

The rules for type `auto` (one item; in a list of texts the widest type of its items holds for all):

| the item is                          | OBX-2 | OBX-5                |
|--------------------------------------|-------|----------------------|
| a number, or text like `14.1`, `-3`  | NM    | the digits           |
| a number with exponent, `1.5e3`      | NM    | written out: `1500`  |
| `<5` `>=100` `1:128` `2+` `<1:8`     | SN    | `<^5`, `^1^:^128` .. |
| text of several lines                | FT    | lines by `\.br\`     |
| text of more than 199 characters     | TX    | the text             |
| any other text                       | ST    | the text             |
| `{code, text, system, alt, original}`| CWE   | dual coding          |
| `{cmp, n1, sep, n2}`                 | SN    |                      |
| `{pointer, application, type, ..}`   | RP    |                      |
| `{data, type, subtype, encoding}`    | ED    |                      |
"""

from __future__ import annotations

import re
from typing import Any, Final

from .encoder import Writer
from .numerals import is_decimal, number_text, structured, written_out
from .value_types import SHAPES, ST_LIMIT, VALUE, WRITERS, not_a_value

_NAMES_IN_2_5_1: Final = {"DTM": "TS"}
"""Model type -> OBX-2 where table 0125 of 2.5.1 has another name for it."""

_NUMBER_ENDS: Final = frozenset("0123456789+")
_LINE_END: Final = re.compile(r"[\r\n]").search
_TEXT_WIDTH: Final = ("NM", "SN", "ST", "TX", "FT")


def write_value(w: Writer, value: Any, wanted: str) -> tuple[str, str]:
    """Return OBX-2 and OBX-5 of a value; two empty texts for one that says nothing or has a finding."""
    if _says_nothing(value):
        return "", ""
    if wanted == "auto":
        if isinstance(value, str) and is_decimal(value):
            return "NM", value  # the usual result, settled early
        if isinstance(value, list):
            return _write_all(w, value, _common_type(value))
        kind = classify(value)
    else:
        kind = _NAMES_IN_2_5_1.get(wanted, wanted)
        if isinstance(value, list) and (kind != "NA" or any(isinstance(item, list) for item in value)):
            return _write_all(w, value, kind)
    writer = WRITERS.get(kind)
    if writer is None:
        return not_a_value(w, "value")
    return kind, writer(w, value, "value")


def classify(item: Any) -> str:
    """Return the OBX-2 of one item by the rules above; "" for what is no value at all."""
    if isinstance(item, str):
        if is_decimal(item):
            return "NM"
        bare = item.strip()
        if bare[-1:] in _NUMBER_ENDS:
            if is_decimal(bare) or written_out(bare):
                return "NM"
            parts = structured(bare)
            if parts and (parts[4] is None or parts[2] == "1"):
                return "SN"  # a ratio is a titre when it begins with 1; 12:30 is more likely a time
        if _LINE_END(item):
            return "FT"
        return "ST" if len(item) <= ST_LIMIT else "TX"
    if isinstance(item, dict):
        keys = item.keys()
        return next((kind for kind, shape in SHAPES.items() if keys and keys <= shape), "")
    return "NM" if number_text(item) else ""


def write_range(w: Writer, low: Any, high: Any) -> str:
    """Return OBX-7 of two limits: `low-high`, `>low` or `<high`."""
    ends = []
    for key, limit in (("low", low), ("high", high)):
        if limit is None or limit == "":
            ends.append("")
            continue
        text = number_text(limit) or (w.text(limit, 7, "range", key) if isinstance(limit, str) else "")
        if not text:
            w.fault("range.limit", "This is neither a number nor a text.", 7, "range", key)
        ends.append(text)
    first, last = ends
    if first and last:
        return f"{first}-{last}"
    return f">{first}" if first else f"<{last}" if last else ""


def _write_all(w: Writer, items: list[Any], kind: str) -> tuple[str, str]:
    """Write the repetitions of OBX-5."""
    writer = WRITERS.get(kind)
    if not items or writer is None:
        return not_a_value(w, "value")
    written = []
    for i, item in enumerate(items):
        at = f"value[{i}]"
        if _says_nothing(item):
            w.fault("value.empty", "A value in a list says nothing.", VALUE, at, hint="Leave it out of the list.")
        else:
            written.append(writer(w, item, at))
    return kind, "~".join(written)


def _common_type(items: list[Any]) -> str:
    """Return the one type that carries every item; "" where none does."""
    kinds = {classify(item) for item in items if not _says_nothing(item)}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else ""
    if kinds <= set(_TEXT_WIDTH):
        return max("ST", *kinds, key=_TEXT_WIDTH.index)
    if "CWE" in kinds and kinds <= {"CWE", "ST", "TX"}:
        return "CWE"
    return ""


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
