"""Wide tables: a column for each test.

Holds: which columns of a table are a test, its flag and its unit, and how one row becomes a row for each test.
Promises: a test is found by its whole heading, signs included, for `NEU#` and `NEU%` are two. Every filled cell of
a test's columns is in one of the rows that come out; a blank one is a test that was not measured. A row of units that
is none, and a unit that is not the one declared, quarantine the file.
Never: takes a column for a test that the site does not name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from lab_sender.config.inputs import Wide, WideTest
from lab_sender.errors import FileError, Finding
from lab_sender.readers.csv.table import Table
from lab_sender.readers.csv.unknown import column_letter
from lab_sender.readers.guards.words import bare
from lab_sender.report.columns import KNOWN, normal

OF_TEST: Final = frozenset((
    "code", "text", "system", "local_code", "local_text", "local_system", "sub_id", "value", "value_text",
    "value_system", "unit", "range", "low", "high", "flag",
))  # fmt: skip
"""Columns of ours that a wide table has for each test, and so cannot have for all of a row."""
_UNIT: Final = re.compile(r"(?P<test>.*[^\s(\[])\s*(?:\((?P<round>[^()]+)\)|\[(?P<square>[^\[\]]+)\])\s*", re.DOTALL)
_NUMBER: Final = re.compile(r"[<>=]{0,2}\s*[+-]?\d+(?:[.,]\d+)*")
_WHOSE: Final = ("patient_id", "accession", "specimen_id", "family")
_LEAST_TESTS: Final = 2
_LEAST_NUMBERS: Final = 0.5  # of a column's filled cells


class TestColumn(Struct, frozen=True):
    """One test: its name, the indexes of its column and of its flags, cells that are the same in every row.

    `headings` are our names to the file's words for its columns.
    """

    name: str
    index: int
    flag: int | None
    cells: Mapping[str, str]
    headings: Mapping[str, str]


class TestColumns(Struct):
    """The tests of a table, the columns they take, the row of units, and what is in doubt."""

    tests: list[TestColumn] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    units: list[str] = field(default_factory=list)
    units_row: int = 0
    findings: list[Finding] = field(default_factory=list)


def spelled(heading: str) -> str:
    """Give a heading as tests are compared: without case and needless blanks, with all its signs."""
    return " ".join(heading.casefold().split())


def without_unit(heading: str) -> tuple[str, str]:
    """Part `HGB [g/dL]` or `WBC(10^9/L)` into test and unit; the unit is blank where no bracket ends the heading."""
    match = _UNIT.fullmatch(heading)
    return (match["test"], (match["round"] or match["square"]).strip()) if match else (heading, "")


def is_word_for_units(cell: str) -> bool:
    """Tell whether a cell is a heading of units: it may stand before a row of them."""
    return KNOWN.get(normal(cell)) == "unit"


def find_tests(table: Table, wide: Wide) -> TestColumns:
    """Find the columns of the tests that a format names."""
    found = TestColumns()
    parted = [without_unit(one) if wide.units == "heading" else (one, "") for one in table.header]
    names = [spelled(name) for name, _ in parted]
    found.units = _units_row(table, found) if wide.units == "row" else [unit for _, unit in parted]
    marks = [spelled(heading) for heading in table.header]
    for heading, test in wide.tests.items():
        indexes = [index for index, name in enumerate(names) if name == spelled(heading)]
        if len(indexes) != 1:
            found.findings.append(_not_one(heading, indexes, table))
            found.taken |= set(indexes)
            continue
        (index,) = indexes
        flag = _flag_of(heading, index, wide.flags, marks) if wide.flags else None
        unit = bare(found.units[index]) if index < len(found.units) else ""
        found.taken |= {index} if flag is None else {index, flag}
        cells, headings = _cells_of(heading, test, unit), _headings(table, index, flag)
        found.tests.append(TestColumn(spelled(heading), index, flag, cells, headings))
    found.findings += _used_twice(found, table)
    if wide.flags and found.tests and all(test.flag is None for test in found.tests):
        text = "No test has a column of flags, which inputs.csv: wide: flags names."
        hint = "Were they renamed? Correct the file or the setting."
        found.findings.append(Finding("csv.column-missing", text, place=f"row {table.header_row}", hint=hint))
    return found


def looks_wide(table: Table, unknown: Sequence[int]) -> bool:
    """Tell whether several of the columns that nobody knows hold mostly numbers."""
    return sum(_mostly_numbers(table, index) for index in unknown) >= _LEAST_TESTS


def doubts(found: TestColumns, wide: Wide, places: Mapping[str, tuple[int, ...]], row: str) -> Iterator[Finding]:
    """Tell what is in doubt of the tests of a wide table; `row` is its header, `places` are its other columns."""
    yield from found.findings
    for name in sorted(OF_TEST & places.keys()):
        yield Finding(
            "csv.column-twice",
            f"This column says {name} for all tests of a row, and inputs.csv: wide says it test by test.",
            place=f"{row} column {column_letter(places[name][0])}",
            hint='Map it to what it is of the order, such as order_text, or to "" where it is not to be sent.',
        )
    yield from _doubts_of_units(found, wide, places, f"row {found.units_row}" if found.units_row else row)


def _doubts_of_units(
    found: TestColumns, wide: Wide, places: Mapping[str, tuple[int, ...]], row: str
) -> Iterator[Finding]:
    """Tell a row of units that names a patient or holds numbers, and units that are not those of the format."""
    units = dict(enumerate(map(str.strip, found.units)))
    numbers = any(_NUMBER.fullmatch(units.get(test.index, "")) for test in found.tests)
    whose = [units.get(index, "") for name in _WHOSE for index in places.get(name, ())]
    if found.units_row and (numbers or any(cell and not is_word_for_units(cell) for cell in whose)):
        yield Finding(
            "csv.units-row", "This row should have the units of the columns, and has results.",
            place=row,
            hint="Export the row of units below the header, or take units: row out of inputs.csv: wide.",
        )  # fmt: skip
        return
    declared = {spelled(heading): test.unit for heading, test in wide.tests.items()}
    for test in found.tests:
        unit, wanted = units.get(test.index), declared[test.name]
        if unit and wanted and unit != wanted:
            yield Finding(
                "csv.unit", "The file gives this test another unit than inputs.csv: wide does.",
                place=f"{row} column {column_letter(test.index)}",
                hint="Was the analyser set to other units? Have it set back, or correct unit and range there.",
            )  # fmt: skip


def rows_of(
    tests: Sequence[TestColumn], texts: Sequence[str], common: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], Mapping[str, str]]]:
    """Yield cells and headings of one row for each test that has a value or a flag."""
    for test in tests:
        value = texts[test.index]
        flag = texts[test.flag] if test.flag is not None else ""
        if value or flag:
            own = {name: text for name, text in (("value", value), ("flag", flag)) if text}
            yield {**common, **test.cells, **own}, test.headings


def reject_other_units(
    number: int, texts: Sequence[str], tests: Sequence[TestColumn], places: Mapping[str, tuple[int, ...]]
) -> None:
    """Quarantine a table with a second row of units, that of a page: one that names nobody and has no number."""
    said = [texts[test.index] for test in tests if test.index < len(texts) and texts[test.index]]
    whose = [texts[index] for name in _WHOSE for index in places.get(name, ()) if index < len(texts) and texts[index]]
    if said and not any(map(_NUMBER.fullmatch, said)) and all(map(is_word_for_units, whose)):
        raise FileError.of(
            "csv.units-row", "This row names nobody, and has other words than the row of units where that has units.",
            place=f"row {number}",
            hint="If it has the units of the rows below it, put them into a file of their own. If it is no result, "
            "name it in a rule of inputs.csv: skip_rows.",
        )  # fmt: skip


def _units_row(table: Table, found: TestColumns) -> list[str]:
    """Take the first row below the header that is not blank for that of the units."""
    for number, row in table.rows:
        if any(bare(cell) for cell in row):
            found.units_row = number
            return row
    return []


def _flag_of(heading: str, index: int, flags: str, marks: Sequence[str]) -> int | None:
    """Find a test's flags: the column of a heading made of the test's, or else the next one if it is called so."""
    if "{test}" in flags:
        wanted = spelled(flags.replace("{test}", heading))
        return marks.index(wanted) if wanted in marks else None
    return index + 1 if marks[index + 1 : index + 2] == [spelled(flags)] else None


def _cells_of(heading: str, test: WideTest, unit: str) -> dict[str, str]:
    words = test.text or (heading if test.code else "")
    cells = {"code": test.code or heading, "text": words, "system": test.system, "unit": unit or test.unit}
    return {name: text for name, text in (cells | {"range": test.range}).items() if text}


def _headings(table: Table, index: int, flag: int | None) -> dict[str, str]:
    heading = " ".join(table.header[index].split())
    own = dict.fromkeys(("code", "text", "system", "value", "unit"), heading)
    return own if flag is None else {**own, "flag": " ".join(table.header[flag].split())}


def _used_twice(found: TestColumns, table: Table) -> Iterator[Finding]:
    """Tell columns that are a test's value and another's flags."""
    tests = {test.index for test in found.tests}
    for test in found.tests:
        if test.flag in tests:
            yield _at_odds(test.flag, "a test and for the flags of another", table, "Correct tests or flags there.")


def mapped_too(found: TestColumns, table: Table, headings: Collection[str]) -> Iterator[Finding]:
    """Tell columns of tests that `headings`, as tests are compared, give another meaning to."""
    for index in sorted(found.taken):
        if spelled(table.header[index]) in headings:
            hint = "Take its heading out of columns, or out of wide."
            yield _at_odds(index, "a test or its flags, and inputs.csv: columns for something else", table, hint)


def _at_odds(index: int, what: str, table: Table, hint: str) -> Finding:
    place = f"row {table.header_row} column {column_letter(index)}"
    return Finding("csv.column-twice", f"inputs.csv: wide takes this column for {what}.", place=place, hint=hint)


def _mostly_numbers(table: Table, index: int) -> bool:
    cells = [bare(row[index]) for _, row in table.rows if index < len(row) and bare(row[index])]
    return bool(cells) and sum(_NUMBER.fullmatch(cell) is not None for cell in cells) > _LEAST_NUMBERS * len(cells)


def _not_one(heading: str, indexes: Sequence[int], table: Table) -> Finding:
    if indexes:
        text = "Several columns have the heading of one test of inputs.csv: wide."
        hint = "Nobody could say which is meant; have the export name them apart."
        place = f"row {table.header_row} column {column_letter(indexes[1])}"
        return Finding("csv.column-twice", text, place=place, hint=hint)
    hint = "Was it renamed? Correct the file, or the format that fits its name."
    if any(spelled(without_unit(one)[0]) == spelled(heading) for one in table.header):
        hint = "The heading goes on with a unit in brackets: write units: heading under wide, or the whole heading."
    text = f"The column of the test {heading} that inputs.csv: wide names is not there."
    return Finding("csv.column-missing", text, place=f"row {table.header_row}", hint=hint)
