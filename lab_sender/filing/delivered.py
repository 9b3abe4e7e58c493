"""The usual case of filing: what was delivered, one file a report, goes from claimed/ to sent/.

Holds: the move without a plan, and how a file is found whose move was made and not noted.
Promises: the fact that causes a move is on the disk before it; the move is before it is noted. It overwrites nothing.
After a crash between move and note the file has one of two names: that of its claim, which nothing else has, or its
own, and then it has the content that was read and is no other row's.
Never: moves what has attachments, a reason, or a plan; the keeper's planned way does, and what fails here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.ids import ClaimName
from lab_sender.journal import FileRow, FilingBook, Journal, Resting
from lab_sender.log import say

_DAY_MS: Final = 86_400_000


def day_of(final_ms: int) -> str:
    """Name the folder in sent/ of what became final then."""
    return f"{datetime.fromtimestamp(final_ms / 1000):%Y-%m-%d}"


def with_claim(name: str, file: FileRow) -> str:
    """Add the claim's id to a name that is taken: nothing else has that one."""
    stem, suffix = os.path.splitext(name)
    return f"{stem}~{ClaimName.parse(file.claimed_as).claim_id}{suffix}"


class Delivered:
    """Files what was delivered, for one keeper."""

    def __init__(
        self, journal: Journal, filing: FilingBook, folders: Mapping[str, Path], make: Callable[[str], None]
    ) -> None:
        """`make` makes a folder durably, and raises OSError where it must not."""
        self._journal = journal
        self._filing = filing
        self._claimed, self._sent = str(folders["claimed"]), str(folders["sent"])
        self._make = make

    def file(self, resting: Sequence[Resting]) -> Sequence[Resting]:
        """Move what is usual to sent/ and note it; return the rest. Raises JournalUnavailable.

        An OSError is not for here: the planned way meets it again, and says so.
        """
        days: dict[str, list[FileRow]] = {}
        for rest in resting:
            if _is_usual(rest):
                days.setdefault(day_of(rest.final_ms), []).append(rest.files[0])
        if not days:
            return resting
        self._journal.store.tick()
        done = set[int]()
        for day, some in days.items():
            try:
                done.update(self._moved(day, some))
            except OSError:
                continue
        return [rest for rest in resting if rest.source_id not in done]

    def _moved(self, day: str, some: Sequence[FileRow]) -> Iterator[int]:
        folder = f"{self._sent}{os.sep}{day}"
        self._make(folder)
        moved = []
        with files.OpenFolder(self._claimed) as claimed, files.OpenFolder(folder) as sent:
            for file in some:
                for name in _names(file):
                    try:
                        files.rename(claimed / file.claimed_as, sent / name)
                    except FileExistsError:
                        continue
                    except (OSError, files.Busy):
                        break
                    moved.append((file, f"{day}/{name}"))
                    break
            if moved:
                files.sync_folder(sent)
                files.sync_folder(claimed)
        self._filing.sent([(file.id, name) for file, name in moved])
        yield from (file.source_id for file, _ in moved)

    def found_again(self, rest: Resting) -> Resting:
        """See that a report which is not in claimed/ was not moved before a crash; if it was, note it.

        Raises OSError where nobody can say now.
        """
        (file, *others) = rest.files or (None,)
        if file is None or others or rest.folder == "claimed" or not _is_unplanned(file):
            return rest
        if files.exists(f"{self._claimed}{os.sep}{file.claimed_as}") or not os.path.isdir(self._claimed):
            return rest
        plain = files.short_name(file.name)
        for name in (with_claim(plain, file), plain):
            for day in _days_about(rest.finals):
                folder = f"{self._sent}{os.sep}{day}"
                if files.is_there(f"{folder}{os.sep}{name}", file.sha256):
                    if self._filing.is_another_s(f"{day}/{name}"):
                        continue
                    files.sync_folder(folder)
                    files.sync_folder(self._claimed)
                    self._filing.sent([(file.id, f"{day}/{name}")])
                    say(logging.INFO, "file.found-in-sent", source=file.source_id)
                    return rest._replace(files=(file._replace(folder="sent", filed_as=f"{day}/{name}"),))
        return rest


def _is_usual(rest: Resting) -> bool:
    return rest.folder == "sent" and len(rest.files) == 1 and _is_unplanned(rest.files[0])


def _is_unplanned(file: FileRow) -> bool:
    return file.folder == "claimed" and file.role == "report" and not file.planned_folder and file.size >= 0


def _names(file: FileRow) -> Iterator[str]:
    """Name it as it came; where that is taken, by its claim too."""
    plain = files.short_name(file.name)
    yield plain
    yield with_claim(plain, file)


def _days_about(finals: Sequence[int]) -> list[str]:
    """Name the days of these instants, and those beside them: the system's time zone may have been changed."""
    days = {day_of(each): None for each in finals}
    for each in finals:
        for beside in (-1, 1):
            days[day_of(each + beside * _DAY_MS)] = None
    return list(days)
