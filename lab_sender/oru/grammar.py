"""The grammar of HL7 v2, compiled from hl7apy's metadata.

Holds: the structure of ORU^R01 and the segments, fields, data types and tables of one version.
Promises: any version hl7apy knows compiles; a segment or table costs nothing until it is asked for;
what is wrong in the metadata is put right here, each line with its reason.
Never: uses hl7apy's object tree. It is imported here for its tuples and nowhere else in the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import hl7apy

from ..errors import LabSenderError

_NEAREST: Final = {"2.7.1": "2.7", "2.9": "2.8.2", "2.9.1": "2.8.2"}
"""Versions without metadata of their own, and the version that describes them."""

_CORRECTED: Final[dict[tuple[str, str], tuple[int, int | None]]] = {
    ("2.3", "ORC_7"): (0, 1),  # conditional in the standard, required in the metadata
    ("2.3", "OBR_27"): (0, 1),  # the same
    **{(version, "OBX_2"): (0, 1) for version in ("2.3", "2.3.1", "2.7", "2.8", "2.8.1", "2.8.2")},
    **{(version, "OBX_4"): (0, 1) for version in ("2.3.1", "2.7", "2.8", "2.8.1", "2.8.2")},
    # OBX-2 and OBX-4 are conditional in every version (chapter 7), required in the metadata of these
}


@dataclass(frozen=True, slots=True)
class ComponentDef:
    """One component of a data type; `datatype` may itself have components."""

    name: str
    datatype: str


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field of a segment. `most` is None where it may repeat without limit, 0 where it must stay empty."""

    number: int
    name: str
    datatype: str
    least: int
    most: int | None
    table: str

    @property
    def repeats(self) -> bool:
        return self.most is None or self.most > 1


@dataclass(frozen=True, slots=True)
class Node:
    """A segment, or a group of them where `children` is filled, at its place in a message structure."""

    name: str
    least: int
    most: int | None
    children: tuple[Node, ...] = ()


class Grammar:
    """What one HL7 version says about the segments of a message."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._library: Any = hl7apy.load_library(version)
        self._segments: dict[str, tuple[FieldDef, ...]] = {}

    @cached_property
    def structure(self) -> tuple[Node, ...]:
        """The segments and groups of ORU_R01, in their order."""
        return tuple(_node(child) for child in self._library.MESSAGES["ORU_R01"][1])

    def fields(self, segment: str) -> tuple[FieldDef, ...]:
        """Return the fields of `segment`, field 1 first; empty for a segment this version does not know."""
        known = self._segments.get(segment)
        if known is None:
            entry = self._library.SEGMENTS.get(segment)
            known = tuple(self._field(child) for child in entry[1]) if entry else ()
            self._segments[segment] = known
        return known

    def components(self, datatype: str) -> tuple[ComponentDef, ...]:
        """Return the components of `datatype`; empty for a primitive one."""
        entry = self._library.DATATYPES_STRUCTS.get(datatype, ())
        details = self._library.DATATYPES
        return tuple(
            ComponentDef(_words(details[name][3]), details[name][2]) for name, *_ in entry if name in details
        )

    def table(self, name: str) -> frozenset[str]:
        """Return the codes of an HL7 table (`HL70063`); empty where the version has none."""
        entry = self._library.TABLES.get(name)
        return frozenset(entry[1]) if entry else frozenset()

    def _field(self, child: Any) -> FieldDef:
        key, reference, (least, most), _ = child
        least, limit = _CORRECTED.get((self.version, key), (least, None if most < 0 else most))
        return FieldDef(
            int(key.rpartition("_")[2]), _words(reference[3]), reference[2] or "", least, limit, reference[4] or ""
        )


@cache
def load(version: str) -> Grammar:
    """Return the compiled grammar of `version` (MSH-12.1), one object for the whole process.

    Raises LabSenderError `grammar.version` where there is none.
    """
    nearest = _NEAREST.get(version, version)
    if nearest not in hl7apy.SUPPORTED_LIBRARIES:
        raise LabSenderError(
            "grammar.version",
            f"HL7 version {version!r} is not known.",
            hint=f"Known: {', '.join(sorted(hl7apy.SUPPORTED_LIBRARIES))}.",
        )
    return Grammar(nearest)


def _node(child: Any) -> Node:
    name, reference, (least, most), kind = child
    children = tuple(_node(c) for c in reference[1]) if kind == "GRP" else ()
    return Node(name, least, None if most < 0 else most, children)


def _words(name: str | None) -> str:
    """Turn `DATE_TIME_OF_MESSAGE` into `date time of message`."""
    return (name or "").replace("_", " ").strip().lower()
