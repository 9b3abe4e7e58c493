"""On which of several lanes a message goes: a number of its patient, and one of its order.

Holds: `turn_of`, and how the journal's messages get and change their two numbers.
Promises: the same key is the same number in every version and on every machine, so the number of lanes may change
between two starts. 0 is a barrier: a message of no patient or order, or of several; and one whose order was another
patient's, which must not overtake what was said of that one.
Never: begins or ends a transaction, or knows how many lanes there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from lab_sender.hl7.orders import has_several_patients
from lab_sender.journal import order_history
from lab_sender.journal.database import Db
from lab_sender.journal.rows import NewMessage
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("turns")
_MOST: Final = 2**31 - 1


def turn_of(key: str) -> int:
    """Return a key's number, 1 to 2^31 - 1; 0 for no key."""
    if not key:
        return 0
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % _MOST + 1


def order_turn_of(order_keys: Collection[str]) -> int:
    """Return the number of the one order that a message speaks of; 0 where it is none, or several."""
    keys = set(order_keys)
    return turn_of(keys.pop()) if len(keys) == 1 else 0


def of(message: NewMessage) -> tuple[int, int]:
    """Return the numbers of a new message, by its patient and by its order."""
    return _of(message.patient_key, message.order_keys, message.body)


def _of(patient_key: str, order_keys: Collection[str], body: bytes | None) -> tuple[int, int]:
    if body is not None and has_several_patients(body):
        return 0, 0
    return turn_of(patient_key), order_turn_of(order_keys)


def part_patients(db: Db, first_id: int, last_id: int) -> None:
    """Make barriers of the new messages, from id to id, that speak of an order which was last another patient's."""
    while db.execute(_SQL["moved"], {"first_id": first_id, "last_id": last_id}).rowcount:
        pass  # until none is behind one that has become a barrier just now


def give(db: Db, message_id: int, body: bytes) -> None:
    """Give a message that is a copy, or has other bytes than before, its numbers."""
    patient_turn, order_turn = _of(*_keys(db, message_id), body)
    db.execute(_SQL["turns"], {"id": message_id, "patient_turn": patient_turn, "order_turn": order_turn})
    keep_apart(db, message_id)


def keep_apart(db: Db, message_id: int) -> None:
    """Make a barrier of a message that goes out of its turn, where its order is also another patient's.

    What was spooled between it and that one, and kept them apart, may be gone.
    """
    patient_key, keys = _keys(db, message_id)
    if patient_key and order_history.is_shared(db, keys, message_id, patient_key):
        db.execute(_SQL["apart"], {"id": message_id})


def hand_on(db: Db, message_id: int) -> None:
    """Let what comes next of its orders keep apart what this message did: it is not sent from its place any more.

    Only a barrier with something waiting before it keeps anything apart.
    """
    if db.execute(_SQL["is_barrier_behind_others"], {"id": message_id}).fetchone() is not None:
        for next_id in _behind(db, message_id):
            db.execute(_SQL["apart"], {"id": next_id})


def keep_apart_behind(db: Db, message_id: int) -> None:
    """Look anew at what comes next of its orders: this message is not what it was when that was spooled."""
    for next_id in _behind(db, message_id):
        keep_apart(db, next_id)


def _behind(db: Db, message_id: int) -> list[int]:
    found = (db.execute(_SQL["next"], {"id": message_id, "key": key}).fetchone() for key in _keys(db, message_id)[1])
    return [row[0] for row in found if row is not None]


def _keys(db: Db, message_id: int) -> tuple[str, list[str]]:
    rows = db.execute(_SQL["keys"], {"id": message_id}).fetchall()
    return rows[0][0], [key for _, key in rows if key is not None]
