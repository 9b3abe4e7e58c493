"""Documents that came before their report.

Holds: one document for each name, until a report wants it or its time is up.
Promises: of two of one name the newer is kept; the older may be another patient's, and is rejected. None is
forgotten: it is given to a report, or rejected.
Never: decides which report may have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab_sender.errors import FileError
from lab_sender.intake.phases import Claimed, Interpreted, Rejected

Document = Claimed | Interpreted | Rejected
"""A file that may be a document: unread since a restart, or of no format of ours, or too large to be read."""


class Unpaired:
    """The documents that wait for their report, by their names in the outbox."""

    def __init__(self) -> None:
        self._documents: dict[str, Claimed | Interpreted] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._documents

    def paths(self) -> set[str]:
        """Return where they lie."""
        return {path for each in self._documents.values() for path in each.back().paths()}

    def keep(self, documents: Iterable[Document]) -> list[Rejected]:
        """Keep documents for the reports that will want them; returns those that they replace."""
        rejected = []
        for document in documents:
            older = self.take(document.claim.name)
            if older is not None:
                rejected.append(older.rejected(unclaimed()))
            self._documents[document.claim.name] = document.claim if isinstance(document, Rejected) else document
        return rejected

    def take(self, name: str) -> Claimed | Interpreted | None:
        """Give away the document of this name, if there is one."""
        return self._documents.pop(name, None)

    def take_all(self) -> list[Claimed]:
        """Give them all back, to be read again; newer files may have passed them."""
        documents, self._documents = self._documents, {}
        return [each.back().put_off() for each in documents.values()]

    def overdue(self, has_waited: Callable[[Claimed], bool]) -> list[Rejected]:
        """Give up on those that nobody has wanted and whose time is up."""
        late = [name for name, each in self._documents.items() if has_waited(each.claim)]
        return [self._documents.pop(name).rejected(unclaimed()) for name in late]


def unclaimed() -> FileError:
    """Make the error of a document whose report has not come; a newer one of its name may be another patient's."""
    text = "no report has named this file as its attachment in time."
    hint = "Drop a report that names it, together with it; or see docs/files/documents.md."
    return FileError.of("attachment.unclaimed", text, hint=hint)
