"""The field names of a finished message, for a person to read.

Holds: a tolerant view of any HL7 v2 message: its segments, their fields, and the grammar's names of these.
Promises: reads any version, delimiters, line ends and character set; what the grammar does not know has no name.
Never: changes or judges the message.
"""

from __future__ import annotations

import re

from msgspec import Struct

from lab_sender.errors import LabSenderError
from lab_sender.hl7 import grammar
from lab_sender.hl7.escape import unescape
from lab_sender.hl7.message import USUAL, delimiters_of, msh_of, text_of

_FALLBACK = "2.5.1"
_UTF8_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n?|\n")


class FieldView(Struct, frozen=True):
    """One filled field. `raw` is its ER7 text, `text` the same with escape sequences resolved."""

    number: int
    name: str
    datatype: str
    raw: str
    text: str


class SegmentView(Struct, frozen=True):
    """One segment: its line as it stands, and its filled fields."""

    name: str
    line: str
    fields: tuple[FieldView, ...]


def describe(body: bytes) -> list[SegmentView]:
    """Return the segments of a message with their field names: those of its version, else of 2.5.1."""
    text = text_of(body.removeprefix(_UTF8_MARK).lstrip(b"\v"))
    try:
        names = grammar.load(msh_of(text).version or _FALLBACK)
    except LabSenderError:
        names = grammar.load(_FALLBACK)
    lines = [line for line in _LINE_END.split(text) if line.strip("\x1c")]
    separator = delimiters_of(lines[0]).field if lines and lines[0].startswith("MSH") else USUAL.field
    return [_segment(line, separator, names) for line in lines]


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
