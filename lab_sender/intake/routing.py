"""Which destination takes a message.

Holds: the rules of `takes` on a finished message, built or ready, and the finding of one that nobody takes.
Promises: looks at the bytes as they go out. A rule holds where any value at its field is what it names, in whatever
segment of that name and whatever repetition; a field without content has no value. All rules must hold.
Never: changes a message, or tells a value of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lab_sender.config.takes import Takes, TakesRule
from lab_sender.errors import FileError, Finding
from lab_sender.hl7.escape import unescape
from lab_sender.hl7.message import delimiters_of, text_of
from lab_sender.oru.rules.sheet import Sheet, has_content

_SHIFT: Final = b"\x1b$"
"""ISO 2022 shift to two-byte letters, whose bytes may look like delimiters."""


class Route(NamedTuple):
    """What the rules of a destination come to on one message: those that hold, and those that do not."""

    met: tuple[TakesRule, ...] = ()
    unmet: tuple[TakesRule, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether the destination takes the message."""
        return not self.unmet


TAKEN: Final = Route()
"""Where there are no rules."""


def route(body: bytes, takes: Takes, place: str = "") -> Route:
    """Hold the rules of a destination to a message. Raises FileError `route.unclear` where nobody can say."""
    if not takes.rules:
        return TAKEN
    if _SHIFT in body:
        text = "the message shifts between character sets; the rules in `takes` cannot be held to it."
        hint = "Drop such messages into an outbox of their own, whose `to` names destinations without `takes`."
        raise FileError.of("route.unclear", text, place=place, hint=hint)
    text = text_of(body)
    lines = text.removesuffix("\r").split("\r")
    sheet = Sheet(lines, [""] * len(lines), delimiters_of(text))
    held = [(rule, _holds(rule, sheet)) for rule in takes.rules]
    return Route(tuple([rule for rule, holds in held if holds]), tuple([rule for rule, holds in held if not holds]))


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


def _holds(rule: TakesRule, sheet: Sheet) -> bool:
    plain = sheet.delimiters.escape == "\\"
    for _, line in sheet.named(rule.path.segment):
        for value in line.values(rule.path):
            if has_content(value, sheet.delimiters) and _is(rule, unescape(value) if plain else value):
                return not rule.negated
    return rule.negated


def _is(rule: TakesRule, value: str) -> bool:
    return value in rule.values if rule.pattern is None else rule.pattern.found_in(value)
