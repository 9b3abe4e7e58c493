"""A finished message as text: its character set, its delimiters, its MSH.

Holds: the one way from a message's bytes to text and back, the delimiters (MSH-1, MSH-2), and the fields of MSH.
Promises: bytes are read in the character set that MSH-18 names; where that does not fit, as UTF-8 if they are that,
else byte by byte. The same bytes are always the same text, whatever else is in the message.
Never: judges or changes a message. Never reads an acknowledgement; mllp does, strictly.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec import Struct

from lab_sender.hl7.charset import READABLE

_SPANNING: Final = ("BIG-5", "GB 18030-2000")
"""Character sets whose second bytes look like delimiters: MSH-18 can be found only after decoding."""
_RUN: Final = re.compile(rb"[\x80-\xff]+")
_SHIFT: Final = b"\x1b$"
"""ISO 2022 shift to two-byte letters, whose bytes may look like delimiters."""


class Delimiters(Struct, frozen=True):
    """MSH-1 and MSH-2 of a message; `escape` and `subcomponent` are empty where MSH-2 has none (chapter 2.5.4)."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    def subcomponents(self, component: str) -> list[str]:
        """Split a component into its subcomponents."""
        return component.split(self.subcomponent) if self.subcomponent else [component]


USUAL: Final = Delimiters()
_USUAL_HEAD: Final = ("MSH|^~\\&|", "MSH|^~\\&\r")


class Msh(NamedTuple):
    """The first segment of a message. `fields[n]` is MSH-n; MSH-1 and MSH-2 are the delimiters themselves."""

    delimiters: Delimiters
    fields: tuple[str, ...]

    def field(self, number: int) -> str:
        """Return a field whole, "" for one beyond the end."""
        return self.fields[number] if number < len(self.fields) else ""

    def code(self, number: int) -> str:
        """Return the first component of a field's first repetition, without blanks around it."""
        return self.field(number).split(self.delimiters.repetition)[0].split(self.delimiters.component)[0].strip()

    @property
    def version(self) -> str:
        """MSH-12.1."""
        return self.code(12)

    @property
    def charset(self) -> str:
        """The first repetition of MSH-18, as it is written."""
        return self.field(18).split(self.delimiters.repetition)[0].strip()


class Reading(NamedTuple):
    """A message's text; `text.encode(codec)` is its bytes.

    `exact` False: its character set is not known, and each byte is read as one character (`codec` is Latin-1).
    """

    text: str
    codec: str
    exact: bool


def read(body: bytes) -> Reading:
    """Decode a message so that its bytes can be restored."""
    named = READABLE.get(_named(body))
    if body.isascii():
        codec = named or "ascii"
        return Reading(body.decode("ascii"), codec, exact=True)
    for codec in filter(None, (named, "utf-8")):
        text = _decoded(body, codec)
        if text is not None:
            return Reading(text, codec, exact=True)
    return Reading(body.decode("latin-1"), "latin-1", exact=False)


def shifts(body: bytes) -> bool:
    """Say whether a message shifts between character sets: then nobody can tell its delimiters from its letters."""
    return _SHIFT in body


def text_of(body: bytes) -> str:
    """Return a message's text, for reading and comparing.

    Where its character set is not known, each run of bytes beyond ASCII is read for itself: as UTF-8 if it is that.
    """
    if body.isascii():
        return body.decode("ascii")
    reading = read(body)
    return reading.text if reading.exact else _RUN.sub(_run_as_utf8, body).decode()


def msh_of(text: str) -> Msh:
    """Return the MSH that a message's text begins with; an empty one where it begins with none."""
    line = text[: text.find("\r")] if "\r" in text else text
    if line[:3].upper() != "MSH" or len(line) < 4:
        return Msh(USUAL, ())
    fields = line.split(line[3])
    return Msh(delimiters_of(line), (fields[0], line[3], *fields[1:]))


def msh_in(body: bytes) -> Msh:
    """Return the MSH that a message's bytes begin with."""
    end = body.find(b"\r")
    line = body[:end] if end >= 0 else body
    return msh_of(line.decode("ascii") if line.isascii() else read(line).text)


def delimiters_of(text: str) -> Delimiters:
    """Read the delimiters that a message's text begins with; the usual ones where it has none."""
    if text.startswith(_USUAL_HEAD):
        return USUAL
    separator, letters = text[3:4], text[4:9].partition(text[3:4] or "|")[0]
    if not separator or len(letters) < 2:
        return USUAL
    component, repetition, *others = list(letters)
    escape, subcomponent = others[:2] if len(others) > 1 else ("", *others, "")[:2]
    delimiters = Delimiters(separator, component, repetition, escape, subcomponent)
    return USUAL if delimiters == USUAL else delimiters


def _named(body: bytes) -> str:
    """Return the name in MSH-18, in capitals."""
    end = body.find(b"\r")
    line = body[:end] if end >= 0 else body
    named = msh_of(line.decode("latin-1")).charset.upper()
    if named not in READABLE and not line.isascii():
        for name in _SPANNING:
            text = _decoded(line, READABLE[name])
            if text is not None and msh_of(text).charset.upper() == name:
                return name
    return named


def _decoded(body: bytes, codec: str) -> str | None:
    """Decode; None where the codec cannot read these bytes, or would not restore them."""
    try:
        text = body.decode(codec)
        return text if text.encode(codec) == body else None
    except UnicodeError:
        return None


def _run_as_utf8(match: re.Match[bytes]) -> bytes:
    try:
        match[0].decode()
    except UnicodeDecodeError:
        return match[0].decode("latin-1").encode()
    return match[0]
