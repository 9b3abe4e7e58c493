"""How an operation of the API is asked and answered.

Holds: `Operation`, `Call` (one request), and the way from one to the other and to JSON.
Promises: a program comes with a key (`Authorization: Bearer KEY`); a page's script comes with its session, and for
what changes something with the token of its page. Every error is the document of `--json` errors. Fields of patients
are masked for who may not see them, and shown to a program only after a row of the audit.
Never: takes a patient's data in an address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.log import say
from lab_sender.operations.problems import of_bug, of_system, problem
from lab_sender.operations.rights_of import Right, Visitor
from lab_sender.operations.values import Value
from lab_sender.operations.web.asked import is_by_own_page, page_token, status_of
from lab_sender.operations.web.site import Site
from lab_sender.operations.web.visitors import visitor_of


class CallError(LabSenderError):
    """The request is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class Parameter(Struct, frozen=True):
    """A parameter of the address or the head: `place` is query, path or header."""

    name: str
    place: str
    about: str
    schema: Mapping[str, Any]
    required: bool = False


class Call(Struct, frozen=True):
    """One request."""

    site: Site
    visitor: Visitor
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def one(self, name: str, otherwise: str = "") -> str:
        """Return the last value of a query's name."""
        return self.query[name][-1] if self.query.get(name) else otherwise

    def number(self, name: str, otherwise: int | None, most: int = 1 << 53) -> int | None:
        """Return a query's number. Raises CallError."""
        text = self.one(name)
        if not text:
            return otherwise
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and 1 <= int(text) <= most):
            raise CallError("request.parameter", f"{name} must be a whole number from 1 to {most}.")
        return int(text)

    def read(self, kind: type[Any]) -> Any:
        """Read the body, a JSON document of a kind. Raises CallError; it does not quote what was sent."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            where = str(error).rpartition(" - at ")[2].strip("`") if " - at " in str(error) else "the document"
            text = f"the body is not as it must be, at {where}."
            raise CallError("request.body", text, hint="`lab-sender schema api` says how it is.") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CallError("request.body", "the body is no JSON.") from None


class Raw(Struct, frozen=True):
    """An answer that is no JSON."""

    data: bytes
    media_type: str


Answer = Value | Raw


class Operation(Struct, frozen=True):
    """One operation: how it is called, who may, and what it answers. `status` is HTTP's where it was done.

    `shows_patients`: its answer may have fields of patients.
    """

    method: str
    path: str
    name: str
    about: str
    right: Right
    do: Callable[[Call], Answer]
    answers: type[Value] | str
    parameters: tuple[Parameter, ...] = ()
    takes: type[Any] | str | None = None
    status: int = 200
    shows_patients: bool = False


_MOST_DIGITS: Final = 18


def route(operation: Operation) -> Route:
    """Make an operation's route."""

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        try:
            visitor = await run_in_threadpool(visitor_of, request, site)
            if (refused := _refused(request, visitor, operation)) is not None:
                return refused
            body = await request.body() if operation.method == "POST" else b""
            return await run_in_threadpool(done, request, site, visitor, body)
        except LabSenderError as error:
            return failed(error)
        except OSError as error:
            return failed(of_system(error))
        except Exception as error:
            say(logging.ERROR, "web.failed", code=type(error).__name__, screen=operation.path)
            return failed(of_bug(error))

    def done(request: Request, site: Site, visitor: Visitor, body: bytes) -> Response:
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(name, []).append(value)
        _want_known(query, operation)
        path = {name: str(value) for name, value in request.path_params.items()}
        call = Call(site, visitor, path, query, request.headers, body)
        if operation.shows_patients and visitor.key is not None and visitor.sees_patients:
            site.audit.note(visitor, f"api {operation.name}", target=" ".join(path.values()))
        answer = operation.do(call)
        if isinstance(answer, Raw):
            return Response(answer.data, operation.status, media_type=answer.media_type)
        document = msgspec.to_builtins(answer)
        if operation.shows_patients:
            document = visitor.masked(document)
        return Response(msgspec.json.encode(document), operation.status, media_type="application/json")

    return Route(operation.path, endpoint, methods=[operation.method], name=operation.name)


def failed(error: LabSenderError, status: int | None = None) -> Response:
    """Answer an error."""
    return Response(msgspec.json.encode(problem(error)), status or status_of(error), media_type="application/json")


def _refused(request: Request, visitor: Visitor, operation: Operation) -> Response | None:
    if not visitor.is_known:
        hint = "Send Authorization: Bearer KEY; `lab-sender key add` makes a key."
        response = failed(CallError("login.needed", "it is not known who asks.", hint=hint), 401)
        response.headers["www-authenticate"] = "Bearer"
        return response
    if not visitor.may(operation.right):
        return failed(CallError("right.missing", f"{visitor.name} may not {operation.right.value}."), 403)
    changes_by_session = operation.method != "GET" and visitor.key is None
    given = request.headers.get("x-token")
    if changes_by_session and not is_by_own_page(request, given, page_token(request, visitor)):
        return failed(CallError("request.token", "nothing was done: X-Token is not that of the page."), 403)
    return None


def _want_known(query: Mapping[str, list[str]], operation: Operation) -> None:
    known = {each.name for each in operation.parameters if each.place == "query"}
    for name in query:
        if name not in known:
            hint = f"It has: {', '.join(sorted(known))}." if known else "It has none."
            raise CallError("request.parameter", "there is no such parameter of this operation.", hint=hint)
