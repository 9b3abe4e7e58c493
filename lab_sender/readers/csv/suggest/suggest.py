"""A table of a site's own to the format that would read it.

Holds: the way from a file's bytes to a suggestion with a line for each heading.
Promises: what is certain is a line that counts; all else is open, and the reader refuses the file until it is decided.
Nothing of a row but its kind is in it.
Never: changes a configuration, or takes a row for the header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from typing import Final

from lab_sender.errors import FileError
from lab_sender.readers.csv.suggest.analytes import NAMES
from lab_sender.readers.csv.suggest.cells import columns_of, kind_of
from lab_sender.readers.csv.suggest.headings import candidates_of, columns_lines
from lab_sender.readers.csv.suggest.settings import (
    dates_line,
    decimals_line,
    names_lines,
    needs,
    of_numbers,
    patient_line,
)
from lab_sender.readers.csv.suggest.suggestion import Line, Suggestion
from lab_sender.readers.csv.suggest.wide import WideColumns
from lab_sender.readers.csv.table import Table, is_table, read_table
from lab_sender.readers.refusals import refusal
from lab_sender.report.columns import DATES, KNOWN, normal

_WORDS: Final = KNOWN.keys() | NAMES
_DELIMITERS: Final = (";", "\t", ",", "|")
_DOS: Final = "cp850"
_LEAST_CELLS: Final = 3
_WITHIN: Final = 50  # lines


def suggest(data: bytes, name: str) -> Suggestion:
    """Suggest a format for the table in `data`, a file of the name `name`.

    Raises FileError: no table, no line of headings, quoting.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = b"   " + data[3:]
    if not is_table(data, _WORDS):
        raise refusal(data, len(data) - len(data.lstrip()))
    encoding, table = _table(data)
    unknown = {index for index, heading in enumerate(table.header) if normal(heading) not in KNOWN}
    is_long = "value" in {KNOWN.get(normal(heading)) for heading in table.header}
    wide = WideColumns(table, set() if is_long else unknown)
    columns = columns_of(table, without=wide.units_row)
    rest = [one for one in columns if one.index not in wide.tests and one.index not in wide.flags]
    suggestion = Suggestion(_pattern(name), table.header_row, columns[0].rows if columns else 0)
    suggestion.columns = columns_lines(rest)
    suggestion.tests = list(wide.lines(columns))
    suggestion.wide = list(wide.settings())
    by_name = {str(line.value): column for column, line in zip(rest, suggestion.columns, strict=True) if line.value}
    dates = [column for name, column in by_name.items() if name in DATES]
    dates += [column for column in rest if candidates_of(column.heading) and column.all_are("date")]
    suggestion.settings = [
        *_delimiter(data, encoding, table, _words_of(suggestion)),
        *([Line("encoding", encoding, "open", "letters of DOS: cp850, or cp437 in America?")] if encoding else []),
        *names_lines(by_name),
        *patient_line(by_name),
        *dates_line(dates),
        *decimals_line([*of_numbers(by_name), *(columns[index] for index in wide.tests)]),
    ]
    suggestion.needs = list(needs(by_name, wide=bool(wide.tests)))
    return suggestion


def _table(data: bytes) -> tuple[str, Table]:
    """Read the table, and say which encoding has to be declared for it, if one has."""
    for encoding in ("", _DOS):
        try:
            return encoding, _read(data, encoding)
        except FileError as error:
            if error.findings[0].code != "csv.encoding" or encoding:
                raise
    raise AssertionError("unreachable")


def _read(data: bytes, encoding: str) -> Table:
    try:
        return read_table(data, _WORDS, encoding=encoding)
    except FileError as error:
        if error.findings[0].code != "csv.header" or error.findings[0].place != "row 1":
            raise
        refused = error
    for delimiter, words in _lines_of_words(data, encoding):
        table = read_table(data, words, delimiter, encoding)
        below = columns_of(table)
        if any(column.all_are("point", "comma", "whole", "date", "time") for column in below):
            return table
    raise refused


def _lines_of_words(data: bytes, encoding: str) -> Iterator[tuple[str, Collection[str]]]:
    """Yield what may be headings: the first line of each delimiter that has words only, each once, as many as below."""
    text = data.decode(encoding or "utf-8", "replace")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()][:_WITHIN]
    for delimiter in _DELIMITERS:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
        for row, below in zip(rows, rows[1:], strict=False):
            words = [normal(cell) for cell in row]
            as_headings = all(kind_of(cell) == "word" for cell in row) and len(set(words)) == len(row)
            if len(row) == len(below) >= _LEAST_CELLS and as_headings:
                yield delimiter, set(filter(None, words))
                break


def _words_of(suggestion: Suggestion) -> set[str]:
    """Return what shows the header to a reader with this format."""
    tests = {normal(line.key) for line, _ in suggestion.tests}
    return KNOWN.keys() | tests | {normal(line.key) for line in suggestion.columns if line.state in ("known", "guess")}


def _delimiter(data: bytes, encoding: str, table: Table, words: Collection[str]) -> Iterator[Line]:
    """Say what stands between cells, where the reader would not find it out."""
    try:
        if read_table(data, words, encoding=encoding).header == table.header:
            return
    except FileError:
        pass
    for delimiter in _DELIMITERS:
        try:
            same = read_table(data, words, delimiter, encoding).header == table.header
        except FileError:
            continue
        if same:
            yield Line("delimiter", "tab" if delimiter == "\t" else delimiter, "guess", "guess: it gives equal rows")
            return


def _pattern(name: str) -> str:
    """Make a pattern of the names of such files: what changes from one to the next are the digits."""
    safe = "".join(f"[{sign}]" if sign in "[?*" else sign for sign in name)
    return re.sub(r"\d[\d._-]*(?=\.)|\d[\d_-]*", "*", safe) or "*"
