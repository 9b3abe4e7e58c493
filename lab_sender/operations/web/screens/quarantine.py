"""Quarantine: what needs a person, group by group of its cause.

Holds: the groups with their first messages, and the buttons for all of a group.
Promises: a group is what has one code, and of a refusal the same codes of the HIS; its words are shown to who may see
them only.
Never: shows more than the newest of each group; the rest is a press away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from starlette.routing import Route

from lab_sender.journal.causes import Cause
from lab_sender.operations.installation import Installation
from lab_sender.operations.stories import entry_of
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.listed import Row, rows_of_entries
from lab_sender.operations.web.words import ACTS, READ_AGAIN, advice

_SHOWN: Final = 5
_MOST_GROUPS: Final = 40


class Group(NamedTuple):
    """One cause with what it means, what to do, the HIS's own words, and its newest messages."""

    cause: Cause
    means: str
    todo: str
    words: str
    rows: Sequence[Row]

    @property
    def acts(self) -> tuple[str, ...]:
        """Return the acts that make sense for it, the first one likely."""
        if not self.cause.built:
            return ("release", "dismiss")
        return ("release", "rebuild", "dismiss")

    @property
    def act_words(self) -> Mapping[str, tuple[str, str]]:
        """Return the words of the acts: what was never built is read again."""
        return ACTS if self.cause.built else ACTS | {"release": READ_AGAIN}


def _quarantine(asked: Asked) -> Answer:
    installation = asked.site.installation
    if not installation.has_journal:
        return Page("quarantine.html", "Quarantine", {"groups": (), "count": 0, "others": 0, "several": False})
    with installation.view() as view:
        causes = view.causes()
    groups = [_group(installation, each, sees=asked.visitor.sees_patients) for each in causes[:_MOST_GROUPS]]
    values = {
        "groups": groups,
        "count": sum(each.number for each in causes),
        "others": len(causes) - len(groups),
        "several": len(installation.config.destinations) > 1,
    }
    return Page("quarantine.html", "Quarantine", values)


def _group(installation: Installation, cause: Cause, *, sees: bool) -> Group:
    with installation.view() as view:
        messages, files = view.of_cause(cause.destination, cause.code, cause.his_code, cause.his_error, _SHOWN)
        lines = view.these(messages) if messages else []
        found = [view.file(each) for each in files]
        newest = sorted([*lines, *filter(None, found)], key=lambda each: each.created_ms, reverse=True)
        words = next((each.his_words for each in newest if each.his_words), "") if sees else ""
        entries = [entry_of(installation, each) for each in newest]
    means, todo = advice(cause.code, cause.destination)
    return Group(cause, means, todo, words, rows_of_entries(installation, entries, sees=sees))


ROUTES: Final[tuple[Route, ...]] = (screen("/quarantine", _quarantine),)
