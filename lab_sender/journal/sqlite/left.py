"""Whether journal.db is as lab-sender left it, or somebody wrote it since: a backup, torn perhaps, was put over it.

Holds: what the system says of the file and its log (`-wal`) before they are opened, and how the note in them fits it.
Promises: a file that anybody else has written is not taken for ours, whatever is noted in it. After a kill -9 the log
is there, has the last word, and nothing has changed journal.db after it; after a close there is no log, and the note
says that the file was closed.
Never: says that a file is whole. What it cannot tell (an attribute changed, a program of others brought the log into
the file, a checkpoint was the last thing before a kill) is not as left: that costs a look at all of it, and no more.

Instants are those of the last change (ctime), which no program can set; a copy keeps the instants that are noted in
it, so they are older than itself. Windows has no such instant: there only an end in good order is believed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from lab_sender import files

EACH_MS: Final = 1_000
"""The journal's last write is noted to a second: at each one it would cost a page more of the log."""
_APART_MS: Final = 10_000
"""So far may the note and the system be apart: a slow disk, a checkpoint behind the last commit."""
_CLOSED: Final = "closed"


class Found(NamedTuple):
    """The last changes of journal.db and of its log, in nanoseconds; None where there is none, or nothing in it."""

    file_ns: int | None
    log_ns: int | None

    def is_as_left(self, note: str) -> bool:
        """Say whether it is, by the note that is in it. A journal that is just being made is."""
        if files.WINDOWS:
            return True
        if self.file_ns is None:
            return self.log_ns is None
        noted_ms, _, closed = note.partition(" ")
        last_ns = self.file_ns if self.log_ns is None else self.log_ns
        if not noted_ms.isdecimal() or abs(last_ns // 1_000_000 - int(noted_ms)) > _APART_MS:
            return False
        return closed == _CLOSED if self.log_ns is None else self.file_ns <= self.log_ns


def find(path: Path) -> Found:
    """Look, before the journal is opened: SQLite makes and changes its files then."""
    file = path.resolve()
    return Found(_changed_ns(file), _changed_ns(file.with_name(f"{file.name}-wal")))


def note(at_ms: int, *, closed: bool = False) -> str:
    """Write the note."""
    return f"{at_ms} {_CLOSED}" if closed else str(at_ms)


def _changed_ns(path: Path) -> int | None:
    """The file first, then its log: a writer beside us makes the log the newer one."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_ctime_ns if seen.st_size else None
