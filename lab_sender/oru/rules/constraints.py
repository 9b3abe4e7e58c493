"""What a profile demands of the fields: require, expect, forbid, allow, limits.

Holds: one compiled demand for each line of the profile.
Promises: a demand on a component holds in every repetition with content. Lengths count characters; a cut never splits
an escape sequence, or a letter from its accent.
Never: changes anything but the length of a text.
"""

from __future__ import annotations

import unicodedata
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from lab_sender.config.profile.field_rules import Limit, Requirement
from lab_sender.config.profile.notation import Condition, FieldPath, TypePath
from lab_sender.hl7.escape import unescape
from lab_sender.hl7.message import Delimiters
from lab_sender.oru.rules.conditions import empty_in, holds
from lab_sender.oru.rules.paths import Fields, Origin, cannot_work, stop_at
from lab_sender.oru.rules.sheet import Fault, Segment, Sheet, characters, has_content

_PRESENCE: Final[dict[str, tuple[str, str, str, Literal["error", "warning"]]]] = {
    "require": (
        "field.required", "The profile needs a value here", "Give it at the source, or in the profile.", "error"
    ),
    "expect": ("field.expected", "The profile expects a value here", "", "warning"),
    "forbid": (
        "field.forbidden", "The profile wants no value here", "Leave it out, or set it to nothing.", "error"
    ),
}  # fmt: skip
"""Kind -> code, text, hint, severity."""


class Presence(Struct, frozen=True):
    """A field that must have a value, should have one, or must have none."""

    kind: Literal["require", "expect", "forbid"]
    path: FieldPath
    when: Condition | None
    origin: Origin

    def judge(self, sheet: Sheet, at: int, line: Segment) -> None:
        """Check one line."""
        there = self._there(line, sheet.delimiters)
        met = not any(there) if self.kind == "forbid" else bool(there) and all(there)
        if met or not holds(self.when, sheet, at):
            return
        code, text, hint, severity = _PRESENCE[self.kind]
        empty = empty_in(self.when, sheet, at)
        sheet.faults.append(Fault(line, self.path, code, text, self.origin, hint, severity, empty))

    def _there(self, line: Segment, delimiters: Delimiters) -> list[bool]:
        """Return for each repetition with content whether it has this part; a field as a whole is one repetition."""
        path = self.path
        if not path.component:
            return [has_content(delimiters.repetition.join(line.values(path)), delimiters)]
        whole = line.values(FieldPath(path.segment, path.field, path.repetition))
        return [
            has_content(part, delimiters)
            for part, one in zip(line.values(path), whole, strict=True)
            if has_content(one, delimiters)
        ]


class Allowed(Struct, frozen=True):
    """The only values that a field may have; whether it may be empty is another demand."""

    path: FieldPath
    values: frozenset[str]
    origin: Origin

    def judge(self, sheet: Sheet, at: int, line: Segment) -> None:
        """Check one line."""
        del at
        for value in line.values(self.path):
            if has_content(value, sheet.delimiters) and value not in self.values:
                text = "The profile does not allow this value"
                hint = f"Allowed: {', '.join(sorted(self.values))}."
                sheet.faults.append(Fault(line, self.path, "field.value", text, self.origin, hint))
                return


class Length(Struct, frozen=True):
    """The most characters of a text, counted before escaping."""

    path: FieldPath
    length: int
    truncate: bool
    origin: Origin

    def judge(self, sheet: Sheet, at: int, line: Segment) -> None:
        """Check one line; a text that may be cut is cut."""
        del at
        values = line.values(self.path)
        cut = [value if len(value) <= self.length else self._cut(value, sheet.delimiters) for value in values]
        if cut == values:
            return
        if not self.truncate:
            text, hint = f"The text is longer than {self.length} characters", "Shorten it, or let it be truncated."
        elif not sheet.exact and not all(map(str.isascii, values)):
            text, hint = "The text is too long and cannot be cut", "We cannot read the character set of MSH-18."
        elif any(_has_parts(value, sheet.delimiters) for value in values):
            text, hint = f"The field is longer than {self.length} characters and has parts", "Limit its components."
        else:
            line.write(self.path, cut)
            text = f"The text was cut to {self.length} characters"
            sheet.faults.append(Fault(line, self.path, "field.cut", text, self.origin, severity="warning"))
            return
        sheet.faults.append(Fault(line, self.path, "field.length", text, self.origin, hint))

    def _cut(self, value: str, delimiters: Delimiters) -> str:
        kept, used = "", 0
        for each in characters(value, delimiters):
            used += _width(each)
            if used > self.length:
                return _whole(kept, each)
            kept += each
        return value


Demand: TypeAlias = Presence | Allowed | Length


def compile_presence(
    origin: Origin, kind: Literal["require", "expect", "forbid"], given: Requirement, fields: Fields
) -> Presence:
    """Compile a line of `require`, `expect` or `forbid`. Raises SettingErrors."""
    stop_at(fields.wrong(origin, [given.field], given.when))
    return Presence(kind, given.field, given.when, origin)


def compile_allowed(origin: Origin, path: FieldPath, values: tuple[str, ...], fields: Fields) -> Allowed:
    """Compile a line of `allow`. Raises SettingErrors."""
    stop_at(fields.wrong(origin, [path]))
    return Allowed(path, frozenset(values), origin)


def compile_limit(origin: Origin, path: FieldPath, given: Limit, fields: Fields) -> Length:
    """Compile a limit of a field. Raises SettingErrors."""
    stop_at(fields.wrong(origin, [path]))
    truncate = given.then == "truncate"
    if truncate and not path.component and fields.has_parts(path):
        text = f"{path} has parts, and cutting it would lose the last of them"
        raise cannot_work("profile.limit", text, origin, "Limit its components.")
    return Length(path, given.length, truncate, origin)


def limits_of_type(origin: Origin, path: TypePath, given: Limit, fields: Fields) -> list[Length]:
    """Turn a limit of a data type into limits of the fields that are of it or hold it. Raises SettingError."""
    grammar = fields.grammar
    if path.component > len(grammar.components(path.datatype)):
        raise cannot_work("profile.field", f"HL7 {grammar.version} has no {path}", origin)
    found = []
    for segment in grammar.segments:
        for one in grammar.fields(segment)[2 if segment == "MSH" else 0 :]:
            parts = enumerate(grammar.components(one.datatype), 1)
            here = [(number, path.component) for number, part in parts if part.datatype == path.datatype]
            if one.datatype == path.datatype:
                here.append((path.component, 0))
            for component, subcomponent in here:
                place = FieldPath(segment, one.number, 0, component, subcomponent)
                found.append(Length(place, given.length, given.then == "truncate", origin))
    return found


def _has_parts(value: str, delimiters: Delimiters) -> bool:
    return delimiters.component in value or delimiters.subcomponent in value


def _width(character: str) -> int:
    r"""Return how many characters a piece of a leaf stands for; `\H\` and other formatting stand for none."""
    if len(character) == 1:
        return 1
    sequence = f"\\{character[1:-1]}\\"
    plain = unescape(sequence)
    return 0 if plain == sequence else len(plain)


def _whole(kept: str, following: str) -> str:
    """Leave out a character that the cut would separate from its accent."""
    if len(following) == 1 and unicodedata.combining(following):
        while kept and unicodedata.combining(kept[-1]):
            kept = kept[:-1]
        return kept[:-1]
    return kept
