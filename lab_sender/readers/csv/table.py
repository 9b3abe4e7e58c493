"""A file's bytes to a table: encoding, delimiter, header line, rows.

Holds: how a table is known from other text, and how its cells are cut.
Promises: rows are numbered as a spreadsheet shows them, header included. A quoted cell that does not end, goes on
after its quote, or has swallowed whole rows quarantines the file: everything behind it is in doubt.
Never: knows what a column means, beyond finding the line that holds most headings we know.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from lab_sender.errors import FileError
from lab_sender.readers.guards.words import bare
from lab_sender.report.columns import normal

if TYPE_CHECKING:
    import _csv

_DELIMITERS = (",", ";", "\t", "|")
_LOOK = 1 << 16  # bytes of the first look
_LOOK_FOR_BINARY = 1024
_HEADER_WITHIN = 50  # lines
_LEAST_KNOWN = 2  # headings that make a line a header
_SURELY = 3  # headings that no line has by chance
_LEAST_CELLS = 3  # of lines that are taken for a table, and not for prose with commas
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_KEPT_AS_TEXT = re.compile(r'\A\s*="([^"]*)"\s*\Z')
"""How exports keep a spreadsheet from taking an identifier for a number."""
_END_MARK = "\x1a"  # of DOS
_DIGIT = re.compile(r"\d")
_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_LETTERS = (
    ("cp850", re.compile(r"[A-Za-z][\u201e\u201a]|[A-Za-z][\u201d\u2122][a-z]|\u00e6(?:/|[lL]\b|mol|kat)")),
    (
        "cp1250",
        re.compile(r"[a-z\u00e0-\u00f6][\u00b3\u00b9\u00bf][a-z\u00e0-\u00f6]|[A-Z\u00c0-\u00d6]\u00a3[A-Z\u00c0-\u00d6]"),
    ),
    ("cp1251", re.compile(r"[\u00e0-\u00f6\u00f8-\u00ff]{5}")),
)
"""What letters of other code pages look like in Windows-1252: those of DOS and its micro sign, Polish, Cyrillic."""
_ALIKE = ("cp1250", "cp1254", "cp1257")
"""Code pages that look like Windows-1252, and that have other letters in some places."""


class NoHeadings(FileError):
    """No line holds headings that we know."""


class EncodingUnknown(FileError):
    """The table's letters are not those of the encoding it is read in."""


def _other_letters() -> Iterator[str]:
    for byte in (bytes([n]) for n in range(0x80, 0x100)):
        letter = byte.decode("cp1252", "ignore")
        if letter.isalpha() and any(byte.decode(alike, "replace") != letter for alike in _ALIKE):
            yield letter


_IN_DOUBT = re.compile(f"[{''.join(_other_letters())}]")
_OTHER_START = re.compile(r"(?i)\s*(?:[{<]|\[(?![a-z][\w .-]*\][;,\t| ]*[\r\n])|MSH[^A-Z0-9])|(?s:.*)[\r\n]MSH\|")


class Table(Struct, frozen=True):
    """A header and what stands below and `above` it. `header_row` is the header's number; rows come with theirs.

    `in_doubt` is the line of the first letter that was taken for one of Windows-1252, and is another in a code page
    like that; "" where there is none.
    """

    header: list[str]
    header_row: int
    rows: list[tuple[int, list[str]]]
    above: list[tuple[int, list[str]]]
    in_doubt: str = ""


def is_table(data: bytes, known: Collection[str]) -> bool:
    """Tell by a cheap look whether a file is a table: a line of known headings, or lines with equally many cells."""
    look = data[:_LOOK]
    text = look.decode("utf-16", "replace") if look.startswith(_UTF16) else look.decode("latin-1")
    text = text.rstrip(_END_MARK)
    if _CONTROL.search(text, 0, _LOOK_FOR_BINARY) or _OTHER_START.match(text):
        return False
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()][:_HEADER_WITHIN]
    for delimiter in _DELIMITERS:
        rows = [line.split(delimiter) for line in lines]
        if any(_count_known(row, known) >= _LEAST_KNOWN for row in rows):
            return True
        if any(len(one) == len(next_one) >= _LEAST_CELLS for one, next_one in itertools.pairwise(rows)):
            return True
    return False


def read_table(data: bytes, known: Collection[str], delimiter: str = "", encoding: str = "") -> Table:
    """Read the table in `data`. `known` are the headings, as they are compared, that may stand in it.

    Raises FileError: encoding, no header, quoting.
    """
    text, in_doubt = _decoded(data, encoding)
    lines = list(io.StringIO(text, newline=""))
    delimiters = (delimiter,) if delimiter else _DELIMITERS
    heads = [
        (_count_known(row, known), -number, line, row, one)
        for one in delimiters
        for number, (line, row) in enumerate(_loosely(lines, one), 1)
    ]
    best, first, line_number, header, cut = max(heads, key=lambda head: head[:2], default=(0, 0, 0, [""], ""))
    if best < _LEAST_KNOWN:
        raise NoHeadings.of(
            "csv.header",
            "No line of this table holds headings that we know.",
            place="row 1",
            hint="docs/files/csv.md lists them; name others under inputs.csv: columns. `lab-sender map` writes them.",
        )
    for count, number, _, _, one in heads:
        if count >= _SURELY and one == cut and number > first:
            raise another_header(-number)
    rows = list(_strictly(lines[line_number:], cut, -first, len(header)))
    if any('="' in line for line in lines):
        rows = [(number, [_KEPT_AS_TEXT.sub(r"\1", cell) for cell in row]) for number, row in rows]
    above = [(-number, row) for _, number, _, row, one in heads if one == cut and number > first]
    return Table([bare(cell) for cell in header], -first, rows, above, in_doubt)


def is_header(row: list[str], known: Collection[str]) -> bool:
    """Tell whether a row surely is a header."""
    return _count_known(row, known) >= _SURELY


def another_header(row: int) -> FileError:
    """Say that a file has two headers: what stands under the one is not what stands under the other."""
    return FileError.of(
        "csv.header",
        "This line is a header too, of other columns than the table's.",
        place=f"row {row}",
        hint="Put each table into a file of its own.",
    )


def twins(table: Table) -> set[int]:
    """Return the columns that say nothing which an earlier column of their heading does not say in the same row.

    A query that joins two tables writes such.
    """
    first: dict[str, int] = {}
    found = set()
    for index, heading in enumerate(table.header):
        other = first.setdefault(heading.casefold(), index) if heading else index
        cells = ((bare(row[index]), bare(row[other])) for _, row in table.rows if len(row) > index)
        if other != index and all(own in ("", its) for own, its in cells):
            found.add(index)
    return found


def reject_words_alone(rows: Iterable[tuple[int, list[str]]], numbers: Collection[int]) -> None:
    """Refuse a table with a row of words alone, whose others have a number in each of the columns `numbers`."""
    words, others = 0, False
    for number, texts in rows:
        if any(texts[index] for index in numbers) and not _DIGIT.search("".join(texts)):
            words = words or number * (sum(map(bool, texts)) >= _LEAST_CELLS)
        others = others or all(_DIGIT.search(texts[index]) for index in numbers)
    if words and others:
        raise FileError.of(
            "csv.header",
            "This row has words alone, where others have numbers of patient and order: it seems a header too.",
            place=f"row {words}",
            hint="Put each table into a file of its own, or name all of its rows in rules of inputs.csv: skip_rows.",
        )


def cutter(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> _csv.Reader:
    """Cut lines into cells; blanks between a delimiter and a quote are no part of a cell: `A1, "5.4"`."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def likely_encoding(data: bytes) -> str:
    """Say what the letters of a table look like that is not in UTF-8."""
    text = data.decode("cp1252", "replace")
    found = next((encoding for encoding, looks in _OTHER_LETTERS if looks.search(text)), "")
    return found or ("cp850" if "\ufffd" in text else "cp1252")


def _decoded(data: bytes, encoding: str) -> tuple[str, str]:
    """Return the text, and the line of the first letter in doubt."""
    if data.startswith(_UTF16):
        encoding = "utf-16"
    in_doubt = ""
    try:
        try:
            text = data.decode(encoding or "utf-8")
        except UnicodeDecodeError:
            if encoding:
                raise
            text = data.decode("cp1252")
            for _, looks in _OTHER_LETTERS:
                if other := looks.search(text):
                    raise _encoding_fault("UTF-8 or Windows-1252, it seems", _line_at(text, other.start())) from None
            if letter := _IN_DOUBT.search(text):
                in_doubt = _line_at(text, letter.start())
    except UnicodeDecodeError as error:
        raise _encoding_fault(encoding or "UTF-8 or Windows-1252", f"byte {error.start}") from None
    text = text.rstrip(_END_MARK)
    if control := _CONTROL.search(text):
        raise FileError.of(
            "file.binary",
            "The table holds control characters.",
            place=_line_at(text, control.start()),
            hint="It is no text, or its writer crashed and left it incomplete; have it written again.",
        )
    return text.removeprefix("\ufeff").removeprefix("   "), in_doubt  # the reader's blanks for a byte order mark


def _encoding_fault(encoding: str, place: str) -> FileError:
    return EncodingUnknown.of(
        "csv.encoding",
        f"A character cannot be read as {encoding}.",
        place=place,
        hint="Name the encoding under inputs.csv (cp850 for DOS, cp1250 for central Europe, cp1251 for Cyrillic), or "
        "have the file written in UTF-8.",
    )


def _line_at(text: str, position: int) -> str:
    return f"line {len(_LINE_END.findall(text, 0, position)) + 1}"


def _loosely(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Cut the first lines whatever they are: the number of lines used up, and the cells."""
    reader = cutter(lines, delimiter)
    try:
        for row in itertools.islice(reader, _HEADER_WITHIN):
            yield reader.line_num, row
    except csv.Error:
        return


def _strictly(lines: Iterable[str], delimiter: str, before: int, width: int) -> Iterator[tuple[int, list[str]]]:
    """Cut the rows below the header, whose number is `before`, and which has `width` cells."""
    number, used = before, 0
    reader = cutter(lines, delimiter, strict=True)
    try:
        for row in reader:
            number += 1
            of_lines, used = reader.line_num - used, reader.line_num
            if of_lines > 1 and any(_swallowed_rows(cell, n, delimiter, width) for n, cell in enumerate(row)):
                raise _quoting_fault("A quoted cell of this row holds whole rows: a quote is missing.", number)
            yield number, row
    except csv.Error:
        text = "A quoted cell of this row does not end, or goes on after its closing quote."
        raise _quoting_fault(text, number + 1) from None


def _swallowed_rows(cell: str, column: int, delimiter: str, width: int) -> bool:
    """Tell whether the lines of a cell are the end of one row, whole rows, and the beginning of another."""
    cuts = [line.count(delimiter) for line in _LINE_END.split(cell)]
    ends = len(cuts) > 1 and (cuts[0], cuts[-1]) == (width - 1 - column, column)
    return ends and width >= _LEAST_CELLS and set(cuts[1:-1]) <= {width - 1, 0}


def _quoting_fault(text: str, row: int) -> FileError:
    return FileError.of(
        "csv.quoting", text, place=f"row {row}",
        hint='A quote inside a quoted cell is written twice (""). Nothing of this file was sent.',
    )  # fmt: skip


def _count_known(row: list[str], known: Collection[str]) -> int:
    """Count the different headings in a row that are known, with or without a unit in brackets behind them."""
    names = {normal(cell): normal(cell.partition("(")[0].partition("[")[0]) for cell in row}
    return len({name for name, bare in names.items() if name in known or bare in known})
