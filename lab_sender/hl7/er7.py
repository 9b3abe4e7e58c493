"""Segments as rows of ER7 text (HL7 chapter 2, "message delimiters").

Holds: the row, the names of its fields, and the functions that lay out a row and join its parts.
Promises: field n stands at index n, the segment's name at index 0; empty parts at the end are left off.
Never: escapes anything; what comes in is ER7 text already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

Row = list[str]
"""One segment in the making: its name, then its fields as ER7 text, field n at index n."""


ONCE: Final = frozenset({"MSH", "PID", "PV1"})
"""Segments that come once in a message; in a field's name the others carry their number: `OBX[4]-5`."""


def field_name(segment: str, number: int, field: int) -> str:
    """Name a field of the `number`-th `segment` of its kind in the message: `PID-3`, `OBX[4]-5`."""
    return f"{segment}-{field}" if segment in ONCE else f"{segment}[{number}]-{field}"


def layout(segment: str, fields: dict[int, str]) -> Row:
    """Lay out a segment from its filled fields."""
    row = [""] * (max(fields) + 1)
    row[0] = segment
    for number, text in fields.items():
        row[number] = text
    return row


def join(parts: Sequence[str], separator: str) -> str:
    """Join escaped parts, leaving off the empty ones at the end."""
    return separator.join(parts).rstrip(separator)
