"""Whether a PDF is whole.

Holds: the end mark of a PDF (ISO 32000-1, 7.5.5), and where it is looked for.
Promises: a PDF without it counts as cut off; up to a kilobyte may follow the mark, as PDF readers allow it.
Never: reads the document.
"""

from __future__ import annotations

_END_WITHIN = 1024
CUT_HINT = "Drop the report again with the whole PDF. If yours never end so: attachments.cut in docs/PROFILES.md."


def is_cut(data: bytes) -> bool:
    """Say whether this is a PDF without its end mark: its writer broke off, or has not finished."""
    return data.startswith(b"%PDF-") and b"%%EOF" not in data[-_END_WITHIN:]
