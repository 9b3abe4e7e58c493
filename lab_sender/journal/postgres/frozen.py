"""Sessions of processes that stand still within a transaction, and keep its locks.

Holds: what they are called; what ends them.
Promises: who is frozen between two rows of one transaction is neither idle nor lost for the server, and none of its
timeouts sees that. Such a session is ended by whoever takes a lease that was not given back, or begins beside it.
Never: ends a session of whoever is at work: none lets a transaction wait for its next row for so long. Agent, page
and commands of a machine have one name, and one of them may stand still beside the others.
"""

from __future__ import annotations

import hashlib
from typing import Final

from lab_sender.config.server import Server
from lab_sender.journal.database import Db

_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
    " AND starts_with(application_name, :name) AND state = 'active' AND wait_event = 'ClientRead'"
    " AND state_change < clock_timestamp() - INTERVAL '0.1 second'"
)


def name_of(server: Server, node: str) -> str:
    """Return what the sessions of an agent are called: of several on a journal, those of each are told apart."""
    if not node:
        return "lab-sender"
    return f"lab-sender {hashlib.sha256(server.schema.encode()).hexdigest()[:8]} {node}"


def end_all(db: Db, server: Server) -> None:
    """End the sessions on this journal whose transaction waits for its next row, and not just for a moment."""
    if server.node:
        db.execute(_END, {"name": name_of(server, " ").rstrip()})
