"""What came before and what came after, for an order and a patient, at a destination.

Holds: what intake asks for a new message, and acts and the brake for one that is to go out again from its old place.
Promises: an order at one destination says nothing about it at another. Entries stand in the order in which the HIS
got them, what waits comes last. Newer is that whose file came later, or came later once more, and what the other one
steps back behind by its time or status; a copy is as old as what it is of, a younger copy being the newer. What may
have arrived counts as delivered; what was given up counts only so.
Never: writes or judges; who keeps whom back is queue.py's.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from lab_sender.hl7.orders import OrderFact, steps_back
from lab_sender.journal.database import Db
from lab_sender.journal.rows import LedgerEntry
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("order_history")
LONGEST: Final = 64
"""How many entries of one order are looked back at: a number that a site uses for all its orders costs no more."""


def entries(db: Db, order_keys: Collection[str], destination: str) -> dict[str, list[LedgerEntry]]:
    """Return what a destination was sent of each order, oldest first; an order without entries is left out."""
    values = {"keys": json.dumps(list(set(order_keys))), "destination": destination, "longest": LONGEST - 1}
    found: dict[str, list[LedgerEntry]] = {}
    for row in db.execute(_SQL["entries"], values):
        message_id, digest, waits, is_sure, *rest = row[4:]
        entry = LedgerEntry(OrderFact(*row[:4]), message_id, digest, bool(waits), bool(is_sure), *rest)
        found.setdefault(row[0], []).append(entry)
    return found


def holders_of(
    db: Db, control_ids: Collection[str], destination: str
) -> dict[str, tuple[int, bytes]]:
    """Return the messages that have these control ids, by the id without blanks behind it: id, content's digest.

    An answer is matched without these blanks, so ids that differ in nothing else are one. The digest is empty where
    the message neither is nor will be delivered: the same content may come again.
    """
    ids = json.dumps([each.rstrip(" ") for each in control_ids])
    rows = db.execute(_SQL["holders"], {"ids": ids, "destination": destination, "nothing": b""})
    return {control_id: (message_id, digest) for control_id, message_id, digest in rows}


def came(db: Db, claim_id: str, *, destination: str, place: str) -> str:
    """Return when a file came, as a claim id: these sort by time.

    A file is as old as its first claim, however often it was released; what a person has forced, at this place of it
    and for this destination, as that release.
    """
    values = {"claim_id": claim_id, "destination": destination, "place": place}
    return str(db.execute(_SQL["came"], values).fetchone()[0])


def came_after(db: Db, came: str, message_ids: Collection[int]) -> set[int]:
    """Return those of the messages whose files came later, or of which the same did once more."""
    values = {"ids": json.dumps(list(message_ids)), "came": came}
    return {message_id for (message_id,) in db.execute(_SQL["came_after"], values)}


def is_passed(
    db: Db, claim_id: str, order_keys: Collection[str], destination: str, outboxes: Collection[str]
) -> bool:
    """Say whether a message for one of the orders has come by one of these outboxes with a later claim."""
    outboxes = json.dumps(sorted(outboxes))
    return _is_any(db, "passed", order_keys, destination=destination, claim_id=claim_id, outboxes=outboxes)


def first_claims(db: Db, claim_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Return of these claims those of released files: the first claim of each since it was forced, "" where none is,
    and whether anything of it was forced."""
    rows = db.execute(_SQL["first_claims"], {"claim_ids": json.dumps(list(claim_ids))})
    return {claim_id: (first, bool(forced)) for claim_id, first, forced in rows}


def may_go_out_yet(db: Db, order_keys: Collection[str], destination: str) -> bool:
    """Say whether a message for one of the orders lies in quarantine, so that a person may release it."""
    return _is_any(db, "in_quarantine", order_keys, destination=destination)


def _is_any(db: Db, name: str, order_keys: Collection[str], **values: Any) -> bool:
    """Ask of one order after the other whether there is such a message among its last ones."""
    asked = ({"key": key, "longest": LONGEST - 1, **values} for key in order_keys)
    return any(db.execute(_SQL[name], each).fetchone() is not None for each in asked)


class InTheWay(NamedTuple):
    """A message for which another one may not go out again from its old place: it is newer, and would be
    overwritten; or it is older, and waits behind that place."""

    message: int
    is_newer: bool


class Age(NamedTuple):
    """How old a message is: by ids, and by the claim of its file.

    Ids need no clock, so they decide between two that are not `late`. The id of one that is says when it was spooled,
    not when its file came: that waited, or was read again. None: nobody knows its claim.
    """

    message: int
    claim: str | None
    is_late: bool


def ages(db: Db, message_ids: Collection[int]) -> dict[int, Age]:
    """Return of each message how old it is."""
    rows = db.execute(_SQL["ages"], {"ids": json.dumps(list(set(message_ids)))})
    return {message_id: Age(age, claim, bool(is_late)) for message_id, age, claim, is_late in rows}


def oldest_first(age: Mapping[int, Age]) -> list[int]:
    """Put messages in the order of their ages: each late one behind the last of the others that is known as older."""
    in_time = sorted((each.claim, each.message) for each in age.values() if not each.is_late and each.claim)
    last = list(accumulate((message for _, message in in_time), max, initial=0))

    def turn(message_id: int) -> tuple[int, bool, str, int, int]:
        message, claim, is_late = age[message_id]
        if not is_late:
            return message, False, "", 0, message_id
        return last[bisect_left(in_time, (claim or "", message))], True, claim or "", message, message_id

    return sorted(age, key=turn)


def overtaken_by(
    db: Db, message_id: int, *, at_end: bool = False, together: Collection[int] = ()
) -> int | None:
    """Return a newer message for one of the same orders that the HIS has, may have or gets before this one.

    This one goes to its old place or, `at_end`, to the end of the line. `together` are newer messages that go out
    again with it: those behind its place, or at the end behind it, do not count.
    """
    (destination,) = db.execute(_SQL["destination"], {"id": message_id}).fetchone()
    facts = [OrderFact(*row) for row in db.execute(_SQL["facts"], {"id": message_id})]
    keys = list(dict.fromkeys([fact.key for fact in facts]))
    asked = [(destination, key, message_id) for key in keys]
    later = _newest(db, "later", asked, at_end=at_end, together=json.dumps(sorted(together)))
    if later is not None:
        return later[0]
    history = entries(db, keys, destination)
    for fact in facts:
        last = next(
            (
                entry
                for entry in reversed(history.get(fact.key, ()))
                if entry.order.service == fact.service
                and entry.message not in (message_id, *together)
                and (at_end or not entry.waits or int(entry.message) < message_id)
            ),
            None,
        )
        if last is not None and steps_back(last.order, fact):
            return int(last.message)
    return None


def in_the_way(db: Db, message_id: int, *, together: Collection[int] = ()) -> InTheWay | None:
    """Return what keeps a message from its old place; `together` as above. None: nothing older overwrites there."""
    newer = overtaken_by(db, message_id, together=together)
    if newer is not None:
        return InTheWay(newer, is_newer=True)
    older = _older_behind(db, message_id)
    return None if older is None else InTheWay(older, is_newer=False)


def _older_behind(db: Db, message_id: int) -> int | None:
    """Return a message that waits behind this one's place and is older, for one of the same tests of an order.

    It is a copy, or its file waited or was read again: sent behind this one it would overwrite it.
    """
    age = ages(db, [message_id])[message_id]
    (found,) = db.execute(_SQL["older_behind"], {"id": message_id, **_aged(age)}).fetchone()
    return None if found is None else int(found)


def _aged(age: Age) -> dict[str, Any]:
    return {"age": age.message, "claim": age.claim, "late": age.is_late}


def is_shared(db: Db, order_keys: Collection[str], message_id: int, patient_key: str) -> bool:
    """Tell whether one of the orders is also another patient's, or is in so many messages that it may well be."""
    (destination,) = db.execute(_SQL["destination"], {"id": message_id}).fetchone()
    return any(
        len(found) >= LONGEST or any(entry.is_of_another(patient_key) for entry in found)
        for found in entries(db, order_keys, destination).values()
    )


def file_overtaken_by(db: Db, readings: Sequence[int], at: str) -> tuple[int, str] | None:
    """Return a newer message from another file for an order that this file's messages (or their originals) name.

    With its destination: `at`, or where "" has the file read again. One that waits counts: what is read again goes to
    the end of the line.
    """
    known = json.dumps(list(readings))
    orders = db.execute(_SQL["orders_of_file"], {"readings": known, "at": at}).fetchall()
    return _newest(db, "later_of_another_file", orders, readings=known)


def _newest(db: Db, name: str, orders: Sequence[tuple[Any, ...]], **values: Any) -> tuple[int, str] | None:
    """Ask for the newest later message of each order (destination, key, message); return that of all, and where."""
    age, bound = ages(db, [message_id for _, _, message_id in orders]), {"longest": LONGEST - 1}
    asked = (
        {"destination": destination, "key": key, "id": message_id, **_aged(age[message_id]), **bound, **values}
        for destination, key, message_id in orders
    )
    found = ((db.execute(_SQL[name], each).fetchone(), each["destination"]) for each in asked)
    return max(((int(row[0]), destination) for row, destination in found if row is not None), default=None)
