"""How a journal on PostgreSQL becomes that of the next version.

Holds: the versions behind the first one, each with its SQL and with who may go on working on it.
Promises: a new journal and one that was brought up are the same. `readable_by` is the oldest version whose lab-sender
may go on beside the newer one: that is how machines are brought up to date one after the other.
Never: runs a step (schema.py does, all that are missing in one transaction, alone on the journal).

A step of PostgreSQL's alone is a file `to-VERSION.sql` beside this module, in its own words; one that SQLite's tables
have too is written once, there. Each is a line in STEPS:

    _step(8, readable_by=7),                     # a new journal gets it behind tables.sql
    _common(11, "to-8.sql", readable_by=7),      # sqlite/tables.sql has it: only an older journal gets it

Its names need no schema: it runs within the journal's. Every text column is `TEXT COLLATE "C"`, every integer BIGINT.
What only adds (a table, an index, a column with a DEFAULT) leaves `readable_by` as it was. What an older lab-sender
reads or writes is taken away one release after nobody uses it any more, and `readable_by` is raised then. The
version is PostgreSQL's own: SQLite's tables are counted apart. A table that is PostgreSQL's alone is named in OWN,
a column in OWN_COLUMNS: it has no twin in journal.db, and does not move there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from lab_sender.journal.postgres.translation import tables
from lab_sender.journal.sqlite.schema import ddl

FIRST: Final = 7
"""The version of the first journals on PostgreSQL."""
OWN: Final[frozenset[str]] = frozenset(
    {
        "account", "alert", "alert_count", "alert_pace", "alert_sent", "api_key", "asked_act", "audit", "audit_check",
        "audit_end", "audit_segment", "lease", "machine", "node", "records_taken", "saved_search", "session",
        "submission",
    }
)  # fmt: skip
OWN_COLUMNS: Final[frozenset[tuple[str, str]]] = frozenset()
"""Table and column."""


class Step(NamedTuple):
    """What makes a version of the one before."""

    version: int
    readable_by: int
    sql: str
    is_common: bool = False


def _step(version: int, *, readable_by: int) -> Step:
    return Step(version, readable_by, (Path(__file__).parent / f"to-{version}.sql").read_text("utf-8"))


def _common(version: int, sqlites: str, *, readable_by: int) -> Step:
    return Step(version, readable_by, ";\n".join(tables(ddl(sqlites))), is_common=True)


STEPS: tuple[Step, ...] = (
    _step(8, readable_by=7),
    _step(9, readable_by=7),
    _step(10, readable_by=7),
    _common(11, "to-8.sql", readable_by=7),
    _common(12, "to-9.sql", readable_by=7),
)


def known() -> int:
    """Return the version that this lab-sender makes."""
    return STEPS[-1].version if STEPS else FIRST


def readable_by() -> int:
    """Return the oldest version whose lab-sender may go on on what this one makes."""
    return STEPS[-1].readable_by if STEPS else FIRST


def since(version: int) -> tuple[Step, ...]:
    """Return the steps that a journal of this version lacks; of a new one (0), those that tables.sql has not."""
    return tuple(each for each in STEPS if each.version > version and (version or not each.is_common))
