"""Where an agent's locks lie, and whether one is had.

Holds: the names of the lock files of a journal and of outboxes.
Promises: whoever has one of them works there, by whatever path or link.
Never: keeps a lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.config.folders import Folders
from lab_sender.premises.names import JOURNAL_NAME, LOCK_NAME

_AGAIN_S: Final = (0.03, 0.1)


def lock_files(*outboxes: Folders) -> tuple[Path, ...]:
    """The lock files of the journal and of the outboxes, in that order; who has one of them works there."""
    return tuple(_lock_files(outboxes))


def _lock_files(outboxes: Sequence[Folders]) -> Iterator[Path]:
    """Yield them: whoever knows enough by the journal's touches no share, which may hang."""
    yield (outboxes[0].journal / JOURNAL_NAME).resolve().parent / LOCK_NAME
    for each in outboxes:
        yield from outbox_locks(each)


def outbox_locks(folders: Folders) -> tuple[Path, ...]:
    """The lock files of one outbox; the last is that in its work folder."""
    return tuple(folder.resolve() / LOCK_NAME for folder in folders.lock_outbox)


def is_taken(*outboxes: Folders) -> bool:
    """Say whether an agent has one of the locks; one that starts meanwhile tries again."""
    return _first_taken(outboxes) is not None


def has_other_journal(*outboxes: Folders) -> bool:
    """Say whether an agent has an outbox, and not the journal that they name: it began with another one.

    Of a journal in a database no lock file says which it is.
    """
    if outboxes[0].database is not None:
        return False
    journal = lock_files(outboxes[0])[0]
    for wait_s in _AGAIN_S:  # it may have been about to take it, or somebody else looked just then
        if _first_taken(outboxes) in (None, journal):
            return False
        time.sleep(wait_s)
    return _first_taken(outboxes) not in (None, journal)


def _first_taken(outboxes: Sequence[Folders]) -> Path | None:
    tried = set[Path]()
    for path in _lock_files(outboxes):
        if path not in tried and os.path.exists(path):
            tried.add(path)
            lock = files.take_lock(path)
            if lock is None:
                return path
            lock.close()
    return None
