"""The audit while others write it, where it cannot be written, and where a year of it was taken away."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from lab_sender.log import Event, listen
from lab_sender.operations import audit as module
from lab_sender.operations.audit import Audit
from lab_sender.operations.records import FileRecords, RecordsUnavailable
from lab_sender.operations.rights_of import Visitor
from web.scene import Scene
from web.test_audit import tamper

ANNA = Visitor(name="anna", role="operator", address="10.0.0.7")


@pytest.fixture
def records(tmp_path: Path) -> FileRecords:
    return FileRecords(tmp_path / "operations.db")


def note_in_year(audit: Audit, year: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp()
    monkeypatch.setattr(module, "now_ms", lambda: round(at * 1000))
    audit.note(ANNA, "login")


@pytest.mark.parametrize("turns", [False, True])
def test_rows_that_others_add_meanwhile_are_no_tampering(
    records: FileRecords, monkeypatch: pytest.MonkeyPatch, turns: bool
) -> None:
    """Also where the year turns while the chain is walked."""
    audit, other = Audit(records), Audit(FileRecords(records.path))
    for _ in range(5):
        note_in_year(audit, 2026, monkeypatch)
    real, begun = module._hash, list[int]()

    def slow(before: bytes, row: dict[str, object]) -> bytes:
        if row["id"] == 3 and not begun:
            begun.append(1)
            note_in_year(other, 2027 if turns else 2026, monkeypatch)
        return real(before, row)

    monkeypatch.setattr(module, "_hash", slow)
    monkeypatch.setattr(module, "_CHUNK", 2)
    verdict = audit.verify()
    assert (verdict.ok, verdict.rows) == (True, 5)
    assert audit.verify().rows == 6


def test_a_year_that_was_taken_away_without_a_row_is_named(
    records: FileRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(records)
    for year in (2026, 2026, 2027, 2027, 2028):
        note_in_year(audit, year, monkeypatch)
    audit.remove_year(ANNA, 2026)
    assert audit.verify().ok
    tamper(records.path, "UPDATE audit_segment SET removed_ms = 1 WHERE year = 2027",
           "DELETE FROM audit WHERE year = 2027", triggers=True)  # fmt: skip
    assert (audit.verify().ok, audit.verify().first_wrong) == (False, 3)


def test_years_that_went_in_good_order_need_the_newest_row_only(
    records: FileRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(records)
    for year in (2026, 2027, 2028):
        note_in_year(audit, year, monkeypatch)
        if year > 2026:
            audit.remove_year(ANNA, year - 1)  # the row that 2026 went stands in 2027, and goes with it
    assert audit.verify().ok
    assert audit.verify().removed_years == (2026, 2027)


def test_what_was_done_is_told_as_done_where_the_audit_cannot_say_so(scene: Scene, program) -> None:
    """It stands there as asked for; the same act asked for again would be a second one."""
    with scene.agent():
        scene.drop_reports(1, 1)
        scene.settled(1)
    operator, said = program("operator"), list[Event]()
    end = listen(said.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.site.audit, "note", _note_and_then_the_disk_is_full(scene.site.audit.note))
        answer = operator.post("/api/v1/acts", json={"act": "resend", "ids": ["1"], "why": "x"})
    end()
    assert answer.status_code == 200
    assert [len(answer.json()[each]) for each in ("done", "rejected")] == [1, 0]
    assert [each.fields["code"] for each in said if each.name == "audit.incomplete"] == ["records.unavailable"]
    (row,) = scene.site.audit.listing(limit=1).rows
    assert (row.act, row.phase) == ("resend", "asked")


def _note_and_then_the_disk_is_full(real):
    def note(*values, **more):
        if more.get("phase") != "asked":
            raise RecordsUnavailable("records.unavailable", "operations.db cannot be written now.")
        return real(*values, **more)

    return note
