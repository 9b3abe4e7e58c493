"""Closed hours: whose clock they go by, over midnight and where that clock is changed."""

from __future__ import annotations

import datetime
import os
import time
import zoneinfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.closed import ClosedHours, closed_until, never_open

UTC = datetime.UTC


def hours(text: str) -> ClosedHours:
    return ClosedHours.model_validate(text)


def at(text: str) -> datetime.datetime:
    """An instant in UTC."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "now", "end"),
    [
        # of one day: the end is open again
        ("00:00-01:00 UTC", "2026-05-04 00:00", "2026-05-04 01:00"),
        ("00:00-01:00 UTC", "2026-05-04 00:59:59.9", "2026-05-04 01:00"),
        ("00:00-01:00 UTC", "2026-05-04 01:00", None),
        ("00:00-01:00 UTC", "2026-05-03 23:59:59", None),
        ("22:00-24:00 UTC", "2026-05-04 23:59", "2026-05-05 00:00"),
        ("22:00-00:00 UTC", "2026-05-04 23:59", "2026-05-05 00:00"),
        # over midnight
        ("23:30-01:00 UTC", "2026-05-04 23:30", "2026-05-05 01:00"),
        ("23:30-01:00 UTC", "2026-05-05 00:59", "2026-05-05 01:00"),
        ("23:30-01:00 UTC", "2026-05-05 01:00", None),
        ("23:30-01:00 UTC", "2026-12-31 23:45", "2027-01-01 01:00"),
        ("12:00-11:59 UTC", "2026-05-05 11:59:30", None),
        # by the clock of a zone: 00:00 in Berlin is 22:00 UTC in summer, 23:00 in winter
        ("00:00-01:00 Europe/Berlin", "2026-05-04 22:30", "2026-05-04 23:00"),
        ("00:00-01:00 Europe/Berlin", "2026-01-04 22:30", None),
        ("00:00-01:00 Europe/Berlin", "2026-01-04 23:30", "2026-01-05 00:00"),
        ("00:00-01:00 Asia/Kolkata", "2026-01-04 18:30", "2026-01-04 19:30"),
        # the clock is put forward, in Berlin on 2026-03-29 at 01:00 UTC from 02:00 to 03:00
        ("01:30-03:30 Europe/Berlin", "2026-03-29 00:30", "2026-03-29 01:30"),
        ("02:30-03:30 Europe/Berlin", "2026-03-29 00:59:59", None),
        ("02:30-03:30 Europe/Berlin", "2026-03-29 01:00", "2026-03-29 01:30"),
        ("01:30-02:30 Europe/Berlin", "2026-03-29 00:59", "2026-03-29 01:00"),
        ("01:30-02:30 Europe/Berlin", "2026-03-29 01:00", None),
        ("02:10-02:50 Europe/Berlin", "2026-03-29 01:00", None),
        ("23:00-06:00 Europe/Berlin", "2026-03-28 22:00", "2026-03-29 04:00"),
        # it is put back, on 2026-10-25 at 01:00 UTC from 03:00 to 02:00: the end is the last time it shows it
        ("02:00-03:00 Europe/Berlin", "2026-10-25 00:00", "2026-10-25 02:00"),
        ("02:00-03:00 Europe/Berlin", "2026-10-25 01:59", "2026-10-25 02:00"),
        ("01:00-02:30 Europe/Berlin", "2026-10-25 00:45", "2026-10-25 01:30"),
        ("02:30-03:00 Europe/Berlin", "2026-10-25 01:15", "2026-10-25 02:00"),
        ("02:30-03:00 Europe/Berlin", "2026-10-25 00:29", None),
        ("23:00-06:00 Europe/Berlin", "2026-10-24 21:00", "2026-10-25 05:00"),
        # a change by half an hour, and one at midnight that leaves out 00:00 to 01:00
        ("01:45-03:00 Australia/Lord_Howe", "2026-10-03 15:30", "2026-10-03 16:00"),
        ("00:15-00:45 Asia/Beirut", "2026-03-28 22:00", None),
        ("23:30-00:30 Asia/Beirut", "2026-03-28 21:45", "2026-03-28 22:00"),
    ],
)
def test_until(written: str, now: str, end: str | None) -> None:
    zone = zoneinfo.ZoneInfo(written.split()[-1])
    for same in (at(now), at(now).astimezone(zone)):
        found = hours(written).until(same)
        assert found == (end and at(end))
        assert found is None or found.tzinfo is UTC, "times of one zone are compared without their fold"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's zone cannot be set for one process")
def test_without_a_zone_it_is_the_clock_of_this_machine(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        begin = at("2026-03-05 00:00")
        for quarter in range(4 * 24 * 7):  # the week of New York's change
            now = begin + datetime.timedelta(minutes=15 * quarter)
            for text in ("23:30-01:15", "01:45-03:00"):
                assert hours(text).until(now) == hours(f"{text} {zone}").until(now), now
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "TZ" not in os.environ or os.environ["TZ"] != zone


ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia")


@examples(300)
@example(121, 1439, "Europe/Berlin", datetime.datetime(2025, 3, 29, 1, 1, tzinfo=UTC))
@given(
    st.integers(0, 1439), st.integers(1, 1439), st.sampled_from(ZONES),
    st.datetimes(datetime.datetime(2025, 1, 1), datetime.datetime(2027, 12, 31), timezones=st.just(UTC)),
)  # fmt: skip
def test_the_clock_decides(begin: int, length: int, zone: str, now: datetime.datetime) -> None:
    """Away from a change the hours are when the clock shows a time in them; whenever they end, they have ended.

    A day has no open minutes where the clock jumps over all of them.
    """
    end = (begin + length) % 1440
    closed = hours(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02} {zone}")
    until = closed_until([closed], now)
    local = now.astimezone(zoneinfo.ZoneInfo(zone))
    far = [(now + datetime.timedelta(hours=each)).astimezone(local.tzinfo).utcoffset() for each in (-30, 30)]
    shown = (local.hour * 60 + local.minute - begin) % 1440
    if far[0] == far[1]:
        assert (until is not None) == (shown < length)
    if until is not None:
        assert now < until <= now + datetime.timedelta(hours=26 if length < 1440 - 60 else 50)
        assert closed_until([closed], until) is None
        assert closed_until([closed], until - datetime.timedelta(seconds=1)) == until


def test_hours_that_follow_one_another_are_one_time() -> None:
    several = (hours("22:00-24:00 UTC"), hours("00:00-02:00 UTC"), hours("01:30-03:00 UTC"), hours("12:00-13:00 UTC"))
    assert closed_until(several, at("2026-05-04 22:30")) == at("2026-05-05 03:00")
    assert closed_until(several, at("2026-05-04 12:30")) == at("2026-05-04 13:00")
    assert closed_until(several, at("2026-05-04 13:00")) is None
    assert closed_until((), at("2026-05-04 13:00")) is None


def test_hours_that_never_end_are_found_in_whatever_zones() -> None:
    assert never_open([hours("00:00-12:00 UTC"), hours("12:00-24:00 UTC")])
    assert never_open([hours("00:00-13:00 UTC"), hours("14:00-02:00 Europe/Berlin")])  # in winter 13:00 UTC
    assert not never_open([hours("00:00-12:00 UTC"), hours("12:01-24:00 UTC")])
    assert not never_open([hours("00:01-00:00 UTC")])


def test_the_ways_to_write_them() -> None:
    written = {"from": "23:30", "to": "1:00", "zone": "Europe/Dublin"}
    for text in ("23:30-01:00 Europe/Dublin", "23:30 - 1:00  Europe/Dublin"):
        assert ClosedHours.model_validate(written) == hours(text)
