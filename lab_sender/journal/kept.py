"""What the journal knows of the files in sent/.

Holds: the queries for commands that read delivered files again.
Promises: as a view: never writes, never blocks a writer. A report is named with its documents, wherever those are.
Never: opens a file.
"""

from __future__ import annotations

from typing import NamedTuple

from lab_sender.journal.view import View


class Document(NamedTuple):
    """An attachment of a report: its name in the outbox, and where it lies in sent/ (empty: elsewhere)."""

    name: str
    filed_as: str


class Kept(NamedTuple):
    """A report in sent/: its name in the outbox, and where it lies in sent/."""

    source_id: int
    name: str
    filed_as: str
    documents: tuple[Document, ...]


class KeptView(View):
    """A reader's connection to the journal that also knows what lies in sent/."""

    def days_kept(self, since: str) -> list[str]:
        """Return the days (`2026-11-22`), from `since` on, on which the journal has files in sent/."""
        rows = self._rows(
            "SELECT DISTINCT substr(filed_as, 1, 10) FROM file WHERE folder = 'sent' AND filed_as >= ?", (since,)
        )
        return sorted(row[0] for row in rows)

    def kept(self, day: str) -> list[Kept]:
        """Return the reports that the journal has in sent/ of a day, in the order in which they were taken."""
        rows = self._rows(
            "SELECT r.source_id, r.name, r.filed_as, a.name, CASE a.folder WHEN 'sent' THEN a.filed_as ELSE '' END"
            " FROM file r LEFT JOIN file a ON a.source_id = r.source_id AND a.role = 'attachment'"
            " WHERE r.role = 'report' AND r.folder = 'sent' AND r.filed_as > :day || '/'"
            " AND r.filed_as < :day || '0' ORDER BY r.source_id, a.id",  # '0' comes next after '/'
            {"day": day},
        )
        found: dict[int, Kept] = {}
        for source_id, name, filed_as, document, at in rows:
            before = found.setdefault(source_id, Kept(source_id, name, filed_as, ()))
            if document is not None:
                found[source_id] = before._replace(documents=(*before.documents, Document(document, at)))
        return list(found.values())

    def remarked(self, source_id: int) -> set[str]:
        """Return the codes of what a person was told of a file and its messages."""
        return {row[0] for row in self._rows("SELECT DISTINCT code FROM remark WHERE source_id = ?", (source_id,))}
