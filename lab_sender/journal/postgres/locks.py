"""Who waits for whom in a journal on PostgreSQL, of however many processes and machines.

Holds: the locks' numbers, and what each kind of transaction takes at its beginning, to its end.
Promises: an act has the lanes of its destinations alone: what it has looked at there is so when it is committed, and
nothing is marked meanwhile. Lanes of other destinations go on, and verdicts run beside each other: each changes rows
that nobody else does. Acts come one after the other, so that they are on record in their order. What arrives at a
destination comes through its gate one after the other, so that ids are seen in their order; what an act spools too.
Never: waits without end: `lock_timeout` is the session's. Nobody waits for one lock while he has a later one of the
same row: all, acts, lanes, gates; of several lanes or gates the lowest number comes first.

They are advisory locks: those of another schema of the same database have other numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Literal, NamedTuple

from psycopg import sql

Kind = Literal["alone", "act", "lane", "note", "arrival"]
Lane = str | int
"""A destination's, by its name, or by the number of one of its messages."""


class Wanted(NamedTuple):
    """What a transaction is about: the lanes that it has, and the gates that it spools through."""

    kind: Kind
    lanes: Collection[Lane] = ()
    gates: Collection[Lane] = ()


class Locks(NamedTuple):
    """The numbers of one journal's locks; those of a lane and a gate are made of the destination's name and these."""

    all: int
    acts: int
    agent: int
    lanes: int
    gates: int
    records: int
    retention: int
    schema: str

    def taken_by(self, wanted: Wanted) -> str:
        """Return the statements that take a transaction's locks."""
        if wanted.kind == "alone":
            return f"SELECT pg_advisory_xact_lock({self.all})"
        taken = [f"SELECT pg_advisory_xact_lock_shared({self.all})"]
        if wanted.kind == "act":
            taken.append(f"SELECT pg_advisory_xact_lock({self.acts})")
        if wanted.lanes:
            shared = "_shared" if wanted.kind == "lane" else ""
            taken.append(_each(f"pg_advisory_xact_lock{shared}", wanted.lanes, self.lanes))
        if wanted.gates:
            taken.append(_each("pg_advisory_xact_lock", wanted.gates, self.gates))
        return "; ".join(taken)

    def of_agent(self, node: str) -> str:
        """Return the query that takes an agent's locks, for its session: whether nobody keeps it out, by its name."""
        if not node:
            return f"SELECT pg_try_advisory_lock({self.agent}), TRUE"
        name = _number(f"lab-sender/{self.schema}/node/{node}")
        return f"SELECT pg_try_advisory_lock_shared({self.agent}), pg_try_advisory_lock({name})"


def locks_of(schema: str) -> Locks:
    """Return a journal's locks."""
    names = (name for name in Locks._fields if name != "schema")
    numbers = {name: _number(f"lab-sender/{schema}/{name}") for name in names}
    return Locks(**numbers, schema=schema)


def _each(lock: str, lanes: Collection[Lane], seed: int) -> str:
    """Take the lock of each destination, the lowest number first, whoever names it in which order."""
    names = sorted({each for each in lanes if isinstance(each, str)})
    ids = sorted({each for each in lanes if isinstance(each, int)})
    of = []
    if names:
        values = ", ".join(f"({_quoted(each)})" for each in names)
        of.append(f'SELECT hashtextextended(v.name COLLATE "C", {seed}) FROM (VALUES {values}) v(name)')
    if ids:
        known = ", ".join(map(str, ids))
        of.append(f"SELECT hashtextextended(m.destination, {seed}) FROM message m WHERE m.id IN ({known})")
    return f"SELECT {lock}(n) FROM (SELECT n FROM ({' UNION '.join(of)}) each(n) ORDER BY n) each"


def _quoted(text: str) -> str:
    return sql.Literal(text).as_string(None)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)
