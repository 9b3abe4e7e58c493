"""A part of an order, and its whole report: which of them goes out again.

Holds: the exchange of bytes that are only what had changed (`corrections.send: changed`) for those of the whole
report, which lie beside them.
Promises: a part goes out only over what it was made for. A copy says all of it; so does what waits, or comes from
quarantine, where the HIS has something else of its orders since, or may have, or has taken back what was before. That
has a new control id then: one that has left, or may have, never carries other bytes.
Never: begins or ends a transaction, or asks whether a message may go out.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.journal.database import Db, damaged
from lab_sender.journal.order_history import LONGEST
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("whole")


class _Bytes(NamedTuple):
    """What is to go out again of a message. `is_part`: it went out, or was to go out, as only what had changed."""

    destination: str
    control_id: str
    body: bytes
    is_part: bool


def bytes_of(db: Db, message_id: int) -> bytes | None:
    """Return a message's bytes, of a part those of its whole report; None where it was never built.

    Raises AgentError `journal.damaged` when the disk gives other bytes than were spooled.
    """
    kept = _kept(db, message_id)
    return None if kept is None else kept.body


def make_whole(db: Db, message_id: int) -> str:
    """Give a part the bytes of its whole report, unless the HIS has of its orders what it was made for.

    Returns the control id that it has then; "" where it has the one that it had. Raises as `bytes_of`.
    """
    kept = _kept(db, message_id)
    if kept is None or not kept.is_part or not _stands_on_other(db, message_id):
        return ""
    control_id = new_id()
    body = with_control_id(kept.body, control_id)
    db.execute(_SQL["renamed"], {"id": message_id, "control_id": control_id})
    keep_former_id(db, message_id, kept.destination, kept.control_id)
    db.execute(_SQL["bytes"], {"id": message_id, "body": body, "crc32": zlib.crc32(body)})
    return control_id


def _stands_on_other(db: Db, message_id: int) -> bool:
    values = {"id": message_id, "longest": LONGEST - 1}
    return db.execute(_SQL["stands_on_other"], values).fetchone() is not None


def _kept(db: Db, message_id: int) -> _Bytes | None:
    """A whole report has its part's control id: else one that knows of no parts has built it anew."""
    row = db.execute(_SQL["kept"], {"id": message_id}).fetchone()
    if row is None:
        return None
    destination, control_id, body, crc32, whole, whole_crc32 = row
    if whole is not None:
        whole = _as_spooled(message_id, bytes(whole), whole_crc32)
        if with_control_id(whole, control_id) == whole:
            return _Bytes(destination, control_id, whole, is_part=True)
    return _Bytes(destination, control_id, _as_spooled(message_id, bytes(body), crc32), is_part=False)


def _as_spooled(message_id: int, body: bytes, crc32: int) -> bytes:
    if zlib.crc32(body) != crc32:
        raise damaged(f"the bytes of message {message_id} have changed")
    return body


def as_said(was: str | None, control_id: str) -> str:
    """Say for the record what `make_whole` came to; "" where it exchanged nothing."""
    return f"whole now, control id {was} becomes {control_id}" if control_id else ""


def keep_former_id(db: Db, message_id: int, destination: str, control_id: str) -> None:
    """Keep a control id for the message that had it: it is no other content's."""
    values = {"id": message_id, "destination": destination, "control_id": control_id.rstrip(" ")}
    db.execute(_SQL["former_id"], values)
