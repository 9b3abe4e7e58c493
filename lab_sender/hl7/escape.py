r"""Text to an ER7 leaf, and back.

Holds: the escape sequences of HL7 v2 (chapter 2, 2.7) for the delimiters `|^~\&`, and `#` where the message has it.
Promises: reversible, `unescape(escape(x)) == x` with every line end read back as LF where lines are written as
`\.br\`; whatever the text, the leaf has no delimiter, no CR and no LF in it.
Never: escapes a control character but tab, CR and LF; the others are a finding of the caller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

find_control: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search
"""Find a control character that has no escape."""

_DELIMITERS: Final = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\t": "\\X09\\"}
_TRUNCATION: Final = {"#": "\\P\\"}
LINE_END: Final = re.compile(r"\r\n?|\n")
_SEQUENCE: Final = re.compile(r"\\(?:([FSTREP])|X([0-9A-Fa-f]+)|(\.br))\\")
_PLAIN: Final = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", "P": "#"}


class Escaping:
    """The escapes of messages with one set of delimiters."""

    def __init__(self, more: Mapping[str, str]) -> None:
        escapes = {**_DELIMITERS, **more}
        self._string = str.maketrans({**escapes, "\r": "\\X0D\\", "\n": "\\X0A\\"})
        self._lines = str.maketrans({**escapes, "\n": "\\.br\\"})
        delimiters = re.escape("".join(escapes))
        self.needs_care = re.compile(rf'[{delimiters}"\x00-\x1f\x7f-\x9f]').search
        """Find the first character that needs an escape or a finding; a text without one can be copied as it is."""
        self.joined = lru_cache(4096)(self._joined)
        """Cached `_joined`: a report repeats the same few codes and names."""

    def escape(self, text: str) -> str:
        r"""Escape a text of type ST, ID, IS and the like: CR and LF become `\X0D\` and `\X0A\`."""
        return text.translate(self._string)

    def escape_lines(self, text: str) -> str:
        r"""Escape a text of type FT or TX: every line end (CR, LF, CRLF) becomes `\.br\`."""
        return LINE_END.sub("\n", text).translate(self._lines)

    def _joined(self, values: tuple[str, ...], separator: str) -> str | None:
        """Join texts that need no care, without the empty ones at the end; None where one does."""
        return None if self.needs_care("".join(values)) else separator.join(values).rstrip(separator)


_STANDARD: Final = Escaping({})
_WITH_TRUNCATION: Final = Escaping(_TRUNCATION)

escape = _STANDARD.escape
escape_lines = _STANDARD.escape_lines
needs_care = _STANDARD.needs_care


def escaping(delimiters: str) -> Escaping:
    """Return the escapes of messages whose MSH-2 is `delimiters`: `^~\\&`, or `^~\\&#` of version 2.7."""
    return _WITH_TRUNCATION if "#" in delimiters else _STANDARD


def unescape(leaf: str) -> str:
    """Return the text of a leaf. Sequences with no plain text (highlighting, local ones) stay as they are."""
    return _SEQUENCE.sub(_replace, leaf) if "\\" in leaf else leaf


def _replace(match: re.Match[str]) -> str:
    letter, digits, line = match.groups()
    if letter:
        return _PLAIN[letter]
    if line:
        return "\n"
    try:
        return bytes.fromhex(digits).decode("utf-8")
    except ValueError:
        return match[0]
