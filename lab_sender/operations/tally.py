"""What was found in many files, gathered by what solves it.

Holds: the groups of findings with their counts, days and the first names, and the counts of what was read; both while
they are counted, and as the value that `check --sent` shows.
Promises: of bounded size, however many files there are. Holds names of files and texts of ours, no content.
Never: reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Struct
from msgspec import field as made_by

from lab_sender.errors import Finding
from lab_sender.operations.values import FORMAT, Value, about

MOST_NAMES: Final = 100
"""The names kept of one group, and of what could not be read."""
_MOST_GROUPS: Final = 500
_MORE: Final = "file.more-findings"
_NUMBER: Final = re.compile(r"\[[0-9]+\]")
_WITHIN: Final = re.compile(r" ?\((?:lines?|[Bb]yte) [^)]*\)")
"""Where in its file a text says that something is; a line of the configuration has the name of its file before it."""
_OTHERS: Final = Finding("other", "Findings of other kinds.", hint="Solve these first, and ask again.")


class Matter(Value, frozen=True):
    """Findings that one step solves."""

    code: Annotated[str, about("What is wrong, by a stable code.")]
    field: Annotated[str | None, about("Where in the message, without the number of the segment.")]
    text: Annotated[str, about("What is wrong, in words; of the first.")]
    hint: Annotated[str | None, about("What to do.")]
    place: Annotated[str | None, about("Where in its file the first one is.")]
    oldest: Annotated[str, about("The first day of sent/ that has it: YYYY-MM-DD.")]
    newest: Annotated[str, about("The last one.")]
    files: Annotated[int, about("How many files have it.")]
    times: Annotated[int, about("How often they have it.")]
    names: Annotated[tuple[str, ...], about("The first files, with their day.")]


class NotRead(Value, frozen=True):
    """A file that could not be judged."""

    file: Annotated[str, about("The file, with its day.")]
    why: Annotated[str, about("Why not.")]


class SentAgain(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/sent-again/1"):
    """What of sent/ would go to quarantine today."""

    ok: Annotated[bool, about("All was judged, and nothing would go to quarantine.")]
    days: Annotated[int, about("How many days before today were asked for.")]
    oldest: Annotated[str | None, about("The first day with a file that was read.")]
    newest: Annotated[str | None, about("The last one.")]
    files: Annotated[int, about("Reports that were read.")]
    messages: Annotated[int, about("The messages that they become.")]
    documents: Annotated[int, about("Documents that were read with them.")]
    documents_alone: Annotated[int, about("Documents whose report nobody knows; not judged.")]
    not_there: Annotated[int, about("Files that the journal has there, and that are gone; not judged.")]
    not_read: Annotated[int, about("Files that could not be judged.")]
    not_read_files: Annotated[tuple[NotRead, ...], about("The first of them.")]
    faulty_files: Annotated[int, about("Files that would go to quarantine.")]
    faults: Annotated[tuple[Matter, ...], about("Why, by what solves it; what most files have comes first.")]
    remarks: Annotated[tuple[Matter, ...], about("With --remarks: what would newly get a remark.")]


Key = tuple[str, str, str, str]
"""What findings that one step solves have in common: code, field without its number, text without places, hint."""


class Group(Struct):
    """Findings that one step solves. `text` and `place` are those of the first; days are those of sent/."""

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


class Tally(Struct):
    """What was read, and what was found.

    `read` counts reports, `documents` what was read with them, `alone` documents of which nobody knows the report,
    `vanished` files that the journal has in sent/ and that are not there, `unread` all that could not be judged.
    """

    read: int = 0
    messages: int = 0
    documents: int = 0
    alone: int = 0
    vanished: int = 0
    faulty_files: int = 0
    unread: int = 0
    oldest: str = ""
    newest: str = ""
    faults: dict[Key, Group] = made_by(default_factory=dict)
    remarks: dict[Key, Group] = made_by(default_factory=dict)
    unread_names: list[tuple[str, str]] = made_by(default_factory=list)

    def judged(self, day: str, name: str, findings: Iterable[Finding], *, messages: int) -> None:
        """Count a report that was read, and what is wrong with it."""
        self.read += 1
        self.messages += messages
        self.oldest = min(self.oldest or day, day)
        self.newest = max(self.newest, day)
        self.faulty_files += _gather(self.faults, day, name, findings)

    def remarked(self, day: str, name: str, findings: Iterable[Finding]) -> None:
        """Note what a person should know of a report that goes on."""
        _gather(self.remarks, day, name, findings)

    def not_read(self, name: str, why: str) -> None:
        """Count what could not be judged."""
        self.unread += 1
        if len(self.unread_names) < MOST_NAMES:
            self.unread_names.append((name, why))

    def as_value(self, days: int) -> SentAgain:
        """Return what was found, frozen; `days` is how far back was asked for."""
        return SentAgain(
            ok=not self.faulty_files and not self.unread,
            days=days,
            oldest=self.oldest or None,
            newest=self.newest or None,
            files=self.read,
            messages=self.messages,
            documents=self.documents,
            documents_alone=self.alone,
            not_there=self.vanished,
            not_read=self.unread,
            not_read_files=tuple([NotRead(name, why) for name, why in self.unread_names]),
            faulty_files=self.faulty_files,
            faults=_matters(self.faults.values()),
            remarks=_matters(self.remarks.values()),
        )


def _matters(groups: Iterable[Group]) -> tuple[Matter, ...]:
    ordered = sorted(groups, key=lambda group: (-group.files, group.code))
    return tuple(
        [
            Matter(
                code=each.code,
                field=each.field or None,
                text=each.text,
                hint=each.hint or None,
                place=each.place or None,
                oldest=each.oldest,
                newest=each.newest,
                files=each.files,
                times=each.times,
                names=tuple(each.names),
            )
            for each in ordered
        ]
    )


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
