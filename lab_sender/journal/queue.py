"""Which waiting messages may leave, in which order.

Holds: what keeps a message back: one of its orders (or its patient) in quarantine, and what waits behind that.
Promises: reads each waiting message once, however many share an order number.
Never: writes, or reads a message's bytes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from lab_sender.journal.database import Db

_ROWS = (
    "SELECT m.id, m.patient_key, m.holds_orders, o.order_key FROM message m"
    " LEFT JOIN message_order o ON o.message_id = m.id WHERE "
)
_WAITING = _ROWS + "m.destination = ? AND m.state IN ('spooled', 'sending') ORDER BY m.id"
_QUARANTINED = _ROWS + "m.state = 'quarantined' ORDER BY m.id"
_HOLDING = _ROWS + "m.state = 'quarantined' AND m.holds_orders ORDER BY m.id"


class _Line(NamedTuple):
    id: int
    patient: str
    holds: bool
    orders: frozenset[str]


def may_leave(db: Db, destination: str, after_quarantine: str) -> Iterator[int] | None:
    """Name the messages that nothing keeps back, in order; None when nothing keeps any message back."""
    holders = _holders(db, after_quarantine)
    return (line.id for line in _free(db, destination, after_quarantine, holders)) if holders else None


def another(
    db: Db, destination: str, after_quarantine: str, but: Collection[int], after: int
) -> int | None:
    """Return a message that may leave before `but`: no older message of its orders waits.

    The next one after the id `after`, and after the last one the first again; None when there is none.
    """
    first = None
    waits: set[str] = set()
    for line in _free(db, destination, after_quarantine, _holders(db, after_quarantine)):
        keys = line.orders | {f"patient {line.patient}"} if after_quarantine == "hold-patient" else line.orders
        if line.id not in but and not keys & waits:
            if line.id > after:
                return line.id
            first = first or line.id
        waits |= keys
    return first


def _holders(db: Db, after_quarantine: str) -> deque[_Line]:
    return deque(_lines(db.execute(_HOLDING if after_quarantine == "continue" else _QUARANTINED)))


def _free(db: Db, destination: str, after_quarantine: str, holders: deque[_Line]) -> Iterator[_Line]:
    orders: set[str] = set()
    patients: set[str] = set()
    for line in _lines(db.execute(_WAITING, (destination,))):
        while holders and holders[0].id < line.id:
            holder = holders.popleft()
            if holder.holds or after_quarantine == "hold-order":
                orders |= holder.orders
            if after_quarantine == "hold-patient" and holder.patient:
                patients.add(holder.patient)
        if line.patient in patients or line.orders & orders:
            orders |= line.orders
        else:
            yield line


def _lines(rows: Iterable[tuple[int, str, int, str | None]]) -> Iterator[_Line]:
    for message_id, group in itertools.groupby(rows, itemgetter(0)):
        same = list(group)
        keys = frozenset(row[3] for row in same if row[3] is not None)
        yield _Line(message_id, same[0][1], bool(same[0][2]), keys)
