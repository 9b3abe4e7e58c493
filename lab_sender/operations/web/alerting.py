"""The alerts, in a thread of the page's process.

Holds: `sending`, within which they go out.
Promises: they use what the page has looked up, and the settings that the page goes by; a page that cannot listen yet
keeps no alert waiting. Ending waits for them a moment only.
Never: holds a rule of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lab_sender.config.alerts import Alerts
from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.alerts.several import AlertsOfSeveral
from lab_sender.operations.conditions import Condition
from lab_sender.operations.records_on_server import RecordsOnServer
from lab_sender.operations.threads import in_thread
from lab_sender.operations.web.site import Site


def sending(site: Site) -> AbstractContextManager[AlertService | AlertsOfSeveral]:
    """Send alerts until the block of this context ends; of several machines, the one that has the lease."""
    server = site.installation.config.folders.database

    def look() -> Sequence[Condition]:
        return site.status().conditions

    def settings() -> Alerts:
        return site.installation.config.alerts

    if server is None or not server.node:
        return in_thread(
            "alerts", AlertService(site.installation, look=look, records=site.records, settings=settings)
        )
    assert isinstance(site.records, RecordsOnServer)
    return in_thread(
        "alerts", AlertsOfSeveral(site.installation, server, site.records, look=look, settings=settings)
    )
