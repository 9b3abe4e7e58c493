"""A request as screens see it, and how a function becomes a screen.

Holds: `Asked`, `Page` (what a screen answers), `screen` (the route of one), and the one way to log in and be let in.
Promises: a screen runs only for who has the right that it names; one that changes something (POST) only with the
token of the visitor's own page, and not for a form of another site. What it raises on purpose becomes a page with
code, text and hint.
Never: knows what a screen shows.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote

from msgspec import Struct, field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.log import say
from lab_sender.operations.problems import of_bug, of_system, problem
from lab_sender.operations.rights_of import NOBODY, Right, Visitor
from lab_sender.operations.web.guard import TooLarge, TooSlow, plain
from lab_sender.operations.web.site import Site
from lab_sender.operations.web.templating import render
from lab_sender.operations.web.visitors import session_in, visitor_of

_VISIT: Final = "lab-sender-visit"
_MOST_FIELDS: Final = 20_000


class Page(Struct, frozen=True):
    """A template and its values; `title` is the screen's name. `status` is HTTP's."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


class Asked(Struct, frozen=True):
    """One request: who asks whom for what. `form` and `query` give the last value of a name, `all_of` every one."""

    site: Site
    visitor: Visitor
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: FormData
    is_secure: bool
    is_refresh: bool
    token: str

    def all_of(self, name: str) -> list[str]:
        """Return every value of a form's name: the boxes that were ticked."""
        return [each for each in self.form.getlist(name) if isinstance(each, str)]

    def text(self, name: str) -> str:
        """Return what was typed into a field, "" where it is missing."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


Answer: TypeAlias = Page | Response
Screen: TypeAlias = Callable[[Asked], Answer]


def screen(path: str, show: Screen, *, right: Right | None = Right.SEE, posts: bool = False) -> Route:
    """Make the route of a screen. `right` is what one must have to be let in; None: anybody is.

    `posts`: it changes something and is asked by POST; else it is only looked at.
    """

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        is_refresh = request.headers.get("hx-trigger") == "live"
        try:
            visitor = await run_in_threadpool(visitor_of, request, site, by_itself=is_refresh)
            if visitor.key is not None:  # what a program sees leaves a row each time: the API's, no screen's
                visitor = Visitor(address=visitor.address)
        except LabSenderError as error:
            return _failed(request, NOBODY, "", error)
        token, visit = _token(request, visitor)
        ended = not visitor.is_known and is_refresh and bool(session_in(request))
        if (right is not None and not visitor.is_known) or ended:
            return _to_login(request)
        if right is not None and not visitor.may(right):
            refused = LabSenderError("right.missing", f"{visitor.name} may not {right.value}.", hint=_ASK)
            return _failed(request, visitor, token, refused, 403)
        form = FormData()
        if posts:
            try:
                form = _form_of(await request.body())
            except (TooLarge, TooSlow) as error:
                return plain(status_of(error), error)
            given = form.get("token") or request.headers.get("x-token")
            if not is_by_own_page(request, given, token):
                refused = LabSenderError(
                    "request.token", "nothing was done: the form is not, or no more, one of this page.",
                    hint="Open the page again, and repeat it there.",
                )  # fmt: skip
                return _failed(request, visitor, token, refused, 403)
        path_values = {name: str(value) for name, value in request.path_params.items()}
        query = dict(request.query_params)
        asked = Asked(
            site, visitor, path_values, query, form, request.state.is_secure, is_refresh, token
        )
        try:
            response = await run_in_threadpool(answered, asked, request)
        except LabSenderError as error:
            return _failed(request, visitor, token, error)
        except OSError as error:
            return _failed(request, visitor, token, of_system(error))
        except Exception as error:
            say(logging.ERROR, "web.failed", code=type(error).__name__, screen=path)
            return _failed(request, visitor, token, of_bug(error, hint=_REPORT))
        if visit:
            response.set_cookie(_VISIT, visit, httponly=True, samesite="strict", secure=request.state.is_secure)
        return response

    def answered(asked: Asked, request: Request) -> Response:
        answer = show(asked)
        if isinstance(answer, Response):
            return answer
        return render(request, asked.visitor, asked.token, answer)

    return Route(path, endpoint, methods=["POST"] if posts else ["GET"])


_ASK: Final = "Ask whoever manages the accounts of this page."
_REPORT: Final = "Please report it, with the line of the log."


def _form_of(body: bytes) -> FormData:
    """Read a form's fields; what is no form has none, and so no token."""
    try:
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        return FormData()
    return FormData(pairs)


def is_by_own_page(request: Request, given: object, token: str) -> bool:
    """Say whether a page of ours asks for a change, with the token of the visitor's own pages."""
    return is_from_here(request) and _fits(given, token)


def is_from_here(request: Request) -> bool:
    """Say whether a request comes from a page of ours, as far as the browser tells."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.rpartition("://")[2].lower() == request.headers.get("host", "").lower()
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def token_of(secret: str) -> str:
    """Return the token of forms that belongs to a session's or a visit's secret."""
    return hashlib.sha256(f"form {secret}".encode()).hexdigest()


def page_token(request: Request, visitor: Visitor) -> str:
    """Return the token of a visitor's pages."""
    return _token(request, visitor)[0]


def _token(request: Request, visitor: Visitor) -> tuple[str, str]:
    """Return the token of the visitor's forms, and the visit's secret where it is a new one."""
    if visitor.session:
        return token_of(session_in(request)), ""
    visit = request.cookies.get(_VISIT, "")
    if len(visit) >= 32:
        return token_of(visit), ""
    visit = secrets.token_urlsafe(32)
    return token_of(visit), visit


def _fits(given: object, token: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), token.encode())


def _to_login(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    if request.method != "GET":
        return Response("login.needed: log in first.\n", 401, media_type="text/plain")
    return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)


def _failed(
    request: Request, visitor: Visitor, token: str, error: LabSenderError, status: int | None = None
) -> Response:
    page = Page("error.html", "Not done", {"problem": problem(error)}, status or status_of(error))
    return render(request, visitor, token, page)


_STATUS: Final = {1: 409, 2: 400, 65: 422, 70: 500, 74: 500, 75: 503, 78: 500}
"""HTTP's status of an exit code."""
_BY_CODE: Final = {
    "message.unknown": 404, "submit.unknown": 404, "journal.none": 404, "patients.hidden": 403,
    "request.too-large": 413, "request.too-slow": 408,
}  # fmt: skip


def status_of(error: LabSenderError) -> int:
    """Return HTTP's status of an error: by its code, else by its exit code."""
    return _BY_CODE.get(error.code) or _STATUS.get(int(error.exit_code), 400)
