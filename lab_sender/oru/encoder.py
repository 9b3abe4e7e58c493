"""Writes a message's leaves and remembers its lines and findings.

Holds: the Writer, which every segment of a message is written with, and its careful brother.
Promises: a text that passes through a Writer cannot leave its field; whatever it cannot carry is a finding with the
place in the report and the field in the message.
Never: knows which segment has which field; segments.py does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

from ..errors import Finding
from .escape import escape, escape_lines, find_control, needs_care
from .times import Clock, NotATimeError, date

Row = list[str]
"""One segment in the making: its name, then its fields as ER7 text, field n at index n."""

ONCE: Final = frozenset({"MSH", "PID", "PV1"})
"""Segments that come once in a message; in a field's name the others carry their number: `OBX[4]-5`."""


def field_name(segment: str, number: int, field: int) -> str:
    """Name a field of the `number`-th `segment` of its kind in the message: `PID-3`, `OBX[4]-5`."""
    return f"{segment}-{field}" if segment in ONCE else f"{segment}[{number}]-{field}"


class Writer:
    """Writes one message. `begin` a segment, write its fields, `add` the row.

    Every method that writes takes the field's number and `at`, the place of the value within the thing the segment
    was begun for (`orders[0].results[3]` + `value`); `key` goes one step further in.
    """

    def __init__(self, clock: Clock, prefix: str = "") -> None:
        self.lines: list[str] = []
        self.places: list[str] = []
        self.findings: list[Finding] = []
        self.segment = ""
        self.place = ""
        self._clock = clock
        self._prefix = prefix

    def begin(self, segment: str, place: str) -> None:
        """Say which segment is written next, and for which part of the report."""
        self.segment = segment
        self.place = place

    def add(self, row: Row) -> None:
        """Take the finished row of the segment begun last, as a line."""
        self.lines.append("|".join(row).rstrip("|"))
        self.places.append(self.place)

    def text(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf of type ST, ID, IS or the like."""
        return value if needs_care(value) is None else self._careful_text(value, escape(value), field, at, key)

    def texts(self, values: Sequence[str], field: int, at: str, keys: Sequence[str]) -> Sequence[str]:
        """Write leaves that stand side by side in one field; `keys` are their steps further in."""
        if needs_care("".join(values)) is None:
            return values
        return [self.text(value, field, at, key) for value, key in zip(values, keys, strict=True)]

    def joined(self, values: tuple[str, ...], field: int, at: str, keys: Sequence[str], separator: str) -> str:
        """Write leaves side by side and join them; quick for the same few met again and again."""
        known = _joined(values, separator)
        return join(self.texts(values, field, at, keys), separator) if known is None else known

    def formatted(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf of type FT or TX, which may have several lines."""
        return value if needs_care(value) is None else self._careful_text(value, escape_lines(value), field, at, key)

    def time(self, value: str, field: int, at: str) -> str:
        """Write a leaf of type DTM."""
        if not value:
            return ""
        try:
            digits, warning = self._clock.moment(value)
        except NotATimeError as error:
            self.fault(error.code, str(error), field, at, hint="Write it like 2024-08-19T09:30:00+01:00.")
            return ""
        if warning:
            self.fault("time.inexact", warning, field, at, severity="warning")
        return digits

    def date(self, value: str, field: int, at: str) -> str:
        """Write a leaf of type DT."""
        try:
            return date(value)
        except NotATimeError as error:
            self.fault(error.code, str(error), field, at, hint="Write it like 2024-08-19.")
            return ""

    def fault(
        self,
        code: str,
        text: str,
        field: int,
        at: str = "",
        key: str = "",
        *,
        hint: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Note a finding at a value of the segment being written."""
        where = self.where(self.place, at, key)
        self.findings.append(Finding(code, text, where, self.field(field), hint, severity))

    def sound(self, field: int) -> bool:
        """Tell whether no error has been found in a field of the segment being written."""
        name = self.field(field)
        return not any(finding.field == name and finding.severity == "error" for finding in self.findings)

    def where(self, *steps: str) -> str:
        """Join steps to a place in the source file."""
        return ".".join(step for step in (self._prefix, *steps) if step)

    def field(self, number: int) -> str:
        """Name a field of the segment being written."""
        before = sum(line.startswith(self.segment) for line in self.lines)
        return field_name(self.segment, before + 1, number)

    def _careful_text(self, value: str, escaped: str, field: int, at: str, key: str) -> str:
        control = find_control(value)
        if control:
            self.fault(
                "text.control", f"The text has a control character in it (U+{ord(control[0]):04X}).", field, at, key,
                hint="HL7 cannot carry it; take it out.",
            )  # fmt: skip
        if value == '""':
            self.fault(
                "text.null", 'The text is a pair of quotes, which HL7 reads as "delete".', field, at, key,
                hint="Leave the value out, or null, for no statement.",
            )  # fmt: skip
        return escaped


class CarefulWriter(Writer):
    """A Writer that also knows the source of every field and tests every leaf against the character set.

    It is three times slower, and used only to explain a message that something is wrong with.
    """

    def __init__(self, clock: Clock, prefix: str, codec: str) -> None:
        super().__init__(clock, prefix)
        self._codec = codec
        self._sources: dict[str, str] = {}

    def text(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf, after a look at its source and its characters."""
        self._look(value, field, at, key)
        return super().text(value, field, at, key)

    def texts(self, values: Sequence[str], field: int, at: str, keys: Sequence[str]) -> Sequence[str]:
        """Write leaves side by side, each after a look at it."""
        return [self.text(value, field, at, key) for value, key in zip(values, keys, strict=True)]

    def joined(self, values: tuple[str, ...], field: int, at: str, keys: Sequence[str], separator: str) -> str:
        """Write leaves side by side and join them, after a look at each."""
        return join(self.texts(values, field, at, keys), separator)

    def formatted(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf of several lines, after a look at its source and its characters."""
        self._look(value, field, at, key)
        return super().formatted(value, field, at, key)

    def time(self, value: str, field: int, at: str) -> str:
        """Write a time, after a look at its source."""
        self._look("", field, at, "")
        return super().time(value, field, at)

    def source(self, field: str, place: str) -> str:
        """Return where in the report a field of a finished line comes from."""
        return self._sources.get(field) or self.where(place)

    def _look(self, value: str, field: int, at: str, key: str) -> None:
        self._sources.setdefault(self.field(field), self.where(self.place, at))
        try:
            value.encode(self._codec)
        except UnicodeEncodeError:
            self.fault(
                "charset.unencodable", "The text has a character that the character set lacks.", field, at, key,
                hint="Choose a wider character set for this destination; UNICODE UTF-8 has them all.",
            )  # fmt: skip


def layout(segment: str, fields: dict[int, str]) -> Row:
    """Lay out a segment from its filled fields."""
    row = [""] * (max(fields) + 1)
    row[0] = segment
    for number, text in fields.items():
        row[number] = text
    return row


def join(parts: Sequence[str], separator: str) -> str:
    """Join escaped parts, leaving off the empty ones at the end."""
    return separator.join(parts).rstrip(separator)


@lru_cache(4096)
def _joined(values: tuple[str, ...], separator: str) -> str | None:
    """Join texts that need no care; None where one does."""
    return join(values, separator) if needs_care("".join(values)) is None else None
