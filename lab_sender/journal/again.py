"""How what was taken goes out once more: a copy of a message, or its whole file read again.

Holds: the spooling of a copy, and the way of a file's claim back to intake.
Promises: a file is read again for the destination for which it is released, or for all. What lies in quarantine there
and cannot have arrived is replaced by what is read; all else in any reading of the file stays what it is, whatever
becomes of it, and is not sent again (spool.read_before). What waits elsewhere keeps no file.
Never: begins or ends a transaction, or records an act that is not done.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from lab_sender.ids import is_id, new_id
from lab_sender.journal import acts, order_history, tally, turns
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import NOBODY

_SQL: Final = Statements("again")


def copied(store: Store, db: Db, message: Facts, control_id: str, body: bytes) -> int:
    """Spool a copy of a message with other bytes; returns its id."""
    copy = next(store.ids(db, message.destination, 0, 1)[1])
    values = {"id": message.id, "copy": copy, "control_id": control_id, "now_ms": now_ms()}
    db.execute(_SQL["copied"], values)
    tally.add(db, message.destination, "messages", 1)
    db.execute(_SQL["copied_bytes"], {"copy": copy, "body": body, "crc32": zlib.crc32(body)})
    db.execute(_SQL["copied_orders"], {"id": message.id, "copy": copy})
    turns.give(db, copy, body)
    return copy


def readings(db: Db, source_id: int) -> list[int]:
    """Return every reading of a file, oldest first; a file that was never released has one."""
    return [each for (each,) in db.execute(_SQL["readings"], {"source_id": source_id})]


def acting(store: Store, message_ids: Iterable[int], source_ids: Iterable[int] = ()) -> AbstractContextManager[Db]:
    """Begin an act on messages and files, alone on the lanes of all that it may look at or change.

    Of a file that may be read again, and of that of a message that was never built, it is whatever was read of it.
    """
    with store.reading() as db:
        asked = {"ids": json.dumps(sorted(set(message_ids)))}
        files = {*source_ids, *(each for (each,) in db.execute(_SQL["files_of_unbuilt"], asked))}
        known = {"readings": json.dumps(sorted({each for file in files for each in readings(db, file)}))}
        lanes = {*json.loads(asked["ids"]), *(each for (each,) in db.execute(_SQL["messages_of_readings"], known))}
    return store.acting(*lanes) if lanes else store.durable()


class Withdrawal(NamedTuple):
    """How a file would be read again: its last reading, for which destination, and which messages that replaces."""

    source_id: int
    at: str
    replaces: list[int]


def weigh(db: Db, source_id: int, *, at: str, force: bool) -> Withdrawal:
    """Say how a file that was read would be read again, of which a message is released that was never built.

    `at` is the destination for which; "" is all of them, NOBODY only what no destination takes. What is read then
    does not take the place of messages that may have arrived. Raises ActRejected where it cannot be.
    """
    known = readings(db, source_id)
    if db.execute(_SQL["is_on_its_way"], {"id": known[-1]}).fetchone():
        text = "its file is being read again just now, because something else in it was released."
        raise ActRejected("release.file-in-use", text, hint="Release it when that has been read.")
    return _weighed(db, known[-1], known, known, at=at, force=force)


def withdraw(
    db: Db, this: Act, asked: Sequence[int], *, at: str, force: bool, why: str = "", everywhere: bool = False
) -> list[int]:
    """Give the files of a source that was read back to intake; they are read again, because of the messages `asked`.

    Those are forced each at its own destination, or `everywhere`.
    Returns the messages that what is read then takes the place of. Raises ActRejected before anything is changed.
    """
    assert this.source_id is not None
    weighed = weigh(db, this.source_id, at=at, force=force)
    messages = [acts.message(db, each) for each in asked] if force else []
    forced = [(each.id, "" if everywhere or each.code == NOBODY else each.destination) for each in messages]
    return _withdrawn(db, this, "read_again_file", weighed, why, forced)


def withdraw_unreadable(db: Db, this: Act, *, force: bool, why: str = "") -> list[int]:
    """Give a file that could not be read back to intake: it is read for whichever destination it was before.

    Returns the messages that what is read then takes the place of. Raises ActRejected before anything is changed.
    """
    assert this.source_id is not None
    known = readings(db, this.source_id)
    at = _released_for(db, known, this.source_id)
    weighed = _weighed(db, this.source_id, known, [this.source_id], at=at, force=force)
    forced = [(None, at)] if force else []
    return _withdrawn(db, this._replace(destination=at), "released_file", weighed, why, forced)


def _weighed(db: Db, source_id: int, known: list[int], own: list[int], *, at: str, force: bool) -> Withdrawal:
    asked = {"readings": json.dumps(own), "at": at}
    (waiting,) = db.execute(_SQL["in_use"], asked).fetchone()
    if waiting:
        where = f" to {at}" if at else ""
        raise ActRejected(
            "release.file-in-use",
            f"{waiting} messages of the same file are still being delivered{where}.",
            hint="Release it when they are through.",
        )
    if db.execute(_SQL["gone"], {"source_id": source_id}).fetchone()[0]:
        raise ActRejected(
            "release.file-missing",
            f"file {source_id} is in none of the folders any more, so it cannot be read again.",
            hint="Drop it again, and give this one up.",
        )
    newer = order_history.file_overtaken_by(db, known, at)
    if newer is not None and not force:
        message_id, destination = newer
        raise ActRejected(
            "release.overtaken",
            f"message {message_id}, delivered to {destination} since or waiting there, speaks about an order of this"
            " file and is newer; reading the file again would overwrite it there.",
            hint="Dismiss it and drop the corrected report by itself, or use --force if you are sure.",
        )
    return Withdrawal(source_id, at, [each for (each,) in db.execute(_SQL["to_be_read_again"], asked)])


def _withdrawn(
    db: Db,
    this: Act,
    event: Literal["released_file", "read_again_file"],
    weighed: Withdrawal,
    why: str,
    forced: Iterable[tuple[int | None, str]],
) -> list[int]:
    """Give the files their new claim id, by which they stay together: no name or marker is looked for.

    What is read then is held against what is newer than the file, but for what is `forced`: where that message stood,
    for that destination, "" being each. No message is whatever is read.
    """
    source_id = weighed.source_id
    last = max(db.execute(_SQL[each]).fetchone()[0] or "" for each in ("last_claim", "last_return"))
    returns_as = new_id(last if is_id(last) else "")
    if not db.execute(_SQL[event], {"id": source_id, "returns_as": returns_as}).rowcount:
        raise ActRejected("release.not-quarantined", f"file {source_id} is not quarantined.")
    db.execute(_SQL["read_again"], {"ids": json.dumps(weighed.replaces), "now_ms": now_ms()})
    for message_id in weighed.replaces:
        turns.hand_on(db, message_id)
    detail = acts.with_reason(why, "read again")
    acts.record(db, this, "file.released", detail, answer="outbox")
    if source_id != this.source_id:
        acts.record(db, this._replace(id=None, source_id=source_id), "file.released", detail)
    for forced_id, destination in forced:
        by = Act(this.who, None, destination, source_id, forced_id)
        acts.record(db, by, "file.forced", why, answer=returns_as)
    return weighed.replaces


def _released_for(db: Db, known: list[int], source_id: int) -> str:
    """Return the destination for which a file is still to be read; "" is all of them."""
    before = next((earlier for earlier, later in pairwise(known) if later == source_id), None)
    found = db.execute(_SQL["released_for"], {"before": before, "id": source_id}).fetchone()
    return "" if found is None else str(found[0])
