"""How things look: times, sizes, tables, message segments.

Holds: tables as they are shown, the encoding of the standard streams, and small formats that several commands share.
Promises: colours and the terminal's width on a terminal; plain, whole lines in a pipe, in UTF-8 whatever the system's
code page is. JSON is valid everywhere. A file name or a message cannot act on the terminal: whatever is not printable
is shown as `\\x1b`.
Never: decides what is shown.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from msgspec import to_builtins

from lab_sender import files
from lab_sender.cli.grid import Column, Grid
from lab_sender.log import in_json, printable, printable_json

if TYPE_CHECKING:
    from lab_sender.operations.values import Found, Value

_WIDE = 100_000
_LONG = 400
_MOST_ON_TERMINAL = {"control id": 20, "code": 26}
"""Characters on a terminal of _USUAL columns; of what is beyond it each gets half."""
_USUAL = 120
_STANDARD_ERROR = 2


def set_up_streams() -> None:
    """Let what goes through a pipe or into a file be UTF-8. A terminal keeps its encoding.

    What an encoding lacks is written by JSON's escape, so that JSON stays JSON there too. Input that is not UTF-8 is
    kept as `files.valid_name` and its like know it. What whoever started us has closed leads to nowhere.
    """
    _open_closed()
    codecs.register_error("json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="json")
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")  # PowerShell writes a mark before it


def _open_closed() -> None:
    """Open what is closed of the three: else the next file that is opened is what we, or a child, print into."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= _STANDARD_ERROR:
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # as long as we run


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_json, error.object[error.start : error.end])), error.end


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    fold: tuple[str, ...] = (),
    spare: Mapping[str, int] | None = None,
) -> Grid:
    """Make a borderless table. A pipe has room for everything.

    On a terminal narrower than `spare` says a column is left out; the columns in `fold` fold.
    """
    terminal = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns if terminal else _WIDE
    shown = [index for index, name in enumerate(columns) if room >= (spare or {}).get(name, 0)]
    names = [columns[index] for index in shown]
    grid = Grid([Column(name, name in right, name in fold, _most(name)) for name in names])
    grid.rows.extend(tuple(visible(row[index]) for index in shown) for row in rows)
    return grid


def _most(column: str) -> int | None:
    """Return how wide a column may become; None: as wide as it needs."""
    if column not in _MOST_ON_TERMINAL or not sys.stdout.isatty():
        return None
    return _MOST_ON_TERMINAL[column] + max(0, shutil.get_terminal_size().columns - _USUAL) // 2


def facts(pairs: Iterable[tuple[str, str]]) -> Grid:
    """Make the two columns `name  value`; a pair without a value is left out."""
    grid = Grid([Column(), Column(folds=True)], headed=False)
    grid.rows.extend((f"  {name}", visible(value, keep="\n")) for name, value in pairs if value)
    return grid


def show(grid: Grid) -> None:
    """Print a table, in a pipe without blanks at the ends of its lines."""
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False, soft_wrap=False)
        console.print(grid.drawn())
    else:
        click.echo(grid.plain())


def show_json(value: Value, *, line: bool = False) -> None:
    """Print a value as JSON; `line`: as one line."""
    show_plain_json(to_builtins(value), line=line)


def show_plain_json(value: Any, *, line: bool = False) -> None:
    """Print JSON."""
    click.echo(json_text(value, line=line))


def json_text(value: Any, *, line: bool = False) -> str:
    """Write a value as JSON: letters as they are; on Windows in ASCII, for PowerShell reads a pipe in a code page."""
    return printable_json(json.dumps(value, ensure_ascii=files.WINDOWS, indent=None if line else 2))


def show_error(code: str, text: str, hint: str | None = None, findings: Sequence[Found] = ()) -> None:
    """Print an error for a person to standard error; `findings` are the same one by one."""
    for each in findings:
        place = f" at {each.place}" if each.place else ""
        _show_error(f"{each.code}{place}", each.text, each.hint)
    if not findings:
        _show_error(code, text, hint)


def _show_error(code: str, text: str, hint: str | None) -> None:
    click.echo(f"{click.style('error', fg='red', bold=True)} {code}: {visible(text, keep=chr(10))}", err=True)
    if hint:
        click.echo(f"      {visible(hint, keep=chr(10))}", err=True)


visible = printable
"""Show a foreign text so that it cannot act on the terminal."""


def shortened(text: str, *, whole: bool = False) -> str:
    """Shorten a long text (an embedded document) for the terminal, unless it is wanted whole."""
    if whole or len(text) <= _LONG:
        return text
    return f"{text[:_LONG]}... ({len(text) - _LONG:,} more characters; --whole shows them)"
