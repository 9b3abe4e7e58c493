"""Writes a message's leaves, and keeps its lines and findings.

Holds: the Writer, with which every segment of a message is written, and the CarefulWriter, which explains a message.
Promises: no text that passes through a Writer can end its field; what a message cannot carry is a finding with its
place in the report and its field in the message.
Never: knows which segment has which field; segments.py does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from lab_sender.errors import Finding
from lab_sender.hl7.charset import replaced
from lab_sender.hl7.escape import find_control
from lab_sender.oru.times import UNKNOWN, NotATimeError, date

if TYPE_CHECKING:
    from lab_sender.oru.compiled import CompiledProfile
from lab_sender.hl7.er7 import Row, field_name, join

_COLLECTION: Final = {("OBR", 7): "collected", ("SPM", 17): "collected", ("OBX", 14): "observed"}
"""Segment and field of a collection time -> its key in the report."""


class Writer:
    """Writes one message. `begin` a segment, write its fields, `add` the row.

    Every method that writes takes the field's number and `at`, the place of the value within the part of the report
    that the segment was begun for (`orders[0].results[3]` + `value`); `key` is one step further in.
    """

    explains = False
    """Whether `credit` keeps the settings it is given."""

    def __init__(self, site: CompiledProfile, prefix: str = "") -> None:
        self.site = site
        self.lines: list[str] = []
        self.places: list[str] = []
        self.findings: list[Finding] = []
        self.unchecked: set[int] = set()
        """Lines that have not passed their test; Checks checks them field by field."""
        self.leftovers: list[str] = []
        """What is to become a note under the segments written last, as ER7 text."""
        self.segment = ""
        self.place = ""
        self.coding = site.coding
        self._escaping = site.escaping
        self._known = site.escaping.joined
        self._needs_care = site.escaping.needs_care
        self._clock = site.clock
        self._tests = site.tests
        self._clocks = site.clocks
        self._uncollected = ""
        self._prefix = prefix
        self._counts: dict[str, tuple[int, int]] = {}
        self._unsound: set[str] = set()

    def begin(self, segment: str, place: str) -> None:
        """Set the segment that is written next, and the part of the report that it is for."""
        self.segment = segment
        self.place = place

    def add(self, row: Row) -> None:
        """Append the finished row of the segment begun last; fields that the version lacks are relocated first."""
        line = "|".join(row).rstrip("|")
        test = self._tests.get(row[0]) or self.site.test(row[0])
        if not test(line):
            line = self._fitted(row, line)
        self.lines.append(line)
        self.places.append(self.place)

    def take(self, line: str) -> None:
        """Append a line that fits as it is."""
        self.lines.append(line)
        self.places.append(self.place)

    def relocate(self, row: Row) -> None:
        """Relocate the fields of a segment that the message goes without."""
        self.site.relocations.relocate_segment(self, row)

    def replace(self, index: int, row: Row) -> None:
        """Replace a finished line; it is checked again."""
        self.lines[index] = "|".join(row).rstrip("|")
        self.unchecked.add(index)

    def insert(self, index: int, line: str) -> None:
        """Insert a line between finished ones."""
        self.lines.insert(index, line)
        self.places.insert(index, self.place)
        self.unchecked = {one + (one >= index) for one in self.unchecked}
        for segment, (looked_at, count) in self._counts.items():
            if index < looked_at:
                self._counts[segment] = (looked_at + 1, count + line.startswith(segment))

    def plain(self, values: str) -> bool:
        """Return whether leaves, given as one text, can go out as they are, without passing through this writer."""
        return self._needs_care(values) is None

    def text(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf of type ST, ID, IS or the like."""
        if self._needs_care(value) is None:
            return value
        return self._careful_text(value, self._escaping.escape(value), field, at, key)

    def texts(self, values: Sequence[str], field: int, at: str, keys: Sequence[str]) -> Sequence[str]:
        """Write leaves that stand side by side in one field; `keys` are their steps, and may be longer."""
        if self._needs_care("".join(values)) is None:
            return values
        return [self.text(value, field, at, key) for value, key in zip(values, keys, strict=False)]

    def joined(self, values: tuple[str, ...], field: int, at: str, keys: Sequence[str], separator: str) -> str:
        """Write leaves side by side and join them; quick for combinations that repeat."""
        known = self._known(values, separator)
        return join(self.texts(values, field, at, keys), separator) if known is None else known

    def formatted(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf of type FT or TX, which may have several lines."""
        if self._needs_care(value) is None:
            return value
        return self._careful_text(value, self._escaping.escape_lines(value), field, at, key)

    def time(self, value: str, field: int, at: str) -> str:
        """Write a leaf of type DTM."""
        if not value:
            return self._unknown_time(field, at) if self.site.unknown_collection else ""
        clock = self._clock if self._clocks is None else self._clocks.get((self.segment, field), self._clock)
        try:
            digits, warning = clock.moment(value)
        except NotATimeError as error:
            self.fault(error.code, str(error), field, at, hint=error.hint)
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

    def credit(self, _field: int, _setting: str) -> None:
        """Note that a setting of the profile had a part in a field of the segment being written."""

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
        where, name = self.where(self.place, at, key), self.field(field)
        self.findings.append(Finding(code, text, where, name, hint, severity))
        if severity == "error":
            self._unsound.add(name)

    def without_target(self, code: str, text: str, field: int, hint: str) -> None:
        """Note that a field of the segment being written can be neither there nor elsewhere."""
        name = self.field(field)
        self.findings.append(Finding(code, text, self.source(name, self.place), name, hint))
        self._unsound.add(name)

    def source(self, _field: str, place: str) -> str:
        """Return where in the report a field comes from; this writer knows only the part that its segment is for."""
        return self.where(place)

    def sound(self, field: int) -> bool:
        """Return whether a field of the segment being written has no error so far."""
        return self.field(field) not in self._unsound

    def where(self, *steps: str) -> str:
        """Join steps to a place in the source file."""
        return ".".join(step for step in (self._prefix, *steps) if step)

    def field(self, number: int) -> str:
        """Name a field of the segment being written."""
        return field_name(self.segment, self._written(self.segment) + 1, number)

    def _written(self, segment: str) -> int:
        """Count the finished lines of a segment; each line is looked at once, however often this is called."""
        looked_at, count = self._counts.get(segment, (0, 0))
        for index in range(looked_at, len(self.lines)):
            count += self.lines[index].startswith(segment)
        self._counts[segment] = (len(self.lines), count)
        return count

    def _unknown_time(self, field: int, at: str) -> str:
        """Return `0000` for an unknown collection time: in OBR-7, and in what the profile requires below it."""
        if at != _COLLECTION.get((self.segment, field)) or self.segment not in self.site.unknown_collection:
            return ""
        if self.segment == "OBR":
            self._uncollected = f"{self.place}."
        elif not self.place.startswith(self._uncollected or "."):
            return ""
        self.credit(field, "times.unknown_collection")
        return UNKNOWN

    def _fitted(self, row: Row, line: str) -> str:
        site = self.site
        if site.widened(row[0])(line):
            return line
        misfits = {misfit.field for misfit in site.checks.line_misfits(0, row)}
        if misfits or row[0] in site.relocations.wanted:
            site.relocations.fit(self, row, misfits)
            self.unchecked.add(len(self.lines))
        return "|".join(row).rstrip("|")

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
    """A Writer that also knows the source of every field, and tests every leaf against the character set.

    It is three times slower, and used only to explain a message. `settings`: a field's name -> the profile's settings
    that had a part in it.
    """

    explains = True

    def __init__(self, site: CompiledProfile, prefix: str) -> None:
        super().__init__(site, prefix)
        self.settings: dict[str, list[str]] = {}
        self._sources: dict[str, str] = {}

    def credit(self, field: int, setting: str) -> None:
        """Keep a setting that had a part in a field."""
        known = self.settings.setdefault(self.field(field), [])
        if setting not in known:
            known.append(setting)

    def plain(self, values: str) -> bool:
        """Return False where there is any leaf: each is to pass through this writer."""
        return not values

    def text(self, value: str, field: int, at: str, key: str = "") -> str:
        """Write a leaf, after a look at its source and its characters."""
        self._look(value, field, at, key)
        return super().text(value, field, at, key)

    def texts(self, values: Sequence[str], field: int, at: str, keys: Sequence[str]) -> Sequence[str]:
        """Write leaves side by side, each after a look at it."""
        return [self.text(value, field, at, key) for value, key in zip(values, keys, strict=False)]

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
        if value and self._clocks and (self.segment, field) in self._clocks:
            self.credit(field, f"times.fields.{self.segment}-{field}")
        return super().time(value, field, at)

    def source(self, field: str, place: str) -> str:
        """Return where in the report a field comes from."""
        whole = self.where(place)
        known = self._sources.get(field, "")
        return known if known.startswith(whole) else whole

    def _look(self, value: str, field: int, at: str, key: str) -> None:
        self._sources.setdefault(self.field(field), self.where(self.place, at))
        codec, handling = self.site.codec, self.site.profile.text.unencodable
        try:
            value.encode(codec)
        except UnicodeEncodeError:
            try:
                replaced(value, codec, handling).encode(codec)
            except UnicodeEncodeError:
                self.fault(
                    "charset.unencodable", "The text has a character that the character set lacks.", field, at, key,
                    hint="Choose a wider character set for this destination; UNICODE UTF-8 has them all.",
                )  # fmt: skip
            else:
                self.fault(
                    "charset.replaced", "The text has a character that the character set lacks; it is replaced.",
                    field, at, key, severity="warning",
                )  # fmt: skip
                self.credit(field, "text.unencodable")
