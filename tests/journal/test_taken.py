"""When a file of each outbox came last: the alarm that none comes depends on it."""

from __future__ import annotations

import contextlib
import json

import pytest
from kit.core import HIS, entry, rows, source

from lab_sender.journal import Address, Journal, View, taken


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "_UNNOTED", 3)


def _came(journal: Journal, outbox: str, *claims: str) -> None:
    for claim in claims:
        journal.spool.spooled([source(claim, entry(f"M{claim}"))._replace(outbox=outbox)], HIS)


def test_an_outbox_keeps_its_time_however_many_come_to_the_others(journal: Journal, address: Address) -> None:
    """An export that has stopped would be forgotten, and its alarm be over, by the files of the others."""
    clock = [0]
    noting = taken.Taken(journal.store, clock_ms=lambda: clock[0])
    _came(journal, "seldom", "C1")
    with contextlib.closing(View(address)) as view:
        at_ms = view.taken_ms()["seldom"]
        _came(journal, "often", *(f"C2{each}" for each in range(9)))
        noting.look()
        assert view.taken_ms()["seldom"] == at_ms
        _came(journal, "often", *(f"C3{each}" for each in range(9)))
        assert view.taken_ms()["seldom"] == at_ms
        clock[0] += 3_600_000
        noting.look()
        assert view.taken_ms()["seldom"] == at_ms


def test_a_file_whose_number_is_seen_late_is_not_passed_over(journal: Journal, address: Address) -> None:
    """Of two processes that spool at once the one with the lower number may be the later one."""
    clock = [0]
    noting = taken.Taken(journal.store, clock_ms=lambda: clock[0])
    _came(journal, "often", "C1", "C2")
    with journal.store.quick() as db:
        db.execute("UPDATE source SET id = 9 WHERE claim_id = 'C2'")
    noting.look()
    with journal.store.quick() as db:
        db.execute("UPDATE source SET id = 8, outbox = 'late' WHERE claim_id = 'C1'")
    with contextlib.closing(View(address)) as view:
        assert set(view.taken_ms()) == {"often", "late"}
        clock[0] += 3_600_000
        _came(journal, "often", "C3")
        noting.look()
        assert set(view.taken_ms()) == {"often", "late"}


def test_looking_holds_up_nobody_for_long(
    journal: Journal, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first note of a journal that was brought up to date looks at its whole history: lanes go on meanwhile."""
    _came(journal, "seldom", "C1")
    _came(journal, "often", *(f"C2{each}" for each in range(6)))
    monkeypatch.setattr(taken, "_PIECE", 2)
    flushed = []
    monkeypatch.setattr(journal.store, "tick", lambda: flushed.append(1))
    taken.Taken(journal.store).look()
    assert len(flushed) == 3  # between four pieces of seven files
    came = dict(rows(journal, "SELECT outbox, MAX(received_ms) FROM source GROUP BY outbox"))
    ((noted,),) = rows(journal, "SELECT value FROM meta WHERE key = 'taken'")
    assert json.loads(noted) == [came, 7]
    with contextlib.closing(View(address)) as view:
        assert view.taken_ms() == came


def test_a_file_that_came_by_a_clock_ahead_counts_until_the_next_one(journal: Journal, address: Address) -> None:
    with contextlib.closing(View(address)) as view:
        _came(journal, "a", "C1")
        with journal.store.quick() as db:
            db.execute("UPDATE source SET received_ms = received_ms + 86400000")
        taken.Taken(journal.store).look()
        ahead_ms = view.taken_ms()["a"]
        _came(journal, "a", "C2")
        assert view.taken_ms()["a"] < ahead_ms
