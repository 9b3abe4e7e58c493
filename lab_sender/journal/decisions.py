"""What a person decides about one message: release, resend, dismiss.

Holds: each act's conditions, what it changes, and its record, within a transaction that somebody else began.
Promises: what would overwrite a newer result at the HIS, or lose one, is rejected with the reason before anything is
changed.
Never: begins or ends a transaction, or asks whether the act was done before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Literal

from lab_sender.journal import acts, again, order_history, turns, whole
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import FINISHED, WAITING, WORDS

_SQL: Final = Statements("decisions")
NOT_COPIED: Final = ("replaced", "dismissed")
"""Of these no copy is sent but by force."""
Restamp = Callable[[bytes, str], bytes]
"""Gives bytes another control id."""


def may_go_out(db: Db, message: Facts, *, force: bool, together: Collection[int] = ()) -> None:
    """Raise ActRejected where this one would overwrite a newer message, or an older one this.

    `together` are newer ones that go out again too.
    """
    if not force:
        then = f"release this one. Or have it go behind that one: `lab-sender resend {message.id} --new-id`."
        demand_its_place(db, message, "release", then, together=together)


def demand_its_place(
    db: Db, message: Facts, act: Literal["release", "rebuild"], then: str, *, together: Collection[int] = ()
) -> None:
    """Raise ActRejected where a message may not go out again from its old place.

    `then` says what can be done once an older one is not in its way any more.
    """
    in_the_way = order_history.in_the_way(db, message.id, together=together)
    if in_the_way is None:
        return
    other = in_the_way.message
    if in_the_way.is_newer:
        raise ActRejected(
            f"{act}.overtaken",
            f"message {other}, which the HIS has, may have or gets before it, speaks about the same order and is"
            f" newer; sending message {message.id} now would overwrite it there.",
            hint="Dismiss it, or use --force if you are sure.",
        )
    raise ActRejected(
        f"{act}.older-waits",
        f"message {other}, which is older (a copy, or its file waited or was read again), waits behind the place of"
        f" message {message.id}, speaks about the same order and would overwrite it at the HIS.",
        hint=f"Let that one be delivered, or give it up with `lab-sender dismiss {other} --why TEXT`; then {then}",
    )


def may_be_copied(db: Db, message: Facts, *, force: bool, together: Collection[int] = ()) -> None:
    """Raise ActRejected where no copy of this message may go to the end of the line."""
    if not message.has_bytes:
        raise _no_bytes(message)
    if message.state in WAITING:
        raise ActRejected("resend.waiting", f"message {message.id} is still waiting for its first delivery.")
    newer = order_history.overtaken_by(db, message.id, at_end=True, together=together)
    if newer is not None and not force:  # said first: --force goes past both
        given_up = f" Message {message.id} is {WORDS[message.state]}." if message.state in NOT_COPIED else ""
        before_it = message.state == "quarantined" and order_history.in_the_way(db, message.id) is None
        first = f"`lab-sender release {message.id}` sends this one before it" if before_it else "Resend that one"
        raise ActRejected(
            "resend.overtaken",
            f"message {newer}, delivered since or waiting, speaks about the same order and is newer.{given_up}",
            hint=f"{first}, or use --force if you are sure.",
        )
    if message.state in NOT_COPIED and not force:
        raise not_to_be_copied(message, hint="Use --force if it is to be sent all the same.")


def not_to_be_copied(message: Facts, *, hint: str) -> ActRejected:
    """Say why a message that was given up, or whose place another one has taken, is not sent once more."""
    if message.state == "replaced":
        text = f"another message took the place of message {message.id}; `lab-sender show {message.id}` names it."
        return ActRejected("resend.replaced", text, hint=hint)
    text = f"message {message.id} was given up by a person; `lab-sender show {message.id}` says by whom and why."
    return ActRejected("resend.given-up", text, hint=hint)


def released(db: Db, this: Act, message: Facts, *, force: bool, why: str = "") -> str:
    """Send a quarantined message again from its old place; a part that was made for something else, whole.

    Returns the control id under which it goes out; "" where that is the one that it had.
    """
    if not message.has_bytes or not acts.release(db, message):
        text = f"message {message.id} is {WORDS[message.state]}, not quarantined."
        raise ActRejected("release.not-quarantined", text)
    control_id = whole.make_whole(db, message.id)
    said = (f"was {message.code}", whole.as_said(message.control_id, control_id), "forced" if force else "")
    detail = "; ".join(filter(None, said))
    acts.record(db, this, "message.released", acts.with_reason(why, detail), answer="spooled")
    return control_id


def resent(
    store: Store, db: Db, this: Act, message: Facts, control_id: str, restamp: Restamp, *, why: str = ""
) -> int:
    """Spool a copy, whole, under a new control id, which takes a quarantined one's place; returns the copy's id."""
    body = whole.bytes_of(db, message.id)
    assert body is not None
    copy = again.copied(store, db, message, control_id, restamp(body, control_id))
    was = f"as message {copy}"
    if db.execute(_SQL["resent"], {"id": message.id, "now_ms": now_ms()}).rowcount:
        turns.hand_on(db, message.id)
        was += f"; was {message.code}"
    if db.execute(_SQL["contradiction_closed"], {"id": message.id}).rowcount:
        db.execute(_SQL["taken_back"], {"id": message.id})
    acts.record(db, this, "message.resent", acts.with_reason(why, was), answer=str(copy))
    return copy


def dismissed(db: Db, this: Act, message: Facts, why: str) -> str:
    """Give up a message, or close the contradiction of a delivered one; returns its state."""
    if db.execute(_SQL["dismissed"], {"id": message.id, "why": why, "now_ms": now_ms()}).rowcount:
        turns.hand_on(db, message.id)
        acts.record(db, this, "message.dismissed", why, answer="dismissed")
        return "dismissed"
    if db.execute(_SQL["contradiction_closed"], {"id": message.id}).rowcount:
        if order_history.overtaken_by(db, message.id, at_end=True) is not None:
            db.execute(_SQL["taken_back"], {"id": message.id})  # closed for the newer one: this may not be there
        acts.record(db, this, "message.contradiction-closed", why, answer="acked")
        return "acked"
    raise not_to_be_dismissed(message)


def not_to_be_dismissed(message: Facts) -> ActRejected:
    """Say why a message that neither waits nor is quarantined cannot be given up."""
    if message.state == "sending":
        return ActRejected(
            "dismiss.sending",
            f"message {message.id} is being sent just now; it may arrive.",
            hint="Type `lab-sender hold` first. When its exchange has ended without an acceptance, dismiss"
            " it; then `lab-sender resume`.",
        )
    text = f"message {message.id} is {WORDS[message.state]}: there is nothing to give up."
    return ActRejected("dismiss.not-waiting", text)


def _no_bytes(message: Facts) -> ActRejected:
    """Say why a message cannot be sent once more, and what can be done instead."""
    if message.control_id is not None and message.state in FINISHED:
        return ActRejected(
            "resend.deleted",
            f"the bytes of message {message.id} were deleted (retention.content).",
            hint="Have the laboratory report it anew.",
        )
    if message.state == "duplicate" and message.same_as is not None:
        return ActRejected(
            "resend.duplicate",
            f"message {message.id} has no bytes of its own: its content is that of message {message.same_as}.",
            hint=f"Type `lab-sender resend {message.same_as} --new-id`.",
        )
    hints = {
        "quarantined": f"Type `lab-sender release {message.id}` to have its file read again.",
        "dismissed": "If it is to be sent after all, put its report into the outbox in a file of its own.",
        "replaced": f"`lab-sender show {message.id}` names what took its place.",
    }
    text = f"message {message.id} was never built."
    return ActRejected("resend.no-bytes", text, hint=hints.get(message.state, ""))
