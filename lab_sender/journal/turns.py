"""Which of a destination's connections a message goes over: by a number of its patient, and one of its order.

Holds: `turn_of`, that number.
Promises: the same for the same key on every machine, for ever: the journal has it.
Never: knows how many connections there are.
"""

from __future__ import annotations

from hashlib import blake2b

from lab_sender.journal.rows import NewMessage


def turn_of(key: str) -> int:
    """Return 1 to 2**31 - 1 for a key, 0 for none: what has no key, or several, goes alone."""
    return 1 + int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % (2**31 - 1) if key else 0


def turns(message: NewMessage) -> tuple[int, int]:
    """Return the turn of a message's patient and that of its order."""
    if message.is_barrier:
        return 0, 0
    orders = message.order_keys
    return turn_of(message.patient_key), turn_of(orders[0]) if len(orders) == 1 else 0
