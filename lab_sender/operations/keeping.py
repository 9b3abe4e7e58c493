"""What the page looks after by itself: the audit's chain, and what is kept no longer than the site wants.

Holds: `Keeping`, a thread of the page's process, and `may_go`, the rule for a closed year of the audit.
Promises: nothing goes but right after the agent has deleted what may go of the journal: its hours and its distrust of
a clock that leaps hold here too. A year goes whole, once all of it is older than `retention.audit`; the chain stays
whole. A submission goes once the journal's record of it has gone. Once a day the chain is walked along.
Never: deletes anything where `retention` is not written, or what nobody can look up just now.
"""

from __future__ import annotations

import datetime
import logging
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab_sender.errors import LabSenderError
from lab_sender.journal.database import now_ms
from lab_sender.log import say
from lab_sender.operations import submissions
from lab_sender.operations.audit import Audit
from lab_sender.operations.installation import Installation
from lab_sender.operations.records import Records
from lab_sender.operations.rights_of import Visitor

if TYPE_CHECKING:
    from lab_sender.config.retention import Retention

RETENTION: Final = Visitor(name="retention")
"""Who removes, in the audit."""
_EVERY_S: Final = 60.0
_BEHIND_MS: Final = 3_600_000
"""So long after the agent's own work the clock is believed as it was then."""
_CHUNK: Final = 200
_WALK_MS: Final = 86_400_000


class Keeping:
    """What goes by itself from what the page keeps; `run` is its thread, `stop` is for another one."""

    def __init__(
        self,
        installation: Callable[[], Installation],
        records: Records,
        audit: Audit,
        *,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._installation, self._records, self._audit, self._clock_ms = installation, records, audit, clock_ms
        self._stopping = threading.Event()
        self._done_ms: int | None = None
        self._walked_ms: int | None = None
        self._trouble = ""

    def run(self) -> None:
        """Look now and then until stopped."""
        while not self._stopping.wait(_EVERY_S):
            self.look()
            self.walk()

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._stopping.set()

    def look(self) -> None:
        """Remove what may go, if the agent has just done so too. Raises nothing."""
        try:
            self._look(self._installation())
        except Exception as error:
            code = error.code if isinstance(error, LabSenderError) else type(error).__name__
            if code != self._trouble:
                say(logging.WARNING, "records.kept", code=code)
            self._trouble = code
        else:
            self._trouble = ""

    def walk(self) -> None:
        """Walk along the audit's chain once a day: `status` and alerts say where it is broken. Raises nothing."""
        at_ms = self._clock_ms()
        if self._walked_ms is not None and 0 <= at_ms - self._walked_ms < _WALK_MS:
            return
        self._walked_ms = at_ms
        try:
            found = self._audit.check()
        except LabSenderError as error:  # whoever logs in is told of it
            say(logging.WARNING, "audit.not-checked", code=error.code)
        else:
            if not found.ok:
                say(logging.ERROR, "audit.broken", row=found.first_wrong)

    def _look(self, installation: Installation) -> None:
        settings, at_ms = installation.config.retention, self._clock_ms()
        purged_ms = _last_purge_ms(installation) if settings is not None else None
        if settings is None or purged_ms is None or purged_ms == self._done_ms:
            return
        if not 0 <= at_ms - purged_ms <= _BEHIND_MS:
            return
        for year in self._audit.closed_years():
            if may_go(year, settings, at_ms) and not self._stopping.is_set():
                rows = self._audit.remove_year(RETENTION, year)
                say(logging.INFO, "audit.removed", year=year, rows=rows)
        if self._submissions(installation, settings, at_ms):
            self._done_ms = purged_ms

    def _submissions(self, installation: Installation, settings: Retention, at_ms: int) -> bool:
        """Remove the submissions that are over; False where it was stopped before their end."""
        away = any(installation.is_away(each) for each in installation.config.outboxes)
        if away or math.isinf(settings.record_s):
            return not away
        after, removed, node = "", 0, installation.config.folders.node
        old = {"before_ms": at_ms - int(settings.record_s * 1000), "most": _CHUNK, "node": node}
        while rows := self._records.dicts(_OLD, old | {"after": after}):
            if self._stopping.is_set():
                return False
            after = rows[-1]["id"]
            over: list[dict[str, Any]] = [each for each in rows if not submissions.is_there(installation, each)]
            with self._records.transaction() as db:
                db.executemany("DELETE FROM submission WHERE id = :id", over)
            removed += len(over)
        if removed:
            say(logging.INFO, "submissions.removed", number=removed)
        return True


_OLD: Final = (
    "SELECT id, name, content, after FROM submission WHERE created_ms < :before_ms AND id > :after"
    " AND node IN ('', :node)"
    " ORDER BY id LIMIT :most"
)


def may_go(year: int, settings: Retention, at_ms: int) -> bool:
    """Say whether all of a calendar year (UTC) is older than the audit is kept."""
    if math.isinf(settings.audit_s):
        return False
    ends_ms = datetime.datetime(year + 1, 1, 1, tzinfo=datetime.UTC).timestamp() * 1000
    return ends_ms <= at_ms - settings.audit_s * 1000


def _last_purge_ms(installation: Installation) -> int | None:
    if not installation.has_journal:
        return None
    with installation.view() as view:
        return view.last_purge_ms()
