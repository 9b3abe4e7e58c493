"""A table of a site's own to the format that would read it.

Holds: the way from a file's bytes to a suggestion with a line for each heading.
Promises: what is certain is a line that counts; all else is open. Nothing of a row but its kind is in it.
Never: changes a configuration, or takes a row for the header.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from lab_sender.errors import FileError
from lab_sender.readers.csv.suggest.analytes import NAMES
from lab_sender.readers.csv.suggest.cells import Column, columns_of, kind_of
from lab_sender.readers.csv.suggest.headings import columns_lines
from lab_sender.readers.csv.suggest.settings import (
    controls_line,
    dates_line,
    decimals_line,
    names_lines,
    needs,
    of_numbers,
    patient_line,
)
from lab_sender.readers.csv.suggest.suggestion import Line, Suggestion
from lab_sender.readers.csv.suggest.wide import WideColumns
from lab_sender.readers.csv.table import (
    EncodingUnknown,
    NoHeadings,
    Table,
    cutter,
    likely_encoding,
    read_table,
    twins,
)
from lab_sender.report.columns import DATES, KNOWN, normal

_WORDS: Final = KNOWN.keys() | NAMES
_DELIMITERS: Final = (";", "\t", ",", "|")
_ENCODINGS: Final = "cp1252 west, cp1250 central Europe, cp1251 Cyrillic, cp1254 Turkish, cp850 or cp437 DOS"
_LEAST_CELLS: Final = 3
_WITHIN: Final = 50  # lines
_CHANGES: Final = re.compile(r"(?<![^\W_])\d(?:[\d._-]*(?=\.)|[\d_-]*)|\d{4}[\d_-]*")
"""What changes in a file's name from one to the next: a number, and not the digits of `E411`."""


def suggest(data: bytes, name: str) -> Suggestion:
    """Suggest a format for the table in `data`, a file of the name `name`.

    Raises FileError: encoding, no line of headings, quoting.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = b"   " + data[3:]
    encoding, table = _table(data)
    named = [KNOWN.get(normal(heading)) for heading in table.header]
    free = {index for index, name in enumerate(named) if name is None or name == "flag"}
    wide = WideColumns(table, set() if "value" in named else free)
    columns = columns_of(table, without=wide.units_row)
    apart = wide.tests.keys() | wide.flags.keys() | twins(table)
    rest = [one for one in columns if one.index not in apart]
    suggestion = Suggestion(_pattern(name), table.header_row, columns[0].rows if columns else 0)
    suggestion.columns = columns_lines(rest, wide=bool(wide.tests))
    suggestion.tests = list(wide.lines(columns))
    suggestion.wide = list(wide.settings())
    by_name = {str(line.value): column for column, line in zip(rest, suggestion.columns, strict=True) if line.value}
    dates = [column for name, column in by_name.items() if name in DATES]
    dates += [column for column, line in zip(rest, suggestion.columns, strict=True) if _open_date(column, line)]
    suggestion.settings = [
        *_delimiter(data, encoding, table, _words_of(suggestion)),
        *_encoding(encoding),
        *names_lines(by_name),
        *patient_line(by_name),
        *controls_line(by_name),
        *dates_line(dates),
        *decimals_line([*of_numbers(by_name), *(columns[index] for index in wide.tests)]),
    ]
    suggestion.columns = _each_once(suggestion.columns)
    suggestion.needs = list(needs(by_name, wide=bool(wide.tests)))
    return suggestion


def _each_once(lines: Sequence[Line]) -> list[Line]:
    """Keep one line of those with one heading: YAML takes a key once."""
    kept: dict[str, Line] = {}
    for line in lines:
        if line.key not in kept or kept[line.key].state == "empty":
            kept[line.key] = line
    return list(kept.values())


def _open_date(column: Column, line: Line) -> bool:
    return line.state == "open" and column.all_are("date")


def _table(data: bytes) -> tuple[str, Table]:
    """Read the table, and say which encoding has to be declared for it, if one has."""
    try:
        table = _read(data, "")
    except EncodingUnknown:
        encoding = likely_encoding(data)
        return encoding, _read(data, encoding)
    return "cp1252" if table.in_doubt else "", table


def _encoding(encoding: str) -> Iterator[Line]:
    """Say whose letters those of the table may be, where nothing is certain."""
    if encoding:
        yield Line("encoding", encoding, "open", f"the file is not UTF-8; whose letters has it? {_ENCODINGS}")


def _read(data: bytes, encoding: str) -> Table:
    try:
        return read_table(data, _WORDS, encoding=encoding)
    except NoHeadings as error:
        failed = error
    for delimiter, words in _lines_of_words(data, encoding):
        table = read_table(data, words, delimiter, encoding)
        below = columns_of(table)
        if any(column.all_are("point", "comma", "whole", "date", "time") for column in below):
            return table
    raise failed


def _lines_of_words(data: bytes, encoding: str) -> Iterator[tuple[str, Collection[str]]]:
    """Yield what may be headings: for each delimiter the first line of words, as many as below and no two alike."""
    text = data.decode(encoding or "utf-8", "replace")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()][:_WITHIN]
    for delimiter in _DELIMITERS:
        rows = [[cell.strip() for cell in row] for row in cutter(lines, delimiter)]
        for row, below in itertools.pairwise(rows):
            words = [normal(cell) for cell in row]
            as_headings = all(kind_of(cell) == "word" for cell in row) and len(set(words)) == len(row)
            if len(row) == len(below) >= _LEAST_CELLS and as_headings:
                yield delimiter, set(filter(None, words))
                break


def _words_of(suggestion: Suggestion) -> set[str]:
    """Return what shows the header to a reader with this format."""
    tests = {normal(line.key) for line, _ in suggestion.tests}
    return KNOWN.keys() | tests | {normal(line.key) for line in suggestion.columns if line.state == "guess"}


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
    """Make a pattern of the names of such files."""
    safe = "".join(f"[{sign}]" if sign in "[?*" else sign for sign in name)
    return _CHANGES.sub("*", safe) or "*"
