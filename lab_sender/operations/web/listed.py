"""The rows of a search, as the page lists them.

Holds: `Listed` and `listed`, which asks the journal for each meaning of what was typed.
Promises: a number that is several things is found as each of them, and it is said as what. Patients are asked for
only where they are shown.
Never: asks for more than a page of each meaning.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from lab_sender.errors import LabSenderError
from lab_sender.operations import named
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import search
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.web.asking import KINDS, Query, Way, ways

LIMIT = 50


class Row(NamedTuple):
    """One message, or a file that could not be read; `patient` is empty where it is not shown."""

    entry: Entry
    orders: tuple[str, ...]
    patient: str

    @property
    def path(self) -> str:
        """Where its page is."""
        return path_of(self.entry.id, self.entry.file_id)


class Meaning(NamedTuple):
    """As what something was found: the kind's word, how many at least, and the patient who was looked for."""

    kind: str
    words: str
    number: int
    more: bool
    patient: str


class Listed(NamedTuple):
    """The rows, the newest first; `before` is where the older ones begin. `any_time`: no range was held to."""

    rows: tuple[Row, ...]
    before: str | None
    meanings: tuple[Meaning, ...]
    remarks: tuple[str, ...]
    took_ms: float
    any_time: bool

    @property
    def only(self) -> Row | None:
        """Return the row where there is no other one."""
        return self.rows[0] if len(self.rows) == 1 and self.before is None else None


def path_of(message: int | None, file: int) -> str:
    """Return the page of a message, or of a file that could not be read."""
    return f"/messages/{message}" if message is not None else f"/files/{file}"


def listed(
    installation: Installation, query: Query, *, sees: bool, before: str | None = None, limit: int = LIMIT
) -> Listed:
    """Look it up. Raises NotAsked, NoJournal, UnknownDestination, NoCursor."""
    begun_s = time.monotonic()
    if query.file:
        with installation.view() as view:
            lines = view.lines(source_ids=[int(query.file)], limit=limit)
        rows = rows_of_entries(installation, [entry_of(installation, each) for each in lines], sees=sees)
        return Listed(rows, None, (), (), (time.monotonic() - begun_s) * 1000, any_time=True)
    asked = ways(query, time.time_ns() // 1_000_000, sees=sees)
    found: dict[str, Entry] = {}
    meanings, remarks, going_on = list[Meaning](), list[str](), list[str | None]()
    any_time = [each.any_time for each in asked]
    for way in asked:
        entries, goes_on, said = _of(installation, way, limit, before)
        remarks += [each for each in said if each not in remarks and (entries or goes_on or len(asked) == 1)]
        if entries or goes_on:
            words = KINDS.get(way.kind, "")
            meanings.append(Meaning(way.kind, words, len(entries), goes_on is not None, way.search.patient))
            going_on.append(goes_on)
        found |= {each.ref: each for each in entries}
    newest = sorted(found.values(), key=lambda each: each.received_ms, reverse=True)
    rows = rows_of_entries(installation, newest, sees=sees)
    took_ms = (time.monotonic() - begun_s) * 1000
    if meanings:
        any_time = [each.any_time for each in asked if each.kind in {one.kind for one in meanings}]
    last = going_on[0] if len(going_on) == 1 else None
    return Listed(rows, last, tuple(meanings), tuple(remarks), took_ms, bool(any_time) and all(any_time))


def _of(
    installation: Installation, way: Way, limit: int, before: str | None
) -> tuple[Sequence[Entry], str | None, Sequence[str]]:
    if not way.points:
        page = search(installation, way.search, limit=limit, before=before)
        return page.entries, page.before, page.remarks
    with installation.view() as view:
        try:
            line = named.find(view, way.points, way.search.to)
        except LabSenderError as error:
            if error.code not in ("message.unknown", "word.ambiguous"):
                raise
            return (), None, ()
        return (entry_of(installation, line),), None, ()


def rows_of_entries(installation: Installation, entries: Sequence[Entry], *, sees: bool) -> tuple[Row, ...]:
    """Return entries with what they are about; whom, only where that is shown."""
    ids = [each.id for each in entries if each.id is not None]
    if not ids:
        return tuple([Row(each, (), "") for each in entries])
    with installation.view() as view:
        orders = view.orders_of(ids)
        patients = view.patients_of(ids) if sees else {}
    rows = []
    for each in entries:
        numbers = tuple([named.order_number(key) for key in orders.get(each.id or 0, ())])
        of = patients.get(each.id or 0)
        rows.append(Row(each, numbers, named.order_number(of.patient_key) if of else ""))
    return tuple(rows)
