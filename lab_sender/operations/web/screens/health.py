"""`/livez`, `/readyz`, `/leader` and `/metrics`, for whatever watches over the processes.

Holds: the questions: does this process answer, can the agent work, and how does it stand in figures.
Promises: a HIS that is down is no reason to start anything again: it is not asked about.
Never: says more than `ok`, codes and counts; anybody may ask.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations.metrics import CONTENT_TYPE, exposition
from lab_sender.operations.web.asked import Asked, screen


def _live(_asked: Asked) -> Response:
    return PlainTextResponse("ok\n")


def _ready(asked: Asked) -> Response:
    found = asked.site.health()
    return PlainTextResponse("".join(f"{each}\n" for each in found.why) or "ok\n", 200 if found.ready else 503)


def _leads(asked: Asked) -> Response:
    found = asked.site.health()
    return PlainTextResponse("ok\n" if found.leads else "agent.none\n", 200 if found.leads else 503)


def _metrics(asked: Asked) -> Response:
    try:
        now = asked.site.status()
    except (LabSenderError, OSError):
        now = None  # that nobody can look is one of the figures
    return Response(exposition(asked.site.installation, now, looks=False), headers={"content-type": CONTENT_TYPE})


ROUTES: Final[tuple[Route, ...]] = (
    screen("/livez", _live, right=None),
    screen("/readyz", _ready, right=None),
    screen("/leader", _leads, right=None),
    screen("/metrics", _metrics, right=None),
)
