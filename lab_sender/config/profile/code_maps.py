"""Code maps: from the report's codes to the HIS's.

Holds: how a map's CSV file and its inline lines are read.
Promises: every code has one translation; what is written twice, half or wrongly is a mistake with its line, and takes
no other line with it.
Never: knows what is translated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lab_sender.config.text.source import FROM_HERE, Mistake, read_file
from lab_sender.spelling import did_you_mean

_LARGEST_BYTES = 16 << 20
_COLUMNS = ("code", "to_code", "to_text", "to_system", "system")
_NEEDED = ("code", "to_code")


class MappedCode(NamedTuple):
    """What a code becomes. Empty text or system: the report's stays."""

    code: str
    text: str
    system: str


def inline_map(lines: Mapping[str, str]) -> dict[str, MappedCode]:
    """Read `code: CODE^TEXT^SYSTEM` lines, which the model has checked."""
    return {
        key: MappedCode(*(each.strip() for each in [*value.split("^"), "", ""][:3])) for key, value in lines.items()
    }


class FileMap(NamedTuple):
    """A CSV code map: its codes (`code` or `SYSTEM|code`) and their lines, its bytes, and what is wrong with it.

    `file` is the name it is shown by.
    """

    file: str
    codes: dict[str, MappedCode]
    lines: dict[str, int]
    data: bytes
    mistakes: list[Mistake]


def file_map(path: Path, file: str) -> FileMap:
    """Read a CSV code map; `file` is the name it is shown by. Raises Unreadable."""
    data, text = read_file(path, _LARGEST_BYTES, file, missing=FROM_HERE)
    read = FileMap(file, {}, {}, data, [])
    for line, entry in _entries(text):
        if isinstance(entry, _Wrong):
            read.mistakes.append(Mistake(line, "", entry.text, entry.hint, file, "config.map"))
            continue
        key, code = entry
        if key in read.codes:
            said = f"the code is also in line {read.lines[key]}"
            read.mistakes.append(Mistake(line, "", said, "keep one of them", file, "config.map"))
        read.codes.setdefault(key, code)
        read.lines.setdefault(key, line)
    return read


class _Wrong(NamedTuple):
    text: str
    hint: str


def _entries(text: str) -> Iterator[tuple[int, tuple[str, MappedCode] | _Wrong]]:
    """Give each line's code and translation, or what is wrong with it."""
    rows = _rows(text)
    _, head = next(rows, (1, []))
    columns = [name.strip().lower() for name in head] if isinstance(head, list) else []
    complaints = list(_of_header(columns)) if isinstance(head, list) else [head]
    yield from ((1, each) for each in complaints)
    for line, row in rows if not complaints else ():
        if isinstance(row, _Wrong):
            yield line, row
            continue
        cells = [cell.strip() for cell in row]
        named = dict(zip(columns, cells, strict=False))
        empty = [name for name in _NEEDED if not named.get(name)]
        if not any(cells):
            continue
        if len(cells) > len(columns):
            yield line, _Wrong("has more cells than the first line", "put a cell that holds the separator in quotes")
        elif not all(cell.isprintable() for cell in cells):
            yield line, _Wrong("holds a line break or control character", "write each cell in one line")
        elif empty:
            yield line, _Wrong(f"has no {' and no '.join(empty)}", "write it, or remove the line")
        else:
            system = named.get("system", "")
            key = f"{system}|{named['code']}" if system else named["code"]
            yield line, (key, MappedCode(named["to_code"], named.get("to_text", ""), named.get("to_system", "")))


def _rows(text: str) -> Iterator[tuple[int, list[str] | _Wrong]]:
    """Give the cells of each row with its first line; a row that is no CSV takes no other with it."""
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    while True:
        line = rows.line_num + 1
        try:
            yield line, next(rows)
        except csv.Error:
            yield line, _Wrong("is not CSV", "a cell with a quote in it stands in quotes, and each quote twice")
        except StopIteration:
            return


def _of_header(columns: list[str]) -> Iterator[_Wrong]:
    known = "known columns: " + ", ".join(_COLUMNS)
    unknown = [(n, name) for n, name in enumerate(columns, 1) if name not in _COLUMNS]
    for n, name in unknown:
        yield _Wrong(f"has an unknown column, number {n}", did_you_mean(name, _COLUMNS, "'") or known)
    for name in dict.fromkeys(each for each in columns if each in _COLUMNS and columns.count(each) > 1):
        yield _Wrong(f"has the column {name} twice", known)
    missing = [name for name in _NEEDED if name not in columns]
    if missing and not unknown:
        yield _Wrong(f"has no column {' and no '.join(missing)}", known)
