"""The screens in the order of the page's head.

Holds: one entry for each screen that the head leads to.
Promises: a screen is shown there to who has its right, and to nobody else.
Never: knows what a screen shows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab_sender.operations.rights_of import Right


class Entry(NamedTuple):
    """One screen; `right` None: anybody sees it."""

    path: str
    title: str
    right: Right | None


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("/", "Overview", None),
    Entry("/messages", "Messages", Right.SEE),
    Entry("/quarantine", "Quarantine", Right.SEE),
    Entry("/alerts", "Alerts", Right.SEE),
    Entry("/log", "Log", Right.SEE),
    Entry("/configuration", "Configuration", Right.SEE),
    Entry("/audit", "Audit", Right.ADMINISTER),
    Entry("/accounts", "Accounts", Right.ADMINISTER),
)
