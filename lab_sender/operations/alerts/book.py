"""What alerts keep, so that a restart repeats nothing.

Holds: the alerts, what goes to each channel, and how often that failed.
Promises: what is known and what goes out over it are one transaction; whoever says "I have it" meanwhile is not
forgotten. Several processes may turn: each change is sent once. Of several machines, whoever turns or is about to
send has shown in a transaction that the alerts are his to send; what another one has sent meanwhile does not go out.
Never: decides what is sent; keeps an address of a channel.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import Final, NamedTuple, Protocol

from msgspec.structs import asdict

from lab_sender.errors import LabSenderError
from lab_sender.operations.alerts.machine import Alert, Key, Notice, State
from lab_sender.operations.records import Column, Connection, Records

_KEPT_MS: Final = 90 * 86_400_000
"""For how long it is known what was sent."""
_COLUMNS: Final = (
    "level", "phase", "since_ms", "text", "number", "gone_ms",
    "sent", "sent_ms", "sent_number", "taken_by", "taken_ms",
)  # fmt: skip
_NAMES: Final = (*Key._fields, *_COLUMNS)
_PUT: Final = (
    f"INSERT INTO alert ({', '.join(_NAMES)}) VALUES ({', '.join(f':{each}' for each in _NAMES)})"
    " ON CONFLICT (code, destination, cause, node) DO UPDATE SET "
    + ", ".join(f"{each} = excluded.{each}" for each in _COLUMNS)
)
_READ: Final = f"SELECT id, {', '.join(_NAMES)} FROM alert ORDER BY id"
_LATER: Final = (Column("alert", "node", "TEXT NOT NULL DEFAULT ''"),)
_COUNT: Final = (
    "INSERT INTO alert_count (channel, result, number) VALUES (?, ?, 1)"
    " ON CONFLICT (channel, result) DO UPDATE SET number = alert_count.number + 1"
)


class Text(NamedTuple):
    """What goes to one channel."""

    channel: str
    at_ms: int
    level: str
    title: str
    body: str


class Waiting(NamedTuple):
    """A text that is not sent yet; `id` 0: it could not be kept."""

    id: int
    text: Text
    tries: int = 0


class Failing(NamedTuple):
    """A channel that has failed, since when, how often, and the code of the last failure."""

    channel: str
    since_ms: int
    tries: int
    failure: str


Act = Callable[[State], tuple[State, tuple[Notice, ...]]]
Write = Callable[[Sequence[Notice], Mapping[Key, int]], Sequence[Text]]


class Writes(Protocol):
    """What writes alerts while they are this machine's to send."""

    def transaction(self) -> contextlib.AbstractContextManager[Connection]:
        """Run a transaction. Raises LeaseLost."""


class Book:
    """The alerts of one installation. Raises RecordsUnavailable or RecordsDamaged where it cannot be kept."""

    def __init__(self, records: Records, fenced: Writes | None = None) -> None:
        """`fenced` writes the same where several machines share it: its transactions are made while we may send."""
        self._records = records
        self._fenced = fenced
        self._records.also((resources.files(__package__) / "tables.sql").read_text("utf-8"), _LATER)

    def turn(self, act: Act, write: Write) -> tuple[State, list[Waiting]]:
        """Take what is known one step on, and keep what goes out over it: all of it or nothing. Raises LeaseLost."""
        with (self._fenced or self._records).transaction() as db:
            before, _ = _state(db)
            after, notices = act(before)
            _keep(db, before, after)
            _, ids = _state(db)
            texts = write(notices, {**ids, **{each.alert.key: 0 for each in notices if each.alert.key not in ids}})
            return after, [Waiting(_put(db, each), each) for each in texts]

    def alerts(self) -> list[tuple[int, Alert]]:
        """Return the alerts with their ids."""
        return [(row[0], _alert(row)) for row in self._records.rows(_READ)]

    def take(self, number: int, who: str, now_ms: int) -> Alert | None:
        """Note that somebody has an alert; None where there is none of that id."""
        with self._records.transaction() as db:
            db.execute("UPDATE alert SET taken_by = ?, taken_ms = ? WHERE id = ?", (who, now_ms, number))
            found = [row for row in db.execute(_READ) if row[0] == number]
        return _alert(found[0]) if found else None

    def waiting(self, channel: str) -> list[Waiting]:
        """Return what a channel is still to get, the oldest first."""
        rows = self._records.rows(
            "SELECT id, channel, at_ms, level, title, body, tries FROM alert_sent"
            " WHERE channel = ? AND done_ms IS NULL ORDER BY id",
            (channel,),
        )
        return [Waiting(row[0], Text(*row[1:6]), row[6]) for row in rows]

    def going(self, channel: str, ids: Sequence[int]) -> Collection[int]:
        """Return which of these texts are to go out now: those that nobody has sent. Raises LeaseLost."""
        if self._fenced is None:  # nobody else sends
            return ids
        with self._fenced.transaction() as db:
            rows = db.execute("SELECT id FROM alert_sent WHERE channel = ? AND done_ms IS NULL", (channel,))
            return {int(row[0]) for row in rows}.intersection(ids)

    def sent(self, channel: str, ids: Sequence[int], now_ms: int) -> None:
        """Note that a channel has taken texts."""
        done = "UPDATE alert_sent SET done_ms = ?, failure = '' WHERE id = ?"
        with self._records.transaction() as db:
            db.executemany(done, [(now_ms, each) for each in ids])
            db.execute(_COUNT, (channel, "sent"))
            db.execute("DELETE FROM alert_sent WHERE at_ms < ?", (now_ms - _KEPT_MS,))

    def failed(self, channel: str, ids: Sequence[int], failure: str, now_ms: int, *, for_good: bool) -> None:
        """Note that a channel has not taken texts; `for_good`: they are given up."""
        done_ms = now_ms if for_good else None
        with self._records.transaction() as db:
            db.executemany(
                "UPDATE alert_sent SET tries = tries + 1, failure = ?,"
                " failed_ms = COALESCE(failed_ms, ?), done_ms = ? WHERE id = ?",
                [(failure, now_ms, done_ms, each) for each in ids],
            )
            db.execute(_COUNT, (channel, "given-up" if for_good else "failed"))

    def failing(self) -> list[Failing]:
        """Return the channels that have failed and not worked since."""
        rows = self._records.rows(
            "SELECT channel, MIN(failed_ms), MAX(tries), MAX(failure) FROM alert_sent"
            " WHERE done_ms IS NULL AND tries > 0 GROUP BY channel ORDER BY channel"
        )
        return [Failing(*row) for row in rows]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many texts each channel has sent, failed to send and given up."""
        found = self._records.rows("SELECT channel, result, number FROM alert_count")
        return {(channel, result): number for channel, result, number in found}


def code_of(error: Exception) -> str:
    """Return the code of whatever keeps alerts from being seen or kept."""
    if isinstance(error, LabSenderError):
        return error.code
    return "io" if isinstance(error, OSError) else f"bug.{type(error).__name__}"


def _state(db: Connection) -> tuple[State, dict[Key, int]]:
    rows = db.execute(_READ).fetchall()
    alerts = [(row[0], _alert(row)) for row in rows]
    pace = db.execute("SELECT sent_ms, open_ms FROM alert_pace").fetchone() or ("[]", None)
    state = State({each.key: each for _, each in alerts}, tuple(json.loads(pace[0])), pace[1])
    return state, {each.key: number for number, each in alerts}


def _alert(row: Sequence[object]) -> Alert:
    first = 1 + len(Key._fields)
    make: Callable[..., Alert] = partial(Alert, Key(*map(str, row[1:first])))
    return make(**dict(zip(_COLUMNS, row[first:], strict=True)))


def _keep(db: Connection, before: State, after: State) -> None:
    """Write what has changed: nothing, as a rule."""
    for key in before.alerts.keys() - after.alerts.keys():
        db.execute("DELETE FROM alert WHERE code = ? AND destination = ? AND cause = ? AND node = ?", key)
    for key, alert in after.alerts.items():
        if before.alerts.get(key) != alert:
            values = asdict(alert)
            values.pop("key")
            db.execute(_PUT, {**key._asdict(), **values})
    if (before.sent_ms, before.open_ms) != (after.sent_ms, after.open_ms):
        db.execute(
            "INSERT INTO alert_pace (one, sent_ms, open_ms) VALUES (1, ?, ?)"
            " ON CONFLICT (one) DO UPDATE SET sent_ms = excluded.sent_ms, open_ms = excluded.open_ms",
            (json.dumps(after.sent_ms), after.open_ms),
        )


def _put(db: Connection, text: Text) -> int:
    columns = "channel, at_ms, level, title, body"
    found = db.execute(f"INSERT INTO alert_sent ({columns}) VALUES (?, ?, ?, ?, ?) RETURNING id", text).fetchone()
    return int(found[0])
