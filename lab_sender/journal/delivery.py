"""What a lane writes: that a message may leave, and what became of it.

Holds: the head of the spool, attempts, verdicts, the brake.
Promises: `sending` is committed before the first byte may leave; a verdict is committed before the next
message is sent, and may be committed together with the next message's `sending` (one transaction a message).
A message is acked only by `acked`, which wants the attempt whose ACK carried its control id, and by `commit_stands`,
which wants the CA that an earlier agent noted for the same control id. What an operator did between two of the
lane's transactions stays.
Never: waits for the disk where a power cut would cost a duplicate at most (see store.quick).
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Collection, Iterator, Sequence

from lab_sender.journal import queue, tally
from lab_sender.journal.database import Db, Result, Store, damaged, now_ms
from lab_sender.journal.overtaken import overtaken_by
from lab_sender.journal.rows import Attempt, HoldKind, LaneRow, LaterAnswer, Spooled

_SPOOLED = (
    "SELECT m.id, m.source_id, m.control_id, w.body, m.wants_application, m.may_have_left, m.accept_acked,"
    " m.unknowns, m.refusals, w.crc32,"
    " EXISTS (SELECT 1 FROM attempt a WHERE a.message_id = m.id AND a.kind = 'verdict')"
    " FROM {} JOIN wire w ON w.message_id = m.id"
    " WHERE m.destination = ? AND m.state IN ('spooled', 'sending') ORDER BY m.id LIMIT ?"
)
_FIRST = _SPOOLED.format("message m")
_THESE = _SPOOLED.format("json_each(?) k CROSS JOIN message m ON m.id = k.value")

_MOST_ANSWERS = 16
"""Of a message's later answers; of each code the first is kept in any case."""
_ROUND = "(SELECT value FROM meta WHERE key = 'send_round')"
_ACKED_AND_NEXT = (
    "UPDATE message SET state = CASE id WHEN :id THEN 'acked' ELSE 'sending' END,"
    " code = CASE WHEN id = :id AND :code <> '' THEN :code ELSE code END,"
    f" send_round = CASE id WHEN :id THEN send_round ELSE {_ROUND} END,"
    " final_ms = CASE id WHEN :id THEN :now_ms ELSE final_ms END"
    " WHERE id = :id OR (id = :next_id AND state IN ('spooled', 'sending'))"
)


class DeliveryBook:
    """A lane's part of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted_ms = 0

    def finished_sources(self) -> set[int]:
        """Return the sources that became final, wholly or in part (or came back), since the last call."""
        with self._store.lock:
            finished, self._store.finished = self._store.finished, set()
        return finished

    def head(
        self, destination: str, *, after_quarantine: str, limit: int = 64, largest_bytes: int = 4 << 20
    ) -> list[Spooled]:
        """Return the next messages in order, with their bytes; fewer when they are large.

        Raises AgentError `journal.damaged` when the disk gives other bytes than were spooled.
        """
        heads: list[Spooled] = []
        size = 0
        with self._store.reading() as db:
            free = queue.may_leave(db, destination, after_quarantine)
            if free is None:
                rows = db.execute(_FIRST, (destination, limit))
            else:
                rows = db.execute(_THESE, (json.dumps(list(itertools.islice(free, limit))), destination, limit))
            for message in _spooled(rows):
                heads.append(message)
                size += len(message.body)
                if size > largest_bytes:
                    break
        return heads

    def another(self, destination: str, *, after_quarantine: str, but: Collection[int], after: int) -> list[Spooled]:
        """Return a message to ask the HIS with in place of `but`, the next one after the id `after`; none: empty."""
        with self._store.reading() as db:
            found = queue.another(db, destination, after_quarantine, but, after)
            return list(_spooled(db.execute(_THESE, (json.dumps([found]), destination, 1))))

    def sending(self, message_id: int) -> bool:
        """Note that the message's bytes may leave now. False: an operator has taken it away."""
        with self._store.quick() as db:
            return _mark_sending(db, message_id)

    def not_sent(self, message_id: int) -> None:
        """Note that no byte of it left after all; the message is not charged."""
        with self._store.quick() as db:
            db.execute("UPDATE message SET state = 'spooled' WHERE id = ? AND state = 'sending'", (message_id,))

    def commit_accepted(self, message_id: int) -> None:
        """Note a CA: the HIS has stored the message, it is never sent again."""
        with self._store.quick() as db:
            db.execute("UPDATE message SET accept_acked = 1 WHERE id = ?", (message_id,))

    def commit_stands(self, message: Spooled, code: str) -> None:
        """Record as delivered, with `code`, a message whose CA came before a crash: it is never sent again.

        Not where an operator has given it up meanwhile, or given it other bytes: the CA was not for those.
        """
        with self._store.quick() as db:
            db.execute(
                "UPDATE message SET state = 'acked', code = ?, final_ms = ? WHERE id = ? AND control_id = ?"
                " AND state IN ('spooled', 'sending') AND accept_acked",
                (code, now_ms(), message.id, message.control_id),
            )
            self._accepted(db, message, code)
            self._store.finished.add(message.source_id)

    def acked(self, message: Spooled, attempt: Attempt, *, code: str = "", next_id: int | None = None) -> bool:
        """Record the acceptance, and that the next message may leave; True if that one is still there.

        `code` marks an acceptance that is not a plain AA or CA (`known`: the HIS said that it had it already;
        `commit-only`: a CA, and the application answer never came).
        """
        with self._store.quick() as db:
            values = {"id": message.id, "next_id": next_id, "code": code, "now_ms": now_ms()}
            done = db.execute(_ACKED_AND_NEXT, values)
            _insert_attempt(db, attempt)
            self._accepted(db, message, code)
            self._store.finished.add(message.source_id)
        return done.rowcount == 2

    def _accepted(self, db: Db, message: Spooled, code: str) -> None:
        """Note when the HIS has accepted one, to the second: one more row would be a tenth of a verdict."""
        at_ms = now_ms()
        if code == "commit-only" or at_ms - self._noted_ms >= 1000:
            (destination,) = db.execute("SELECT destination FROM message WHERE id = ?", (message.id,)).fetchone()
            tally.add(db, destination, "commit-only", code == "commit-only")
            db.execute(
                "INSERT INTO lane (destination, accepted_ms) VALUES (?, ?) ON CONFLICT (destination)"
                " DO UPDATE SET accepted_ms = excluded.accepted_ms",
                (destination, at_ms),
            )
            self._noted_ms = at_ms

    def unknown(self, message: Spooled, attempt: Attempt, *, charged: bool = True) -> int:
        """Record an attempt whose outcome is unknown; the message waits for the same bytes to go again.

        Returns when the first of its charged tries began, in milliseconds of the epoch: a restart does not change it.
        """
        with self._store.quick() as db:
            db.execute(
                "UPDATE message SET state = 'spooled', may_have_left = 1, unknowns = unknowns + ? WHERE id = ?",
                (charged, message.id),
            )
            _insert_attempt(db, attempt)
            row = db.execute(
                "SELECT started_ms FROM attempt WHERE message_id = :id AND kind = 'unknown' ORDER BY number DESC"
                " LIMIT 1 OFFSET MAX(0, (SELECT unknowns FROM message WHERE id = :id) - 1)",
                {"id": message.id},
            ).fetchone()
        return int(row[0]) if row else attempt.started_ms

    def silent(self, destination: str, since_ms: int | None) -> None:
        """Note since when the HIS has answered nobody; None: it answers."""
        with self._store.quick() as db:
            db.execute(
                "INSERT INTO lane (destination, silent_since_ms) VALUES (?, ?) ON CONFLICT (destination)"
                " DO UPDATE SET silent_since_ms = excluded.silent_since_ms",
                (destination, since_ms),
            )

    def refused(self, message: Spooled, attempt: Attempt, *, charged: bool = True) -> None:
        """Record a refusal, which also takes back a CA before it; the message waits for its next try."""
        with self._store.quick() as db:
            db.execute(
                "UPDATE message SET state = 'spooled', accept_acked = 0, refusals = refusals + ? WHERE id = ?",
                (charged, message.id),
            )
            _insert_attempt(db, attempt)

    def set_aside(self, message: Spooled, *, code: str, reason: str, his_words: str = "") -> bool:
        """Quarantine a message: it was refused, or it stayed unanswered. `reason` is ours, `his_words` the HIS's.

        False: an operator has given it up meanwhile, or given it other bytes, of which the HIS has said nothing.
        """
        with self._store.durable() as db:
            done = db.execute(
                "UPDATE message SET state = 'quarantined', code = ?, reason = ?, his_words = ?, final_ms = ?"
                " WHERE id = ? AND control_id = ? AND state IN ('spooled', 'sending')",
                (code, reason, his_words, now_ms(), message.id, message.control_id),
            )
            self._store.finished.add(message.source_id)
        return done.rowcount == 1

    def said_later(
        self, destination: str, control_id: str, code: str, ack: bytes, *, accepts: bool
    ) -> LaterAnswer | None:
        """Keep an answer that no try waited for at the message with this control id; None if there is none.

        One that does not accept (`accepts` false) flags a delivered message, durably. One of the application that
        accepts makes a commit-only delivery a whole one.
        """
        with self._store.durable() if not accepts else self._store.quick() as db:
            found = db.execute(
                "SELECT id, state, (SELECT COUNT(*) FROM answer a WHERE a.message_id = m.id),"
                " EXISTS (SELECT 1 FROM answer a WHERE a.message_id = m.id AND a.code = ?)"
                " FROM message m WHERE destination = ? AND control_id >= ? AND control_id < ? || '!'"
                " AND rtrim(control_id) = ? ORDER BY id DESC",
                (code, destination, *[control_id.rstrip(" ")] * 3),
            ).fetchone()
            if found is None:
                return None
            message_id, state, count, repeated = found
            if count < _MOST_ANSWERS or not repeated:
                db.execute(
                    "INSERT INTO answer (message_id, at_ms, code, ack) VALUES (?,?,?,?)",
                    (message_id, now_ms(), code, ack),
                )
            contradicts = state == "acked" and not accepts
            if contradicts:
                db.execute("UPDATE message SET contradicted = ? WHERE id = ?", (code, message_id))
                insert_event(db, "message.contradicted", "HIS", code, message_id=message_id)
            elif code == "AA":
                done = db.execute("UPDATE message SET code = '' WHERE id = ? AND code = 'commit-only'", (message_id,))
                tally.add(db, destination, "commit-only", -done.rowcount)
        return LaterAnswer(message_id, contradicts, bool(repeated))

    def held(
        self, destination: str, kind: HoldKind, reason: str, put_back: Sequence[int] = (), *, who: str = "lane"
    ) -> list[int]:
        """Hold the lane, and put the messages it set aside back in their old places, uncharged; returns those.

        One that a newer message of its order has overtaken since stays in quarantine, as `release` would leave it.
        """
        at_ms = now_ms()
        with self._store.durable() as db:
            back = [each for each in put_back if not _is_left_aside(db, each)]
            hold_lane(db, destination, kind, reason, at_ms, back)
            for message_id in back:
                db.execute(
                    "UPDATE message SET state = 'spooled', code = '', reason = '', his_words = '', final_ms = NULL,"
                    " refusals = 0, unknowns = 0 WHERE id = ? AND state IN ('quarantined', 'spooled', 'sending')",
                    (message_id,),
                )
                self._store.finished.update(
                    row[0] for row in db.execute("SELECT source_id FROM message WHERE id = ?", (message_id,))
                )
            insert_event(db, f"lane.{kind}", who, f"{reason} ({len(back)} put back)")
        return back

    def released(self, destination: str, *, who: str) -> None:
        """End the lane's own hold; one by an operator stays."""
        with self._store.durable() as db:
            release_lane(db, destination, but_operators=True)
            insert_event(db, "lane.resumed", who, "")

    def lane(self, destination: str) -> LaneRow:
        """Return the lane's hold and link as the journal has them."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT destination, hold, hold_reason, hold_since_ms, link, link_code, link_detail, link_since_ms,"
                " next_try_ms, hold_messages, trouble, silent_since_ms FROM lane WHERE destination = ?",
                (destination,),
            ).fetchone()
        return LaneRow(*row) if row else LaneRow(destination)

    def link(
        self, destination: str, link: str, code: str, detail: str, next_try_ms: int | None, trouble: str = ""
    ) -> None:
        """Note the state of the lane's link, and its last trouble, for whoever asks for the status."""
        at_ms = now_ms()
        with self._store.quick() as db:
            db.execute(
                "INSERT INTO lane (destination, link, link_code, link_detail, link_since_ms, next_try_ms, trouble)"
                " VALUES (?,?,?,?,?,?,?) ON CONFLICT (destination) DO UPDATE SET trouble = excluded.trouble,"
                " link_since_ms = CASE link WHEN excluded.link THEN link_since_ms ELSE excluded.link_since_ms END,"
                " link = excluded.link, link_code = excluded.link_code, link_detail = excluded.link_detail,"
                " next_try_ms = excluded.next_try_ms",
                (destination, link, code, detail, at_ms, next_try_ms, trouble),
            )

    def interrupted(self, destination: str) -> int:
        """At start: messages that were being sent when the agent ended may have left. Returns their number."""
        with self._store.durable() as db:
            rows = db.execute(
                "SELECT id FROM message WHERE destination = ? AND state = 'sending'", (destination,)
            ).fetchall()
            for (message_id,) in rows:
                db.execute("UPDATE message SET state = 'spooled', may_have_left = 1 WHERE id = ?", (message_id,))
                detail = "the agent ended in mid-send"
                _insert_attempt(db, Attempt(message_id, now_ms(), "unknown", "write", "agent.interrupted", detail))
        return len(rows)

    def set_aside_since_acceptance(self, destination: str) -> list[tuple[int, str]]:
        """Return the messages set aside with no acceptance since, oldest first, with their codes."""
        with self._store.reading() as db:
            return db.execute(
                "SELECT id, code FROM message WHERE destination = :destination AND state = 'quarantined'"
                " AND code IN ('refused', 'unanswered') AND final_ms > COALESCE((SELECT MAX(final_ms) FROM message"
                " WHERE destination = :destination AND state = 'acked'), 0) ORDER BY id",
                {"destination": destination},
            ).fetchall()


def hold_lane(
    db: Db, destination: str, kind: HoldKind, reason: str, at_ms: int, messages: Sequence[int] = ()
) -> None:
    """Write a lane's hold within a transaction; an operator's hold is not replaced by the lane's own."""
    db.execute(
        "INSERT INTO lane (destination, hold, hold_reason, hold_since_ms, hold_messages) VALUES (?,?,?,?,?)"
        " ON CONFLICT (destination) DO UPDATE SET hold = excluded.hold, hold_reason = excluded.hold_reason,"
        " hold_since_ms = excluded.hold_since_ms, hold_messages = excluded.hold_messages"
        " WHERE lane.hold <> 'operator' OR excluded.hold = 'operator'",
        (destination, kind, reason, at_ms, " ".join(map(str, messages))),
    )


def release_lane(db: Db, destination: str, *, but_operators: bool = False) -> None:
    """End a lane's hold within a transaction."""
    db.execute(
        "UPDATE lane SET hold = '', hold_reason = '', hold_since_ms = NULL, hold_messages = ''"
        " WHERE destination = ? AND (hold <> 'operator' OR NOT ?)",
        (destination, but_operators),
    )


def insert_event(
    db: Db,
    kind: str,
    who: str,
    detail: str,
    *,
    message_id: int | None = None,
    source_id: int | None = None,
) -> None:
    """Append to the record of what was done to messages and lanes."""
    db.execute(
        "INSERT INTO event (at_ms, kind, message_id, source_id, who, detail) VALUES (?,?,?,?,?,?)",
        (now_ms(), kind, message_id, source_id, who, detail),
    )


def _spooled(rows: Result) -> Iterator[Spooled]:
    for row in rows:
        if zlib.crc32(row[3]) != row[9]:
            raise damaged(f"the bytes of message {row[0]} have changed")
        flags = bool(row[4]), bool(row[5]), bool(row[6])
        yield Spooled(row[0], row[1], row[2], row[3], *flags, row[7], row[8], bool(row[10]))


def _is_left_aside(db: Db, message_id: int) -> bool:
    row = db.execute("SELECT state FROM message WHERE id = ?", (message_id,)).fetchone()
    return row == ("quarantined",) and overtaken_by(db, message_id) is not None


def _mark_sending(db: Db, message_id: int) -> bool:
    done = db.execute(
        f"UPDATE message SET state = 'sending', send_round = {_ROUND}"
        " WHERE id = ? AND state IN ('spooled', 'sending')",
        (message_id,),
    )
    return done.rowcount == 1


def _insert_attempt(db: Db, attempt: Attempt) -> None:
    db.execute(
        "INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, ack, foreign_ids,"
        " elapsed_ms) VALUES (?, (SELECT COUNT(*) + 1 FROM attempt WHERE message_id = ?), ?,?,?,?,?,?,?,?,?)",
        (
            attempt.message_id,
            attempt.message_id,
            attempt.started_ms,
            attempt.kind,
            attempt.phase,
            attempt.code,
            attempt.detail,
            attempt.ack_code,
            attempt.ack,
            "\n".join(attempt.foreign_ids),
            attempt.elapsed_ms,
        ),
    )
