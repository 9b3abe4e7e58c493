"""When an order was to be done: TQ1, or quantity/timing in OBR and ORC.

Holds: the field of each part of a Timing (TQ1 chapter 4, TQ chapter 2A).
Promises: a priority and its timing stand in one of the two; the time of the request stands in TQ1-7 where the profile
wants it there.
Never: chooses between the two; the profile and the dialect do.
"""

from __future__ import annotations

from lab_sender.hl7.er7 import join, layout
from lab_sender.hl7.numerals import number_text
from lab_sender.hl7.tables import PRIORITY
from lab_sender.oru import fields
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Order, Timing

_NONE = Timing()


def tq1(w: Writer, order: Order, place: str) -> None:
    """Write TQ1 where the order has something for it."""
    requested = takes_requested(w, order)
    if order.timing is None and not order.priority and not requested:
        return
    timing = order.timing or _NONE
    w.begin("TQ1", place)
    start = w.time(order.requested, 7, "requested") if requested else w.time(timing.start, 7, "timing.start")
    w.add(layout("TQ1", {
        1: "1",
        2: _quantity(w, timing, 2),
        7: start,
        8: w.time(timing.end, 8, "timing.end"),
        9: fields.code(w, _code(order.priority), 9, "priority", "HL70485"),
    }))  # fmt: skip


def takes_requested(w: Writer, order: Order) -> bool:
    """Return whether the time of the request stands in TQ1-7: the profile wants it, and no other start is stated."""
    if not order.requested or w.site.timing != "TQ1" or (order.timing is not None and order.timing.start):
        return False
    return w.site.relocations.leads_to("OBR", 6, "TQ1")


def quantity_timing(w: Writer, order: Order) -> str:
    """OBR-27 and ORC-7: quantity, start, end and priority."""
    if order.timing is None and not order.priority:
        return ""
    timing = order.timing or _NONE
    return join(
        (
            _quantity(w, timing, 27),
            "",  # interval
            "",  # duration
            w.time(timing.start, 27, "timing.start"),
            w.time(timing.end, 27, "timing.end"),
            priority(w, order, 27),
        ),
        "^",
    )


def priority(w: Writer, order: Order, field: int) -> str:
    """OBR-5, and component 6 of TQ."""
    return w.text(_code(order.priority), field, "priority")


def _code(word: str) -> str:
    return PRIORITY.get(word.strip().lower(), word)


def _quantity(w: Writer, timing: Timing, field: int) -> str:
    quantity = number_text(timing.quantity)
    if timing.quantity and not quantity:
        w.fault("value.not-a-number", "This is not a number.", field, "timing.quantity")
    return quantity
