"""The sent-ledger: what the HIS was told of an order, in the order it was told.

Holds: the one question that intake and operators ask about an order's earlier messages.
Promises: entries stand in the order of delivery, also where an old message was released after a newer one; what waits
comes last. A message that was given up is in it only if it may have arrived, and then marked so.
Never: writes, or judges.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from lab_sender.hl7.orders import OrderFact
from lab_sender.journal.database import Db
from lab_sender.journal.rows import LedgerEntry

_LONGEST: Final = 64
"""How many entries of one order are looked back at: a number that a site uses for all its orders costs no more."""

_ENTRIES: Final = (
    "SELECT o.order_key, o.service, o.status, o.reported, m.id, m.digest, m.state IN ('spooled', 'sending') AS waits,"
    " m.state IN ('spooled', 'sending', 'acked') AND m.contradicted = '', m.send_round, m.patient_key"
    " FROM json_each(?) k"
    " CROSS JOIN message_order o ON o.order_key = CAST(k.value AS TEXT) AND o.message_id >= COALESCE("
    "(SELECT message_id FROM message_order WHERE order_key = CAST(k.value AS TEXT)"
    " ORDER BY message_id DESC LIMIT 1 OFFSET ?), 0)"
    " CROSS JOIN message m ON m.id = o.message_id WHERE m.state IN ('spooled', 'sending', 'acked')"
    " OR m.may_have_left AND m.state IN ('quarantined', 'dismissed') ORDER BY waits, m.send_round, m.id"
)


def entries(db: Db, order_keys: Collection[str]) -> dict[str, list[LedgerEntry]]:
    """Return what was said of each order, oldest first; an order without entries is left out."""
    found: dict[str, list[LedgerEntry]] = {}
    for row in db.execute(_ENTRIES, (json.dumps(list(set(order_keys))), _LONGEST - 1)):
        message_id, digest, waits, is_sure, *rest = row[4:]
        entry = LedgerEntry(OrderFact(*row[:4]), message_id, digest, bool(waits), bool(is_sure), *rest)
        found.setdefault(row[0], []).append(entry)
    return found
