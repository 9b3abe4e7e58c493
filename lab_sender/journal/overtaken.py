"""Whether a newer message for one of the same orders stands before an older one that is to go out now.

Holds: the one rule for all who give a message its old place back: release, rebuild, resend, the brake.
Promises: newer is what was taken in later, and what the older one steps back behind by its time or status; what may
have arrived counts as delivered.
Never: writes, or refuses.
"""

from __future__ import annotations

from lab_sender.hl7.orders import OrderFact, steps_back
from lab_sender.journal import ledger
from lab_sender.journal.database import Db


def overtaken_by(db: Db, message_id: int, *, or_waiting: bool = False) -> int | None:
    """Return a newer message for one of the same orders that was delivered, or may have been or be just now.

    Newer is what was taken in later, and what this one steps back behind by its time or status. `or_waiting`: or
    will be delivered, for what goes to the end of the line and not to its old place.
    """
    row = db.execute(
        "SELECT n.id FROM message_order o JOIN message_order no ON no.order_key = o.order_key"
        " AND no.message_id > o.message_id JOIN message n ON n.id = no.message_id"
        " WHERE o.message_id = ? AND (n.state IN ('acked', 'sending') OR n.may_have_left"
        " OR ? AND n.state = 'spooled') ORDER BY n.id DESC LIMIT 1",
        (message_id, or_waiting),
    ).fetchone()
    return int(row[0]) if row else _stepped_ahead_of(db, message_id, or_waiting=or_waiting)


def file_overtaken_by(db: Db, source_id: int) -> int | None:
    """Return a newer message from another file for an order that this file's messages (or their originals) name."""
    row = db.execute(
        "SELECT n.id FROM message m JOIN message_order o ON o.message_id IN (m.id, m.same_as)"
        " JOIN message_order no ON no.order_key = o.order_key AND no.message_id > m.id"
        " JOIN message n ON n.id = no.message_id WHERE m.source_id = :source AND n.source_id <> :source"
        " AND (n.state IN ('acked', 'sending', 'spooled') OR n.may_have_left) ORDER BY n.id DESC LIMIT 1",
        {"source": source_id},
    ).fetchone()
    return int(row[0]) if row else None


def _stepped_ahead_of(db: Db, message_id: int, *, or_waiting: bool) -> int | None:
    """Return the last message for one of the same orders, where this one is older or preliminary by the ledger."""
    facts = [
        OrderFact(*row)
        for row in db.execute(
            "SELECT order_key, service, status, reported FROM message_order WHERE message_id = ?", (message_id,)
        )
    ]
    told = ledger.entries(db, [fact.key for fact in facts])
    for fact in facts:
        for entry in reversed(told.get(fact.key, ())):
            same = entry.order.service == fact.service and entry.message != message_id
            if same and (or_waiting or not entry.waits):
                if steps_back(entry.order, fact):
                    return int(entry.message)
                break
    return None
