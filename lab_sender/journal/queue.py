"""Which waiting messages may leave, in which order.

Holds: what keeps a message back: one of its orders (or its patient) in quarantine at the same destination, and what
waits behind that. Of the others those that are a lane's, where there are several: of its turn, up to the oldest one
that goes alone (turn 0: it has no key, or several); that one is the first lane's, once nothing older waits.
Promises: reads each waiting message once, however many share an order number.
Never: writes, or reads a message's bytes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from typing import Final, NamedTuple

from lab_sender.journal.database import Db
from lab_sender.journal.rows import Share
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("queue")


class _Line(NamedTuple):
    id: int
    patients: frozenset[str]
    holds: bool
    orders: frozenset[str]
    of_nobody: frozenset[str]
    """Those of its orders of which nobody knows whose they are."""
    patient_turn: int
    order_turn: int

    def turn(self, order_by: str) -> int:
        return self.order_turn if order_by == "order" else self.patient_turn


class Part(NamedTuple):
    """A lane's part of the line: ids in order; the rest as `Heads` has it."""

    ids: list[int]
    alone: bool = False
    seen: int = 0
    behind: int | None = None


def may_leave(db: Db, destination: str, after_quarantine: str) -> Iterator[int] | None:
    """Name the messages that nothing keeps back, in order; None when nothing keeps any message back."""
    holders = _holders(db, destination, after_quarantine)
    return (line.id for line in _free(db, destination, after_quarantine, holders)) if holders else None


def part(db: Db, destination: str, after_quarantine: str, share: Share, after: int, most: int) -> Part:
    """Return a lane's part of what waits, behind the id `after` where nothing keeps any message back."""
    # Before the look: what comes meanwhile is behind it.
    (newest,) = db.execute(_SQL["newest"], {"destination": destination}).fetchone()
    holders = _holders(db, destination, after_quarantine)
    if holders:
        free = _free(db, destination, after_quarantine, holders)
        found = ((line.id, line.turn(share.order_by)) for line in free)
        return _part(found, share, most, oldest=None)
    values = {"destination": destination, "after": after, "most": most, **share._asdict()}
    rows = db.execute(_SQL["share"], values).fetchall()
    mine = _part(rows, share, most, oldest=lambda: _oldest(db, destination))
    last = mine.behind - 1 if mine.behind else mine.ids[-1] if len(mine.ids) == most else newest
    return mine._replace(seen=last)


def _part(
    line: Iterable[tuple[int, int]], share: Share, most: int, oldest: Callable[[], int | None] | None
) -> Part:
    """Take a lane's part of a line of ids and turns; `oldest` says where the line begins, if this is not all."""
    ids: list[int] = []
    first: int | None = None
    for message_id, turn in line:
        first = first or message_id
        if turn == 0:
            begin = oldest() if oldest else first
            alone = share.lane == 0 and not ids and begin == message_id
            return Part([message_id], alone=True, behind=message_id) if alone else Part(ids, behind=message_id)
        if turn % share.of == share.lane:
            ids.append(message_id)
            if len(ids) == most:
                break
    return Part(ids)


def _oldest(db: Db, destination: str) -> int | None:
    row = db.execute(_SQL["oldest"], {"destination": destination}).fetchone()
    return int(row[0]) if row else None


def another(
    db: Db, destination: str, after_quarantine: str, but: Collection[int], after: int, order_by: str = ""
) -> int | None:
    """Return a message that may leave before `but`: no older message of its orders waits.

    The next one after the id `after`, and after the last one the first again; None when there is none. Where a
    destination has several lanes, by `order_by`: nor an older one of its patient, where that is the key, or any older
    one that goes alone and has not been tried yet.
    """
    first = None
    waits: set[str] = set()
    by_patient = after_quarantine == "hold-patient" or order_by == "patient"
    for line in _free(db, destination, after_quarantine, _holders(db, destination, after_quarantine)):
        if order_by and line.turn(order_by) == 0 and line.id not in but:
            break
        keys = line.orders | {f"patient {each}" for each in line.patients} if by_patient else line.orders
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
            by_patient = after_quarantine == "hold-patient"
            if by_patient:
                _held(patients, holder.patients, holder.id)
            # With `continue`, only those that hold their orders are asked for.
            _held(orders, holder.of_nobody if by_patient and not holder.holds else holder.orders, holder.id)
        by = [orders[key] for key in line.orders if key in orders]
        by += [patients[each] for each in line.patients if each in patients]
        if by:
            _held(orders, line.orders, min(by))
            if after_quarantine == "hold-patient":
                _held(patients, line.patients, min(by))
        yield line, min(by, default=None)


def _held(kept: dict[str, int], keys: Iterable[str], holder: int) -> None:
    """Note who keeps these back: the oldest one, also for what comes behind another one that waits."""
    for key in keys:
        kept[key] = min(holder, kept.get(key, holder))


def _lines(rows: Iterable[tuple[int, str, str | None, int, str | None, int, int]]) -> Iterator[_Line]:
    for message_id, group in itertools.groupby(rows, itemgetter(0)):
        same = list(group)
        whose = {key: own if own is not None else its for _, its, own, _, key, *_ in same if key is not None}
        several = {own for _, _, own, *_ in same if own is not None}
        patients = frozenset(filter(None, {same[0][1], *several}))
        of_nobody = frozenset(key for key, patient in whose.items() if not patient)
        yield _Line(message_id, patients, bool(same[0][3]), frozenset(whose), of_nobody, *same[0][5:])
