"""Accounts of people and keys of programs.

Holds: their lists, and the acts on them.
Promises: each change is a row of the audit with who did it; a key is shown once, to who made it.
Never: shows a password or a key again.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.journal.database import now_ms
from lab_sender.operations.accounts import Accounts, Keys
from lab_sender.operations.rights_of import PERSONS, ROLES, Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen

_DAY_MS: Final = 86_400_000


def _accounts(asked: Asked) -> Answer:
    return _page(asked, None, None)


def _page(asked: Asked, new_key: tuple[str, str] | None, wrong: LabSenderError | None) -> Page:
    values: dict[str, Any] = {
        "accounts": _people(asked).every().accounts,
        "keys": [each for each in _programs(asked).every().keys if each.revoked_ms is None],
        "revoked": [each.name for each in _programs(asked).every().keys if each.revoked_ms is not None],
        "roles": PERSONS,
        "key_roles": tuple(ROLES),
        "new_key": new_key,
        "wrong": wrong,
        "now_ms": now_ms(),
        "is_live": False,
    }
    return Page("accounts.html", "Accounts", values, 200 if wrong is None else 422)


def _people(asked: Asked) -> Accounts:
    return Accounts(asked.site.records, asked.site.audit)


def _programs(asked: Asked) -> Keys:
    return Keys(asked.site.records, asked.site.audit)


def _add(asked: Asked) -> Answer:
    name, data = asked.text("name"), asked.text("patient_data") == "1"
    password = str(asked.form.get("password", ""))
    try:
        _people(asked).add(asked.visitor, name, asked.text("role"), password=password or None, patient_data=data)
    except LabSenderError as error:
        return _page(asked, None, error)
    return RedirectResponse("/accounts", 303)


def _role(asked: Asked) -> Answer:
    name, role, data = asked.text("name"), asked.text("role"), asked.text("patient_data") == "1"
    return _changed(asked, lambda: _people(asked).role(asked.visitor, name, role, patient_data=data))


def _password(asked: Asked) -> Answer:
    password = str(asked.form.get("password", ""))
    return _changed(asked, lambda: _people(asked).password(asked.visitor, asked.text("name"), password))


def _remove(asked: Asked) -> Answer:
    return _changed(asked, lambda: _people(asked).remove(asked.visitor, asked.text("name")))


def _revoke(asked: Asked) -> Answer:
    return _changed(asked, lambda: _programs(asked).revoke(asked.visitor, asked.text("name")))


def _changed(asked: Asked, change: Any) -> Answer:
    try:
        change()
    except LabSenderError as error:
        return _page(asked, None, error)
    response: Response = RedirectResponse("/accounts", 303)
    return response


def _add_key(asked: Asked) -> Answer:
    name, days = asked.text("name"), asked.text("days")
    ends_ms = now_ms() + int(days) * _DAY_MS if days.isascii() and days.isdigit() and 0 < int(days) < 4000 else None
    data = asked.text("patient_data") == "1"
    try:
        key = _programs(asked).add(asked.visitor, name, asked.text("role"), patient_data=data, ends_ms=ends_ms)
    except LabSenderError as error:
        return _page(asked, None, error)
    return _page(asked, (name, key), None)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/accounts", _accounts, right=Right.ADMINISTER),
    screen("/accounts/add", _add, right=Right.ADMINISTER, posts=True),
    screen("/accounts/role", _role, right=Right.ADMINISTER, posts=True),
    screen("/accounts/password", _password, right=Right.ADMINISTER, posts=True),
    screen("/accounts/remove", _remove, right=Right.ADMINISTER, posts=True),
    screen("/keys/add", _add_key, right=Right.ADMINISTER, posts=True),
    screen("/keys/revoke", _revoke, right=Right.ADMINISTER, posts=True),
)
