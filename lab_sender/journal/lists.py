"""Messages and unreadable files, in lists and by what a person calls them.

Holds: `Line`, and the questions that find some.
Promises: newest first; a list costs what it shows, not what the journal has.
Never: shows a message's bytes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from lab_sender.hl7.orders import numbers_in
from lab_sender.journal.database import Address, Reader
from lab_sender.journal.opening import open_reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("lists")
_UNREADABLE: Final = ("quarantined", "dismissed", "withdrawn", "read")
_LIST_OF: Final = {"spooled": "waiting", "sending": "waiting", "quarantined": "quarantined"} | dict.fromkeys(
    ("duplicate", "dismissed", "replaced"), "closed"
)
"""Which statement lists a state's messages, destination by destination."""


class Line(Struct, frozen=True):
    """A message, or an unreadable file (then `message_id` is None), in a list."""

    message_id: int | None
    source_id: int
    name: str
    place_in_file: str
    control_id: str
    state: str
    code: str
    reason: str
    created_ms: int
    final_ms: int | None
    ack_code: str
    ack_ms: float | None
    attempts: int
    may_have_left: bool
    same_as: int | None
    where: str
    his_words: str = ""
    contradicted: str = ""
    replaced_by: int | None = None
    replaces: int | None = None
    destination: str = ""
    outbox: str = ""
    his_code: str = ""
    his_error: str = ""


class Lists:
    """What lists ask, on a reader's connection."""

    def __init__(self, address: Address) -> None:
        self._reader: Reader = open_reader(address)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def lines(
        self,
        *,
        states: Sequence[str] = (),
        limit: int = 50,
        source_ids: Sequence[int] = (),
        destination: str | None = None,
    ) -> list[Line]:
        """Return the newest messages and unreadable files, newest first: of these states, or of these sources.

        Of one `destination` there are messages only: a file that could not be read is nobody's.
        """
        if source_ids:
            values = {"source_ids": json.dumps(list(source_ids)), "most": limit}
            found = self._lines("of_sources", values | {"destination": destination})
            found += self._lines("unreadable_of_sources", values) if destination is None else []
            return _newest((line for line in found if not states or line.state in states), limit)
        found = [] if states else self._newest(limit, destination)
        for state in dict.fromkeys(states):
            found += self._of_state(state, limit, destination)
        for state in _UNREADABLE if destination is None else ():
            if not states or state in states:
                found += self._lines("unreadable", {"state": state, "most": limit})
        return _newest(found, limit)

    def contradicted(self, limit: int, destination: str | None = None) -> list[Line]:
        """Return the newest delivered messages that the HIS has contradicted since, newest first."""
        return self._lines("contradicted", {"most": limit, "destination": destination})

    def message(self, message_id: int) -> Line | None:
        """Return one message."""
        return next(iter(self.these([message_id])), None)

    def file(self, source_id: int) -> Line | None:
        """Return a file that could not be read; None for any other."""
        return next((line for line in self.lines(source_ids=(source_id,)) if line.message_id is None), None)

    def by_control_id(self, control_id: str, destination: str | None = None) -> list[Line]:
        """Return the messages with this control id, newest first; blanks behind it are no part of it.

        Where none has it, those that had it before their bytes were exchanged.
        Like all questions that take a destination: without one it is about all of them.
        """
        return self._by_control_id("by_control_id", control_id, destination) or self._by_control_id(
            "by_former_id", control_id, destination
        )

    def by_any_control_id(self, control_id: str, destination: str | None = None) -> list[Line]:
        """Return the messages that have this control id, and those that had it before, each once."""
        kinds = ("by_control_id", "by_former_id")
        lines = [line for kind in kinds for line in self._by_control_id(kind, control_id, destination)]
        return list({line.message_id: line for line in lines}.values())

    def _by_control_id(self, kind: str, control_id: str, destination: str | None) -> list[Line]:
        return self._lines(kind, {"id": control_id.rstrip(" "), "destination": destination})

    def by_order(self, number: str, *, limit: int, destination: str | None = None) -> list[Line]:
        """Return the newest messages that speak of an order, by its `id^authority` or its id alone.

        The number is OBR-3's, or OBR-2's where that is empty.
        """
        ids = {
            message_id
            for name, key in self._order_keys(number, destination)
            for (message_id,) in self._reader.rows(
                _SQL["of_order"], {"destination": name, "order_key": key, "most": limit}
            )
        }
        return self.these(sorted(ids, reverse=True)[:limit])

    def quarantined_by_number(
        self, number: str, *, limit: int, destination: str | None = None
    ) -> list[Line]:
        """Return messages in quarantine that have this number in ORC-2, ORC-3, OBR-2 or OBR-3, newest first.

        The ledger knows one number of an order; an operator may have the other. The bytes are looked into, one
        message at a time.
        """
        part = number.partition("^")[0]
        sought = part.encode() if part.isascii() else b""
        found: list[int] = []
        for name in self.destinations() if destination is None else (destination,):
            with self._reader.reading() as db:
                bodies = db.execute(_SQL["quarantined_bytes"], {"destination": name})
                ids = (each for each, body in bodies if sought in body and has_number(body, number))
                found += itertools.islice(ids, limit)
        return self.these(sorted(found, reverse=True)[:limit])

    def by_name(self, name: str, *, limit: int) -> list[Line]:
        """Return what became of the newest files whose report had this name in the outbox, or has it now."""
        found = {row[0] for row in self._reader.rows(_SQL["named_in_claimed"], {"name": name})}
        filed = {"name": name, "beginning": name[:10]}
        found.update(row[0] for row in self._reader.rows(_SQL["filed_as"], filed))
        part, before = self._last_part(), len(found)
        while part >= 0 and len(found) < before + limit:
            asked = {"part": part, "name": name, "most": limit}
            found.update(row[0] for row in self._reader.rows(_SQL["named_in_part"], asked))
            part -= 1
        newest = sorted(found, reverse=True)[:limit]
        return self.lines(source_ids=newest, limit=limit) if newest else []

    def destinations(self) -> list[str]:
        """Return the destinations that the journal has messages for."""
        return [row[0] for row in self._reader.rows(_SQL["destinations"])]

    def _order_keys(self, number: str, destination: str | None) -> list[tuple[str, str]]:
        """Return, with its destination, each key that an order of this number has."""
        rows = self._reader.rows(_SQL["order_keys"], {"number": number, "destination": destination})
        return [(str(name), str(key)) for name, key in rows]

    def _last_part(self) -> int:
        rows = self._reader.rows(_SQL["last_part"])
        return -1 if not rows or rows[0][0] is None else int(rows[0][0])

    def _newest(self, limit: int, destination: str | None) -> list[Line]:
        if destination is None:
            return self._lines("newest", {"most": limit})
        here = {"most": limit, "destination": destination}
        return [*self._lines("newest_here", here), *self._lines("closed", here | {"state": "duplicate"})]

    def _of_state(self, state: str, limit: int, destination: str | None) -> list[Line]:
        if state == "acked" and destination is None:
            return self._lines("acked", {"most": limit})
        if state == "acked":
            return self._lines("acked_here", {"most": limit, "destination": destination})
        if state not in _LIST_OF:
            return []
        name = _LIST_OF[state]
        asked = {"most": limit} if name == "quarantined" else {"state": state, "most": limit}
        found = list[Line]()
        for each in self.destinations() if destination is None else (destination,):
            found += self._lines(name, asked | {"destination": each})
        return found

    def these(self, ids: Sequence[int]) -> list[Line]:
        """Return these messages, newest first."""
        return self._lines("these", {"ids": json.dumps(list(ids))})

    def _lines(self, name: str, values: dict[str, Any]) -> list[Line]:
        return [Line(*row) for row in self._reader.rows(_SQL[name], values)]


def has_number(body: bytes, number: str) -> bool:
    """Say whether a message has this number of an order, by its `id^authority` or its id alone."""
    return any(f"{key}^".startswith(f"{number}^") for key in numbers_in(body))


def _newest(lines: Iterable[Line], limit: int) -> list[Line]:
    in_order = sorted(lines, key=lambda line: (line.created_ms, line.source_id, line.message_id or 0))
    return in_order[::-1][:limit]
