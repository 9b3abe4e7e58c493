"""What an operator does to messages and lanes, from any process.

Holds: release, resend, dismiss, hold, resume.
Promises: each act is one durable transaction with an event that says who and why; an act that would overwrite
a newer result at the HIS, or lose one, is refused with the reason.
Never: sends anything; the lane sees the change by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from lab_sender.errors import LabSenderError
from lab_sender.ids import is_id, new_id
from lab_sender.journal import tally
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.delivery import hold_lane, insert_event, release_lane
from lab_sender.journal.overtaken import file_overtaken_by, overtaken_by


class Refused(LabSenderError):
    """The act was not done; the journal is as it was."""


class OperatorBook:
    """An operator's part of the journal."""

    def __init__(self, store: Store, *, who: str) -> None:
        self._store = store
        self._who = who

    def release(self, message_id: int, *, force: bool = False) -> str:
        """Send a quarantined message again from its old place: the same bytes, the same control id.

        A report that could not be built has no bytes: its file goes back to intake instead and is read anew with
        its attachments; its delivered messages are recognised and not sent again. Returns `spooled` or `outbox`.
        Raises Refused, also when a newer message for the same order was delivered (unless forced): one with a
        higher id, or one that reports a later time, or a final result where this one is preliminary.
        """
        with self._store.durable() as db:
            state, source_id, has_wire = _message(db, message_id)
            if state != "quarantined":
                raise Refused("release.not-quarantined", f"message {message_id} is {state}, not quarantined.")
            if not has_wire:
                self._withdraw(db, source_id, force=force)
                return "outbox"
            newer = overtaken_by(db, message_id)
            if newer is not None and not force:
                raise Refused(
                    "release.overtaken",
                    f"message {newer}, which the HIS has or may have, speaks about the same order and is newer;"
                    f" sending message {message_id} now would overwrite it there.",
                    hint="Dismiss it, or use --force if you are sure.",
                )
            (code,) = db.execute("SELECT code FROM message WHERE id = ?", (message_id,)).fetchone()
            db.execute(
                "UPDATE message SET state = 'spooled', code = '', reason = '', his_words = '', final_ms = NULL,"
                " refusals = 0, unknowns = 0, holds_orders = 0 WHERE id = ?",
                (message_id,),
            )
            db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'send_round'")
            detail = f"was {code}; forced" if force else f"was {code}"
            insert_event(db, "message.released", self._who, detail, message_id=message_id)
        return "spooled"

    def release_file(self, source_id: int) -> None:
        """Give a file that could not be read back to intake, to be read anew. Raises Refused."""
        with self._store.durable() as db:
            row = db.execute("SELECT state FROM source WHERE id = ?", (source_id,)).fetchone()
            if row is None or row[0] != "quarantined":
                raise Refused("release.not-quarantined", f"file {source_id} is not quarantined.")
            self._withdraw(db, source_id, force=False)

    def resend(
        self, message_id: int, *, new_control_id: str, restamp: Callable[[bytes, str], bytes], force: bool = False
    ) -> int:
        """Send a copy of a message at the end of the line, under a new control id. Returns the new message's id.

        Raises Refused for a message without bytes, or one overtaken by a newer one (unless forced).
        """
        with self._store.durable() as db:
            state, _, has_wire = _message(db, message_id)
            if not has_wire:
                raise _no_bytes(db, message_id, state)
            if state in ("spooled", "sending"):
                raise Refused("resend.waiting", f"message {message_id} is still waiting for its first delivery.")
            newer = overtaken_by(db, message_id, or_waiting=True)
            if newer is not None and not force:
                raise Refused(
                    "resend.overtaken",
                    f"message {newer}, delivered since or waiting, speaks about the same order and is newer.",
                    hint="Resend that one, or use --force if you are sure.",
                )
            (body,) = db.execute("SELECT body FROM wire WHERE message_id = ?", (message_id,)).fetchone()
            restamped = restamp(body, new_control_id)
            (destination,) = db.execute("SELECT destination FROM message WHERE id = ?", (message_id,)).fetchone()
            copy = next(self._store.ids(db, destination, 0, 1)[1])
            db.execute(
                "INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state,"
                " same_as, wants_application, created_ms) SELECT ?, source_id, place, destination, ?, patient_key, digest,"
                " 'spooled', NULL, wants_application, ? FROM message WHERE id = ?",
                (copy, new_control_id, now_ms(), message_id),
            )
            tally.add(db, destination, "messages", 1)
            db.execute("INSERT INTO wire VALUES (?,?,?)", (copy, restamped, zlib.crc32(restamped)))
            db.execute(
                "INSERT INTO message_order (destination, order_key, message_id, service, status, reported)"
                " SELECT destination, order_key, ?, service, status, reported FROM message_order"
                " WHERE message_id = ?",
                (copy, message_id),
            )
            if state == "quarantined":
                _dismiss(db, message_id, f"resent as message {copy}")
            _settle_contradiction(db, message_id)
            insert_event(db, "message.resent", self._who, f"as message {copy}", message_id=message_id)
        return copy

    def dismiss(self, message_id: int, why: str) -> str:
        """Give up a quarantined or waiting message for good; returns `dismissed`.

        Of a delivered message that the HIS has contradicted since, settle the contradiction: it stays delivered;
        returns `acked`. Raises Refused for any other.
        """
        with self._store.durable() as db:
            state, source_id, _ = _message(db, message_id)
            if state == "sending":
                raise Refused(
                    "dismiss.sending",
                    f"message {message_id} is being sent just now; it may arrive.",
                    hint="Type `lab-sender hold` first. When its exchange has ended without an acceptance, dismiss"
                    " it; then `lab-sender resume`.",
                )
            if state == "acked" and _settle_contradiction(db, message_id):
                insert_event(db, "message.contradiction-settled", self._who, why, message_id=message_id)
                return "acked"
            if state not in ("quarantined", "spooled"):
                raise Refused("dismiss.not-waiting", f"message {message_id} is {state}: there is nothing to give up.")
            _dismiss(db, message_id, why)
            insert_event(db, "message.dismissed", self._who, why, message_id=message_id, source_id=source_id)
        return "dismissed"

    def dismiss_file(self, source_id: int, why: str) -> None:
        """Give up a file that could not be read. Raises Refused for any other."""
        with self._store.durable() as db:
            done = db.execute(
                "UPDATE source SET state = 'dismissed' WHERE id = ? AND state = 'quarantined'", (source_id,)
            )
            if done.rowcount != 1:
                raise Refused("dismiss.not-quarantined", f"file {source_id} is not quarantined.")
            insert_event(db, "file.dismissed", self._who, why, source_id=source_id)

    def hold(self, destination: str, why: str) -> None:
        """Let the lane finish what it is sending, and send nothing more."""
        with self._store.durable() as db:
            hold_lane(db, destination, "operator", why, now_ms())
            insert_event(db, "lane.held", self._who, why)

    def resume(self, destination: str) -> str:
        """End any hold of the lane; returns the kind of hold that was, "" if none."""
        with self._store.durable() as db:
            row = db.execute("SELECT hold FROM lane WHERE destination = ?", (destination,)).fetchone()
            if row is None or not row[0]:
                return ""
            release_lane(db, destination)
            insert_event(db, "lane.resumed", self._who, "")
        return str(row[0])

    def _withdraw(self, db: Db, source_id: int, *, force: bool) -> None:
        """Give a source's files back to intake, under a claim id of their own; they are read anew.

        They stay together by that id: no name is looked for in the outbox, and no marker is needed.
        """
        waiting = db.execute(
            "SELECT COUNT(*) FROM message WHERE source_id = ? AND state IN ('spooled', 'sending')", (source_id,)
        ).fetchone()[0]
        if waiting:
            raise Refused(
                "release.file-in-use",
                f"{waiting} messages of the same file are still being delivered.",
                hint="Release it when they are through.",
            )
        newer = file_overtaken_by(db, source_id)
        if newer is not None and not force:
            raise Refused(
                "release.overtaken",
                f"message {newer}, delivered since or waiting, speaks about an order of this file and is newer;"
                " reading the file anew would overwrite it at the HIS.",
                hint="Dismiss it and drop the corrected report by itself, or use --force if you are sure.",
            )
        for (message_id,) in db.execute(
            "SELECT id FROM message WHERE source_id = ? AND state = 'quarantined'", (source_id,)
        ).fetchall():
            _dismiss(db, message_id, "its file is read anew")
        (last,) = db.execute("SELECT MAX(MAX(claim_id), MAX(returns_as)) FROM source").fetchone()
        returns_as = new_id(last if is_id(last) else "")
        db.execute("UPDATE source SET state = 'withdrawn', returns_as = ? WHERE id = ?", (returns_as, source_id))
        insert_event(db, "file.released", self._who, "read anew", source_id=source_id)


def _message(db: Db, message_id: int) -> tuple[str, int, bool]:
    row = db.execute(
        "SELECT m.state, m.source_id, w.message_id IS NOT NULL FROM message m LEFT JOIN wire w"
        " ON w.message_id = m.id WHERE m.id = ?",
        (message_id,),
    ).fetchone()
    if row is None:
        raise unknown_message(message_id)
    return row[0], row[1], bool(row[2])


def unknown_message(message_id: int) -> Refused:
    """Say that no message has this id."""
    return Refused("message.unknown", f"there is no message {message_id}.", hint="`lab-sender list` shows them.")


def _no_bytes(db: Db, message_id: int, state: str) -> Refused:
    """Say why a message cannot be sent once more, and what can be done instead."""
    (same_as,) = db.execute("SELECT same_as FROM message WHERE id = ?", (message_id,)).fetchone()
    if state == "duplicate" and same_as is not None:
        return Refused(
            "resend.duplicate",
            f"message {message_id} has no bytes of its own: its content is that of message {same_as}.",
            hint=f"Type `lab-sender resend {same_as} --new-id`.",
        )
    return Refused(
        "resend.no-bytes",
        f"message {message_id} was never built.",
        hint=f"Type `lab-sender release {message_id}` to have its file read again." if state == "quarantined" else "",
    )


def _settle_contradiction(db: Db, message_id: int) -> bool:
    done = db.execute("UPDATE message SET contradicted = '' WHERE id = ? AND contradicted <> ''", (message_id,))
    return done.rowcount == 1


def _dismiss(db: Db, message_id: int, why: str) -> None:
    db.execute(
        "UPDATE message SET state = 'dismissed', reason = ?, final_ms = ? WHERE id = ?", (why, now_ms(), message_id)
    )
