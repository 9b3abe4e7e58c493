"""What `rebuild` changes: the bytes of a message that has not been delivered.

Holds: what is known of such a message, and the exchange of its bytes for new ones.
Promises: the message keeps its id, and with it its place in the line. New bytes have a new control id: one that has
left, or may have, never carries other bytes. One durable transaction, guarded by the state, with an event.
Never: reads a file or builds.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from lab_sender.journal.database import Db, Store
from lab_sender.journal.delivery import insert_event
from lab_sender.journal.operator import Refused, unknown_message
from lab_sender.journal.overtaken import overtaken_by
from lab_sender.journal.rows import FileRow, NewMessage

_FILES = (
    "SELECT f.id, f.source_id, f.role, f.name, f.claimed_as, f.folder, f.filed_as, f.planned_folder, f.planned_as,"
    " s.sha256, f.size FROM file f JOIN source s ON s.id = f.source_id WHERE s.id = ? ORDER BY f.id"
)


class Original(NamedTuple):
    """A message as it was built before: where in which file its report is, and its bytes."""

    message_id: int
    place: str
    digest: bytes
    body: bytes
    files: tuple[FileRow, ...]


class RebuildBook:
    """The part of the journal of whoever rebuilds."""

    def __init__(self, store: Store, *, who: str) -> None:
        self._store = store
        self._who = who

    def original(self, message_id: int, *, force: bool = False) -> Original:
        """Return what a message was built from. Raises Refused where it may not be built anew."""
        with self._store.reading() as db:
            row = _changeable(db, message_id, force=force)
            files = tuple(FileRow(*each) for each in db.execute(_FILES, (row[1],)))
        return Original(message_id, row[2], row[3], row[4], files)

    def rebuilt(self, original: Original, new: NewMessage, *, force: bool = False) -> str:
        """Give a message its new bytes; one that was refused or unanswered goes out again from its old place.

        Returns its state. Raises Refused, also when it has begun to leave, or got other bytes, since `original`.
        """
        assert new.body is not None
        assert new.control_id is not None
        message_id = original.message_id
        with self._store.durable() as db:
            row = _changeable(db, message_id, force=force)
            if row[4] != original.body or new.digest != row[3]:
                raise Refused("rebuild.changed", f"message {message_id} is not what it was a moment ago.")
            goes_out = row[0] == "quarantined" and row[5] in ("refused", "unanswered")
            db.execute(
                "UPDATE message SET control_id = ?, patient_key = ?, wants_application = ?, may_have_left = 0,"
                " accept_acked = 0, refusals = 0, unknowns = 0 WHERE id = ?",
                (new.control_id, new.patient_key, new.wants_application, message_id),
            )
            db.execute(
                "UPDATE wire SET body = ?, crc32 = ? WHERE message_id = ?",
                (new.body, zlib.crc32(new.body), message_id),
            )
            db.execute("DELETE FROM message_order WHERE message_id = ?", (message_id,))
            db.executemany(
                "INSERT INTO message_order (order_key, service, status, reported, message_id, destination)"
                " SELECT ?,?,?,?,id,destination FROM message WHERE id = ?",
                [(*order, message_id) for order in new.orders],
            )
            if goes_out:
                db.execute(
                    "UPDATE message SET state = 'spooled', code = '', reason = '', final_ms = NULL WHERE id = ?",
                    (message_id,),
                )
                db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'send_round'")
            detail = f"control id {row[6]} becomes {new.control_id}; was {row[5] or row[0]}"
            insert_event(
                db, "message.rebuilt", self._who, f"{detail}; forced" if force else detail, message_id=message_id
            )
        return "spooled" if goes_out else str(row[0])


_Row = tuple[str, int, str, bytes, bytes, str, str]


def _changeable(db: Db, message_id: int, *, force: bool) -> _Row:
    """Return state, source, place, digest, bytes, code and control id of a message that may be built anew."""
    row = db.execute(
        "SELECT m.state, m.source_id, m.place, m.digest, w.body, m.code, m.control_id,"
        " m.may_have_left OR m.accept_acked FROM message m LEFT JOIN wire w ON w.message_id = m.id WHERE m.id = ?",
        (message_id,),
    ).fetchone()
    if row is None:
        raise unknown_message(message_id)
    state, may_have_left = row[0], row[7]
    if state == "sending":
        raise Refused(
            "rebuild.sending",
            f"message {message_id} is being sent just now.",
            hint="Use `lab-sender hold`, then try again.",
        )
    if state not in ("spooled", "quarantined"):
        raise Refused("rebuild.not-waiting", f"message {message_id} is {state}: it is not built anew.")
    if row[4] is None:
        raise Refused(
            "rebuild.not-built",
            f"message {message_id} could not be built before.",
            hint=f"`lab-sender release {message_id}` has its file read anew.",
        )
    if may_have_left and not force:
        raise Refused(
            "rebuild.may-have-arrived",
            f"the HIS may have message {message_id} already; built anew it is another message for the HIS.",
            hint="Ask the HIS team; `release` sends the same bytes, --force builds it anew all the same.",
        )
    newer = overtaken_by(db, message_id) if state == "quarantined" and not force else None
    if newer is not None:
        raise Refused(
            "rebuild.overtaken",
            f"message {newer}, which the HIS has or may have, speaks about the same order and is newer;"
            f" sending message {message_id} now would overwrite it there.",
            hint="Dismiss it, or use --force if you are sure.",
        )
    return row[0], row[1], row[2], row[3], row[4], row[5], row[6]
