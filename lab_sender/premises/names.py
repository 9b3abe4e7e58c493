"""The names of an agent's lock, journal, mark and figures.

Holds: four names, and where the journal is, which whoever looks for an agent from outside needs as well.
Promises: the same for every agent.
Never: opens, makes or starts anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab_sender.config.folders import Folders
    from lab_sender.journal import Address

JOURNAL_NAME = "journal.db"
LOCK_NAME = "agent.lock"
MARK_NAME = "journal.mark"
METRICS_NAME = "metrics.prom"


def journal_of(folders: Folders) -> Address:
    """Return where the journal is, or would be: journal.db, or the database that stands in its place."""
    return folders.database or folders.journal / JOURNAL_NAME
