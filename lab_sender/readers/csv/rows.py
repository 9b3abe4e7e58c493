"""The rows of a table, cell by cell.

Holds: which rows are results, their cells by our names with dates as ISO 8601, and what a row must say.
Promises: every row comes out once: read, of a wrong width, or skipped by a rule of the site; one that stands above
the header quarantines the file. What is wrong with a row is noted in it.
Never: looks at two rows together, but for the dates of a column and the mark of its decimals.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from lab_sender.errors import FileError, Finding
from lab_sender.readers.csv.columns import Layout
from lab_sender.readers.csv.dates import DateColumn, NotADateError, joined
from lab_sender.readers.csv.parts import FINAL
from lab_sender.readers.csv.table import Table, another_header, is_header, reject_words_alone
from lab_sender.readers.csv.wide import reject_other_units, rows_of
from lab_sender.readers.guards.words import (
    SPOILT,
    SPOILT_HINT,
    Kind,
    bare,
    has_decimal_comma,
    is_spoilt,
    nothing_said,
)
from lab_sender.report.columns import DATES, NAMES, OF_RESULT, TIMES_OF_DAY, normal

_NUMBERS: Final = ("value", "low", "high", "range")
IDS: Final = frozenset(("patient_id", "accession", "specimen_id", "placer", "visit", "account", "orderer_id"))
"""Columns of identifiers: compared letter by letter, and easily spoilt by a spreadsheet."""
_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(IDS, "number"),
    **dict.fromkeys(("low", "high", "range"), "range"),
    **dict.fromkeys(("sub_id", "code", "order_code", "local_code"), "code"),
    "value": "value",
}
_NEEDED: Final = frozenset(("patient_id", "accession", "specimen_id", "code", "value", "status", "order_status"))
"""Columns in which a word for nothing is no statement."""
_OF_A_RESULT: Final = frozenset(name for name in OF_RESULT if not name.startswith(("lab", "code", "text", "system")))
"""Columns of a result but for those that name its test, or its laboratory."""
_THOUSANDS: Final = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])")
_TELLING: Final = ("patient_id", "accession", "specimen_id", "code", "text", "value")
"""Only these columns are checked for a repeated header."""
_WHOSE: Final = ("patient_id", "accession", "specimen_id")
_ALWAYS: Final = frozenset(("patient_id", "value"))
_SAY_SOMETHING: Final = ("pdf", "order_note", "order_status", "status")
"""Columns that make a row without a result more than a row without a result."""
_LEAST_ALIKE: Final = 4  # columns that a line above the header fills as every row does
_DASH: Final = re.compile(r"(?<=[\d ])[-\u2013]")
_COMMA: Final = re.compile(r"(?<=\d),(?=\d)", re.ASCII)
_WITH_COMMA: Final = re.compile(
    r"[<>=]{0,2}\s*[+-]?\d+,\d+(?:\s*-\s*\d+(?:,\d+)?)?|\d+\s*-\s*\d+,\d+", re.ASCII
)


class Row(Struct):
    """One row, or one test of a row: its number, its cells that are not blank by our names, what is wrong with it.

    `headings` are our names to the file's words for columns that only this row has: those of a wide table's test.
    """

    number: int
    cells: dict[str, str]
    headings: Mapping[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class Rows(Struct):
    """The rows of a table: those that can be read; by their numbers, those of another width than the header, those
    that a rule skips, and those of a wide table that have no result."""

    rows: list[Row] = field(default_factory=list)
    broken: dict[int, list[str]] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)


def sort_out(table: Table, layout: Layout) -> Rows:
    """Part the rows of a table."""
    width, least = len(table.header), _least_width(table, layout)
    telling = {0, *(layout.places[name][0] for name in _TELLING if name in layout.places)}
    numbers = {index for name in _WHOSE for index in layout.places.get(name, ())}
    sorted_out, whole = Rows(), []
    for number, raw in table.rows:
        texts = [bare(cell) for cell in raw]
        if layout.is_no_row(texts, table):
            continue
        words = [texts[index] for index in telling if index < len(texts) and texts[index][:1].isalpha()]
        if any(normal(word) in layout.known for word in words) and is_header(texts, layout.known):
            raise another_header(number)
        if layout.skipped(texts, whole=not any(texts[width:])):
            sorted_out.skipped.append(number)
            continue
        if layout.units:
            reject_other_units(number, texts, layout.tests, layout.places)
        if len(texts) < least or any(texts[width:]):
            sorted_out.broken[number] = texts
            continue
        whole.append((number, texts := texts + [""] * (width - len(texts))))
        if rows := _rows_of(number, texts, layout):
            sorted_out.rows += rows
        else:
            sorted_out.empty.append(number)
    reject_words_alone(whole, numbers)
    _refuse_rows_above(table, layout, sorted_out.rows)
    return sorted_out


def _least_width(table: Table, layout: Layout) -> int:
    """Return how many cells a row must have: up to the last heading, or the last column that has a name."""
    counted = {index for indexes in layout.places.values() for index in indexes}
    return 1 + max(index for index, heading in enumerate(table.header) if heading or index in counted)


def _rows_of(number: int, texts: list[str], layout: Layout) -> list[Row]:
    """Make a row of a row; of a wide table's, one for each test. None of one that has no result and says nothing."""
    cells = _cells(texts, layout)
    if not layout.tests:
        return [Row(number, cells)]
    rows = [Row(number, own, headings) for own, headings in rows_of(layout.tests, texts, cells)]
    says = any(texts[index] for name in _SAY_SOMETHING for index in layout.places.get(name, ()))
    return rows or ([Row(number, cells)] if says else [])


def _cells(texts: list[str], layout: Layout) -> dict[str, str]:
    """Name the cells of a row that are not blank."""
    cells: dict[str, str] = {}
    for name, indexes in layout.places.items():
        for index in indexes:
            if text := texts[index]:
                cells[name] = f"{cells[name]}\n{text}" if name in cells else text
    for name, text in layout.defaults.items():
        cells.setdefault(name, text)
    return cells


def _refuse_rows_above(table: Table, layout: Layout, rows: Iterable[Row]) -> None:
    """Quarantine a table whose header was sorted in among its rows: one with a data row above the header."""
    above = [(number, [bare(cell) for cell in raw]) for number, raw in table.above if len(raw) == len(table.header)]
    below = [row.cells.keys() for row in rows if row.cells.keys() >= _ALWAYS] if above else []
    alike = set.intersection(*map(set, below)) if below else set()
    for number, texts in above if len(alike) >= _LEAST_ALIKE else ():
        filled = any(row.cells.keys() >= alike for row in _rows_of(number, texts, layout))
        if filled and not layout.skipped(texts):
            raise FileError.of(
                "csv.header", "A row stands above the header.", place=f"row {number}",
                hint="Was the table sorted with its header? Put the header on top. A line that is no row can go.",
            )  # fmt: skip


def read_cells(
    rows: Sequence[Row], layout: Layout, *, decimal_comma: bool, nothing: Collection[str] = ()
) -> list[Finding]:
    """Turn cells into what they mean, and check each row by itself; return remarks.

    `nothing`: words for nothing, in lower case.
    """
    remarks = [*_times_of_nothing(rows, layout, nothing), *_tests_without_code(rows, layout)]
    for row in rows:
        _take_names(row, layout, nothing)
        _join_times(row, layout)
        if layout.by_specimen and "specimen_id" in row.cells:
            row.cells.setdefault("patient_id", row.cells["specimen_id"])
    _read_dates(rows, layout, nothing)
    commas = decimal_comma or any(map(_has_a_decimal_comma, rows))
    for row in rows:
        if commas:
            _refuse_thousands(row, layout)
        if decimal_comma:
            _take_commas(row)
        _check_row(row, layout, nothing)
    return remarks


def _take_names(row: Row, layout: Layout, nothing: Collection[str]) -> None:
    """Take whole names apart by their forms."""
    for name, form in layout.names.items():
        text = row.cells.pop(name, "")
        parts = {form.main: text} if text.casefold() in nothing else form.read(text) if text else {}
        if parts is None:
            said = "This name is not of the form that is declared for this file."
            hint = f"Correct it, or inputs.csv: {name}; or have its parts written into columns of their own."
            row.findings.append(finding("csv.name", said, row, layout, name, hint))
        row.cells |= {NAMES[name] + part: said for part, said in (parts or {}).items()}


def _times_of_nothing(rows: Iterable[Row], layout: Layout, nothing: Collection[str]) -> Iterator[Finding]:
    """Take words for nothing out of columns with times of day, which no part of a report has."""
    for name in TIMES_OF_DAY.keys() & layout.places.keys():
        emptied = [row for row in rows if row.cells.get(name, "").casefold() in nothing]
        for row in emptied:
            del row.cells[name]
        if emptied:
            times = len({row.number for row in emptied})
            yield nothing_said(f"row {emptied[0].number} column {layout.column(name)}", times)


def _tests_without_code(rows: Iterable[Row], layout: Layout) -> Iterator[Finding]:
    named = [row.number for row in rows if "text" in row.cells and "code" not in row.cells]
    if named:
        text = "The test has a name and no code: many receivers find a test by its code alone."
        times = f" So it is {len(named)} times." if len(named) > 1 else ""
        hint = "If they are codes, map the heading to code in inputs.csv: columns; codes.maps.test translates names."
        place = f"row {named[0]} column {layout.column('text')}"
        yield Finding("csv.test-without-code", text + times, place=place, hint=hint, severity="warning")


def _join_times(row: Row, layout: Layout) -> None:
    """Put times of day to their dates."""
    for name in [each for each in row.cells if each in TIMES_OF_DAY]:
        text, date = row.cells.pop(name), TIMES_OF_DAY[name]
        try:
            row.cells[date] = joined(row.cells.get(date, ""), text)
        except NotADateError as error:
            row.findings.append(finding(error.code, str(error), row, layout, name, error.hint))
            row.cells.pop(date, None)


def _read_dates(rows: Iterable[Row], layout: Layout, nothing: Collection[str]) -> None:
    for name in filter(DATES.__contains__, layout.places):
        column = DateColumn(
            {row.cells.get(name, "") for row in rows},
            layout.dates,
            us_zones=layout.family.us_zones,
            birth=name == "birth",
        )
        for row in rows:
            if (text := row.cells.get(name)) and text.casefold() not in nothing:
                try:
                    row.cells[name] = column.read(text)
                except NotADateError as error:
                    row.findings.append(finding(error.code, str(error), row, layout, name, error.hint))


def _has_a_decimal_comma(row: Row) -> bool:
    """Tell whether a number of a row, or one of the two of a range, has a decimal comma for certain."""
    texts = [row.cells[name] for name in _NUMBERS if name in row.cells]
    return any(has_decimal_comma(part.strip("()[] ")) for text in texts if "," in text for part in _DASH.split(text))


def _refuse_thousands(row: Row, layout: Layout) -> None:
    """Refuse `250.000` where commas are the mark of decimals: it is 250 for one reader, 250 thousand for another."""
    for name in _NUMBERS:
        of_the_file = name in layout.places or name in row.headings
        if of_the_file and _THOUSANDS.search(row.cells.get(name, "")):
            said = "Other numbers of this table have a decimal comma: the dot of this one may stand for thousands."
            row.findings.append(finding("csv.number", said, row, layout, name, "Write it without a dot."))


def _take_commas(row: Row) -> None:
    for name in _NUMBERS:
        text = row.cells.get(name, "")
        if "," in text and _WITH_COMMA.fullmatch(text):
            row.cells[name] = _COMMA.sub(".", text)


def _check_row(row: Row, layout: Layout, nothing: Collection[str]) -> None:
    """Find what a row does not say and must, and what a spreadsheet has spoilt in it."""
    cells = row.cells
    for name, text in cells.items():
        if is_spoilt(_KINDS.get(name, "text"), text) or (name in _NEEDED and text.casefold() in nothing):
            row.findings.append(finding("csv.spoilt", SPOILT, row, layout, name, SPOILT_HINT))
    if "patient_id" not in cells:
        row.findings.append(_missing("whose the result is", "patient_id", row, layout))
    if not (cells.keys() & {"accession", "specimen_id"}):
        row.findings.append(_missing("which order or specimen it is", "accession", row, layout))
    tested = "code" in cells or "text" in cells
    if not tested and (_tells_of_a_result(cells, layout) or not cells.keys() & {"order_code", "order_text"}):
        row.findings.append(_missing("what was examined", "code", row, layout))
    status = cells.get("status") or cells.get("order_status") or ""
    final = status.lower() in FINAL and (tested or "pdf" not in cells)
    if "value" not in cells and (final or cells.keys() & {"value_text", "value_system"}):
        row.findings.append(_missing("what the result is", "value", row, layout))


def _tells_of_a_result(cells: dict[str, str], layout: Layout) -> bool:
    """Tell whether a row says something itself of a result; that it is final says nothing."""
    said = {name for name in _OF_A_RESULT & cells.keys() if cells[name] != layout.defaults.get(name)}
    return bool(said) and not (said == {"status"} and cells["status"].lower() in FINAL)


def _missing(what: str, name: str, row: Row, layout: Layout) -> Finding:
    hint = "Fill the cell. A row that is no result, such as a total, needs a rule of inputs.csv: skip_rows."
    return finding("csv.missing", f"Nothing in this row says {what}.", row, layout, name, hint)


def finding(code: str, text: str, row: Row, layout: Layout, name: str, hint: str) -> Finding:
    column = row.headings.get(name) or layout.column(name)
    return Finding(code, text, place=f"row {row.number} column {column}", hint=hint)
