"""Figures by the minute: counted in memory, in the journal a moment later, and never double or lost by a failure."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
from kit.fixtures import SQLITE_ONLY

from lab_sender.journal import Journal, JournalUnavailable, MinuteRow, View
from lab_sender.journal.minutes import Minutes, Sum


def _rows(journal: Journal) -> list[MinuteRow]:
    with closing(View(journal.store.path)) as view:
        return view.minutes(0)


def test_each_minute_destination_and_outcome_has_its_number_and_its_time(journal: Journal) -> None:
    clock = [6000.0]
    minutes = Minutes(journal.store, lambda: clock[0])
    minutes.count("his", "delivered", 2.0)
    minutes.count("his", "delivered", 3.0)
    minutes.count("portal", "refused", 7.0)
    minutes.flush(at_once=True)
    minutes.count("his", "delivered", 1.0)
    clock[0] += 59.0
    minutes.count("his", "quarantined")
    clock[0] += 1.0
    minutes.count("his", "delivered", 4.0)
    minutes.flush(at_once=True)
    assert _rows(journal) == [
        (100, "his", "delivered", 3, 6.0), (100, "his", "quarantined", 1, 0.0), (100, "portal", "refused", 1, 7.0),
        (101, "his", "delivered", 1, 4.0),
    ]  # fmt: skip
    with closing(View(journal.store.path)) as view:
        assert view.sums(100)["his", "delivered"] == Sum(4, 10.0)
        assert [each.destination for each in view.minutes(100, "portal")] == ["portal"]
        assert view.minutes(101) == [(101, "his", "delivered", 1, 4.0)]


def test_one_upsert_a_second_and_none_where_nothing_was_counted(journal: Journal) -> None:
    minutes = journal.minutes
    minutes.flush()
    assert _rows(journal) == []
    minutes.count("his", "delivered")
    minutes.flush()
    minutes.count("his", "delivered")
    minutes.flush()  # within the second
    assert [each.n for each in _rows(journal)] == [1]
    minutes.flush(at_once=True)
    assert [each.n for each in _rows(journal)] == [2]


@SQLITE_ONLY
def test_what_was_counted_is_written_when_the_journal_is_closed(journal: Journal) -> None:
    path = journal.store.path.with_name("other.db")
    with closing(Journal(path)) as other:
        other.minutes.count("his", "unknown", 5.0)
    with closing(View(path)) as view:
        assert [each[1:] for each in view.minutes(0)] == [("his", "unknown", 1, 5.0)]


@SQLITE_ONLY
def test_a_journal_that_is_locked_keeps_the_counts_for_later(journal: Journal) -> None:
    journal.store.connection.execute("PRAGMA busy_timeout = 0")
    journal.minutes.count("his", "delivered")
    with closing(sqlite3.connect(journal.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable):
            journal.minutes.flush(at_once=True)
        journal.minutes.count("his", "delivered")
        other.execute("ROLLBACK")
    journal.minutes.flush(at_once=True)
    assert [each.n for each in _rows(journal)] == [2]


def test_what_is_counted_while_it_is_flushed_is_counted_once(journal: Journal) -> None:
    def count() -> None:
        for _ in range(2000):
            journal.minutes.count("his", "delivered", 1.0)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        journal.minutes.flush(at_once=True)
    journal.minutes.flush(at_once=True)
    assert sum(each.n for each in _rows(journal)) == 6000
    assert sum(each.ms for each in _rows(journal)) == 6000.0


@pytest.mark.parametrize(
    ("times_ms", "within"),
    [
        ([], None), ([0.2], 1.0), ([1.0], 1.0), ([1.1], 1.3), ([10.0] * 19 + [5000.0], 10.0),
        ([10.0] * 18 + [5000.0] * 2, 5011.9),
    ],
)
def test_how_long_nearly_all_acks_take(journal: Journal, times_ms: list[float], within: float | None) -> None:
    """95 of 100 came within that time; the bound of a bucket is at most a quarter above it."""
    minutes = Minutes(journal.store, lambda: 6000.0)
    for ms in times_ms:
        minutes.count("his", "delivered", ms)
    minutes.count("his", "refused", 90_000.0)
    minutes.flush(at_once=True)
    minutes.flush(at_once=True)
    with closing(View(journal.store.path)) as view:
        assert view.acks_within_ms(100, 0.95) == ({} if within is None else {"his": within})
        assert view.acks_within_ms(101, 0.95) == {}


def test_how_long_acks_took_is_kept_for_two_days(journal: Journal) -> None:
    clock = [6000.0]
    minutes = Minutes(journal.store, lambda: clock[0])
    for at_s in (6000.0, 6000.0 + 86_400, 6060.0 + 3 * 86_400):
        clock[0] = at_s
        minutes.count("his", "delivered", 5.0)
        minutes.flush(at_once=True)
    with journal.store.reading() as db:
        assert [row[0] for row in db.execute("SELECT minute FROM ack_time")] == [101 + 3 * 24 * 60]
    assert len(_rows(journal)) == 3, "the figures stay"
