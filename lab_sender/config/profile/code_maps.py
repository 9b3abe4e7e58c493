"""Code maps: from the report's codes to the HIS's.

Holds: how a map's CSV file and its inline lines are read.
Promises: every code has one translation; what is written twice, half or wrongly is a mistake with its line.
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


def file_map(path: Path, file: str) -> tuple[dict[str, MappedCode], bytes, list[Mistake]]:
    """Read a CSV code map: its codes (`code` or `SYSTEM|code`), its bytes, and what is wrong with it.

    `file` is the name it is shown by. Raises Unreadable.
    """
    data, text = read_file(path, _LARGEST_BYTES, file, missing=FROM_HERE)
    codes: dict[str, MappedCode] = {}
    mistakes: list[Mistake] = []
    lines: dict[str, int] = {}
    try:
        for line, entry in _entries(text):
            if isinstance(entry, str):
                mistakes.append(Mistake(line, "", *_with_hint(entry), file=file))
                continue
            key, code = entry
            if key in codes:
                mistakes.append(Mistake(line, "", f"the code is also in line {lines[key]}", "keep one of them", file))
            codes.setdefault(key, code)
            lines.setdefault(key, line)
    except csv.Error:
        mistakes.append(Mistake(0, "", "is not CSV", "save it as CSV in UTF-8", file))
    return codes, data, mistakes


def _entries(text: str) -> Iterator[tuple[int, tuple[str, MappedCode] | str]]:
    """Give each line's code and translation, or `what is wrong; what to do`."""
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    columns = [name.strip().lower() for name in next(rows, [])]
    complaint = _header_complaint(columns)
    if complaint:
        yield 1, complaint
        return
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) > len(columns):
            yield rows.line_num, "has more cells than the first line; put a cell that holds the separator in quotes"
            continue
        named = dict(zip(columns, cells, strict=False))
        empty = [name for name in _NEEDED if not named.get(name)]
        if empty:
            yield rows.line_num, f"has no {empty[0]}; write one, or remove the line"
        elif not all(cell.isprintable() for cell in cells):
            yield rows.line_num, "holds a line break or control character; write each cell in one line"
        else:
            system = named.get("system", "")
            key = f"{system}|{named['code']}" if system else named["code"]
            yield (
                rows.line_num,
                (key, MappedCode(named["to_code"], named.get("to_text", ""), named.get("to_system", ""))),
            )


def _header_complaint(columns: list[str]) -> str:
    known = "known columns: " + ", ".join(_COLUMNS)
    for name in columns:
        if name not in _COLUMNS:
            return "has an unknown column; " + (did_you_mean(name, _COLUMNS, "'") or known)
    if len(set(columns)) < len(columns):
        return f"has a column twice; {known}"
    missing = [name for name in _NEEDED if name not in columns]
    return f"has no column {missing[0]}; {known}" if missing else ""


def _with_hint(complaint: str) -> tuple[str, str]:
    text, _, hint = complaint.partition("; ")
    return text, hint
