"""The screens, one module each: a function that answers `Asked` with `Page`, and its routes.

Holds: the list of all routes.
Promises: each route names the right that it needs.
Never: holds a rule; screens show what operations/ return.
"""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from lab_sender.operations.web.screens import (
    accounts,
    alerts,
    audit,
    bulk,
    configuration,
    health,
    log,
    login,
    message,
    messages,
    overview,
    quarantine,
)

ROUTES: Final[tuple[Route, ...]] = (
    *overview.ROUTES, *messages.ROUTES, *message.ROUTES, *quarantine.ROUTES, *bulk.ROUTES, *alerts.ROUTES,
    *log.ROUTES, *configuration.ROUTES, *audit.ROUTES, *accounts.ROUTES, *login.ROUTES, *health.ROUTES,
)  # fmt: skip
