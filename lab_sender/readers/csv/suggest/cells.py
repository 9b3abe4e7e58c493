"""What the cells of a column look like.

Holds: the kinds of cells, and what is said of a column to a person.
Promises: what is said of cells is their kind and number, and the form of dates with 9 for each digit.
Never: repeats a cell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from lab_sender.readers.csv.table import Table

Kind = Literal["date", "time", "point", "comma", "whole", "word"]

_SIGN: Final = r"[<>=]{0,2}\s*[+-]?"
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("date", re.compile(r"(?:\d{1,4}([./-])\d{1,2}\1\d{1,4})(?:[T ,].*\d.*)?", re.ASCII)),
    ("time", re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?:\s*[AaPp][Mm])?", re.ASCII)),
    ("point", re.compile(_SIGN + r"\d+\.\d+", re.ASCII)),
    ("comma", re.compile(_SIGN + r"\d+,\d+", re.ASCII)),
    ("whole", re.compile(_SIGN + r"\d+", re.ASCII)),
)
_SAID: Final = {
    "time": "times of day", "point": "numbers with a point", "comma": "numbers with a comma",
    "whole": "whole numbers", "word": "words",
}  # fmt: skip
_NUMBERS: Final = frozenset(("point", "comma", "whole"))
_FLAG: Final = re.compile(r"[HLNAB+\-*!<>]{1,3}|high|low|normal|abnormal", re.IGNORECASE)
_MOSTLY: Final = 0.8


class Column(Struct, frozen=True):
    """One column of a table: its index, its heading, its cells that are not blank, and of how many rows."""

    index: int
    heading: str
    cells: tuple[str, ...]
    rows: int

    @property
    def filled(self) -> str:
        """Say how many of its cells are filled."""
        return f"{len(self.cells)} of {self.rows} cells filled" if self.cells else "no cell is filled"

    @property
    def said(self) -> str:
        """Say that, and what its cells look like."""
        return f"{self.filled}, {form_of(self.cells)}" if self.cells else self.filled

    def all_are(self, *kinds: Kind) -> bool:
        """Tell whether it has cells, and all are of these kinds."""
        return bool(self.cells) and all(kind_of(cell) in kinds for cell in self.cells)

    def is_numeric(self) -> bool:
        """Tell whether nearly all of its cells are numbers."""
        numbers = sum(kind_of(cell) in _NUMBERS for cell in self.cells)
        return bool(self.cells) and numbers >= _MOSTLY * len(self.cells)

    def is_flags(self) -> bool:
        """Tell whether its cells, if there are some, are all marks of high, low and the like."""
        return all(_FLAG.fullmatch(cell) for cell in self.cells)


def columns_of(table: Table, *, without: int = 0) -> list[Column]:
    """Part a table into its columns; the row of the number `without` is left out."""
    rows = [row for number, row in table.rows if number != without and any(cell.strip() for cell in row)]
    return [
        Column(
            index,
            heading,
            tuple([row[index].strip() for row in rows if index < len(row) and row[index].strip()]),
            len(rows),
        )
        for index, heading in enumerate(table.header)
    ]


def kind_of(cell: str) -> Kind:
    """Tell what a cell is."""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(cell)), "word")


def form_of(cells: Sequence[str]) -> str:
    """Say what cells look like, the most frequent kinds first."""
    counted = Counter(map(kind_of, cells))
    said = [_SAID[kind] if kind != "date" else _dates(cells) for kind, _ in counted.most_common(3)]
    return " and ".join(said)


def _dates(cells: Sequence[str]) -> str:
    masks = Counter(re.sub(r"[^\W\d]", "A", re.sub(r"\d", "9", cell)) for cell in cells if kind_of(cell) == "date")
    return f"dates like {masks.most_common(1)[0][0]}"
