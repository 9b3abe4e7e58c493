"""The section `retention`: off unless it is written, and no period that is not safe."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lab_sender.config.load import Config, ConfigError, load

DAY_S = 86_400.0
BEGIN = "outbox: o\nhis: {host: localhost, port: 1}\n"


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(BEGIN + text, encoding="utf-8")
    return load(path, {})


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    return [each.describe("c") for each in caught.value.mistakes]


@pytest.mark.parametrize("text", ["", "retention:\n", "retention:\n  # content: 90d\n", "retention: null\n"])
def test_it_is_off_unless_something_is_written(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).retention is None


def test_its_defaults(tmp_path: Path) -> None:
    made = read(tmp_path, "retention: {}\n").retention
    assert made is not None
    days = [each / DAY_S for each in (made.content_s, made.sent_s, made.dismissed_s, made.record_s, made.audit_s)]
    assert days == [90, 30, 365, 730, 2190]
    assert (made.window.begin_min, made.window.end_min, made.window.zone) == (120, 300, "")
    assert made.archive is None


def test_periods_are_days_weeks_years_or_never(tmp_path: Path) -> None:
    text = "content: 12w, sent: 1D, dismissed: 2 y, record: Never, audit: never, window: 22:00-04:00 Europe/Dublin"
    made = read(tmp_path, f"retention: {{{text}, archive: arch}}\n").retention
    assert made is not None
    assert [made.content_s / DAY_S, made.sent_s / DAY_S, made.dismissed_s / DAY_S] == [84, 1, 730]
    assert (made.record_s, made.audit_s) == (math.inf, math.inf)
    assert (made.window.begin_min, made.window.zone) == (1320, "Europe/Dublin")
    assert made.archive == tmp_path / "arch"


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    text = """retention:
  content: 6d
  sent: 30
  dismissed: 3m
  record: 89d
  audit: soon
  window: 02:00-02:00
  archiv: x
"""
    unsafe = "a shorter one is not safe: docs/AUDITOR.md says why"
    example = "for example 90d; its units are d, w, y (365 days); or never"
    assert mistakes(tmp_path, text) == [
        f"c line 4: retention.content: must be at least 7d (found 6d); {unsafe}",
        f"c line 5: retention.sent: has no unit; must be a period of days (found 30); {example}",
        f"c line 6: retention.dismissed: has an unknown unit; must be a period of days (found 3m); {example}",
        f"c line 7: retention.record: must be at least 90d (found 89d); {unsafe}",
        f"c line 8: retention.audit: must be a period of days (found soon); {example}",
        "c line 9: retention.window.to: must begin and end at two times of the day;"
        " for example 23:30-01:00, or with a zone: 23:30-01:00 Europe/Dublin",
        "c line 10: retention.archiv: unknown key; did you mean 'archive'?",
    ]


@pytest.mark.parametrize("name", ["content", "sent", "dismissed"])
def test_the_record_outlives_what_it_is_the_record_of(tmp_path: Path, name: str) -> None:
    expected = f"c line 5: retention.record: is shorter than retention.{name}; raise it, or lower {name}"
    assert mistakes(tmp_path, f"retention:\n  {name}: never\n  record: 5y\n") == [expected]


def test_the_audit_outlives_the_record(tmp_path: Path) -> None:
    expected = "c line 4: retention.audit: is shorter than retention.record; raise it, or lower record"
    assert mistakes(tmp_path, "retention:\n  audit: 1y\n") == [expected]


@pytest.mark.parametrize("archive", ["o", "o/archive", "o/sent/archive", "w", "w/x", "."])
def test_the_archive_is_apart_from_all_other_folders(tmp_path: Path, archive: str) -> None:
    (found,) = mistakes(tmp_path, f"folders: {{work: w}}\nretention:\n  archive: {archive}\n")
    assert found.startswith("c line 5: retention.archive: lies in the folder of ")
