"""What a transaction looks at in the round trip that begins it.

Holds: the query of the journal's notes, with the lease's row where there is a fence; what its rows say.
Promises: who goes on by it works on a journal that has not moved and that this lab-sender knows; with a fence its
lease is ours, and stays so to the transaction's end: whoever takes it waits for that.
Never: begins a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab_sender.journal.leases import Fence, LeaseLost
from lab_sender.journal.moved import MOVED
from lab_sender.journal.postgres import moving, schema


def looked_at(*notes: str, fence: Fence | None = None) -> str:
    """Return the query of what a transaction looks at, and of these notes."""
    keys = ", ".join(map(_quoted, (*notes, MOVED, "readable_by", "schema")))
    query = f"SELECT key, value FROM meta WHERE key IN ({keys})"
    if fence is None:
        return query
    where = f"name = {_quoted(fence.name)} AND owner = {_quoted(fence.owner)} AND epoch = {fence.epoch}"
    mine = f"SELECT 'lease' AS key, '' AS value FROM lease WHERE {where} FOR KEY SHARE"
    return f"WITH mine AS ({mine}) {query} UNION ALL SELECT key, value FROM mine"


def demand_workable(found: Mapping[str, str]) -> None:
    """Raise AgentError where the journal has moved, or only a newer lab-sender may work on it."""
    schema.demand_known(schema.version_in(found))
    moving.demand_unmoved(found)


def demand_ours(found: Mapping[str, str], fence: Fence | None) -> None:
    """Raise LeaseLost where a fence's lease is not ours any more."""
    if fence is not None and "lease" not in found:
        raise LeaseLost(fence.name)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
