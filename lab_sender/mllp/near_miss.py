"""How a control id that came back differs from ours.

Holds: the known ways in which a HIS changes MSH-10 on its way into MSA-2.
Promises: names the way; quotes neither id.
Never: makes the other id count as ours.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([FSRET])\\")
_DELIMITERS = {"F": "|", "S": "^", "R": "~", "E": "\\", "T": "&"}


def near_miss(theirs: str, ours: str) -> str:
    """Say what `theirs` has of our id; "" where it is another one."""
    theirs = theirs.rstrip(" ")
    ours = ours.rstrip(" ")
    if not theirs or theirs == ours:
        return ""
    if theirs.strip() == ours.strip():
        return "our id with other blanks before it"
    if _ESCAPED.sub(lambda found: _DELIMITERS[found[1]], theirs) == ours:
        return "our id with its delimiters escaped"
    if theirs == re.split(r"[\^&]", ours, maxsplit=1)[0]:
        return "the first component of our id"
    if theirs.lstrip("0") == ours.lstrip("0"):
        return "our id without its leading zeros" if theirs[0] != "0" else "our id with other leading zeros"
    if theirs.casefold() == ours.casefold():
        return "our id in other letters, capital or small"
    if len(theirs) > 3 and ours.startswith(theirs):
        return f"the first {len(theirs)} characters of our id"
    if len(ours) > 3 and ours in theirs:
        return "our id with more around it"
    return ""
