"""Where in a table a part of a report stands.

Holds: the way back from `orders[0].results[1].value` to `row 3 column test_result`.
Promises: names rows as a spreadsheet does, and columns by the file's own headings.
Never: looks at a cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

_STEP: Final = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")
_MOST_RUNS: Final = 5
# Keys of the model that have another name as a column; the longest end of a place that is a column counts.
_COLUMNS: Final = {
    "orders.test": "order_code",
    "orders.filler": "accession",
    "orders.status": "order_status",
    "orders.notes": "order_note",
    "orders.attachments": "pdf",
    "orders.orderer_facility": "facility",
    "orders.specimens": "specimen",
    "patient.ids": "patient_id",
    "patient.name": "family",
    "patient.address": "street",
    "patient.phones": "phone",
    "visit.number": "visit",
    "results.test": "code",
    "results.flags": "flag",
    "results.notes": "note",
}


def rows_text(numbers: Sequence[int]) -> str:
    """Name rows as a person would: `row 2`, `rows 2-4, 9`."""
    numbers = list(dict.fromkeys(numbers))
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    text = ", ".join("-".join(map(str, run)) for run in runs[:_MOST_RUNS])
    more = sum(run[-1] - run[0] + 1 for run in runs[_MOST_RUNS:])
    return f"row {text}" if len(numbers) == 1 else f"rows {text}" + (f" and {more} more" if more else "")


class TablePlaces(Struct, frozen=True):
    """The rows of each order of a report and of each of its results, and our names of columns -> headings.

    `own` are the same names of each result's own columns, in a wide table.
    """

    orders: tuple[tuple[int, ...], ...]
    results: tuple[tuple[int, ...], ...]
    headings: Mapping[str, str]
    own: tuple[tuple[Mapping[str, str], ...], ...] = ()

    def find(self, path: str) -> str:
        """Return the place in the file of the part of the report at `path`."""
        steps = _STEP.findall(path)
        rows = [row for order in self.orders for row in order]
        headings, fallback = self.headings, ""
        if len(steps) > 1 and steps[0][0] == "orders":
            rows = list(self.orders[int(steps[0][1])])
            if steps[1][0] == "results" and steps[1][1]:
                order, result = int(steps[0][1]), int(steps[1][1])
                rows = [self.results[order][result]]
                if self.own and self.own[order][result]:
                    headings = {**headings, **self.own[order][result]}
                    fallback = headings["value"]
                steps = steps[1:]
        column = _column([key for key, _ in steps], headings) or fallback
        return f"{rows_text(sorted(rows))}{f' column {column}' if column else ''}"


def _column(keys: list[str], headings: Mapping[str, str]) -> str:
    """Find the heading of a key: `orderer.family` is orderer_family, `patient.name.given` is given."""
    for end in range(len(keys), 1, -1):
        for name in ("_".join(keys[end - 2 : end]), keys[end - 1], _COLUMNS.get(".".join(keys[:end]), "")):
            if name in headings:
                return headings[name]
    return ""
