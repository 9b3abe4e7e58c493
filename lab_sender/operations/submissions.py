"""Results that programs submit by the API: into the outbox once, and what became of them.

Holds: `submit` and `became`.
Promises: a result lies durably in the outbox when `submit` returns. The same key with the same result is the same
submission, however often it comes and wherever it was killed before; with another result it is an error. The name in
the outbox is fixed before the file is there, and is no other's, so that it is never dropped twice; of several
machines, the one that began with it drops it.
Never: keeps the result itself, or sends anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from lab_sender import files, rights
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.ids import ClaimName, new_id
from lab_sender.journal.database import now_ms
from lab_sender.operations.drop import check_names, drop, newest_source, sha256_of
from lab_sender.operations.fate import Dropped, look
from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.outboxes import outbox_for
from lab_sender.operations.records import NAME, Records
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT, Instant, Value, about
from lab_sender.premises.needs import all_claimed

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig

IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{8,128}")
_LONGEST_STEM: Final = 120
_LOCKS: Final = 16
"""So many results are dropped at once, at most."""
_WAIT_S: Final = 10.0
_LOOK_S: Final = 0.02
Outcome = Literal["waiting", "delivered", "quarantined", "given-up", "contradicted", "not-received"]


class KeyUsed(LabSenderError):
    """The idempotency key belongs to another result; nothing was dropped."""


class Submitted(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/submitted/1"):
    """A result that lies in the outbox."""

    id: Annotated[str, about("What to ask for it by: `GET /api/v1/results/ID`.")]
    file: Annotated[str, about("Its name in the outbox.")]
    sha256: Annotated[str, about("The SHA-256 of its content.")]
    received_ms: Annotated[Instant, about("When it was submitted first, in ms since 1970 UTC.")]


class Became(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/result/1"):
    """What became of a result."""

    id: Annotated[str, about("The submission.")]
    file: Annotated[str, about("Its name in the outbox.")]
    outcome: Annotated[
        Outcome,
        about(
            "waiting; delivered: all of it; quarantined, given-up: some of it was not delivered; contradicted: the"
            " HIS took some of it back; not-received: it was cut off before it lay in the outbox, submit it again."
        ),
    ]
    received_ms: Annotated[Instant, about("When it was submitted first, in ms since 1970 UTC.")]
    messages: Annotated[tuple[Entry, ...], about("Its messages in their order; none while it is in the outbox.")]


def submit(
    installation: Installation,
    records: Records,
    data: bytes,
    *,
    name: str,
    to: Sequence[str],
    key_id: int,
    idempotency_key: str,
) -> Submitted:
    """Drop a result; durable on return.

    Raises KeyUsed `submit.key-used`, LabSenderError `submit.key` and `submit.empty`, UnknownDestination, Later
    `submit.busy` and `submit.elsewhere`, OSError, and what `drop` raises.
    """
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        hint = "Send Idempotency-Key with 8 to 128 printable characters, another for each result: a UUID does."
        raise _Wrong("submit.key", "the idempotency key is missing, or cannot be one.", hint=hint)
    if not data:
        raise _Wrong("submit.empty", "the request has no result in it.", hint="Send the file as the body.")
    outbox = outbox_for(installation.config, to)
    asked = _digest(data, name, to)
    row = _row(records, key_id, idempotency_key) or _begin(
        installation, records, data, name, outbox, asked, key_id, idempotency_key
    )
    if row["sha256"] != asked:
        hint = "Use another key for another result; the same key is for the same result, sent again."
        raise KeyUsed("submit.key-used", "this idempotency key was used for another result.", hint=hint)
    if row["dropped_ms"] is None:
        _want_ours(installation, row)
        _drop_once(installation, records, data, row, outbox)
    return Submitted(row["id"], row["name"], row["content"].hex(), row["created_ms"])


def became(installation: Installation, records: Records, id: str, *, key_id: int | None) -> Became:
    """Say what became of a submission; with `key_id` only of that key's own. Raises Unknown `submit.unknown`."""
    sql = "SELECT * FROM submission WHERE id = :id AND (:key_id IS NULL OR key_id = :key_id)"
    rows = records.dicts(sql, {"id": id, "key_id": key_id})
    if not rows:
        hint = "The id is the one that the submission was answered with; a key sees its own ones only."
        raise Unknown("submit.unknown", "there is no such submission.", hint=hint)
    row = rows[0]
    found = look(installation.journal_at, Dropped(row["name"], row["content"].hex(), row["after"]))
    messages = tuple([entry_of(installation, each.line) for each in found.messages])
    outcome: Outcome = found.outcome
    is_ours = row["node"] in ("", installation.config.folders.node)
    if is_ours and not messages and row["dropped_ms"] is None and not is_there(installation, row):
        outcome = "not-received"
    return Became(row["id"], row["name"], outcome, row["created_ms"], messages)


class _Wrong(LabSenderError):
    """The request is wrong."""

    exit_code = ExitCode.USAGE


class Unknown(LabSenderError):
    """There is no such submission."""


def _begin(
    installation: Installation,
    records: Records,
    data: bytes,
    name: str,
    outbox: OutboxConfig,
    asked: bytes,
    key_id: int,
    idempotency_key: str,
) -> dict[str, Any]:
    """Fix the name under which it will lie in the outbox."""
    id = new_id()
    given = PurePosixPath(name or "result")
    final = f"{given.stem[:_LONGEST_STEM]}-{id}{given.suffix}"
    check_names(installation, [final], portable=True)
    values = {
        "key_id": key_id, "idempotency_key": idempotency_key, "id": id, "sha256": asked, "outbox": outbox.name,
        "name": final, "after": newest_source(installation), "content": bytes.fromhex(sha256_of(data)),
        "created_ms": now_ms(), "dropped_ms": None, "node": installation.config.folders.node,
    }  # fmt: skip
    columns, places = ", ".join(values), ", ".join(f":{each}" for each in values)
    with records.transaction() as db:
        db.execute(f"INSERT INTO submission ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING", values)
    row = _row(records, key_id, idempotency_key)  # another request may have been the first
    assert row is not None
    return row


def _want_ours(installation: Installation, row: dict[str, Any]) -> None:
    """Raise Later where another machine has begun to drop it: only there is seen whether it lies in the outbox."""
    if row["node"] not in ("", installation.config.folders.node):
        raise Later(
            "submit.elsewhere",
            f"{row['node']} has begun with this result, and has not ended; nothing was dropped.",
            hint=f"Send the same request, with the same key, to {row['node']}.",
        )


def _drop_once(
    installation: Installation, records: Records, data: bytes, row: dict[str, Any], otherwise: OutboxConfig
) -> None:
    """Drop it, unless it was; into the outbox of `otherwise` where the one that was chosen is configured no more.

    A lock keeps every other request, of other processes too, from doing the same meanwhile; operations.db is free: an
    outbox that hangs keeps no login and no alert waiting.
    """
    configured = installation.config.outboxes
    outbox = next((each for each in configured if each.name == row["outbox"]), otherwise)
    with _alone(installation, row["id"]):
        ((dropped_ms,),) = records.rows("SELECT dropped_ms FROM submission WHERE id = ?", (row["id"],))
        if dropped_ms is not None:
            return
        if not is_there(installation, row):
            drop(installation, data, row["name"], {}, outbox, keeps_name=True)
        with records.transaction() as db:
            db.execute("UPDATE submission SET dropped_ms = ? WHERE id = ?", (now_ms(), row["id"]))


@contextlib.contextmanager
def _alone(installation: Installation, id: str) -> Iterator[None]:
    """Let nobody else drop the same result meanwhile. Raises Later where somebody does for long."""
    path = installation.journal_path.with_name(f"{NAME}.drop-{zlib.crc32(id.encode()) % _LOCKS}")
    folders = installation.config.folders
    is_inside = folders.outbox in path.parents and folders.outbox.is_dir()
    if is_inside or path.parent.parent.is_dir():  # no agent may have made it yet; an outbox away is not made anew
        files.make_folder(path.parent)
    rights.create_private(path)
    ends_s = time.monotonic() + _WAIT_S
    while (lock := files.take_lock(path)) is None:
        if time.monotonic() > ends_s:
            hint = "Send the same request again, with the same key."
            raise Later("submit.busy", "the outbox does not answer; another request waits for it.", hint=hint)
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        lock.close()


def is_there(installation: Installation, row: dict[str, Any]) -> bool:
    """Say whether the file was dropped, as far as anything is known of it. Raises OSError.

    It goes from the outbox to claimed/ and to the journal, and is sought so.
    """
    name: str = row["name"]
    for each in installation.config.outboxes:
        if files.look(each.folders.outbox / name) is not None:
            return True
        if any(ClaimName.parse(claimed.name).name == name for claimed in all_claimed(each.folders)):
            return True
    if not installation.has_journal:
        return False
    with installation.view() as view:
        return bool(view.schema_version()) and bool(view.sources_since(row["after"], name, row["content"]))


def _row(records: Records, key_id: int, idempotency_key: str) -> dict[str, Any] | None:
    sql = "SELECT * FROM submission WHERE key_id = ? AND idempotency_key = ?"
    return next(iter(records.dicts(sql, (key_id, idempotency_key))), None)


def _digest(data: bytes, name: str, to: Sequence[str]) -> bytes:
    head = json.dumps([name, sorted(to)]).encode()
    return hashlib.sha256(head + b"\0" + data).digest()
