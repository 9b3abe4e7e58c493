"""A profile's conditions (`when`) on a finished message.

Holds: the tests of a condition.
Promises: a missing segment has no values: `=`, `in` and `present` fail, `!=`, `not in` and `absent` hold.
Never: changes a message.
"""

from __future__ import annotations

from lab_sender.config.profile.notation import Condition, FieldPath, Test
from lab_sender.hl7.escape import unescape
from lab_sender.oru.rules.sheet import Sheet, has_content


def holds(condition: Condition | None, sheet: Sheet, at: int) -> bool:
    """Return whether a condition holds as seen from line `at`; no condition always holds."""
    return condition is None or all(_passes(test, sheet, at) for test in condition.tests)


def empty_in(condition: Condition | None, sheet: Sheet, at: int) -> tuple[FieldPath, ...]:
    """Return the fields of a condition that have no value as seen from line `at`."""
    tests = condition.tests if condition is not None else ()
    return tuple([test.path for test in tests if not _values(test, sheet, at)])


def _values(test: Test, sheet: Sheet, at: int) -> list[str]:
    return [value for value in sheet.values(test.path, at) if has_content(value, sheet.delimiters)]


def _passes(test: Test, sheet: Sheet, at: int) -> bool:
    values = _values(test, sheet, at)
    if test.kind in ("present", "absent"):
        return bool(values) == (test.kind == "present")
    if sheet.delimiters.escape == "\\":
        values = [unescape(value) for value in values]
    return (not test.values.isdisjoint(values)) == (test.kind == "in")
