"""What a lane writes: that a message may leave, and what became of it.

Holds: attempts, verdicts, the brake; with it comes what a lane reads ahead (ahead.py).
Promises: `sending` is committed before the first byte may leave; a verdict is committed before the next
message is sent, and may be committed together with the next message's `sending`: in one transaction, or as one row
(verdicts.py).
A message is acked only by `acked`, which wants the attempt whose ACK carried its control id, and by `commit_stands`,
which wants the CA that an earlier agent noted for the same control id. What an operator did between two of the
lane's transactions stays, and whoever writes is told: each transition returns whether it happened. The same call
made twice comes to the same.
Never: waits for the disk where a power cut would cost a duplicate at most (see store.quick).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from lab_sender.ids import new_id
from lab_sender.journal import acts, lanes, later_answers, order_history, turns, verdicts, whole
from lab_sender.journal.acceptances import Acceptances
from lab_sender.journal.acts import Act
from lab_sender.journal.ahead import Ahead
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.notes import noted
from lab_sender.journal.rows import Attempt, HoldKind, LaneRow, LaterAnswer, LinkRow, Spooled
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import BY_HIS, MESSAGE

_SQL: Final = Statements("delivery")
_ATTEMPT: Final = _SQL["attempt"]
_ACKED_AND_NEXT: Final = _SQL["acked"]
_ACKED: Final = MESSAGE["acked"]


class DeliveryBook(Ahead):
    """A lane's part of the journal."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._acceptances = Acceptances()
        self._closed: set[str] = set()
        """Destinations of which no message was quarantined since their last acceptance, which has ended that row."""
        self._rows: Counter[str] = Counter()
        """How often a destination's row was begun or made longer: lanes may write beside each other."""

    def finished_sources(self) -> set[int]:
        """Return the sources that became final, wholly or in part (or came back), since the last call."""
        with self._store.lock:
            finished, self._store.finished = self._store.finished, set()
        return finished

    # ------------------------------------------------------------- what may leave

    def sending(self, message_id: int, lane: int = 0) -> bool:
        """Note that the message's bytes may leave now, by this lane. False: an operator has taken it away."""
        with acts.transaction(self._store, MESSAGE["sending"], message_id) as db:
            return db.execute(_SQL["sending"], {"id": message_id, "lane": lane}).rowcount == 1

    def made_whole(self, message: Spooled) -> bool:
        """Give a part its whole report, under a new control id, where it still stands on other than it was made for.

        True: it waits with other bytes than those that were read. False: with these, or not any more.
        """
        this = Act("lane", new_id(), message.destination, message.source_id, message.id)
        with acts.transaction(self._store, MESSAGE["made_whole"], message.destination) as db:
            found = db.execute(_SQL["waits_as"], {"id": message.id}).fetchone()
            if found is None or found[0] != message.control_id:
                return found is not None
            control_id = whole.make_whole(db, message.id)
            if control_id:
                acts.record(db, this, "message.made-whole", whole.as_said(message.control_id, control_id))
        return control_id != ""

    def not_sent(self, message_id: int) -> bool:
        """Note that no byte of it left after all; the message is not charged. False: it does not wait any more."""
        values: dict[str, object] = {"id": message_id}
        with acts.transaction(self._store, MESSAGE["not_sent"], message_id) as db:
            return db.execute(_SQL["not_sent"], values).rowcount == 1 or _stands(db, "is_not_sent", values)

    def last_run(self) -> str:
        """Return what is known by of the agent that began last; whoever begins notes another one before it sends."""
        with self._store.reading() as db:
            return noted(db, "agent_run")

    def interrupted(self, destination: str, *, run: str | None = None) -> int:
        """Before the lanes start: what any of them, then, was sending when the agent ended may have left.

        Returns the number; 0 where another agent has begun since `run` was the last one: it may be sending, as may
        another one of several.
        """
        with acts.transaction(self._store, MESSAGE["interrupted"], destination) as db:
            if run is not None and (self._store.node or noted(db, "agent_run") != run):
                return 0
            values = {"destination": destination}
            db.execute(_SQL["interrupted_attempts"], values | {"now_ms": now_ms()})
            return db.execute(_SQL["interrupted"], values).rowcount

    # ------------------------------------------------------------- what became of it

    def commit_accepted(self, message_id: int) -> bool:
        """Note a CA: the HIS has stored the message, it is never sent again. False: it is not being sent."""
        with acts.transaction(self._store, MESSAGE["commit_accepted"], message_id) as db:
            return db.execute(_SQL["commit_accepted"], {"id": message_id}).rowcount == 1

    def commit_stands(self, message: Spooled, code: str) -> bool:
        """Record as delivered, with `code`, a message whose CA came before a crash: it is never sent again.

        False: an operator has given it up meanwhile, or given it other bytes, for which the CA was not.
        """
        values = {"id": message.id, "control_id": message.control_id, "next_id": None}
        with acts.transaction(self._store, MESSAGE["commit_stands"], message.destination) as db:
            is_due = self._acceptances.is_due(db, message, code)
            done = db.execute(_SQL["commit_stands"], values | {"code": code, "now_ms": now_ms()}).rowcount
            if done and is_due:
                self._acceptances.note(db, message, code)
            self._store.finished.add(message.source_id)
            return done == 1 or _stands(db, "is_acked", values)

    def acked(
        self, message: Spooled, attempt: Attempt, *, code: str = "", next_id: int | None = None, lane: int = 0
    ) -> bool:
        """Record the acceptance, and that the next message may leave, by this lane; True where all of it happened.

        `code` marks an acceptance that is not a plain AA or CA (`known`: the HIS said that it had it already;
        `commit-only`: a CA, and the application answer never came).
        """
        at_ms, destination = now_ms(), message.destination
        with self._store.lock:
            if (
                next_id is not None
                and self._is_usual(message, attempt, code)
                and verdicts.append(self._store, message, attempt, next_id=next_id, lane=lane, at_ms=at_ms)
            ):
                self._store.finished.add(message.source_id)
                return True
        ids = {"id": message.id, "control_id": message.control_id, "next_id": next_id}
        values = ids | {"lane": lane, "code": code, "now_ms": at_ms}
        with acts.transaction(self._store, _ACKED, destination) as db:
            row = self._rows[destination]
            is_due = self._acceptances.is_due(db, message, code)
            done = db.execute(_ACKED_AND_NEXT, values).rowcount
            _insert_attempt(db, message, attempt)
            if destination not in self._closed:
                lanes.end_row(db, destination)
            if is_due:
                self._acceptances.note(db, message, code)
            self._store.finished.add(message.source_id)
            happened = done == (1 if next_id is None else 2) or _stands(db, "is_acked", values)
            if not happened and next_id is not None:
                db.execute(_SQL["not_sent"], {"id": next_id})
        with self._store.lock:
            if row == self._rows[destination]:
                self._closed.add(destination)
        return happened

    def _is_usual(self, message: Spooled, attempt: Attempt, code: str) -> bool:
        """Say whether an acceptance is a backlog's usual one: of a first try, and noted nowhere else."""
        return (
            not code
            and attempt.kind == "verdict"
            and message.attempts == 0
            and message.destination in self._closed
            and self._acceptances.is_noted(message.destination)
        )

    def unknown(self, message: Spooled, attempt: Attempt, *, charged: bool = True) -> int | None:
        """Record an attempt whose outcome is unknown; the message waits for the same bytes to go again.

        Returns when the first of its charged tries began, in milliseconds of the epoch: a restart does not change
        it. None: the message has been taken away, or given other bytes.
        """
        unknowns = message.unknowns + charged
        values = {"id": message.id, "control_id": message.control_id, "unknowns": unknowns}
        with acts.transaction(self._store, MESSAGE["unknown"], message.destination) as db:
            happened = db.execute(_SQL["unknown"], values).rowcount == 1
            _insert_attempt(db, message, attempt)
            later = max(0, unknowns - 1)
            row = db.execute(_SQL["unknown_since"], {"id": message.id, "later": later}).fetchone()
        return (int(row[0]) if row else attempt.started_ms) if happened else None

    def refused(self, message: Spooled, attempt: Attempt, *, charged: bool = True) -> bool:
        """Record a refusal, which also takes back a CA before it; the message waits for its next try.

        False: the message has been taken away, or given other bytes.
        """
        values = {"id": message.id, "control_id": message.control_id, "refusals": message.refusals + charged}
        with acts.transaction(self._store, MESSAGE["refused"], message.destination) as db:
            happened = db.execute(_SQL["refused"], values).rowcount == 1
            _insert_attempt(db, message, attempt)
        return happened

    def quarantined(
        self,
        message: Spooled,
        *,
        code: str,
        reason: str,
        his_words: str = "",
        his_code: str = "",
        his_error: str = "",
    ) -> bool:
        """Quarantine a message: it was refused, or it stayed unanswered. `reason` is ours, `his_words` the HIS's.

        `his_code` and `his_error` are its codes: MSA-1, and what looks like one in ERR-3.

        False: an operator has given it up meanwhile, or given it other bytes, of which the HIS has said nothing.
        """
        values = {"id": message.id, "control_id": message.control_id, "code": code}
        words = {"reason": reason, "his_words": his_words, "his_code": his_code, "his_error": his_error}
        with acts.transaction(self._store, MESSAGE["quarantined"], message.destination) as db:
            with self._store.lock:
                self._rows[message.destination] += 1
                self._closed.discard(message.destination)
            done = db.execute(_SQL["quarantined"], values | words | {"now_ms": now_ms()}).rowcount
            if done and code in BY_HIS:
                lanes.lengthen_row(db, message.id)
            self._store.finished.add(message.source_id)
            return done == 1 or _stands(db, "is_quarantined", values)

    def said_later(
        self, destination: str, control_id: str, code: str, ack: bytes, *, accepts: bool, at_ms: int | None = None
    ) -> LaterAnswer | None:
        """Keep an answer that no try waited for at the message with this control id; None if there is none.

        One that does not accept (`accepts` false) flags a delivered message, durably. One of the application that
        accepts makes a commit-only delivery a whole one. `at_ms` is when it came: the same bytes at the same time
        are one answer, however often they are recorded.
        """
        at_ms = at_ms or now_ms()
        with self._store.marking(destination) if accepts else self._store.acting(destination) as db:
            return later_answers.keep(db, destination, control_id, code, ack, at_ms, accepts=accepts)

    # ------------------------------------------------------------- the lane

    def held(
        self,
        destination: str,
        kind: HoldKind,
        reason: str,
        put_back: Sequence[int] = (),
        *,
        who: str = "lane",
        act: str | None = None,
    ) -> list[int]:
        """Hold the lane, and put messages that it quarantined back in their old places, uncharged; returns those.

        One that would overwrite a newer message of its order, or be overwritten by an older one that waits behind it,
        stays in quarantine, as `release` would leave it.
        """
        this = Act(who, act or new_id(), destination)
        with acts.transaction(self._store, MESSAGE["put_back"], destination) as db:
            if (said := acts.answer(db, this, f"lane.{kind}")) is not None:
                return [int(each) for each in said.split()]
            tried = {message_id: self._put_back(db, message_id) for message_id in put_back}
            back = [message_id for message_id, said in tried.items() if said is not None]
            if back:
                lanes.begin_round(db, destination)
            lanes.hold(db, destination, kind, reason, back)
            exchanged = [f"message {message_id} {said}" for message_id, said in tried.items() if said]
            detail = "; ".join((f"{reason} ({len(back)} put back)", *exchanged))
            acts.record(db, this, f"lane.{kind}", detail, answer=" ".join(map(str, back)))
        return back

    def released(self, destination: str, *, who: str, act: str | None = None) -> None:
        """End the lane's own hold; one by an operator stays."""
        this = Act(who, act or new_id(), destination)
        with self._store.acting(destination) as db:
            if acts.answer(db, this, "lane.resumed") is None:
                was = lanes.release(db, destination, whoever=False)
                if was != "operator":
                    acts.record(db, this, "lane.resumed", "", answer=was)

    def lane(self, destination: str) -> LaneRow:
        """Return the lane's hold and link as the journal has them."""
        with self._store.reading() as db:
            return lanes.lane(db, destination)

    def link(self, destination: str, link: LinkRow) -> None:
        """Note the state of a destination's link, for whoever asks for the status."""
        with self._store.quick() as db:
            lanes.note_link(db, destination, link)

    def silent(self, destination: str, since_ms: int | None) -> None:
        """Note since when the HIS has answered nobody; None: it answers."""
        with self._store.quick() as db:
            lanes.note_silence(db, destination, since_ms)

    def quarantined_since_acceptance(self, destination: str) -> list[tuple[int, str]]:
        """Return the messages quarantined with no acceptance or hold since, oldest first, with their codes."""
        with self._store.reading() as db:
            return lanes.row(db, destination)

    def _put_back(self, db: Db, message_id: int) -> str | None:
        """Put a message back; return what is to be said of that, mostly "". None: it stays where it is."""
        message = acts.message(db, message_id)
        if message.state == "quarantined" and order_history.in_the_way(db, message_id) is not None:
            return None
        self._store.finished.add(message.source_id)
        turns.keep_apart(db, message_id)
        if db.execute(_SQL["put_back"], {"id": message_id}).rowcount != 1:
            return None
        if message.state != "quarantined":
            return ""
        return whole.as_said(message.control_id, whole.make_whole(db, message_id))


def _stands(db: Db, name: str, values: dict[str, object]) -> bool:
    """Say whether the journal is as this call would leave it: then it was made before."""
    return db.execute(_SQL[name], values).fetchone() is not None


def _insert_attempt(db: Db, message: Spooled, attempt: Attempt) -> None:
    of = {"number": message.attempts + 1, "foreign_ids": "\n".join(attempt.foreign_ids)}
    db.execute(_ATTEMPT, attempt._asdict() | of)
