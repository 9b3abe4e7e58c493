"""time_zone: what is taken, and that every answer to what is not leads to the clock that was meant."""

import datetime
import re
import zoneinfo

import pytest

from lab_sender.config.load import ConfigError, load

CONFIG = "outbox: outbox\nhis: {{host: 127.0.0.1, port: 2575}}\nmessage: {{time_zone: '{zone}'}}\n"
WINTER, SUMMER = datetime.datetime(2026, 1, 15, 12), datetime.datetime(2026, 7, 15, 12)


@pytest.fixture
def answer(tmp_path):
    """Load a configuration with a zone; returns what is said of it, "" where it is taken."""

    def answer(zone: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG.format(zone=zone), encoding="utf-8")
        try:
            taken = load(path).message.settings.time_zone
        except ConfigError as error:
            (mistake,) = error.mistakes
            return mistake.describe("c")
        assert taken == zone
        return ""

    return answer


def places(said: str) -> list[str]:
    """The zones that an answer names."""
    return re.findall(r"(?<![\w/])(?:[A-Z][A-Za-z]+/[A-Za-z_/]+(?:[+-]\d+)?|UTC)(?![\w+/-])", said.partition("; ")[2])


def hours(zone: str, at: datetime.datetime) -> float:
    offset = at.replace(tzinfo=zoneinfo.ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset.total_seconds() / 3600


@pytest.mark.parametrize(
    "zone", ["", "UTC", "Europe/Dublin", "America/Argentina/Buenos_Aires", "Etc/GMT-1", "EST5EDT"]
)
def test_a_place_is_taken(answer, zone):
    assert answer(zone) == ""


@pytest.mark.parametrize(
    ("word", "at", "offset"),
    [
        ("CEST", SUMMER, 2), ("MESZ", SUMMER, 2), ("CEDT", SUMMER, 2), ("EDT", SUMMER, -4), ("PDT", SUMMER, -7),
        ("MDT", SUMMER, -6), ("WEST", SUMMER, 1), ("EEST", SUMMER, 3), ("AEDT", WINTER, 11), ("NZDT", WINTER, 13),
        ("AKDT", SUMMER, -8), ("JST", SUMMER, 9), ("MSK", WINTER, 3), ("SAST", WINTER, 2), ("ADT", SUMMER, -3),
    ],
)  # fmt: skip
def test_an_abbreviation_of_one_clock_names_it(answer, word, at, offset):
    said = answer(word)
    assert "is an abbreviation" in said
    (place,) = places(said)
    assert hours(place, at) == offset
    assert answer(place) == ""
    assert answer(word.lower()).endswith(f"write the place: {place}")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("IST", {("Asia/Kolkata", 5.5, 5.5), ("Europe/Dublin", 0, 1), ("Asia/Jerusalem", 2, 3)}),
        ("BST", {("Europe/London", 0, 1), ("Asia/Dhaka", 6, 6)}),
        ("CST", {("America/Chicago", -6, -5), ("America/Costa_Rica", -6, -6), ("America/Mexico_City", -6, -6),
                 ("America/Havana", -5, -4), ("Asia/Shanghai", 8, 8)}),
        ("CDT", {("America/Chicago", -6, -5), ("America/Havana", -5, -4)}),
        ("AST", {("America/Halifax", -4, -3), ("America/Puerto_Rico", -4, -4), ("Asia/Riyadh", 3, 3)}),
        ("PST", {("America/Los_Angeles", -8, -7), ("Asia/Manila", 8, 8)}),
        ("AEST", {("Australia/Sydney", 11, 10), ("Australia/Brisbane", 10, 10)}),
        # the ones that IANA has as zones: their clocks are not those of all who write them
        ("EST", {("America/New_York", -5, -4), ("America/Panama", -5, -5)}),
        ("MST", {("America/Denver", -7, -6), ("America/Phoenix", -7, -7), ("Asia/Kuala_Lumpur", 8, 8)}),
        ("CET", {("Europe/Berlin", 1, 2), ("Africa/Algiers", 1, 1)}),
        ("MEZ", {("Europe/Berlin", 1, 2), ("Africa/Algiers", 1, 1)}),
        ("GMT", {("Europe/London", 0, 1), ("Africa/Abidjan", 0, 0)}),
    ],
)  # fmt: skip
def test_an_abbreviation_of_several_clocks_names_them_all_with_their_hours(answer, word, expected):
    said = answer(word)
    shown = places(re.sub(r" \(UTC[^)]*\)", "", said))
    assert {(each, hours(each, WINTER), hours(each, SUMMER)) for each in shown} == expected
    assert said.count("(UTC") == len(expected)
    assert all(answer(place) == "" for place in shown)


def test_every_abbreviation_of_the_table_leads_to_zones_that_there_are():
    from lab_sender.config.text import zones

    known = zoneinfo.available_timezones()
    for word, named in zones._PLACES_OF.items():
        assert set(named) <= known, word
    assert set(zones._WINDOWS_NAMES.values()) <= known
    assert set(zones._ZONE_OF.values()) <= known


@pytest.mark.parametrize(
    ("word", "offset"),
    [("GMT+1", 1), ("UTC+1", 1), ("UTC-5", -5), ("utc+01:00", 1), ("+02:00", 2), ("-0300", -3), ("GMT+0", 0),
     ("UTC\u22125", -5)],
)  # fmt: skip
def test_an_offset_is_answered_with_a_place_or_the_clock_that_never_changes(answer, word, offset):
    said = answer(word)
    assert "is an offset, which does not say when the clock changes" in said
    example, fixed = places(said)
    assert example == "Europe/Dublin"
    assert hours(fixed, WINTER) == hours(fixed, SUMMER) == offset
    assert answer(fixed) == ""


def test_an_offset_that_iana_has_no_name_for_is_answered_with_a_place(answer):
    assert answer("UTC+5:30").endswith("write the name of a place, for example Europe/Dublin")


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("Europe/Wien", "Europe/Vienna"), ("Europe/Dubln", "Europe/Dublin"), ("Europe/Belin", "Europe/Berlin"),
        ("europe/vienna", "Europe/Vienna"), ("Vienna", "Europe/Vienna"), ("New York", "America/New_York"),
        ("US/New_York", "America/New_York"), ("Germany/Köln", "Europe/Berlin"), ("Asia/Delhi", "Asia/Kolkata"),
        ("Asia/Beijing", "Asia/Shanghai"), ("America/Boston", "America/New_York"), ("Europe/Bern", "Europe/Zurich"),
        ("America/Miami", "America/New_York"), ("Z", "UTC"),
        ("W. Europe Standard Time", "Europe/Berlin"), ("Eastern Standard Time", "America/New_York"),
        ("E. Australia Standard Time", "Australia/Brisbane"),
    ],
)  # fmt: skip
def test_another_name_of_a_place_is_known(answer, word, place):
    said = answer(word)
    assert places(said) == [place], said
    assert answer(place) == ""


@pytest.mark.parametrize("word", ["Europe", "XYZT", "Asia/Dehli", "Europe/Boston", "Africa/Sydney1", "12"])
def test_what_is_near_to_nothing_gets_an_example_and_no_guess(answer, word):
    assert places(answer(word)) == ["Europe/Dublin"], answer(word)
