"""How what was taken goes out once more: a copy of a message, or its whole file read again.

Holds: the spooling of a copy, and the way of a file's claim back to intake.
Promises: a file is read again for all destinations; what is settled at one stays settled there (spool.read_before).
What still waits at a destination that nothing of the file is read again for keeps waiting.
Never: begins or ends a transaction, or records an act that is not done.
"""

from __future__ import annotations

import zlib
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


def withdraw(
    db: Db, this: Act, event: Literal["released_file", "read_again_file"], *, force: bool, why: str = ""
) -> None:
    """Give a source's files back to intake, under a claim id of their own; they are read again.

    They stay together by that id: no name is looked for in the outbox, and no marker is needed. Raises ActRejected
    before anything is changed.
    """
    source_id = this.source_id
    assert source_id is not None
    may_be_read_again(db, source_id, force=force)
    last = max(db.execute(_SQL[each]).fetchone()[0] or "" for each in ("last_claim", "last_return"))
    returns_as = new_id(last if is_id(last) else "")
    if not db.execute(_SQL[event], {"id": source_id, "returns_as": returns_as}).rowcount:
        raise ActRejected("release.not-quarantined", f"file {source_id} is not quarantined.")
    replaced = db.execute(_SQL["to_be_read_again"], {"source_id": source_id}).fetchall()
    db.execute(_SQL["read_again"], {"source_id": source_id, "now_ms": now_ms()})
    for (message_id,) in replaced:
        turns.hand_on(db, message_id)
    acts.record(db, this, "file.released", acts.with_reason(why, "read again"), answer="outbox")


def may_be_read_again(db: Db, source_id: int, *, force: bool) -> None:
    """Raise ActRejected where a file is in use, or a newer message has overtaken one of its orders."""
    (waiting,) = db.execute(_SQL["in_use"], {"source_id": source_id}).fetchone()
    if waiting:
        raise ActRejected(
            "release.file-in-use",
            f"{waiting} messages of the same file are still being delivered.",
            hint="Release it when they are through.",
        )
    newer = order_history.file_overtaken_by(db, source_id)
    if newer is not None and not force:
        raise ActRejected(
            "release.overtaken",
            f"message {newer}, delivered since or waiting, speaks about an order of this file and is newer;"
            " reading the file again would overwrite it at the HIS.",
            hint="Dismiss it and drop the corrected report by itself, or use --force if you are sure.",
        )
