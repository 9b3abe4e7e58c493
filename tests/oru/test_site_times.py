"""The forms of times: by field, with and without offset, cut, converted; and the unknown collection time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.errors import LabSenderError
from lab_sender.oru.times import Clock, NotATimeError
from oru.sites import fields, lines, refused, report, site

DUBLIN = ZoneInfo("Europe/Dublin")
ZONES = ["Europe/Dublin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "UTC"]


@pytest.mark.parametrize(
    ("form", "text", "written"),
    [
        ({}, "2024-08-19T09:30:15-05:00", "20240819093015-0500"),
        ({}, "2024-08-19T09:30", "202408190930+0100"),
        ({"offset": "never"}, "2024-08-19T09:30:15-05:00", "20240819153015"),
        ({"offset": "never"}, "2024-08-19T09:30:15.25Z", "20240819103015.25"),
        ({"offset": "never"}, "2024-08-19T09:30", "202408190930"),
        ({"offset": "never"}, "2024-08-19", "20240819"),
        ({"offset": "always"}, "2024-01-19T09:30", "202401190930+0000"),
        ({"offset": "always"}, "2024-01-19T09:30-05:00", "202401190930-0500"),
        ({"offset": "always"}, "2024-01", "202401"),
        ({"convert": True}, "2024-08-19T23:30:00-05:00", "20240820053000+0100"),
        ({"convert": True}, "2024-08-19T23Z", "2024082000+0100"),
        ({"convert": True}, "2024-10-27T01:30:00Z", "20241027013000+0000"),
        ({"convert": True}, "2024-10-27T00:30:00Z", "20241027013000+0100"),
        ({"precision": "second"}, "2024-08-19T09:30:15.123456+01:00", "20240819093015+0100"),
        ({"precision": "minute"}, "2024-08-19T09:30:59+01:00", "202408190930+0100"),
        ({"precision": "minute"}, "2024-08-19T09+01:00", "2024081909+0100"),
        ({"precision": "minute", "offset": "never"}, "2024-08-19T23:30:59Z", "202408200030"),
        ({"precision": "day"}, "2024-08-19T23:30:00Z", "20240820"),
        ({"precision": "day"}, "2024-08-19T23:30:00", "20240819"),
        ({"precision": "day"}, "2024-08", "202408"),
    ],
)
def test_form(form, text, written):
    assert Clock(DUBLIN, **form).moment(text) == (written, "")


@pytest.mark.parametrize(
    ("zone", "form", "text", "code"),
    [
        (None, {"offset": "never"}, "2024-08-19T09:30+01:00", "time.offset"),
        (None, {"precision": "day"}, "2024-08-19T09:30Z", "time.offset"),
        (None, {"offset": "always"}, "2024-08-19T09:30", "time.offset"),
        ("Asia/Kathmandu", {"convert": True}, "2024-08-19T09+01:00", "time.offset"),
        ("Europe/Dublin", {"offset": "never"}, "2024-03-31T01:30", "time.skipped"),
        ("Europe/Dublin", {"offset": "never"}, "0001-01-01T00:00+14:00", "time.impossible"),
        ("Europe/Dublin", {"offset": "never"}, "1900-01-01T00:00Z", "time.zone"),
    ],
)
def test_a_form_that_a_time_cannot_have(zone, form, text, code):
    with pytest.raises(NotATimeError) as caught:
        Clock(ZoneInfo(zone) if zone else None, **form).moment(text)
    assert caught.value.code == code


def test_never_without_a_zone_leaves_times_that_have_no_offset():
    assert Clock(None, offset="never").moment("2024-08-19T09:30") == ("202408190930", "")


@pytest.mark.parametrize("text", ["2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-27T01:30:00"])
def test_an_hour_that_comes_twice_is_told_where_the_offset_is_left_off(text):
    digits, warning = Clock(DUBLIN, offset="never").moment(text)
    assert digits == "20241027013000"
    assert "twice" in warning


@given(
    st.datetimes(datetime(1973, 1, 1), datetime(2037, 12, 31)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(ZONES),
    st.sampled_from(["keep", "never", "always"]),
    st.booleans(),
)
def test_any_instant_stays_the_same(local, minutes, zone, offset, convert):
    """Whatever the form, what is written is the instant that was read, to the precision of the text."""
    site_zone = ZoneInfo(zone)
    instant = local.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    clock = Clock(site_zone, offset=offset, convert=convert)
    written, warning = clock.moment(instant.isoformat())
    if offset == "never":
        back = datetime.strptime(written, "%Y%m%d%H%M%S").replace(tzinfo=site_zone)
        candidates = {back.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
        assert instant.astimezone(UTC) in candidates
        assert bool(warning) == (len(candidates) == 2)
        return
    back = datetime.strptime(written, "%Y%m%d%H%M%S%z")
    assert back == instant
    assert back.utcoffset() == (instant.astimezone(site_zone) if convert else instant).utcoffset()


@given(st.datetimes(datetime(1973, 1, 1), datetime(2037, 12, 31)), st.sampled_from(["day", "minute", "second"]))
def test_precision_only_cuts(local, precision):
    text = local.replace(tzinfo=UTC).isoformat()
    whole, _ = Clock(ZoneInfo("UTC"), offset="never", precision="second").moment(text)
    cut, _ = Clock(ZoneInfo("UTC"), offset="never", precision=precision).moment(text)
    assert whole.startswith(cut)


def test_forms_by_field():
    builder = site(
        time_zone="Europe/Dublin",
        times={
            "offset": "never",
            "fields": {
                "OBR-22": {"offset": "keep", "precision": "minute"},
                "MSH-7": {"offset": "always"},
                "OBX-5": {"precision": "day"},
            },
        },
    )
    given = report(
        {"observed": "2024-08-19T09:30:15Z", "type": "TS", "value": "2024-08-19T23:30:15Z"},
        reported="2024-08-20T14:12:33.5-05:00",
        collected="2024-08-19T09:30:15Z",
        specimens=[{"id": "S", "type": {"code": "X"}, "collected_until": "2024-08-19T09:40Z"}],
    )
    assert fields(builder, given, "MSH", 6) == ["20261122123045+0000"]  # MSH-7
    assert fields(builder, given, "OBR", 22) == ["202408201412-0500"]
    assert fields(builder, given, "OBR", 7) == ["20240819103015"]
    assert fields(builder, given, "OBX", 14) == ["20240819103015"]
    assert fields(builder, given, "OBX", 5) == ["20240820"]
    assert fields(builder, given, "SPM", 17) == ["20240819103015^202408191040"]


def test_a_time_in_another_zone_is_never_sent_as_the_sites_own():
    builder = site(times={"offset": "never", "fields": {"MSH-7": {"offset": "keep"}}})
    assert fields(builder, report({"observed": "2024-08-19T09:30"}), "OBX", 14) == ["202408190930"]
    assert refused(builder, report({"observed": "2024-08-19T09:30Z"})) == [
        ("time.offset", "orders[0].results[0].observed", "OBX[1]-14")
    ]


def test_the_message_time_obeys_too():
    dublin = site(time_zone="Europe/Dublin", times={"offset": "never"})
    assert fields(dublin, report({}), "MSH", 6) == ["20261122123045"]
    assert fields(site(times={"precision": "minute"}), report({}), "MSH", 6) == ["202611221230+0000"]


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"offset": "never"}, "profile.time-zone"),
        ({"convert": True}, "profile.time-zone"),
        ({"precision": "day"}, "profile.time-zone"),
        ({"fields": {"OBR-3": {"offset": "never"}}}, "profile.field"),
        ({"fields": {"OBR-99": {"offset": "never"}}}, "profile.field"),
        ({"fields": {"SPM-17.1": {"offset": "never"}}}, "profile.field"),
        ({"fields": {"ZZZ-1": {"offset": "never"}}}, "profile.field"),
    ],
)
def test_forms_that_cannot_be_kept(times, code):
    with pytest.raises(LabSenderError) as caught:
        site(times=times)
    assert caught.value.code == code


class TestUnknownCollection:
    REQUIRED = ({"field": "OBX-14"}, {"field": "SPM-17"})
    SPECIMEN = ({"id": "S", "type": {"code": "X"}},)

    def written(self, builder, **order):
        text = report({}, {"observed": "2023"}, specimens=list(self.SPECIMEN), **order)
        return [fields(builder, text, segment, field) for segment, field in (("OBR", 7), ("OBX", 14), ("SPM", 17))]

    def test_empty_by_default(self):
        assert self.written(site(), collected="") == [[""], ["", "2023"], [""]]

    def test_zeros_where_the_profile_says(self):
        builder = site(times={"unknown_collection": "0000"})
        assert self.written(builder, collected="") == [["0000"], ["", "2023"], [""]]

    def test_zeros_in_what_is_required_too(self):
        builder = site(times={"unknown_collection": "0000"}, require=self.REQUIRED)
        assert self.written(builder, collected="") == [["0000"], ["0000", "2023"], ["0000"]]

    def test_a_known_time_is_not_called_unknown(self):
        builder = site(times={"unknown_collection": "0000"}, require=self.REQUIRED[1:])
        assert self.written(builder, collected="2024") == [["2024"], ["", "2023"], ["2024"]]
        two = report({}, collected="")
        two.orders.append(report({}, collected="2024").orders[0])
        assert fields(builder, two, "OBR", 7) == ["0000", "2024"]
        assert "0000" not in lines(builder, report({}))[-2]
