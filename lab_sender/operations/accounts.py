"""The people and programs that the page and the API let in.

Holds: `Accounts` (names, roles, passwords) and `Keys` (of programs); each change is a row of the audit.
Promises: there is no account and no password until somebody makes one. Passwords are kept as argon2id, keys as
SHA-256; neither can be read back. An account that is changed or removed is logged out everywhere.
Never: logs a password or a key.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Annotated, Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.journal.database import now_ms
from lab_sender.operations.audit import Audit
from lab_sender.operations.records import Records
from lab_sender.operations.rights_of import PERSONS, ROLES, Visitor
from lab_sender.operations.values import FORMAT, Instant, Value, about

LONGEST_NAME: Final = 64
_NAME: Final = re.compile(rf"[^\W_][\w.@ \\-]{{0,{LONGEST_NAME - 1}}}")
SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 256
_KEY_BEGINS: Final = "lsk_"


class AccountError(LabSenderError):
    """Nothing was changed."""

    exit_code = ExitCode.USAGE


class Account(Value, frozen=True):
    """One account."""

    name: Annotated[str, about("Its name.")]
    role: Annotated[str, about("viewer, operator or admin.")]
    patient_data: Annotated[bool, about("It may see what is of patients.")]
    has_password: Annotated[bool, about("It can log in by password; without, only by the proxy.")]
    created_ms: Annotated[Instant, about("When it was made, in ms since 1970 UTC.")]


class AccountListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/accounts/1"):
    """What `user list` shows."""

    accounts: Annotated[tuple[Account, ...], about("The accounts by name.")]


class Key(Value, frozen=True):
    """One key of a program."""

    id: Annotated[int, about("Its number.")]
    name: Annotated[str, about("What it is called.")]
    role: Annotated[str, about("submit, viewer, operator or admin.")]
    patient_data: Annotated[bool, about("It may see what is of patients.")]
    created_ms: Annotated[Instant, about("When it was made, in ms since 1970 UTC.")]
    ends_ms: Annotated[Instant | None, about("When it ends, in ms since 1970 UTC.")]
    revoked_ms: Annotated[Instant | None, about("When it was revoked, in ms since 1970 UTC.")]


class KeyListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/keys/1"):
    """What `key list` shows."""

    keys: Annotated[tuple[Key, ...], about("The keys by number, revoked ones too.")]


class Accounts:
    """The accounts of an installation; `who` names whoever changes them."""

    def __init__(self, records: Records, audit: Audit) -> None:
        self._records = records
        self._audit = audit

    def add(self, who: Visitor, name: str, role: str, *, password: str | None, patient_data: bool = False) -> None:
        """Make an account; without a password it is one of the proxy's. Raises AccountError."""
        if not _NAME.fullmatch(name):
            hint = "Up to 64 letters, digits, . - _ @ \\ and blanks, beginning with a letter or digit."
            raise AccountError("account.name", f"{name!r} cannot be the name of an account.", hint=hint)
        _want_role(role, PERSONS)
        hashed = "" if password is None else _hashed(password)
        values = (name, role, int(patient_data), hashed, now_ms(), now_ms())
        with self._records.transaction() as db:
            if db.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                hint = "`lab-sender user role` and `user password` change it."
                raise AccountError("account.exists", f"there is an account {name} already.", hint=hint)
            db.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?)", values)
            self._audit.note_in(db, who, "account-add", target=name, detail=_said(role, patient_data))

    def every(self) -> AccountListing:
        """List the accounts."""
        sql = "SELECT name, role, patient_data, password <> '', created_ms FROM account ORDER BY name"
        return AccountListing(
            tuple([Account(row[0], row[1], bool(row[2]), bool(row[3]), row[4]) for row in self._records.rows(sql)])
        )

    def remove(self, who: Visitor, name: str) -> None:
        """Remove an account, and log it out. Raises AccountError."""
        self._change(who, "account-remove", name, "DELETE FROM account WHERE name = :name", {})

    def password(self, who: Visitor, name: str, password: str) -> None:
        """Give an account another password, and log it out. Raises AccountError."""
        sql = "UPDATE account SET password = :password, changed_ms = :now WHERE name = :name"
        self._change(who, "account-password", name, sql, {"password": _hashed(password)})

    def role(self, who: Visitor, name: str, role: str, *, patient_data: bool) -> None:
        """Give an account another role, and log it out. Raises AccountError."""
        _want_role(role, PERSONS)
        sql = "UPDATE account SET role = :role, patient_data = :data, changed_ms = :now WHERE name = :name"
        values = {"role": role, "data": int(patient_data)}
        self._change(who, "account-role", name, sql, values, _said(role, patient_data))

    def _change(
        self, who: Visitor, act: str, name: str, sql: str, values: dict[str, object], detail: str = ""
    ) -> None:
        with self._records.transaction() as db:
            if not db.execute(sql, values | {"name": name, "now": now_ms()}).rowcount:
                hint = "`lab-sender user list` shows those that there are."
                raise AccountError("account.none", f"there is no account {name}.", hint=hint)
            db.execute("DELETE FROM session WHERE account = ?", (name,))
            self._audit.note_in(db, who, act, target=name, detail=detail)


class Keys:
    """The keys of programs."""

    def __init__(self, records: Records, audit: Audit) -> None:
        self._records = records
        self._audit = audit

    def add(
        self, who: Visitor, name: str, role: str, *, patient_data: bool = False, ends_ms: int | None = None
    ) -> str:
        """Make a key and return it: it is shown this once. Raises AccountError."""
        if not _NAME.fullmatch(name):
            hint = "Up to 64 letters, digits, . - _ @ \\ and blanks, beginning with a letter or digit."
            raise AccountError("account.name", f"{name!r} cannot be the name of a key.", hint=hint)
        _want_role(role, tuple(ROLES))
        key = _KEY_BEGINS + secrets.token_urlsafe(32)
        with self._records.transaction() as db:
            if db.execute("SELECT 1 FROM api_key WHERE name = ?", (name,)).fetchone():
                raise AccountError("account.exists", f"there is, or was, a key {name}.", hint="Choose another name.")
            db.execute(
                "INSERT INTO api_key (name, secret, role, patient_data, created_ms, ends_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (name, secret_of(key), role, int(patient_data), now_ms(), ends_ms),
            )
            self._audit.note_in(db, who, "key-add", target=name, detail=_said(role, patient_data))
        return key

    def every(self) -> KeyListing:
        """List the keys."""
        sql = "SELECT id, name, role, patient_data, created_ms, ends_ms, revoked_ms FROM api_key ORDER BY id"
        rows = self._records.rows(sql)
        return KeyListing(tuple([Key(row[0], row[1], row[2], bool(row[3]), *row[4:]) for row in rows]))

    def revoke(self, who: Visitor, name: str) -> None:
        """Let a key be good for nothing any more. Raises AccountError."""
        with self._records.transaction() as db:
            sql = "UPDATE api_key SET revoked_ms = ? WHERE name = ? AND revoked_ms IS NULL"
            if not db.execute(sql, (now_ms(), name)).rowcount:
                hint = "`lab-sender key list` shows those that there are."
                raise AccountError("account.none", f"there is no key {name} that is in use.", hint=hint)
            self._audit.note_in(db, who, "key-revoke", target=name)

    def of(self, key: str) -> Key | None:
        """Return what a key is good for now; None: nothing."""
        sql = (
            "SELECT id, name, role, patient_data, created_ms, ends_ms, revoked_ms FROM api_key"
            " WHERE secret = ? AND revoked_ms IS NULL AND (ends_ms IS NULL OR ends_ms > ?)"
        )
        rows = self._records.rows(sql, (secret_of(key), now_ms()))
        return Key(rows[0][0], rows[0][1], rows[0][2], bool(rows[0][3]), *rows[0][4:]) if rows else None


def secret_of(text: str) -> bytes:
    """Return what a key or a session is kept as."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _hashed(password: str) -> str:
    from lab_sender.operations.web.passwords import hashed

    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        text = f"a password has from {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise AccountError("account.password", text, hint="Several words are easier to type than signs.")
    return hashed(password)


def _want_role(role: str, among: tuple[str, ...]) -> None:
    if role not in among:
        raise AccountError("account.role", f"there is no role {role}.", hint=f"There are: {', '.join(among)}.")


def _said(role: str, patient_data: bool) -> str:
    return f"{role} patient-data" if patient_data else role
