"""Texts that are not what their writer meant: what programs write for nothing, and what spreadsheets make of cells.

Holds: the errors of spreadsheets in their languages, identifiers shortened to a power of ten, dates made of ranges,
which of them counts in which kind of text, and what is a blank.
Promises: one rule for all formats.
Never: knows a format, or mends a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal

from lab_sender.errors import Finding
from lab_sender.hl7.numerals import structured
from lab_sender.hl7.tables import CORRECTIONS, RESULT_STATUS

Kind = Literal["number", "code", "value", "range", "text"]
"""What a text is: an identifier or number, a code, a value, a range; any other text."""

_ERROR: Final = re.compile(
    r"#[¡¿]?[^\W\d_][\w/. ]{0,24}[!?]"
    r"|#(?:N/A|N/D|N/B|N/V|NV|I/T|YOK|\u041d/\u0414|\u0394/\u03a5|HIÁNYZIK|PUUTTUU|PUUDUB|SAKNAS|NEDOSTUPNÝ|NENÍ_K_DISPOZICI"
    r"|GETTING_DATA|DATEN_ABRUFEN|DIV/0|VALUE|REF|NAME|NUM|WERT|BEZUG|ZAHL|VALEUR|VALOR|VALORE|#+)"
    r"|(?:Err|\u041e\u0448\.|\u041e\u0448\u0438\u0431\u043a\u0430) ?:[0-9]{3}",
    re.IGNORECASE,
)
"""`#VALUE!`, `#WERT!`, `#¡VALOR!`, `#N/A`, `#NV`, `####`, `Err:502`: most have the same form in all languages.

Among words only those in capitals are errors: `#Achtung!` is a writer's own.
"""
_SHORTENED: Final = re.compile(r"[0-9][.,][0-9]+[eE][+-]?[0-9]+|[0-9][eE]\+[0-9]+")
"""`1.67683E+15`, `1,67683E+15`, `1.67683e+15`, `1.67683E15`, `2e+15`."""
_MONTH: Final = r"(?:Jan|Feb|Mar|Mär|Mrz|Apr|May|Mai|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec|Dez)"
_DATE: Final = re.compile(rf"[0-9][0-9]?(?:-|\. ?){_MONTH}\.?|{_MONTH}[- ][0-9][0-9]")
_SHORT_MONTH: Final = (
    r"(?:jan|janv|ene|gen|sty|feb|fev|févr|lut|mar|mars|mrt|mrz|apr|avr|abr|kwi|mai|mei|mag|maj|may|jun|juin|giu|cze|jul|juil"
    r"|lug|lip|aug|août|ago|sie|sep|sept|set|wrz|oct|okt|ott|out|paź|nov|lis|dec|déc|dez|des|dic|gru"
    r"|\u044f\u043d\u0432|\u0444\u0435\u0432|\u043c\u0430\u0440|\u0430\u043f\u0440|\u043c\u0430[\u0439\u044f]|\u0438\u044e[\u043d\u043b]"
    r"|\u0430\u0432\u0433|\u0441\u0435\u043d|\u043e\u043a\u0442|\u043d\u043e\u044f|\u0434\u0435\u043a)\.?"
)
"""In small letters, as most languages write months (the last are Russian): a code such as `SET-05` is none."""
_SHORT_DATE: Final = re.compile(rf"[0-9][0-9]?[-./]{_SHORT_MONTH}|{_SHORT_MONTH}[-./][0-9][0-9]")
"""What a spreadsheet makes of `3-5` and `10-12`: `03-mai`, `05/dez`, `ott-12`."""
_MADE_SAFE: Final = re.compile(r"'[=+\-@].*", re.DOTALL)
"""An apostrophe that keeps a spreadsheet from reading a sign as a formula."""
_KEPT_AS_TEXT: Final = re.compile(r"'[0-9]+")
"""One that keeps it from reading an identifier or code as a number."""
_OF_CELLS: Final = (_DATE, _SHORT_DATE, _MADE_SAFE)
_NO_DATES: Final = frozenset(("number", "code", "value", "range"))

_UNSEEN: Final = (
    "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Characters without width, as web pages, spreadsheets and byte order marks leave them: nobody sees them."""
_BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000" + _UNSEEN
)
_LIKE_ASCII: Final = {
    **{0xFF01 + n: 0x21 + n for n in range(94)},  # of full width
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63"), "-"),
    0x2264: "<=", 0x2265: ">=", 0x066B: ".",
}  # fmt: skip
"""Signs of numbers that look like others: a minus, full-width digits, one sign for `<=`."""
_LONGEST_NUMBER: Final = 60

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
_CORRECTION_WORDS: Final = {word.lower(): code for word, code in RESULT_STATUS.items() if code in CORRECTIONS}
"""Statuses of a result that change or take back what was reported before."""


def bare(text: str) -> str:
    """Return a text without the blanks around it, those without width too."""
    return text.strip() if text.isascii() else text.strip(_BLANKS)


def holds_unseen(text: str) -> bool:
    """Tell whether a text has characters without width in it."""
    return not text.isascii() and not set(text).isdisjoint(_UNSEEN)


def is_number_in_other_signs(text: str) -> bool:
    """Tell whether a text is a number for its readers, and none for HL7, such as `≤5` or one of wide digits."""
    if len(text) > _LONGEST_NUMBER or text.isascii():
        return False
    plain = "".join(str(unicodedata.decimal(sign, sign)) for sign in text.translate(_LIKE_ASCII))
    return structured(plain) is not None or has_decimal_comma(plain) is not None


def nothing_said(place: str, times: int = 1) -> Finding:
    """Make the remark on a word for nothing that was taken for nothing."""
    return Finding(
        "report.nothing",
        "A word that programs write for nothing is taken for nothing."
        + (f" So it is {times} times." if times > 1 else ""),
        place=place,
        hint="If it is a word of yours, take it out of inputs.words_for_nothing.",
        severity="warning",
    )


def is_spoilt(kind: Kind, text: str) -> bool:
    """Tell whether a text of a kind was spoilt."""
    return (
        (_ERROR.fullmatch(text) is not None and (kind != "text" or text == text.upper() or text[:1] != "#"))
        or (kind == "number" and _SHORTENED.fullmatch(text) is not None)
        or (kind in ("number", "code") and _KEPT_AS_TEXT.fullmatch(text) is not None)
        or (kind in _NO_DATES and any(each.fullmatch(text) for each in _OF_CELLS))
    )


def is_correction(status: str) -> bool:
    """Tell whether a result's status says that it changes or takes back what was reported before."""
    return bare(status).lower() in _CORRECTION_WORDS


def stand_beside(statuses: Iterable[str]) -> bool:
    """Tell whether, of results of one test, some correct or take back what others say.

    Results that are all corrected are runs, as they were before.
    """
    return len({_CORRECTION_WORDS.get(bare(status).lower(), "") for status in statuses}) > 1
