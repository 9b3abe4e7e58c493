"""Acts that a program asks for under a key of its own, so that one asked twice is done once.

Holds: `token_of`, what such an act is known by in the journal.
Promises: the same key with the same request is the same act, for a week, whatever became of the answer; with another
request it is an error, and nothing is done.
Never: keeps what was asked for, or does it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal.database import now_ms
from lab_sender.operations.records import Records
from lab_sender.operations.submissions import IDEMPOTENCY_KEY

_KEPT_MS: Final = 7 * 86_400_000


class NoKey(LabSenderError):
    """The request has no key that could be one; nothing was done."""

    exit_code = ExitCode.USAGE


class KeyUsed(LabSenderError):
    """The key belongs to another request; nothing was done."""


def token_of(records: Records, who: str, idempotency_key: str, request: bytes) -> str:
    """Return what the act is known by: a new one, or that of the same request before. Raises NoKey, KeyUsed."""
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        hint = "Send Idempotency-Key with 8 to 128 printable characters, another for each act: a UUID does."
        raise NoKey("act.key", "the idempotency key is missing, or cannot be one.", hint=hint)
    asked, at_ms = hashlib.sha256(request).digest(), now_ms()
    with records.transaction() as db:
        db.execute("DELETE FROM asked_act WHERE created_ms < ?", (at_ms - _KEPT_MS,))
        row = (who, idempotency_key, asked, new_id(), at_ms)
        db.execute("INSERT INTO asked_act VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        sql = "SELECT sha256, token FROM asked_act WHERE who = ? AND idempotency_key = ?"
        known, token = db.execute(sql, (who, idempotency_key)).fetchone()
    if known != asked:
        hint = "Use another key for another act; the same key is for the same request, sent again."
        raise KeyUsed("act.key-used", "this idempotency key was used for another act.", hint=hint)
    return str(token)
