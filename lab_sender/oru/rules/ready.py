"""A profile's rules on ready HL7.

Holds: the way of a ready message's bytes to a sheet and back.
Promises: a rule changes the fields that it names; every other byte stays, whatever the message's delimiters and
character set. A message to which the rules cannot be applied is an error.
Never: builds, repairs or re-encodes a message.
"""

from __future__ import annotations

from typing import NamedTuple

from lab_sender.errors import FileError, Finding
from lab_sender.hl7.message import read, shifts
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.rules.sheet import Sheet
from lab_sender.oru.unfinished import Field, Unfinished, UnfinishedError, doubtful, fields_of


class Ruled(NamedTuple):
    """A ready message after the rules."""

    body: bytes
    warnings: tuple[Finding, ...]


def with_rules(body: bytes, rules: Rules, place: str = "") -> Ruled:
    """Apply the rules to a ready message.

    `body` ends every segment with CR. Raises FileError where a rule finds an error: UnfinishedError with the message
    as the rules have made it.
    """
    sheet, codec = read_sheet(body, place)
    before = [line.text for line in sheet.lines]
    rules.apply_to(sheet, None)
    found = findings(sheet, place)
    if any(finding.severity == "error" for finding in found):
        raise UnfinishedError(found, _unfinished(sheet, rules, found))
    after = [line.text for line in sheet.lines]
    return Ruled(body if after == before else "\r".join([*after, ""]).encode(codec), tuple(found))


def _unfinished(sheet: Sheet, rules: Rules, found: list[Finding]) -> Unfinished:
    """Return a message with errors; its MSH-10 may still be given."""
    more: set[Field] = {("MSH", 10)}
    for _, fault in sheet.faults_left():
        more |= fields_of(fault.empty) if fault.severity == "error" else set()
    text = "\r".join([*(line.text for line in sheet.lines), ""])
    return Unfinished(text, doubtful(found, more, rules.influences, built=False), lacks_values=False)


def read_sheet(body: bytes, place: str = "") -> tuple[Sheet, str]:
    """Return the lines of a ready message, and the codec that encodes them again.

    Raises FileError `charset.shifted`.
    """
    if shifts(body):
        text = "The message shifts between character sets; the profile's rules cannot be held to it."
        raise FileError.of("charset.shifted", text, place=place, hint="Take hl7 out of the profile's apply_to.")
    text, codec, exact = read(body)
    return Sheet.of(text, codec=codec if exact else "ascii", exact=exact), codec


def findings(sheet: Sheet, place: str) -> list[Finding]:
    """Return the rules' findings in a ready message at `place` of its file, errors first."""
    found = [fault.finding(f"{place} {name}".strip(), name) for name, fault in sheet.faults_left()]
    if not any(line.name in ("OBR", "OBX") for line in sheet.lines):
        text = "The profile's rules leave no result in the message."
        found.append(Finding("profile.nothing-left", text, place, hint="Look at the profile's `drop`."))
    return sorted(found, key=lambda finding: finding.severity)
