"""A finished message as segments that can be read and changed field by field.

Holds: a message's delimiters, its lines (split on demand), and the segment that a name means as seen from a line.
Promises: a write changes the named bytes alone; a line that is not written stays as it was.
Never: knows what a field means, or a rule.

A name means the nearest segment of its kind at the line or before it, within the same order. Two may also come after
the line: the OBR of an ORC, and the first SPM of the order. MSH, PID and the like are meant from everywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from lab_sender.config.profile.notation import FieldPath
from lab_sender.errors import Finding
from lab_sender.hl7.er7 import ONCE, field_name
from lab_sender.hl7.message import USUAL, Delimiters, delimiters_of
from lab_sender.oru.rules.paths import Origin

_AHEAD: Final = frozenset({"OBR", "SPM"})
_MESSAGE: Final = frozenset({"MSH", "SFT", "PID", "PD1", "NK1", "PV1", "PV2"})
"""Segments before the first order; their names mean them from every line."""

_NONE: Final[frozenset[int]] = frozenset()
ORDER_SEGMENTS: Final = frozenset({"ORC", "OBR"})


class Segment:
    """One segment, a line of the message. `row[n]` is field n, of MSH too; `place`: the part of the report it is for.

    `added`: a rule made it; `changed`: the fields that rules wrote.
    """

    __slots__ = ("_delimiters", "_row", "_text", "added", "changed", "name", "place")

    def __init__(self, text: str, place: str, delimiters: Delimiters, *, added: bool = False) -> None:
        self.name = text[:3].upper()
        self.place = place
        self.added = added
        self.changed: frozenset[int] = _NONE
        self._text = text
        self._row: list[str] | None = None
        self._delimiters = delimiters

    @property
    def text(self) -> str:
        """The line as it is now."""
        return self._text

    @property
    def row(self) -> Sequence[str]:
        """Its fields; index 0 is the segment's name."""
        if self._row is None:
            self._row = self._text.split(self._delimiters.field)
            if self.name == "MSH":
                self._row.insert(1, self._delimiters.field)
        return self._row

    def field(self, number: int) -> str:
        """Return one field, "" for one beyond the end."""
        row = self.row
        return row[number] if number < len(row) else ""

    def put(self, number: int, value: str) -> None:
        """Replace one field; an empty value beyond the end of the line adds nothing."""
        separator = self._delimiters.field
        last = self._text.count(separator) + (self.name == "MSH")
        if number > last:
            if not value:
                return
            self._text += separator * (number - last) + value
            self._row = None
        elif self.field(number) != value:
            row = list(self.row)
            row[number] = value
            self._row = row
            self._text = separator.join(row if self.name != "MSH" else [row[0], *row[2:]])
        else:
            return
        self.changed |= {number}

    def values(self, path: FieldPath) -> list[str]:
        """Return the values at `path`, one for each repetition that it means; none for an empty field."""
        text = self.field(path.field)
        if not text:
            return []
        delimiters = self._delimiters
        repetitions = [text] if _is_delimiter(self, path) else text.split(delimiters.repetition)
        if path.repetition:
            repetitions = repetitions[path.repetition - 1 : path.repetition]
        if not path.component:
            return repetitions
        parts = [_part(one, delimiters.component, path.component) for one in repetitions]
        if path.subcomponent:
            parts = [_part(one, delimiters.subcomponent, path.subcomponent) for one in parts]
        return parts

    def write(self, path: FieldPath, values: Iterable[str]) -> None:
        """Replace the values that `values(path)` returns, one by one; where there is none, add the first."""
        delimiters, given = self._delimiters, iter(values)
        if not (path.component or path.repetition):
            self.put(path.field, delimiters.repetition.join(given))
            return
        text = self.field(path.field)
        repetitions = text.split(delimiters.repetition)
        if path.repetition:
            repetitions += [""] * (path.repetition - len(repetitions))
        for index, whole in enumerate(repetitions):
            if path.repetition in (0, index + 1):
                repetitions[index] = _with(whole, path, next(given, ""), delimiters)
        self.put(path.field, delimiters.repetition.join(repetitions) if any(repetitions) or text else "")


class Fault(NamedTuple):
    """What a rule, written at `origin`, finds in a segment; `path` None is the segment as a whole.

    `empty`: what else the fault is about: fields that are empty, and so make the rule's condition hold.
    """

    line: Segment
    path: FieldPath | None
    code: str
    text: str
    origin: Origin
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    empty: tuple[FieldPath, ...] = ()

    def finding(self, place: str, name: str) -> Finding:
        """Return it as a finding."""
        return Finding(self.code, f"{self.text} ({self.origin.where}).", place, name, self.hint, self.severity)

    def name(self, number: int) -> str:
        """Return the field's name; its segment is the `number`-th of its kind."""
        name = self.line.name
        if self.path is None:
            return name if name in ONCE else f"{name}[{number}]"
        component = "".join(f".{part}" for part in (self.path.component, self.path.subcomponent) if part)
        return field_name(name, number, self.path.field) + component


class Sheet:
    """The lines of one message, and what rules found in them.

    `codec`: what a rule writes must fit into it. `exact` False: the message's character set is not known, and each
    byte was read as one character.
    """

    def __init__(
        self,
        lines: Sequence[str],
        places: Sequence[str],
        delimiters: Delimiters = USUAL,
        *,
        codec: str = "utf-8",
        exact: bool = True,
    ) -> None:
        self.delimiters = delimiters
        self.codec = codec
        self.exact = exact
        self.faults: list[Fault] = []
        self.lines = [Segment(text, place, delimiters) for text, place in zip(lines, places, strict=True)]

    @classmethod
    def of(cls, text: str, *, codec: str = "utf-8", exact: bool = True) -> Sheet:
        """Make the sheet of a finished message, which ends every segment with CR."""
        lines = text.removesuffix("\r").split("\r")
        return cls(lines, [""] * len(lines), delimiters_of(text), codec=codec, exact=exact)

    def find(self, segment: str, at: int) -> Segment | None:
        """Return the segment that a name means as seen from line `at`; None where there is none."""
        lines = self.lines
        if lines[at].name == segment:
            return lines[at]
        if segment in _MESSAGE:
            return next((line for line in lines if line.name == segment), None)
        for index in range(at, -1, -1):
            name = lines[index].name
            if name == segment:
                return lines[index]
            if self.starts_order(index):
                break
        if segment in _AHEAD:
            for index in range(at + 1, len(lines)):
                if self.starts_order(index):
                    break
                if lines[index].name == segment:
                    return lines[index]
        return None

    def values(self, path: FieldPath, at: int) -> list[str]:
        """Return the values at `path` as seen from line `at`."""
        line = self.find(path.segment, at)
        return line.values(path) if line is not None else []

    def starts_order(self, index: int) -> bool:
        """Return whether an order begins with this line: its ORC, or its OBR where it has none."""
        name = self.lines[index].name
        if name != "OBR":
            return name == "ORC"
        for before in range(index - 1, -1, -1):
            above = self.lines[before].name
            if above in ORDER_SEGMENTS or above == "OBX":
                return above != "ORC"
        return True

    def named(self, segment: str) -> Iterator[tuple[int, Segment]]:
        """Yield the segments of one name with their index."""
        for index, line in enumerate(self.lines):
            if line.name == segment:
                yield index, line

    def faults_left(self) -> Iterator[tuple[str, Fault]]:
        """Yield the faults with the name of their field, `OBX[2]-14`, without those of dropped lines."""
        numbers: dict[int, int] = {}
        count: Counter[str] = Counter()
        for line in self.lines:
            count[line.name] += 1
            numbers[id(line)] = count[line.name]
        for fault in dict.fromkeys(self.faults):
            number = numbers.get(id(fault.line))
            if number is not None:
                yield fault.name(number), fault


def has_content(text: str, delimiters: Delimiters = USUAL) -> bool:
    """Return whether a field's text has more than delimiters."""
    return bool(text.strip(delimiters.repetition + delimiters.component + delimiters.subcomponent))


def characters(text: str, delimiters: Delimiters = USUAL) -> list[str]:
    r"""Split a leaf into what a receiver reads as characters: an escape sequence stays whole."""
    if not delimiters.escape or delimiters.escape not in text:
        return list(text)
    escape = re.escape(delimiters.escape)
    return re.findall(f"{escape}[^{escape}]*{escape}|.", text, re.DOTALL)


def _is_delimiter(line: Segment, path: FieldPath) -> bool:
    """Return whether the field is MSH-1 or MSH-2, which are delimiters themselves."""
    return line.name == "MSH" and path.field <= 2


def _part(text: str, mark: str, number: int) -> str:
    parts = text.split(mark, number)
    return parts[number - 1] if number <= len(parts) else ""


def _with(whole: str, path: FieldPath, value: str, delimiters: Delimiters) -> str:
    """Return a repetition with `value` at the component or subcomponent of `path`."""
    if not path.component:
        return value
    parts = whole.split(delimiters.component)
    inner = parts[path.component - 1] if path.component <= len(parts) else ""
    if path.subcomponent:
        value = _replaced(inner.split(delimiters.subcomponent), path.subcomponent, value, delimiters.subcomponent)
    return _replaced(parts, path.component, value, delimiters.component)


def _replaced(parts: list[str], number: int, value: str, mark: str) -> str:
    """Join `parts` with `value` as the numbered one; an emptied last one goes with the delimiters before it."""
    if number > len(parts):
        if not value:
            return mark.join(parts)
        parts += [""] * (number - len(parts))
    last = number == len(parts)
    parts[number - 1] = value
    text = mark.join(parts)
    return text.rstrip(mark) if last and not value else text
