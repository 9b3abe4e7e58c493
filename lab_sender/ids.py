"""Identifiers that are never given twice, and the names in claimed/ that are made of them.

Holds: the making of control ids (MSH-10) and claim ids; `ClaimName`, which writes and reads a claimed file's name.
Promises: 20 characters of 0-9 and A-Z without I, L, O, U: 48 bits of milliseconds and 52 random bits in Crockford's
base 32. Sortable by time; unique across restarts, restores and machines without anything to remember.
Never: depends on a counter that a restart could reset.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGIT = frozenset(_DIGITS)
_VALUES = str.maketrans(_DIGITS, "0123456789abcdefghijklmnopqrstuv")
ID_LENGTH = 20
_FIRST_MS = 1_704_067_200_000  # 2024
_AHEAD_MS = 86_400_000
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_AT_ONCE = 256
_random: list[int] = []
"""Random bits that no identifier has yet: the system is asked for many at once."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.clear)


def new_id(after: str = "") -> str:
    """Make an identifier (HL7 2.5.1 MSH-10: at most 20 characters) that sorts behind `after`, one of ours.

    So those of one sequence stay in it within a millisecond, and where the clock is set back. Two sequences that go
    on from the same one do not meet.
    """
    number = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 52 | _random_bits()
    if after and number <= (last := int(after.translate(_VALUES), 32)):
        number = last + 1 + (_random_bits() >> 12)
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in range(90, -1, -10)])


def _random_bits() -> int:
    """Return 52 of them."""
    try:
        return _random.pop()
    except IndexError:
        fresh = os.urandom(7 * _AT_ONCE)
        first, *rest = [int.from_bytes(fresh[at : at + 7]) >> 4 for at in range(0, len(fresh), 7)]
        _random.extend(rest)
        return first


def is_id(text: str) -> bool:
    """Say whether a text has the form of an identifier of ours."""
    return len(text) == ID_LENGTH and _DIGIT.issuperset(text)


def is_ours(control_id: str) -> bool:
    """Say whether `new_id` can have made it: its form, and a time of which there has been one."""
    if not is_id(control_id):
        return False
    made_ms = int(control_id.translate(_VALUES), 32) >> 52
    return _FIRST_MS <= made_ms <= time.time_ns() // 1_000_000 + _AHEAD_MS


def loggable(control_id: str) -> str:
    """Return a control id that was made here; of any other "": laboratories use accession or patient numbers."""
    return control_id if is_ours(control_id) else ""


class ClaimName(NamedTuple):
    """A file's name in claimed/: `CLAIMID_NAME`, or `CLAIMID@REPORTID_NAME` of a document that is bound to a report.

    `name` is what the file is called in the outbox, as far as it fits. `report_id` is the claim id of that report;
    None where the file is bound to none. A name that is none of ours is read as well: it is its own id and name.
    """

    claim_id: str
    name: str
    report_id: str | None = None

    def __str__(self) -> str:
        bound = "" if self.report_id is None else f"@{self.report_id}"
        return f"{self.claim_id}{bound}_{self.name}"

    @classmethod
    def parse(cls, text: str) -> ClaimName:
        """Read the name of a file in claimed/."""
        ids, _, name = text.partition("_")
        claim_id, bound, report_id = ids.partition("@")
        return cls(claim_id, name or text, report_id if bound else None)
