"""What may fit a search, by the best index there is for it: ids, the newest first.

Holds: `messages`, `unreadable` and `files`; `Piece` and `Step`, how much of it is looked at together.
Promises: each question is a short one, however long the history is. What no index finds comes piece by piece, also
where nothing of a piece fits: whoever looks may stop there.
Never: reads a message's bytes, or says that something fits.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from lab_sender.journal import by_time
from lab_sender.journal.criteria import Criteria, keys_of, pattern_of
from lab_sender.journal.database import Reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("candidates")
_FEW, _FIRST, _MOST = 10, 100, 5000
"""How many ids are looked at together, at least, at first and at most."""
_LONG_S: Final = 0.05
"""A piece that takes longer is the reason for a smaller one."""
_PART: Final = 10_000
"""How many ids stand together in the indexes by patient and by name."""
_LISTED: Final = {"spooled": "waiting", "sending": "waiting", "quarantined": "quarantined"} | dict.fromkeys(
    ("duplicate", "dismissed", "replaced"), "closed"
)
"""Which statement has a state's messages of one destination."""


class Piece(NamedTuple):
    """What is looked at together: all that may fit, down to an id. `is_last`: there is nothing behind it."""

    ids: list[int]
    down_to: int
    is_last: bool


class Step:
    """How many ids the next piece has: as many as are looked at in a short time."""

    def __init__(self) -> None:
        self.size = _FIRST

    def took(self, seconds: float) -> None:
        """Note how long the last one took."""
        self.size = min(self.size * 4, _MOST) if seconds < _LONG_S else max(self.size // 2, _FEW)


def in_pieces(ids: Iterator[int], step: Step) -> Iterator[Piece]:
    """Part ids into pieces."""
    while chunk := list(itertools.islice(ids, size := step.size)):
        yield Piece(chunk, chunk[-1], len(chunk) < size)


def messages(
    reader: Reader, wanted: Criteria, there: Sequence[str], orders: Sequence[tuple[str, str]], low: int, before: int
) -> Iterator[int]:
    """Yield the messages that may fit, of these destinations, from an id on and below another, each once.

    `orders` are the keys of the order that is asked for, each with its destination.
    """
    streams = _streams(reader, wanted, there, orders, {"low": low, "before": before})
    return _each_once(streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=True))


def unreadable(reader: Reader, states: Sequence[str], low: int, before: int) -> Iterator[int]:
    """Yield the files that could not be read and are in one of these states."""
    window = {"low": low, "before": before}
    return heapq.merge(*(_stream(reader, "unreadable", window | {"state": each}) for each in states), reverse=True)


def files(reader: Reader, wanted: Criteria, low: int, before: int, step: Step) -> Iterator[Piece]:
    """Yield the files of a name, piece by piece."""
    beyond = min(before, by_time.last(reader)[1] + 1)
    if wanted.is_by_beginning:
        parts = range((beyond - 1) // _PART, low // _PART - 1, -1)
        yield from in_pieces(_each_once(_named(reader, wanted.file, low, before, parts)), step)
        return
    while beyond > low:
        first = max(low, beyond - _MOST)
        values = {"pattern": pattern_of(wanted.file), "low": first, "before": beyond}
        rows, beyond = reader.rows(_SQL["named_like"], values), first
        yield Piece([row[0] for row in rows], beyond, beyond <= low)


def _streams(
    reader: Reader,
    wanted: Criteria,
    there: Sequence[str],
    orders: Sequence[tuple[str, str]],
    window: dict[str, Any],
) -> list[Iterator[int]]:
    here = [window | {"destination": each} for each in there]
    if wanted.order:  # in quarantine it may be another of its numbers
        keys = [window | {"destination": name, "order_key": key} for name, key in orders]
        of = [_stream(reader, "of_order", each) for each in keys]
        return [*of, *(_stream(reader, "quarantined", each) for each in here)]
    if wanted.patient:
        return [_of_patient(reader, wanted.patient, window["low"], window["before"])]
    if wanted.ward:
        return [_stream(reader, "of_ward", window | {"ward": wanted.ward})]
    if wanted.contradicted:
        return [_stream(reader, "contradicted", window)]
    states = {each.partition(" ")[0] for each in wanted.states}
    if wanted.is_by_state:
        named = {(_LISTED[each], each if _LISTED[each] == "closed" else "") for each in states if each in _LISTED}
        return [_stream(reader, name, each | {"state": state}) for name, state in sorted(named) for each in here]
    if wanted.is_by_tries:
        return [_stream(reader, "tried", window | {"tries": wanted.tries})]
    if wanted.to or states:
        own = [_stream(reader, "own", each) for each in here]
        again = [_stream(reader, "closed", each | {"state": "duplicate"}) for each in here]
        return own + (again if not states or "duplicate" in states else [])
    return [_stream(reader, "by_id", window)]


def _stream(reader: Reader, name: str, values: dict[str, Any]) -> Iterator[int]:
    """Yield ids, the newest first, asked for in chunks."""
    before, most = values["before"], _FIRST
    while True:
        rows = reader.rows(_SQL[name], values | {"before": before, "most": most})
        yield from [row[0] for row in rows]
        if len(rows) < most:
            return
        before, most = rows[-1][0], min(most * 4, _MOST)


def _of_patient(reader: Reader, number: str, low: int, before: int) -> Iterator[int]:
    first, beyond = keys_of(number)
    values = {"first": first, "beyond": beyond, "low": low, "before": before}
    newest = min(before - 1, by_time.last(reader)[0])
    for part in range(newest // _PART, low // _PART - 1, -1):
        yield from [row[0] for row in reader.rows(_SQL["of_patient_in_part"], values | {"part": part})]


def _named(reader: Reader, name: str, low: int, before: int, parts: Iterable[int]) -> Iterator[int]:
    """Yield the files of a name, or whose names begin so (`*` behind it)."""
    first = name.removesuffix("*")
    beyond = f"{first}\U0010ffff" if name.endswith("*") else f"{first}\x01"
    values: dict[str, Any] = {"first": first, "beyond": beyond, "low": low, "before": before}
    few = {row[0] for row in reader.rows(_SQL["named_in_claimed"], values)}
    if first == name:
        filed = values | {"name": name, "beginning": name[:10]}
        few.update(row[0] for row in reader.rows(_SQL["filed_as"], filed))
    rows = (row for part in parts for row in reader.rows(_SQL["named_in_part"], values | {"part": part}))
    return heapq.merge(sorted(few, reverse=True), (row[0] for row in rows), reverse=True)


def _each_once(ids: Iterable[int]) -> Iterator[int]:
    """Pass on ids that are in order, each once."""
    return (each for each, _ in itertools.groupby(ids))
