"""The check of a message's finished lines against the grammar.

Holds: one pattern per data type, one test per field, and the order of the segments, all compiled from the grammar.
Promises: a message that passes has every required field, no field more often or with more components than its data
type allows, numbers and times in their form, OBX-5 as OBX-2 says, and its segments in the order of ORU_R01.
Never: looks at meaning; a value's meaning was checked where it was written.

A line that fills only the usual fields of its segment is tested as a whole, which is three times faster. The first
line that fills others makes all fields of its segment usual, so that nothing is compiled that is not needed. A line
that fails is checked field by field. All tests are made of the same patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from lab_sender.hl7.er7 import Row
from lab_sender.hl7.grammar import WITHDRAWN, FieldDef, Grammar, Node
from lab_sender.hl7.tables import VALUE_TYPES

Test: TypeAlias = Callable[[str], object]

_LEAF: Final = r"[^|^&~\r\n]*+"
_FILLED: Final = r"(?![\^~|]|\Z)"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9](?:\.[0-9]{1,4})?+)?+)?+"
_DATE: Final = r"(?:[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])%s)?+)?+)?+"
_ZONE: Final = r"(?:[+-][0-9]{4})?+"
_PRIMITIVE: Final = {
    "NM": r"(?:[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++))?+",
    "SI": r"[0-9]*+",
    "DT": _DATE % "",
    "TM": f"(?:{_CLOCK}{_ZONE})?+",
    "DTM": _DATE % f"(?:{_CLOCK}{_ZONE})?+",
    WITHDRAWN: "",
}
"""Chapter 2A; every other primitive type is a leaf of any text."""

_REQUIRED_HERE: Final = {"OBR": (3,), "PID": (3, 5)}
"""What the standard does not require and no result can do without: its patient and its order."""

_OWN_SEGMENTS: Final = re.compile("Z[A-Z0-9]{2} ").sub
"""A profile may add Z-segments anywhere; what is in them is its own."""

_USUAL: Final = {
    "PID": (1, 3, 5, 7, 8, 11),
    "NTE": (1, 2, 3),
    "PV1": (1, 2, 3, 7, 19),
    "ORC": (1, 2, 3, 12),
    "OBR": (1, 2, 3, 4, 7, 16, 22, 25),
    "OBX": (1, 2, 3, 4, 5, 6, 7, 8, 11, 14),
    "SPM": (1, 2, 4, 17, 18),
}
"""The fields that most reports fill: a first guess, for speed only."""


class Misfit(NamedTuple):
    """A field of a line that does not fit the grammar; field 0 is the order of the segments."""

    line: int
    field: int
    code: str
    text: str
    hint: str = ""


class Checks:
    """The tests of one grammar; a segment's are compiled when it is first met.

    `renamed` are the value types that this version has another name for.
    """

    def __init__(self, grammar: Grammar, renamed: Collection[str] = ()) -> None:
        self._grammar = grammar
        self._kinds = tuple(kind for kind in VALUE_TYPES if kind not in renamed)
        self._usual: dict[str, Test] = {}
        self._wide: set[str] = set()
        self._fields: dict[tuple[str, int], Test] = {}
        self.taken_over: Collection[tuple[str, int]] = ()
        """Fields of later versions that the profile sets all the same."""
        self._in_order = re.compile(_sequence(grammar.structure)).fullmatch

    def misfits(
        self,
        lines: Sequence[str],
        indexes: Iterable[int] | None = None,
        touched: Mapping[int, frozenset[int]] | None = None,
    ) -> list[Misfit]:
        """Return every misfit in a whole message.

        Only the lines in `indexes` are checked, and in those of `touched` its fields only; the others passed before.
        """
        found: list[Misfit] = []
        for index in range(len(lines)) if indexes is None else sorted(indexes):
            line = lines[index]
            if line[0] != "Z" and not (self.usual(line[:3])(line) or self.widened(line[:3])(line)):
                found += self.line_misfits(index, split(line))
        for index, numbers in (touched or {}).items():
            row = split(lines[index])
            if not all(self._passes(row, number) for number in numbers):
                found += self.line_misfits(index, row, numbers)
        names = " ".join([line[:3] for line in lines]) + " "
        if not self._in_order(_OWN_SEGMENTS("", names) if "Z" in names else names):
            text = "The segments do not make an ORU_R01."
            found.append(Misfit(len(lines) - 1, 0, "structure.order", text, "A report needs at least one order."))
        return found

    def usual(self, segment: str) -> Test:
        """Return the test of a line of `segment` that fills only its usual fields."""
        return self._usual.get(segment) or self._compile_usual(segment, _USUAL.get(segment, ()))

    def widened(self, segment: str) -> Test:
        """Return the test of a line of `segment`, whatever it fills; it is the usual one from now on."""
        if segment not in self._wide:
            self._wide.add(segment)
            self._compile_usual(segment, [field.number for field in self._grammar.fields(segment)])
        return self._usual[segment]

    def line_misfits(self, index: int, row: Row, only: frozenset[int] | None = None) -> Iterator[Misfit]:
        """Check one line, split into its fields, field by field, or only the fields in `only`."""
        segment = row[0]
        fields = self._grammar.fields(segment)
        for field in fields if only is None else [fields[one - 1] for one in sorted(only) if one <= len(fields)]:
            number = field.number
            value = row[number] if number < len(row) else ""
            if segment == "MSH" and number < 3:
                continue  # the delimiters
            if not value:
                if self._required(segment, field):
                    yield Misfit(index, number, "field.required", f"The message needs a value here ({field.name}).")
            elif not _compile(self._pattern(field))(value):
                yield self._misfit(index, field, value)
        valued = segment == "OBX" and (only is None or not only.isdisjoint((2, 5)))
        if valued and len(row) > 5 and not _compile(self._value_pattern(row[2]))(row[5]):
            yield Misfit(index, 5, "value.type", "The value is not of the type that OBX-2 names.")
        for number in range(len(fields) + 1, len(row)):
            if row[number] and (segment, number) not in self.taken_over:
                yield Misfit(index, number, "field.unknown", f"HL7 {self._grammar.version} has no such field.")

    def _passes(self, row: Row, number: int) -> bool:
        """Return whether a field needs no closer look."""
        name = row[0], number
        test = self._fields.get(name)
        if test is None:
            fields = self._grammar.fields(row[0])
            field = fields[number - 1] if number <= len(fields) else None
            if name in self.taken_over:
                test = _compile(r"[^|]*+")
            elif field is None or field.datatype == "varies" or name == ("OBX", 2):
                test = _compile(r"(?!)")
            else:
                needed = r"(?!\Z)" if self._required(row[0], field) else ""
                test = _compile(needed + self._pattern(field))
            self._fields[name] = test
        return test(row[number] if number < len(row) else "") is not None

    def _misfit(self, index: int, field: FieldDef, value: str) -> Misfit:
        """Return why a value does not fit: it lacks a required component, or else is not of its data type."""
        for number, component in enumerate(self._grammar.components(field.datatype)):
            lacking = (not "".join(one.split("^")[number : number + 1]) for one in value.split("~"))
            if component.least and any(lacking):
                text = f"HL7 {self._grammar.version} needs component {number + 1} of it ({component.name})."
                return Misfit(index, field.number, "field.component", text)
        text = f"The value does not fit data type {field.datatype} of this field ({field.name})."
        return Misfit(index, field.number, "field.type", text)

    def _compile_usual(self, segment: str, used: Collection[int]) -> Test:
        """Compile the test of a line with no other than the `used` fields."""
        patterns: list[tuple[str, bool]] = []
        for field in self._grammar.fields(segment)[: max(used, default=0)]:
            content = self._pattern(field) if field.number in used else ""
            required = self._required(segment, field)
            patterns.append((rf"(?!\||\Z){content}" if required else content, required))
        if segment == "OBX":  # OBX-2 to 5 are one part, by value type
            between = rf"\|{patterns[2][0]}\|{patterns[3][0]}\|"
            kinds = "|".join(rf"{kind}{between}{self._value_pattern(kind)}" for kind in ("", *self._kinds))
            patterns[1:5] = [(f"(?:{kinds})", True)]
        rest, must = "", False  # built from the last field backwards
        for pattern, required in reversed(patterns):
            must = must or required
            rest = rf"\|{pattern}{rest}" if must else rf"(?:\|{pattern}{rest})?+"
        self._usual[segment] = test = _compile(segment + rest)
        return test

    def _value_pattern(self, kind: str) -> str:
        """Return the pattern of OBX-5 under an OBX-2; nothing fits an unknown one."""
        if kind not in self._kinds:
            return r"(?!)" if kind else ""
        number = _PRIMITIVE["NM"]
        return _repeated(rf"{number}(?:\^{number})*+" if kind == "NA" else _datatype(self._grammar, kind))

    def _required(self, segment: str, field: FieldDef) -> bool:
        return field.least > 0 or field.number in _REQUIRED_HERE.get(segment, ())

    def _pattern(self, field: FieldDef) -> str:
        if field.most == 0:
            return ""
        if field.datatype == "varies":
            return r"[^|]*+"  # tested against OBX-2
        pattern = _datatype(self._grammar, field.datatype)
        return _repeated(pattern) if field.repeats else pattern


def split(line: str) -> Row:
    """Split a line into its fields, field n at index n; MSH-1 is the delimiter itself."""
    row = line.split("|")
    if row[0] == "MSH":
        row.insert(1, "|")
    return row


@cache
def _compile(pattern: str) -> Test:
    return re.compile(pattern).fullmatch


def _repeated(pattern: str) -> str:
    return f"{pattern}(?:~{pattern})*+"


@cache
def _datatype(grammar: Grammar, datatype: str, level: int = 0) -> str:
    """Return the pattern of a data type as a field (level 0), component (1) or subcomponent (2)."""
    components = grammar.components(datatype)
    if not components:
        return _PRIMITIVE.get(datatype, _LEAF)
    parts = [_datatype(grammar, component.datatype, level + 1) for component in components]
    if level == 2:
        return parts[0]
    if level == 0 and any(component.least for component in components):
        return _with_required(parts, [component.least > 0 for component in components])
    separator = (r"\^", "&")[level]
    pattern = ""
    for part, run in reversed([(part, len(list(run))) for part, run in groupby(parts[1:])]):
        if part == _LEAF:
            pattern = f"(?:{separator}{part}){{0,{run}}}+{pattern}"
        else:
            for _ in range(run):
                pattern = f"(?:{separator}{part}{pattern})?+"
    return parts[0] + pattern


def _with_required(parts: Sequence[str], required: Sequence[bool]) -> str:
    """Return the pattern of a field that is empty, or has all its required components."""
    pattern = ""
    for index in range(len(parts) - 1, 0, -1):
        here = rf"\^{_FILLED if required[index] else ''}{parts[index]}{pattern}"
        pattern = here if any(required[index:]) else f"(?:{here})?+"
    return f"(?:{_FILLED if required[0] else ''}{parts[0]}{pattern})?+"


def _sequence(nodes: Sequence[Node]) -> str:
    """Return the pattern of a message structure over segment names, each with a space after it."""
    return "".join(
        f"(?:{_sequence(node.children) if node.children else node.name + ' '}){_times(node)}" for node in nodes
    )


def _times(node: Node) -> str:
    return f"{{{node.least},{'' if node.most is None else node.most}}}+"
