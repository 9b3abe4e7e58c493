"""Messages and unreadable files by what a person knows of them.

Holds: the questions `find` and `hits`: the newest first, from a cursor on.
Promises: what is known exactly is found by an index (candidates.py), a range of time by by_time.py. What has none is
looked at in pieces, each a short read; who stops between two of them is told how far it came, and goes on there.
Never: reads bytes but for `contains` and an order's other numbers, or holds a read open between two pieces.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from lab_sender.journal import by_time, candidates
from lab_sender.journal.candidates import Piece, Step
from lab_sender.journal.criteria import START, Criteria, Cursor, Hit, OfPatient, bytes_of, values_of
from lab_sender.journal.lists import Line, Lists, has_number
from lab_sender.journal.notes import shown
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("searching")
_UNREADABLE: Final = ("quarantined", "dismissed", "withdrawn", "read")


class Found(NamedTuple):
    """The newest of what fits, and where the older ones begin (None: there are none).

    `looked_to_ms`: it was stopped there; whether anything older fits is not known.
    """

    lines: tuple[Line, ...]
    before: Cursor | None
    looked_to_ms: int | None = None


class Mark(NamedTuple):
    """How far was looked when it was stopped: at messages down to one, or at files."""

    at_ms: int
    source: int
    message: int | None


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
        """Return the newest that fit, newest first, from a cursor on; `stop` is asked between two pieces.

        At least one piece is looked at, so that whoever goes on comes to the end.
        """
        start, hits = before or START, list[Hit]()
        for each in self._looked(wanted, before, None, stop):
            if isinstance(each, Mark):
                behind = _after(hits, start, wanted, each)
                return Found(tuple(self.lines_of(hits)), behind, each.at_ms)
            if len(hits) == limit:
                return Found(tuple(self.lines_of(hits)), _after(hits, start, wanted, None))
            hits.append(each)
        return Found(tuple(self.lines_of(hits)), None)

    def hits(
        self,
        wanted: Criteria,
        *,
        before: Cursor | None = None,
        after: Cursor | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Hit]:
        """Yield all that fit, newest first, from a cursor on; `stop` is asked between two pieces.

        With `after` only what has a higher id than that: what came since.
        """
        return (each for each in self._looked(wanted, before, after, stop) if isinstance(each, Hit))

    def last_ids(self) -> Cursor:
        """Return the newest message and the newest file."""
        return Cursor(*by_time.last(self._reader))

    def fits(self, wanted: Criteria, line: Line) -> bool:
        """Say whether a line has all that is asked for."""
        if line.message_id is not None:
            return bool(self._fitting(wanted, [line.message_id]))
        if wanted.is_of_messages:
            return False
        states = [each for each in _UNREADABLE if not wanted.states or each in wanted.states]
        return line.state in states and bool(self._unreadable_fitting(wanted, [line.source_id]))

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

    # ------------------------------------------------------------- what is looked at

    def _looked(
        self, wanted: Criteria, before: Cursor | None, after: Cursor | None, stop: Callable[[], bool]
    ) -> Iterator[Hit | Mark]:
        """Yield what fits, and where it was stopped a mark: nothing that fits and is newer comes behind it."""
        start = before or START
        if wanted.is_by_name and after is None:
            return self._by_name(wanted, start, stop)
        since = after or Cursor(0, 0)
        messages = self._messages(wanted, since.message, start.message, stop)
        unreadable = self._unreadable(wanted, since.source, start.source, stop)
        return heapq.merge(messages, unreadable, key=_when, reverse=True)

    def _messages(
        self, wanted: Criteria, after: int, before: int, stop: Callable[[], bool]
    ) -> Iterator[Hit | Mark]:
        if before <= 0:
            return
        low, high = by_time.window(self._reader, "message", wanted.since_ms, wanted.until_ms)
        there = [each for each in self.destinations() if not wanted.to or each in wanted.to]
        step = Step()
        asked = [key for name in there for key in self._order_keys(wanted.order, name)] if wanted.order else []
        ids = candidates.messages(self._reader, wanted, there, asked, max(low, after + 1), min(before, high))
        pieces = candidates.in_pieces(ids, step)
        yield from self._look(pieces, step, "message", lambda ids: self._fitting(wanted, ids), stop)

    def _look(
        self,
        pieces: Iterator[Piece],
        step: Step,
        kind: Literal["message", "source"],
        fitting: Callable[[Sequence[int]], list[Hit]],
        stop: Callable[[], bool],
    ) -> Iterator[Hit | Mark]:
        """Look at one piece after the other; each takes about as long."""
        for piece in pieces:
            begun_s = time.monotonic()
            found = fitting(piece.ids) if piece.ids else []
            step.took(time.monotonic() - begun_s)
            yield from found
            if not piece.is_last and stop():
                at_ms = by_time.at_ms(self._reader, kind, piece.down_to)
                yield Mark(at_ms, 0, piece.down_to) if kind == "message" else Mark(at_ms, piece.down_to, None)
                return

    # ------------------------------------------------------------- which of it fits

    def _fitting(self, wanted: Criteria, ids: Sequence[int]) -> list[Hit]:
        rows = self._reader.rows(_SQL["fits"], values_of(wanted) | {"ids": json.dumps(list(ids))})
        hits = [Hit(at_ms, source, message) for message, source, at_ms in rows]
        if wanted.order and hits:
            hits = self._of_order(wanted.order, hits)
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

    def _of_order(self, number: str, hits: Sequence[Hit]) -> list[Hit]:
        """Leave those of an order; what is in quarantine may have another of its numbers, in its bytes."""
        asked = {"ids": json.dumps([each.message for each in hits])}
        of = {row[0] for row in self._reader.rows(_SQL["of_these_orders"], asked | {"number": number})}
        others = [each.message for each in hits if each.message not in of]
        sought = number.partition("^")[0].encode()
        with self._reader.reading() as db:
            for message, body in db.execute(_SQL["bodies"], {"ids": json.dumps(others)}) if others else ():
                if sought in bytes(body) and has_number(bytes(body), number):
                    of.add(message)
        return [each for each in hits if each.message in of]

    def _unreadable(
        self, wanted: Criteria, after: int, before: int, stop: Callable[[], bool]
    ) -> Iterator[Hit | Mark]:
        if wanted.is_of_messages or before <= 0:
            return
        low, high = by_time.window(self._reader, "source", wanted.since_ms, wanted.until_ms)
        states = [each for each in _UNREADABLE if not wanted.states or each in wanted.states]
        step = Step()
        ids = candidates.unreadable(self._reader, states, max(low, after + 1), min(before, high))
        pieces = candidates.in_pieces(ids, step)
        yield from self._look(pieces, step, "source", lambda ids: self._unreadable_fitting(wanted, ids), stop)

    def _unreadable_fitting(self, wanted: Criteria, ids: Sequence[int]) -> list[Hit]:
        asked = values_of(wanted) | {"source_ids": json.dumps(list(ids))}
        return [Hit(at_ms, source, None) for source, at_ms in self._reader.rows(_SQL["unreadable"], asked)]

    # ------------------------------------------------------------- files by their names

    def _by_name(self, wanted: Criteria, start: Cursor, stop: Callable[[], bool]) -> Iterator[Hit | Mark]:
        """Yield what became of the files of a name, by when these were received."""
        low, high = by_time.window(self._reader, "source", wanted.since_ms, wanted.until_ms)
        before = min(start.source + (start.message > 0), high)
        plain = wanted._replace(file="", since_ms=None, until_ms=None)

        def of_files(sources: Sequence[int]) -> list[Hit]:
            asked = {"source_ids": json.dumps(sources), "since_ms": wanted.since_ms, "until_ms": wanted.until_ms}
            rows = self._reader.rows(_SQL["received"], asked)
            asked = {"source_ids": json.dumps([row[0] for row in rows])}
            ids = [row[0] for row in self._reader.rows(_SQL["messages_of"], asked)]
            hits = self._fitting(plain, ids) if ids else []
            if not wanted.is_of_messages:
                rows = self._reader.rows(_SQL["unreadable_among"], asked | {"code": wanted.code})
                hits += [Hit(at, each, None) for each, at, state in rows if _is_wanted(state, wanted.states)]
            hits.sort(key=lambda each: (each.source, each.message or 0), reverse=True)
            return [hit for hit in hits if hit.source < start.source or (hit.message or 0) < start.message]

        step = Step()
        pieces = candidates.files(self._reader, wanted, low, before, step)
        yield from self._look(pieces, step, "source", of_files, stop)


def _is_wanted(state: str, states: Sequence[str]) -> bool:
    return state in _UNREADABLE and (not states or state in states)


def _after(shown: Sequence[Hit], start: Cursor, wanted: Criteria, mark: Mark | None) -> Cursor:
    if wanted.is_by_name:
        return Cursor(0, mark.source) if mark is not None else Cursor(shown[-1].message or 0, shown[-1].source)
    messages = [each.message for each in shown if each.message is not None]
    sources = [each.source for each in shown if each.message is None]
    if mark is not None and mark.message is not None:
        messages.append(mark.message)
    elif mark is not None:
        sources.append(mark.source)
    return Cursor(min([start.message, *messages]), min([start.source, *sources]))


def _when(each: Hit | Mark) -> tuple[int, int]:
    return each.at_ms, each.source
