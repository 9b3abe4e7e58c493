"""`check --sent`: what was delivered, read again by today's configuration; nothing else happens."""

import sqlite3
from pathlib import Path

import pytest
from kit.system import link

from lab_sender.errors import Finding
from lab_sender.ids import new_id
from lab_sender.operations.tally import MOST_NAMES, Tally

PDF = b"%PDF-1.4 a document\n%%EOF\n"
ATTACH = "inputs:\n  pdf: {beside: attach}\n"
REQUIRE = "message:\n  require: [PID-8]\n"
CSV = "patient_id,accession,code,value,unit,Rack\n4711,{number},K,4.1,mmol/L,{rack}\n"


@pytest.fixture
def sent(here, report, ready):
    """A report with its document, one without, and a ready message have been delivered."""
    here.file("x.pdf", PDF)
    here("send", here.file("a.json", report("F-1", attachment="x.pdf")))
    here("send", here.file("b.json", report("F-2")))
    here("send", here.file("c.hl7", ready("A1")))
    return here


def day_of(here, name: str) -> str:
    (path,) = here.outbox.glob(f"sent/*/{name}")
    return path.parent.name


def codes(told, kind: str = "faults") -> dict[str, tuple[int, list[str]]]:
    return {each["code"]: (each["files"], [Path(name).name for name in each["names"]]) for each in told[kind]}


def test_what_would_go_again_is_well_and_nothing_is_touched(sent, his):
    before, count = sent.tree(), his.count
    told = sent.json("check", "--sent", "30d")
    day = day_of(sent, "a.json")
    assert (told["ok"], told["files"], told["messages"], told["documents"]) == (True, 3, 3, 1)
    assert (told["oldest"], told["newest"], told["faults"], told["not_read"]) == (day, day, [], 0)
    text = sent("check", "--sent", "30d").stdout
    assert f"sent/ of the last 30 days: 3 files and 1 document read, 3 messages, {day}." in text
    assert "nothing of it would be quarantined now." in text
    after = sent.tree()
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert all(name.endswith(("-shm", "-wal", ".lab-sender")) for name in changed), changed
    assert his.count == count


def test_a_rule_that_is_new_names_what_it_would_refuse_and_where_it_stands(sent, his, secret):
    sent.configure(his.port, more=REQUIRE)
    told = sent.json("check", "--sent", "30d", exits=1)
    assert not told["ok"]
    assert told["faulty_files"] == 2
    (group,) = told["faults"]
    assert (group["files"], group["times"], len(group["names"])) == (2, 2, 2)
    assert "config.yaml line 9" in group["text"] + group["hint"]
    shown = sent("check", "--sent", "30d", exits=1).stdout
    assert "2 of 3 files would be quarantined now." in shown
    assert f"{day_of(sent, 'a.json')}/a.json" in shown
    assert "config.yaml line 9" in shown
    assert secret not in shown + str(told)
    sent.configure(his.port)
    sent("check", "--sent", "30d")


def test_a_file_counts_once_for_each_thing_that_settles_it(here, his, report):
    two = f"[{report('F-1')},{report('F-2')}]"
    here("send", here.file("two.json", two))
    here.configure(his.port, more=REQUIRE)
    (group,) = here.json("check", "--sent", "1d", exits=1)["faults"]
    assert (group["files"], group["times"], len(group["names"])) == (1, 2, 1)
    assert "1 file, 2 times" in here("check", "--sent", "1d", exits=1).stdout


def test_what_would_newly_get_a_remark_is_told_on_demand(here, his, report, ready):
    here("send", here.file("b.json", report("F-2")))
    here("send", here.file("c.hl7", ready("A1").replace(b"|||||F\r", b"\r")))
    assert [each["code"] for each in here.json("show", "2")["remarks"]] == ["hl7.no-status"]
    assert codes(here.json("check", "--sent", "30d", "--remarks"), "remarks") == {}
    here.configure(his.port, more="message:\n  expect: [PID-8]\n")
    told = here.json("check", "--sent", "30d", "--remarks")
    assert list(codes(told, "remarks").values()) == [(1, ["b.json"])]
    assert "remark" in here("check", "--sent", "30d", "--remarks").stdout
    assert here.json("check", "--sent", "30d")["remarks"] == []


def test_a_document_is_judged_with_its_report(here, his, report, ready):
    here.configure(his.port, more=ATTACH)
    for name, content in (("r.hl7", ready("A1", "R-1")), ("s.json", report("F-1"))):
        here.file(Path(name).stem + ".pdf", PDF)
        here("send", here.file(name, content))
    here("send", here.file("t.json", report("F-2")))
    told = here.json("check", "--sent", "30d")
    assert (told["files"], told["documents"]) == (3, 2)
    here.configure(his.port, more=ATTACH.replace("attach", "wait"))
    assert codes(here.json("check", "--sent", "30d", exits=1)) == {"attachment.missing": (1, ["t.json"])}
    here.configure(his.port)  # nobody takes the documents any more
    told = here.json("check", "--sent", "30d", exits=1)
    assert {code: (files, sorted(names)) for code, (files, names) in codes(told).items()} == {
        "attachment.unclaimed": (2, ["r.pdf", "s.pdf"])
    }


def test_a_file_under_a_name_that_was_taken_is_read_by_the_one_it_had(here, his):
    named = "inputs:\n  pdf: {name: '(?P<patient_id>[^_]+)_(?P<filler>[^_]+)[.]pdf'}\n"
    here.configure(his.port, more=named + "message:\n  corrections: {suspicious: send}\n")
    for number in range(2):
        here("send", here.file("4711_F1.pdf", PDF.replace(b"document", b"version %d" % number)), exits=None)
    assert len(list(here.outbox.glob("sent/*/4711_F1~*.pdf"))) == 1
    assert here.json("check", "--sent", "30d")["messages"] == 2
    (here.outbox / ".lab-sender" / "journal.db").unlink()  # and where the journal does not know it
    assert here.json("check", "--sent", "30d")["messages"] == 2


def test_a_table_whose_columns_are_read_otherwise_today(here, his):
    for number in range(3):
        here("send", here.file(f"k{number}.csv", CSV.format(number=number, rack="")))
    here.configure(his.port, more="inputs:\n  csv: [{files: 'k*', columns: {Tray: ''}, defaults: {range: 1-2}}]\n")
    here("check", "--sent", "30d")
    here.configure(his.port, more="inputs:\n  csv: [{files: 'k*', columns: {Tray: ward}}]\n")
    told = here.json("check", "--sent", "30d", exits=1)
    assert codes(told) == {"csv.column-missing": (3, ["k0.csv", "k1.csv", "k2.csv"])}
    assert told["faults"][0]["place"] == "row 1"


def test_a_file_that_is_too_large_today(here, his, report):
    here.file("x.pdf", PDF.replace(b"document", b" " * 3000))
    here("send", here.file("a.json", report("F-1", attachment="x.pdf")))
    here("send", here.file("b.json", report("F-2") + " " * 4000))
    here.configure(his.port, intake=", largest_file: 2KiB")
    assert codes(here.json("check", "--sent", "30d", exits=1)) == {
        "attachment.too-large": (1, ["a.json"]), "file.too-large": (1, ["b.json"]),
    }  # fmt: skip


@pytest.mark.long
def test_a_large_file_is_read_as_the_agent_reads_it(here, report):
    here("send", here.file("b.json", report("F-2") + " " * (300 << 10)))
    assert here.json("check", "--sent", "30d")["messages"] == 1


def test_what_is_gone_is_told_and_no_fault(sent):
    (sent.outbox / "sent" / day_of(sent, "b.json") / "b.json").unlink()
    told = sent.json("check", "--sent", "30d")
    assert (told["ok"], told["files"], told["not_there"]) == (True, 2, 1)
    assert "1 file that the journal has there: gone, and not judged." in sent("check", "--sent", "30d").stdout


def test_a_report_whose_document_is_gone_is_not_judged(sent):
    (sent.outbox / "sent" / day_of(sent, "x.pdf") / "x.pdf").unlink()
    told = sent.json("check", "--sent", "30d", exits=1)
    assert (told["faults"], told["not_read"]) == ([], 1)
    assert told["not_read_files"][0]["file"].endswith("/a.json")
    shown = sent("check", "--sent", "30d", exits=1).stdout
    assert "a.json: its document is not there any more, or cannot be read." in shown
    assert "1 file could not be judged." in shown


def test_what_is_no_file_any_more_is_not_judged(sent):
    path = sent.outbox / "sent" / day_of(sent, "b.json") / "b.json"
    path.rename(sent.folder / "away.json")
    path.mkdir()
    told = sent.json("check", "--sent", "30d", exits=1)
    assert [Path(each["file"]).name for each in told["not_read_files"]] == ["b.json"]


def test_a_whole_day_that_was_cleaned_up(sent):
    day = sent.outbox / "sent" / day_of(sent, "b.json")
    day.rename(sent.folder / "archive")
    told = sent.json("check", "--sent", "30d")
    assert (told["ok"], told["files"], told["not_there"], told["oldest"]) == (True, 0, 3, None)
    assert "no file was read" in sent("check", "--sent", "30d").stdout


def test_what_the_journal_does_not_know_is_read_too(sent, report):
    day = sent.outbox / "sent" / day_of(sent, "b.json")
    (day / "mine.json").write_text(report("F-9", attachment="y.pdf"))
    (day / f"y~{new_id()}.pdf").write_bytes(PDF)
    (day / "stray.pdf").write_bytes(PDF)
    (day / "mine.json.tmp").write_text("{")
    (day / "bad.json").write_text("{")
    told = sent.json("check", "--sent", "30d", exits=1)
    assert codes(told) == {"json.syntax": (1, ["bad.json"])}
    assert (told["files"], told["documents"], told["documents_alone"]) == (5, 2, 1)
    assert "1 document whose report nobody knows: not judged." in sent("check", "--sent", "30d", exits=1).stdout


def test_without_a_journal_the_folder_is_read(sent):
    (sent.outbox / ".lab-sender" / "journal.db").unlink()
    told = sent.json("check", "--sent", "30d")
    assert (told["files"], told["messages"], told["documents"], told["not_there"]) == (3, 3, 1, 0)


def test_days_before_are_not_read(sent, report):
    old = sent.outbox / "sent" / "2024-02-29"
    old.mkdir()
    (old / "old.json").write_text(report("F-7"))
    (sent.outbox / "sent" / "notes").mkdir()
    assert sent.json("check", "--sent", "30d")["files"] == 3
    told = sent.json("check", "--sent", "3660d")
    assert (told["files"], told["oldest"]) == (4, "2024-02-29")


def test_a_site_that_has_sent_nothing(here):
    before = here.tree()
    assert here.json("check", "--sent", "30d")["files"] == 0
    assert here.tree() == before


def test_beside_an_agent_that_works(sent, his):
    with sent.agent():
        told = sent.json("check", "--sent", "30d")
        assert told["files"] == 3
    assert his.count == 3


def test_a_journal_of_a_version_before(sent):
    """The new version looks at it before the upgrade; the old one still works with it."""
    with sqlite3.connect(sent.outbox / ".lab-sender" / "journal.db") as db:
        db.execute("DROP TABLE remark")
        for then, now in (("place", "folder"), ("placed_as", "filed_as"), ("planned_place", "planned_folder")):
            db.execute(f"ALTER TABLE file RENAME COLUMN {now} TO {then}")
        db.execute("PRAGMA user_version = 2")
    db.close()
    assert sent.json("check", "--sent", "30d", "--remarks")["files"] == 3
    db = sqlite3.connect(sent.outbox / ".lab-sender" / "journal.db")
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_what_is_not_in_sent_is_not_read(here, his, ready):
    his.answer_by("AR")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    assert here.json("check", "--sent", "30d")["files"] == 0


def test_a_configuration_that_cannot_build_says_so_first(sent, his):
    sent.configure(his.port, more="message: {version: 9}\n")
    assert "message.version" in sent("check", "--sent", "30d", exits=78).stdout
    sent.configure(his.port, more="message: {require: [PID-99]}\n")
    assert "fail" in sent("check", "--sent", "30d", exits=78).output


@pytest.mark.parametrize("days", ["", "0d", "30h", "x", "-1d", "1.5d", "9999d", "1000000"])
def test_what_are_no_days(here, days):
    assert "must be days, such as 30d" in here("check", "--sent", days, exits=2).stderr


def test_options_that_do_not_go_together(here):
    assert "--remarks needs --sent" in here("check", "--remarks", exits=2).stderr
    assert "leave --connect out" in here("check", "--sent", "30d", "--connect", exits=2).stderr


def test_what_two_lines_settle_are_two_groups_and_where_it_stands_in_the_file_makes_none():
    tally = Tally()
    for number in range(3):
        findings = [
            Finding("field.required", "It is needed (c.yaml line 3).", field=f"OBX[{number}]-5", hint="Give it."),
            Finding("field.required", "It is needed (c.yaml line 4).", field="PID-8", hint="Give it."),
            Finding("hl7.no-status", f"OBX-11 is empty (line {number}, 7).", place=f"message[{number}]"),
        ]
        tally.judged("2026-11-22", f"{number}.json", findings, messages=1)
    assert [(group.code, group.field, group.files) for group in tally.faults.values()] == [
        ("field.required", "OBX-5", 3), ("field.required", "PID-8", 3), ("hl7.no-status", "", 3),
    ]  # fmt: skip
    assert next(iter(tally.faults.values())).text == "It is needed (c.yaml line 3)."


def test_a_tally_stays_small():
    tally = Tally()
    for number in range(3000):
        findings = [Finding("a.b", "text", hint="one line settles it"), Finding("c.d", f"text {number}")]
        tally.judged("2026-11-22", f"2026-11-22/{number}.json", findings, messages=1)
        tally.not_read(f"{number}", "why")
    assert (tally.read, tally.faulty_files, tally.unread) == (3000, 3000, 3000)
    assert len(tally.faults) <= 501
    assert max(len(group.names) for group in tally.faults.values()) == MOST_NAMES == len(tally.unread_names)
    assert tally.faults["a.b", "", "text", "one line settles it"].files == 3000
    assert sum(group.times for group in tally.faults.values()) == 6000


def test_links_out_of_sent_are_not_followed(sent):
    day = sent.outbox / "sent" / day_of(sent, "b.json")
    target = sent.file("elsewhere.json", "{")
    link(day / "link.json", target)
    told = sent.json("check", "--sent", "30d", exits=1)
    assert [Path(each["file"]).name for each in told["not_read_files"]] == ["link.json"]
