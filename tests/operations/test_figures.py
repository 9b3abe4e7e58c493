"""What the past says of the future: when a disk is full, and when a file was expected."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pytest

from lab_sender.config.alerts import NoFiles
from lab_sender.journal import Free, Journal, View
from lab_sender.journal.room import Room
from lab_sender.operations.figures import full_in_s

HOUR_MS = 3_600_000
GB = 10**9
NOW_MS = 1_790_000_000_000


def _room(*hourly_gb: float) -> list[Free]:
    first_ms = NOW_MS - (len(hourly_gb) - 1) * HOUR_MS
    return [Free(first_ms + number * HOUR_MS, int(free * GB)) for number, free in enumerate(hourly_gb)]


@pytest.mark.parametrize(
    ("room", "hours"),
    [
        (_room(), None),
        (_room(100), None),
        (_room(*(100 - each for each in range(10))), None),
        (_room(*(100 - each for each in range(25))), 76),
        (_room(*(100 - each for each in range(97))), 4),
        (_room(*(100 + each for each in range(97))), None),
        (_room(*[100] * 97), None),
        (_room(*[100] * 12, *[50] * 13), None),
        (_room(*(500 - 5 * each for each in range(48)), *[265] * 26), None),
    ],
    ids=["nothing", "one", "too short", "a day", "four days", "grows", "steady", "one file", "it has ended"],
)
def test_when_a_disk_is_full_if_it_goes_on(room: list[Free], hours: float | None) -> None:
    found = full_in_s(room)
    assert found is None if hours is None else found is not None and math.isclose(found / 3600, hours, rel_tol=0.01)


def test_an_agent_notes_the_room_once_an_hour_for_four_days(tmp_path: Path) -> None:
    path, at_ms, free = tmp_path / "journal.db", [NOW_MS], [100]
    journal = Journal(path)
    room = Room(journal.store, clock_ms=lambda: at_ms[0], free=lambda _: free[0])
    view = View(path)
    try:
        for _ in range(3):
            room.look(tmp_path)
        assert view.room() == [Free(NOW_MS, 100)]
        again = Room(journal.store, clock_ms=lambda: at_ms[0], free=lambda _: free[0])
        again.look(tmp_path)
        assert view.room() == [Free(NOW_MS, 100)], "nor does the agent after it"
        for hour in range(1, 121):
            at_ms[0], free[0] = NOW_MS + hour * HOUR_MS, 100 + hour
            room.look(tmp_path)
        assert (len(view.room()), view.room()[0].bytes, view.room()[-1].bytes) == (97, 124, 220)
        at_ms[0] = NOW_MS
        room.look(tmp_path)
        assert [each.at_ms for each in view.room()] == [NOW_MS], "a clock that was set back"
    finally:
        view.close()
        journal.close()


def test_a_disk_that_cannot_be_asked_is_left_out(tmp_path: Path) -> None:
    def fails(_: Path) -> int:
        raise OSError(5, "it is away")

    journal = Journal(tmp_path / "journal.db")
    try:
        Room(journal.store, free=fails).look(tmp_path)
        journal.room.look(tmp_path)
    finally:
        journal.close()
    view = View(tmp_path / "journal.db")
    assert len(view.room()) == 1
    view.close()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-27T12:00", True),
        ("2026-11-27T09:00", True),
        ("2026-11-27T08:50", False),
        ("2026-11-27T18:10", False),
        ("2026-11-28T12:00", False),
        ("2026-11-30T01:00", False),
    ],
    ids=["noon", "two hours open", "not yet", "closed", "a Saturday", "a night"],
)
def test_a_file_is_expected_in_the_hours_and_on_the_days_of_the_site(now: str, expected: bool) -> None:
    usual = NoFiles.model_validate(
        {"after": "2h", "not_in": "18:00-07:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
    )
    at = datetime.datetime.fromisoformat(now).astimezone()
    assert usual.expected_s(at) == (7200.0 if expected else None)
    assert NoFiles().expected_s(at) is None
    assert NoFiles.model_validate("2h").expected_s(at) == 7200.0
