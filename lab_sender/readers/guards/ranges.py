"""Reference ranges whose parts stand apart, to the form of HL7 (OBX-7, chapter 7.4.2.7).

Holds: what two numbers mean that stand beside each other in a range.
Promises: digits stay as they came; a range comes out as `low-high`, `<high`, `>low`, or as it stood.
Never: makes a range of what is no number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_OF_THE_HEALTHY: Final = frozenset(("reference", "referencerange", "normal", "normalrange", "referenceinterval"))
"""What a range is of where nothing else is said (LIS2-A2 9.6)."""
_LEAST_PARTS: Final = 2
_TWO_LIMITS: Final = (2, 3)
"""How many components low^high and low^^high have: a field with more is only filled up."""
_COMPARATORS: Final = frozenset(("<", ">", "<=", ">="))
_ends_with_number: Final = re.compile(r"[0-9]\Z").search
_has_letter: Final = re.compile(r"[^\W\d_]").search
_is_limit: Final = re.compile(r"[+\-\u2212]?[0-9]+(?:[.,][0-9]+)*").fullmatch
"""Match a number as people write limits: `3.5`, `3,5`, `1.500,0`."""


def range_text(parts: Sequence[str], *, described: bool = False) -> str | None:
    """Return the range of the components low^high, low^^high, ^high or low^; None for other forms.

    `described`: or of range^description; the `^` of a power stays. Elsewhere one before words is the writer's own:
    `>4 10^3/uL`.
    """
    filled = [part for part in parts if part]
    if len(filled) < _LEAST_PARTS:
        alone = "".join(filled)
        if not _is_limit(alone):
            return alone
        if not parts[0]:
            return f"<{alone}"
        return f">{alone}" if len(parts) in _TWO_LIMITS else alone
    if len(filled) > _LEAST_PARTS or not parts[0]:
        return None
    first, second = filled
    if _is_limit(first) and _is_limit(second):
        return f"{first}-{second}"
    if second.casefold().replace("_", "").replace(" ", "") in _OF_THE_HEALTHY:
        return first
    if first in _COMPARATORS and _is_limit(second):
        return first + second
    if not described or (_is_limit(first) and second[:1].isdigit()):
        return None
    if _ends_with_number(first) and second[:1].isdigit():
        return f"{first}^{second}"
    return f"{first} {second}" if _has_letter(second) else None
