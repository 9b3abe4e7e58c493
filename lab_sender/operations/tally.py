"""What was found in many files, gathered by what settles it.

Holds: the groups of findings with their counts, days and the first names, and the counts of what was read.
Promises: of bounded size, however many files there are. Holds names of files and texts of ours, no content.
Never: reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Final

from lab_sender.errors import Finding

MOST_NAMES: Final = 100
"""The names kept of one group, and of what could not be read."""
_MOST_GROUPS: Final = 500
_MORE: Final = "file.more-findings"
_NUMBER: Final = re.compile(r"\[[0-9]+\]")
_WITHIN: Final = re.compile(r" ?\((?:lines?|[Bb]yte) [^)]*\)")
"""Where in its file a text says that something is; a line of the configuration has the name of its file before it."""
_OTHERS: Final = Finding("other", "Findings of other kinds.", hint="Settle these first, and ask again.")


Key = tuple[str, str, str, str]
"""What findings that one step settles have in common: code, field without its number, text without places, hint."""


@dataclass(slots=True)
class Group:
    """Findings that one step settles. `text` and `place` are those of the first; days are those of sent/."""

    code: str
    field: str
    text: str
    hint: str
    place: str
    oldest: str
    newest: str
    files: int = 0
    times: int = 0
    names: list[str] = made_by(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What was read, and what was found.

    `read` counts reports, `documents` what was read with them, `alone` documents of which nobody knows the report,
    `vanished` files that the journal has in sent/ and that are not there, `unread` all that could not be judged.
    """

    read: int = 0
    messages: int = 0
    documents: int = 0
    alone: int = 0
    vanished: int = 0
    refused_files: int = 0
    unread: int = 0
    oldest: str = ""
    newest: str = ""
    refused: dict[Key, Group] = made_by(default_factory=dict)
    remarks: dict[Key, Group] = made_by(default_factory=dict)
    unread_names: list[tuple[str, str]] = made_by(default_factory=list)

    def judged(self, day: str, name: str, findings: Iterable[Finding], *, messages: int) -> None:
        """Count a report that was read, and what refuses it."""
        self.read += 1
        self.messages += messages
        self.oldest = min(self.oldest or day, day)
        self.newest = max(self.newest, day)
        self.refused_files += _gather(self.refused, day, name, findings)

    def remarked(self, day: str, name: str, findings: Iterable[Finding]) -> None:
        """Note what a person would be told of a report that goes on."""
        _gather(self.remarks, day, name, findings)

    def not_read(self, name: str, why: str) -> None:
        """Count what could not be judged."""
        self.unread += 1
        if len(self.unread_names) < MOST_NAMES:
            self.unread_names.append((name, why))

    @property
    def is_well(self) -> bool:
        """Say whether all was judged, and nothing would be refused."""
        return not self.refused_files and not self.unread


def _key(finding: Finding) -> Key:
    return finding.code, _NUMBER.sub("", finding.field), _WITHIN.sub("", finding.text), finding.hint


def _gather(groups: dict[Key, Group], day: str, name: str, findings: Iterable[Finding]) -> bool:
    """Add what was found in one file; False where that is nothing."""
    mine: dict[Key, Group] = {}
    found = False
    for finding in findings:
        found = True
        if finding.code == _MORE:
            continue
        full = len(groups) >= _MOST_GROUPS and _key(finding) not in groups
        each = _OTHERS if full else finding
        key = _key(each)
        group = groups.setdefault(key, Group(each.code, key[1], each.text, each.hint, each.place, day, day))
        group.times += 1
        mine[key] = group
    for group in mine.values():
        group.files += 1
        group.oldest, group.newest = min(group.oldest, day), max(group.newest, day)
        if len(group.names) < MOST_NAMES:
            group.names.append(name)
    return found
