"""Whether a journal knows what an outbox remembers of it.

Holds: where an outbox keeps its mark, and what is lacking where the journal does not know it.
Promises: asked by `check` in the words in which the agent ends.
Never: writes a mark.
"""

from __future__ import annotations

from lab_sender.config.folders import Folders
from lab_sender.journal import Mark, View
from lab_sender.premises.names import MARK_NAME
from lab_sender.premises.needs import Lack


def mark_of(folders: Folders) -> Mark:
    """Return what an outbox remembers of its journal; not read yet."""
    return Mark(folders.work / MARK_NAME)


def not_behind(folders: Folders, view: View) -> Lack | None:
    """The journal knows what was spooled last from an outbox that it has served."""
    mark = mark_of(folders)
    mark.read()
    if view.knows(mark):
        return None
    error = mark.unknown()
    return Lack("journal", error.code, error.text, error.hint, error.exit_code)
