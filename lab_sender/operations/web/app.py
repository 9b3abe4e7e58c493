"""The page and its API, put together.

Holds: `application`, the ASGI application of a site, and the list of its routes.
Promises: every request passes the guard first; what is no route is an answer like any other.
Never: listens; server.py does.
"""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from lab_sender.errors import LabSenderError
from lab_sender.operations.web.api import ROUTES as API
from lab_sender.operations.web.guard import Guard, TooLarge, TooSlow
from lab_sender.operations.web.screens import ROUTES as SCREENS
from lab_sender.operations.web.site import Site

ROUTES: Final[tuple[BaseRoute, ...]] = (
    *SCREENS,
    *API,
    Mount("/static", StaticFiles(packages=[("lab_sender.operations.web", "static")])),
)


def application(site: Site) -> ASGIApp:
    """Make the application of a site."""
    largest = site.installation.config.intake.largest_file_bytes * 4 // 3 + (1 << 20)
    made = Starlette(
        routes=list(ROUTES),
        exception_handlers={404: _missing, 405: _missing, TooLarge: _too_large, TooSlow: _too_slow},
    )
    made.state.site = site
    return Guard(made, site.web, largest=largest)


def _missing(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    said = LabSenderError("request.path", "there is no such page.")
    if status == 405:
        said = LabSenderError("request.method", "the page is not asked by this method.")
    del request
    return PlainTextResponse(f"{said}\n", status)


def _too_large(request: Request, error: Exception) -> Response:
    del request, error
    return PlainTextResponse(f"{LabSenderError('request.too-large', 'the request is larger than it may be.')}\n", 413)


def _too_slow(request: Request, error: Exception) -> Response:
    del request, error
    return PlainTextResponse(f"{LabSenderError('request.too-slow', 'the request did not come in time.')}\n", 408)
