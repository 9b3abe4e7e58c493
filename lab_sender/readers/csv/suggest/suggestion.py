"""What is suggested for a table: lines of a format of `inputs.csv`.

Holds: a line, and the suggestion that they make up.
Promises: a line that a person must decide is `open`, and no other is.
Never: looks at a table.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

State = Literal["known", "guess", "open", "empty"]
"""known: sure by the heading alone. guess: sure by heading and cells together. open: a person decides. empty: nothing
is to be decided."""


class Line(Struct, frozen=True):
    """One line: a heading or setting, its value as a text or list of texts, and why."""

    key: str
    value: str | tuple[str, ...] | bool
    state: State
    why: str


class Suggestion(Struct):
    """A format for the table of one file. `needs` is what no line can say: what a person must find a column for."""

    files: str
    header_row: int
    rows: int
    settings: list[Line] = field(default_factory=list)
    columns: list[Line] = field(default_factory=list)
    wide: list[Line] = field(default_factory=list)
    tests: list[tuple[Line, str]] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[Line]:
        """All lines, in the order in which they are written."""
        return [*self.settings, *self.columns, *self.wide, *(line for line, _ in self.tests)]

    @property
    def open(self) -> int:
        """How many things a person must decide."""
        return sum(line.state == "open" for line in self.lines) + len(self.needs)
