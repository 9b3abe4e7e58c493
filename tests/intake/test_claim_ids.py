"""Claim ids where the clock is set back: no two files have the same, also when one of them is a released one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kit.ages import OLD, A, correct, house_of, put, read, values
from kit.core import report, rows
from kit.destinations import House

from lab_sender import ids
from lab_sender.journal import Journal

_HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize("is_read_first", [True, False], ids=["read before", "read after"])
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_released_file_and_a_new_one_have_two_claims(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, restarted: bool, is_read_first: bool
) -> None:
    house = house_of(tmp_path, journal, OLD)
    house.accept("a")
    put(house, 2, b"{")
    house.keep()
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() - _HOUR_NS)
    if restarted:
        house = _started(tmp_path, journal)
    correct(house, 2, report("F3", "55.5"))
    journal.operator.release_file(2)
    if is_read_first:
        read(house)
    put(house, 3, report("F2", "99.9"))
    read(house)
    house = _started(tmp_path, journal)
    assert sorted(values(house)) == ["55.5", "99.9"]


def test_what_is_claimed_sorts_behind_a_release_that_is_not_back_yet(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of(tmp_path, journal, b"{")
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + _HOUR_NS)
    correct(house, 1, OLD)
    journal.operator.release_file(1)
    monkeypatch.undo()
    house = _started(tmp_path, journal)
    put(house, 2, report("F2", "99.9"))
    ((returns_as,), (claim_id,)) = rows(
        journal, "SELECT CASE WHEN returns_as <> '' THEN returns_as ELSE claim_id END FROM source ORDER BY id"
    )
    assert claim_id > returns_as


def test_two_sequences_that_go_on_from_the_same_id_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    last = ids.new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    made = {ids.new_id(last) for _ in range(1000)}
    assert len(made) == 1000
    assert min(made) > last


def test_what_another_outbox_claimed_before_is_older(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its intake looks into claimed/ later than this one into its outbox."""
    two = {"one": (A,), "two": (A,)}
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + _HOUR_NS)
    before = House(tmp_path, journal, two)["two"]
    before.put("old.json", OLD)
    before.intake._claims.claim(before.intake._arrivals.complete({"old.json"}))
    monkeypatch.undo()
    house = House(tmp_path, journal, two)
    house["one"].intake._recover()
    house["one"].put("new.json", report("F1", "99.9"))
    house["one"].look()
    house.accept("a")
    house["two"].intake._recover()
    assert rows(journal, "SELECT state, code FROM message ORDER BY id") == [
        ("acked", ""), ("quarantined", "report.overtaken"),
    ]  # fmt: skip


def _started(folder: Path, journal: Journal) -> House:
    house = House(folder, journal, {"one": (A,)})
    house["one"].intake._recover()
    return house
