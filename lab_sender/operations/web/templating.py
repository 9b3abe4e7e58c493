"""How a screen's values become HTML.

Holds: the one Jinja environment, its filters, and what every template is given.
Promises: everything is escaped; a value that a template names and nobody gave is an error. `patient` is the filter
for all that is of a patient: it shows what the visitor may see, else three dots.
Never: takes a text for HTML; `prose` makes code of what stands in back-ticks, and escapes the rest.
"""

from __future__ import annotations

import datetime
import hashlib
import platform
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from lab_sender import __version__
from lab_sender.log import printable
from lab_sender.operations import wording
from lab_sender.operations.named import order_number
from lab_sender.operations.rights_of import MASK, Right, Visitor
from lab_sender.operations.web.navigation import ENTRIES
from lab_sender.operations.web.words import ACTS

if TYPE_CHECKING:
    from starlette.requests import Request

    from lab_sender.operations.web.asked import Page

_STATIC: Final = resources.files(__package__) / "static"


def render(request: Request, visitor: Visitor, token: str, page: Page) -> Response:
    """Make a page's HTML."""
    now = datetime.datetime.now().astimezone()
    entries = [each for each in ENTRIES if each.right is None or visitor.may(each.right)]
    values: dict[str, Any] = {
        "title": page.title,
        "visitor": visitor,
        "may": lambda name: visitor.may(Right[name]),
        "token": token,
        "path": request.url.path,
        "entries": entries,
        "clock_now": now,
        "zone": now.strftime("%Z"),
        "machine": platform.node(),
        "version": __version__,
        "by_proxy": request.state.by_proxy,
        **page.values,
    }
    return HTMLResponse(_environment().get_template(page.template).render(values), page.status)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("lab_sender.operations.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "age": wording.age,
        "ago": lambda at_ms: wording.age(wording.age_s(at_ms)),
        "clock": lambda at_ms: wording.clock(at_ms, short=True),
        "full": _full,
        "iso": _iso,
        "size": wording.size,
        "number": lambda count: f"{count:,}",
        "milliseconds": wording.milliseconds,
        "plural": wording.plural,
        "safe_text": lambda text: printable(str(text)),
        "order": order_number,
        "patient": _patient,
        "given_id": _given_id,
        "prose": _prose,
    }
    made.globals |= {"static": static_url, "MASK": MASK, "act_words": ACTS}
    return made


def _prose(text: str) -> Markup:
    """Show what stands in `back-ticks` as code."""
    parts = str(text).split("`")
    pieces = [Markup("<code>{}</code>").format(each) if at % 2 else escape(each) for at, each in enumerate(parts)]
    return Markup("").join(pieces)


@pass_context
def _patient(context: Context, text: object) -> str:
    visitor: Visitor = context["visitor"]
    return printable(visitor.shown(text))


@pass_context
def _given_id(context: Context, control_id: str | None) -> str | None:
    """Show a control id; one that a laboratory gave may be an order's or a patient's number."""
    visitor: Visitor = context["visitor"]
    return visitor.shown_id(control_id)


def _full(at_ms: int | None) -> str:
    """Write an instant whole, with its zone."""
    if at_ms is None:
        return ""
    return datetime.datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _iso(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    return datetime.datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(timespec="seconds")


@cache
def static_url(name: str) -> str:
    """Return the address of a file of static/; it changes with the file's content."""
    data = (_STATIC / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(data).hexdigest()[:12]}"
