"""The page and its API, put together.

Holds: `application`, the ASGI application of a site, and the list of its routes.
Promises: every request passes the guard first; what is no route is an answer like any other.
Never: listens; server.py does.
"""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from lab_sender.errors import LabSenderError
from lab_sender.operations.web.api import ROUTES as API
from lab_sender.operations.web.asked import status_of
from lab_sender.operations.web.guard import Guard, NoSuchPage, TooLarge, TooSlow, plain
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
        exception_handlers={404: _missing, 405: _wrong_method, TooLarge: _not_read, TooSlow: _not_read},
    )
    made.state.site = site
    return Guard(made, site.web, largest=largest)


def _missing(_request: Request, _error: Exception) -> Response:
    return plain(404, NoSuchPage())


def _wrong_method(_request: Request, _error: Exception) -> Response:
    return plain(405, LabSenderError("request.method", "the page is not asked by this method."))


def _not_read(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LabSenderError)
    return plain(status_of(error), error)
