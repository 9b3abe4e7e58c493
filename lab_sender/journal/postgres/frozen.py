"""Sessions of processes that stand still within a transaction, and keep its locks.

Holds: what they are called, how long one may stand still, what ends them.
Promises: who is frozen between two rows of one transaction is neither idle nor lost for the server, and none of its
timeouts sees that, nor always one of which it says that it is idle. Such a session is ended by whoever takes a lease
that was not given back, or begins beside it; who finds it too young tries again soon.
Never: ends a session of whoever is at work: none lets the server wait within a transaction for so long. Agent, page
and commands of a machine have one name, and one of them may stand still beside the others.
"""

from __future__ import annotations

import hashlib
from typing import Final

from lab_sender.config.server import Server
from lab_sender.journal.database import Db

STILL_S: Final = 3
"""For so long a session may stand still within a transaction; of several agents another one waits for its locks."""
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
    " AND starts_with(application_name, :name) AND state IN ('active', 'idle in transaction')"
    f" AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - INTERVAL '{STILL_S} seconds'"
)


def name_of(server: Server, node: str) -> str:
    """Return what the sessions of an agent are called: of several on a journal, those of each are told apart."""
    if not node:
        return "lab-sender"
    return f"lab-sender {hashlib.sha256(server.schema.encode()).hexdigest()[:8]} {node}"


def end_all(db: Db, server: Server) -> None:
    """End the sessions on this journal that have stood still within a transaction for so long."""
    if server.node:
        db.execute(_END, {"name": name_of(server, " ").rstrip()})
