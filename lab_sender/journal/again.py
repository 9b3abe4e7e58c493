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
from itertools import pairwise
from typing import Final, Literal

from lab_sender.ids import is_id, new_id
from lab_sender.journal import acts, order_history, tally, turns
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store, now_ms
from lab_sender.journal.statements import Statements

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


def withdraw(
    db: Db, this: Act, event: Literal["released_file", "read_again_file"], *, at: str, force: bool
) -> list[int]:
    """Give a source's files back to intake, under a claim id of their own; they are read again.

    Returns the messages that what is read then takes the place of: not those that may have arrived.

    `at` is the destination for which; "" is all of them, NOBODY only what no destination takes. A file that could not
    be read this time is read for whichever it was before. They stay together by that id: no name is looked for in the
    outbox, and no marker is needed. Raises ActRejected before anything is changed.
    """
    source_id = this.source_id
    assert source_id is not None
    known = own = readings(db, source_id)
    if event == "read_again_file":
        source_id = known[-1]
        if db.execute(_SQL["is_on_its_way"], {"id": source_id}).fetchone():
            text = "its file is being read again just now, because something else in it was released."
            raise ActRejected("release.file-in-use", text, hint="Release it when that has been read.")
    else:
        own = [source_id]
        at = _released_for(db, known, source_id)
        this = this._replace(destination=at)
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
    last = max(db.execute(_SQL[each]).fetchone()[0] or "" for each in ("last_claim", "last_return"))
    returns_as = new_id(last if is_id(last) else "")
    if not db.execute(_SQL[event], {"id": source_id, "returns_as": returns_as}).rowcount:
        raise ActRejected("release.not-quarantined", f"file {source_id} is not quarantined.")
    replaced = [each for (each,) in db.execute(_SQL["to_be_read_again"], asked)]
    db.execute(_SQL["read_again"], {"ids": json.dumps(replaced), "now_ms": now_ms()})
    for message_id in replaced:
        turns.hand_on(db, message_id)
    acts.record(db, this, "file.released", "read again", answer="outbox")
    if source_id != this.source_id:
        acts.record(db, this._replace(id=None, source_id=source_id), "file.released", "read again")
    return replaced


def _released_for(db: Db, known: list[int], source_id: int) -> str:
    """Return the destination for which a file is still to be read; "" is all of them."""
    before = next((earlier for earlier, later in pairwise(known) if later == source_id), None)
    found = db.execute(_SQL["released_for"], {"before": before, "id": source_id}).fetchone()
    return "" if found is None else str(found[0])
