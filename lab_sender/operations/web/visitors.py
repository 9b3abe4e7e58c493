"""Whose request it is.

Holds: the ways in which somebody can be known: the session's cookie, a key, the user that a trusted proxy names.
Promises: each way is believed where it may come from, and nowhere else; a key that is wrong makes nobody of anyone.
Never: says what a visitor may do.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from lab_sender.config.web import Groups, Proxy
from lab_sender.operations.rights_of import PERSONS, Visitor
from lab_sender.operations.web.site import Site


def cookie_name(*, is_secure: bool) -> str:
    """Return the name of the session's cookie; under TLS browsers hold it to this host."""
    return "__Host-lab-sender-session" if is_secure else "lab-sender-session"


def visitor_of(request: Request, site: Site, *, by_itself: bool = False) -> Visitor:
    """Find whose request it is; one without a name where it is not known. Raises RecordsUnavailable, -Damaged."""
    address: str = request.state.address
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return site.logins.of_key(key.strip(), address)
    proxy = site.web.proxy
    if proxy is not None and proxy.user_header and request.state.by_proxy:
        name = request.headers.get(proxy.user_header, "").strip()
        if name:
            role, patient_data = _by_groups(request, proxy)
            return site.logins.of_proxy(name[:64], role, patient_data, address)
    secret = request.cookies.get(cookie_name(is_secure=request.state.is_secure), "")
    return site.logins.of_session(secret, address, by_itself=by_itself) if secret else _nobody(address)


def _nobody(address: str) -> Visitor:
    return Visitor(address=address)


def _by_groups(request: Request, proxy: Proxy) -> tuple[str | None, bool]:
    """Return the highest role of the user's groups, "" of none, and whether they see patients; None: not asked."""
    if not proxy.groups_header:
        return None, False
    given = {each.strip() for each in re.split("[,;]", request.headers.get(proxy.groups_header, ""))}
    groups: Groups = proxy.groups
    role = next((each for each in reversed(PERSONS) if given & set(getattr(groups, each))), "")
    return role, bool(role) and bool(given & set(groups.patient_data or ()))
