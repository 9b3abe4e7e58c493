"""The headings of a table to our columns.

Holds: what each column of one file is, by its format's own map, else by the headings we know.
Promises: every doubt about the header is told at once. Two columns that say the same thing, a heading that is nearly
one of ours, one that speaks of results, and data without a heading are errors, for any of them may be a lost result.
Never: repeats a heading we do not know: the line may be a patient's.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from lab_sender.errors import FileError, Finding
from lab_sender.readers.csv.table import Table
from lab_sender.readers.csv.wide import OF_TEST, TestColumn, TestColumns, doubts_of_units, find_tests, looks_wide
from lab_sender.readers.settings import CsvFormat, SkipRule
from lab_sender.report.columns import FAMILIES, KNOWN, Family, normal

_MARKS_OF_FAMILY: Final = 2
_MANY: Final = frozenset(("note", "order_note"))
"""Columns that may stand there more than once."""
_OF_RESULTS: Final = frozenset((
    "result", "results", "value", "values", "unit", "units", "range", "flag", "flags", "abnormal", "interpretation",
    "status", "comment", "comments", "note", "notes", "remark", "remarks", "reference", "qualifier", "comparator",
    "modifier", "dilution", "critical", "limit", "limits", "organism", "isolate", "antibiotic", "mic",
    "susceptibility", "einheit", "ergebnis", "wert", "referenzbereich", "normbereich", "kommentar", "bemerkung",
    "befund", "keim",
))  # fmt: skip
"""Words of headings that speak of results, in English and German."""
_NEAR: Final = 0.8  # as difflib measures; a shorter heading is near to too much
_LEAST_LETTERS: Final = 5
_NEEDED: Final = (
    (("patient_id",), "whose the result is", "patient_id"),
    (("accession", "specimen_id"), "which order or specimen it is", "accession or specimen_id"),
    (("code", "text", "pdf"), "what was examined", "code or text"),
    (("value", "pdf"), "what the result is", "value"),
)
_NO_FAMILY: Final = Family("", frozenset(), dates=())
_PASS_OVER: Final = 'map its heading to our name under inputs.csv: columns, or to "" to pass it over.'
_LOOKS_WIDE: Final = (
    "The table seems to have a column for each test: name them under inputs.csv: wide. `lab-sender map FILE` writes "
    "the lines."
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of one table are.

    `places` is our name -> indexes of its columns (one, but for comments), `headings` the same in the file's words.
    `known` is heading -> our name for all that may stand there. `defaults` fill blank cells. `skips` tell
    rows to be skipped: index of a column, and what is found in it. `unknown` are indexes of columns with data that
    nobody knows. `tests` are the columns of a wide table's tests, and `units_row` is the number of its row of units.
    """

    places: Mapping[str, tuple[int, ...]]
    known: Mapping[str, str]
    defaults: Mapping[str, str]
    skips: tuple[tuple[int, Callable[[str], object]], ...]
    dates: tuple[str, ...]
    family: Family
    headings: Mapping[str, str]
    unknown: tuple[int, ...]
    tests: tuple[TestColumn, ...] = ()
    units_row: int = 0

    def column(self, name: str) -> str:
        """Name a column as the file does; our name where it has none."""
        return self.headings.get(name, name)


def known_headings(form: CsvFormat) -> Mapping[str, str]:
    """Return heading, as it is compared -> our name, for files of a format."""
    return {**KNOWN, **{normal(heading): name for heading, name in form.columns.items()}}


def header_words(form: CsvFormat) -> Collection[str]:
    """Return what shows a header in files of a format: headings, as they are compared, and a wide table's tests."""
    return known_headings(form).keys() | {normal(heading) for heading in (form.wide.tests if form.wide else ())}


def lay_out(table: Table, form: CsvFormat) -> Layout:
    """Find out what the columns of `table` are. Raises FileError with everything that is in doubt."""
    headings = [normal(heading) for heading in table.header]
    row = f"row {table.header_row}"
    family = next((one for one in FAMILIES if len(one.marks & set(headings)) >= _MARKS_OF_FAMILY), _NO_FAMILY)
    defaults = {**family.defaults, **{name: text for name, text in form.defaults.items() if text}}
    known = known_headings(form)
    findings = list(_absent(headings, form, row))
    places: dict[str, tuple[int, ...]] = {}
    unknown = []
    placed = partial(_heading_place, row)
    wide = find_tests(table, form.wide, placed) if form.wide else TestColumns()
    findings += wide.findings
    for index, heading in enumerate(headings):
        if index in wide.taken:
            continue
        name = known.get(heading)
        if form.wide and name == "note":
            name = "order_note"  # it is of the row, not of one test
        if name is None:
            unknown.append(index)
            findings += _unknown(table, index, known, row)
        elif name in places and name not in _MANY:
            findings.append(
                Finding(
                    "csv.column-twice",
                    f"This column and column {column_letter(places[name][0])} both stand for {name}.",
                    place=f"{row} column {column_letter(index)}",
                    hint=f"One would be lost; {_PASS_OVER}",
                )
            )
        elif form.wide and name in OF_TEST:
            findings.append(_of_one_test(name, f"{row} column {column_letter(index)}"))
        elif name:
            places[name] = (*places.get(name, ()), index)
    if form.wide:
        findings += doubts_of_units(wide, form.wide, places, placed)
    for names, what, wanted in _NEEDED:
        if form.wide and not OF_TEST.isdisjoint(names):
            continue
        if not any(name in places or name in defaults for name in names):
            text = f"No column tells {what}."
            hint = f"Needed is {wanted}; name the column under inputs.csv: columns."
            if not OF_TEST.isdisjoint(names) and looks_wide(table, unknown):
                hint = _LOOKS_WIDE
            findings.append(Finding("csv.column-missing", text, place=row, hint=hint))
    skips = []
    for rule in form.skip_rows:
        indexes = _skip_column(rule, headings, places)
        if indexes:
            skips.append((indexes[0], rule.matches.found_in))
        else:
            text = "A rule of skip_rows names a column that this table does not have."
            hint = "Without it the rows cannot be told apart."
            findings.append(Finding("csv.column-missing", text, place=row, hint=hint))
    if findings:
        raise FileError(findings)
    words = {name: " ".join(table.header[indexes[0]].split()) for name, indexes in places.items()}
    told = tuple([index for index in unknown if _has_data(table, index)])
    dates = form.dates or family.dates
    tests = tuple(wide.tests)
    return Layout(places, known, defaults, tuple(skips), dates, family, words, told, tests, wide.units_row)


def column_letter(index: int) -> str:
    """Name a column as a spreadsheet does: A, B ... Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _heading_place(row: str, index: int) -> str:
    return f"{row} column {column_letter(index)}"


def _of_one_test(name: str, place: str) -> Finding:
    return Finding(
        "csv.column-twice",
        f"This column says {name} for all tests of a row, and inputs.csv: wide says it test by test.",
        place=place,
        hint='Map it to what it is of the order, such as order_text; to "" to pass it over; or list it as a test.',
    )


def _absent(headings: list[str], form: CsvFormat, row: str) -> Iterator[Finding]:
    """Tell the headings of a format that the file lacks: a renamed column would be a lost one."""
    for heading, name in form.columns.items():
        if name and normal(heading) not in headings:
            yield Finding(
                "csv.column-missing",
                f"The column that inputs.csv maps to {name} is not there.",
                place=row,
                hint="Was it renamed? Correct the file, or the format that fits its name.",
            )


def _unknown(table: Table, index: int, known: Mapping[str, str], row: str) -> Iterator[Finding]:
    """Tell an unknown column that may hold a part of a result; others are passed over."""
    heading = table.header[index]
    place = f"{row} column {column_letter(index)}"
    if not normal(heading):
        if _has_data(table, index):
            text = "There is data in a column without a heading."
            yield Finding("csv.column-unknown", text, place=place, hint=f"To go on, {_PASS_OVER}")
        return
    near = difflib.get_close_matches(normal(heading), known, 1, _NEAR)
    if near and known[near[0]] and len(heading) >= _LEAST_LETTERS:
        text = f"This heading is nearly that of the column {known[near[0]]}, but not quite."
        yield Finding("csv.column-unknown", text, place=place, hint=f"Correct it, or {_PASS_OVER}")
    elif not _OF_RESULTS.isdisjoint(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading).lower())):
        text = "This heading is not known, and seems to be of a part of the result."
        yield Finding("csv.column-unknown", text, place=place, hint=f"To go on, {_PASS_OVER}")


def _has_data(table: Table, index: int) -> bool:
    return any(len(cells) > index and cells[index].strip() for _, cells in table.rows)


def _skip_column(rule: SkipRule, headings: list[str], places: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    wanted = normal(rule.column)
    return (headings.index(wanted),) if wanted in headings else places.get(rule.column, ())
