"""What a message goes out with in spite of a warning is not for `preview` only: log, journal, `show`."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.core import ready, report, rows

from intake.test_intake import Station
from lab_sender.errors import Finding
from lab_sender.intake.compose import remarks_of
from lab_sender.journal import Journal, Remark, View

REMARKS = "SELECT message_id, code, place, times FROM remark ORDER BY id"


@pytest.fixture
def station(tmp_path: Path, journal: Journal) -> Station:
    return Station(tmp_path, journal)


def test_the_warnings_of_a_built_message(
    station: Station, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    station.put("a.json", report("F1"))
    with caplog.at_level("INFO", "lab_sender"):
        station.look()
    assert rows(journal, REMARKS) == [(1, "order.time", "orders[0].collected", 2)]
    (told,) = [record.fields for record in caplog.records if record.getMessage() == "file.remark"]
    assert (told["code"], told["place"], told["times"]) == ("order.time", "orders[0].collected", 2)
    view = View(journal.store.path)
    line = view.message(1)
    assert line is not None
    assert [(each.code, each.times) for each in view.remarks(line)] == [("order.time", 2)]
    view.close()


def test_the_remarks_of_ready_hl7(station: Station, journal: Journal) -> None:
    station.put("a.hl7", ready("M1", value="fourteen") + ready("M2"))
    station.look()
    assert rows(journal, REMARKS) == [(1, "hl7.value-type", "message 1", 1)]


def test_what_is_not_sent_has_no_remark(station: Station, journal: Journal) -> None:
    station.put("a.hl7", ready("M1", value="fourteen"))
    station.put("b.hl7", ready("M1", value="fourteen"))
    station.look()
    assert rows(journal, REMARKS) == [(1, "hl7.value-type", "", 1)]


def test_one_remark_for_each_code() -> None:
    found = [Finding("a.b", "Words.", place) for place in ("line 1", "line 2")] + [Finding("c.d", "More.")]
    assert remarks_of(found) == (Remark("a.b", "line 1", "Words.", 2), Remark("c.d", "", "More.", 1))
