"""Sessions of agents that stand still within a transaction, and keep its locks.

Holds: what ends them.
Promises: who is frozen between two rows of one transaction is neither idle nor lost for the server, and none of its
timeouts sees that. Such a session is ended by whoever takes what its agent had, or begins beside it.
Never: ends a session of an agent that is at work: none waits for the next row of a transaction for seconds.
"""

from __future__ import annotations

import hashlib
from typing import Final

from lab_sender.config.server import Server
from lab_sender.journal.database import Db

_OURS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND "
_OF_ONE: Final = (
    f"{_OURS} application_name = :name AND backend_xid IS NOT NULL"
    " AND xact_start < clock_timestamp() - INTERVAL '1 second'"
)
_OF_ALL: Final = (
    f"{_OURS} starts_with(application_name, :name) AND state = 'active' AND wait_event = 'ClientRead'"
    " AND state_change < clock_timestamp() - INTERVAL '3 seconds'"
)


def name_of(server: Server, node: str) -> str:
    """Return what the sessions of an agent are called: of several on a journal, those of each are told apart."""
    if not node:
        return "lab-sender"
    return f"lab-sender {hashlib.sha256(server.schema.encode()).hexdigest()[:8]} {node}"


def end_those_of(db: Db, server: Server, node: str) -> None:
    """End the transactions of an agent that was not heard of for a lease."""
    db.execute(_OF_ONE, {"name": name_of(server, node)})


def end_all(db: Db, server: Server) -> None:
    """End the sessions of this journal's agents that wait for the next row of a transaction, for seconds."""
    if server.node:
        db.execute(_OF_ALL, {"name": name_of(server, " ").rstrip()})
