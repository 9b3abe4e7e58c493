"""hl7apy 1.3.5 as an oracle: reads and validates a message, with every way around its known faults in this one place.

`read` gives the leaves as hl7apy found them, escape sequences untouched; `validate` raises what hl7apy objects to.
The numbers (B1 ...) are those of the list in the project's reference on ORU.
"""

from __future__ import annotations

import re

from hl7apy import load_library
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message
from hl7apy.parser import parse_field, parse_message, parse_segment
from hl7apy.validation import Validator

VERSION = "2.5.1"
ENCODING = {"SEGMENT": "\r", "FIELD": "|", "COMPONENT": "^", "SUBCOMPONENT": "&", "REPETITION": "~", "ESCAPE": "\\"}
TEXT = re.compile(r"[^0-9.+-]").search
NA_COMPONENTS = 4  # NA is an array of any length; the metadata ends at four, and what is beyond shifts (B7)

Leaf = str
Repetition = list[list[Leaf]]  # components of subcomponents
Segment = tuple[str, dict[int, list[Repetition]]]


def read(text: str) -> list[Segment]:
    """Read every segment through hl7apy."""
    # With find_groups a segment that fits no group vanishes without a word (B8).
    message = parse_message(text, find_groups=False)
    lines = text.rstrip("\r").split("\r")
    return [_segment(segment, line) for segment, line in zip(message.children, lines, strict=True)]


def validate(text: str) -> None:
    """Let hl7apy validate the message: structure and cardinality, then each segment strictly."""
    # Without groups no ORU_R01 validates ("Invalid children"), with them segments may vanish (B8): count them.
    message = parse_message(text, find_groups=True, force_validation=True)
    lines = text.rstrip("\r").split("\r")
    assert _segment_names(message) == [line[:3] for line in lines]
    for line in lines:
        if line.startswith("MSH"):
            continue  # parse_segment cannot read MSH-2
        parse_segment(_without_false_rejects(line), VERSION, ENCODING, VALIDATION_LEVEL.STRICT)
        if line.startswith("OBX"):
            kind, values = line.split("|")[2], line.split("|")[5]
            for value in values.split("~") if kind else []:
                _typed_value(kind, "^".join(map(_short, value.split("^"))), VALIDATION_LEVEL.STRICT)


def _segment(segment, line: str) -> Segment:
    fields: dict[int, list[Repetition]] = {}
    for field in segment.children:
        number = int(field.name.rpartition("_")[2])
        if field.name == "OBX_5":
            continue
        fields.setdefault(number, []).append(_leaves(field))
    if segment.name == "OBX" and line.split("|")[2]:
        # OBX-5 is parsed as `varies`, all of it ST; its own data type has to be handed in (B5).
        kind, values = line.split("|")[2], line.split("|")[5]
        fields[5] = [_leaves(_typed_value(kind, value, VALIDATION_LEVEL.TOLERANT)) for value in values.split("~")]
    return segment.name, fields


def _typed_value(kind: str, text: str, level: int):
    library = load_library(VERSION)
    structure = library.DATATYPES_STRUCTS.get(kind)
    head = ("sequence", structure) if structure else ("leaf", None)
    reference = (*head, kind, "OBSERVATION_VALUE", None, -1)
    field = parse_field(text, "OBX_5", VERSION, ENCODING, level, reference)
    Validator.validate(field, reference)
    return field


def _leaves(field) -> Repetition:
    repetition: Repetition = []
    for component in field.children:
        position = _position(component.name, len(repetition) + 1)
        repetition += [[""]] * (position - len(repetition) - 1)
        leaves: list[Leaf] = []
        for leaf in component.children:
            place = _position(leaf.name, len(leaves) + 1)
            leaves += [""] * (place - len(leaves) - 1)
            leaves.append(_text(leaf.value))
        repetition.append(leaves)
    return repetition


def _position(name: str | None, otherwise: int) -> int:
    """Empty components are left out of `children`; the name of the next one tells its place."""
    number = (name or "").rpartition("_")[2]
    return int(number) if number.isdigit() else otherwise


def _text(value) -> Leaf:
    if isinstance(value, str):
        return value
    # `to_er7` escapes a second time (B4) and rewrites numbers (B6); `.value` is the text as parsed, but for
    # dates and numbers, where it is a Python value: there `to_er7` is the only text there is.
    return value.value if isinstance(value.value, str) else value.to_er7()


def _without_false_rejects(line: str) -> str:
    """Return a line without what STRICT refuses although it is right."""
    fields = line.split("|")
    if fields[0] == "OBX" and len(fields) > 5:
        fields[5] = ""  # checked with its own type
    return "|".join(
        "~".join("^".join("&".join(map(_short, c.split("&"))) for c in r.split("^")) for r in f.split("~"))
        for f in fields
    )


def _short(text: str) -> str:
    """The limits of ST (199) and IS (20) are counted over the escaped text; real texts and names are longer."""
    return "shortened" if len(text) > 20 and TEXT(text) else text


def _segment_names(element) -> list[str]:
    if element.classname == "Segment":
        return [element.name]
    assert isinstance(element, Message) or element.classname == "Group"
    return [name for child in element.children for name in _segment_names(child)]
