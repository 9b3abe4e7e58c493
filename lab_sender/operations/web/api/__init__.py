"""The API, version 1: the same answers as the commands' `--json`, by HTTP.

Holds: the list of its operations, and their routes.
Promises: each names the right that it needs, its parameters and its answer; the OpenAPI document is made of the list.
Never: holds a rule; it asks and does what operations/ offer.
"""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from lab_sender.operations.web.api import acting, many, reading, results, running
from lab_sender.operations.web.api.core import Operation, route

OPERATIONS: Final[tuple[Operation, ...]] = (
    *reading.OPERATIONS, *acting.OPERATIONS, *many.OPERATIONS, *running.OPERATIONS, *results.OPERATIONS,
)  # fmt: skip
ROUTES: Final[tuple[Route, ...]] = tuple([route(each) for each in OPERATIONS])
