"""Whose request it is.

Holds: the ways in which somebody can be known: the session's cookie, a key, the user that a trusted proxy names.
Promises: each way is believed where it may come from, and nowhere else; a key that is wrong makes nobody of anyone.
Never: says what a visitor may do.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from lab_sender.config.web import Groups, Proxy
from lab_sender.operations.accounts import LONGEST_NAME
from lab_sender.operations.rights_of import PERSONS, Visitor
from lab_sender.operations.web.site import Site


def cookie_name(*, is_secure: bool) -> str:
    """Return the name of the session's cookie; under TLS browsers hold it to this host."""
    return "__Host-lab-sender-session" if is_secure else "lab-sender-session"


def session_in(request: Request) -> str:
    """Return the secret of the session that a browser has or had, "" where there is none."""
    return request.cookies.get(cookie_name(is_secure=request.state.is_secure), "")


def visitor_of(request: Request, site: Site, *, by_itself: bool = False) -> Visitor:
    """Find whose request it is; one without a name where it is not known. Raises RecordsUnavailable, -Damaged."""
    address: str = request.state.address
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return site.logins.of_key(key.strip(), address)
    proxy = site.web.proxy
    if proxy is not None and proxy.user_header and request.state.by_proxy:
        name = _one(request, proxy.user_header)
        if name is None or len(name) > LONGEST_NAME:
            return _nobody(address)
        if name:
            role, patient_data = _by_groups(request, proxy)
            return site.logins.of_proxy(name, role, patient_data, address)
    secret = session_in(request)
    return site.logins.of_session(secret, address, by_itself=by_itself) if secret else _nobody(address)


def header_text(value: str) -> str:
    """Return a header's value as UTF-8, which programs write; HTTP's old Latin-1 where it is none."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _one(request: Request, name: str) -> str | None:
    """Return a header of the proxy's, "" where it is missing; None where it is there twice: one may be forged."""
    found = request.headers.getlist(name)
    return header_text("".join(found)).strip() if len(found) < 2 else None


def _nobody(address: str) -> Visitor:
    return Visitor(address=address)


def _by_groups(request: Request, proxy: Proxy) -> tuple[str | None, bool]:
    """Return the highest role of the user's groups, "" of none, and whether they see patients; None: not asked."""
    if not proxy.groups_header:
        return None, False
    given = {each.strip() for each in re.split("[,;]", _one(request, proxy.groups_header) or "")}
    groups: Groups = proxy.groups
    role = next((each for each in reversed(PERSONS) if given & set(getattr(groups, each))), "")
    return role, bool(role) and bool(given & set(groups.patient_data or ()))
