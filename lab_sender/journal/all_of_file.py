"""An act on all messages of a file, at every destination.

Holds: what each act is about, message by message, and what it came to.
Promises: what was not done is named with the reason. Of a file's own messages none overtakes another: they go out
again in their order.
Never: begins or ends a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from lab_sender.journal import acts, again, decisions
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store
from lab_sender.journal.decisions import Restamp
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("all_of_file")

Kind = Literal["file.messages-released", "file.messages-resent", "file.messages-dismissed"]


class Done(NamedTuple):
    """A message to which the act was done.

    `became` is what the act on it alone returns: its state, or `outbox` where its file is read again. `copy` and
    `control_id` are the new message's of a resend.
    """

    message: int
    destination: str
    became: str
    copy: int | None = None
    control_id: str = ""


class NotDone(NamedTuple):
    """A message to which the act was not done, and why, as ActRejected has it."""

    message: int
    destination: str
    code: str
    text: str
    hint: str


class Outcome(NamedTuple):
    """What an act on all messages of a file came to, in the order of delivery. Without `done` nothing was changed."""

    done: tuple[Done, ...]
    rejected: tuple[NotDone, ...]


class _Known(NamedTuple):
    facts: Facts
    has_successor: bool
    """Another message took its place, or was made of it."""
    is_contradicted: bool


def release(db: Db, this: Act, *, force: bool) -> Outcome:
    """Release what is quarantined of a file. Where one has no bytes, all of it is read again.

    What may have arrived is released by itself; so are the others while the file cannot be read again.
    """
    quarantined = [each.facts for each in _messages(db, this) if each.facts.state == "quarantined"]
    if not quarantined:
        raise ActRejected("release.not-quarantined", f"no message of file {this.source_id} is quarantined.")
    done, rejected = list[Done](), list[NotDone]()
    unbuilt = [each for each in quarantined if not each.has_bytes]
    if unbuilt:
        try:
            replaced = again.withdraw(db, this._replace(id=None), "read_again_file", at="", force=force)
        except ActRejected as why:
            rejected += [_not_done(each, why) for each in unbuilt]
        else:
            done += [Done(each.id, each.destination, "outbox") for each in quarantined if each.id in replaced]
            quarantined = [each for each in quarantined if each.id not in replaced]
    free, overtaken = _parted(db, [each for each in quarantined if each.has_bytes], decisions.may_go_out, force=force)
    done += [
        Done(each.id, each.destination, decisions.released(db, _on(this, each), each, force=force)) for each in free
    ]
    return Outcome(tuple(sorted(done)), tuple(sorted(rejected + overtaken)))


def resend(
    store: Store, db: Db, this: Act, *, new_control_id: Callable[[], str], restamp: Restamp, force: bool
) -> Outcome:
    """Send a copy of each message of a file that no other one has taken the place of, but of what was given up."""
    known = [each for each in _messages(db, this) if not each.has_successor]
    messages = [each.facts for each in known if each.facts.state != "replaced"]
    if not messages:
        raise ActRejected("resend.nothing", f"file {this.source_id} has no message that could be sent again.")
    given_up = [each for each in messages if each.state == "dismissed"]
    rejected = [_not_done(each, _given_up(each)) for each in given_up]
    free, not_now = _parted(
        db, [each for each in messages if each not in given_up], decisions.may_be_copied, force=force
    )
    done = list[Done]()
    for each in free:
        control_id = new_control_id()
        copy = decisions.resent(store, db, _on(this, each), each, control_id, restamp)
        done.append(Done(each.id, each.destination, "spooled", copy, control_id))
    return Outcome(tuple(done), tuple(sorted(rejected + not_now)))


def dismiss(db: Db, this: Act, why: str) -> Outcome:
    """Give up what waits or is quarantined of a file, and close the contradictions of what was delivered."""
    done, rejected = list[Done](), list[NotDone]()
    for facts, _, is_contradicted in _messages(db, this):
        if facts.state in ("spooled", "sending", "quarantined") or is_contradicted:
            try:
                became = decisions.dismissed(db, _on(this, facts), facts, why)
            except ActRejected as error:
                rejected.append(_not_done(facts, error))
            else:
                done.append(Done(facts.id, facts.destination, became))
    if not done and not rejected:
        text = f"no message of file {this.source_id} waits or is quarantined."
        raise ActRejected("dismiss.not-waiting", text)
    return Outcome(tuple(done), tuple(rejected))


def answered(db: Db, this: Act, kind: Kind) -> Outcome | None:
    """Return what this act came to when it was done; None: it is not done yet."""
    said = acts.answer(db, this, kind)
    if said is None:
        return None
    done, rejected = json.loads(said)
    return Outcome(tuple([Done(*each) for each in done]), tuple([NotDone(*each) for each in rejected]))


def record(db: Db, this: Act, kind: Kind, outcome: Outcome, why: str = "") -> None:
    """Record an act on all of a file; one that did nothing is none."""
    if outcome.done:
        detail = f"{len(outcome.done)} done, {len(outcome.rejected)} not"
        acts.record(db, this, kind, f"{why} ({detail})" if why else detail, answer=json.dumps(outcome))


def _messages(db: Db, this: Act) -> list[_Known]:
    assert this.source_id is not None
    rows = db.execute(_SQL["messages"], {"readings": json.dumps(again.readings(db, this.source_id))}).fetchall()
    return [_Known(acts.message(db, row[0]), bool(row[1]), bool(row[2])) for row in rows]


def _parted(
    db: Db, messages: list[Facts], may: Callable[..., None], *, force: bool
) -> tuple[list[Facts], list[NotDone]]:
    """Part messages into those that may go out again and the others, the newest first: it goes behind the older."""
    free, rejected = list[Facts](), list[NotDone]()
    for each in reversed(messages):
        try:
            may(db, each, force=force, behind_it=[other.id for other in free])
        except ActRejected as why:
            rejected.append(_not_done(each, why))
        else:
            free.append(each)
    return free[::-1], rejected


def _on(this: Act, message: Facts) -> Act:
    """Name the part of an act that is about this message."""
    return Act(this.who, None, message.destination, message.source_id, message.id)


def _not_done(message: Facts, why: ActRejected) -> NotDone:
    return NotDone(message.id, message.destination, why.code, why.text, why.hint)


def _given_up(message: Facts) -> ActRejected:
    return ActRejected(
        "resend.given-up",
        f"message {message.id} was given up.",
        hint=f"`lab-sender resend {message.id} --new-id` sends it all the same.",
    )
