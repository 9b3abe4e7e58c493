"""One writer per value type of OBX-5.

Holds: the HL7 value types that a result can have, and the JSON shape of each.
Promises: a writer returns the ER7 text of one repetition; what does not fit its type is a finding, whatever its JSON
looks like.
Never: chooses a type; values.py does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from lab_sender.hl7.er7 import join
from lab_sender.hl7.numerals import number_text, structured
from lab_sender.oru import datatypes
from lab_sender.oru.coding import code_or_text, coded
from lab_sender.oru.inline import Inline, unwrapped
from lab_sender.oru.times import NotATimeError, time_of_day
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Alternate, Coded

_ItemWriter: TypeAlias = Callable[[Writer, Any, str], str]

ST_LIMIT: Final = 199  # characters, chapter 2A.74
VALUE: Final = 5  # the field that all of this goes into
RANGE: Final = 7

SHAPES: Final = {
    "CWE": frozenset(("code", "text", "system", "alt", "original")),
    "SN": frozenset(("cmp", "n1", "sep", "n2")),
    "RP": frozenset(("pointer", "application", "type", "subtype")),
    "ED": frozenset(("data", "type", "subtype", "encoding")),
}
"""Value type -> the keys of its JSON object."""

_COMPARATORS: Final = frozenset(("", ">", "<", ">=", "<=", "=", "<>"))  # SN.1
_SEPARATORS: Final = frozenset(("", "-", "+", "/", ".", ":"))  # SN.3


def not_a_value(w: Writer, at: str, key: str = "") -> tuple[str, str]:
    w.fault(
        "value.shape", "This JSON is no value of any type we know.", VALUE, at, key,
        hint="docs/files/json.md shows what a value can be.",
    )  # fmt: skip
    return "", ""


def _nm(w: Writer, item: Any, at: str) -> str:
    text = number_text(item)
    if not text:
        w.fault("value.not-a-number", "This is not a number.", VALUE, at, hint="NM is digits and a decimal point.")
    return text


def _sn(w: Writer, item: Any, at: str) -> str:
    return join(_structured(w, item, at), "^")


def structured_text(w: Writer, item: Any, at: str) -> str:
    """Write a structured number as a person reads it: `<5`, `1:128`, `2+`; a text stays as it is."""
    parts = _structured(w, item, at)
    return w.text(item, VALUE, at) if isinstance(item, str) and parts else "".join(parts)


def _structured(w: Writer, item: Any, at: str) -> tuple[str, ...]:
    """Return comparator, number, separator and number; () for what is no structured number."""
    if isinstance(item, dict):
        keys = _texts(w, item, at, "SN", "cmp", "sep")
        ends = []
        for key in ("n1", "n2"):
            given = item.get(key)
            text = "" if given is None or given == "" else number_text(given)
            if not text and given not in (None, ""):
                w.fault("value.not-a-number", "This is not a number.", VALUE, at, key)
            ends.append(text)
        if keys["cmp"] not in _COMPARATORS or keys["sep"] not in _SEPARATORS:
            w.fault(
                "value.structured", "SN has no such comparator or separator.", VALUE, at,
                hint="`cmp` is one of > < >= <= = <>, `sep` one of - + / . :",
            )  # fmt: skip
            return ()
        if not any(ends):
            w.fault("value.structured", "A structured number needs `n1` or `n2`.", VALUE, at)
        return keys["cmp"], ends[0], keys["sep"], ends[1]
    match = structured(item.strip()) if isinstance(item, str) else None
    if match is not None:
        comparator, first, plus, colon, second = match.groups("")
        return comparator, first, plus + colon, second
    text = number_text(item)
    if not text:
        w.fault(
            "value.structured", "This is not a structured number.", VALUE, at,
            hint="It is like <5, >=100, 1:128 or 2+.",
        )  # fmt: skip
        return ()
    return "", text


def _st(w: Writer, item: Any, at: str) -> str:
    text = _plain(w, item, at)
    if len(text) > ST_LIMIT:
        w.fault(
            "value.long", f"This text is longer than the {ST_LIMIT} characters of ST.", VALUE, at,
            hint="Type auto sends it as TX.", severity="warning",
        )  # fmt: skip
    return w.text(text, VALUE, at)


def _tx(w: Writer, item: Any, at: str) -> str:
    return w.formatted(_plain(w, item, at), VALUE, at)


def _plain(w: Writer, item: Any, at: str) -> str:
    text = item if isinstance(item, str) else number_text(item)
    if not text:
        not_a_value(w, at)
    return text


def _coded(w: Writer, item: Any, at: str) -> str:
    if isinstance(item, str):
        return code_or_text(w, item, VALUE, at, kind="value")
    parts = _texts(w, item, at, "CWE", "code", "text", "system", "original")
    alt = item.get("alt") if isinstance(item, dict) else None
    alternate = None
    if alt is not None:
        alternate = Alternate(**_texts(w, alt, f"{at}.alt", "alt", "code", "text", "system"))
    written = coded(w, Coded(**parts, alt=alternate), VALUE, at, kind="value")
    if not written and w.sound(VALUE):
        w.fault("value.empty", "A coded value needs a code or a text.", VALUE, at)
    return written


def _dt(w: Writer, item: Any, at: str) -> str:
    return w.date(_plain(w, item, at), VALUE, at)


def _ts(w: Writer, item: Any, at: str) -> str:
    return w.time(_plain(w, item, at), VALUE, at)


def _tm(w: Writer, item: Any, at: str) -> str:
    try:
        text, warning = time_of_day(_plain(w, item, at))
    except NotATimeError as error:
        w.fault(error.code, str(error), VALUE, at, hint="Write it like 09:30.")
        return ""
    if warning:
        w.fault("time.inexact", warning, VALUE, at, severity="warning")
    return text


def _na(w: Writer, item: Any, at: str) -> str:
    if not isinstance(item, list) or not item:
        not_a_value(w, at)
        return ""
    return "^".join(_nm(w, number, f"{at}[{i}]") for i, number in enumerate(item))


def _rp(w: Writer, item: Any, at: str) -> str:
    parts = _texts(w, {"pointer": item} if isinstance(item, str) else item, at, "RP", *sorted(SHAPES["RP"]))
    if not parts["pointer"] and w.sound(VALUE):
        w.fault("value.empty", "A reference needs a pointer.", VALUE, at, "pointer")
    return join(
        (
            w.text(parts["pointer"], VALUE, at, "pointer"),
            join(datatypes.authority(w, parts["application"], VALUE, at), "&"),
            w.text(parts["type"], VALUE, at, "type"),
            w.text(parts["subtype"], VALUE, at, "subtype"),
        ),
        "^",
    )


def _ed(w: Writer, item: Any, at: str) -> str:
    parts = _texts(w, item, at, "ED", *sorted(SHAPES["ED"]))
    data, encoding = parts["data"], parts["encoding"] or "Base64"
    top, subtype = parts["type"], parts["subtype"]
    if encoding in ("Base64", "Hex"):
        data, top, subtype = unwrapped(w, Inline(data, top, subtype), encoding, at)
    elif encoding != "A":
        w.fault("value.encoding", "ED has no such encoding.", VALUE, at, "encoding", hint="A, Hex or Base64.")
    if not (data and top and subtype) and w.sound(VALUE):
        w.fault("value.empty", "Inline data needs `data`, `type` and `subtype`.", VALUE, at)
    return "^".join(
        (
            "",  # source application
            w.text(top, VALUE, at, "type"),
            w.text(subtype, VALUE, at, "subtype"),
            encoding if encoding in ("Base64", "Hex", "A") else "",
            w.formatted(data, VALUE, at, "data"),
        )
    )


def _texts(w: Writer, item: Any, at: str, kind: str, *keys: str) -> dict[str, str]:
    """Return `keys` of an object as texts ("" where absent), with a finding for whatever is not one."""
    found = dict.fromkeys(keys, "")
    if not isinstance(item, dict):
        not_a_value(w, at)
        return found
    shape = SHAPES.get(kind, frozenset(keys))
    for key, value in item.items():
        if key not in shape:
            w.fault("value.key", "The value has a key that its type does not know.", VALUE, at,
                    hint=f"Known: {', '.join(sorted(shape))}.")  # fmt: skip
        elif key in found and value is not None:
            text = value if isinstance(value, str) else number_text(value)
            if not text and value != "":
                not_a_value(w, at, key)
            found[key] = text
    return found


WRITERS: Final[dict[str, _ItemWriter]] = {
    "NM": _nm,
    "SN": _sn,
    "ST": _st,
    "TX": _tx,
    "FT": _tx,
    "CE": _coded,
    "CWE": _coded,
    "DT": _dt,
    "TM": _tm,
    "TS": _ts,
    "DTM": _ts,
    "NA": _na,
    "RP": _rp,
    "ED": _ed,
}
"""OBX-2 -> (writer, item, place) -> OBX-5."""
