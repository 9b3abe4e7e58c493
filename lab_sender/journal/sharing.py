"""Which outboxes the agents of a journal share: by their identities, which lie in them (premises/sharing.py).

Holds: the identities that are this journal's, each with the lease of whoever takes that outbox in.
Promises: one that another journal has given is not known here. A new one is known before anybody can read it.
Never: touches an outbox, or says who takes it in (leases.py).
"""

from __future__ import annotations

import json
from typing import Final

from lab_sender.config.folders import identity_in
from lab_sender.ids import new_id
from lab_sender.journal.database import Store
from lab_sender.journal.notes import noted

_INTAKE: Final = "intake:"
_KNOWN_FROM_NOW: Final = "INSERT INTO lease (name) VALUES (:lease) ON CONFLICT (name) DO NOTHING"
_KNOWN: Final = "SELECT 1 FROM lease WHERE name = :lease"


def lease_of(identity: str) -> str:
    """Return the name of the lease of whoever takes an outbox in; no destination is called so."""
    return f"{_INTAKE}{identity}"


def outbox_of(lease: str) -> str:
    """Return the identity of the outbox that a lease is for; "" where it is a lane's."""
    return lease.removeprefix(_INTAKE) if lease.startswith(_INTAKE) else ""


class Sharing:
    """A process's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def new(self, claimed: str) -> str:
        """Give an identity to the outbox with this folder of claimed files: that which it had here, or a new one."""
        with self._store.reading() as db:
            before = json.loads(noted(db, "claimed") or "{}")
        had = (identity_in(name) for name, folder in before.items() if folder == claimed)
        identity = next(filter(None, had), "") or new_id()
        with self._store.quick() as db:
            db.execute(_KNOWN_FROM_NOW, {"lease": lease_of(identity)})
        return identity

    def knows(self, identity: str) -> bool:
        """Say whether an identity is of this journal."""
        with self._store.reading() as db:
            return db.execute(_KNOWN, {"lease": lease_of(identity)}).fetchone() is not None
