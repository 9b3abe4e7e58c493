"""A destination's lane as the journal has it.

Holds: its hold, its link, since when its HIS is silent, the row of messages quarantined with no acceptance since, and
the round of sending, which each release into an old place begins anew.
Promises: an operator's hold is not replaced or ended by the lane's own. A hold and its end also end the row.
Never: begins or ends a transaction, or changes a message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from lab_sender.journal.database import Db, now_ms
from lab_sender.journal.rows import HoldKind, LaneRow, LinkRow
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("lanes")
_LONGEST_ROW: Final = 2000
"""No brake counts further."""


def lane(db: Db, destination: str) -> LaneRow:
    """Return a lane's hold and link."""
    row = db.execute(_SQL["lane"], {"destination": destination}).fetchone()
    return LaneRow(*row) if row else LaneRow(destination)


def hold(db: Db, destination: str, kind: HoldKind, reason: str, messages: Sequence[int] = ()) -> None:
    """Hold a lane, for these messages. A second hold by an operator adds its reason to the first one's."""
    values = {"destination": destination, "hold": kind, "reason": reason, "now_ms": now_ms()}
    db.execute(_SQL["hold"], values | {"messages": _written(messages)})


def release(db: Db, destination: str, *, whoever: bool) -> HoldKind:
    """End a lane's hold, one by an operator only with `whoever`; returns the kind of hold that was."""
    was = lane(db, destination).hold
    db.execute(_SQL["release"], {"destination": destination, "whoever": whoever})
    return was


def begin_round(db: Db, destination: str) -> None:
    """What goes out from now on comes after all that went out before, whatever its place in the line."""
    db.execute(_SQL["begin_round"], {"destination": destination})


def note_link(db: Db, destination: str, link: LinkRow) -> None:
    """Note the state of a destination's link; since when it is so stays while it does."""
    db.execute(_SQL["link"], {"destination": destination, "now_ms": now_ms(), **link._asdict()})


def note_silence(db: Db, destination: str, since_ms: int | None) -> None:
    """Note since when the HIS has answered nobody; None: it answers."""
    db.execute(_SQL["silent"], {"destination": destination, "since_ms": since_ms})


def row(db: Db, destination: str) -> list[tuple[int, str]]:
    """Return those of the row that are still in quarantine for what the HIS did, oldest first, with their codes."""
    values = {"destination": destination, "ids": json.dumps(_row(db, destination))}
    return db.execute(_SQL["row_in_quarantine"], values).fetchall()


def lengthen_row(db: Db, message_id: int) -> None:
    """Count a message in that has just been quarantined; once, however often this is called."""
    (destination,) = db.execute(_SQL["destination"], {"id": message_id}).fetchone()
    ids = [each for each in _row(db, destination) if each != message_id]
    messages = _written([*ids, message_id][-_LONGEST_ROW:])
    db.execute(_SQL["row_grows"], {"destination": destination, "messages": messages})


def end_row(db: Db, destination: str) -> None:
    """End the row: a message was accepted."""
    db.execute(_SQL["row_ends"], {"destination": destination})


def _row(db: Db, destination: str) -> list[int]:
    found = db.execute(_SQL["row"], {"destination": destination}).fetchone()
    return [int(each) for each in found[0].split()] if found else []


def _written(message_ids: Sequence[int]) -> str:
    return " ".join(map(str, message_ids))
