"""The records of a message, below those they belong to (LIS2-A2 chapter 5).

Holds: a patient with its orders, an order with its results, a result with its record.
Promises: each record is in one of them, so that what was not read of it can be named.
Never: reads a field.
"""

from __future__ import annotations

from msgspec import Struct, field

from lab_sender.readers.astm.records import Record
from lab_sender.report.model import Order, Result


class Measured(Struct):
    """A result with its record and its whole R-3; `in_doubt`: R-4 has parts that nobody can put together."""

    record: Record
    result: Result
    test: str
    in_doubt: bool


class Given(Struct):
    """An order record with its results; `below` are those of its results and of all comments on them."""

    record: Record
    order: Order
    results: list[Measured] = field(default_factory=list)
    below: list[Record] = field(default_factory=list)


class Group(Struct):
    """A patient record (None where there is none) with its orders; `below` is it with the comments on it."""

    number: int
    record: Record | None
    notes: list[str]
    below: list[Record]
    orders: list[Given] = field(default_factory=list)

    def records(self) -> list[Record]:
        """Return the records of the patient, the orders and the results."""
        return [*self.below, *(one for given in self.orders for one in (given.record, *given.below))]
