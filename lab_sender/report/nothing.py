"""Words for nothing.

Holds: what programs and databases write into a text where there is nothing.
Promises: none of them is a usual result, unit or name.
Never: decides what becomes of one; readers/guards/ does.
"""

from __future__ import annotations

from typing import Final

WORDS_FOR_NOTHING: Final = ("NULL", "(null)", "<null>", "[NULL]", "None", "nan", "N/A", "undefined")
"""As they are usually written; they are compared without case."""
