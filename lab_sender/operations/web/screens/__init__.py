"""The screens, one module each: a function that answers `Asked` with `Page`, and its routes.

Holds: the list of all routes.
Promises: each route names the right that it needs.
Never: holds a rule; screens show what operations/ return.
"""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from lab_sender.operations.web.screens import health, login, overview

ROUTES: Final[tuple[Route, ...]] = (*overview.ROUTES, *login.ROUTES, *health.ROUTES)
