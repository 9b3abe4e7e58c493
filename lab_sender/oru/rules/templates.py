r"""A profile's templates, such as `{PID-3.1}` and `{order.section}`, compiled.

Holds: the filling of a template with ER7 text, in the delimiters of the message.
Promises: no value ends the field or component that its template puts it into: a report's text is escaped, and a
field's ER7 with too many parts is an error. A template that can never be filled in is an error when it is compiled.
Never: knows where the text is written; edits.py does.

Of a field that repeats, `{PID-3}` alone in a field means every repetition; a component, or a field beside other text,
means the first.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec import Struct

from lab_sender.config.profile.notation import FieldPath, Placeholder, Template
from lab_sender.hl7.charset import fits, replaced
from lab_sender.hl7.escape import Escaping, find_control
from lab_sender.hl7.message import USUAL, Delimiters
from lab_sender.oru.rules.paths import Fields
from lab_sender.oru.rules.report_paths import follow, why_never
from lab_sender.oru.rules.sheet import Sheet
from lab_sender.oru.unfinished import REPORT, Field
from lab_sender.report.model import Report

_SEQUENCE: Final = re.compile(r"\\([^\\]*)\\")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LETTERS: Final = {"|": "F", "^": "S", "~": "R", "&": "T", "\\": "E"}


class CannotFillError(Exception):
    """A value cannot be filled in; the text gives the reason and quotes nothing."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class _Hole(Struct, frozen=True):
    """A placeholder, and the standard delimiters that its value must not contain."""

    placeholder: Placeholder
    banned: str


class Target(NamedTuple):
    """The messages that a profile's rules are for; `codec` and `unencodable` are those of built messages."""

    fields: Fields
    escaping: Escaping
    codec: str
    unencodable: str
    hl7: bool


class Filling:
    """One template, compiled."""

    def __init__(self, template: Template, banned: str, target: Target, *, lines: bool = False) -> None:
        """Compile a template for a field or component that ends at the standard delimiters `banned`.

        `lines`: the place takes formatted text. `wrong` says why a template can never be filled in.
        """
        self.wrong: list[str] = []
        self._target = target
        self._escape = target.escaping.escape_lines if lines else target.escaping.escape
        self._parts: list[str | _Hole] = []
        for literal in (part for part in template.parts if isinstance(part, str)):
            bare = _SEQUENCE.sub("", literal)
            if _CONTROL.search(literal):
                self.wrong.append("it has a control character in it")
            if "\\" in bare:
                self.wrong.append(r"a \ begins an escape sequence; write \E\ for one")
            for mark in banned:
                if mark in bare:
                    self.wrong.append(rf"a {mark} would leave the place; write \{_LETTERS[mark]}\ for one")
            if not fits(literal, target.codec):
                self.wrong.append("it has a character that the character set lacks")
        for number, part in enumerate(template.parts):
            if isinstance(part, str):
                self._parts.append(part)
                continue
            hole = _Hole(part, _room(template.parts, number, banned))
            if why := _why_never(hole, target):
                self.wrong.append(why)
            self._parts.append(hole)

    @property
    def constant(self) -> str | None:
        """The text, if it is the same in every message of the standard delimiters; else None."""
        text = "".join(part for part in self._parts if isinstance(part, str))
        return text if text.isascii() and all(isinstance(part, str) for part in self._parts) else None

    @property
    def sources(self) -> frozenset[Field]:
        """The fields that it is filled from."""
        holes = [part.placeholder.source for part in self._parts if isinstance(part, _Hole)]
        return frozenset((one.segment, one.field) if isinstance(one, FieldPath) else REPORT for one in holes)

    def fill(self, sheet: Sheet, at: int, report: Report | None) -> str:
        """Return the text as seen from line `at`. Raises CannotFillError."""
        filled = [
            _in_delimiters(part, sheet) if isinstance(part, str) else self._value(part, sheet, at, report)
            for part in self._parts
        ]
        text = "".join(filled)
        return text if all(filled) else _trimmed(text, sheet.delimiters)

    def _value(self, hole: _Hole, sheet: Sheet, at: int, report: Report | None) -> str:
        source = hole.placeholder.source
        if isinstance(source, FieldPath):
            values = sheet.values(source, at)
            first = source.component or "~" in hole.banned
            value = values[0] if values and first else sheet.delimiters.repetition.join(values)
            if any(mark in value for mark in _in_delimiters(hole.banned, sheet)):
                raise CannotFillError("profile.template", f"{source} has more parts here than its place takes")
        else:
            value = follow(hole.placeholder, report, sheet.lines[at].place) if report is not None else ""
            value = self._escape(self._carried(value, str(source)))
        return value or _in_delimiters(hole.placeholder.otherwise, sheet)

    def _carried(self, value: str, source: str) -> str:
        """Return a text of the report with what the character set lacks replaced."""
        if find_control(value):
            raise CannotFillError("text.control", f"{source} has a control character in it")
        if value == '""':
            raise CannotFillError("text.null", f'{source} is a pair of quotes, which HL7 reads as "delete"')
        if not fits(value, self._target.codec):
            value = replaced(value, self._target.codec, self._target.unencodable)
            if not fits(value, self._target.codec):
                raise CannotFillError("charset.unencodable", f"{source} has a character that cannot be carried")
        return value


def _why_never(hole: _Hole, target: Target) -> str:
    """Return why a placeholder can never be filled in; "" where it can."""
    source, banned = hole.placeholder.source, hole.banned
    if any(mark in _SEQUENCE.sub("", hole.placeholder.otherwise) for mark in banned):
        return f"what stands for an empty {source} would leave its place"
    if not isinstance(source, FieldPath):
        if target.hl7:
            return f"{{{source}}} is of a report, and ready HL7 has none (apply_to)"
        why = why_never(hole.placeholder)
        return f"{{{source}}}: {why}" if why else ""
    if source.segment == "MSH" and source.field <= 2:
        return "MSH-1 and MSH-2 are the delimiters and stand nowhere else"
    if _falls_apart(source, banned, target.fields):
        return f"{{{source}}} has parts and stands in one; name one of them"
    return target.fields.why_not(source)


def _falls_apart(source: FieldPath, banned: str, fields: Fields) -> bool:
    """Return whether a path's data type may need delimiters that are `banned`."""
    needed = "" if source.subcomponent else "&" if source.component else "^"
    return bool(needed) and needed in banned and fields.has_parts(source)


def _room(parts: tuple[str | Placeholder, ...], number: int, banned: str) -> str:
    """Return the delimiters that would end the numbered part: those around it in its field, and the outer ones."""
    around = "|"
    texts = ["\0" if isinstance(part, Placeholder) else _SEQUENCE.sub("", part) for part in parts]
    texts[number] = "\1"
    piece = next(field for field in "".join(texts).split("|") if "\1" in field)
    for mark in "~^&":
        if mark in piece:
            around = "|~^&"[: "|~^&".index(mark) + 1]
            piece = next(one for one in piece.split(mark) if "\1" in one)
    if piece != "\1" and len(around) < 4:
        around = "|~^&"  # beside other text it is a leaf, and must have no parts
    return max(around, banned, key=len)


def _trimmed(text: str, delimiters: Delimiters) -> str:
    """Leave out empty repetitions, and the delimiters of empty parts at the end."""
    if delimiters.field in text:
        return delimiters.field.join(_trimmed(field, delimiters) for field in text.split(delimiters.field))
    repetitions = []
    for one in text.split(delimiters.repetition):
        parts = [part.rstrip(delimiters.subcomponent) for part in one.split(delimiters.component)]
        repetitions.append(delimiters.component.join(parts).rstrip(delimiters.component))
    return delimiters.repetition.join(filter(None, repetitions))


def _in_delimiters(text: str, sheet: Sheet) -> str:
    """Return a profile's ER7 text in the delimiters of a message."""
    delimiters = sheet.delimiters
    if not text.isascii() and not fits(text, sheet.codec):
        raise CannotFillError("charset.unencodable", "The profile's text has a character that cannot be carried")
    if delimiters == USUAL or not text:
        return text
    own = {"|": delimiters.field, "^": delimiters.component, "~": delimiters.repetition, "&": delimiters.subcomponent}
    letters = {**dict(zip(own.values(), "FSRT", strict=True)), delimiters.escape: "E"}
    out = []
    for token in re.findall(r"\\[^\\]*\\|.", text, re.DOTALL):
        if len(token) > 1:
            out.append(_sequence(token, delimiters))
        elif token in own:
            out.append(own[token])
        elif token in letters:
            out.append(_escaped(letters[token], delimiters))
        else:
            out.append(token)
    return "".join(out)


def _sequence(token: str, delimiters: Delimiters) -> str:
    r"""Return an escape sequence in a message's own escape character.

    `\F\` stands for the standard `|` in a template; where that is no delimiter of the message, it is itself.
    """
    letter = token[1:-1]
    standard = {letter: mark for mark, letter in _LETTERS.items()}.get(letter)
    own = (delimiters.field, delimiters.component, delimiters.repetition, delimiters.subcomponent, delimiters.escape)
    if standard is not None and standard not in own:
        return standard
    return _escaped(letter if standard is None else dict(zip(own, "FSRTE", strict=True))[standard], delimiters)


def _escaped(letter: str, delimiters: Delimiters) -> str:
    if not delimiters.escape:
        raise CannotFillError("profile.template", "The profile's text needs an escape character, and MSH-2 has none")
    return f"{delimiters.escape}{letter}{delimiters.escape}"
