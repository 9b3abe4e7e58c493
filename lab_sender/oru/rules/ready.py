"""A profile's rules on ready HL7.

Holds: the way of a ready message's bytes to a sheet and back.
Promises: a rule changes the fields it names; every other byte stays, whatever the message's delimiters and character
set. A message that the rules cannot be held to is refused.
Never: builds, repairs or re-encodes a message.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab_sender.errors import FileError, Finding
from lab_sender.hl7.charset import CHARSETS
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.rules.sheet import STANDARD, Marks, Sheet

_READABLE: Final = {**CHARSETS, "GB 18030-2000": "gb18030", "BIG-5": "big5", "UTF-8": "utf-8", "UTF8": "utf-8"}
"""MSH-18 -> the codec that reads it; more than what we write."""

_SHIFT: Final = b"\x1b$"
"""ISO 2022: two-byte letters, in which any byte may look like a delimiter."""


class Ruled(NamedTuple):
    """A ready message as the rules want it."""

    body: bytes
    warnings: tuple[Finding, ...]


def with_rules(body: bytes, rules: Rules, place: str = "") -> Ruled:
    """Hold a ready message to the rules.

    `body` ends every segment by CR. Raises FileError where a rule finds an error.
    """
    sheet, codec = read_sheet(body, place)
    before = [line.text for line in sheet.lines]
    rules.apply_to(sheet, None)
    found = findings(sheet, place)
    if any(finding.severity == "error" for finding in found):
        raise FileError(found)
    after = [line.text for line in sheet.lines]
    return Ruled(body if after == before else "\r".join([*after, ""]).encode(codec), tuple(found))


def read_sheet(body: bytes, place: str = "") -> tuple[Sheet, str]:
    """Return the lines of a ready message, and the codec that takes them back to bytes.

    That is UTF-8 where the bytes are, else what MSH-18 names, else bytes stand for themselves. Raises FileError.
    """
    if _SHIFT in body:
        text = "The message shifts between character sets; the profile's rules cannot be held to it."
        raise FileError.of("charset.shifted", text, place=place, hint="Take hl7 out of the profile's apply_to.")
    marks, named = _head(body)
    codec = "ascii" if body.isascii() and not named else _READABLE.get(named, "utf-8")
    if body.isascii() or (codec != "utf-8" and not _reads(body, "utf-8")):
        exact = _reads(body, codec)
    else:
        codec, exact = "utf-8", _reads(body, "utf-8")
    reading = codec if exact else "latin-1"
    lines = body.decode(reading).removesuffix("\r").split("\r")
    return Sheet(lines, [""] * len(lines), marks, codec=codec if exact else "ascii", exact=exact), reading


def findings(sheet: Sheet, place: str) -> list[Finding]:
    """Return what the rules found in a ready message at `place` of its file, errors first."""
    found = [
        fault.finding(f"{place} {name}".strip(), name)
        for name, fault in sheet.faults_left()
    ]
    if not any(line.name in ("OBR", "OBX") for line in sheet.lines):
        text = "The profile's rules leave no result in the message."
        found.append(Finding("profile.nothing-left", text, place, hint="Look at the profile's `drop`."))
    return sorted(found, key=lambda finding: finding.severity)


def _head(body: bytes) -> tuple[Marks, str]:
    """Return the delimiters, and the first repetition of MSH-18."""
    msh = body.partition(b"\r")[0].decode("latin-1")
    separator, marks = msh[3], msh[4:].partition(msh[3])[0]
    component, repetition, *others = list(marks)
    escape, subcomponent = others[:2] if len(others) > 1 else ("", others[0])
    fields = msh.split(separator)
    named = fields[17].split(repetition)[0].strip().upper() if len(fields) > 17 else ""
    made = Marks(separator, component, repetition, escape, subcomponent)
    return STANDARD if made == STANDARD else made, named


def _reads(body: bytes, codec: str) -> bool:
    try:
        return body.decode(codec).encode(codec) == body
    except UnicodeError:
        return False
