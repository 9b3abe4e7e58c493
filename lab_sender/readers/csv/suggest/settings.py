"""The settings of a format beside its columns: dates, decimals, names, and whose a row is.

Holds: what of a table's cells proves a setting, and what only hints at it.
Promises: a setting is a guess where the cells leave no choice, and open where they do.
Never: takes one cell's word for a column whose other cells contradict it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from lab_sender.readers.csv.suggest.cells import Column
from lab_sender.readers.csv.suggest.suggestion import Line
from lab_sender.readers.guards.words import has_decimal_comma
from lab_sender.report.columns import NAMES
from lab_sender.report.names import NameForm

_DATE: Final = re.compile(r"(?P<a>\d{1,2})(?P<mark>[./-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)(?!\d)", re.ASCII)
_NUMBERS: Final = ("value", "low", "high", "range")
_SAMPLES: Final = ("specimen_id", "accession", "patient_id")
_CONTROL: Final = re.compile(r"(?:QC|CTRL|CONTROL|KONTROLLE|CAL|CALIB|NEG|POS|BLANK|STD)(?![A-Z])", re.IGNORECASE)
_NAME_FORMS: Final = ("{family}, {given}", "{family}^{given}")
"""Forms that leave no choice which part is the family name."""


def dates_line(columns: Sequence[Column]) -> Iterator[Line]:
    """Say which forms the dates of these columns have, where a form is needed."""
    seen: dict[tuple[str, str], set[bool]] = {}
    for column in columns:
        for match in filter(None, map(_DATE.match, column.cells)):
            first, second = int(match["a"]), int(match["b"])
            proofs = seen.setdefault((match["mark"], "Y" * len(match["year"])), set())
            if (first > 12) != (second > 12):
                proofs.add(first > 12)
    forms, others = [], []
    for (mark, year), proofs in seen.items():
        day_first, month_first = (mark.join((*parts, year)) for parts in (("DD", "MM"), ("MM", "DD")))
        sure = False not in proofs if mark == "." else len(proofs) == 1 and len(year) == 4
        forms.append(month_first if proofs == {False} and mark != "." else day_first)
        others += [] if sure else [month_first if forms[-1] == day_first else day_first]
    if others:
        why = f"or {', '.join(others)}? Nothing in this file shows it, or its cells contradict each other"
        yield Line("dates", tuple(forms), "open", why)
    elif forms:
        yield Line("dates", tuple(forms), "guess", "guess: all dates of this file have this form")


def decimals_line(columns: Sequence[Column]) -> Iterator[Line]:
    """Say whether numbers have a decimal comma."""
    cells = [cell for column in columns for cell in column.cells]
    commas = [cell for cell in cells if re.search(r"\d,\d", cell)]
    sure = sum(has_decimal_comma(cell) is not None for cell in commas)
    points = any(re.search(r"\d\.\d", cell) for cell in cells)
    if sure and not points:
        yield Line("decimal_comma", True, "guess", f"guess: {sure} numbers have one, and none has a point")
    elif commas:
        why = "numbers with a comma and with a point" if points else "commas that may be of decimals or of thousands"
        yield Line("decimal_comma", True, "open", f"{why}: is the comma of decimals? If not, remove the line")


def names_lines(columns: Mapping[str, Column]) -> Iterator[Line]:
    """Say what the columns of whole names hold; `columns` by our names."""
    for name in NAMES.keys() & columns.keys():
        cells = columns[name].cells
        sure = [form for form in _NAME_FORMS if cells and all(NameForm(form).read(cell) for cell in cells)]
        if sure:
            yield Line(name, sure[0], "guess", "guess: all its cells have this form")
        elif cells:
            two = sum(len(cell.split()) == 2 for cell in cells)
            why = f'"{{given}} {{family}}", "{{family}} {{given}}", "{{family}}"? {two} of {len(cells)} are two words'
            yield Line(name, "{given} {family}", "open", why)


def patient_line(names: Collection[str]) -> Iterator[Line]:
    """Say whose a row is where no column does."""
    if "patient_id" not in names:
        why = "no column says the patient: map one to patient_id; or this, if your HIS finds patients by specimen_id"
        yield Line("patient_from", "specimen-id", "open", why)


def controls_line(columns: Mapping[str, Column]) -> Iterator[Line]:
    """Say which rule would pass over rows that look like those of control samples."""
    for name in _SAMPLES:
        cells = columns[name].cells if name in columns else ()
        found = [match[0].upper() for match in map(_CONTROL.match, cells) if match]
        if found:
            rule = f'{{column: {name}, matches: "^({"|".join(sorted(set(found)))})"}}'
            why = f"cells that begin so, {len(found)} here, look like control samples: are those rows no patient's?"
            yield Line("skip_rows", (rule,), "open", why)
            return


def needs(names: Collection[str], *, wide: bool) -> Iterator[str]:
    """Tell what no column says and a result cannot do without."""
    if not {"accession", "specimen_id"} & set(names):
        yield "no column says the order or specimen: map one to accession or specimen_id"
    if not wide and not {"code", "text", "pdf"} & set(names):
        yield "no column says what was examined: map one to code or text"
    if not wide and not {"value", "pdf"} & set(names):
        yield "no column says the result: map one to value"


def of_numbers(columns: Mapping[str, Column]) -> list[Column]:
    """Return the columns that hold numbers."""
    return [columns[name] for name in _NUMBERS if name in columns]
