"""Who waits for whom in a journal on PostgreSQL.

Holds: the locks' numbers, and what each kind of transaction takes at its beginning, to its end.
Promises: an act (`durable`) is alone, as on SQLite: what it has looked at is so when it is committed. Verdicts and
other small notes (`quick`) run beside each other: each changes rows that nobody else does. What arrives runs beside
them, one after the other, so that ids are seen in their order.
Never: waits without end: `lock_timeout` is the session's.

They are advisory locks: those of another schema of the same database have other numbers.
"""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple

Kind = Literal["act", "note", "arrival"]


class Locks(NamedTuple):
    """The numbers of one journal's locks."""

    acts: int
    arrivals: int
    agent: int
    schema: str

    def taken_by(self, kind: Kind) -> str:
        """Return the statements that take a transaction's locks."""
        if kind == "act":
            return f"SELECT pg_advisory_xact_lock({self.acts})"
        shared = f"SELECT pg_advisory_xact_lock_shared({self.acts})"
        return f"{shared}; SELECT pg_advisory_xact_lock({self.arrivals})" if kind == "arrival" else shared

    def of_agent(self, node: str) -> str:
        """Return the query that takes an agent's locks, for its session: whether nobody keeps it out, by its name."""
        if not node:
            return f"SELECT pg_try_advisory_lock({self.agent}), TRUE"
        name = _number(f"lab-sender/{self.schema}/node/{node}")
        return f"SELECT pg_try_advisory_lock_shared({self.agent}), pg_try_advisory_lock({name})"


def locks_of(schema: str) -> Locks:
    """Return a journal's locks."""
    acts, arrivals, agent = (_number(f"lab-sender/{schema}/{name}") for name in ("acts", "arrivals", "agent"))
    return Locks(acts, arrivals, agent, schema)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)
