"""Nothing overtakes, and a document goes only with its own report.

Faults 88 to 92 and 95. Where time matters it is a clock in our hands; the agent's own process is in two of them.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from intake.test_intake import Station
from kit.core import documents, ready, report, rows, states

from faults.bench import Site
from faults.processes import until
from faults.workload import ready as ready_of
from lab_sender import ids, writers
from lab_sender.config.folders import Folders
from lab_sender.filing.keeper import Keeper
from lab_sender.journal import Journal
from lab_sender.mllp.standin.server import StandIn
from lab_sender.readers import Inputs, PdfInput

ATTACH = Inputs(pdf=PdfInput(beside="attach"))


def pdf(whose: str) -> bytes:
    return f"%PDF-1.4 of {whose}\n%%EOF\n".encode()


class Clock:
    """A clock in our hands; `pass_` turns it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float) -> None:
        self.now_s += seconds


def keep(station: Station) -> None:
    """Let the keeper do all that there is to do, and intake hear of it."""
    sent, quarantine, work = station.outbox / "sent", station.outbox / "quarantine", station.claimed.parent
    folders = Folders(station.outbox, sent, quarantine, work, journal=work)
    keeper = Keeper(station.journal, folders, on_returned=station.intake.returned)
    keeper.stop()
    keeper.run()


def other(order: str, *attachments: str) -> bytes:
    """A report of another patient than kit's."""
    said = json.loads(report(order, "2", *attachments))
    said["patient"] = {"ids": [{"id": "PAT-2"}], "name": {"family": "Other"}}
    return json.dumps(said).encode()


# ------------------------------------------------------------------ order


@pytest.mark.long
def test_fault_88_what_was_dropped_just_before_the_start_goes_first(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    site = make_site(his.port, settle="4s")
    site.drop("0-long-ago.hl7", ready_of("AGO"), order=1)
    site.drop("1-old.hl7", ready_of("OLD", filler="F1", value="7.9"))
    agent = site.start()
    his.wait_for(1)  # the watch stands, and the first look is done
    site.drop("2-new.hl7", ready_of("NEW", filler="F1", value="4.1"))
    site.settle(3)
    assert agent.stop() == 0
    assert [each.control_id for each in his.received] == ["AGO", "OLD", "NEW"]


@pytest.mark.parametrize("asked", [True, False], ids=["local-disk", "share"])
def test_fault_88_a_file_whose_event_was_lost_is_not_overtaken(
    asked: bool, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not asked:
        monkeypatch.setattr(writers, "can_be_asked", lambda _: False)
    clock = Clock()
    station = Station(tmp_path, journal, stands_s=100.0, clock=clock)
    station.put("1-old.hl7", ready("OLD", value="1"))
    station.look(1)
    clock.pass_(60)
    station.put("2-new.hl7", ready("NEW", value="2"))
    station.intake.ring("2-new.hl7")
    station.look(1)
    assert station.sources() == []
    clock.pass_(39)
    station.look(1)
    assert station.sources() == []
    clock.pass_(1)
    station.look(1)
    assert [name for name, _ in station.sources()] == ["1-old.hl7", "2-new.hl7"]


def test_fault_88_a_file_that_grows_for_hours_stops_nobody(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that keeps an old time, and that no system can say is being written."""
    monkeypatch.setattr(writers, "can_be_asked", lambda _: False)
    clock = Clock()
    station = Station(tmp_path, journal, stands_s=100.0, clock=clock)
    log = station.put("0-log.txt", b"line\n")
    for hour in range(5):
        station.put(f"{hour + 1}.hl7", ready(f"M{hour}", order=f"F{hour}"))
        station.intake.ring(f"{hour + 1}.hl7")
        for _ in range(2):  # within one settle of its own arrival the file is taken
            with log.open("ab") as writer:
                writer.write(b"line\n")
            os.utime(log, ns=(10**18, 10**18))
            station.look(1)
            clock.pass_(50)
        station.look(1)
        assert len(station.sources()) == hour + 1
    assert log.exists()


# ------------------------------------------------------------------ the clock


def test_fault_89_a_clock_set_back_over_a_restart_changes_no_order(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path, journal)
    station.put("old.json", report("F1", "1", "scan.pdf"))
    station.look()
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() - 3600 * 10**9)
    station = Station(tmp_path, journal)
    station.intake._recover()
    station.put("new.json", report("F1", "2"))
    station.look()
    assert [name for name, _ in station.sources()] == ["new.json"]
    station.put("scan.pdf", pdf("old"))
    station.look(3)
    assert list(states(journal).values())[1:] == ["quarantined report.overtaken"]


@pytest.mark.parametrize("known_by", ["journal", "claimed"])
def test_fault_89_ids_go_on_from_the_largest(
    known_by: str, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + 3600 * 10**9)
    station = Station(tmp_path, journal)
    station.put("a.json", report("F1", "1", *(["scan.pdf"] if known_by == "claimed" else [])))
    station.look()
    (before,) = [path.name[:20] for path in station.claimed.iterdir()]
    monkeypatch.undo()
    if known_by == "journal":
        for path in station.claimed.iterdir():
            path.unlink()
    station = Station(tmp_path, journal)
    station.intake._recover()
    station.put("b.hl7", ready("M2", order="F2"))
    station.look()
    ((after,),) = rows(journal, "SELECT claim_id FROM source ORDER BY id DESC LIMIT 1")
    assert after > before


# ------------------------------------------------------------------ whose document


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_fault_90_a_named_document_that_comes_late_is_not_the_next_reports(
    restart: bool, tmp_path: Path, journal: Journal
) -> None:
    def station(wait_s: float = 600.0) -> Station:
        made = Station(tmp_path, journal, attachment_wait_s=wait_s)
        made.intake._recover()
        return made

    here = station(0.0)
    here.put("a.json", report("F1", "1", "scan.pdf"))
    here.look()
    assert list(states(journal).values()) == ["quarantined attachment.missing"]
    here = station() if restart else here
    here.put("scan.pdf", pdf("A"))
    here.look()
    here.put("b.json", other("F2", "scan.pdf"))
    here.look(3)
    assert ("b.json", "attachment.shared") in here.sources()
    assert documents(journal) == {}
    with pytest.MonkeyPatch.context() as later:  # both are resolved, and their time is over: the name is free again
        journal.operator.dismiss(1, "resolved")
        for (source_id,) in rows(journal, "SELECT id FROM source WHERE state = 'quarantined'"):
            journal.operator.dismiss_file(source_id, "resolved")
        now = time.time_ns()
        later.setattr(time, "time_ns", lambda: now + 601 * 10**9)
        here = station()
        here.put("scan.pdf", pdf("C"))
        here.put("c.json", other("F3", "scan.pdf"))
        here.look(3)
    assert documents(journal) == {"c.json": [b64encode(pdf("C"))]}


def test_fault_90_the_report_itself_may_have_it_late(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, attachment_wait_s=0.0)
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.look()
    keep(station)
    station = Station(tmp_path, journal)
    journal.operator.release(1)
    keep(station)
    station.look(1)
    station.put("scan.pdf", pdf("A"))
    station.look(3)
    assert documents(journal) == {"a.json": [b64encode(pdf("A"))]}


def test_fault_90_a_companion_that_comes_late_is_not_the_next_reports_after_a_restart(
    tmp_path: Path, journal: Journal
) -> None:
    station = Station(tmp_path, journal, inputs=ATTACH)
    station.put("r1.hl7", ready("M1", order="F1"))
    station.look()
    station = Station(tmp_path, journal, inputs=ATTACH)
    station.intake._recover()
    station.put("r1.pdf", pdf("A"))
    station.look()
    station.put("r1.hl7", ready("M2", order="F2", patient="PAT-2"))
    station.look(3)
    assert documents(journal) == {"r1.hl7": []}
    assert sorted(code for _, code in station.sources()) == ["", "attachment.shared", "attachment.shared"]


@pytest.mark.parametrize("marker", ["", ".ok"])
def test_fault_90_95_a_released_report_gets_its_own_attachments(
    marker: str, tmp_path: Path, journal: Journal
) -> None:
    """They go by its claim, whatever has their names in the outbox by now; and no marker is asked for again."""
    station = Station(tmp_path, journal, marker=marker, attachment_wait_s=0.0)

    def put(name: str, data: bytes) -> None:
        station.put(name, data)
        if marker:
            station.put(name + marker, b"")

    put("scan.pdf", pdf("A"))
    put("a.json", report("F1", "1", "scan.pdf", "photo.pdf"))
    station.look(3)
    assert list(states(journal).values()) == ["quarantined attachment.missing"]
    keep(station)
    station = Station(tmp_path, journal, marker=marker, stands_s=100.0)
    for name, data in (("scan.pdf", pdf("B")[:8]), ("a.json", b"the producer's next")):  # just being written
        (station.outbox / name).write_bytes(data)
        os.utime(station.outbox / name, ns=(10**18 * 3,) * 2)
    journal.operator.release(1)
    keep(station)
    station.look(1)
    assert documents(journal) == {}  # it waits for the photo
    put("photo.pdf", pdf("A's photo"))
    station.intake.ring("photo.pdf")
    station.look(3)
    assert documents(journal) == {"a.json": [b64encode(pdf("A")), b64encode(pdf("A's photo"))]}
    assert (station.outbox / "scan.pdf").exists()


def test_fault_95_a_released_file_needs_no_marker(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port, marker="'.ok'")
    agent = site.start()
    (site.outbox / "bad.json").write_bytes(b"{")
    (site.outbox / "bad.json.ok").touch()
    site.settle(1)
    (site.quarantine / "bad.json").write_bytes(ready_of("MENDED"))
    with site.operator() as operator:
        operator.release_file(1)
    his.wait_for(1)
    site.settle(2)
    assert agent.stop() == 0
    assert list(site.sent) == ["bad.json"]
    assert not [path for path in site.outbox.iterdir() if path.is_file()]


@pytest.mark.parametrize("asked", [True, False], ids=["local-disk", "share"])
def test_fault_91_no_document_is_given_away_while_an_older_file_settles(
    asked: bool, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not asked:
        monkeypatch.setattr(writers, "can_be_asked", lambda _: False)
    clock = Clock()
    station = Station(tmp_path, journal, stands_s=100.0, clock=clock)
    station.put("F1.json", report("F1", "1", "scan.pdf"))
    station.intake.ring("F1.json")
    station.look(1)
    station.put("F2.json", other("F2", "scan.pdf"))
    station.put("scan.pdf", pdf("F2"))
    for _ in range(6):
        station.intake.ring("scan.pdf")
        station.look(1)
        clock.pass_(30)
    assert documents(journal) == {}
    assert sorted(station.sources()) == [(name, "attachment.shared") for name in ("F1.json", "F2.json", "scan.pdf")]


def test_fault_91_of_a_backlog_nobody_gets_the_last_ones_document(tmp_path: Path, journal: Journal) -> None:
    """200 reports wait that all name `scan.pdf`; only the last one's is still there."""
    station = Station(tmp_path, journal)
    for number in range(1, 200, 128):
        os.utime(station.put(f"{number}.json", other(f"F{number}", "scan.pdf")), ns=(10**18, 10**18 + number))
    for number in range(2, 129):
        os.utime(station.put(f"{number}.hl7", ready(f"M{number}", order=f"F{number}")), ns=(10**18, 10**18 + number))
    os.utime(station.put("scan.pdf", pdf("the last")), ns=(10**18, 10**18 + 500))
    station.look(3)
    station.intake._batches.close()
    assert all(not found for found in documents(journal).values())
    assert len([code for _, code in station.sources() if code == "attachment.shared"]) == 3


def test_fault_92_where_nobody_can_say_a_document_must_stand_still(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The PDF is another account's: the kernel gives no lease, and so no answer."""
    monkeypatch.setattr(writers, "at_rest_since", lambda *_: None)
    clock = Clock()
    station = Station(tmp_path, journal, stands_s=100.0, clock=clock)
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.intake.ring("a.json")
    station.look(1)
    whole = pdf("A") + b"%" * 200 + b"\n%%EOF\n"
    (station.outbox / "scan.pdf").write_bytes(whole[:30])
    station.look(2)
    clock.pass_(60)
    station.look(2)
    with (station.outbox / "scan.pdf").open("ab") as writer:
        writer.write(whole[30:])
    clock.pass_(60)
    station.look(2)
    assert station.sources() == []
    clock.pass_(100)
    station.look(2)
    assert documents(journal) == {"a.json": [b64encode(whole)]}


def test_fault_92_a_file_that_grew_after_it_was_read_is_not_filed_as_sent(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    """A writer that no system saw goes on after the message has gone: the file lies in quarantine and says so."""
    site = make_site(his.port)
    agent = site.start()
    agent.says("agent.started")
    with site.operator() as operator:
        operator.hold("his", "to have time")
    agent.says("lane.held")
    site.drop("x.hl7", ready_of("FIRST"))
    until(lambda: site.rows("SELECT state FROM message") == [("spooled",)], "the message waits")
    (path,) = site.claimed.glob("*_x.hl7")
    with path.open("ab") as writer:
        writer.write(ready_of("SECOND"))
    with site.operator() as operator:
        operator.resume("his")
    site.settle(1)
    reason = (site.quarantine / "x.hl7.reason.txt").read_text()
    assert reason.startswith("file.grown: ")
    assert "control id FIRST: acked" in reason
    assert list(site.sent) == []
    with site.operator() as operator:
        operator.release_file(1)
    site.settle(2)
    assert agent.stop() == 0
    assert [each.control_id for each in his.received] == ["FIRST", "SECOND"]  # and the first not again
