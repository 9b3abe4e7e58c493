"""The headings of a table to our columns.

Holds: what each column of one file is, by its format's own map, else by the headings we know.
Promises: every doubt about the header is named at once. Two columns that say the same thing, a column with data that
nobody has named, and a whole name whose form nobody has declared are errors: a part of a result may be in them.
Never: guesses what a heading means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lab_sender.config.inputs import CsvFormat
from lab_sender.errors import FileError, Finding
from lab_sender.readers.csv.table import Table, twins
from lab_sender.readers.csv.unknown import column_letter, unknown_columns
from lab_sender.readers.csv.wide import (
    OF_TEST,
    TestColumn,
    TestColumns,
    doubts,
    find_tests,
    looks_wide,
    mapped_too,
    spelled,
)
from lab_sender.readers.guards.words import bare
from lab_sender.report.columns import FAMILIES, KNOWN, NAMES, PASSED_OVER, TIMES_OF_DAY, Family, normal
from lab_sender.report.names import NameForm

_MARKS_OF_FAMILY: Final = 2
_MANY: Final = frozenset(("note", "order_note"))
"""Columns that may stand there more than once."""
_NEEDED: Final = (
    (("patient_id",), "whose the result is", "patient_id"),
    (("accession", "specimen_id"), "which order or specimen it is", "accession or specimen_id"),
    (("code", "text", "pdf"), "what was examined", "code or text"),
    (("value", "pdf"), "what the result is", "value"),
)
_BY_SPECIMEN: Final = (("patient_id", "specimen_id"), "whose the result is", "patient_id or specimen_id")
_NO_FAMILY: Final = Family("", frozenset(), dates=())
_PASS_OVER: Final = 'map its heading to our name under inputs.csv: columns, or to "" to pass it over.'
_NAME_APART: Final = (
    "They have one heading, and no setting sets them apart: have the export write two headings, or only one of them."
)
_NO_PLACE: Final = {normal(heading): heading for heading in PASSED_OVER}
_DATE_OR_TIME: Final = re.compile("date|datum|fecha|data|uhrzeit|zeit|time|tijd|heure|hora|ora")


class Layout(Struct, frozen=True):
    """What the columns of one table are.

    `places` is our name -> indexes of its columns (one, but for comments), `headings` the same in the file's words.
    `known` is heading -> our name for all that may stand there. `defaults` fill blank cells. `skips` find
    rows to be skipped: index of a column, and what is found in it. `names` are the forms of whole names, by their
    column. `by_specimen`: a row that names no patient is that of its specimen's number. `passed_over` are headings
    of columns with data for which a message has no place. `tests` are a wide table's, `units` is its row of units.
    """

    places: Mapping[str, tuple[int, ...]]
    known: Mapping[str, str]
    defaults: Mapping[str, str]
    skips: tuple[tuple[int, Callable[[str], object]], ...]
    dates: tuple[str, ...]
    family: Family
    headings: Mapping[str, str]
    names: Mapping[str, NameForm]
    by_specimen: bool
    passed_over: tuple[str, ...]
    tests: tuple[TestColumn, ...] = ()
    units: tuple[str, ...] = ()

    def is_no_row(self, texts: list[str], table: Table) -> bool:
        """Tell whether cells without blanks around them are the header again, the row of units, or nothing."""
        return not any(texts) or texts == table.header or (bool(self.units) and tuple(texts) == self.units)

    def skipped(self, cells: Sequence[str], *, whole: bool = True) -> bool:
        """Tell whether a rule of the site skips a row; one with a cell too many is known by its first cell alone."""
        return any(
            index < len(cells) and (whole or index == 0) and found(bare(cells[index])) for index, found in self.skips
        )

    def column(self, name: str) -> str:
        """Name a column as the file does; our name where it has none."""
        return self.headings.get(name, name)


def known_headings(form: CsvFormat) -> Mapping[str, str]:
    """Return heading, as it is compared -> our name, for files of a format."""
    return {**KNOWN, **_of_site(form)}


def header_words(form: CsvFormat) -> Collection[str]:
    """Return what shows a header in files of a format: headings, as they are compared, and a wide table's tests."""
    return known_headings(form).keys() | {normal(heading) for heading in (form.wide.tests if form.wide else ())}


def lay_out(table: Table, form: CsvFormat, *, declared: bool = True) -> Layout:
    """Find out what the columns of `table` are; `declared`: the site has a format for it.

    Raises FileError with everything that is in doubt.
    """
    headings = [normal(heading) for heading in table.header]
    family = next((one for one in FAMILIES if len(one.marks & set(headings)) >= _MARKS_OF_FAMILY), _NO_FAMILY)
    known = known_headings(form)
    places: dict[str, tuple[int, ...]] = {}
    row = f"row {table.header_row}"
    wide = find_tests(table, form.wide) if form.wide else TestColumns()
    named = _named(table, form, known, wide)
    for index, name in named.items():
        if name:
            places[name] = (*places.get(name, ()), index)
    for time, date in TIMES_OF_DAY.items():
        if time in places and date not in places and headings[places[time][0]] not in _of_site(form):
            places[date] = places.pop(time)
    layout = Layout(
        places=places,
        known={**known, **dict.fromkeys((normal(test.name) for test in wide.tests), "value")},
        defaults={**family.defaults, **{name: text for name, text in form.defaults.items() if text}},
        skips=tuple(_skips(form, headings, places)),
        dates=form.dates or family.dates,
        family=family,
        headings={name: " ".join(table.header[indexes[0]].split()) for name, indexes in places.items()},
        names={name: NameForm(getattr(form, name)) for name in NAMES if getattr(form, name)},
        by_specimen=form.patient_from == "specimen-id",
        passed_over=(),
        tests=tuple(wide.tests),
        units=tuple(map(str.strip, wide.units)) if wide.units_row else (),
    )
    unnamed = {index for index, name in named.items() if name is None}
    listed = _NO_PLACE.keys() - _of_site(form).keys()
    no_place = {index for index in named if headings[index] in listed}
    names = {places[name][0] for name in NAMES.keys() & places.keys() - layout.names.keys()}
    filled = _filled(table, layout, unnamed | no_place | names)
    unknown = sorted(unnamed & filled)
    findings = [
        *_absent(headings, form, row),
        *_twice(headings, layout, form, row),
        *_names_without_form(layout, filled, row),
        *_missing(layout, row, wide=form.wide is not None, looks_wide=looks_wide(table, unknown)),
        *(doubts(wide, form.wide, places, row) if form.wide else ()),
        *mapped_too(wide, table, {spelled(heading) for heading in form.columns}),
    ]
    if len(layout.skips) < len(form.skip_rows):
        text = "A rule of skip_rows names a column that this table does not have."
        hint = "Without it the rows cannot be kept apart."
        findings.append(Finding("csv.column-missing", text, place=row, hint=hint))
    if unknown:
        said = {*places, *layout.defaults, *(("code", "value") if wide.tests else ())}
        findings.append(unknown_columns(table, unknown, known, said, declared=declared))
    if findings:
        raise FileError(findings)
    lost = dict.fromkeys(_NO_PLACE[headings[index]] for index in sorted(no_place & filled))
    words = dict(layout.headings)
    for name, form_of_it in layout.names.items():
        for part in form_of_it.parts if name in places else ():
            words.setdefault(NAMES[name] + part, words[name])
    if layout.by_specimen and "specimen_id" in words:
        words.setdefault("patient_id", words["specimen_id"])
    return replace(layout, passed_over=tuple(lost), headings=words)


def _named(
    table: Table, form: CsvFormat, known: Mapping[str, str], wide: TestColumns
) -> dict[int, str | None]:
    """Name each column that is no test's; None where nobody does.

    A heading with the letters of one that the site names, but with other signs, is another where both stand there:
    `NEU#` and `NEU%`.
    """
    exact = {spelled(heading): name for heading, name in form.columns.items()}
    there = {normal(heading) for heading in table.header if spelled(heading) in exact}
    named: dict[int, str | None] = {}
    passed = wide.taken | twins(table)
    for index, heading in enumerate(table.header):
        if index in passed:
            continue
        word = normal(heading)
        name = exact.get(spelled(heading), KNOWN.get(word) if word in there else known.get(word))
        named[index] = "order_note" if form.wide and name == "note" else name  # it is of the row, not of one test
    return named


def _of_site(form: CsvFormat) -> dict[str, str]:
    return {normal(heading): name for heading, name in form.columns.items()}


def _skips(
    form: CsvFormat, headings: list[str], places: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[int, Callable[[str], object]]]:
    """Find the columns of the rules of skip_rows; a rule without one is left out."""
    for rule in form.skip_rows:
        wanted = normal(rule.column)
        indexes = (headings.index(wanted),) if wanted in headings else places.get(rule.column, ())
        if indexes:
            yield indexes[0], rule.matches.found_in


def _filled(table: Table, layout: Layout, indexes: Collection[int]) -> set[int]:
    """Return those of some columns in which a row says something that no rule skips."""
    blank = set(indexes)
    for _, cells in table.rows if blank else ():
        said = {index for index in blank if index < len(cells) and bare(cells[index])}
        if said and not layout.is_no_row([bare(cell) for cell in cells], table) and not layout.skipped(cells):
            blank -= said
    return set(indexes) - blank


# -------------------------------------------------------------- findings


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


def _twice(headings: list[str], layout: Layout, form: CsvFormat, row: str) -> Iterator[Finding]:
    """Tell columns that stand for the same thing, and a time of day beside the date of something else."""
    places = layout.places
    for name, (first, *others) in places.items():
        for index in others if name not in _MANY else ():
            text = f"This column and column {column_letter(first)} both stand for {name}."
            place = f"{row} column {column_letter(index)}"
            hint = _NAME_APART if headings[index] == headings[first] else f"One would be lost; {_PASS_OVER}"
            yield Finding("csv.column-twice", text, place=place, hint=hint)
    for time, date in TIMES_OF_DAY.items():
        if time in places and date in places:
            index, beside = places[time][0], places[date][0]
            heading = headings[index]
            if heading not in _of_site(form) and _is_of(heading) != _is_of(headings[beside]):
                text = f"The time of this column may not be that of the date in column {column_letter(beside)}."
                hint = f"If it is, map its heading to {time} under inputs.csv: columns."
                yield Finding("csv.column-twice", text, place=f"{row} column {column_letter(index)}", hint=hint)
    for name, form_of_it in layout.names.items():
        for part in form_of_it.parts if name in places else ():
            if NAMES[name] + part in places:
                text = f"This column and the one of {name} both say {NAMES[name]}{part}."
                place = f"{row} column {column_letter(places[NAMES[name] + part][0])}"
                hint = f"Take {{{part}}} out of inputs.csv: {name}, or {_PASS_OVER}"
                yield Finding("csv.column-twice", text, place=place, hint=hint)


def _is_of(heading: str) -> str:
    """Leave over what a date or a time of day is of: `collectiondate` and `collectiontime` are of one thing."""
    return _DATE_OR_TIME.sub("", heading)


def _names_without_form(layout: Layout, filled: Collection[int], row: str) -> Iterator[Finding]:
    for name, before in NAMES.items():
        index, *_ = layout.places.get(name, (-1,))
        if name in layout.names or index not in filled:
            continue
        if before + "given" in layout.places:
            likely = f'{name}: "{{family}}"'
        elif before + "family" in layout.places:
            likely = f'{name}: "{{given}}"'
        else:
            likely = f'{name}: "{{family}}, {{given}}", or {name}: "{{given}} {{family}}"'
        yield Finding(
            "csv.name-form",
            "Nobody has said how the whole names of this column are written.",
            place=f"{row} column {column_letter(index)}",
            hint=f"Write in the format of this file under inputs.csv: {likely}. If it holds no names of persons, map "
            "its heading to what it holds, under columns there.",
        )


def _missing(layout: Layout, row: str, *, wide: bool, looks_wide: bool) -> Iterator[Finding]:
    """Tell what no column and no default says."""
    for names, what, wanted in (_BY_SPECIMEN if layout.by_specimen else _NEEDED[0], *_NEEDED[1:]):
        of_test = not OF_TEST.isdisjoint(names)
        if not (wide and of_test) and not any(name in layout.places or name in layout.defaults for name in names):
            hint = f"Needed is {wanted}; name the column under inputs.csv: columns."
            if wanted == "patient_id":
                hint += (
                    " Where the export names no patient, and your HIS finds the patient by the specimen's number, "
                    "write there patient_from: specimen-id."
                )
            elif of_test and looks_wide:
                hint = (
                    "The table seems to have a column for each test: name them under inputs.csv: wide. "
                    "`lab-sender map FILE` writes the lines."
                )
            yield Finding("csv.column-missing", f"No column says {what}.", place=row, hint=hint)
