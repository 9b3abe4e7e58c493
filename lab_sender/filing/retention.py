"""What may go, by the periods that the site has chosen.

Holds: `Rule`, the instants before which something must have been finished; and whether a file that lies where one of
ours was filed is still that one.
Promises: a file that was written since, or is not what was received, is not ours to delete. Nothing of today goes.
Never: deletes, or asks the journal.
"""

from __future__ import annotations

import datetime
import hashlib
import math
from pathlib import Path
from typing import Final, NamedTuple

from lab_sender.config.retention import Retention
from lab_sender.files import Look
from lab_sender.filing.delivered import day_of
from lab_sender.journal import OldFile
from lab_sender.paths import verbatim

_NEVER: Final = 0
_DAY_MS: Final = 86_400_000


class Rule(NamedTuple):
    """What may go: what was finished before these instants (0: never); in sent/ what is of days before `sent_day`."""

    content_ms: int
    dismissed_ms: int
    record_ms: int
    audit_ms: int
    sent_day: str
    sent_ms: int

    @classmethod
    def at(cls, settings: Retention, now: datetime.datetime) -> Rule:
        """Make the rule of an instant; days in sent/ are those of this machine's clock, as the keeper names them."""
        now_ms = int(now.timestamp() * 1000)

        def before_ms(period_s: float) -> int:
            return _NEVER if math.isinf(period_s) else max(_NEVER, now_ms - int(period_s * 1000))

        sent_ms = before_ms(settings.sent_s)
        day = day_of(sent_ms) if sent_ms else ""
        return cls(
            before_ms(settings.content_s), before_ms(settings.dismissed_s), before_ms(settings.record_s),
            before_ms(settings.audit_s), day, sent_ms,
        )  # fmt: skip


def is_ours(file: OldFile, seen: Look, path: Path, before_ms: int) -> bool:
    """Say whether what lies there is what was filed. Reads a report, whose content is known. Raises OSError.

    `before_ms` is the instant before which it must have been filed; a file that was written since was changed.
    """
    if not seen.regular or seen.mtime_ns // 1_000_000 >= before_ms + _DAY_MS:
        return False
    if file.role == "report" and file.sha256:
        with open(verbatim(path), "rb") as reader:
            return hashlib.file_digest(reader, "sha256").digest() == file.sha256
    return file.size in (-1, seen.size)
