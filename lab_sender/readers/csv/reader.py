"""CSV and TSV: a table of results, one row an observation.

Holds: the way from a file's bytes to its reports, by the format that fits its name.
Promises: one bad accession never takes others with it. A file whose header or quoting is in doubt is quarantined as a
whole. No place or text repeats a cell.
Never: takes a table by its name alone, or drops a row that no rule of the site names.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator

from lab_sender.config.inputs import CsvFormat
from lab_sender.errors import FileError, Finding
from lab_sender.readers.csv.columns import Layout, header_words, lay_out
from lab_sender.readers.csv.places import rows_text
from lab_sender.readers.csv.reports import reports
from lab_sender.readers.csv.rows import Rows
from lab_sender.readers.csv.table import Table, is_table, read_table
from lab_sender.readers.items import Item, Remark

_BUILT_IN = CsvFormat()


class CsvReader:
    """Tables with `,` `;` TAB or `|` between their cells.

    `formats` are those of the site, tried in order; `nothing` its words for nothing, in lower case.
    """

    kind = "csv"

    def __init__(self, formats: tuple[CsvFormat, ...] = (), nothing: Collection[str] = ()) -> None:
        self._formats = formats
        self._nothing = nothing
        self._known = {heading for form in (*formats, _BUILT_IN) for heading in header_words(form)}

    def recognises(self, data: bytes, _start: int) -> bool:
        return is_table(data, self._known)

    def read(self, data: bytes, name: str) -> list[Item | Remark]:
        """Read a table. Raises FileError: encoding, header, quoting, no row."""
        fitting = (form for form in self._formats if fnmatch.fnmatchcase(name.lower(), form.files.lower()))
        form = next(fitting, _BUILT_IN)
        delimiter = "\t" if form.delimiter == "tab" else form.delimiter
        table = read_table(data, header_words(form), delimiter, form.encoding)
        layout = lay_out(table, form, declared=form is not _BUILT_IN)
        items, rows, remarks = reports(table, layout, decimal_comma=form.decimal_comma, nothing=self._nothing)
        if not items:
            raise FileError.of(
                "csv.no-row",
                f"There is no result below the header ({len(rows.skipped)} rows are skipped by rule).",
                place=f"row {table.header_row}",
                hint="Was the table written before it had content?",
            )
        return [*items, *_remarks(rows, layout, table), *map(Remark, remarks)]


def _remarks(rows: Rows, layout: Layout, table: Table) -> Iterator[Remark]:
    """Tell what of a table was not read, and which no report shows."""
    if rows.skipped:
        text = f"{_count(rows.skipped, 'row')} skipped by a rule of inputs.csv: skip_rows."
        yield Remark(Finding("csv.rows-skipped", text, place=rows_text(rows.skipped), severity="warning"))
    if rows.empty:
        text = f"{_count(rows.empty, 'row')} without a value in any test's column; nothing is sent of them."
        yield Remark(Finding("csv.rows-empty", text, place=rows_text(rows.empty), severity="warning"))
    if layout.passed_over:
        text = f"A message has no place for what stands in {', '.join(layout.passed_over)}."
        hint = 'Map them to "" under inputs.csv: columns, if you know and need not hear of it.'
        place = f"row {table.header_row}"
        yield Remark(Finding("csv.columns-passed-over", text, place=place, hint=hint, severity="warning"))
    if table.in_doubt:
        text = "The file is not UTF-8: a letter is read as that of Windows-1252, and may be another."
        hint = (
            "Look at its names in `lab-sender preview FILE`. Write in the format of this file under inputs.csv: "
            "encoding: cp1252 where they are right; else theirs, cp1250 for central Europe, cp1254 for Turkish."
        )
        yield Remark(Finding("csv.encoding-guessed", text, place=table.in_doubt, hint=hint, severity="warning"))
    above = [number for number, cells in table.above if any(map(str.strip, cells)) and not _says_delimiter(cells)]
    if above:
        text = f"{_count(above, 'line')} left out: what stands above the header is not sent."
        yield Remark(Finding("csv.lines-above", text, place=rows_text(above), severity="warning"))


def _count(numbers: list[int], what: str) -> str:
    return f"{len(numbers)} {what} is" if len(numbers) == 1 else f"{len(numbers)} {what}s are"


def _says_delimiter(cells: list[str]) -> bool:
    """Tell whether a line is that of a spreadsheet: `sep=;`."""
    return cells[0].lower().startswith("sep=")
