"""What the journal knows of the files in sent/.

Holds: the questions of commands that read delivered files again.
Promises: as a view: never writes, never blocks a writer. A report is named with its documents, wherever those are.
Never: opens a file.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab_sender.journal.statements import Statements
from lab_sender.journal.view import View

_SQL: Final = Statements("kept")


class Document(NamedTuple):
    """An attachment of a report: its name in the outbox, and where it lies in sent/ (empty: elsewhere)."""

    name: str
    filed_as: str


class Kept(NamedTuple):
    """A report in sent/: its name in the outbox, where it lies in sent/, and the outbox it came from."""

    source_id: int
    name: str
    filed_as: str
    documents: tuple[Document, ...]
    outbox: str = ""


class KeptView(View):
    """A reader's connection to the journal that also knows what lies in sent/."""

    def days_kept(self, since: str) -> list[str]:
        """Return the days (`2026-11-22`), from `since` on, on which the journal has files in sent/."""
        return [row[0] for row in self._reader.rows(_SQL["days"], {"since": since})]

    def kept(self, day: str) -> list[Kept]:
        """Return the reports that the journal has in sent/ of a day, in the order in which they were taken."""
        found: dict[int, Kept] = {}
        for source_id, name, filed_as, outbox, document, at in self._reader.rows(_SQL["of_day"], {"day": day}):
            before = found.setdefault(source_id, Kept(source_id, name, filed_as, (), outbox))
            if document is not None:
                found[source_id] = before._replace(documents=(*before.documents, Document(document, at)))
        return list(found.values())

    def remarked(self, source_id: int) -> set[str]:
        """Return the codes of the remarks on a file and its messages."""
        return {row[0] for row in self._reader.rows(_SQL["remarked"], {"source_id": source_id})}
