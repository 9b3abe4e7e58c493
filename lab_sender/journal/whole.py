"""What goes out again is whole.

Holds: the exchange of bytes that are only what had changed (`corrections.send: changed`) for those of the whole
report, which lie beside them.
Promises: the HIS is told a part of an order once, in its place in the line. What goes out again, as a copy or from
quarantine, says all of it: other messages of the order may have been delivered since. From quarantine it has a new
control id: one that has left, or may have, never carries other bytes.
Never: begins or ends a transaction, or asks whether a message may go out.
"""

from __future__ import annotations

import zlib
from typing import Final

from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.journal.database import Db, damaged
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("whole")


def bytes_of(db: Db, message_id: int) -> bytes | None:
    """Return a message's bytes, of a part those of its whole report; None where it was never built.

    Raises AgentError `journal.damaged` when the disk gives other bytes than were spooled.
    """
    row = db.execute(_SQL["bytes_of"], {"id": message_id}).fetchone()
    if row is None:
        return None
    body, crc32 = bytes(row[0]), row[1]
    if zlib.crc32(body) != crc32:
        raise damaged(f"the bytes of message {message_id} have changed")
    return body


def make_whole(db: Db, message_id: int) -> str:
    """Give a part in quarantine the bytes of its whole report, before it goes out again from its old place.

    Returns what becomes of its control id, for the record; "" where the message is whole. Raises as `bytes_of`.
    """
    row = db.execute(_SQL["part"], {"id": message_id}).fetchone()
    if row is None:
        return ""
    destination, was = row
    control_id = new_id()
    body = with_control_id(bytes_of(db, message_id) or b"", control_id)
    db.execute(_SQL["renamed"], {"id": message_id, "control_id": control_id})
    keep_former_id(db, message_id, destination, was)
    db.execute(_SQL["bytes"], {"id": message_id, "body": body, "crc32": zlib.crc32(body)})
    return f"whole now, control id {was} becomes {control_id}"


def keep_former_id(db: Db, message_id: int, destination: str, control_id: str) -> None:
    """Keep a control id for the message that had it: it is no other content's."""
    values = {"id": message_id, "destination": destination, "control_id": control_id.rstrip(" ")}
    db.execute(_SQL["former_id"], values)
