"""What a profile changes in a finished message: set, drop, add.

Holds: one compiled edit for each line of the profile, with where it is written.
Promises: an edit changes only the fields and segments that it names. With a segment those below it are dropped; set
ids that were numbered 1, 2, 3 are numbered so again.
Never: cuts or judges a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import Struct

from lab_sender.config.profile.field_rules import Addition, Assignment, Drop
from lab_sender.config.profile.notation import Condition, FieldPath
from lab_sender.errors import SettingError
from lab_sender.hl7.message import USUAL
from lab_sender.oru.rules.conditions import holds
from lab_sender.oru.rules.paths import Origin, cannot_work, delimiters_within, stop_at
from lab_sender.oru.rules.sheet import ORDER_SEGMENTS, Fault, Segment, Sheet
from lab_sender.oru.rules.templates import CannotFillError, Filling, Target
from lab_sender.oru.unfinished import ANYTHING, Field, Influence, fields_of
from lab_sender.report.model import Report

_BELOW: Final = {
    "OBX": frozenset({"NTE", "PRT"}),
    "SPM": frozenset({"OBX", "NTE", "PRT"}),
    "ORC": frozenset({"PRT"}),
    "PV1": frozenset({"PV2", "PRT"}),
    "TQ1": frozenset({"TQ2"}),
}
"""Segment -> the segments after it that belong to it alone."""

_WITH_OWN: Final = frozenset({"OBX", "SPM"})
"""Segments whose Z-segments are dropped with them: left behind they would belong to the segment before."""

_COUNTED: Final = frozenset({"OBX", "NTE", "SPM", "NK1", "OBR"})
_FORMATTED: Final = frozenset({"FT", "TX"})
_SEGMENT: Final = re.compile("[A-Z][A-Z0-9]{2}").fullmatch
_UNTOUCHABLE: Final = {
    1: "MSH-1 and MSH-2 are the delimiters",
    2: "MSH-1 and MSH-2 are the delimiters",
    10: "MSH-10 is the control id, by which the ACK is known",
    18: "MSH-18 must name the character set of the bytes; say it by charset and msh18",
}


class Edit(Protocol):
    """One line of set, drop or add."""

    @property
    def origin(self) -> Origin:
        """Where it is written."""
        ...

    @property
    def influence(self) -> Influence:
        """What it writes, and the fields that it looks at for that."""
        ...

    def apply(self, sheet: Sheet, report: Report | None) -> None:
        """Change the sheet."""
        ...


class SetField(Struct, frozen=True):
    """Puts a value into a field, wherever its segment is.

    `always`: the value, where it is a whole field and the same everywhere, as most are.
    """

    origin: Origin
    path: FieldPath
    filling: Filling
    when: Condition | None
    always: str | None

    @property
    def influence(self) -> Influence:
        """Its field, from what fills it and its condition."""
        return Influence(self.filling.sources | _tested(self.when), fields_of([self.path]))

    def apply(self, sheet: Sheet, report: Report | None) -> None:
        """Write the field in every such segment where the condition holds."""
        path = self.path
        if self.always is not None and sheet.delimiters is USUAL:
            for _, line in sheet.named(path.segment):
                line.put(path.field, self.always)
            return
        for index, line in sheet.named(path.segment):
            if not holds(self.when, sheet, index):
                continue
            try:
                value = self.filling.fill(sheet, index, report)
            except CannotFillError as error:
                sheet.faults.append(Fault(line, path, error.code, str(error), self.origin))
                continue
            there = len(line.values(path)) if path.component else 1
            line.write(path, [value] * max(there, 1))


class DropSegment(Struct, frozen=True):
    """Leaves out a segment and those below it."""

    origin: Origin
    segment: str
    when: Condition | None

    @property
    def influence(self) -> Influence:
        """Whatever there is, from its condition: with a segment those below it are gone."""
        return Influence(_tested(self.when), frozenset({ANYTHING}))

    def apply(self, sheet: Sheet, report: Report | None) -> None:
        """Take the lines out, then number the set ids again."""
        del report
        gone: set[int] = set()
        for index, _ in sheet.named(self.segment):
            if index not in gone and holds(self.when, sheet, index):
                gone.update(_with_dependents(sheet, index))
        if gone:
            counted = list(_runs(sheet))
            removed = {id(sheet.lines[index]) for index in gone}
            sheet.lines = [line for line in sheet.lines if id(line) not in removed]
            for run in counted:
                _number_again(run, removed)


class AddSegment(Struct, frozen=True):
    """Adds a segment after each of another kind, behind its notes and earlier additions."""

    origin: Origin
    after: str
    segment: str
    filling: Filling
    when: Condition | None

    @property
    def influence(self) -> Influence:
        """Its segment, from what fills it and its condition."""
        return Influence(self.filling.sources | _tested(self.when), frozenset({(self.segment, 0)}))

    def apply(self, sheet: Sheet, report: Report | None) -> None:
        """Insert the lines."""
        made: list[tuple[int, Segment]] = []
        for index, line in sheet.named(self.after):
            if not holds(self.when, sheet, index):
                continue
            try:
                text = self.filling.fill(sheet, index, report)
            except CannotFillError as error:
                missing = (FieldPath(self.segment, 0),)
                sheet.faults.append(Fault(line, None, error.code, str(error), self.origin, empty=missing))
                continue
            end = index + 1
            while end < len(sheet.lines) and (sheet.lines[end].name == "NTE" or sheet.lines[end].added):
                end += 1
            made.append((end, Segment(text.rstrip(sheet.delimiters.field), line.place, sheet.delimiters, added=True)))
        for end, line in reversed(made):
            sheet.lines.insert(end, line)


def compile_set(origin: Origin, given: Assignment, target: Target) -> SetField:
    """Compile a line of `set`. Raises SettingErrors."""
    path, fields = given.field, target.fields
    found = fields.wrong(origin, [path], given.when)
    if path.segment == "MSH" and path.field in _UNTOUCHABLE:
        found.append(cannot_work("profile.field", f"{_UNTOUCHABLE[path.field]} and cannot be set", origin))
    lines = fields.innermost(path) in _FORMATTED
    filling = Filling(given.value, delimiters_within(path, USUAL), target, lines=lines)
    stop_at([*found, *_never_filled(filling, origin)])
    simple = given.when is None and not (path.component or path.repetition)
    return SetField(origin, path, filling, given.when, filling.constant if simple else None)


def compile_drop(origin: Origin, given: Drop, target: Target) -> DropSegment:
    """Compile a line of `drop`. Raises SettingErrors."""
    segment = given.segment
    stop_at(target.fields.wrong(origin, [FieldPath(segment, 1)], given.when))
    return DropSegment(origin, segment, given.when)


def compile_add(origin: Origin, given: Addition, target: Target) -> AddSegment:
    """Compile a line of `add`. Raises SettingErrors."""
    head = given.segment.parts[0] if given.segment.parts else ""
    name, bar, _ = head.partition("|") if isinstance(head, str) else ("", "", "")
    text = "".join(part if isinstance(part, str) else "x" for part in given.segment.parts)
    paths = [FieldPath(given.after, 1)]
    why = ""
    if not (bar and _SEGMENT(name)):
        why = "a segment begins with its three letters and a |, such as ZLB|1|"
    elif name in ("MSH", "PID"):
        why = f"a message has one {name}, and it is there already"
    else:
        paths.insert(0, FieldPath(name, max(text.rstrip("|").count("|"), 1)))
    filling = Filling(given.segment, "", target)
    misnamed = [cannot_work("profile.template", why, origin)] if why else []
    stop_at([*misnamed, *target.fields.wrong(origin, paths, given.when), *_never_filled(filling, origin)])
    return AddSegment(origin, given.after, name, filling, given.when)


def _tested(when: Condition | None) -> frozenset[Field]:
    return frozenset() if when is None else fields_of(test.path for test in when.tests)


def _never_filled(filling: Filling, origin: Origin) -> list[SettingError]:
    return [cannot_work("profile.template", why, origin) for why in filling.wrong]


def _with_dependents(sheet: Sheet, index: int) -> Iterator[int]:
    """Yield the index of a line to be dropped and of those that go with it: of an OBR, its whole order."""
    lines, name = sheet.lines, sheet.lines[index].name
    if name == "OBR":
        start = index
        while not sheet.starts_order(start):
            start -= 1
        end = index + 1
        while end < len(lines) and not sheet.starts_order(end):
            end += 1
        yield from range(start, end)
        return
    yield index
    below = _BELOW.get(name, frozenset())
    for after in range(index + 1, len(lines)):
        each = lines[after].name
        if each not in below and not (name in _WITH_OWN and each.startswith("Z")):
            return
        yield after


def _runs(sheet: Sheet) -> Iterator[list[Segment]]:
    """Yield the segments that are numbered together: OBX below an OBR or SPM, consecutive notes, and so on."""
    open_runs: dict[str, list[Segment]] = {}
    before = ""
    for line in sheet.lines:
        name = line.name
        if name in ORDER_SEGMENTS:
            ended = [each for each in open_runs if each != "OBR"]
        else:
            ended = ["OBX"] if name == "SPM" else []
        if name == "NTE" != before:
            ended.append("NTE")
        for each in dict.fromkeys(ended):
            if each in open_runs:
                yield open_runs.pop(each)
        if name in _COUNTED:
            open_runs.setdefault(name, []).append(line)
        before = name
    yield from open_runs.values()


def _number_again(run: list[Segment], removed: set[int]) -> None:
    """Number again what is left of a run that was numbered from 1 on; other numbers are the sender's own."""
    if not any(id(line) in removed for line in run):
        return
    if [line.field(1) for line in run] != [str(number) for number in range(1, len(run) + 1)]:
        return
    for number, line in enumerate((line for line in run if id(line) not in removed), 1):
        line.put(1, str(number))
