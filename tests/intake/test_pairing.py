"""A PDF of a result file's base name, and a PDF alone: who gets it, who waits for it, and what a crash leaves."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import sys
import time
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from kit.core import documents, head, ready, report, rows, states
from kit.intake import plan
from kit.patients import FAMILY, PATIENT_ID
from msgspec.structs import replace

from intake.test_intake import Station
from lab_sender import files
from lab_sender.config.profile import builtin
from lab_sender.intake import arrivals, batches, claims, pairing
from lab_sender.intake.claims import Claims
from lab_sender.intake.compose import Composer
from lab_sender.intake.pairing import Pairing
from lab_sender.intake.phases import Claimed, Interpreted, Read, Rejected
from lab_sender.journal import Journal
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput

PDF = b"%PDF-1.4 a document\n%%EOF\n"
OTHER = b"%PDF-1.4 another document\n%%EOF\n"
ATTACH = Inputs(pdf=PdfInput(beside="attach"))
WAIT = Inputs(pdf=PdfInput(beside="wait"))
NAMING = report("F1", "1", "scan.pdf")
PDF_OBX = b"^application^pdf^Base64^"
BOTH = pytest.mark.parametrize("inputs", [ATTACH, WAIT], ids=["attach", "wait"])


def files_of(journal: Journal) -> list[tuple[str, str]]:
    return rows(journal, "SELECT name, role FROM file ORDER BY source_id, id")


PAIR = [("F1.hl7", "report"), ("F1.pdf", "attachment")]


# ------------------------------------------------------------------ who gets it


@BOTH
@pytest.mark.parametrize("name", ["F1.hl7", "F1.json"])
@pytest.mark.parametrize("ending", [".pdf", ".PDF"])
def test_the_pdf_that_came_first_goes_with_its_report(
    tmp_path: Path, journal: Journal, inputs: Inputs, name: str, ending: str
) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    station.put(f"F1{ending}", PDF)
    station.look()
    assert station.sources() == []
    station.put(name, ready() if name == "F1.hl7" else report())
    station.look()
    assert documents(journal) == {name: [b64encode(PDF)]}
    assert files_of(journal) == [(name, "report"), (f"F1{ending}", "attachment")]
    assert not list(station.outbox.iterdir())


@BOTH
@pytest.mark.parametrize("endings", [(".hl7", ".pdf"), (".pdf", ".hl7")], ids=["reports first", "documents first"])
def test_of_very_many_files_none_is_given_up_before_all_were_looked_at(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, inputs: Inputs, endings: tuple[str, str]
) -> None:
    """Its document lies in the outbox, behind those whose turn it is, for longer than a report waits."""
    clock = [1000.0]
    for module in (claims, pairing, batches):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(arrivals, "_FIRST", 2)
    monkeypatch.setattr(arrivals, "_AT_ONCE", 3)
    station = Station(tmp_path, journal, inputs=inputs, attachment_wait_s=60.0)
    for number in range(10):
        name, ending = f"F{number % 5}", endings[number // 5]
        path = station.put(name + ending, PDF if ending == ".pdf" else ready(f"M{name}", order=name))
        os.utime(path, (10**9 + number, 10**9 + number))
    station.look(1)
    with monkeypatch.context() as away:  # the share is not there for longer than a report waits
        away.setattr(arrivals.files, "entries", _unreachable)
        for _ in range(2):
            clock[0] += 100
            station.look(1)
    while any(station.outbox.iterdir()):
        station.look(1)
        clock[0] += 100
    station.look(1)
    assert documents(journal) == {f"F{number}.hl7": [b64encode(PDF)] for number in range(5)}


def _unreachable(folder: Path) -> NoReturn:
    raise OSError(errno.EHOSTDOWN, "away", str(folder))


@BOTH
def test_both_at_once(tmp_path: Path, journal: Journal, inputs: Inputs) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    station.put("F1.hl7", ready())
    station.put("F1.pdf", PDF)
    station.look()
    assert documents(journal) == {"F1.hl7": [b64encode(PDF)]}
    (message,) = head(journal)
    assert message.control_id == "M1"
    lines = message.body.split(b"\r")
    assert b"\r".join([*lines[:-2], b""]) == ready()  # no other byte has changed
    start = b"OBX|2|ED|PDF^Display format in PDF^AUSPDI||^application^pdf^Base64^"
    assert lines[-2] == start + b64encode(PDF) + b"||||||F"


def test_nobody_waits_who_was_not_asked_to(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=ATTACH, attachment_wait_s=0.0)
    station.put("F1.hl7", ready())
    station.look()
    assert documents(journal) == {"F1.hl7": []}
    station.put("F1.pdf", PDF)  # too late: not lost, and given to nobody
    station.look()
    assert station.sources() == [("F1.hl7", ""), ("F1.pdf", "attachment.unclaimed")]


def test_a_report_waits_where_the_site_asks_for_it(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=WAIT)
    station.put("F1.hl7", ready())
    station.put("F2.hl7", ready("M2", order="F2"))
    station.put("F2.pdf", OTHER)
    station.look(3)
    assert station.sources() == [("F2.hl7", "")]
    station.put("F1.pdf", PDF)
    station.look()
    assert documents(journal) == {"F2.hl7": [b64encode(OTHER)], "F1.hl7": [b64encode(PDF)]}


@pytest.mark.parametrize("name", ["F1.hl7", "F1.json"])
def test_a_pdf_that_does_not_come(tmp_path: Path, journal: Journal, name: str) -> None:
    station = Station(tmp_path, journal, inputs=WAIT, attachment_wait_s=0.0)
    station.put(name, ready() if name == "F1.hl7" else report())
    station.look()
    assert list(states(journal).values()) == ["quarantined attachment.missing"]


def test_by_default_only_what_is_named_goes_along(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, attachment_wait_s=0.0)
    station.put("F1.hl7", ready())
    station.put("F1.pdf", PDF)
    station.look()
    assert documents(journal) == {"F1.hl7": []}
    assert station.sources() == [("F1.hl7", ""), ("F1.pdf", "attachment.unclaimed")]


@BOTH
def test_several_reports_in_a_file_have_no_pdf_in_common(tmp_path: Path, journal: Journal, inputs: Inputs) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    station.put("F1.pdf", PDF)
    station.put("F1.hl7", ready("M1") + ready("M2", order="F2"))
    station.look()
    assert documents(journal) == {"F1.hl7": []}
    assert len(head(journal)) == 2


@BOTH
def test_a_report_that_names_its_documents_has_only_those(tmp_path: Path, journal: Journal, inputs: Inputs) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    for name, data in (("F1.pdf", OTHER), ("a.pdf", PDF), ("F1.json", report("F1", "1", "a.pdf"))):
        station.put(name, data)
    station.look()
    assert documents(journal) == {"F1.json": [b64encode(PDF)]}


@BOTH
def test_two_reports_of_one_base_name_are_both_refused(tmp_path: Path, journal: Journal, inputs: Inputs) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    station.put("F1.hl7", ready())
    station.put("F1.json", report("F2"))
    station.put("F1.pdf", PDF)
    station.look(3)
    assert sorted(station.sources()) == [(name, "attachment.shared") for name in ("F1.hl7", "F1.json", "F1.pdf")]
    assert head(journal) == []


@BOTH
def test_what_is_no_pdf_is_not_sent_as_one(tmp_path: Path, journal: Journal, inputs: Inputs) -> None:
    station = Station(tmp_path, journal, inputs=inputs)
    station.put("F1.pdf", b"\x00\x01 not whole")
    station.put("F1.hl7", ready())
    station.look()
    assert list(states(journal).values()) == ["quarantined attachment.not-pdf"]
    assert files_of(journal) == PAIR


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="this system knows of no writers")
def test_a_pdf_that_is_being_written_is_waited_for(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=ATTACH)
    with (station.outbox / "F1.pdf").open("wb") as writer:
        writer.write(PDF[:10])
        writer.flush()
        station.put("F1.hl7", ready())
        station.look(3)
        assert station.sources() == []
        writer.write(PDF[10:])
    station.look()
    assert documents(journal) == {"F1.hl7": [b64encode(PDF)]}


def test_a_pdf_that_never_becomes_whole_holds_no_report(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=ATTACH, marker=".ok", attachment_wait_s=0.0)
    for name, data in (("F1.pdf", PDF), ("F1.hl7", ready()), ("F1.hl7.ok", b"")):
        station.put(name, data)
    station.look()
    assert documents(journal) == {"F1.hl7": []}
    assert [path.name for path in station.outbox.iterdir()] == ["F1.pdf"]


@pytest.mark.parametrize(("first", "second", "given"), [("F1", "F2", False), ("F1", "F1", True)])
def test_a_pdf_that_comes_late_is_not_the_next_reports(
    tmp_path: Path, journal: Journal, first: str, second: str, given: bool
) -> None:
    """A site that names every file `result` and writes the PDF last would send each PDF with the next patient's."""
    station = Station(tmp_path, journal, inputs=ATTACH)
    station.put("result.hl7", ready("M1", order=first, value="1"))
    station.look()
    station.put("result.pdf", PDF)
    station.look()
    station.put("result.hl7", ready("M2", order=second, value="2"))
    station.look()
    told = [state for _, state in station.sources()]
    assert sorted(told) == (["", ""] if given else ["", "attachment.shared", "attachment.shared"])
    assert sum(PDF_OBX in body for (body,) in rows(journal, "SELECT body FROM wire")) == given


def test_a_pdf_that_comes_too_late_for_a_report_that_waited_is_not_the_next_ones(
    tmp_path: Path, journal: Journal
) -> None:
    station = Station(tmp_path, journal, inputs=WAIT)
    station.put("result.hl7", ready())
    station.look()
    (each,) = station.intake._batches.waiting
    assert isinstance(each.phase, Interpreted)
    claimed = replace(each.claim, since_s=each.claim.since_s - 600.0)
    station.intake._batches.waiting = [replace(each, phase=replace(each.phase, claim=claimed))]
    station.look()
    assert list(states(journal).values()) == ["quarantined attachment.missing"]
    station.put("result.pdf", PDF)
    station.put("result.hl7", ready("M2", order="F2"))
    station.look(3)
    assert sorted(code for _, code in station.sources()) == ["", "attachment.shared", "attachment.shared"]


def test_a_pair_that_waited_is_not_sent_after_a_newer_report(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=WAIT)
    station.put("old.json", report("F1", "1"))
    station.look()
    station.put("new.json", report("F1", "2"))
    station.put("new.pdf", PDF)
    station.look()
    station.put("old.pdf", PDF)
    station.look(3)
    assert sorted(states(journal).values()) == ["quarantined report.overtaken", "spooled"]


def test_a_pair_dropped_again_is_a_duplicate_but_not_with_another_pdf(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=ATTACH)
    for document in (PDF, PDF, OTHER):
        station.put("F1.pdf", document)
        station.put("F1.hl7", ready())
        station.look()
    assert [state.split()[0] for state, in rows(journal, "SELECT state FROM message ORDER BY id")] == [
        "spooled", "duplicate", "spooled",
    ]  # fmt: skip


@BOTH
def test_a_backlog_is_paired_whatever_the_batches_and_stays_in_order(
    tmp_path: Path, journal: Journal, inputs: Inputs
) -> None:
    """The PDFs are younger than all reports, and there are more of them than a batch holds."""
    station = Station(tmp_path, journal, inputs=inputs)
    for number in range(150):
        name, body = f"F{number}", ready(f"M{number}", order=f"F{number % 75}", value=str(number))
        os.utime(station.put(f"{name}.hl7", body), ns=(10**18, 10**18 + number * 100))
        os.utime(station.put(f"{name}.pdf", b"%%PDF-1.4 %d %%%%EOF" % number), ns=(10**18, 2 * 10**18 + number * 100))
    station.look()
    station.intake._batches.close()
    wanted = {f"F{number}.hl7": [b64encode(b"%%PDF-1.4 %d %%%%EOF" % number)] for number in range(150)}
    assert list(documents(journal).items()) == list(wanted.items())
    assert {*states(journal).values()} == {"spooled"}


# ------------------------------------------------------------------ what pairing returns


class Table:
    """Pairing alone, with what it is given: files that are claimed, read and interpreted."""

    def __init__(self, folder: Path, *, owed: dict[str, list[frozenset[str]]] | None = None, **more: float) -> None:
        self.folder, self.composer = folder, Composer(builtin())
        claims = Claims(folder, folder, largest_file_bytes=1 << 20, taken=lambda _: (), trouble=lambda *_: None)
        found = owed or {}
        self.pairing = Pairing(
            claims, plan(self.composer, **more), outbox=folder, owed=lambda names: {**found} if names else {}
        )
        self.count = 0

    def file(self, name: str, data: bytes) -> Interpreted:
        self.count += 1
        path = self.folder / f"C{self.count}_{name}"
        path.write_bytes(data)
        claim = Claimed(f"C{self.count}", name, str(path), time.monotonic(), size=len(data))
        return Read(claim, data).interpreted(self.composer.interpret(data, name))


def _said(rejected: list[Rejected]) -> list[tuple[str, str]]:
    return [(each.claim.name, each.error.code) for each in rejected]


def test_a_pair_is_one_file_that_goes_on(tmp_path: Path) -> None:
    table = Table(tmp_path)
    alone, naming, document = table.file("a.hl7", ready()), table.file("b.json", NAMING), table.file("scan.pdf", PDF)
    paired = table.pairing.pair([], [alone, naming, document])
    first, second = paired.complete
    assert first is alone
    assert second.said is naming.said
    assert {name: each.data for name, each in second.documents.items() if isinstance(each, Read)} == {"scan.pdf": PDF}
    assert [file.claimed_as for file in second.back().files()] == ["C2_b.json", "C3@C2_scan.pdf"]
    assert (paired.waiting, paired.rejected, naming.documents) == ([], [], {})


def test_who_waits_is_returned_and_served_when_its_document_comes(tmp_path: Path) -> None:
    table = Table(tmp_path)
    paired = table.pairing.pair([], [table.file("b.json", NAMING)])
    (waiting,) = paired.waiting
    assert (paired.complete, paired.rejected, waiting.why) == ([], [], "")
    other = table.pairing.pair([waiting], [table.file("a.hl7", ready())])
    assert ([each.claim.name for each in other.complete], other.waiting) == (["a.hl7"], [])  # it waits on as it is
    served = table.pairing.pair([waiting], [table.file("scan.pdf", PDF)])
    assert [each.claim.name for each in served.complete] == ["b.json"]


def test_what_is_rejected_is_returned_with_its_reason_and_nothing_else_happens(tmp_path: Path) -> None:
    table = Table(tmp_path)
    (waiting,) = table.pairing.pair([], [table.file("1.json", NAMING)]).waiting
    before = sorted(path.name for path in tmp_path.iterdir())
    also, document = table.file("2.json", report("F2", "1", "scan.pdf")), table.file("scan.pdf", PDF)
    paired = table.pairing.pair([waiting], [also, document])
    shared = [(name, "attachment.shared") for name in ("1.json", "2.json", "scan.pdf")]
    assert sorted(_said(paired.rejected)) == shared
    assert all(each.without == {"scan.pdf"} for each in paired.rejected if each.claim.name != "scan.pdf")
    assert (paired.complete, paired.waiting) == ([], [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [*before, "C2_2.json", "C3_scan.pdf"]


def test_a_document_that_is_owed_to_another_report_rejects_this_one(tmp_path: Path) -> None:
    table = Table(tmp_path, owed={"scan.pdf": [frozenset({"somebody else"})]})
    paired = table.pairing.pair([], [table.file("1.json", NAMING), table.file("scan.pdf", PDF)])
    assert _said(paired.rejected) == [("scan.pdf", "attachment.shared"), ("1.json", "attachment.shared")]


def test_of_two_unpaired_documents_of_one_name_the_older_is_rejected(tmp_path: Path) -> None:
    table = Table(tmp_path, attachment_wait_s=0.0)
    older, newer = table.file("scan.pdf", OTHER), table.file("scan.pdf", PDF)
    paired = table.pairing.pair([], [older, newer])
    assert _said(paired.rejected) == [("scan.pdf", "attachment.unclaimed")]
    assert paired.rejected[0].sha256 == hashlib.sha256(OTHER).digest()
    assert [each.sha256 for each in table.pairing.overdue()] == [hashlib.sha256(PDF).digest()]
    assert table.pairing.overdue() == []


def test_a_report_that_has_not_got_all_is_rejected_for_what_is_wrong_with_one(tmp_path: Path) -> None:
    """A document that has been read once is not looked at again: what is wrong with it counts at once."""
    table = Table(tmp_path)
    claim = Claimed("R1", "r.json", str(tmp_path / "R1_r.json"), time.monotonic())
    (tmp_path / "D1@R1_b.json").write_bytes(report("F2"))
    bound = Claimed("D1", "b.json", str(tmp_path / "D1@R1_b.json"), time.monotonic())
    data = report("F1", "1", "b.json", "z.pdf")
    naming = Read(replace(claim, documents=(bound,)), data).interpreted(table.composer.interpret(data, "r.json"))
    paired = table.pairing.pair([], [naming])
    assert _said(paired.rejected) == [("r.json", "attachment.result")]
    assert [file.name for file in paired.rejected[0].claim.files()] == ["r.json", "b.json"]


# ------------------------------------------------------------------ a PDF alone


def test_a_pdf_whose_name_says_whose_it_is(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = Pattern(r"(?P<patient_id>[^_]+)_(?P<family>[^_]+)_(?P<filler>[^_]+)\.pdf")
    station = Station(tmp_path, journal, inputs=Inputs(pdf=PdfInput(name=pattern, beside="wait")))
    station.put(f"{PATIENT_ID}_{FAMILY}_F7.pdf", PDF)
    station.put("unknown.pdf", PDF)
    station.look()
    (message,) = head(journal)
    assert f"|{PATIENT_ID}".encode() in message.body
    assert b"|F7|" in message.body
    assert b64encode(PDF) in message.body
    station.put(f"{PATIENT_ID}_{FAMILY}_F7.hl7", ready("M9"))  # its PDF was a result of its own, and is no companion
    station.look()
    assert [each.control_id for each in head(journal)] == [message.control_id]
    assert len(station.sources()) == 1
    assert PATIENT_ID not in caplog.text


# ------------------------------------------------------------------ crashes


class Died(BaseException):
    """The process is gone."""


def _die_at(monkeypatch: pytest.MonkeyPatch, journal: Journal, k: int) -> None:
    """Let the process die before or after the k-th rename, flush of a folder, or commit."""
    count = itertools.count(1)

    def mortal(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def effect(*values: object, **more: object) -> object:
            if next(count) == k:
                raise Died
            done = real(*values, **more)
            if next(count) == k:
                raise Died
            return done

        monkeypatch.setattr(owner, name, effect)

    mortal(files, "rename")
    mortal(files, "sync_folder")
    mortal(journal.spool, "spooled")


@BOTH
@pytest.mark.parametrize("order", [("F1.hl7", "F1.pdf"), ("F1.pdf", "F1.hl7")], ids=["report", "pdf"])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
def test_killed_at_every_effect_a_pair_stays_a_pair(
    tmp_path: Path, inputs: Inputs, order: tuple[str, str], apart: bool
) -> None:
    """One message with the PDF, or (where nobody waits) one without it and the PDF kept; never two, never none."""
    if inputs is ATTACH and apart and order[0] == "F1.hl7":
        pytest.skip("the report has gone alone")
    data = {"F1.hl7": ready(), "F1.pdf": PDF}
    for k in itertools.count(1):
        folder = tmp_path / str(k)
        (folder / "journal").mkdir(parents=True)
        journal = Journal(folder / "journal" / "journal.db")
        with pytest.MonkeyPatch.context() as monkeypatch:
            station = Station(folder, journal, inputs=inputs)
            _die_at(monkeypatch, journal, k)
            died = False
            for name in order:
                station.put(name, data[name])
                try:
                    if apart or name == order[1]:
                        station.look()
                except Died:
                    died = True
                    station.intake._batches.close()
                    station = Station(folder, journal, inputs=inputs)
                    station.intake._recover()
        station.look()
        Station(folder, journal, inputs=inputs).intake._recover()  # nothing is taken up twice
        assert documents(journal) == {"F1.hl7": [b64encode(PDF)]}, f"died at {k}"
        assert files_of(journal) == PAIR
        assert not list(station.outbox.iterdir())
        assert len(list(station.claimed.iterdir())) == 2
        journal.close()
        if not died:
            assert k > 8
            return


def test_a_pdf_bound_under_another_configuration_is_not_filed_as_sent(tmp_path: Path, journal: Journal) -> None:
    station = Station(tmp_path, journal, inputs=WAIT)
    station.put("F1.hl7", ready())
    station.look()
    (claimed,) = station.claimed.iterdir()
    claim_id = claimed.name.partition("_")[0]
    (station.claimed / f"C9@{claim_id}_F1.pdf").write_bytes(PDF)
    again = Station(tmp_path, journal, attachment_wait_s=0.0)  # `ignore`
    again.intake._recover()
    again.look()
    assert again.sources() == [("F1.hl7", ""), ("F1.pdf", "attachment.unclaimed")]
