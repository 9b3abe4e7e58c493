"""A profile's rules on a finished message.

Holds: the lines of `set`, `drop`, `add`, `limits`, `require`, `expect`, `forbid` and `allow`, compiled.
Promises: all rules that cannot work are found here, each by its setting; what a profile does not ask for costs
nothing.
Never: reads the profile's file, or decides what becomes of a message with findings.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar

from lab_sender.config.profile.notation import FieldPath
from lab_sender.errors import Finding, SettingError
from lab_sender.hl7.charset import CHARSETS
from lab_sender.hl7.escape import escaping
from lab_sender.hl7.grammar import Grammar
from lab_sender.oru.rules.constraints import Demand, compile_allowed, compile_limit, compile_presence, limits_of_type
from lab_sender.oru.rules.edits import Edit, compile_add, compile_drop, compile_set
from lab_sender.oru.rules.first_look import Demands
from lab_sender.oru.rules.paths import Fields, Origin
from lab_sender.oru.rules.sheet import Fault, Sheet
from lab_sender.oru.rules.sources import source
from lab_sender.oru.rules.templates import Target
from lab_sender.oru.unfinished import Field, fields_of
from lab_sender.report.model import Report

if TYPE_CHECKING:
    from lab_sender.config.profile import Profile, SiteProfile

_PRESENCE: tuple[Literal["require", "expect", "forbid"], ...] = ("require", "expect", "forbid")
_P = ParamSpec("_P")
_Made = TypeVar("_Made")


class Rules:
    """The rules of one profile.

    `active` is false where no rule touches a built message, `for_ready` where none touches a ready one;
    `taken_over` are fields of later versions that the profile sets. `mistakes` has the rules that cannot work
    (`profile.field`, `profile.template`, `profile.limit`), the others are there. `in_part`: see Fields.
    """

    def __init__(self, profile: SiteProfile, grammar: Grammar, *, in_part: bool = False) -> None:
        self._profile = profile
        self._fields = Fields(grammar, (one.field for one in profile.settings.set), in_part=in_part)
        self.taken_over = self._fields.taken_over
        self.mistakes: list[SettingError] = []
        given = profile.settings
        hl7 = "hl7" in given.apply_to
        codec = CHARSETS[given.charset] if "reports" in given.apply_to else "utf-8"
        target = Target(self._fields, escaping(given.delimiters), codec, given.text.unencodable, hl7)
        self.edits = tuple(self._edits(given, target))
        self.influences = tuple([edit.influence for edit in self.edits])
        self.demands = Demands(self._demands(given))
        any_rule = bool(self.edits or self.demands)
        self.active = any_rule and "reports" in given.apply_to
        self.for_ready = any_rule and hl7

    def apply(
        self,
        lines: list[str],
        places: list[str],
        report: Report | None,
        prefix: str,
        unchecked: set[int] | None = None,
        touched: dict[int, frozenset[int]] | None = None,
        doubtful: set[Field] | None = None,
    ) -> list[Finding]:
        """Change the lines of a message in place (MSH first), and return the findings.

        `places` has for each line the part of the report that it is for; `prefix` stands before every place of a
        finding. `unchecked` are indexes of lines that the grammar is still to check; they are kept up to date, and
        `touched` gets the fields that it is to check in other lines; `doubtful` gets those that an error is about and
        does not name.
        """
        if not (self.edits or self.demands.suspects(lines)):
            return []
        sheet = Sheet(lines, places)
        open_lines = {id(sheet.lines[index]) for index in unchecked or ()}
        self.apply_to(sheet, report)
        lines[:] = [line.text for line in sheet.lines]
        places[:] = [line.place for line in sheet.lines]
        if unchecked is not None and touched is not None:
            unchecked.clear()
            for index, line in enumerate(sheet.lines):
                if line.added or id(line) in open_lines:
                    unchecked.add(index)
                elif line.changed:
                    touched[index] = line.changed
        found = []
        for name, fault in sheet.faults_left():
            at = _place(fault, prefix)
            if doubtful is not None and fault.severity == "error":
                doubtful |= fields_of(fault.empty)
            found.append(fault.finding(at, name))
        return found

    def apply_to(self, sheet: Sheet, report: Report | None) -> None:
        """Apply the rules to a sheet; the faults are noted in it."""
        for edit in self.edits:
            edit.apply(sheet, report)
        self.judge(sheet)

    def judge(self, sheet: Sheet) -> None:
        """Check a sheet by limits and demands."""
        if self.demands:
            self.demands.judge(sheet)

    def _edits(self, given: Profile, target: Target) -> Iterator[Edit]:
        for number, assignment in enumerate(given.set):
            yield from self._made(f"set[{number}]", compile_set, assignment, target)
        for number, drop in enumerate(given.drop):
            yield from self._made(f"drop[{number}]", compile_drop, drop, target)
        for number, addition in enumerate(given.add):
            yield from self._made(f"add[{number}]", compile_add, addition, target)

    def _demands(self, given: Profile) -> Iterator[Demand]:
        for path, limit in given.limits.items():
            label = f"limits.{path}"
            if isinstance(path, FieldPath):
                yield from self._made(label, compile_limit, path, limit, self._fields)
            else:
                yield from itertools.chain(*self._made(label, limits_of_type, path, limit, self._fields))
        for kind in _PRESENCE:
            for number, one in enumerate(getattr(given, kind)):
                yield from self._made(f"{kind}[{number}]", compile_presence, kind, one, self._fields)
        for path, values in given.allow.items():
            yield from self._made(f"allow.{path}", compile_allowed, path, values, self._fields)

    def _made(
        self, label: str, make: Callable[Concatenate[Origin, _P], _Made], *args: _P.args, **more: _P.kwargs
    ) -> Iterator[_Made]:
        """Yield what one line of the profile becomes; note the error of one that cannot work."""
        try:
            yield make(Origin(label, self._profile.origins.get(label, self._profile.name)), *args, **more)
        except* SettingError as found:
            self.mistakes += [error for error in found.exceptions if isinstance(error, SettingError)]


def _place(fault: Fault, prefix: str) -> str:
    """Return where in the report, or in the profile, a fault's value comes from."""
    line, path = fault.line, fault.path
    known = source(line.name, path.field, path.component, line.place) if path else None
    if known is None:
        known = line.place
    elif line.name == "MSH":
        return known
    return f"{prefix}.{known}" if prefix and known else prefix or known
