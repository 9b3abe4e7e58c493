"""A new plan comes in force between two rounds, as a whole: nothing is made by a mix of two."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from kit.core import documents, head, ready, report, rows, states, until
from kit.intake import plan

from intake.test_intake import Station
from lab_sender.config.profile import builtin
from lab_sender.files import Look
from lab_sender.intake.compose import Composer
from lab_sender.intake.plan import Plan
from lab_sender.journal import Journal
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput

PDF = b"%PDF-1.4 a document\n%%EOF\n"
WAIT = Inputs(pdf=PdfInput(beside="wait"))
_IN_NO_TIME = {"poll_s": 0.0, "settle_s": 0.0, "largest_file_bytes": 1 << 20, "attachment_wait_s": 600.0}


def named(name: str, inputs: Inputs | None = None, **settings: object) -> Plan:
    """A plan that writes its name into two fields of MSH: a message of two plans would show."""
    profile = builtin(sending_facility=name, receiving_facility=name, corrections={"suspicious": "send"})
    return plan(Composer(profile, inputs), **(_IN_NO_TIME | settings))


def planned_by(journal: Journal) -> dict[str, set[str]]:
    """Name of the file -> the plans that its messages show."""
    found = rows(
        journal,
        "SELECT f.name, w.body FROM file f JOIN message m ON m.source_id = f.source_id JOIN wire w ON"
        " w.message_id = m.id WHERE f.role = 'report' ORDER BY m.id",
    )
    return {name: {text.decode() for text in body.split(b"|")[3:6:2]} for name, body in found}


@pytest.fixture
def station(tmp_path: Path, journal: Journal) -> Iterator[Station]:
    station = Station(tmp_path, journal)
    station.intake.use(named("OLD"))
    station.look()
    yield station
    station.intake._batches.close()


@pytest.mark.parametrize("count", [3, 150, 300], ids=["here", "in the helper", "in several batches"])
def test_files_before_are_built_by_the_old_plan_and_files_after_by_the_new_one(station: Station, count: int) -> None:
    for number in range(count):
        station.put(f"{number}.json", report(f"F{number}"))
    station.look()
    station.intake.use(named("NEW"))
    for number in range(count, 2 * count):
        station.put(f"{number}.json", report(f"F{number}"))
    station.look()
    expected = {f"{number}.json": {"OLD" if number < count else "NEW"} for number in range(2 * count)}
    assert planned_by(station.journal) == expected


def test_a_plan_that_comes_in_a_round_waits_for_its_end(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes when the first batch is spooled: the others were found by the same look."""
    for number in range(300):
        station.put(f"{number}.json", report(f"F{number}"))
    new = named("NEW")
    monkeypatch.setattr(station.intake._batches, "_on_spooled", lambda: station.intake.use(new))
    station.look()
    assert len(planned_by(station.journal)) == 300
    assert set(map(str, planned_by(station.journal).values())) == {"{'OLD'}"}
    station.put("last.json", report("LAST"))
    station.look()
    assert planned_by(station.journal)["last.json"] == {"NEW"}


@pytest.mark.parametrize("order", ["plan first", "document first"])
def test_a_report_that_waits_for_its_document_is_read_anew_by_the_new_plan(station: Station, order: str) -> None:
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.put("b.json", report("F2", "1", "one.pdf", "two.pdf"))
    station.put("one.pdf", PDF + b"one")
    station.look()
    assert planned_by(station.journal) == {}
    if order == "plan first":
        station.intake.use(named("NEW"))
        station.look()
        assert planned_by(station.journal) == {}
    else:
        station.intake.use(named("NEW"))
    for name in ("scan.pdf", "two.pdf"):
        station.put(name, PDF + name.encode())
    station.look(3)
    assert planned_by(station.journal) == {"a.json": {"NEW"}, "b.json": {"NEW"}}
    assert {name: len(each) for name, each in documents(station.journal).items()} == {"a.json": 1, "b.json": 2}
    assert not list(station.outbox.iterdir())


def test_a_wait_that_the_new_plan_does_not_want_is_over(station: Station) -> None:
    station.intake.use(named("OLD", WAIT))
    station.put("F1.hl7", ready())
    station.put("F2.json", report("F2"))
    station.look()
    assert station.sources() == []
    station.intake.use(named("NEW"))
    station.look()
    assert sorted(station.sources()) == [("F1.hl7", ""), ("F2.json", "")]
    assert planned_by(station.journal)["F2.json"] == {"NEW"}  # it had been built already


def test_how_long_a_report_has_waited_counts_on(station: Station) -> None:
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.look()
    station.intake.use(named("NEW", attachment_wait_s=0.0))
    station.look()
    assert list(states(station.journal).values()) == ["quarantined attachment.missing"]


def test_an_unpaired_document_may_be_a_result_by_the_new_plan(station: Station) -> None:
    station.put("4711_F1.pdf", PDF)
    station.look()
    assert station.sources() == []
    alone = Inputs(pdf=PdfInput(name=Pattern(r"(?P<patient_id>[^_]+)_(?P<filler>[^_]+)\.pdf")))
    station.intake.use(named("NEW", alone))
    station.look()
    assert station.sources() == [("4711_F1.pdf", "")]
    assert b64encode(PDF) in head(station.journal)[0].body


def test_an_unpaired_document_still_goes_with_the_report_that_comes_later(station: Station) -> None:
    station.put("scan.pdf", PDF)
    station.look()
    station.intake.use(named("NEW"))
    station.look()
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.look()
    assert documents(station.journal) == {"a.json": [b64encode(PDF)]}


def test_a_report_that_waited_over_a_plan_is_not_sent_after_a_newer_one(station: Station) -> None:
    station.put("old.json", report("F1", "1", "scan.pdf"))
    station.look()
    station.intake.use(named("NEW"))
    station.put("new.json", report("F1", "2"))
    station.look()
    station.put("scan.pdf", PDF)
    station.look(3)
    assert sorted(states(station.journal).values()) == ["quarantined report.overtaken", "spooled"]


def test_limits_markers_and_corrections_are_the_new_plans_too(station: Station) -> None:
    station.put("a.json", report("F1", "1"))
    station.look()
    profile = builtin(sending_facility="NEW", receiving_facility="NEW")  # suspicious: quarantine
    station.intake.use(plan(Composer(profile), **(_IN_NO_TIME | {"marker": ".ok", "largest_file_bytes": 2000})))
    station.put("b.json", report("F1", "2"))
    station.put("large.json", report("F2") + b" " * 2000)
    station.look(3)
    assert station.sources() == [("a.json", "")]
    for name in ("b.json.ok", "large.json.ok"):
        station.put(name, b"")
    station.look()
    assert sorted(station.sources()) == [("a.json", ""), ("b.json", ""), ("large.json", "file.too-large")]
    assert sorted(states(station.journal).values()) == ["quarantined correction.silent-change", "spooled"]


def test_of_two_new_plans_the_last_counts(station: Station) -> None:
    station.intake.use(named("NEVER"))
    station.intake.use(named("NEW"))
    station.put("a.json", report())
    station.look()
    assert planned_by(station.journal) == {"a.json": {"NEW"}}


@pytest.mark.parametrize("ringing", ["a plan", "the keeper", "a stop", "a look"])
def test_who_rings_during_a_look_is_heard_after_it(
    station: Station, monkeypatch: pytest.MonkeyPatch, ringing: str
) -> None:
    intake, rang, ends = station.intake, threading.Event(), threading.Event()
    new = named("NEW", poll_s=3600.0)
    intake.use(named("OLD", poll_s=3600.0))
    look, take_up, looks = intake._arrivals.complete, intake._take_up, list[Collection[str]]()
    rings = {"a plan": lambda: intake.use(new), "the keeper": intake.returned, "a stop": intake.stop}

    def rung_during(closed: Collection[str], meanwhile: Callable[[], Collection[str]]) -> list[Look]:
        looks.append(closed)
        if not rang.is_set():
            rings.get(ringing, intake.ring)()
            rang.set()
        return look(closed, meanwhile)

    def taken_up(**given: bool) -> None:
        take_up(**given)
        if rang.is_set():
            ends.set()

    monkeypatch.setattr(intake._arrivals, "complete", rung_during)
    monkeypatch.setattr(intake, "_take_up", taken_up)
    thread = threading.Thread(target=intake.run)
    thread.start()
    try:
        assert rang.wait(30)
        if ringing == "a plan":
            until(lambda: intake._plan is new)
        elif ringing == "the keeper":
            assert ends.wait(30)
        elif ringing == "a look":
            until(lambda: len(looks) == 2)
        else:
            thread.join(30)
            assert not thread.is_alive()
    finally:
        intake.stop()
        thread.join(30)


def test_a_stop_that_rings_as_a_look_begins_is_heard(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.intake.use(named("OLD", poll_s=3600.0))
    stops = [station.intake.stop]
    monkeypatch.setattr(station.intake, "_beat", lambda _: stops.pop()() if stops else None)
    thread = threading.Thread(target=station.intake.run)
    thread.start()
    thread.join(10)
    try:
        assert not thread.is_alive()
    finally:
        station.intake.stop()
        thread.join(30)


def test_an_intake_at_rest_takes_a_new_plan_at_once(station: Station) -> None:
    resting, new = named("OLD", poll_s=3600.0, settle_s=3600.0), named("NEW", poll_s=3600.0)
    station.intake.use(resting)
    thread = threading.Thread(target=station.intake.run)
    thread.start()
    try:
        until(lambda: station.intake._plan is resting)
        station.intake.use(new)
        until(lambda: station.intake._plan is new)
        station.put("a.json", report())
        station.intake.ring("a.json")
        until(lambda: planned_by(station.journal))
    finally:
        station.intake.stop()
        thread.join(30)
    assert planned_by(station.journal) == {"a.json": {"NEW"}}
