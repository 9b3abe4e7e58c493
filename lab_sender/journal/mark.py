"""What an outbox remembers of its journal, outside of it: one that does not know it is older than what was done.

Holds: `Mark`, a file in the work folder with the claim id that was spooled last, and the question whether a journal
knows it.
Promises: it is written after the COMMIT of what it names, so no kill and no power cut leaves one that its own journal
does not know. It is one small write in its place and never flushed: one that is behind is known as well, one that is
torn is none. A journal knows what retention has deleted of it.
Never: names a file that somebody else has named: its id would be that name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.errors import AgentError, ExitCode
from lab_sender.ids import ID_LENGTH, is_id, new_id
from lab_sender.journal.database import Db, Reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("mark")


class Mark:
    """The mark of one outbox. `last` is the claim id that was spooled last, "" where none is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = ""
        self._key = new_id()
        self._written = ""

    def read(self) -> None:
        """Read what was kept; where nothing can be read of it, it begins anew."""
        text = ""
        with contextlib.suppress(OSError, ValueError):
            text = self.path.read_bytes()[: 2 * ID_LENGTH + 2].decode("ascii")
        key, _, last = text.rstrip("\n").partition(" ")
        if is_id(key) and is_id(last):
            self._key, self.last, self._written = key, last, last

    def note(self, db: Db, claim_ids: Iterable[str]) -> str:
        """Note in a transaction that these are spooled; returns what is to be known once it is committed."""
        last = max(filter(is_id, claim_ids), default="")
        if last:
            db.execute(_SQL["keep"], {"key": self._name, "claim_id": last})
        return last

    def keep(self, claim_id: str) -> None:
        """Keep what is committed, for this process."""
        self.last = max(self.last, claim_id)

    def write(self) -> None:
        """Write it, for the next one; a folder that is away keeps the one before, which is known too.

        It may hang as a share does: nobody is to wait for it who works for another outbox.
        """
        last = self.last
        if last != self._written:
            with contextlib.suppress(OSError):
                files.overwrite(self.path, f"{self._key} {last}\n".encode("ascii"))
                self._written = last

    def forget(self) -> None:
        """Begin anew: a person has said so. Raises OSError."""
        files.remove(self.path)
        self.last, self._written, self._key = "", "", new_id()

    def demand(self, db: Db) -> None:
        """Raise AgentError (exit 74) where the journal does not know it."""
        if self.last and not db.execute(_SQL["known"], self._asked).fetchone():
            raise self.unknown()

    def renew(self, db: Db) -> None:
        """Take over what the journal knows beyond it: a kill came between COMMIT and mark."""
        kept = db.execute(_SQL["kept"], {"key": self._name}).fetchone()
        self.keep(str(kept[0]) if kept else "")

    def is_known(self, reader: Reader) -> bool:
        """Say the same to whoever only looks."""
        return not self.last or bool(reader.rows(_SQL["known"], self._asked))

    def unknown(self) -> AgentError:
        """Make the error of a journal that does not know it."""
        return AgentError(
            "journal.behind",
            f"the journal does not know what was spooled last from this outbox ({self.path.parent}): it is a restored"
            " one, or one of a database whose standby had not everything. Nothing is sent.",
            hint="Follow 'The journal is behind' in docs/SYMPTOMS.md: bring the right one back, or accept this one.",
            exit_code=ExitCode.STORAGE,
        )

    @property
    def _name(self) -> str:
        return f"mark {self._key}"

    @property
    def _asked(self) -> dict[str, str]:
        return {"key": self._name, "claim_id": self.last}
