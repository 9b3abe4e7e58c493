"""Texts that are not what their writer meant: what programs write for nothing, and what spreadsheets make of cells.

Holds: the errors of spreadsheets in their languages, identifiers shortened to a power of ten, dates made of ranges,
and which of them counts in which kind of text.
Promises: one rule for all formats.
Never: knows a format, or mends a text.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from lab_sender.hl7.tables import CORRECTIONS, RESULT_STATUS

Kind = Literal["number", "code", "value", "range", "text"]
"""What a text is: an identifier or number, a code, a value, a range; any other text."""

_ERROR: Final = re.compile(
    r"#[¡¿]?[^\W\d_][\w/. ]{0,24}[!?]"
    r"|#(?:N/A|N/D|N/B|NV|I/T|YOK|\u041d/\u0414|HIÁNYZIK|PUUTTUU|NENÍ_K_DISPOZICI|GETTING_DATA|DIV/0|#+)"
    r"|Err:[0-9]{3}",
    re.IGNORECASE,
)
"""`#VALUE!`, `#WERT!`, `#¡VALOR!`, `#N/A`, `#NV`, `####`, `Err:502`: most have the same form in all languages."""
_SHORTENED: Final = re.compile(r"[0-9][.,][0-9]+[eE][+-]?[0-9]+|[0-9][eE]\+[0-9]+")
"""`1.67683E+15`, `1,67683E+15`, `1.67683e+15`, `1.67683E15`, `2e+15`."""
_MONTH: Final = r"(?:Jan|Feb|Mar|Mär|Mrz|Apr|May|Mai|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec|Dez)"
_DATE: Final = re.compile(rf"[0-9][0-9]?(?:-|\. ?){_MONTH}\.?|{_MONTH}[- ][0-9][0-9]")
"""What a spreadsheet makes of `3-5` and `10-12`."""
_MADE_SAFE: Final = re.compile(r"'[=+\-@].*", re.DOTALL)
"""An apostrophe that keeps a spreadsheet from reading a sign as a formula."""
_NO_DATES: Final = frozenset(("number", "code", "value", "range"))

has_decimal_comma: Final = re.compile(r"[<>=]{0,2}\s*[+-]?(?:0,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))").fullmatch
"""Match a number with a decimal comma; one like `1,234` may have a thousand's."""
SPOILT: Final = (
    "A program or spreadsheet put an error or a word for nothing in place of this, made a date of it, or shortened "
    "an identifier."
)
SPOILT_HINT: Final = (
    "Have it exported again without opening it in a spreadsheet. A word for nothing that is a result of yours: take "
    "it out of inputs.words_for_nothing."
)
CORRECTION_WORDS: Final = frozenset(word.lower() for word, code in RESULT_STATUS.items() if code in CORRECTIONS)
"""Statuses of a result that change or take back what was reported before."""


def is_spoilt(kind: Kind, text: str) -> bool:
    """Tell whether a text of a kind was spoilt."""
    return (
        _ERROR.fullmatch(text) is not None
        or (kind == "number" and _SHORTENED.fullmatch(text) is not None)
        or (kind in _NO_DATES and (_DATE.fullmatch(text) or _MADE_SAFE.fullmatch(text)) is not None)
    )


def is_correction(status: str) -> bool:
    """Tell whether a result's status says that it changes or takes back what was reported before."""
    return status.strip().lower() in CORRECTION_WORDS
