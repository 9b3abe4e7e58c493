"""How things look: times, sizes, tables, message segments.

Holds: the one console, the encoding of the standard streams, and the small formats that several commands share.
Promises: colours and the terminal's width on a terminal; plain, whole lines in a pipe, in UTF-8 whatever the system's
code page is. JSON is valid everywhere. A file name or a message cannot act on the terminal: whatever is not printable
is shown as `\\x1b`.
Never: decides what is shown.
"""

from __future__ import annotations

import codecs
import io
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from msgspec import to_builtins

from lab_sender import files
from lab_sender.log import in_json, printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lab_sender.operations.values import Found, Value

_WIDE = 100_000
_LONG = 400
_MOST_ON_TERMINAL = {"control id": 20, "code": 26}
"""Characters on a terminal of _USUAL columns; of what is beyond it each gets half."""
_USUAL = 120
_LEAST_FOLDED = 10
_STYLES = {
    "duplicate": "green",
    "delivered": "green",
    "ok": "green",
    "up": "green",
    "waiting": "yellow",
    "being sent": "yellow",
    "warn": "yellow",
    "warning": "yellow",
    "idle": "yellow",
    "quarantined": "red",
    "down": "red",
    "held": "red",
    "fail": "bold red",
    "error": "bold red",
    "critical": "bold red",
    "given up": "dim",
    "read again": "dim",
    "resent": "dim",
}


def set_up_streams() -> None:
    """Let what goes through a pipe or into a file be UTF-8. A terminal keeps its encoding.

    What an encoding lacks is written by JSON's escape, so that JSON stays JSON there too. Input that is not UTF-8 is
    kept as `files.valid_name` and its like know it.
    """
    codecs.register_error("json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="json")
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")  # PowerShell writes a mark before it


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_json, error.object[error.start : error.end])), error.end


def console() -> Console:
    """Make the console: standard output as it is now."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def style_of(word: str) -> str:
    """Return the colour of a state: that of `read again` for `read again as 125`."""
    return _STYLES.get(word.lower().partition(" as ")[0], "")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    fold: tuple[str, ...] = (),
    spare: Mapping[str, int] | None = None,
) -> Table:
    """Make a borderless table. A pipe has room for everything.

    On a terminal narrower than `spare` says a column is left out; the columns in `fold` fold.
    """
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns if terminal else _WIDE
    shown = [index for index, name in enumerate(columns) if room >= (spare or {}).get(name, 0)]
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", collapse_padding=True)
    for name in (columns[index] for index in shown):
        flexible = name in fold
        grid.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=not flexible,
            overflow="fold" if flexible else "ellipsis",
            min_width=_LEAST_FOLDED if flexible and terminal else None,
            max_width=_most(name),
        )
    for row in rows:
        grid.add_row(*(Text(visible(row[index]), style=style_of(row[index])) for index in shown))
    return grid


def _most(column: str) -> int | None:
    """Return how wide a column may become; None: as wide as it needs."""
    if column not in _MOST_ON_TERMINAL or not sys.stdout.isatty():
        return None
    return _MOST_ON_TERMINAL[column] + max(0, shutil.get_terminal_size().columns - _USUAL) // 2


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Make the two columns `name  value`; a pair without a value is left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            text = Text(visible(value, keep="\n"), style=style_of(value))
            first = value.split(maxsplit=1)[0].rstrip(",:")
            text.stylize(style_of(first), 0, len(first))
            grid.add_row(f"  {name}", text)
    return grid


def show(target: Console, what: Any) -> None:
    """Print to the console; in a pipe without the blanks that fill a table's last column."""
    if target.is_terminal:
        target.print(what)
        return
    with target.capture() as captured:
        target.print(what)
    click.echo("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


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
