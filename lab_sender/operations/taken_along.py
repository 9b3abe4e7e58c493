"""What a machine has kept in its operations.db, taken along to where all keep it, and brought back.

Holds: `take_along`, from the file into a journal's schema on PostgreSQL; `brought_back`, into a new file.
Promises: a file is taken along once, however often and from however many processes that is tried: the schema knows
its id. What has the same name there stays as it is there, and who was removed there stays out. The chain of the audit
is whole afterwards: the first one goes on with its own numbers and hashes, the rows of a further one come behind it,
each with its own time. Sessions are not taken along: people log in again. What comes back of this machine alone has
no machine's name any more; all that was written there is in it.
Never: deletes the file: it is put beside itself under another name.
"""

from __future__ import annotations

import contextlib
import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lab_sender import files
from lab_sender.ids import new_id
from lab_sender.journal.database import now_ms
from lab_sender.log import say
from lab_sender.operations.alerts.book import Book
from lab_sender.operations.audit import Audit, Kept
from lab_sender.operations.machines import is_of_machine
from lab_sender.operations.records import Connection, FileRecords, Records, RecordsDamaged, RecordsUnavailable
from lab_sender.operations.rights_of import Visitor

_BY: Final = Visitor(name="lab-sender")
"""Who takes along, in the audit."""
_ACCOUNT: Final = ("name", "role", "patient_data", "password", "created_ms", "changed_ms")
_KEY: Final = ("id", "name", "secret", "role", "patient_data", "created_ms", "ends_ms", "revoked_ms")
_SUBMISSION: Final = (
    "key_id", "idempotency_key", "id", "sha256", "outbox", "name", "after", "content", "created_ms", "dropped_ms",
    "node",
)  # fmt: skip
_ASKED: Final = ("who", "idempotency_key", "sha256", "token", "created_ms")
_SEARCH: Final = ("account", "name", "search", "created_ms")
_ALERT: Final = (
    "code", "destination", "cause", "node", "level", "phase", "since_ms", "text", "number", "gone_ms", "sent",
    "sent_ms", "sent_number", "taken_by", "taken_ms",
)  # fmt: skip
_PACE: Final = ("one", "sent_ms", "open_ms")
_SENT: Final = ("channel", "at_ms", "level", "title", "body", "tries", "failed_ms", "failure", "done_ms")
_COUNT: Final = ("channel", "result", "number")
_LONGEST_NAME: Final = 64
_KNOWN: Final = "SELECT 1 FROM records_taken WHERE id = ?"

Row = dict[str, Any]


def take_along(path: Path, there: Records, node: str) -> None:
    """Take along what the file at a path has, unless that was done. Raises RecordsUnavailable or RecordsDamaged."""
    file = FileRecords(path)
    try:
        try:
            Book(file)  # which has its tables made
            with file.transaction() as old:
                id = _id_of(old)
            if not there.rows(_KNOWN, (id,)):
                _take(file, id, there, node)
        except RecordsDamaged as error:
            say(logging.WARNING, "records.left", code=error.code)
            return
    finally:
        file.close()
    with there.transaction():  # of a journal that moves back just now, the file has what is kept
        _put_away(path, id)


def _take(file: FileRecords, id: str, there: Records, node: str) -> None:
    """Take along what a file has, unless another process does so just now."""
    verdict = Audit(file).verify()
    with file.transaction() as old:
        kept = Kept(old)
        is_whole = verdict.ok and not kept.has_nul  # which may take long: nobody waits for it there
        with there.transaction() as new:
            if new.execute(_KNOWN, (id,)).fetchone() is not None:
                return
            removed = _removed(new)
            rows = Audit(there).take_along(new, kept, is_whole=is_whole)
            taken, left = _copy(old, new, node, removed)
            _mark(new, id, node)
            end = f"to {verdict.last_hash}" if verdict.ok else f"broken at {verdict.first_wrong}"
            detail = f"{taken} accounts and keys, {left} removed before, {rows} rows {end}"
            Audit(there).note_in(new, _BY, "records-taken", target=_named(node), detail=detail)
    say(logging.INFO, "records.taken-along", rows=rows, accounts=taken)


@contextlib.contextmanager
def brought_back(there: Records, path: Path, node: str) -> Iterator[None]:
    """Write all that is kept on PostgreSQL into a new file; until the block ends nobody else writes there.

    Raises RecordsUnavailable or RecordsDamaged.
    """
    with contextlib.closing(FileRecords(path)) as file:
        Book(file)
        with file.transaction() as new:
            id = _id_of(new)
        with there.transaction() as old:
            _mark(old, id, node)  # where the move is not made, it is not taken along again
    with there.transaction() as old:
        old.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        with contextlib.closing(FileRecords(path)) as file, file.transaction() as new:
            if _id_of(new) != id:
                text = f"another program has put {path.name} away; nothing was changed."
                raise RecordsUnavailable("records.unavailable", text, hint="Type the same command again.")
            _bring(file, old, new, node)
        yield


def _bring(file: FileRecords, old: Connection, new: Connection, node: str) -> None:
    Audit(file).take_along(new, Kept(old), is_whole=True)
    for table, columns in (
        ("account", _ACCOUNT), ("api_key", _KEY), ("asked_act", _ASKED), ("saved_search", _SEARCH),
        ("alert_pace", _PACE), ("alert_sent", _SENT), ("alert_count", _COUNT),
    ):  # fmt: skip
        _add(new, table, columns, _rows(old, table, columns))
    alerts = [each | {"node": ""} for each in _rows(old, "alert", _ALERT) if each["node"] in ("", node)]
    _add(new, "alert", _ALERT, alerts)
    submissions = _rows(old, "submission", _SUBMISSION)
    own = [each | ({"node": ""} if each["node"] == node else {}) for each in submissions]
    _add(new, "submission", _SUBMISSION, own)
    last = old.execute("SELECT last_id FROM audit_end").fetchone()
    seq = last[0] if last is not None else 0
    new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'audit'", (seq,))


def _removed(db: Connection) -> dict[str, int]:
    """Return which accounts were removed, and when last."""
    rows = db.execute("SELECT target, MAX(at_ms) FROM audit WHERE act = 'account-remove' GROUP BY target")
    return dict(rows.fetchall())


def _copy(old: Connection, new: Connection, node: str, removed: Mapping[str, int]) -> tuple[int, int]:
    """Add what is not there; returns how many accounts and keys were, and how many accounts stay removed.

    Who was removed there since his account was changed here last does not come back.
    """
    before = _count(new)
    accounts = _rows(old, "account", _ACCOUNT)
    still = [each for each in accounts if removed.get(each["name"], -1) < each["changed_ms"]]
    _add(new, "account", _ACCOUNT, still)
    keys, names = dict[int, int](), dict[str, str]()
    for each in _rows(old, "api_key", _KEY):
        keys[each["id"]], name = _key(new, each, node)
        names[f"key {each['name']}"] = f"key {name}"
    submissions = [
        each | {"key_id": keys[each["key_id"]], "node": node}
        for each in _rows(old, "submission", _SUBMISSION)
        if each["key_id"] in keys
    ]
    _add(new, "submission", _SUBMISSION, submissions)
    asked = [each | {"who": names.get(each["who"], each["who"])} for each in _rows(old, "asked_act", _ASKED)]
    _add(new, "asked_act", _ASKED, asked)
    _add(new, "saved_search", _SEARCH, _rows(old, "saved_search", _SEARCH))
    alerts = _rows(old, "alert", _ALERT)
    for each in alerts:
        if is_of_machine(each["code"], each["destination"], each["cause"]):
            each["node"] = node
    _add(new, "alert", _ALERT, alerts)
    _add(new, "alert_pace", _PACE, _rows(old, "alert_pace", _PACE))
    _add(new, "alert_sent", _SENT, _rows(old, "alert_sent", _SENT))
    for each in _rows(old, "alert_count", _COUNT):
        new.execute(
            "INSERT INTO alert_count (channel, result, number) VALUES (:channel, :result, :number)"
            " ON CONFLICT (channel, result) DO UPDATE SET number = alert_count.number + excluded.number",
            each,
        )
    return _count(new) - before, len(accounts) - len(still)


def _key(new: Connection, key: Row, node: str) -> tuple[int, str]:
    """Add a key, by another name where its name is another one's; returns its number and name there."""
    known = new.execute("SELECT id, name FROM api_key WHERE secret = ?", (key["secret"],)).fetchone()
    if known is not None:
        return int(known[0]), str(known[1])
    if new.execute("SELECT 1 FROM api_key WHERE name = ?", (key["name"],)).fetchone() is not None:
        end = f" {_named(node)} {new_id()}"
        key = key | {"name": key["name"][: _LONGEST_NAME - len(end)] + end}
    columns = _KEY[1:]
    sql = f"INSERT INTO api_key ({', '.join(columns)}) VALUES ({_places(columns)}) RETURNING id"
    return int(new.execute(sql, {each: key[each] for each in columns}).fetchone()[0]), str(key["name"])


def _rows(db: Connection, table: str, columns: Sequence[str]) -> list[Row]:
    rows = db.execute(f"SELECT {', '.join(columns)} FROM {table}")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _add(db: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Add rows; one whose name is there stays out."""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({_places(columns)}) ON CONFLICT DO NOTHING"
    db.executemany(sql, rows)


def _places(columns: Sequence[str]) -> str:
    return ", ".join(f":{each}" for each in columns)


def _count(db: Connection) -> int:
    return int(db.execute("SELECT (SELECT COUNT(*) FROM account) + (SELECT COUNT(*) FROM api_key)").fetchone()[0])


def _mark(db: Connection, id: str, node: str) -> None:
    sql = "INSERT INTO records_taken (id, node, at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    db.execute(sql, (id, _named(node), now_ms()))


def _id_of(db: Connection) -> str:
    """Return a file's own id, given when it is first asked for."""
    db.execute("INSERT INTO records_id (one, id) VALUES (1, ?) ON CONFLICT DO NOTHING", (new_id(),))
    return str(db.execute("SELECT id FROM records_id").fetchone()[0])


def _named(node: str) -> str:
    return node or platform.node()


def _put_away(path: Path, id: str) -> None:
    """Let the file have another name; where somebody still has it open, whoever comes next does so."""
    try:
        if path.with_name(f"{path.name}-wal").exists():  # or it is another program's, which has its rows in there
            raise files.Busy
        files.rename(path, path.with_name(f"{path.stem}-{id}{path.suffix}"))
    except (OSError, files.Busy):
        say(logging.WARNING, "records.left", code="records.open")
