"""A search's whole result, row by row, for a table or a program.

Holds: `rows_of`, the rows with their columns.
Promises: as long as the result is, some hundred rows are in memory. A row is what `list` shows; whom it is about, its
ward and the HIS's words come only where they are asked for.
Never: writes anything.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lab_sender.operations.search import Search, asked, every, remarks_on
from lab_sender.operations.wording import state

if TYPE_CHECKING:
    from lab_sender.operations.installation import Installation
    from lab_sender.operations.stories import Entry

COLUMNS: Final = (
    "id", "file_id", "file", "place", "destination", "control_id", "state", "code", "his_code", "his_error",
    "ack_code", "contradicted", "tries", "may_have_left", "received", "final", "same_as", "replaced_by",
    "replaces", "orders",
)  # fmt: skip
PATIENT_COLUMNS: Final = ("patient", "ward", "his_words")
"""What stands behind the others where patient data is asked for."""
Row = dict[str, str | int | bool | None]
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a table program takes for the beginning of a formula."""


def rows_of(
    installation: Installation,
    wanted: Search,
    *,
    patient_data: bool,
    remarks: list[str],
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Row]:
    """Yield a row for all that fits, the newest first; `remarks` gets what a reader should know of the whole.

    Raises NoJournal, UnknownDestination.
    """
    with installation.view() as view:
        criteria, since_ms = asked(installation, view, wanted)
        remarks += remarks_on(view, wanted, since_ms)
        for entries in every(installation, view, criteria, stop):
            ids = [each.id for each in entries if each.id is not None]
            orders = view.orders_of(ids)
            patients = view.patients_of(ids) if patient_data else None
            for each in entries:
                row = _row(each, orders.get(each.id or 0, ()))
                if patients is not None:
                    row |= dict(zip(PATIENT_COLUMNS, patients.get(each.id or 0, ("", "", "")), strict=True))
                yield row


def as_cells(row: Row) -> list[str]:
    """Return a row for a table; what a table program would take for a formula begins with an apostrophe."""
    texts = ["" if each is None else str(each) for each in row.values()]
    return [f"'{each}" if each.startswith(_DANGEROUS) else each for each in texts]


def _row(entry: Entry, orders: Sequence[str]) -> Row:
    return {
        "id": entry.id,
        "file_id": entry.file_id,
        "file": entry.file,
        "place": entry.place,
        "destination": entry.destination,
        "control_id": entry.control_id,
        "state": state(entry.state, entry.code),
        "code": entry.code,
        "his_code": entry.his_code,
        "his_error": entry.his_error,
        "ack_code": entry.ack_code,
        "contradicted": entry.contradicted,
        "tries": entry.attempts,
        "may_have_left": entry.may_have_left,
        "received": _instant(entry.received_ms),
        "final": _instant(entry.final_ms),
        "same_as": entry.same_as,
        "replaced_by": entry.replaced_by,
        "replaces": entry.replaces,
        "orders": " ".join(orders),
    }


def _instant(at_ms: int | None) -> str | None:
    """Write an instant with its zone: `2026-11-28T08:00:00.123+01:00`."""
    if at_ms is None:
        return None
    return datetime.datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(timespec="milliseconds")
