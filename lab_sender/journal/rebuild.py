"""What `rebuild` changes: the bytes of a message that has not been delivered.

Holds: what is known of such a message, and the exchange of its bytes for new ones.
Promises: the message keeps its id, and with it its place in the line. New bytes have a new control id: one that has
left, or may have, never carries other bytes. One durable transaction, guarded by state and control id, on record.
Never: reads a file or builds.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

from lab_sender.hl7.orders import ward_in
from lab_sender.journal import acts, again, decisions, turns, whole
from lab_sender.journal.acts import ActRejected, Facts
from lab_sender.journal.database import Db, Store
from lab_sender.journal.rows import FileRow, NewMessage
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import BY_HIS, MESSAGE, WORDS

_SQL: Final = Statements("rebuild")


class Original(NamedTuple):
    """A message as it was built before: where in which file its report is, and its bytes."""

    message_id: int
    place: str
    digest: bytes
    body: bytes
    files: tuple[FileRow, ...]
    destination: str


class RebuildBook:
    """The part of the journal of whoever rebuilds; `who` does it where an act does not say so itself."""

    def __init__(self, store: Store, *, who: str) -> None:
        self._store = store
        self._who = who

    def original(self, message_id: int, *, force: bool = False) -> Original:
        """Return what a message was built from. Raises ActRejected where it may not be built anew."""
        with self._store.reading() as db:
            message = acts.message(db, message_id)
            if message.state not in MESSAGE["rebuilt"].sources:
                raise _not_waiting(message)
            body = _changeable(db, message, force=force)
            rows = db.execute(_SQL["files"], {"source_id": again.readings(db, message.source_id)[-1]})
            files = tuple(FileRow(*each) for each in rows)
        return Original(message_id, message.place, message.digest, body, files, message.destination)

    def rebuilt(
        self,
        original: Original,
        new: NewMessage,
        *,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
    ) -> str:
        """Give a message its new bytes; one that was refused or unanswered goes out again from its old place.

        Returns its state. Raises ActRejected, also when it has begun to leave, or got other bytes, since `original`.
        """
        assert new.body is not None
        message_id = original.message_id
        with acts.transaction(self._store, MESSAGE["rebuilt"], message_id) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            if (said := acts.answer(db, this, "message.rebuilt")) is not None:
                return said
            if message.has_bytes and not _renamed(db, message, new):
                raise _not_waiting(message)
            body = _changeable(db, message, force=force)
            if body != original.body or new.digest != message.digest:
                raise ActRejected("rebuild.changed", f"message {message_id} is not what it was a moment ago.")
            _exchange(db, message, new, new.body)
            goes_out = message.code in BY_HIS and acts.release(db, message)
            state = "spooled" if goes_out else message.state
            detail = f"control id {message.control_id} becomes {new.control_id}; was {message.code or message.state}"
            detail = f"{detail}; forced" if force else detail
            acts.record(db, this, "message.rebuilt", acts.with_reason(why, detail), answer=state)
        return state


def _renamed(db: Db, message: Facts, new: NewMessage) -> bool:
    """Give a message its new control id; False where it may not get one."""
    values = {
        "id": message.id,
        "old_control_id": message.control_id,
        "control_id": new.control_id,
        "patient_key": new.patient_key,
        "ward": ward_in(new.body or b""),
        "wants_application": new.wants_application,
    }
    if db.execute(_SQL["rebuilt"], values).rowcount != 1:
        return False
    whole.keep_former_id(db, message.id, message.destination, message.control_id or "")
    return True


def _exchange(db: Db, message: Facts, new: NewMessage, body: bytes) -> None:
    """Exchange a message's bytes, and what it says of its orders."""
    turns.hand_on(db, message.id)
    db.execute(_SQL["bytes"], {"id": message.id, "body": body, "crc32": zlib.crc32(body)})
    came, age = db.execute(_SQL["age"], {"id": message.id}).fetchone() or (None, None)
    db.execute(_SQL["orders_go"], {"id": message.id})
    target = {"id": message.id, "destination": message.destination, "came": came, "age": age}
    db.executemany(_SQL["order"], [order._asdict() | target for order in new.orders])
    turns.give(db, message.id, body)
    turns.keep_apart_behind(db, message.id)


def _changeable(db: Db, message: Facts, *, force: bool) -> bytes:
    """Return the bytes of a message that may get other ones. Raises ActRejected."""
    body = acts.body_of(db, message.id)
    if body is None:
        raise ActRejected(
            "rebuild.not-built",
            f"message {message.id} could not be built before.",
            hint=f"`lab-sender release {message.id}` has its file read again.",
        )
    if message.may_have_arrived and not force:
        raise ActRejected(
            "rebuild.may-have-arrived",
            f"the HIS may have message {message.id} already; built anew it is another message for the HIS.",
            hint="Ask the HIS team; `release` sends the same bytes, --force builds it anew all the same.",
        )
    if message.state == "quarantined" and not force:
        decisions.demand_its_place(db, message, "rebuild", "build this one anew.")
    return body


def _not_waiting(message: Facts) -> ActRejected:
    if message.state == "sending":
        return ActRejected(
            "rebuild.sending",
            f"message {message.id} is being sent just now.",
            hint="Use `lab-sender hold`, then try again.",
        )
    text = f"message {message.id} is {WORDS[message.state]}: it is not built anew."
    return ActRejected("rebuild.not-waiting", text)
