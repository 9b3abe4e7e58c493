"""The alerts, in a thread of the page's process.

Holds: `sending`, within which they go out.
Promises: they use what the page has looked up, and the settings that the page goes by; a page that cannot listen yet
keeps no alert waiting. Ending waits for them a moment only.
Never: holds a rule of its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.web.site import Site

_END_S = 5.0


@contextlib.contextmanager
def sending(site: Site) -> Iterator[AlertService]:
    """Send alerts until the block ends."""
    service = AlertService(
        site.installation,
        look=lambda: site.status().conditions,
        records=site.records,
        settings=lambda: site.installation.config.alerts,
    )
    thread = threading.Thread(target=service.run, name="alerts", daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(_END_S)
