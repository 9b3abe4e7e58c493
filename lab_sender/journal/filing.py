"""What the keeper writes: where files belong, where they are going, where they are.

Holds: the resting place that a source's messages give it, and the plan of each move.
Promises: a move is planned durably before it is made, so that after any crash each file is found at one of
two known names; what was delivered is moved without a plan (filing/delivered.py has the rule by which it is found).
Never: moves a file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from lab_sender.journal.database import Store
from lab_sender.journal.notes import his_noted, note, noted
from lab_sender.journal.reasons import FiledMessage, of_file, of_messages
from lab_sender.journal.rows import FileRow, Folder, Resting
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import WAITING

_SQL: Final = Statements("filing")
_UNSETTLED: Final = (
    "claimed_and_final", "on_the_move", "quarantined_elsewhere", "duplicate_elsewhere", "in_quarantine_without_need",
)  # fmt: skip


class FilingBook:
    """The keeper's part of the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = store.reader()

    def close(self) -> None:
        """Close the reader's connection."""
        self._reader.close()

    def trouble(self, code: str) -> None:
        """Note for `status` what filing waits for; "" when nothing."""
        with self._store.quick() as db:
            note(db, "filing_trouble", code)

    def unsettled_sources(self) -> list[int]:
        """Return every source that may have a file in the wrong folder; asked at start.

        It looks at all that waits, on a connection of its own: the lane need not wait for it. What an agent that was
        killed had delivered last, and that is appended only, counts.
        """
        with self._store.reading():  # which folds that in
            pass
        return sorted({row[0] for name in _UNSETTLED for row in self._reader.rows(_SQL[name])})

    def reasons(self) -> list[int]:
        """Return every source beside whose file an old reason may lie; asked at start."""
        return [row[0] for row in self._reader.rows(_SQL["in_quarantine_with_others"])]

    def last_event(self) -> int:
        """Return the number of the newest act on record, to ask `unsettled_since` with."""
        return int(self._reader.rows(_SQL["last_event"])[0][0] or 0)

    def unsettled_since(self, event: int) -> list[int]:
        """Return the sources that may have a file in the wrong folder for what somebody did after this event.

        Other processes do nothing else to messages and files. What waits meanwhile is not looked at.
        """
        asked = {row[0] for row in self._reader.rows(_SQL["acted_on"], {"after": event})}
        if not asked:
            return []
        asked |= {row[0] for row in self._reader.rows(_SQL["sharing"], _named(asked))}
        return sorted(row[0] for row in self._reader.rows(_SQL["unsettled_of"], _named(asked)))

    def sharing(self, source_ids: Collection[int]) -> set[int]:
        """Return the sources with a duplicate of a message in one of these: they share its fate."""
        with self._store.reading() as db:
            return {row[0] for row in db.execute(_SQL["sharing"], _named(source_ids))}

    def outboxes_of(self, source_ids: Collection[int]) -> dict[int, str]:
        """Return the names of the outboxes that these sources came from."""
        with self._store.reading() as db:
            return dict(db.execute(_SQL["outboxes"], _named(source_ids)).fetchall())

    def resting(self, source_ids: Collection[int]) -> list[Resting]:
        """Say where the files of these sources belong."""
        named = _named(source_ids)
        with self._store.reading() as db:
            sources = db.execute(_SQL["sources"], named).fetchall()
            messages = db.execute(_SQL["messages"], named).fetchall()
            files = [FileRow(*row) for row in db.execute(_SQL["files"], named)]
            several = db.execute(_SQL["destinations"]).fetchone()[0] > 1 or len(his_noted(noted(db, "his"))) > 1
        by_source: dict[int, list[FiledMessage]] = {}
        for row in messages:
            by_source.setdefault(row[0], []).append(FiledMessage(*row[1:]))
        files_of: dict[int, list[FileRow]] = {}
        for file in files:
            files_of.setdefault(file.source_id, []).append(file)
        result = []
        for source_id, state, code, reason, received_ms, returns_as in sources:
            rows = by_source.get(source_id, [])
            finals = tuple([row.final_ms for row in rows if row.final_ms is not None])
            folder = _folder(state, rows)
            text = ""
            if folder == "quarantine" and code:
                text = of_file(source_id, code, reason, received_ms, rows, several=several)
            elif folder == "quarantine":
                text = of_messages(rows, several=several)
            own = tuple(files_of.get(source_id, ()))
            result.append(Resting(source_id, folder, text, max(finals, default=received_ms), own, returns_as, finals))
        return result

    def grown(self, source_id: int, reason: str) -> bool:
        """Note that a file is no longer what was read: it belongs into quarantine. Durable on return.

        False: it is not `read` any more.
        """
        with self._store.durable() as db:
            return db.execute(_SQL["grown"], {"id": source_id, "reason": reason}).rowcount == 1

    def not_there(self, source_id: int, where: str) -> bool:
        """Note that a released file is at none of its places: it goes back into quarantine. Durable on return.

        False: it is not released any more.
        """
        reason = (
            f"file.missing: it was released, and is not in {where}, where it was. Put it back there and release it"
            " again; or drop it again, and give this one up."
        )
        with self._store.durable() as db:
            back = db.execute(_SQL["not_there"], {"id": source_id, "reason": reason}).rowcount == 1
            if back:
                db.execute(_SQL["not_planned"], {"id": source_id})
            return back

    def planned(self, moves: Sequence[tuple[int, str, str]]) -> None:
        """Note where files (id, folder, name there) are about to be moved. Durable on return."""
        if not moves:
            return
        with self._store.durable() as db:
            db.executemany(_SQL["planned"], [(folder, name, file_id) for file_id, folder, name in moves])

    def placed(self, file_ids: Iterable[int]) -> None:
        """Note that planned moves were made."""
        with self._store.quick() as db:
            db.executemany(_SQL["placed"], [(file_id,) for file_id in file_ids])

    def sent(self, files: Sequence[tuple[int, str]]) -> None:
        """Note that claimed files (id, name in sent/) were moved there without a plan."""
        if files:
            with self._store.quick() as db:
                db.executemany(_SQL["sent"], [(name, file_id) for file_id, name in files])

    def is_another_s(self, filed_as: str) -> bool:
        """Say whether a file of this name in sent/ is on record already."""
        values = {"day": filed_as[:10], "filed_as": filed_as}
        with self._store.reading() as db:
            return db.execute(_SQL["filed_so"], values).fetchone() is not None

    def missing(self, file_id: int) -> None:
        """Note that a file is at none of its places: somebody took it away."""
        with self._store.durable() as db:
            db.execute(_SQL["missing"], {"id": file_id})


def _named(source_ids: Collection[int]) -> dict[str, str]:
    return {"source_ids": json.dumps(sorted(source_ids))}


def _folder(source_state: str, messages: Sequence[FiledMessage]) -> Folder:
    """Say where a file belongs: in quarantine as soon as one destination is through with it and has some there."""
    if source_state == "withdrawn":
        return "outbox"
    if source_state == "dismissed":
        return "dismissed"
    if source_state == "quarantined":
        return "quarantine"
    at: dict[str, set[str]] = {}
    for message in messages:
        at.setdefault(message.destination, set()).add(message.state)
    if any("quarantined" in states and states.isdisjoint(WAITING) for states in at.values()):
        return "quarantine"
    states = set().union(*at.values())
    if not states.isdisjoint(WAITING):
        return "claimed"
    own = states - {"replaced"}  # a copy or what was read again says what became of these
    return "dismissed" if states and own <= {"dismissed"} else "sent"
