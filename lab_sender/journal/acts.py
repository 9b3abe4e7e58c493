"""What is done to messages, files and lanes: its record, and its receipt.

Holds: the record of acts (`event`), and what release, resend, dismiss and rebuild share.
Promises: an act that is tried again under its id is not done twice and gets the answer of the first time. What is not
done is an ActRejected, and the journal is as it was.
Never: begins or ends a transaction; `transaction` only says how durable one has to be.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from lab_sender.errors import LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal import lanes, turns
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import Transition

_SQL: Final = Statements("acts")


class ActRejected(LabSenderError):
    """The act was not done; the journal is as it was."""


class Act(NamedTuple):
    """Who does it, and what to. `id` is the same however often it is tried; None: it is part of another act."""

    who: str
    id: str | None
    destination: str = ""
    source_id: int | None = None
    message_id: int | None = None


class Facts(NamedTuple):
    """What acts ask about a message before they change it."""

    id: int
    state: str
    code: str
    destination: str
    source_id: int
    place: str
    control_id: str | None
    digest: bytes
    same_as: int | None
    may_have_arrived: bool
    has_bytes: bool
    is_contradicted: bool = False

    def act(self, who: str, act_id: str | None) -> Act:
        """Begin an act on this message; without an id it is a new one."""
        return Act(who, act_id or new_id(), self.destination, self.source_id, self.id)


def transaction(store: Store, transition: Transition, *lanes: str | int) -> AbstractContextManager[Db]:
    """Begin a transaction on these lanes that is as durable as the table of states says; what begins a row spools."""
    if transition.durability == "durable":
        return store.acting(*lanes, spools=not transition.sources)
    return store.marking(*lanes)


def message(db: Db, message_id: int) -> Facts:
    """Return what is known of a message. Raises ActRejected `message.unknown`."""
    row = db.execute(_SQL["message"], {"id": message_id}).fetchone()
    if row is None:
        text = f"there is no message {message_id}."
        raise ActRejected("message.unknown", text, hint="`lab-sender list` shows them.")
    return Facts(*row)


def body_of(db: Db, message_id: int) -> bytes | None:
    """Return a message's bytes; None where it was never built."""
    row = db.execute(_SQL["body"], {"id": message_id}).fetchone()
    return None if row is None else bytes(row[0])


def answer(db: Db, act: Act, *kinds: str) -> str | None:
    """Return the answer that this act has had already; None: it is not done yet.

    Raises ActRejected `act.used` where the id is that of another act.
    """
    row = db.execute(_SQL["recorded"], {"act": act.id}).fetchone()
    if row is None:
        return None
    kind, destination, source_id, message_id, said = row
    is_this = kind in kinds and source_id == act.source_id and message_id in (None, act.message_id)
    if not is_this or (act.destination and destination not in ("", act.destination)):
        raise ActRejected("act.used", f"the act {act.id} was another one: {kind}.", hint="Give each act a new id.")
    return str(said)


def record(db: Db, act: Act, kind: str, detail: str, *, answer: str = "") -> None:
    """Append to the record: what was done, and what whoever did it was answered."""
    db.execute(
        _SQL["record"],
        {
            "at_ms": now_ms(),
            "kind": kind,
            "destination": act.destination,
            "source_id": act.source_id,
            "message_id": act.message_id,
            "who": act.who,
            "detail": detail,
            "act": act.id,
            "answer": answer,
        },
    )


def with_reason(why: str, detail: str) -> str:
    """Write what is on record of an act: the reason that was given first."""
    return f"{why} ({detail})" if why else detail


def release(db: Db, message: Facts) -> bool:
    """Let a quarantined message go out again from its old place; True where it was one."""
    if db.execute(_SQL["released"], {"id": message.id}).rowcount != 1:
        return False
    turns.keep_apart(db, message.id)
    lanes.begin_round(db, message.destination)
    return True
