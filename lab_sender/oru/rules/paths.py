"""The fields that a profile may name: those of its version, and a few of later ones.

Holds: the check of a path or condition against the grammar, and the error of a rule that cannot work.
Promises: a Z-segment is the site's own and may have any field. A field of a later version may be named if the profile
sets it (OBX-29 in LRI's 2.5.1).
Never: reads a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lab_sender.config.profile.notation import Condition, FieldPath
from lab_sender.errors import SettingError
from lab_sender.hl7.grammar import Grammar, load
from lab_sender.hl7.message import Delimiters

_LATEST: Final = "2.8.2"


class Origin(NamedTuple):
    """A line of a profile: what it is (`set[2]`) and where it is written (`site.yaml line 12`)."""

    label: str
    where: str


class Fields:
    """The fields that the rules of a profile may name; `set_by_profile` are the paths that it sets.

    `taken_over` are the fields among them that the version itself lacks. `in_part`: a part of the profile cannot be
    read, and may take over others: no field of a later version is held for wrong.
    """

    def __init__(
        self, grammar: Grammar, set_by_profile: Iterable[FieldPath] = (), *, in_part: bool = False
    ) -> None:
        self.grammar = grammar
        self._in_part = in_part
        self.taken_over = frozenset(
            (path.segment, path.field) for path in set_by_profile if self._only_later_has(path)
        )

    def wrong(self, origin: Origin, paths: Iterable[FieldPath], when: Condition | None = None) -> list[SettingError]:
        """Find the paths, of a rule and its condition, that no message can have."""
        tested = [test.path for test in when.tests] if when is not None else []
        reasons = map(self.why_not, (*paths, *tested))
        return [cannot_work("profile.field", why, origin) for why in reasons if why]

    def why_not(self, path: FieldPath) -> str:
        """Return why no message can have a value at `path`; "" where one can."""
        if path.segment.startswith("Z"):
            return ""
        known = len(self.grammar.fields(path.segment))
        version = f"HL7 {self.grammar.version}"
        if not known:
            return f"{version} has no segment {path.segment}"
        if path.field > known and not self._of_later(path):
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
        """Return the data type of the field that a path is of; "" for one we do not know."""
        fields = (load(_LATEST) if self._of_later(path) else self.grammar).fields(path.segment)
        return fields[path.field - 1].datatype if path.field <= len(fields) else ""

    def _of_later(self, path: FieldPath) -> bool:
        """Tell whether a field is one of a later version that the profile takes over, or may take over."""
        return (path.segment, path.field) in self.taken_over or (self._in_part and self._only_later_has(path))

    def _only_later_has(self, path: FieldPath) -> bool:
        return 0 < len(self.grammar.fields(path.segment)) < path.field <= len(load(_LATEST).fields(path.segment))

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


def cannot_work(code: str, text: str, origin: Origin, hint: str = "") -> SettingError:
    """Make the error of a rule that cannot work."""
    return SettingError(code, origin.label, f"{text[:1].upper()}{text[1:]}.", hint=hint)


def stop_at(mistakes: Sequence[SettingError]) -> None:
    """Raise all that is wrong with a rule, if anything is."""
    if mistakes:
        raise ExceptionGroup("a rule cannot work", mistakes)


def delimiters_within(path: FieldPath, delimiters: Delimiters) -> str:
    """Return the delimiters that would end a value at `path`, and that it must not contain."""
    if path.subcomponent:
        return delimiters.field + delimiters.repetition + delimiters.component + delimiters.subcomponent
    if path.component:
        return delimiters.field + delimiters.repetition + delimiters.component
    return delimiters.field + delimiters.repetition if path.repetition else delimiters.field
