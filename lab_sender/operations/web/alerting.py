"""The alerts, in a thread of the page's process.

Holds: `sending`, within which they go out.
Promises: they use what the page has looked up, and the settings that the page goes by; a page that cannot listen yet
keeps no alert waiting. Ending waits for them a moment only.
Never: holds a rule of its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.threads import in_thread
from lab_sender.operations.web.site import Site


def sending(site: Site) -> AbstractContextManager[AlertService]:
    """Send alerts until the block of this context ends."""
    service = AlertService(
        site.installation,
        look=lambda: site.status().conditions,
        records=site.records,
        settings=lambda: site.installation.config.alerts,
    )
    return in_thread("alerts", service)
