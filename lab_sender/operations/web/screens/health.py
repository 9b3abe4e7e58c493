"""`/livez` and `/readyz`, for whatever watches over the processes.

Holds: the two questions: does this process answer, and can the agent work.
Promises: a HIS that is down is no reason to start anything again: it is not asked about.
Never: says more than `ok` or codes; anybody may ask.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations.web.asked import Asked, screen
from lab_sender.operations.web.site import Site


def not_ready(site: Site) -> list[str]:
    """Return the codes of what keeps the agent from working; none where it works."""
    try:
        now = site.status()
    except LabSenderError as error:
        return [error.code]
    found = [] if now.running else ["agent.none"]
    found += [] if now.journal else ["journal.none"]
    if now.intake_trouble and now.intake_trouble.startswith("journal."):
        found.append(now.intake_trouble)
    return found


def _live(_asked: Asked) -> Response:
    return PlainTextResponse("ok\n")


def _ready(asked: Asked) -> Response:
    found = not_ready(asked.site)
    return PlainTextResponse("".join(f"{each}\n" for each in found) or "ok\n", 503 if found else 200)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/livez", _live, right=None),
    screen("/readyz", _ready, right=None),
)
