"""Words that stand for an empty value.

Holds: what programs and databases write as text where they have no value.
Promises: none of them is a usual result, unit or name.
Never: decides what becomes of one; readers/guards/ does.
"""

from __future__ import annotations

from typing import Final

WORDS_FOR_NOTHING: Final = ("NULL", "(null)", "<null>", "[NULL]", "None", "nan", "N/A", "undefined")
"""As they are usually written; case does not matter."""
