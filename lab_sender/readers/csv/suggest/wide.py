"""Wide tables: which columns are tests, and where their units and flags stand.

Holds: what makes a column a test for certain: its cells are numbers, and its name or unit is one of the usual.
Promises: a column of numbers that is not certainly a test stays open.
Never: takes a column that heading and cells do not agree on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from lab_sender.readers.csv.suggest.analytes import is_test, is_unit
from lab_sender.readers.csv.suggest.cells import Column, columns_of
from lab_sender.readers.csv.suggest.suggestion import Line
from lab_sender.readers.csv.table import Table
from lab_sender.readers.csv.wide import is_word_for_units, spelled, without_unit

_LEAST_TESTS: Final = 2
_OF_FLAGS: Final = frozenset(("flag", "flags", "f", "m", "mark", "marker", "h/l", "hl", "abn", "*", "!", "kennz"))


class WideColumns:
    """The tests of a table that looks wide, their units and flags; nothing where it does not."""

    def __init__(self, table: Table, free: Collection[int]) -> None:
        self.tests: dict[int, str] = {}
        self.flags: dict[int, str] = {}
        self.pattern = ""
        self.units_row = _units_row(table, free)
        self._row = dict(enumerate(_row(table, self.units_row)))
        self.in_headings = False
        columns = columns_of(table, without=self.units_row)
        found = [column for column in columns if column.index in free and self._is_test(column)]
        if len(found) < _LEAST_TESTS:
            self.units_row = 0
            return
        parted = [without_unit(column.heading) for column in found]
        bare = [spelled(name) for name, unit in parted if is_unit(unit)]
        whole = [spelled(name) for name, unit in parted if not unit]
        others = any(unit and not is_unit(unit) for _, unit in parted)
        self.in_headings = bool(bare) and len(set(bare + whole)) == len(found) and not others and not self.units_row
        self.tests = {
            column.index: name if self.in_headings else column.heading
            for column, (name, _) in zip(found, parted, strict=True)
        }
        self._find_flags([column for column in columns if column.index in free and column.index not in self.tests])

    def lines(self, columns: Sequence[Column]) -> Iterator[tuple[Line, str]]:
        """Yield a line for each test, and the unit to be written in it, if any; those of one heading have one."""
        once = {spelled(name): index for index, name in reversed(self.tests.items())}
        for index, name in self.tests.items():
            if once[spelled(name)] != index:
                continue
            column = columns[index]
            unit = without_unit(column.heading)[1] if not self.in_headings and not self.units_row else ""
            yield Line(name, "", "guess", f"guess: {column.said}"), unit if is_unit(unit) else ""

    def settings(self) -> Iterator[Line]:
        """Yield the lines that say where units and flags stand."""
        if self.in_headings:
            yield Line("units", "heading", "guess", "guess: in brackets behind the names of tests")
        if self.units_row:
            yield Line("units", "row", "guess", f"guess: row {self.units_row} has units, and names nobody")
        if self.pattern:
            why = f"guess: so columns of flags are called, {len(self.flags)} here"
            yield Line("flags", self.pattern, "guess", why)

    def _is_test(self, column: Column) -> bool:
        name, unit = without_unit(column.heading)
        named = is_unit(unit) or is_test(name) or is_test(column.heading) or is_unit(self._row.get(column.index, ""))
        return named and column.is_numeric()

    def _find_flags(self, columns: Sequence[Column]) -> None:
        """Find the one pattern that headings of flags follow; one column behind the last test may be of all tests."""
        patterns: dict[str, dict[int, str]] = {}
        for column in columns:
            for index, test in self.tests.items():
                pattern = _pattern(column.heading, test, behind=index + 1 == column.index)
                if pattern and column.is_flags():
                    patterns.setdefault(spelled(pattern), {})[column.index] = pattern
        sure = [each for name, each in patterns.items() if "{test}" in name or len(each) >= _LEAST_TESTS]
        if sure:
            self.flags = max(sure, key=len)
            self.pattern = Counter(self.flags.values()).most_common(1)[0][0]


def _pattern(heading: str, test: str, *, behind: bool) -> str:
    """Return the form of a heading that names a test's flags; "" for another."""
    if behind and spelled(heading) in _OF_FLAGS:
        return heading
    low, name = heading.casefold(), test.casefold()
    before, there, after = low.partition(name)
    rest = (before + after).strip(" _-./()[]:")
    if not there or (rest not in _OF_FLAGS and (before + after).strip() not in _OF_FLAGS):
        return ""
    return f"{heading[: len(before)]}{{test}}{heading[len(before) + len(name) :]}"


def _units_row(table: Table, unknown: Collection[int]) -> int:
    """Return the number of the first row, if it has units in several columns that nobody knows, and nothing else."""
    number, row = next(((n, row) for n, row in table.rows if any(cell.strip() for cell in row)), (0, []))
    filled = [index for index, cell in enumerate(row) if cell.strip()]
    units = [index for index in filled if index in unknown and is_unit(row[index])]
    rest = [index for index in filled if index not in units and not is_word_for_units(row[index])]
    return number if len(units) >= _LEAST_TESTS and not rest else 0


def _row(table: Table, number: int) -> list[str]:
    return next((row for n, row in table.rows if n == number and number), [])
