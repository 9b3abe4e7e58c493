"""What is searched for, and where a list of it goes on.

Holds: `Criteria` and `Cursor`, and how both are asked of the database.
Promises: what is empty does not matter; a number without an authority is that of each.
Never: asks anything.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from lab_sender.hl7.escape import escape

_LAST: Final = 2**62


class Criteria(NamedTuple):
    """What is asked for; what is empty does not matter.

    `order` and `patient` are numbers, alone or with `^authority`; `file` is a report's name, with `*` for anything;
    `states` are states, or a state and a code with a blank between them; `tries` at least; `contains` stands in the
    message's bytes, in small or capital letters; what has `but_code` does not fit.
    """

    order: str = ""
    patient: str = ""
    file: str = ""
    ward: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    code: str = ""
    tries: int = 0
    to: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    contains: str = ""
    contradicted: bool = False
    but_code: str = ""

    @property
    def is_of_messages(self) -> bool:
        """Say whether only a message can have all this, and no file that could not be read."""
        return bool(
            self.order or self.patient or self.ward or self.to or self.contains or self.tries or self.contradicted
        )

    @property
    def is_by_beginning(self) -> bool:
        """Say whether the beginning of a file's name is known, or all of it."""
        return bool(self.file) and "*" not in self.file.removesuffix("*")

    @property
    def is_by_state(self) -> bool:
        """Say whether only few messages can be in these states: not the delivered ones."""
        return bool(self.states) and not any(each.partition(" ")[0] == "acked" for each in self.states)

    @property
    def is_by_tries(self) -> bool:
        """Say whether the tries are told apart: every message has a first one."""
        return self.tries > 1

    @property
    def is_by_name(self) -> bool:
        """Say whether files are found by their names: these go by when the file was received."""
        if self.order or self.patient or self.ward or not self.file:
            return False
        return self.is_by_beginning or not (self.contradicted or self.is_by_state or self.is_by_tries)

    @property
    def has_index(self) -> bool:
        """Say whether there is an index for some of it, so that no range of time is needed."""
        of_messages = bool(self.order or self.patient or self.ward or self.contradicted)
        return of_messages or self.is_by_beginning or self.is_by_state or self.is_by_tries


class Cursor(NamedTuple):
    """Where a list goes on: with messages below one, with unreadable files below another; 0: with none.

    Of files by their names: in this file, with the messages below that one.
    """

    message: int
    source: int

    def __str__(self) -> str:
        return f"{self.message}.{self.source}"

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read a cursor as it was written; None where it is none."""
        message, dot, source = text.partition(".")
        if not (dot and _is_id(message) and _is_id(source)):
            return None
        return cls(int(message), int(source))


START: Final = Cursor(_LAST, _LAST)


class Hit(NamedTuple):
    """What fits: a message, or a file that could not be read (`message` is None)."""

    at_ms: int
    source: int
    message: int | None


class OfPatient(NamedTuple):
    """Whom a message is about (`id^authority`), the ward that it names, and the HIS's own words of it."""

    patient_key: str
    ward: str
    his_words: str


def values_of(wanted: Criteria) -> dict[str, Any]:
    """Return what is asked for as the values of a statement."""
    first, beyond = keys_of(wanted.patient) if wanted.patient else ("", "")
    return {
        "since_ms": wanted.since_ms,
        "until_ms": wanted.until_ms,
        "to": json.dumps(wanted.to),
        "states": json.dumps(wanted.states),
        "contradicted": int(wanted.contradicted),
        "ward": wanted.ward,
        "patient_first": first,
        "patient_beyond": beyond,
        "code": wanted.code,
        "but_code": wanted.but_code,
        "tries": wanted.tries,
        "name": pattern_of(wanted.file),
    }


def pattern_of(name: str) -> str:
    """Return a name with `*` for anything as LIKE takes it."""
    return "".join({"%": "!%", "_": "!_", "!": "!!", "*": "%"}.get(each, each) for each in name)


def keys_of(number: str) -> tuple[str, str]:
    """Return the first key of a number, and the first one beyond: alone it is that of each authority."""
    return (number, f"{number}\x01") if "^" in number else (f"{number}^", f"{number}_")


def bytes_of(text: str) -> list[bytes]:
    """Return the bytes that a text may be in a message, in small letters where these are ASCII."""
    found = dict.fromkeys(
        bytes(each.encode(codec, "ignore")).lower()
        for each in (text, text.lower(), text.upper(), escape(text))
        for codec in ("utf-8", "latin-1")
    )
    return [each for each in found if each]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
