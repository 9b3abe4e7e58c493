"""Who asks: sessions of people, keys of programs, users that a trusted proxy names.

Holds: `Logins`, which begins and ends sessions and finds whoever a request is from; the limit of tries.
Promises: a session's id is random and kept as its hash; it ends after 15 minutes without a request and after 8 hours;
what is of patients is shown for 15 minutes after it was asked for. A sixth try within a minute, for one account from
one address, is not even looked at; nor is anything from an address that was wrong too often. Whoever guesses keeps
nobody out who comes from elsewhere. Each login, failed login, logout and reveal is a row of the audit.
Never: says whether it was the name or the password that was wrong.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
import time
from collections import OrderedDict, deque
from typing import Final

from lab_sender.journal.database import now_ms
from lab_sender.operations.accounts import LONGEST_PASSWORD, Keys, secret_of
from lab_sender.operations.audit import Audit
from lab_sender.operations.records import Records
from lab_sender.operations.rights_of import NOBODY, Right, Visitor, rights_of

IDLE_MS: Final = 15 * 60_000
LONGEST_MS: Final = 8 * 3_600_000
REVEAL_MS: Final = 15 * 60_000
_SEEN_EACH_MS: Final = 10_000
"""A session's last request is noted to this."""
TRIES: Final = 5
WRONG_TRIES: Final = 30
"""From one address, whatever the account: each costs 0.1 s of a core."""
_AHEAD_MS: Final = 60_000
"""A session that was seen later than this was seen before the clock was set back: nobody knows how old it is."""


class Tries:
    """How often something was tried within the last minute."""

    def __init__(self, most: int, *, names: int = 10_000) -> None:
        self._most = most
        self._names = names
        self._at: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allow(self, name: str) -> bool:
        """Note a try; False where there were too many."""
        now = time.monotonic()
        with self._lock:
            at = self._at.setdefault(name, deque())
            self._at.move_to_end(name)
            while len(self._at) > self._names:
                self._at.popitem(last=False)
            while at and at[0] <= now - 60:
                at.popleft()
            if len(at) >= self._most:
                return False
            at.append(now)
            return True

    def forget(self, name: str) -> None:
        """Forget the tries for a name: one was right."""
        with self._lock:
            self._at.pop(name, None)

    def take_back(self, name: str) -> None:
        """Forget the last try for a name: it was right."""
        with self._lock:
            if at := self._at.get(name):
                at.pop()


def network_of(address: str) -> str:
    """Return what tries are counted by: of IPv6 the /64, all of which one machine has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


class Logins:
    """The logins of one installation."""

    def __init__(self, records: Records, audit: Audit) -> None:
        self._records = records
        self._audit = audit
        self._keys = Keys(records, audit)
        self._tries, self._wrong, self._news = Tries(TRIES), Tries(WRONG_TRIES), Tries(1)
        self._revealed: dict[str, int] = {}

    def log_in(self, name: str, password: str, address: str, *, before: bytes = b"") -> str | None:
        """Begin a session and return its secret; "" where name or password are wrong, None after too many tries.

        The session that the browser had `before` ends: nobody can log out of it any more.
        """
        from lab_sender.operations.web.passwords import is_right

        whence = network_of(address)
        tried = f"{name}\0{whence}"
        if not self._wrong.allow(whence) or not self._tries.allow(tried):  # in this order: who floods fills no list
            return None
        rows = self._records.rows("SELECT password FROM account WHERE name = ?", (name,))
        kept = rows[0][0] if rows else ""
        if len(password) > LONGEST_PASSWORD or not is_right(password, kept):
            who = Visitor(name=name[:64] if rows else "", address=address)
            self._audit.note(who, "login-failed", detail="" if rows else "account.none")
            return ""
        self._tries.forget(tried)
        self._wrong.take_back(whence)
        secret, now = secrets.token_urlsafe(32), now_ms()
        with self._records.transaction() as db:
            sql = "SELECT role FROM account WHERE name = ? AND password = ?"
            still = db.execute(sql, (name, kept)).fetchone()
            if still is None:  # it was changed while this was computed, and has logged out whoever was in
                self._audit.note_in(db, Visitor(name=name, address=address), "login-failed", detail="account.none")
                return ""
            ended = (now - IDLE_MS, now - LONGEST_MS, now + _AHEAD_MS)
            db.execute("DELETE FROM session WHERE seen_ms < ? OR created_ms < ? OR created_ms > ?", ended)
            db.execute("DELETE FROM session WHERE id = ?", (before,))
            db.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, 0)", (secret_of(secret), name, address, now, now)
            )
            self._audit.note_in(db, Visitor(name=name, role=still[0], address=address), "login")
        return secret

    def is_news(self, address: str) -> bool:
        """Say whether it was not logged within the last minute that an address tries too often."""
        return self._news.allow(network_of(address))

    def of_session(self, secret: str, address: str, *, by_itself: bool = False) -> Visitor:
        """Find who has a session; NOBODY where it has ended. What a page asks `by_itself` keeps none alive."""
        now, session = now_ms(), secret_of(secret)
        sql = (
            "SELECT s.account, a.role, a.patient_data, s.seen_ms, s.created_ms, s.reveal_until_ms"
            " FROM session s JOIN account a ON a.name = s.account WHERE s.id = ?"
        )
        rows = self._records.rows(sql, (session,))
        if not rows:
            return NOBODY
        name, role, patient_data, seen, created, reveal = rows[0]
        if not now - IDLE_MS < seen < now + _AHEAD_MS or not now - LONGEST_MS < created < now + _AHEAD_MS:
            return NOBODY
        if reveal > now + REVEAL_MS + _AHEAD_MS:
            reveal = 0
        if not by_itself and now - seen > _SEEN_EACH_MS:
            with self._records.transaction() as db:
                db.execute("UPDATE session SET seen_ms = ? WHERE id = ?", (now, session))
        rights = rights_of(role, patient_data=bool(patient_data))
        return Visitor(name, role, rights, address, session, None, reveal)

    def of_key(self, key: str, address: str) -> Visitor:
        """Find which program has a key; NOBODY where it is good for nothing."""
        found = self._keys.of(key)
        if found is None:
            return NOBODY
        rights = rights_of(found.role, patient_data=found.patient_data)
        return Visitor(f"key {found.name}", found.role, rights, address, b"", found.id)

    def of_proxy(self, name: str, role: str | None, patient_data: bool, address: str) -> Visitor:
        """Find what a user of the proxy may do: by his groups' `role`, or by his account where that is None."""
        if role is None:
            rows = self._records.rows("SELECT role, patient_data FROM account WHERE name = ?", (name,))
            if not rows:
                return Visitor(name=name, address=address)
            role, patient_data = rows[0]
        rights = rights_of(role, patient_data=bool(patient_data))
        return Visitor(name, role, rights, address, b"", None, self._revealed.get(name, 0))

    def reveal(self, visitor: Visitor, *, on: bool) -> None:
        """Show what is of patients for 15 minutes, or no more; noted before anything is shown."""
        if not visitor.may(Right.PATIENT_DATA):
            return
        until = now_ms() + REVEAL_MS if on else 0
        with self._records.transaction() as db:
            self._audit.note_in(db, visitor, "reveal" if on else "reveal-end")
            db.execute("UPDATE session SET reveal_until_ms = ? WHERE id = ?", (until, visitor.session))
        if not visitor.session:  # of the proxy: forgotten when the page is started again
            self._revealed[visitor.name] = until

    def log_out(self, visitor: Visitor) -> None:
        """End a session."""
        with self._records.transaction() as db:
            if db.execute("DELETE FROM session WHERE id = ?", (visitor.session,)).rowcount:
                self._audit.note_in(db, visitor, "logout")
