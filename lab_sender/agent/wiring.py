"""Configuration -> the settings of an agent's parts.

Holds: the names of the lock, the journal and the destination, and one function for each room that does not take its
section of the configuration as it is.
Promises: pure; the same configuration gives the same settings.
Never: opens, makes or starts anything.
"""

from __future__ import annotations

from pathlib import Path

from lab_sender.config.load import Config
from lab_sender.intake.corrections import Policy as CorrectionPolicy

DESTINATION = "his"


JOURNAL_NAME = "journal.db"


LOCK_NAME = "agent.lock"


def own_folders(config: Config) -> frozenset[Path]:
    """Return the folders that are ours, also where they lie in the outbox."""
    folders = config.folders
    return frozenset({folders.work, folders.sent, folders.quarantine, folders.journal})


def correction_policy(config: Config) -> CorrectionPolicy:
    """Return what happens to a report of an order that was reported before."""
    profile = config.message.settings
    return CorrectionPolicy(
        profile.corrections.suspicious, profile.corrections.send, ready_too="hl7" in profile.apply_to
    )


