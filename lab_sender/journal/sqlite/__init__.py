"""sqlite/: the journal in one file of this machine, by SQLite.

Holds: all that is SQLite's own: connections, transactions, errors, ids, tables, the look at the whole file.
Promises: the rest of the journal speaks to it through `journal.database` only.
Never: knows what a row means.
"""

from __future__ import annotations

from lab_sender.journal.sqlite.reader import SqliteReader
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION
from lab_sender.journal.sqlite.store import SqliteStore, fold_in

__all__ = ["SCHEMA_VERSION", "SqliteReader", "SqliteStore", "fold_in"]
