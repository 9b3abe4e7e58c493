"""A profile's conditions, made ready to be asked.

Holds: the tests of a condition on a finished message.
Promises: a segment that is not there has no values: `=`, `in` and `present` fail, `!=`, `not in` and `absent` hold.
Never: changes a message.
"""

from __future__ import annotations

from lab_sender.config.profile.notation import Condition, Test
from lab_sender.hl7.escape import unescape
from lab_sender.oru.rules.sheet import Sheet, says_something


def holds(condition: Condition | None, sheet: Sheet, at: int) -> bool:
    """Tell whether a condition holds, looked at from line `at`; no condition always does."""
    return condition is None or all(_passes(test, sheet, at) for test in condition.tests)


def _passes(test: Test, sheet: Sheet, at: int) -> bool:
    values = [value for value in sheet.values(test.path, at) if says_something(value, sheet.delimiters)]
    if test.kind in ("present", "absent"):
        return bool(values) == (test.kind == "present")
    if sheet.delimiters.escape == "\\":
        values = [unescape(value) for value in values]
    return (not test.values.isdisjoint(values)) == (test.kind == "in")
