"""journal/: the durable store. The journal is the fact; folders are a view of it.

Holds: one book for each room that writes (intake: spool, lane: delivery, keeper: filing, operator: operating),
all over one writer connection, and a view for whoever reads.
Promises: one method per domain event, one transaction per method.
Never: builds, sends or moves anything.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from lab_sender.journal.acts import ActRejected
from lab_sender.journal.delivery import DeliveryBook
from lab_sender.journal.filing import FilingBook
from lab_sender.journal.kept import Kept, KeptView
from lab_sender.journal.next_step import next_step
from lab_sender.journal.operator import OperatorBook
from lab_sender.journal.rebuild import Original, RebuildBook
from lab_sender.journal.rows import (
    Attempt,
    FileRow,
    Folder,
    HoldKind,
    LaneRow,
    LaterAnswer,
    LedgerEntry,
    NewFile,
    NewMessage,
    NewSource,
    Remark,
    Resting,
    Spooled,
)
from lab_sender.journal.spool import SpoolBook
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION
from lab_sender.journal.sqlite.store import JournalUnavailable, Store, damaged, now_ms, until_available
from lab_sender.journal.view import Line, View

__all__ = [
    "SCHEMA_VERSION",
    "ActRejected",
    "Attempt",
    "FileRow",
    "Folder",
    "HoldKind",
    "Journal",
    "JournalUnavailable",
    "Kept",
    "KeptView",
    "LaneRow",
    "LaterAnswer",
    "LedgerEntry",
    "Line",
    "NewFile",
    "NewMessage",
    "NewSource",
    "Original",
    "Remark",
    "Resting",
    "Spooled",
    "View",
    "next_step",
    "now_ms",
    "until_available",
]


class Journal:
    """A process's journal: the books over one writer connection."""

    def __init__(self, path: Path, *, who: str = "", busy_timeout_s: float = 5.0) -> None:
        """Open, creating a new journal if there is none. Raises AgentError or JournalUnavailable."""
        self.store = Store(path, busy_timeout_s=busy_timeout_s)
        self.after_unclean_end = False
        """Whether the agent before this one did not end in good order; known once `begin` has been called."""
        self.spool = SpoolBook(self.store)
        self.delivery = DeliveryBook(self.store)
        self.filing = FilingBook(self.store)
        self.operator = OperatorBook(self.store, who=who or _user())
        self.rebuilding = RebuildBook(self.store, who=who or _user())

    def begin(self, *, config_digest: str = "", his: str = "") -> None:
        """Begin an agent's work; after an unclean end the whole journal is checked first.

        `config_digest` names the configuration in force from now on, `his` where it delivers to. Raises AgentError
        `journal.damaged` when the check fails.
        """
        with self.store.durable() as db:
            (clean,) = db.execute("SELECT value FROM meta WHERE key = 'clean'").fetchone()
            self.after_unclean_end = clean != "1"
            if self.after_unclean_end:
                (result,) = db.execute("PRAGMA quick_check(1)").fetchone()
                if result != "ok":
                    raise damaged("quick_check")
            db.execute("UPDATE meta SET value = '0' WHERE key = 'clean'")
            db.execute("DELETE FROM meta WHERE key IN ('config_digest', 'his')")
            known = [each for each in (("config_digest", config_digest), ("his", his)) if each[1]]
            db.executemany("INSERT INTO meta VALUES (?, ?)", known)

    def end(self) -> None:
        """Note that the agent's work ended in good order."""
        with self.store.durable() as db:
            db.execute("UPDATE meta SET value = '1' WHERE key = 'clean'")

    def close(self) -> None:
        """Flush and close."""
        self.spool.close()
        self.store.close()


def _user() -> str:
    """Name the user who acts; a container's may have a number only."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
