"""What an operator does to messages and lanes, from any process.

Holds: release, resend, dismiss, hold, resume.
Promises: each act is one durable transaction, on record with who and why; done again under the same act id it gives
the same answer. An act that would overwrite a newer result at the HIS, or lose one, is rejected with the reason.
Never: sends anything; the lane sees the change by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from lab_sender.hl7.orders import has_several_patients
from lab_sender.ids import is_id, new_id
from lab_sender.journal import acts, lanes, order_history, tally, turns
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import MESSAGE, SOURCE, WAITING, WORDS

_SQL: Final = Statements("operator")


class OperatorBook:
    """An operator's part of the journal.

    `who` does it, where an act does not say so itself. `act` is the act's id: whoever does not know whether it was
    done, does it again under the same one.
    """

    def __init__(self, store: Store, *, who: str) -> None:
        self._store = store
        self._who = who

    def release(
        self, message_id: int, *, who: str | None = None, act: str | None = None, force: bool = False
    ) -> str:
        """Send a quarantined message again from its old place: the same bytes, the same control id.

        A report that could not be built has no bytes: its file goes back to intake instead and is read again with
        its attachments; its delivered messages are recognised and not sent again. Returns `spooled` or `outbox`.
        Raises ActRejected, also when a newer message for the same order was delivered (unless forced): one with a
        higher id, or one that reports a later time, or a final result where this one is preliminary.
        """
        with acts.transaction(self._store, MESSAGE["released"]) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            if (said := acts.answer(db, this, "message.released", "file.released")) is not None:
                return said
            if not message.has_bytes and message.state in MESSAGE["read_again"].sources:
                self._withdraw(db, this._replace(message_id=None, destination=""), "read_again_file", force=force)
                return "outbox"
            if not message.has_bytes or not acts.release(db, message):
                text = f"message {message_id} is {WORDS[message.state]}, not quarantined."
                raise ActRejected("release.not-quarantined", text)
            newer = order_history.overtaken_by(db, message_id)
            if newer is not None and not force:
                raise ActRejected(
                    "release.overtaken",
                    f"message {newer}, which the HIS has or may have, speaks about the same order and is newer;"
                    f" sending message {message_id} now would overwrite it there.",
                    hint="Dismiss it, or use --force if you are sure.",
                )
            detail = f"was {message.code}; forced" if force else f"was {message.code}"
            acts.record(db, this, "message.released", detail, answer="spooled")
        return "spooled"

    def release_file(self, source_id: int, *, who: str | None = None, act: str | None = None) -> None:
        """Give a file that could not be read back to intake, to be read again. Raises ActRejected."""
        this = Act(who or self._who, act or new_id(), source_id=source_id)
        with acts.transaction(self._store, SOURCE["released"]) as db:
            if acts.answer(db, this, "file.released") is None:
                self._withdraw(db, this, "released_file", force=False)

    def resend(
        self,
        message_id: int,
        *,
        new_control_id: str,
        restamp: Callable[[bytes, str], bytes],
        who: str | None = None,
        act: str | None = None,
        force: bool = False,
    ) -> int:
        """Send a copy of a message at the end of the line, under a new control id. Returns the new message's id.

        Of a quarantined one it takes the place: that is `replaced`. Raises ActRejected for a message without bytes,
        or one overtaken by a newer one (unless forced).
        """
        with acts.transaction(self._store, MESSAGE["copied"]) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            if (said := acts.answer(db, this, "message.resent")) is not None:
                return int(said)
            body = acts.body_of(db, message_id)
            if body is None:
                raise _no_bytes(message)
            if message.state in WAITING:
                text = f"message {message_id} is still waiting for its first delivery."
                raise ActRejected("resend.waiting", text)
            newer = order_history.overtaken_by(db, message_id, or_waiting=True)
            if newer is not None and not force:
                raise ActRejected(
                    "resend.overtaken",
                    f"message {newer}, delivered since or waiting, speaks about the same order and is newer.",
                    hint="Resend that one, or use --force if you are sure.",
                )
            copy = self._copied(db, message, new_control_id, restamp(body, new_control_id))
            was = f"as message {copy}"
            if db.execute(_SQL["resent"], {"id": message_id, "now_ms": now_ms()}).rowcount:
                was += f"; was {message.code}"
            db.execute(_SQL["contradiction_closed"], {"id": message_id})
            acts.record(db, this, "message.resent", was, answer=str(copy))
        return copy

    def dismiss(self, message_id: int, why: str, *, who: str | None = None, act: str | None = None) -> str:
        """Give up a quarantined or waiting message for good; returns `dismissed`.

        Of a delivered message that the HIS has contradicted since, close the contradiction: it stays delivered;
        returns `acked`. Raises ActRejected for any other.
        """
        with acts.transaction(self._store, MESSAGE["dismissed"]) as db:
            message = acts.message(db, message_id)
            this = message.act(who or self._who, act)
            said = acts.answer(db, this, "message.dismissed", "message.contradiction-closed")
            if said is not None:
                return said
            if db.execute(_SQL["dismissed"], {"id": message_id, "why": why, "now_ms": now_ms()}).rowcount:
                acts.record(db, this, "message.dismissed", why, answer="dismissed")
                return "dismissed"
            if db.execute(_SQL["contradiction_closed"], {"id": message_id}).rowcount:
                acts.record(db, this, "message.contradiction-closed", why, answer="acked")
                return "acked"
            if message.state == "sending":
                raise ActRejected(
                    "dismiss.sending",
                    f"message {message_id} is being sent just now; it may arrive.",
                    hint="Type `lab-sender hold` first. When its exchange has ended without an acceptance, dismiss"
                    " it; then `lab-sender resume`.",
                )
            text = f"message {message_id} is {WORDS[message.state]}: there is nothing to give up."
            raise ActRejected("dismiss.not-waiting", text)

    def dismiss_file(self, source_id: int, why: str, *, who: str | None = None, act: str | None = None) -> None:
        """Give up a file that could not be read. Raises ActRejected for any other."""
        this = Act(who or self._who, act or new_id(), source_id=source_id)
        with acts.transaction(self._store, SOURCE["dismissed"]) as db:
            if acts.answer(db, this, "file.dismissed") is not None:
                return
            if not db.execute(_SQL["dismissed_file"], {"id": source_id}).rowcount:
                raise ActRejected("dismiss.not-quarantined", f"file {source_id} is not quarantined.")
            acts.record(db, this, "file.dismissed", why)

    def hold(self, destination: str, why: str, *, who: str | None = None, act: str | None = None) -> None:
        """Let the lane finish what it is sending, and send nothing more."""
        this = Act(who or self._who, act or new_id(), destination)
        with self._store.durable() as db:
            if acts.answer(db, this, "lane.held") is None:
                lanes.hold(db, destination, "operator", why)
                acts.record(db, this, "lane.held", why)

    def resume(self, destination: str, *, who: str | None = None, act: str | None = None) -> str:
        """End any hold of the lane; returns the kind of hold that was, "" if none."""
        this = Act(who or self._who, act or new_id(), destination)
        with self._store.durable() as db:
            if (said := acts.answer(db, this, "lane.resumed")) is not None:
                return said
            was = lanes.release(db, destination, whoever=True)
            acts.record(db, this, "lane.resumed", "", answer=was)
        return was

    def _copied(self, db: Db, message: Facts, control_id: str, body: bytes) -> int:
        """Spool a copy of a message with other bytes; returns its id."""
        copy = next(self._store.ids(db, message.destination, 0, 1)[1])
        values = {"id": message.id, "copy": copy, "control_id": control_id, "now_ms": now_ms()}
        db.execute(_SQL["copied"], values)
        tally.add(db, message.destination, "messages", 1)
        db.execute(_SQL["copied_bytes"], {"copy": copy, "body": body, "crc32": zlib.crc32(body)})
        db.execute(_SQL["copied_orders"], {"id": message.id, "copy": copy})
        turns.give(db, copy, is_barrier=has_several_patients(body))
        return copy

    def _withdraw(self, db: Db, this: Act, event: str, *, force: bool) -> None:
        """Give a source's files back to intake, under a claim id of their own; they are read again.

        They stay together by that id: no name is looked for in the outbox, and no marker is needed.
        """
        source_id = this.source_id
        assert source_id is not None
        last = max(db.execute(_SQL[each]).fetchone()[0] or "" for each in ("last_claim", "last_return"))
        returns_as = new_id(last if is_id(last) else "")
        if not db.execute(_SQL[event], {"id": source_id, "returns_as": returns_as}).rowcount:
            raise ActRejected("release.not-quarantined", f"file {source_id} is not quarantined.")
        (waiting,) = db.execute(_SQL["in_use"], {"source_id": source_id}).fetchone()
        if waiting:
            raise ActRejected(
                "release.file-in-use",
                f"{waiting} messages of the same file are still being delivered.",
                hint="Release it when they are through.",
            )
        newer = order_history.file_overtaken_by(db, source_id)
        if newer is not None and not force:
            raise ActRejected(
                "release.overtaken",
                f"message {newer}, delivered since or waiting, speaks about an order of this file and is newer;"
                " reading the file again would overwrite it at the HIS.",
                hint="Dismiss it and drop the corrected report by itself, or use --force if you are sure.",
            )
        db.execute(_SQL["read_again"], {"source_id": source_id, "now_ms": now_ms()})
        acts.record(db, this, "file.released", "read again", answer="outbox")


def _no_bytes(message: Facts) -> ActRejected:
    """Say why a message cannot be sent once more, and what can be done instead."""
    if message.state == "duplicate" and message.same_as is not None:
        return ActRejected(
            "resend.duplicate",
            f"message {message.id} has no bytes of its own: its content is that of message {message.same_as}.",
            hint=f"Type `lab-sender resend {message.same_as} --new-id`.",
        )
    again = f"Type `lab-sender release {message.id}` to have its file read again."
    return ActRejected(
        "resend.no-bytes",
        f"message {message.id} was never built.",
        hint=again if message.state == "quarantined" else "",
    )
