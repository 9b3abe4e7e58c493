"""An acceptance within a backlog as one appended row, until the next transaction.

Holds: that row (`verdict`): a message's first try was accepted, and the next message may leave; and `fold`, by which
such rows become state, try and mark.
Promises: a row is written only where both messages are as the lane has read them, and one that stands is a fact as
any other: it survives kill -9 at once. Every transaction of every process folds before it does anything else, so
nobody who acts sees a message that is accepted or leaving as one that waits; so does what he reads between them.
Whoever only reads from outside is at most a tick behind; what an agent that was killed has left, he has folded in.
A copy of the journal has none of these rows.
Never: is written by a database that has no use for it (`Store.append`), or where the acceptance changes more than
these two messages.
"""

from __future__ import annotations

from typing import Final

from lab_sender.journal.database import Db, Store
from lab_sender.journal.rows import Attempt, Spooled
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("verdicts")
_APPEND: Final = _SQL["append"]
_SOME: Final = _SQL["some"]
LEFT: Final = _SQL["left"]
"""When the first row was written."""
_FOLD: Final = tuple(_SQL[name] for name in ("tries", "accepted", "marked", "folded"))


def append(store: Store, message: Spooled, attempt: Attempt, *, next_id: int, lane: int, at_ms: int) -> bool:
    """Write the row; False: nothing is written, a transaction has to say what happened."""
    foreign_ids = "\n".join(attempt.foreign_ids)
    tried = attempt.started_ms, attempt.detail, attempt.ack_code, attempt.ack, foreign_ids, attempt.elapsed_ms
    return store.append(_APPEND, (lane, at_ms, *tried, next_id, message.id, message.control_id))


def are_there(db: Db) -> bool:
    """Say whether there are rows."""
    return bool(db.execute(_SOME).fetchone()[0])


def fold(db: Db) -> None:
    """Turn the rows into what they say, at the beginning of a transaction."""
    if are_there(db):
        for statement in _FOLD:
            db.execute(statement)
