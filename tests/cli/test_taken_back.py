"""How a wrong result is taken back (docs/OPERATING.md): what goes out as it is, and what a person sees first."""

from __future__ import annotations

import json

import pytest

TEST = {"code": "2345-7", "text": "Glucose", "system": "LN"}


def report(hour: int, status: str, result: str, value: str | None = "4.0", patient: str = "P1") -> bytes:
    """A report of the order F1; `result` is its status by HL7 table 0085."""
    what = {"test": TEST, "value": value, "status": result}
    time = f"2026-11-22T{hour:02}:00:00Z"
    order = {"filler": "F1", "status": status, "collected": "2026-11-22T07:00:00Z", "reported": time, "test": TEST}
    person = {"ids": [{"id": patient, "type": "MR"}], "name": {"family": "A"}}
    return json.dumps(
        {"schema": "lab-result/1", "patient": person, "orders": [order | {"results": [what]}]}
    ).encode()


@pytest.mark.parametrize(
    ("status", "result", "value"),
    [("corrected", "C", "4.4"), ("cancelled", "X", None), ("corrected", "W", "4.0"), ("corrected", "D", None)],
    ids=["another value", "no result", "another patient's", "deleted"],
)
def test_what_the_laboratory_reports_again_goes_out(here, his, status, result, value):
    here("send", here.file("a.json", report(8, "final", "F")))
    here("send", here.file("b.json", report(9, status, result, value)))
    (obx,) = (line for line in his.received[-1].body.split(b"\r") if line.startswith(b"OBX|"))
    assert obx.split(b"|")[11].decode() == result


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (report(9, "final", "F", "4.4"), "correction.silent-change"),
        (report(8, "corrected", "C", "4.4"), "correction.not-advanced"),
        (report(9, "final", "F", "4.0", "P2"), "correction.other-patient"),
    ],
    ids=["no word of a correction", "no later time", "the right patient, by the same number"],
)
def test_what_looks_like_a_mistake_is_seen_by_a_person_first(here, his, second, code):
    here("send", here.file("a.json", report(8, "final", "F")))
    here("send", here.file("b.json", second), exits=1)
    assert [each["code"] for each in here.entries("--quarantined")] == [code]
    assert his.count == 1


def test_nothing_that_we_do_takes_back_what_is_delivered(here):
    here("send", here.file("a.json", report(8, "final", "F")))
    assert "dismiss.not-waiting" in here("dismiss", "F1", "--why", "wrong", exits=1).stderr
