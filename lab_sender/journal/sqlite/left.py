"""Whether journal.db is as lab-sender left it, or somebody wrote it since: a backup, torn perhaps, was put over it.

Holds: what the system says of the file and its log (`-wal`) before they are opened, and how the note in them fits it.
Promises: a file that anybody else has written is not taken for ours, whatever is noted in it. It is the noted one by
device and inode. After a kill -9 the log is there, has the last word, and nothing has changed journal.db after it;
after a close there is no log, and the note says that the file was closed.
Never: says that a file is whole. What it cannot tell (an attribute changed, a program of others brought the log into
the file, a checkpoint was the last thing before a kill, a restart gave the device another number) is not as left:
that costs a look at all of it, and no more.

Instants are those of the last change (ctime), which no program can set; a copy keeps the instants that are noted in
it, so they are older than itself. Windows has no such instant: there only an end in good order, of this very file, is
believed.

How far the note and the last change may be apart: of a journal in use its log, by the second between two notes and a
slow commit. Behind a close less lies between, for what was written before is on the disk: one flush of the log with
the note (some milliseconds, tenths of a second on a busy disk), then the pages go into journal.db, in memory. What
comes after (its flush, the removal of the log) does not change it. Some file systems keep instants to a second only.
So two seconds are enough, and a disk that is slower costs a look; a copy of that very moment is known by its inode.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from lab_sender import files

EACH_MS: Final = 1_000
"""The journal's last write is noted to a second: at each one it would cost a page more of the log."""
_APART_MS: Final = 10_000
"""So far may the note and the last change of the log be apart."""
_CLOSED_APART_MS: Final = 2_000
"""So far the note of a close and the last change of journal.db."""
_CLOSED: Final = "closed"


class Found(NamedTuple):
    """The last changes of journal.db and of its log, in nanoseconds; None where there is none, or nothing in it."""

    file_ns: int | None
    log_ns: int | None
    file: str
    """Which file journal.db is (`name`)."""

    def is_as_left(self, note: str, file: str) -> bool:
        """Say whether it is, by the note that is in it and the file it was written to. One that is just made is."""
        if files.WINDOWS:
            return self.file_ns is None or file == self.file
        if self.file_ns is None:
            return self.log_ns is None
        noted_ms, _, closed = note.partition(" ")
        last_ns, apart_ms = (self.file_ns, _CLOSED_APART_MS) if self.log_ns is None else (self.log_ns, _APART_MS)
        if not noted_ms.isdecimal() or abs(last_ns // 1_000_000 - int(noted_ms)) > apart_ms:
            return False
        if file != self.file:
            return False
        return closed == _CLOSED if self.log_ns is None else self.file_ns <= self.log_ns


def find(path: Path) -> Found:
    """Look, before the journal is opened: SQLite makes and changes its files then."""
    file = path.resolve()
    seen = _stat(file)  # the file first, then its log: a writer beside us makes the log the newer one
    log = _stat(file.with_name(f"{file.name}-wal"))
    return Found(_changed_ns(seen), _changed_ns(log), name((seen.st_dev, seen.st_ino) if seen else None))


def note(at_ms: int, *, closed: bool = False) -> str:
    """Write the note."""
    return f"{at_ms} {_CLOSED}" if closed else str(at_ms)


def name(identity: tuple[int, int] | None) -> str:
    """Write which file it is, by `files.identity`; "" for none."""
    return f"{identity[0]}:{identity[1]}" if identity else ""


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _changed_ns(seen: os.stat_result | None) -> int | None:
    return seen.st_ctime_ns if seen and seen.st_size else None
