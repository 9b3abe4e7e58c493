"""The fields that a profile may name: those of its version, and a few of later ones.

Holds: the check of a path or condition against the grammar, and the error of a rule that cannot work.
Promises: a Z-segment is the site's own and may have any field. A field of a later version may be named if the profile
sets it (OBX-29 in LRI's 2.5.1).
Never: reads a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lab_sender.config.profile.notation import Condition, FieldPath
from lab_sender.errors import LabSenderError
from lab_sender.hl7.grammar import Grammar, load
from lab_sender.hl7.message import Delimiters

_LATEST: Final = "2.8.2"


class Origin(NamedTuple):
    """A line of a profile: what it is (`set[2]`) and where it is written (`site.yaml line 12`)."""

    label: str
    where: str


class Fields:
    """The fields that the rules of a profile may name; `set_by_profile` are the paths that it sets.

    `taken_over` are the fields among them that the version itself lacks.
    """

    def __init__(self, grammar: Grammar, set_by_profile: Iterable[FieldPath] = ()) -> None:
        self.grammar = grammar
        self.taken_over = frozenset(
            (path.segment, path.field)
            for path in set_by_profile
            if 0 < len(grammar.fields(path.segment)) < path.field <= len(load(_LATEST).fields(path.segment))
        )

    def check(self, path: FieldPath, origin: Origin) -> None:
        """Refuse a path that no message can have. Raises LabSenderError."""
        if why := self.why_not(path):
            raise rule_error("profile.field", why, origin)

    def check_condition(self, condition: Condition | None, origin: Origin) -> None:
        """Refuse a condition on what no message can have. Raises LabSenderError."""
        for test in condition.tests if condition else ():
            self.check(test.path, origin)

    def why_not(self, path: FieldPath) -> str:
        """Return why no message can have a value at `path`; "" where one can."""
        if path.segment.startswith("Z"):
            return ""
        known = len(self.grammar.fields(path.segment))
        version = f"HL7 {self.grammar.version}"
        if not known:
            return f"{version} has no segment {path.segment}"
        if path.field > known and (path.segment, path.field) not in self.taken_over:
            return f"{version} has no {path.segment}-{path.field} (the last is {path.segment}-{known})"
        kind = self.datatype(path)
        if kind == "varies" or not path.component:
            return ""
        parts = self.grammar.components(kind)
        if path.component > max(len(parts), 1):
            return f"{path.segment}-{path.field} is of type {kind}, which has no component {path.component}"
        inner = self.grammar.components(parts[path.component - 1].datatype) if parts else ()
        if path.subcomponent > max(len(inner), 1):
            return f"{path} does not exist: its component has no subcomponent {path.subcomponent}"
        return ""

    def datatype(self, path: FieldPath) -> str:
        """Return the data type of a path's field; "" for an unknown one."""
        over = (path.segment, path.field) in self.taken_over
        fields = (load(_LATEST) if over else self.grammar).fields(path.segment)
        return fields[path.field - 1].datatype if path.field <= len(fields) else ""

    def innermost(self, path: FieldPath) -> str:
        """Return the data type of the value at a path."""
        kind = self.datatype(path)
        for number in (path.component, path.subcomponent):
            parts = self.grammar.components(kind)
            if number and number <= len(parts):
                kind = parts[number - 1].datatype
        return kind

    def has_parts(self, path: FieldPath) -> bool:
        """Return whether the value at a path is of a data type with components."""
        return not path.subcomponent and bool(self.grammar.components(self.innermost(path)))


def rule_error(code: str, text: str, origin: Origin, hint: str = "") -> LabSenderError:
    """Return the error of a rule that cannot work."""
    return LabSenderError(code, f"{origin.where}: {text[:1].upper()}{text[1:]}.", hint=hint)


def delimiters_within(path: FieldPath, delimiters: Delimiters) -> str:
    """Return the delimiters that would end a value at `path`, and that it must not contain."""
    if path.subcomponent:
        return delimiters.field + delimiters.repetition + delimiters.component + delimiters.subcomponent
    if path.component:
        return delimiters.field + delimiters.repetition + delimiters.component
    return delimiters.field + delimiters.repetition if path.repetition else delimiters.field
