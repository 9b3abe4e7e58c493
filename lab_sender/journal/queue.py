"""Which waiting messages may leave, in which order.

Holds: what keeps a message back: one of its orders (or its patient) in quarantine at the same destination, and what
waits behind that.
Promises: reads each waiting message once, however many share an order number.
Never: writes, or reads a message's bytes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter
from typing import Final, NamedTuple

from lab_sender.journal.database import Db
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("queue")


class _Line(NamedTuple):
    id: int
    patient: str
    holds: bool
    orders: frozenset[str]


def may_leave(db: Db, destination: str, after_quarantine: str) -> Iterator[int] | None:
    """Name the messages that nothing keeps back, in order; None when nothing keeps any message back."""
    holders = _holders(db, destination, after_quarantine)
    return (line.id for line in _free(db, destination, after_quarantine, holders)) if holders else None


def another(
    db: Db, destination: str, after_quarantine: str, but: Collection[int], after: int
) -> int | None:
    """Return a message that may leave before `but`: no older message of its orders waits.

    The next one after the id `after`, and after the last one the first again; None when there is none.
    """
    first = None
    waits: set[str] = set()
    for line in _free(db, destination, after_quarantine, _holders(db, destination, after_quarantine)):
        keys = line.orders | {f"patient {line.patient}"} if after_quarantine == "hold-patient" else line.orders
        if line.id not in but and not keys & waits:
            if line.id > after:
                return line.id
            first = first or line.id
        waits |= keys
    return first


def held_by(db: Db, message_id: int, after_quarantine: str) -> int | None:
    """Return the oldest message in quarantine that keeps this waiting one back; None: nothing does."""
    row = db.execute(_SQL["destination"], {"id": message_id}).fetchone()
    holders = _holders(db, row[0], after_quarantine) if row else None
    if not holders:
        return None
    lines = _waiting(db, row[0], after_quarantine, holders)
    return next((holder for line, holder in lines if line.id == message_id), None)


def _holders(db: Db, destination: str, after_quarantine: str) -> deque[_Line]:
    name = "holding" if after_quarantine == "continue" else "quarantined"
    return deque(_lines(db.execute(_SQL[name], {"destination": destination})))


def _free(db: Db, destination: str, after_quarantine: str, holders: deque[_Line]) -> Iterator[_Line]:
    return (line for line, holder in _waiting(db, destination, after_quarantine, holders) if holder is None)


def _waiting(
    db: Db, destination: str, after_quarantine: str, holders: deque[_Line]
) -> Iterator[tuple[_Line, int | None]]:
    """Go through what waits, in order: each message, and the one in quarantine that keeps it back."""
    orders: dict[str, int] = {}
    patients: dict[str, int] = {}
    for line in _lines(db.execute(_SQL["waiting"], {"destination": destination})):
        while holders and holders[0].id < line.id:
            holder = holders.popleft()
            if holder.holds or after_quarantine == "hold-order":
                _held(orders, holder.orders, holder.id)
            if after_quarantine == "hold-patient" and holder.patient:
                _held(patients, (holder.patient,), holder.id)
        by = [orders[key] for key in line.orders if key in orders]
        by += [patients[line.patient]] if line.patient in patients else []
        if by:
            _held(orders, line.orders, min(by))
        yield line, min(by, default=None)


def _held(kept: dict[str, int], keys: Iterable[str], holder: int) -> None:
    """Note who keeps these back: the oldest one, also for what comes behind another one that waits."""
    for key in keys:
        kept[key] = min(holder, kept.get(key, holder))


def _lines(rows: Iterable[tuple[int, str, int, str | None]]) -> Iterator[_Line]:
    for message_id, group in itertools.groupby(rows, itemgetter(0)):
        same = list(group)
        keys = frozenset(row[3] for row in same if row[3] is not None)
        yield _Line(message_id, same[0][1], bool(same[0][2]), keys)
