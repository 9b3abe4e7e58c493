"""What an operator does to messages, files and lanes, from any process.

Holds: release, resend, dismiss, hold, resume; of one message, or of several.
Promises: each act is one durable transaction, on record with who and why; done again under the same act id it gives
the same answer.
Never: sends anything; the lane sees the change by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab_sender.ids import new_id
from lab_sender.journal import acts, again, decisions, lanes, several
from lab_sender.journal.acts import Act, ActRejected
from lab_sender.journal.database import Store
from lab_sender.journal.decisions import Restamp
from lab_sender.journal.several import Outcome
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import MESSAGE, NOBODY

_SQL: Final = Statements("operator")


class OperatorBook:
    """An operator's part of the journal.

    `who` does it, where an act does not say so itself. `act` is the act's id: whoever does not know whether it was
    done, does it again under the same one.
    """

    def __init__(self, store: Store, *, who: str) -> None:
        self._store = store
        self._who = who

    # ------------------------------------------------------------- one message, or a file that could not be read

    def release(
        self,
        message_id: int,
        *,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
    ) -> str:
        """Send a quarantined message again from its old place: the same bytes, the same control id.

        One that was only what had changed goes out whole, under a new control id, where the HIS got something else of
        its orders since.

        A report that could not be built has no bytes: its file goes back to intake instead and is read again with
        its attachments, for the message's destination; what else there is of it is not sent again, but for what lies
        in quarantine there and cannot have arrived. Returns `spooled` or `outbox`.
        Raises ActRejected, also when a newer message for the same order was delivered (unless forced): one with a
        higher id, or one that reports a later time, or a final result where this one is preliminary.
        """
        with again.acting(self._store, [message_id]) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            if (said := acts.answer(db, this, "message.released", "file.released")) is not None:
                return said
            if not message.has_bytes and message.state in MESSAGE["read_again"].sources:
                at = NOBODY if message.code == NOBODY else message.destination
                again.withdraw(db, this._replace(message_id=None), [message_id], at=at, force=force, why=why)
                return "outbox"
            if message.state in MESSAGE["released"].sources:
                decisions.may_go_out(db, message, force=force)
            decisions.released(db, this, message, force=force, why=why)
            return "spooled"

    def control_id_of(self, message_id: int) -> str | None:
        """Return the control id that a message has now; None where it was never built."""
        with self._store.reading() as db:
            return acts.message(db, message_id).control_id

    def release_file(
        self,
        source_id: int,
        *,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
    ) -> None:
        """Give a file that could not be read back to intake, to be read again.

        Raises ActRejected, also when it was readable once and something newer was delivered since (unless forced).
        """
        this = self._on_file(source_id, who, act)
        with again.acting(self._store, (), [source_id]) as db:
            if acts.answer(db, this, "file.released") is None:
                again.withdraw_unreadable(db, this, force=force, why=why)

    def resend(
        self,
        message_id: int,
        *,
        new_control_id: str,
        restamp: Restamp,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
    ) -> int:
        """Send a copy of a message at the end of the line, under a new control id. Returns the new message's id.

        Of a quarantined one it takes the place: that is `replaced`. Raises ActRejected for a message without bytes,
        or one overtaken by a newer one (unless forced).
        """
        with acts.transaction(self._store, MESSAGE["copied"], message_id) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            if (said := acts.answer(db, this, "message.resent")) is not None:
                return int(said)
            decisions.may_be_copied(db, message, force=force)
            return decisions.resent(self._store, db, this, message, new_control_id, restamp, why=why)

    def dismiss(self, message_id: int, why: str, *, who: str | None = None, act: str | None = None) -> str:
        """Give up a quarantined or waiting message for good; returns `dismissed`.

        Of a delivered message that the HIS has contradicted since, close the contradiction: it stays delivered;
        returns `acked`. Raises ActRejected for any other.
        """
        with acts.transaction(self._store, MESSAGE["dismissed"], message_id) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            said = acts.answer(db, this, "message.dismissed", "message.contradiction-closed")
            return decisions.dismissed(db, this, message, why) if said is None else said

    def dismiss_file(self, source_id: int, why: str, *, who: str | None = None, act: str | None = None) -> None:
        """Give up a file that could not be read. Raises ActRejected for any other."""
        this = self._on_file(source_id, who, act)
        with self._store.durable() as db:
            if acts.answer(db, this, "file.dismissed") is not None:
                return
            if not db.execute(_SQL["dismissed_file"], {"id": source_id}).rowcount:
                raise ActRejected("dismiss.not-quarantined", f"file {source_id} is not quarantined.")
            acts.record(db, this, "file.dismissed", why)

    # ------------------------------------------------------------- several messages

    def release_messages(
        self,
        ids: Sequence[int],
        *,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
        everywhere: bool = False,
    ) -> Outcome:
        """Release messages, as `release` does, in one transaction; names what was not done and why.

        Where one of them has no bytes, its file is read again: for its destination, or with `everywhere` for all.
        What may have arrived is released by itself; so is what has bytes while the file cannot be read again.
        """
        this = Act(who or self._who, act or new_id())

        def do() -> Outcome:
            return several.release(db, this, ids, force=force, why=why, everywhere=everywhere)

        with again.acting(self._store, ids) as db:
            return several.once(db, this, "messages.released", do, why)

    def resend_messages(
        self,
        ids: Sequence[int],
        *,
        new_control_id: Callable[[], str],
        restamp: Restamp,
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
        why: str = "",
    ) -> Outcome:
        """Send a copy of each message, as `resend` does, in one transaction; names what was not done and why.

        What was given up, waits or was never built is not.
        """
        this = Act(who or self._who, act or new_id())

        def do() -> Outcome:
            return several.resend(
                self._store, db, this, ids, new_control_id=new_control_id, restamp=restamp, force=force, why=why
            )

        with acts.transaction(self._store, MESSAGE["copied"], *ids) as db:
            return several.once(db, this, "messages.resent", do, why)

    def dismiss_messages(
        self, ids: Sequence[int], why: str, *, who: str | None = None, act: str | None = None
    ) -> Outcome:
        """Give up messages, as `dismiss` does, in one transaction; names what was not done and why.

        Contradictions of delivered ones are closed.
        """
        this = Act(who or self._who, act or new_id())
        with acts.transaction(self._store, MESSAGE["dismissed"], *ids) as db:
            return several.once(db, this, "messages.dismissed", lambda: several.dismiss(db, this, ids, why), why)

    # ------------------------------------------------------------- a destination

    def hold(self, destination: str, why: str, *, who: str | None = None, act: str | None = None) -> str:
        """Let the lane finish what it is sending, and send nothing more.

        Returns the kind of hold that was already, "" if none: an operator's stays beside this one.
        """
        this = Act(who or self._who, act or new_id(), destination)
        with self._store.acting(destination) as db:
            if (said := acts.answer(db, this, "lane.held")) is not None:
                return said
            was = lanes.lane(db, destination).hold
            lanes.hold(db, destination, "operator", why)
            acts.record(db, this, "lane.held", why, answer=was)
        return was

    def resume(self, destination: str, *, who: str | None = None, act: str | None = None) -> str:
        """End any hold of the lane; returns the kind of hold that was, "" if none."""
        this = Act(who or self._who, act or new_id(), destination)
        with self._store.acting(destination) as db:
            if (said := acts.answer(db, this, "lane.resumed")) is not None:
                return said
            was = lanes.release(db, destination, whoever=True)
            acts.record(db, this, "lane.resumed", "", answer=was)
        return was

    def _on_file(self, source_id: int, who: str | None, act: str | None) -> Act:
        return Act(who or self._who, act or new_id(), source_id=source_id)
