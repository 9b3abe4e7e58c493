"""The patients of the tests.

Holds: names, ids and values that stand nowhere else, so that a search finds what has leaked.
Promises: `MARKS` are exactly the bytes that must appear in no log and no error text of the whole test run
(the search is in conftest.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FAMILY = "Zwiebelmayer"
GIVEN = "Gundelinde"
PATIENT_ID = "PAT7731942"
VALUE = "98765.43"
NOTE = "Quittengelee auf nuechternen Magen"

_MARKS = (FAMILY, GIVEN, PATIENT_ID, VALUE, "Quittengelee", "ZEBRAPATIENT", "Secretfamily", "0012345", "4781203")
MARKS = tuple(mark.encode() for mark in _MARKS)
"""The last four are the patients of tests/cli, tests/mllp and tests/results."""


def is_named(number: str, text: str) -> bool:
    """Say whether a patient's number stands in a text by itself: times and hashes have all digits."""
    return re.search(rf"(?<![0-9A-Za-z]){number}(?![0-9A-Za-z])", text) is not None


def leaks(folder: Path) -> Iterator[str]:
    """Yield each file and mark where a patient is found."""
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        yield from (f"{path.name} holds {mark.decode()}" for mark in MARKS if mark in data)
