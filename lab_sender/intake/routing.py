"""Which destination takes a message.

Holds: the rules of `takes` on a message, built or ready, and the finding of one that nobody takes.
Promises: looks at the bytes as they go out. A rule holds where any value at its field is what it names, in whatever
segment of that name and whatever repetition, with or without the blanks around it and the delimiters behind it; a
field without content has no value. All rules must hold. Of a message with errors, what nobody can trust speaks
neither for nor against it: a rule that looks at it is unclear.
Never: changes a message, or tells a value of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lab_sender.config.profile.notation import FieldPath
from lab_sender.config.takes import Takes, TakesRule
from lab_sender.errors import FileError, Finding
from lab_sender.hl7.escape import unescape
from lab_sender.hl7.message import Delimiters, shifts, text_of
from lab_sender.oru import Unfinished, UnfinishedError
from lab_sender.oru.rules.sheet import Segment, Sheet, has_content


class Route(NamedTuple):
    """What the rules of a destination come to on one message: those that hold, and those that do not.

    `unclear` are rules of a message with errors, of which nobody can say.
    """

    met: tuple[TakesRule, ...] = ()
    unmet: tuple[TakesRule, ...] = ()
    unclear: tuple[TakesRule, ...] = ()

    @property
    def taken(self) -> bool | None:
        """Whether the destination takes the message; None where nobody can say."""
        if self.unmet:
            return False
        return None if self.unclear else True


TAKEN: Final = Route()
"""Where there are no rules."""


def route(body: bytes, takes: Takes, place: str = "") -> Route:
    """Hold the rules of a destination to a message. Raises FileError `route.unclear` where nobody can say."""
    if not takes.rules:
        return TAKEN
    if shifts(body):
        text = "the message shifts between character sets; the rules in `takes` cannot be held to it."
        hint = "Drop such messages into an outbox of their own, whose `to` names destinations without `takes`."
        raise FileError.of("route.unclear", text, place=place, hint=hint)
    sheet = Sheet.of(text_of(body))
    return _route([(rule, _holds(rule, sheet)) for rule in takes.rules])


def route_failed(error: FileError, takes: Takes) -> Route:
    """Hold the rules of a destination to what was written of a message with errors, if anything was."""
    if not isinstance(error, UnfinishedError):
        return Route(unclear=takes.rules)
    if not takes.rules:
        return TAKEN
    sheet = Sheet.of(error.message.text)
    return _route([(rule, _holds_surely(rule, sheet, error.message)) for rule in takes.rules])


def nobody(unmet: Iterable[tuple[str, Route]], place: str) -> Finding:
    """Make the finding of a message that no destination takes, of each one's name and route."""
    looked = "; ".join(f"{name} by {_fields(each.unmet)}" for name, each in unmet)
    return Finding(
        "route.none",
        f"no destination takes this message: {looked}.",
        place,
        hint="Have the field corrected at its source; or correct `takes`, then release the file: it is read again.",
    )


def _fields(rules: Iterable[TakesRule]) -> str:
    return ", ".join(dict.fromkeys([str(rule.path) for rule in rules]))


def _route(held: Sequence[tuple[TakesRule, bool | None]]) -> Route:
    met, unmet, unclear = (tuple([rule for rule, holds in held if holds is one]) for one in (True, False, None))
    return Route(met, unmet, unclear)


def _holds(rule: TakesRule, sheet: Sheet) -> bool:
    return _has(rule, sheet) != rule.negated


def _holds_surely(rule: TakesRule, sheet: Sheet, message: Unfinished) -> bool | None:
    """Return whether a rule holds for a message with errors; None where one of them may be why it does or does not.

    A value that is there speaks for itself; that none is there says something only where none can be lacking.
    """
    if message.doubts(rule.path):
        return None
    found = _has(rule, sheet)
    if not found and message.may_lack(rule.path.segment) and not _is_everywhere(rule.path, sheet):
        return None
    return found != rule.negated


def _has(rule: TakesRule, sheet: Sheet) -> bool:
    """Return whether any value is what the rule names."""
    return any(
        _is(rule, each)
        for _, line in sheet.named(rule.path.segment)
        for value in _values(line, rule.path, sheet)
        for each in _readings(value, sheet.delimiters)
    )


def _is_everywhere(path: FieldPath, sheet: Sheet) -> bool:
    lines = [line for _, line in sheet.named(path.segment)]
    return bool(lines) and all(_values(line, path, sheet) for line in lines)


def _values(line: Segment, path: FieldPath, sheet: Sheet) -> list[str]:
    return [value for value in line.values(path) if has_content(value, sheet.delimiters)]


def _readings(value: str, delimiters: Delimiters) -> Iterator[str]:
    """Give a value's text as it is, and without what says nothing around it; nothing where it has no content."""
    trimmed = value.strip().rstrip(f"{delimiters.repetition}{delimiters.component}{delimiters.subcomponent} ")
    if has_content(trimmed, delimiters):
        for each in dict.fromkeys((value, trimmed)):
            yield _unescaped(each, delimiters.escape)


def _unescaped(text: str, escape: str) -> str:
    if escape == "\\":
        return unescape(text)
    return unescape(text.replace("\\", "\\E\\").replace(escape, "\\")) if escape and escape in text else text


def _is(rule: TakesRule, value: str) -> bool:
    return value in rule.values if rule.pattern is None else rule.pattern.found_in(value)
