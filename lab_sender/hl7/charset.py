"""The character sets we can write and read, and characters that one lacks.

Holds: HL7's names for them; what may replace a letter: the letter without its accents, or its usual spelling.
Promises: only letters are replaced; a sign such as ≠ or ⁹ never turns into another sign or a digit, for that would be
another result.
Never: touches a text that the character set can carry.
"""

from __future__ import annotations

import unicodedata
from typing import Final

CHARSETS: Final = {
    "": "ascii",
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE UTF-8": "utf-8",
    "KS X 1001": "euc-kr",
}
"""HL7 table 0211 name -> Python codec.

Left out on purpose: UTF-16 and UTF-32 (MLLP cannot carry them), GB 18030-2000 and BIG-5 (their second bytes
look like delimiters), the ISO IR sets (escape sequences).
"""

READABLE: Final = {
    **{name: codec for name, codec in CHARSETS.items() if name},
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
}
"""MSH-18 of a ready message, in capitals -> Python codec: more than we write."""

_SPELLED: Final = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ħ": "h",
    "Ħ": "H",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
}
"""Letters that are not a letter with an accent."""


def replaced(text: str, codec: str, handling: str) -> str:
    """Replace the characters that `codec` lacks, as the profile's text.unencodable (`handling`) wants it.

    `strip-accents` keeps what is no letter, or has no plain letter that `codec` knows; `error` keeps everything.
    """
    if handling == "error":
        return text
    if handling == "question-mark":
        return text.encode(codec, "replace").decode(codec)
    composed = unicodedata.normalize("NFC", text)  # an accent may be a character of its own after its letter
    return "".join(char if fits(char, codec) else _plain(char, codec) for char in composed)


def _plain(char: str, codec: str) -> str:
    """Return what replaces a letter; the character itself where nothing does."""
    base = _SPELLED.get(char) or unicodedata.normalize("NFD", char)[0]
    return base if char.isalpha() and base.isalpha() and fits(base, codec) else char


def fits(text: str, codec: str) -> bool:
    """Return whether a codec has every character of a text."""
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
