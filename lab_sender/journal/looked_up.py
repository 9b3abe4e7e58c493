"""Whether what a batch was compared with is still so when it is spooled.

Holds: up to where the journal went before the look, and the question whether it has moved since.
Promises: it has moved by what another process has spooled since of an order or under a control id of the batch, and
by every act on record since. It is asked within the transaction that spools, behind the gates of its destinations:
what has not moved there cannot until it is committed.
Never: counts what a lane has made of a message meanwhile: it may do so at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from lab_sender.journal.database import Db, Store
from lab_sender.journal.rows import NewMessage, NewSource
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("looked_up")


class Seen(NamedTuple):
    """Up to where the journal went: the newest act on record, and the newest message of each destination.

    `version` is what the store had for the changes of others, where it sees each of them.
    """

    version: int | None
    act: int
    newest: Mapping[str, int]


def destinations_of(sources: Iterable[NewSource], destination: str) -> frozenset[str]:
    """Return where a batch's messages go; `destination` is where those go that name none."""
    return frozenset(each.destination or destination for source in sources for each in source.messages)


def seen(db: Db, version: int | None, sources: Iterable[NewSource], destination: str) -> Seen:
    """Return up to where the journal goes, for a batch; the store's `version` is from before."""
    (act,) = db.execute(_SQL["newest_act"]).fetchone()
    known = {"destinations": json.dumps(sorted(destinations_of(sources, destination)))}
    return Seen(version, act, dict(db.execute(_SQL["newest"], known).fetchall()))


def stands(db: Db, store: Store, seen: Seen, sources: Sequence[NewSource], destination: str) -> bool:
    """Say whether nothing has moved since; where only we have written since, no more is asked than what we did."""
    if db.execute(_SQL["newest_act"]).fetchone()[0] != seen.act:  # the brake's are ours
        return False
    if seen.version is not None and seen.version == store.foreign_version():
        return True
    for name, newest in seen.newest.items():
        own = [
            each for source in sources for each in source.messages if (each.destination or destination) == name
        ]
        if db.execute(_SQL["moved"], {"destination": name, "newest": newest, **_compared(own)}).fetchone():
            return False
    return True


def _compared(messages: Iterable[NewMessage]) -> dict[str, str]:
    """Return what messages are compared by: their orders, and their control ids without the blanks behind them."""
    keys, ids = set[str](), set[str]()
    for each in messages:
        keys.update(each.order_keys)
        if each.control_id:
            ids.add(each.control_id.rstrip(" "))
    return {"keys": json.dumps(sorted(keys)), "ids": json.dumps(sorted(ids))}
