"""The field names of a finished message, for a person to read.

Holds: a tolerant view of any HL7 v2 message: its segments, their fields, and what the grammar calls them.
Promises: reads whatever version, delimiters, line ends and character set a message has; a segment or field the
grammar does not know has an empty name.
Never: changes or judges the message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab_sender.errors import LabSenderError
from lab_sender.hl7 import grammar
from lab_sender.hl7.escape import unescape

_FALLBACK = "2.5.1"
_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class FieldView:
    """One filled field. `raw` is its ER7 text, `text` the same with escape sequences resolved."""

    number: int
    name: str
    datatype: str
    raw: str
    text: str


@dataclass(frozen=True, slots=True)
class SegmentView:
    """One segment: its line as it stands, and its filled fields."""

    name: str
    line: str
    fields: tuple[FieldView, ...]


def describe(body: bytes, version: str = "", charset: str = "utf-8") -> list[SegmentView]:
    """Return the segments of a message with their field names.

    `version` is MSH-12.1 (2.5.1 where it is empty or unknown), `charset` a Python codec; bytes it cannot read show
    as U+FFFD.
    """
    try:
        names = grammar.load(version or _FALLBACK)
    except LabSenderError:
        names = grammar.load(_FALLBACK)
    text = body.decode(charset, "replace").lstrip("\ufeff\v")
    lines = [line for line in _LINE_END.split(text) if line.strip("\x1c")]
    separator = lines[0][3:4] if lines and lines[0].startswith("MSH") else "|"
    return [_segment(line, separator or "|", names) for line in lines]


def _segment(line: str, separator: str, names: grammar.Grammar) -> SegmentView:
    name, *values = line.split(separator)
    if name == "MSH":
        values.insert(0, separator)  # MSH-1 is the separator itself
    known = names.fields(name)
    fields = []
    for number, raw in enumerate(values, 1):
        if raw:
            field = known[number - 1] if number <= len(known) else None
            text = raw if name == "MSH" and number <= 2 else unescape(raw)
            fields.append(FieldView(number, field.name if field else "", field.datatype if field else "", raw, text))
    return SegmentView(name, line, tuple(fields))
