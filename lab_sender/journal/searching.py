"""Messages and unreadable files by what a person knows of them.

Holds: the questions `find` and `hits`: the newest first, from a cursor on.
Promises: what is known exactly (order, patient, ward, name, state) is found by an index, a range of time by_time.py.
What has no index is looked at in chunks, each a short read of its own.
Never: reads a message's bytes but for `contains`, or holds a read open between two chunks.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from lab_sender.journal import by_time
from lab_sender.journal.criteria import START, Criteria, Cursor, Hit, OfPatient, bytes_of, keys_of, values_of
from lab_sender.journal.lists import Line, Lists, has_number
from lab_sender.journal.notes import shown
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("searching")
_FIRST, _MOST = 100, 5000
"""How many ids are looked at in the first chunk, and in a later one."""
_PART: Final = 10_000
"""How many ids stand together in the indexes by patient and by name."""
_UNREADABLE: Final = ("quarantined", "dismissed", "withdrawn", "read")
_LISTED: Final = {"spooled": "waiting", "sending": "waiting", "quarantined": "quarantined"} | dict.fromkeys(
    ("duplicate", "dismissed", "replaced"), "closed"
)
"""Which statement has a state's messages of one destination."""


class Found(NamedTuple):
    """The newest of what fits, and where the older ones begin (None: there are none)."""

    lines: tuple[Line, ...]
    before: Cursor | None


class Searches(Lists):
    """What is searched for, on a reader's connection."""

    def find(
        self,
        wanted: Criteria,
        *,
        limit: int,
        before: Cursor | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Found:
        """Return the newest that fit, newest first, from a cursor on; `stop` is asked between two chunks."""
        start = before or START
        hits = list(itertools.islice(self.hits(wanted, before=before, stop=stop), limit + 1))
        shown = hits[:limit]
        return Found(tuple(self.lines_of(shown)), _after(shown, start, wanted) if len(hits) > limit else None)

    def hits(
        self,
        wanted: Criteria,
        *,
        before: Cursor | None = None,
        after: Cursor | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Hit]:
        """Yield all that fit, newest first, from a cursor on; `stop` is asked between two chunks.

        With `after` only what has a higher id than that: what came since.
        """
        start = before or START
        if wanted.is_by_name and after is None:
            yield from self._by_name(wanted, start, stop)
            return
        since = after or Cursor(0, 0)
        messages = self._messages(wanted, since.message, start.message, stop)
        unreadable = self._unreadable(wanted, since.source, start.source)
        yield from heapq.merge(messages, unreadable, key=_when, reverse=True)

    def last_ids(self) -> Cursor:
        """Return the newest message and the newest file."""
        return Cursor(*by_time.last(self._reader))

    def fits(self, wanted: Criteria, line: Line) -> bool:
        """Say whether a line has all that is asked for."""
        if line.message_id is not None:
            return bool(self._fitting(wanted, [line.message_id]))
        hits = self._unreadable(wanted, line.source_id - 1, line.source_id + 1)
        return next(hits, None) is not None

    def lines_of(self, hits: Sequence[Hit]) -> list[Line]:
        """Return the lines of hits, in their order."""
        ids = [each.message for each in hits if each.message is not None]
        sources = [each.source for each in hits if each.message is None]
        found = {(line.message_id, line.source_id): line for line in (self.these(ids) if ids else ())}
        values = {"source_ids": json.dumps(sources), "most": len(sources)}
        for line in self._lines("unreadable_of_sources", values) if sources else ():
            found[None, line.source_id] = line
        keys = [(each.message, each.source) for each in hits]
        return [found[key] for key in keys if key in found]

    def wards_since_ms(self) -> int:
        """Return from when on it is known which ward a message names; 0: always."""
        return int(shown(self._reader, "wards_since") or 0)

    def wards(self, most: int) -> list[str]:
        """Return the wards that messages name, at most so many."""
        return [row[0] for row in self._reader.rows(_SQL["wards"], {"most": most})]

    def patients_of(self, message_ids: Sequence[int]) -> dict[int, OfPatient]:
        """Return whom each of these messages is about, where, and what the HIS said of it. Patient data."""
        rows = self._reader.rows(_SQL["of_patient"], {"ids": json.dumps(list(message_ids))})
        return {row[0]: OfPatient(*row[1:]) for row in rows}

    def version(self) -> int:
        """Return a number that changes when somebody has written."""
        return self._reader.foreign_version()

    def orders_of(self, message_ids: Sequence[int]) -> dict[int, list[str]]:
        """Return the keys (`id^authority`) of the orders of each of these messages."""
        found: dict[int, list[str]] = {}
        for message_id, key in self._reader.rows(_SQL["orders_of"], {"ids": json.dumps(list(message_ids))}):
            found.setdefault(message_id, []).append(key)
        return found

    # ------------------------------------------------------------- what may fit, by the best index there is

    def _messages(
        self, wanted: Criteria, after: int, before: int, stop: Callable[[], bool]
    ) -> Iterator[Hit]:
        if before <= 0:
            return
        low, high = by_time.window(self._reader, "message", wanted.since_ms, wanted.until_ms)
        streams = self._streams(wanted, max(low, after + 1), min(before, high))
        ids = _each_once(streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=True))
        size = _FIRST
        while not stop():
            chunk = list(itertools.islice(ids, size))
            if not chunk:
                return
            yield from self._fitting(wanted, chunk)
            size = min(size * 4, _MOST)

    def _streams(self, wanted: Criteria, low: int, before: int) -> list[Iterator[int]]:
        window: dict[str, Any] = {"low": low, "before": before}
        there = [each for each in self.destinations() if not wanted.to or each in wanted.to]
        if wanted.order:
            asked = [(name, key) for name in there for name, key in self._order_keys(wanted.order, name)]
            keys = [window | {"destination": name, "order_key": key} for name, key in asked]
            others = self._with_number(wanted.order, there, window)
            return [*(self._stream("of_order", each) for each in keys), others]
        if wanted.patient:
            return [self._of_patient(wanted.patient, low, before)]
        if wanted.ward:
            return [self._stream("of_ward", window | {"ward": wanted.ward})]
        if wanted.contradicted:
            return [self._stream("contradicted", window)]
        states = {each.partition(" ")[0] for each in wanted.states}
        here = [window | {"destination": each} for each in there]
        if states and "acked" not in states:
            named = {(_LISTED[each], each if _LISTED[each] == "closed" else "") for each in states if each in _LISTED}
            return [self._stream(name, each | {"state": state}) for name, state in sorted(named) for each in here]
        if wanted.to or states:
            own = [self._stream("own", each) for each in here]
            again = [self._stream("closed", each | {"state": "duplicate"}) for each in here]
            return own + (again if not states or "duplicate" in states else [])
        return [self._stream("by_id", window)]

    def _stream(self, name: str, values: dict[str, Any]) -> Iterator[int]:
        """Yield ids, the newest first, asked for in chunks."""
        return (row[0] for row in self._rows(name, values))

    def _rows(self, name: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        before, most = values["before"], _FIRST
        while True:
            rows = self._reader.rows(_SQL[name], values | {"before": before, "most": most})
            yield from rows
            if len(rows) < most:
                return
            before, most = rows[-1][0], min(most * 4, _MOST)

    def _of_patient(self, number: str, low: int, before: int) -> Iterator[int]:
        first, beyond = keys_of(number)
        values = {"first": first, "beyond": beyond, "low": low, "before": before}
        newest = min(before - 1, by_time.last(self._reader)[0])
        for part in range(newest // _PART, low // _PART - 1, -1):
            rows = self._reader.rows(_SQL["of_patient_in_part"], values | {"part": part})
            yield from [row[0] for row in rows]

    def _with_number(self, number: str, there: Sequence[str], window: dict[str, Any]) -> Iterator[int]:
        """Yield what is in quarantine and has another number of the order; its bytes are looked into."""
        ids = heapq.merge(
            *(self._stream("quarantined", window | {"destination": each}) for each in there), reverse=True
        )
        sought = number.partition("^")[0].encode()
        while chunk := list(itertools.islice(ids, _FIRST)):
            bodies = self._bodies(chunk)
            there_are = {each for each, body in bodies.items() if sought in body and has_number(body, number)}
            yield from [each for each in chunk if each in there_are]

    # ------------------------------------------------------------- which of it fits

    def _fitting(self, wanted: Criteria, ids: Sequence[int]) -> list[Hit]:
        rows = self._reader.rows(_SQL["fits"], values_of(wanted) | {"ids": json.dumps(list(ids))})
        hits = [Hit(at_ms, source, message) for message, source, at_ms in rows]
        if not (wanted.contains and hits):
            return hits
        needles = bytes_of(wanted.contains)
        fitting = set[int]()
        with self._reader.reading() as db:
            asked = {"ids": json.dumps([each.message for each in hits])}
            for message, body in db.execute(_SQL["bodies"], asked):
                plain = bytes(body).lower()
                if any(each in plain for each in needles):
                    fitting.add(message)
        return [each for each in hits if each.message in fitting]

    def _bodies(self, ids: Sequence[int]) -> dict[int, bytes]:
        rows = self._reader.rows(_SQL["bodies"], {"ids": json.dumps(list(ids))})
        return {message: bytes(body) for message, body in rows}

    def _unreadable(self, wanted: Criteria, after: int, before: int) -> Iterator[Hit]:
        if wanted.is_of_messages or before <= 0:
            return
        low, high = by_time.window(self._reader, "source", wanted.since_ms, wanted.until_ms)
        values = values_of(wanted) | {"low": max(low, after + 1), "before": min(before, high)}
        states = [each for each in _UNREADABLE if not wanted.states or each in wanted.states]
        streams = [self._rows("unreadable", values | {"state": state}) for state in states]
        for source, at_ms in heapq.merge(*streams, reverse=True):
            yield Hit(at_ms, source, None)

    # ------------------------------------------------------------- files by their names

    def _by_name(self, wanted: Criteria, start: Cursor, stop: Callable[[], bool]) -> Iterator[Hit]:
        """Yield what became of the files of a name, by when these were received."""
        low, high = by_time.window(self._reader, "source", wanted.since_ms, wanted.until_ms)
        before = min(start.source + 1, high)
        plain = wanted._replace(file="", since_ms=None, until_ms=None)
        sources, size = _each_once(self._named(wanted.file, low, before)), _FIRST
        while not stop():
            chunk = list(itertools.islice(sources, size))
            if not chunk:
                return
            asked = {"source_ids": json.dumps(chunk), "since_ms": wanted.since_ms, "until_ms": wanted.until_ms}
            rows = self._reader.rows(_SQL["received"], asked)
            asked = {"source_ids": json.dumps([row[0] for row in rows])}
            ids = [row[0] for row in self._reader.rows(_SQL["messages_of"], asked)]
            hits = self._fitting(plain, ids) if ids else []
            if not wanted.is_of_messages:
                rows = self._reader.rows(_SQL["unreadable_among"], asked | {"code": wanted.code})
                hits += [Hit(at, each, None) for each, at, state in rows if _is_wanted(state, wanted.states)]
            for hit in sorted(hits, key=lambda each: (each.source, each.message or 0), reverse=True):
                if hit.source < start.source or (hit.message or 0) < start.message:
                    yield hit
            size = min(size * 4, _MOST)

    def _named(self, name: str, low: int, before: int) -> Iterator[int]:
        first = name.removesuffix("*")
        beyond = f"{first}\U0010ffff" if name.endswith("*") else f"{first}\x01"
        values: dict[str, Any] = {"first": first, "beyond": beyond, "low": low, "before": before}
        few = {row[0] for row in self._reader.rows(_SQL["named_in_claimed"], values)}
        if first == name:
            filed = values | {"name": name, "beginning": name[:10]}
            few.update(row[0] for row in self._reader.rows(_SQL["filed_as"], filed))
        return heapq.merge(sorted(few, reverse=True), self._named_in_parts(values), reverse=True)

    def _named_in_parts(self, values: dict[str, Any]) -> Iterator[int]:
        newest = min(values["before"] - 1, by_time.last(self._reader)[1])
        for part in range(newest // _PART, values["low"] // _PART - 1, -1):
            yield from [row[0] for row in self._reader.rows(_SQL["named_in_part"], values | {"part": part})]


def _is_wanted(state: str, states: Sequence[str]) -> bool:
    return state in _UNREADABLE and (not states or state in states)


def _after(shown: Sequence[Hit], start: Cursor, wanted: Criteria) -> Cursor:
    if wanted.is_by_name:
        return Cursor(shown[-1].message or 0, shown[-1].source)
    messages = [each.message for each in shown if each.message is not None]
    sources = [each.source for each in shown if each.message is None]
    return Cursor(min([start.message, *messages]), min([start.source, *sources]))


def _when(hit: Hit) -> tuple[int, int]:
    return hit.at_ms, hit.source


def _each_once(ids: Iterable[int]) -> Iterator[int]:
    """Pass on ids that are in order, each once."""
    return (each for each, _ in itertools.groupby(ids))
