"""What the HIS says of a message beside the verdict that a try waits for.

Holds: the answers that are kept at their messages, and the flag of a delivery that one of them takes back.
Promises: the same bytes at the same time are one answer, however often they are recorded. A flagged message stays
delivered: what the HIS has now only the HIS can tell.
Never: begins or ends a transaction, or judges an answer.
"""

from __future__ import annotations

import zlib
from typing import Final

from lab_sender.journal import acts, tally
from lab_sender.journal.acts import Act
from lab_sender.journal.database import Db
from lab_sender.journal.rows import LaterAnswer
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("later_answers")
_MOST: Final = 16
"""Of a message's later answers; of each code the first is kept in any case."""


def keep(
    db: Db, destination: str, control_id: str, code: str, ack: bytes, at_ms: int, *, accepts: bool
) -> LaterAnswer | None:
    """Keep an answer at the message with this control id, or that had it; None if there is none."""
    values: dict[str, object] = {"destination": destination, "control_id": control_id.rstrip(" ")}
    values |= {"code": code, "ack": ack, "at_ms": at_ms}
    found = db.execute(_SQL["answered"], values).fetchone()
    is_former = found is None
    found = found or db.execute(_SQL["answered_before"], values).fetchone()
    if found is None:
        return None
    message_id, state, is_flagged, source_id, count, repeated, is_kept = found
    values["id"] = message_id
    if not is_kept and (count < _MOST or not repeated):
        db.execute(_SQL["answer"], values)
    contradicts = state == "acked" and not accepts and not is_former  # of other bytes it says nothing
    if contradicts:
        this = Act("HIS", f"answer {message_id} {at_ms} {zlib.crc32(ack):08x}", destination, source_id, message_id)
        if acts.answer(db, this, "message.contradicted") is None:
            db.execute(_SQL["contradicted"], values)
            acts.record(db, this, "message.contradicted", code)
    elif code == "AA" and not is_former:
        tally.add(db, destination, "commit-only", -db.execute(_SQL["whole"], values).rowcount)
    return LaterAnswer(message_id, contradicts, bool(repeated and is_flagged))
