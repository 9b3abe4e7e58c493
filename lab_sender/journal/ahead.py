"""What a lane reads ahead: the messages that may leave next, with their bytes.

Holds: the head of the line, of all of it or of one lane's part; and the message that the brake asks with in place of
those it holds for.
Promises: in order, and no more bytes at once than a few large messages have. Bytes that have changed are an error.
Never: writes, or says which messages may leave (queue.py does).
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Collection, Iterator
from typing import Final

from lab_sender.journal import queue
from lab_sender.journal.database import Result, Store, damaged
from lab_sender.journal.order_history import LONGEST
from lab_sender.journal.rows import Heads, Share, Spooled
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("ahead")


class Ahead:
    """The part of a lane's book that reads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(
        self, destination: str, *, after_quarantine: str, limit: int = 64, largest_bytes: int = 4 << 20
    ) -> list[Spooled]:
        """Return the next messages in order, with their bytes; fewer when they are large.

        Raises AgentError `journal.damaged` when the disk gives other bytes than were spooled.
        """
        with self._store.reading() as db:
            free = queue.may_leave(db, destination, after_quarantine)
            values = {"destination": destination, "most": limit, "longest": LONGEST - 1}
            if free is None:
                rows = db.execute(_SQL["first"], values)
            else:
                ids = json.dumps(list(itertools.islice(free, limit)))
                rows = db.execute(_SQL["these"], values | {"ids": ids})
            return list(_up_to(_spooled(rows, destination), largest_bytes))

    def heads(
        self,
        destination: str,
        share: Share,
        *,
        after_quarantine: str,
        after: int = 0,
        limit: int = 64,
        largest_bytes: int = 4 << 20,
    ) -> Heads:
        """Return what a lane may send next, where there are several of them: as `head`, behind the id `after`."""
        with self._store.reading() as db:
            mine = queue.part(db, destination, after_quarantine, share, after, limit)
            values = {"destination": destination, "most": limit, "ids": json.dumps(mine.ids), "longest": LONGEST - 1}
            messages = list(_up_to(_spooled(db.execute(_SQL["these"], values), destination), largest_bytes))
        seen = mine.seen if len(messages) == len(mine.ids) else messages[-1].id if messages else after
        return Heads(messages, mine.alone, seen, mine.behind)

    def another(
        self, destination: str, *, after_quarantine: str, but: Collection[int], after: int, order_by: str = ""
    ) -> list[Spooled]:
        """Return a message to ask the HIS with in place of `but`, the next one after the id `after`; none: empty.

        `order_by` is the key that several lanes go by.
        """
        with self._store.reading() as db:
            found = queue.another(db, destination, after_quarantine, but, after, order_by)
            values = {"destination": destination, "most": 1, "ids": json.dumps([found]), "longest": LONGEST - 1}
            return list(_spooled(db.execute(_SQL["these"], values), destination))


def _up_to(messages: Iterator[Spooled], largest_bytes: int) -> Iterator[Spooled]:
    """Give messages until they are so large together."""
    size = 0
    for message in messages:
        yield message
        size += len(message.body)
        if size > largest_bytes:
            return


def _spooled(rows: Result, destination: str) -> Iterator[Spooled]:
    for *row, refused_before, attempts, created_ms, is_part, stands_on_other, crc32 in rows:
        if zlib.crc32(row[3]) != crc32:
            raise damaged(f"the bytes of message {row[0]} have changed")
        flags = bool(row[4]), bool(row[5]), bool(row[6])
        counted = row[7], row[8], bool(refused_before), attempts
        yield Spooled(
            row[0], row[1], row[2], row[3], *flags, *counted,
            destination, created_ms, bool(is_part), bool(stands_on_other),
        )  # fmt: skip
