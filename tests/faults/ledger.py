"""Which faults of the list have a test, and what came of it here.

Holds: the list (70 numbered faults and 33a of the first round, 71 to 111 of the second), how a test names its
faults, and the line at the end of a run.
Promises: a fault counts as covered where a test of it ran and none failed; one that could only be skipped is told
with the word that the test gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

FAULTS = (*(f"{number:02}" for number in range(1, 112)), "33a")
_NAMED = re.compile(r"(?<![a-z])fault((?:_\d{2,3}a?)+)")


def faults_of(test: str) -> list[str]:
    """Return the faults that a test's id names: `test_fault_51_52_links` and `[fault_27-split]`."""
    return [number for found in _NAMED.findall(test) for number in found.strip("_").split("_")]


def without_a_test(tests: Iterable[str]) -> list[str]:
    """Return the faults of the list that none of these tests is for."""
    tested = {number for test in tests for number in faults_of(test)}
    return [number for number in FAULTS if number not in tested]


class Ledger:
    """A pytest plugin that gathers what came of the fault tests; under xdist it belongs to the controller."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self._skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take one test's outcome."""
        for number in faults_of(report.nodeid):
            if report.failed:
                self._failed.add(number)
            elif report.skipped:
                word = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                self._skipped[number] = word.removeprefix("Skipped: ")
            elif report.when == "call":
                self._passed.add(number)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell it in one line, where any fault test ran."""
        covered = self._passed - self._failed
        skipped = {number: word for number, word in sorted(self._skipped.items()) if number not in self._passed}
        if not (covered or skipped or self._failed):
            return
        told = [f"faults: {len(FAULTS) - 1} in the list and 33a, {len(covered)} covered"]
        told += [f"failed: {', '.join(sorted(self._failed))}"] if self._failed else []
        told += [f"skipped here: {_listed(skipped)}"] if skipped else []
        terminalreporter.write_line(", ".join(told), red=bool(self._failed))


def _listed(words: dict[str, str]) -> str:
    return ", ".join(f"{number} ({word})" for number, word in words.items())
