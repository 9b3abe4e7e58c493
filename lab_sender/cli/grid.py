"""Rows in columns, for a pipe and for a terminal.

Holds: `Grid`, and the colours of words.
Promises: in a pipe every cell is whole and nothing needs rich, which costs a command a twentieth of its time; both
ways put the same columns at the same places where there is room.
Never: decides what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from rich.table import Table

GAP: Final = 2
"""Blanks between two columns."""
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


class Column(Struct, frozen=True):
    """How a column is laid out; `most` is its width at most, on a terminal."""

    name: str = ""
    right: bool = False
    folds: bool = False
    most: int | None = None


class Grid(Struct, frozen=True):
    """Cells of text in columns. Without heads it is of facts: a name, and a value whose first word has a colour."""

    columns: Sequence[Column]
    headed: bool = True
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def plain(self) -> str:
        """Lay it out as text: each column as wide as it needs, no blanks at the end of a line."""
        heads = [tuple(each.name for each in self.columns)] if self.headed else []
        cut = [[cell.split("\n") for cell in row] for row in (*heads, *self.rows)]
        widths = [max((_width(line) for row in cut for line in row[index]), default=0) for index in self._indices()]
        return "\n".join(self._line(line, widths) for row in cut for line in zip_longest(*row, fillvalue=""))

    def drawn(self) -> Table:
        """Lay it out for a terminal."""
        from rich.table import Table
        from rich.text import Text

        grid = Table(
            box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=self.headed, header_style="dim",
            collapse_padding=True,
        )  # fmt: skip
        for number, each in enumerate(self.columns):
            grid.add_column(
                each.name,
                justify="right" if each.right else "left",
                no_wrap=not each.folds,
                overflow="fold" if each.folds else "ellipsis",
                min_width=_LEAST_FOLDED if each.folds and self.headed else None,
                max_width=each.most,
                style="" if self.headed or number else "dim",
            )
        for row in self.rows:
            cells = [Text(cell, style=style_of(cell)) for cell in row]
            if not self.headed:
                first = row[-1].partition(" ")[0].rstrip(",:")
                cells[-1].stylize(style_of(first), 0, len(first))
            grid.add_row(*cells)
        return grid

    def _indices(self) -> range:
        return range(len(self.columns))

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = []
        for column, cell, width in zip(self.columns, cells, widths, strict=True):
            text = cell.rstrip() if column.right else cell
            blanks = " " * (width - _width(text))
            padded.append(blanks + text if column.right else text + blanks)
        return (" " * GAP).join(padded).rstrip()


def style_of(word: str) -> str:
    """Return the colour of a state: that of `read again` for `read again as 125`."""
    return _STYLES.get(word.lower().partition(" as ")[0], "")


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
