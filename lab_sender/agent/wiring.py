"""Configuration -> the settings of an agent's parts.

Holds: the names of the lock, the journal and the destination, and one function for each room that does not take its
section of the configuration as it is.
Promises: pure; the same configuration gives the same settings.
Never: opens, makes or starts anything.
"""

from __future__ import annotations

from pathlib import Path

from lab_sender.config.load import Config

DESTINATION = "his"


JOURNAL_NAME = "journal.db"


LOCK_NAME = "agent.lock"


def own_folders(config: Config) -> frozenset[Path]:
    """Return the folders that are ours, also where they lie in the outbox."""
    folders = config.folders
    return frozenset({folders.work, folders.sent, folders.quarantine, folders.journal})


