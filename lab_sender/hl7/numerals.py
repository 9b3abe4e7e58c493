"""Numbers as text, the way a laboratory writes them.

Holds: the forms of a plain decimal, a number in scientific notation, and a structured number (HL7 SN).
Promises: ASCII digits only; digits go out as they came in, an exponent is written out exactly.
Never: turns a number into a float.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_EXPONENT_LIMIT: Final = 30  # beyond it a number is harder to read written out than as it came
_INTEGER_LIMIT: Final = 10**40

is_decimal: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?").fullmatch
"""Match what type `auto` takes for a number."""

structured: Final = re.compile(
    r"(<=|>=|<|>)?\s?([+-]?[0-9]+(?:\.[0-9]+)?)(?:(\+)|(:)([0-9]+(?:\.[0-9]+)?))?"
).fullmatch
"""Match a structured number: comparator, number, then a plus, or a colon and a number. A plain number matches too."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)").fullmatch
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE]([+-]?[0-9]{1,2})").fullmatch


def number_text(value: Any) -> str:
    """Return a number, or a text that is one, as plain decimal digits; "" for anything else.

    A text with an exponent is none: who writes `10E5` means 10 to the power of 5, and by the rules it is a million.
    """
    if isinstance(value, str):
        bare = value.strip()
        return bare if _NUMBER(bare) else ""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(value) if -_INTEGER_LIMIT < value < _INTEGER_LIMIT else ""
    if isinstance(value, float | Decimal):
        text = str(value)
        return text if is_decimal(text) else written_out(text)
    return ""


def json_number(text: str) -> str:
    """Return the text of a JSON number with its exponent written out, or as it stands: without one, or too long."""
    return (written_out(text) or text) if "e" in text or "E" in text else text


def written_out(text: str) -> str:
    """Return a number in scientific notation written out; "" where it is none, or too long to write out."""
    match = _SCIENTIFIC(text)
    if match is None or abs(int(match[1])) > _EXPONENT_LIMIT:
        return ""
    return f"{Decimal(text):f}"
