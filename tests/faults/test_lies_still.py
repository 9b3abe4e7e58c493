"""Nothing lies still unseen, and no half document goes out.

Faults 94 and 96 to 98.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from intake.test_intake import Station
from kit.core import ready, report, rows, states
from kit.intake import section
from kit.system import WINDOWS

from faults.bench import Site
from faults.processes import until
from faults.test_arrivals import documents
from faults.workload import ready as ready_of
from lab_sender.cli.main import main
from lab_sender.config.profile import builtin
from lab_sender.config.sections import TEMPORARY
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.compose import Composer
from lab_sender.intake.names import Names
from lab_sender.journal import Journal
from lab_sender.mllp.standin.server import StandIn
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput

WHOLE = b"%PDF-1.4 a document\n%%EOF\n"
CUT = WHOLE[:12]
QUICK = {"settle": "10ms", "attachment_wait": "100ms"}
"""What lies for longer than 100 ms is worth a warning."""


# ------------------------------------------------------------------ cut documents


def test_fault_94_a_cut_pdf_waits_for_a_whole_one_and_goes_with_it(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal)
    station.put("a.json", report("F1", "1", "scan.pdf"))
    station.put("scan.pdf", CUT)
    station.look(3)
    assert station.sources() == []
    station.put("scan.pdf", WHOLE)
    station.look(3)
    assert documents(journal) == {"a.json": [b64encode(WHOLE)]}
    assert sorted(station.sources()) == [("a.json", ""), ("scan.pdf", "attachment.cut")]


@pytest.mark.parametrize("beside", ["ignore", "attach", "wait"])
@pytest.mark.parametrize("name", ["F1.json", "F1.hl7"])
def test_fault_94_a_pdf_that_stays_cut_is_not_sent(beside: str, name: str, tmp_path: Path, journal: Journal) -> None:
    if (beside, name) == ("ignore", "F1.hl7"):
        pytest.skip("nothing names it")
    inputs = Inputs(pdf=PdfInput(beside=beside))  # type: ignore[arg-type]
    station = Station(tmp_path, journal, inputs=inputs, attachment_wait_s=0.0)
    station.put("F1.pdf", CUT)
    named = ["F1.pdf"] if beside == "ignore" else []
    station.put(name, ready() if name == "F1.hl7" else report("F1", "1", *named))
    station.look(3)
    assert list(states(journal).values()) == ["quarantined attachment.cut"]
    assert rows(journal, "SELECT name FROM file ORDER BY id") == [(name,), ("F1.pdf",)]


def _inline(document: bytes) -> dict[str, bytes]:
    """A report whose value is the document, and a FHIR resource that holds it."""
    said = json.loads(report())
    value = {"data": b64encode(document).decode(), "type": "application", "subtype": "pdf"}
    said["orders"][0]["results"][0] |= {"type": "ED", "value": value, "unit": ""}
    fhir = {
        "resourceType": "DiagnosticReport", "status": "final", "identifier": [{"value": "F1"}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2"}]},
        "subject": {"reference": "#p"},
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"value": "4711"}]}],
        "presentedForm": [{"contentType": "application/pdf", "data": b64encode(document).decode()}],
    }  # fmt: skip
    return {"own": json.dumps(said).encode(), "fhir": json.dumps(fhir).encode()}


@pytest.mark.parametrize("form", ["own", "fhir"])
@pytest.mark.parametrize("document", [CUT, WHOLE], ids=["cut", "whole"])
def test_fault_94_a_cut_pdf_inside_a_report_is_not_sent_either(form: str, document: bytes) -> None:
    (message,) = Composer(builtin()).interpret(_inline(document)[form], f"a.{form}.json").messages
    assert (message.state, message.code) == (
        ("quarantined", "attachment.cut") if document is CUT else ("spooled", "")
    ), message.reason


def test_fault_94_a_pdf_alone_that_is_cut() -> None:
    inputs = Inputs(pdf=PdfInput(name=Pattern(r"(?P<patient_id>[^_]+)_(?P<filler>[^_]+)\.pdf")))
    (message,) = Composer(builtin(), inputs).interpret(CUT, "4711_F1.pdf").messages
    assert (message.state, message.code) == ("quarantined", "attachment.cut")


def test_fault_94_a_site_may_send_what_is_cut(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port, corrections="{}, attachments: {cut: send}")
    agent = site.start()
    said = json.loads(report("F1", "1", "scan.pdf"))
    site.drop("scan.pdf", CUT)
    site.drop("a.json", json.dumps(said).encode())
    his.wait_for(1)
    site.settle(1)
    assert agent.stop() == 0
    assert b64encode(CUT) in his.received[0].body


# ------------------------------------------------------------------ markers


def test_fault_96_markers_as_people_write_them(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port, marker="'.ok'", **QUICK)
    for number, marker in enumerate(("M0.hl7.ok", "M1.ok", "M2.hl7.OK", "M3.Ok", "")):
        site.drop(f"M{number}.hl7", ready_of(f"M{number}"), order=number)
        if marker:
            (site.outbox / marker).touch()
    agent = site.start()
    site.settle(4)
    assert [each.control_id for each in his.received] == ["M0", "M1", "M2", "M3"]
    assert [path.name for path in site.outbox.iterdir() if path.is_file()] == ["M4.hl7"]
    level, told = _status(site)
    assert (level, told["untaken"]) == (1, {"marker missing": 1})
    assert agent.stop() == 0


def test_fault_96_a_marker_of_the_base_name_completes_all_of_that_name_together(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path, section(settle_s=0.0, marker=".ok", temporary=()))
    for name in ("F1.hl7", "F1.pdf", "F1.ok", "G", "G.hl7", "G.ok"):
        (tmp_path / name).write_bytes(b"x")
    complete = arrivals.complete({"F1.ok", "G.ok"})
    assert {look.name for look in complete} == {"F1.hl7", "F1.pdf", "G"}  # G.ok is that of G
    assert arrivals.taken("F1.hl7") == []  # the other one still needs it
    assert arrivals.taken("F1.pdf") == [tmp_path / "F1.ok"]
    assert arrivals.taken("G") == [tmp_path / "G.ok"]


# ------------------------------------------------------------------ what nobody takes


def _command(site: Site, *args: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--config", str(site.folder / "config.yaml"), *args])
    return done.exit_code, done.output


def _status(site: Site) -> tuple[int, dict[str, object]]:
    """`status`, once nothing in the outbox is young any more."""
    until(lambda: all(each["age_s"] > 0.1 for each in _lies(site).values()), "what lies there is old")
    level, told = _command(site, "status", "--json")
    return level, json.loads(told)


def _lies(site: Site) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in json.loads(_command(site, "list", "--outbox", "--json")[1])["entries"]}


def test_fault_97_what_is_never_taken_is_counted_and_told(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port, **QUICK)
    (site.outbox / "ward5" / "deeper").mkdir(parents=True)
    (site.outbox / "ward5" / "a.json").write_bytes(report())
    (site.outbox / "ward5" / "deeper" / "b.json").write_bytes(report())
    (site.outbox / "nothing-in-it").mkdir()
    (site.outbox / "A.json.tmp").write_bytes(b"{")
    (site.outbox / "empty.json").touch()
    if not WINDOWS:
        (site.outbox / "link.json").symlink_to(site.folder / "config.yaml")
    writer = (site.outbox / "open.json").open("wb")
    writer.write(b"{")
    writer.flush()
    site.start().stop()
    level, told = _status(site)
    kinds = {"sub-folder": 1, "temporary": 1, "empty": 1, "settling": 1} | ({} if WINDOWS else {"link": 1})
    assert (level, told["overdue"]) == (2, kinds)  # no agent runs
    lies = _lies(site)
    writer.close()
    assert {name: each["why"] for name, each in lies.items()} == {
        "ward5": "sub-folder", "A.json.tmp": "temporary", "empty.json": "empty", "link.json": "link",
        "open.json": "being written",
    }  # fmt: skip
    assert lies["ward5"]["size"] == 2
    (site.outbox / "open.json").unlink()
    (site.outbox / "empty.json").unlink()
    agent = site.start()
    agent.says("link.up")
    until(lambda: len(agent.events("outbox.untaken")) == 3, "each kind is told")
    assert {each["why"]: each["count"] for each in agent.events("outbox.untaken")} == {
        "sub-folder": 1, "temporary": 1, "link": 1,
    }  # fmt: skip
    assert "A.json" not in agent.log.read_text()
    level, told = _status(site)
    assert level == 1
    assert "3 entries of the outbox are not taken" in str(told["news"])
    shown = _command(site, "list", "--outbox")[1]
    assert "2 files" in shown
    assert "sub-folder" in shown
    assert "ward5" in shown
    assert agent.stop() == 0


LEFT_BEHIND = (
    "F1.lnk", "F1.url", "F1.hl7:Zone.Identifier", "F1.hl7.lck", "F1.hl7.lock", "F1.hl7.swp", "F1.temp",
    "F1.hl7.writing", "F1.download", "F1.hl7.crdownload", "F1.hl7.partial", "R1.hl7.partial.a1b2",
    "R1.hl7.a1b2c3.partial", "F1.hl7.inprogress", "F1.$$$", "F1.hl7~", "#F1.hl7#", "F1.bak", "F1.BAK", "~$F1.docx",
    "F1.hl7.filepart", "F1.hl7.part", "F1.TMP", "F1.hl7.sb-1a2b3c4d-Xyz123", ".F1.hl7.Xq12ab", ".goutputstream-X1",
    "F1.hl7.uploading",
)  # fmt: skip
RESULTS = (
    "F1.hl7", "F1.json", "F1", "F1.txt", "F1.csv", "partial.hl7", "download.json", "lock.hl7", "tmp.csv", "F1~1.hl7",
    "F#1.hl7", "bak.hl7", "4711_F1.pdf", "F1.dat", "F1.xml", "part 1.csv",
)  # fmt: skip


@pytest.mark.parametrize("name", [*LEFT_BEHIND, "desktop.ini", "Desktop.ini", "Thumbs.db"])
def test_fault_98_what_programs_leave_is_no_result(name: str) -> None:
    assert Names(TEMPORARY, "").is_temporary(name)


@pytest.mark.parametrize("name", RESULTS)
def test_fault_98_a_result_is_a_result(name: str) -> None:
    assert not Names(TEMPORARY, "").is_temporary(name)


def test_fault_98_the_agent_leaves_them_alone_and_a_desktops_own_files_worry_nobody(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    site = make_site(his.port, **QUICK)
    for name in ("desktop.ini", "Thumbs.db", ".DS_Store"):
        (site.outbox / name).write_bytes(b"x")
    agent = site.start()
    site.drop("last.hl7", ready_of("LAST"))
    site.settle(1)
    level, told = _status(site)
    assert (level, told["untaken"]) == (0, {})
    (site.outbox / "F1.hl7.partial").write_bytes(ready_of("F1"))
    level, told = _status(site)
    assert (level, told["overdue"]) == (1, {"temporary": 1})
    os.rename(site.outbox / "F1.hl7.partial", site.outbox / "F1.hl7")
    site.settle(2)
    assert agent.stop() == 0
    assert [each.control_id for each in his.received] == ["LAST", "F1"]
