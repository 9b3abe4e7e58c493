"""Logging in and out, and showing what is of patients.

Holds: the login form, and the acts `login`, `logout`, `reveal`.
Promises: after a login one comes to a page of ours, whatever the address says.
Never: says whether it was the name or the password that was wrong.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.log import say
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.logins import LONGEST_MS
from lab_sender.operations.web.visitors import cookie_name


def _form(asked: Asked) -> Answer:
    if asked.visitor.is_known:
        return RedirectResponse(_next(asked), 303)
    accounts = bool(asked.site.records.rows("SELECT 1 FROM account LIMIT 1"))
    values = {"next": _next(asked), "wrong": "", "name": "", "accounts": accounts}
    return Page("login.html", "Log in", values)


def _log_in(asked: Asked) -> Answer:
    name, password = asked.text("name")[:64], asked.form.get("password", "")
    values = {"next": _next(asked), "name": name, "accounts": True}
    visitor = asked.visitor
    secret = asked.site.logins.log_in(name, str(password), visitor.address, before=visitor.session)
    if secret is None:
        if asked.site.logins.is_news(asked.visitor.address):  # who goes on does not fill the log
            say(logging.WARNING, "login.limited", address=asked.visitor.address)
        wrong = "That was tried too often. Wait a minute."
        return Page("login.html", "Log in", values | {"wrong": wrong}, 429)
    if not secret:
        say(logging.WARNING, "login.failed", address=asked.visitor.address)
        return Page("login.html", "Log in", values | {"wrong": "The name or the password is wrong."}, 401)
    response = RedirectResponse(_next(asked), 303)
    response.set_cookie(
        cookie_name(is_secure=asked.is_secure), secret, max_age=LONGEST_MS // 1000, path="/", httponly=True,
        samesite="strict", secure=asked.is_secure,
    )  # fmt: skip
    return response


def _log_out(asked: Asked) -> Response:
    asked.site.logins.log_out(asked.visitor)
    response = RedirectResponse("/", 303)
    response.delete_cookie(
        cookie_name(is_secure=asked.is_secure), path="/", httponly=True, samesite="strict", secure=asked.is_secure
    )
    return response


def _reveal(asked: Asked) -> Response:
    asked.site.logins.reveal(asked.visitor, on=asked.text("on") == "1")
    return RedirectResponse(_next(asked), 303)


def _next(asked: Asked) -> str:
    """Return where to go on: a path of ours, "/" for all else."""
    path = asked.text("next") or asked.query.get("next", "/")
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if ours else "/"


ROUTES: Final[tuple[Route, ...]] = (
    screen("/login", _form, right=None),
    screen("/login", _log_in, right=None, posts=True),
    screen("/logout", _log_out, right=None, posts=True),
    screen("/reveal", _reveal, right=Right.PATIENT_DATA, posts=True),
)
