"""A connection to PostgreSQL, spoken to as SQLite's is.

Holds: how it is made, what its session is set to, how values go and come.
Promises: an integer is a bigint and a text a text, whatever the value: one statement is prepared once. A text has no
NUL, which PostgreSQL's hold none of; a HIS may send one. A sum of integers is an integer. Whoever waited for a lock
sees what was done meanwhile, whatever is the default of the database or the role. Nobody who is frozen or cut off in
a transaction keeps its locks.
Never: begins or ends a transaction by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import pq, sql
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from lab_sender.config.server import Server
from lab_sender.journal.database import Values
from lab_sender.journal.postgres.failures import mapped_errors, not_sure
from lab_sender.journal.postgres.frozen import STILL_S, name_of
from lab_sender.journal.postgres.translation import translated

_CONNECT_S: Final = 5
_IN_TRANSACTION_S: Final = 10
"""Who is frozen in a transaction keeps its locks for so long; of several agents for STILL_S."""
_SILENT_MS: Final = 10_000
_ALWAYS: Final[dict[str, Any]] = {
    "client_encoding": "UTF8",
    "connect_timeout": _CONNECT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": _SILENT_MS,
}
"""With how soon a server is given up that answers nothing; it is asked to see us so too."""


class PostgresDb:
    """A connection that is spoken to as SQLite's: statements of the common SQL."""

    __slots__ = ("_warning", "node", "raw")

    def __init__(self, raw: psycopg.Connection[Any], node: str = "") -> None:
        """`node`: whose notes are meant (notes.py), where several agents share the journal."""
        self.raw = raw
        self.node = node
        self._warning: str | None = None
        """The SQLSTATE of the first one since the last COMMIT was begun."""
        raw.add_notice_handler(self._hear)

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING" and self._warning is None:
            self._warning = notice.sqlstate or ""

    def commit(self, also: str = "") -> None:
        """Commit, with a last statement in the same round trip. Raises JournalUnavailable where it is not sure.

        Who waits for a standby and is cancelled hears of success, with a warning: it may be lost with this server.
        One that ends may warn just behind its answer.
        """
        self._warning = None
        self.script(f"{also}; COMMIT" if also else "COMMIT")
        if self._warning is not None:
            raise not_sure(self._warning)

    def execute(self, statement: str, values: Values = (), /) -> psycopg.Cursor[Any]:
        """Run one statement."""
        known = translated(statement)
        return self.raw.cursor().execute(known.sql, known.in_order(values))

    def executemany(self, statement: str, values: Iterable[Values], /) -> psycopg.Cursor[Any]:
        """Run one statement for each of the values."""
        known = translated(statement)
        cursor = self.raw.cursor()
        cursor.executemany(known.sql, [known.in_order(each) for each in values])
        return cursor

    def script(self, statements: str) -> list[tuple[Any, ...]]:
        """Run statements without values in one round trip; returns the rows of the last one that has some."""
        cursor = self.raw.cursor()
        cursor.execute(statements.encode(), prepare=False)
        rows = list[tuple[Any, ...]]()
        while True:
            if cursor.description is not None:
                rows = cursor.fetchall()
            if not cursor.nextset():
                return rows

    @property
    def is_idle(self) -> bool:
        """Whether it is there, and in no transaction."""
        return not self.raw.closed and self.raw.pgconn.transaction_status == pq.TransactionStatus.IDLE

    @property
    def has_failed(self) -> bool:
        """Whether a statement of its transaction has failed: it can only be undone."""
        return self.raw.pgconn.transaction_status == pq.TransactionStatus.INERROR

    def close(self) -> None:
        """Close it."""
        self.raw.close()


def connect(server: Server, *, read_only: bool = False, busy_timeout_s: float = 5.0) -> PostgresDb:
    """Open a connection whose transactions are begun and ended by hand. Raises JournalUnavailable."""
    own = {"application_name": name_of(server, server.node)}
    with mapped_errors():
        raw: psycopg.Connection[Any] = psycopg.connect(
            make_conninfo(server.url, **_ALWAYS, **own, **dict(server.tls), password=server.password or None),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
        )
        try:
            raw.prepared_max = 400
            raw.adapters.register_dumper(int, Int8Dumper)
            raw.adapters.register_dumper(str, _Text)
            raw.adapters.register_loader("numeric", _Number)
            session = {
                "lock_timeout": f"{max(1, int(busy_timeout_s * 1000))}ms",
                "idle_in_transaction_session_timeout": f"{STILL_S if server.node else _IN_TRANSACTION_S}s",
                "synchronous_commit": "on",
                "default_transaction_isolation": "read committed",
                "default_transaction_read_only": "on" if read_only else "off",
                "client_min_messages": "warning",
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
                "tcp_user_timeout": f"{_SILENT_MS}ms",
            }
            path = sql.SQL("SET search_path = {}").format(sql.Identifier(server.schema))
            each = (sql.SQL("SET {} = {}").format(sql.Identifier(name), value) for name, value in session.items())
            raw.cursor().execute(sql.SQL("; ").join([path, *each]).as_bytes(raw), prepare=False)
        except BaseException:
            raw.close()
            raise
    return PostgresDb(raw, server.node)


class _Text(StrDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Number(Loader):
    def load(self, data: Any) -> float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)
