r"""A result's value to OBX-2 and OBX-5.

Holds: the typing rules, and one writer per value type.
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

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ..results.model import Alternate, Coded
from . import datatypes
from .encoder import Writer, join
from .times import NotATimeError, time_of_day

_ItemWriter: TypeAlias = Callable[[Writer, Any, str], str]

ST_LIMIT: Final = 199  # characters, chapter 2A.74
_EXPONENT_LIMIT: Final = 30  # beyond it a number written out says less than its text
_INTEGER_LIMIT: Final = 10**40

_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)").fullmatch
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE]([+-]?[0-9]{1,2})").fullmatch
_STRUCTURED: Final = re.compile(
    r"(<=|>=|<|>)?\s?([+-]?[0-9]+(?:\.[0-9]+)?)(?:(\+)|(:)([0-9]+(?:\.[0-9]+)?))?"  # comparator, number, + | : number
).fullmatch
_NUMBER_ENDS: Final = frozenset("0123456789+")
_LINE_END: Final = re.compile(r"[\r\n]").search

_COMPARATORS: Final = frozenset(("", ">", "<", ">=", "<=", "=", "<>"))  # SN.1
_SEPARATORS: Final = frozenset(("", "-", "+", "/", ".", ":"))  # SN.3
_TEXT_WIDTH: Final = ("NM", "SN", "ST", "TX", "FT")
_SHAPES: Final = (
    ("CWE", frozenset(("code", "text", "system", "alt", "original"))),
    ("SN", frozenset(("cmp", "n1", "sep", "n2"))),
    ("RP", frozenset(("pointer", "application", "type", "subtype"))),
    ("ED", frozenset(("data", "type", "subtype", "encoding"))),
)
_FIELD: Final = 5


def write_value(w: Writer, value: Any, wanted: str) -> tuple[str, str]:
    """Return OBX-2 and OBX-5 of a value; two empty texts for one that says nothing or has a finding."""
    if _says_nothing(value):
        return "", ""
    if wanted == "auto":
        if isinstance(value, str) and _DECIMAL(value):
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
        return _not_a_value(w, "value")
    return kind, writer(w, value, "value")


def classify(item: Any) -> str:
    """Return the OBX-2 of one item by the rules above; "" for what is no value at all."""
    if isinstance(item, str):
        if _DECIMAL(item):
            return "NM"
        bare = item.strip()
        if bare[-1:] in _NUMBER_ENDS:
            if _DECIMAL(bare) or _expanded(bare):
                return "NM"
            structured = _STRUCTURED(bare)
            if structured and (structured[4] is None or structured[2] == "1"):
                return "SN"  # a ratio is a titre when it begins with 1; 12:30 is more likely a time
        if _LINE_END(item):
            return "FT"
        return "ST" if len(item) <= ST_LIMIT else "TX"
    if isinstance(item, dict):
        keys = item.keys()
        return next((kind for kind, shape in _SHAPES if keys and keys <= shape), "")
    return "NM" if number_text(item) else ""


def number_text(value: Any) -> str:
    """Return a number, or a text that is one, as plain decimal digits; "" for anything else."""
    if isinstance(value, str):
        bare = value.strip()
        return bare if _NUMBER(bare) else _expanded(bare)
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(value) if -_INTEGER_LIMIT < value < _INTEGER_LIMIT else ""
    if isinstance(value, float | Decimal):
        text = str(value)
        return text if _DECIMAL(text) else _expanded(text)
    return ""


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
        return _not_a_value(w, "value")
    written = []
    for i, item in enumerate(items):
        at = f"value[{i}]"
        if _says_nothing(item):
            w.fault("value.empty", "A value in a list says nothing.", _FIELD, at, hint="Leave it out of the list.")
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


def _not_a_value(w: Writer, at: str, key: str = "") -> tuple[str, str]:
    w.fault(
        "value.shape", "This JSON is no value of any type we know.", _FIELD, at, key,
        hint="docs/FILES.md shows what a value can be.",
    )  # fmt: skip
    return "", ""


def _expanded(text: str) -> str:
    """Return a number in scientific notation written out; "" where it is none, or too long to write out."""
    match = _SCIENTIFIC(text)
    if match is None or abs(int(match[1])) > _EXPONENT_LIMIT:
        return ""
    return f"{Decimal(text):f}"


# One writer per value type: (writer, item, place) -> ER7 text of one repetition.


def _nm(w: Writer, item: Any, at: str) -> str:
    text = number_text(item)
    if not text:
        w.fault("value.not-a-number", "This is not a number.", _FIELD, at, hint="NM is digits and a decimal point.")
    return text


def _sn(w: Writer, item: Any, at: str) -> str:
    if isinstance(item, dict):
        keys = _texts(w, item, at, "SN", "cmp", "sep")
        ends = []
        for key in ("n1", "n2"):
            given = item.get(key)
            text = "" if given is None or given == "" else number_text(given)
            if not text and given not in (None, ""):
                w.fault("value.not-a-number", "This is not a number.", _FIELD, at, key)
            ends.append(text)
        if keys["cmp"] not in _COMPARATORS or keys["sep"] not in _SEPARATORS:
            w.fault(
                "value.structured", "SN has no such comparator or separator.", _FIELD, at,
                hint="`cmp` is one of > < >= <= = <>, `sep` one of - + / . :",
            )  # fmt: skip
            return ""
        if not any(ends):
            w.fault("value.structured", "A structured number needs `n1` or `n2`.", _FIELD, at)
        return join((keys["cmp"], ends[0], keys["sep"], ends[1]), "^")
    match = _STRUCTURED(item.strip()) if isinstance(item, str) else None
    if match is not None:
        comparator, first, plus, colon, second = match.groups("")
        return f"{comparator}^{first}^{plus}{colon}^{second}".rstrip("^")
    text = number_text(item)
    if not text:
        w.fault(
            "value.structured", "This is not a structured number.", _FIELD, at,
            hint="It is like <5, >=100, 1:128 or 2+.",
        )  # fmt: skip
    return "^" + text


def _st(w: Writer, item: Any, at: str) -> str:
    text = _plain(w, item, at)
    if len(text) > ST_LIMIT:
        w.fault(
            "value.long", f"This text is longer than the {ST_LIMIT} characters of ST.", _FIELD, at,
            hint="Type auto sends it as TX.", severity="warning",
        )  # fmt: skip
    return w.text(text, _FIELD, at)


def _tx(w: Writer, item: Any, at: str) -> str:
    return w.formatted(_plain(w, item, at), _FIELD, at)


def _plain(w: Writer, item: Any, at: str) -> str:
    text = item if isinstance(item, str) else number_text(item)
    if not text:
        _not_a_value(w, at)
    return text


def _coded(w: Writer, item: Any, at: str, *, cwe: bool) -> str:
    if isinstance(item, str):
        return "^" + w.text(item, _FIELD, at)
    parts = _texts(w, item, at, "CWE", "code", "text", "system", "original")
    alt = item.get("alt") if isinstance(item, dict) else None
    alternate = None
    if alt is not None:
        alternate = Alternate(**_texts(w, alt, f"{at}.alt", "alt", "code", "text", "system"))
    written = datatypes.coded(w, Coded(**parts, alt=alternate), _FIELD, at, cwe=cwe)
    if not written:
        w.fault("value.empty", "A coded value needs a code or a text.", _FIELD, at)
    return written


def _ce(w: Writer, item: Any, at: str) -> str:
    return _coded(w, item, at, cwe=False)


def _cwe(w: Writer, item: Any, at: str) -> str:
    return _coded(w, item, at, cwe=True)


def _dt(w: Writer, item: Any, at: str) -> str:
    return w.date(_plain(w, item, at), _FIELD, at)


def _ts(w: Writer, item: Any, at: str) -> str:
    return w.time(_plain(w, item, at), _FIELD, at)


def _tm(w: Writer, item: Any, at: str) -> str:
    try:
        text, warning = time_of_day(_plain(w, item, at))
    except NotATimeError as error:
        w.fault(error.code, str(error), _FIELD, at, hint="Write it like 09:30.")
        return ""
    if warning:
        w.fault("time.inexact", warning, _FIELD, at, severity="warning")
    return text


def _na(w: Writer, item: Any, at: str) -> str:
    if not isinstance(item, list) or not item:
        _not_a_value(w, at)
        return ""
    return "^".join(_nm(w, number, f"{at}[{i}]") for i, number in enumerate(item))


def _rp(w: Writer, item: Any, at: str) -> str:
    parts = _texts(w, {"pointer": item} if isinstance(item, str) else item, at, "RP", *sorted(_SHAPE["RP"]))
    if not parts["pointer"]:
        w.fault("value.empty", "A reference needs a pointer.", _FIELD, at, "pointer")
    return join(
        (
            w.text(parts["pointer"], _FIELD, at, "pointer"),
            join(datatypes.authority(w, parts["application"], _FIELD, at), "&"),
            w.text(parts["type"], _FIELD, at, "type"),
            w.text(parts["subtype"], _FIELD, at, "subtype"),
        ),
        "^",
    )


def _ed(w: Writer, item: Any, at: str) -> str:
    parts = _texts(w, item, at, "ED", *sorted(_SHAPE["ED"]))
    data, encoding = parts["data"], parts["encoding"] or "Base64"
    if encoding == "Base64":
        try:
            b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            w.fault("value.base64", "The data is not valid Base64.", _FIELD, at, "data")
    elif encoding == "Hex":
        if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", data):
            w.fault("value.hex", "The data is not valid hexadecimal.", _FIELD, at, "data")
    elif encoding != "A":
        w.fault("value.encoding", "ED has no such encoding.", _FIELD, at, "encoding", hint="A, Hex or Base64.")
    if not data or not parts["type"] or not parts["subtype"]:
        w.fault("value.empty", "Inline data needs `data`, `type` and `subtype`.", _FIELD, at)
    return "^".join(
        (
            "",  # source application
            w.text(parts["type"], _FIELD, at, "type"),
            w.text(parts["subtype"], _FIELD, at, "subtype"),
            encoding if encoding in ("Base64", "Hex", "A") else "",
            w.formatted(data, _FIELD, at, "data"),
        )
    )


def _texts(w: Writer, item: Any, at: str, kind: str, *keys: str) -> dict[str, str]:
    """Return `keys` of an object as texts ("" where absent), with a finding for whatever is not one."""
    found = dict.fromkeys(keys, "")
    if not isinstance(item, dict):
        _not_a_value(w, at)
        return found
    shape = _SHAPE.get(kind, frozenset(keys))
    for key, value in item.items():
        if key not in shape:
            w.fault("value.key", "The value has a key that its type does not know.", _FIELD, at,
                    hint=f"Known: {', '.join(sorted(shape))}.")  # fmt: skip
        elif key in found and value is not None:
            text = value if isinstance(value, str) else number_text(value)
            if not text and value != "":
                _not_a_value(w, at, key)
            found[key] = text
    return found


_SHAPE: Final = dict(_SHAPES)

_NAMES_IN_2_5_1: Final = {"DTM": "TS"}
"""Model type -> OBX-2 where table 0125 of 2.5.1 has another name for it."""

WRITERS: Final[dict[str, _ItemWriter]] = {
    "NM": _nm,
    "SN": _sn,
    "ST": _st,
    "TX": _tx,
    "FT": _tx,
    "CE": _ce,
    "CWE": _cwe,
    "DT": _dt,
    "TM": _tm,
    "TS": _ts,
    "NA": _na,
    "RP": _rp,
    "ED": _ed,
}
