r"""Text to ER7 leaf, and back.

Holds: the escape sequences of HL7 v2 (chapter 2, 2.7) for the delimiters `|^~\&`.
Promises: reversible, `unescape(escape(x)) == x` with every line end read back as LF where lines are written as
`\.br\`; whatever the text, the leaf has no delimiter, no CR and no LF in it.
Never: lets a control character through. Tab, CR and LF have an escape; the others are the caller's finding.
"""

from __future__ import annotations

import re
from typing import Final

needs_care: Final = re.compile(r'[|^&~\\"\x00-\x1f\x7f-\x9f]').search
"""Find the first character for which a text cannot simply be copied: the quick way past this module."""

find_control: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search
"""Find a control character that has no escape."""

_DELIMITERS: Final = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\t": "\\X09\\"}
_STRING: Final = str.maketrans({**_DELIMITERS, "\r": "\\X0D\\", "\n": "\\X0A\\"})
_LINES: Final = str.maketrans({**_DELIMITERS, "\n": "\\.br\\"})
_LINE_END: Final = re.compile(r"\r\n?")
_SEQUENCE: Final = re.compile(r"\\(?:([FSTRE])|X([0-9A-Fa-f]+)|(\.br))\\")
_PLAIN: Final = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}


def escape(text: str) -> str:
    r"""Escape a text of type ST, ID, IS and the like: CR and LF become `\X0D\` and `\X0A\`."""
    return text.translate(_STRING)


def escape_lines(text: str) -> str:
    r"""Escape a text of type FT or TX: every line end (CR, LF, CRLF) becomes `\.br\`."""
    return _LINE_END.sub("\n", text).translate(_LINES)


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
