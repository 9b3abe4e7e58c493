"""What the page's process works on.

Holds: `Site`: the configuration as it is on the disk, the records, the audit, the logins, and how it stands.
Promises: how it stands is looked up at most once a second, however many ask, also where it cannot be seen; a share
that hangs keeps nobody waiting for long, and alerts say so. A configuration that has become wrong
leaves the last right one in use.
Never: writes to the journal.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from lab_sender.errors import LabSenderError
from lab_sender.operations.alerts.asked import AlertsListing
from lab_sender.operations.alerts.asked import listing as alerts_of
from lab_sender.operations.audit import Audit
from lab_sender.operations.health import Health, health
from lab_sender.operations.installation import Installation
from lab_sender.operations.patience import Patience
from lab_sender.operations.records import Records, RecordsDamaged, RecordsUnavailable
from lab_sender.operations.status import Status, status
from lab_sender.operations.web.hour import MINUTES, NOTHING, by_minute
from lab_sender.operations.web.logins import Logins
from lab_sender.operations.web.works import Works

_FRESH_S: Final = 1.0
_READ_AGAIN_S: Final = 5.0


class Site:
    """One installation, as its page sees it. Raises ConfigError where its configuration cannot be read at first."""

    def __init__(self, path: Path) -> None:
        self._installation = Installation(path)
        self.web = self._installation.config.web
        self.records = self._installation.records()
        self.audit = Audit(self.records)
        self.logins = Logins(self.records, self.audit)
        self.works = Works(self.audit)
        self._read_s = time.monotonic()
        self._patience = Patience()
        self._patience_with_health = Patience()
        self._status: Status | LabSenderError | None = None
        self._delivered = NOTHING
        self._alerts: AlertsListing | None = None
        self._status_s = -_FRESH_S
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    @property
    def installation(self) -> Installation:
        """The installation by the configuration of now, read again every five seconds.

        One whose journal is elsewhere needs another process: this one has its accounts from there to its end.
        """
        with self._lock:
            if time.monotonic() - self._read_s > _READ_AGAIN_S:
                self._read_s = time.monotonic()
                latest = self._installation.latest()
                if _kept_at(latest) == _kept_at(self._installation):
                    self._installation = latest
                else:
                    self._installation.unread = "reload.needs-restart"
            return self._installation

    def status(self) -> Status:
        """Return how it stands, looked up at most once a second. Raises LabSenderError."""
        with self._looking:
            if self._status is None or time.monotonic() - self._status_s >= _FRESH_S:
                try:
                    self._status, self._delivered, self._alerts = self._patience.ask(self._looked)
                except LabSenderError as error:
                    self._status = error
                self._status_s = time.monotonic()
            if isinstance(self._status, LabSenderError):
                raise self._status.with_traceback(None)
            return self._status

    def health(self) -> Health:
        """Return whether the agent is at work. Raises LabSenderError."""
        return self._patience_with_health.ask(lambda: health(self.installation))

    def _looked(self) -> tuple[Status, tuple[int, ...], AlertsListing | None]:
        installation = self.installation
        return status(installation), _delivered(installation), _alerts_of(installation, self.records)

    def delivered(self) -> tuple[int, ...]:
        """Return what was delivered in each minute of the last hour, when the status was looked up last."""
        return self._delivered

    def alerts(self) -> AlertsListing | None:
        """Return the alerts, as they were when the status was looked up last; None where no channel is configured."""
        return self._alerts if self._alerts is not None and self._alerts.channels else None

    def look_again(self) -> None:
        """Forget how it stood: something was done."""
        with self._looking:
            self._status = None

    def close(self) -> None:
        """Close what is open."""
        self.records.close()


def _kept_at(installation: Installation) -> tuple[Path, tuple[str, ...]]:
    """Return where journal and accounts are."""
    server = installation.config.folders.database
    return installation.journal_path, () if server is None else (server.url, server.schema, server.node)


def _alerts_of(installation: Installation, records: Records) -> AlertsListing | None:
    """Return the alerts; None where they cannot be read: how it stands is in the journal."""
    try:
        return alerts_of(installation, records)
    except (RecordsUnavailable, RecordsDamaged):
        return None


def _delivered(installation: Installation) -> tuple[int, ...]:
    if not installation.has_journal:
        return NOTHING
    now_s = time.time()
    with installation.view() as view:
        return by_minute(view.minutes(int(now_s) // 60 - MINUTES + 1), now_s)
