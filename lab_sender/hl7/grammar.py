"""The grammar of HL7 v2, compiled from metadata.

Holds: the structure of ORU^R01 and the segments, fields, data types and tables of one version.
Promises: every version that there is metadata of compiles; a segment or table costs nothing until it is asked for.
Mistakes in the metadata are corrected here, each with its reason.
Never: loads hl7apy, which the metadata is made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from lab_sender.errors import ConfigurationError, SettingError
from lab_sender.hl7.metadata import VERSIONS, metadata

NEAREST: Final = {"2.7.1": "2.7", "2.9": "2.8.2", "2.9.1": "2.8.2"}
"""Versions without metadata of their own, and the version that describes them."""

CORRECTED: Final[dict[tuple[str, str], tuple[int, int | None]]] = {
    ("2.3", "ORC_7"): (0, 1),  # conditional in the standard, required in the metadata
    ("2.3", "OBR_27"): (0, 1),  # the same
    **{(version, "OBX_2"): (0, 1) for version in ("2.3", "2.3.1", "2.7", "2.8", "2.8.1", "2.8.2")},
    **{(version, "OBX_4"): (0, 1) for version in ("2.3.1", "2.7", "2.8", "2.8.1", "2.8.2")},
    # OBX-2 and OBX-4 are conditional in every version (chapter 7), required in the metadata of these
}

_COMPONENT_TYPES: Final = {
    ("2.6", "XTN_1"): "ST",  # kept for backward compatibility (chapter 2A); the metadata begins at XTN.2
    ("2.7", "XPN_6"): "WD",  # withdrawn together with XCN.7 (chapter 2A), which the metadata has right
}
_LATEST: Final = "2.8.2"
_COMPLETE: Final = "2.5.1"
"""The version with the best tables in the metadata: 2.3 has none, 2.7 and 2.8 lack codes of tables that they have."""

WITHDRAWN: Final = "WD"
"""The data type, in the metadata, of what a version has withdrawn."""


class ComponentDef(Struct, frozen=True):
    """One component of a data type; `datatype` may itself have components. `least` is 1 where it is required."""

    name: str
    datatype: str
    least: int = 0


class FieldDef(Struct, frozen=True):
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


class Node(Struct, frozen=True):
    """A segment, or a group where `children` is filled, in a message structure."""

    name: str
    least: int
    most: int | None
    children: tuple[Node, ...] = ()


class Grammar:
    """The segments of a message in one HL7 version."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._metadata = metadata(version)
        self._codes: dict[str, frozenset[str]] = {}
        self._segments: dict[str, tuple[FieldDef, ...]] = {}
        self._datatypes: dict[str, tuple[ComponentDef, ...]] = {}

    @cached_property
    def structure(self) -> tuple[Node, ...]:
        """The segments and groups of ORU_R01, in their order."""
        return tuple(_node(*child) for child in self._metadata.structure())

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The names of the segments of ORU_R01, each once."""
        return tuple(dict.fromkeys(_leaves(self.structure)))

    def fields(self, segment: str) -> tuple[FieldDef, ...]:
        """Return the fields of `segment`, field 1 first; empty for a segment this version does not know."""
        known = self._segments.get(segment)
        if known is None:
            by_number = {each[0]: self._field(segment, *each) for each in self._metadata.segment(segment)}
            known = tuple(
                by_number.get(number) or FieldDef(number, "withdrawn", WITHDRAWN, 0, 0, "")
                for number in range(1, max(by_number, default=0) + 1)
            )  # from 2.7 on the metadata leaves out some of what is withdrawn: OBR-14, OBR-15, PID-28
            self._segments[segment] = known
        return known

    def has(self, segment: str, number: int) -> bool:
        """Tell whether this version has a field."""
        fields = self.fields(segment)
        return number <= len(fields) and fields[number - 1].most != 0

    def components(self, datatype: str) -> tuple[ComponentDef, ...]:
        """Return the components of `datatype`; empty for a primitive one."""
        known = self._datatypes.get(datatype)
        if known is None:
            by_number = {
                number: ComponentDef(
                    name, _COMPONENT_TYPES.get((self.version, f"{datatype}_{number}"), own), least
                )
                for number, name, own, least in self._metadata.datatype(datatype)
            }
            known = tuple(
                by_number.get(number)
                or ComponentDef("withdrawn", _COMPONENT_TYPES.get((self.version, f"{datatype}_{number}"), WITHDRAWN))
                for number in range(1, max(by_number, default=0) + 1)
            )
            self._datatypes[datatype] = known
        return known

    def adopting(self, fields: Iterable[tuple[str, int]]) -> Grammar:
        """Return this grammar with fields (segment, number) of the latest version in it, optional each.

        Raises SettingError `profile.field` for one that no version has.
        """
        extended = Grammar(self.version)
        for segment, number in fields:
            later = load(_LATEST).fields(segment)
            if number > len(later):
                raise SettingError(
                    "profile.field", "preadopted", f"No version of HL7 has {segment}-{number}.",
                    hint="Fields of a Z-segment need not be named here.",
                )  # fmt: skip
            known = extended.fields(segment)
            between = (FieldDef(each, "reserved", WITHDRAWN, 0, 0, "") for each in range(len(known) + 1, number))
            one = replace(later[number - 1], least=0)
            extended._segments[segment] = (*known[: number - 1], *between, one, *known[number:])
        return extended

    def table(self, name: str) -> frozenset[str]:
        """Return the codes of an HL7 table (`HL70063`); empty where there is none.

        The codes of 2.5.1 hold in every version: the metadata of several lacks tables, or codes the standard has.
        """
        known = self._codes.get(name)
        if known is None:
            known = self._codes[name] = frozenset(self._metadata.table(name) + metadata(_COMPLETE).table(name))
        return known

    def _field(
        self, segment: str, number: int, name: str, datatype: str, least: int, most: int, table: str
    ) -> FieldDef:
        key = self.version, f"{segment}_{number}"
        least, limit = CORRECTED.get(key, (least, None if most < 0 else most))
        return FieldDef(number, name, datatype, least, limit, table)


@cache
def load(version: str) -> Grammar:
    """Return the compiled grammar of `version` (MSH-12.1), one object for the whole process.

    Raises ConfigurationError `grammar.version` where there is none.
    """
    nearest = NEAREST.get(version, version)
    if nearest not in VERSIONS:
        raise ConfigurationError(
            "grammar.version",
            f"HL7 version {version!r} is not known.",
            hint=f"Known: {', '.join(VERSIONS)}.",
        )
    return Grammar(nearest)


def _node(name: str, least: int, most: int, children: Sequence[Any]) -> Node:
    return Node(name, least, None if most < 0 else most, tuple(_node(*each) for each in children))


def _leaves(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        yield from _leaves(node.children) if node.children else (node.name,)
