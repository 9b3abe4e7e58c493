"""hl7apy 1.3.5 as an oracle: reads and validates a message of any version, with every way around its known faults in
this one place.

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

ENCODING = {"SEGMENT": "\r", "FIELD": "|", "COMPONENT": "^", "SUBCOMPONENT": "&", "REPETITION": "~", "ESCAPE": "\\"}
TEXT = re.compile(r"[^0-9.+-]").search
PHONES = {"PID": (13,), "NK1": (5,), "ORC": (14, 23), "OBR": (17,)}  # fields of type TN or XTN
NA_COMPONENTS = 4  # NA is an array of any length; the metadata ends at four, and what is beyond shifts (B7)

Leaf = str
Repetition = list[list[Leaf]]  # components of subcomponents
Segment = tuple[str, dict[int, list[Repetition]]]


def read(text: str, version: str = "2.5.1") -> list[Segment]:
    """Read every segment through hl7apy."""
    text = _known(text, version)
    # With find_groups a segment that fits no group vanishes without a word (B8).
    message = parse_message(text, find_groups=False)
    lines = text.rstrip("\r").split("\r")
    return [
        _segment(segment, line, _metadata(version)) for segment, line in zip(message.children, lines, strict=True)
    ]


def validate(text: str, version: str = "2.5.1") -> None:
    """Let hl7apy validate the message: structure and cardinality, then each segment strictly."""
    text = _known(text, version)
    version = _metadata(version)
    lines = [_without_metadata_faults(line, version) for line in text.rstrip("\r").split("\r")]
    whole = lines
    if version >= "2.8":
        # From 2.8 on it puts every OBX into ORDER_DOCUMENT, "Child limit exceeded" (B11). The order of our segments
        # is that of 2.7, and their fields are validated below.
        whole = [_without_metadata_faults(line, "2.7") for line in lines]
        whole = [re.sub(r"^(ORC(?:\|[^|]*){3}\|)[^|]*", r"\1", line) for line in whole]  # ORC-4 was EI, and is EIP
        whole[0] = whole[0].replace(f"|{version}|", "|2.7|", 1)
    # Without groups no ORU_R01 validates ("Invalid children"), with them segments may vanish (B8): count them.
    message = parse_message("\r".join(whole), find_groups=True, force_validation=True)
    assert _segment_names(message) == [line[:3] for line in whole]
    for line in lines:
        if line.startswith("MSH"):
            continue  # parse_segment cannot read MSH-2
        parse_segment(_without_false_rejects(line), version, ENCODING, VALIDATION_LEVEL.STRICT)
        if line.startswith("OBX"):
            kind, values = line.split("|")[2], line.split("|")[5]
            for value in values.split("~") if kind and values else []:
                _typed_value(kind, "^".join(map(_short, value.split("^"))), VALIDATION_LEVEL.STRICT, version)


def _metadata(version: str) -> str:
    return "2.7" if version == "2.7.1" else version


def _known(text: str, version: str) -> str:
    """There is no 2.7.1 (B10); its fields are those of 2.7."""
    return text.replace("|2.7.1|", "|2.7|", 1) if version == "2.7.1" else text


def _without_metadata_faults(line: str, version: str) -> str:
    """Return a line with what the metadata of its version wrongly requires, and without what it wrongly refuses."""
    name, *_ = fields = line.split("|")
    if name == "OBX" and version in ("2.3", "2.3.1", "2.7", "2.8", "2.8.1", "2.8.2"):
        fields[2] = fields[2] or "ST"  # required in these, conditional in the standard (4.2); so is OBX-4
        fields[4] = fields[4] or "1"
    if name in ("ORC", "OBR") and version == "2.3":  # quantity/timing: required, and conditional in the standard
        number = 7 if name == "ORC" else 27
        fields += [""] * (number + 1 - len(fields))
        fields[number] = fields[number] or "1"
    if name == "TQ1" and version == "2.7":
        fields[1] = ""  # TQ1-1 has no data type: TypeError
    for number in PHONES.get(name, ()):
        if number < len(fields) and fields[number] and (version <= "2.4" or version == "2.6"):
            # TN takes numbers of the US form only; 2.6 has no XTN.1
            valid = "555-0100" if version <= "2.4" else ""
            fields[number] = re.sub(r"(^|~)[^~^]+", rf"\g<1>{valid}", fields[number])
    return "|".join(fields)


def _segment(segment, line: str, version: str) -> Segment:
    fields: dict[int, list[Repetition]] = {}
    for field in segment.children:
        number = int(field.name.rpartition("_")[2])
        if field.name == "OBX_5":
            continue
        fields.setdefault(number, []).append(_leaves(field))
    if segment.name == "OBX" and line.split("|")[2]:
        # OBX-5 is parsed as `varies`, all of it ST; its own data type has to be handed in (B5).
        kind, values = line.split("|")[2], line.split("|")[5]
        fields[5] = [
            _leaves(_typed_value(kind, value, VALIDATION_LEVEL.TOLERANT, version)) for value in values.split("~")
        ]
    return segment.name, fields


def _typed_value(kind: str, text: str, level: int, version: str):
    library = load_library(version)
    structure = library.DATATYPES_STRUCTS.get(kind)
    head = ("sequence", structure) if structure else ("leaf", None)
    reference = (*head, kind, "OBSERVATION_VALUE", None, -1)
    field = parse_field(text, "OBX_5", version, ENCODING, level, reference)
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
