"""`list` with what is searched for, `follow`, `export`, and acts on many, as they are typed."""

import contextlib
import csv
import datetime
import io
import json
import os
import re
import signal
import sys
import time

import click
import pytest
from click.testing import CliRunner
from kit.core import HIS, entry, source
from kit.documents import checked
from kit.patients import is_named
from kit.system import is_private

from lab_sender.cli.main import main
from lab_sender.cli.seeking import TimeType
from lab_sender.ids import new_id
from lab_sender.journal import Journal, candidates

VISIT = b"\rPV1|1|I|W5^12^1"


@pytest.fixture
def full(here, ready):
    """Three results in quarantine, of two patients and two wards; one delivered; one file that cannot be read."""
    path = here.outbox / ".lab-sender" / "journal.db"
    path.parent.mkdir(parents=True)
    journal = Journal(path)
    try:
        body = ready("Q1", "F-1").replace(b"\rOBR", VISIT + b"\rOBR")
        refused = {"state": "quarantined", "code": "refused"}
        journal.spool.spooled(
            [
                source("C1", entry("Q1", order="F-1", patient="4711^H", body=body, **refused), name="a.hl7"),
                source("C2", entry("Q2", order="F-2", patient="4712^H", **refused), name="b.hl7"),
                source("C3", entry("Q3", order="F-3", patient="4711^H", **refused), name="c.hl7"),
                source("C4", code="json.syntax", name="d.json"),
            ],
            HIS,
        )
    finally:
        journal.close()
    return here


def _refs(here, *words):
    return [each["ref"] for each in here.entries(*words)]


def test_what_a_person_knows_leads_to_it(full):
    assert _refs(full, "--patient", "4711") == ["3", "1"]
    assert _refs(full, "--order", "F-2") == ["2"]
    assert _refs(full, "--ward", "W5") == ["1"]
    assert _refs(full, "--file", "c.hl7") == ["3"]
    assert _refs(full, "--file", "*.json") == ["file:4"]
    assert _refs(full, "--code", "json.syntax") == ["file:4"]
    assert _refs(full, "--since", "1h", "--quarantined") == ["file:4", "3", "2", "1"]
    assert _refs(full, "--until", "1h") == []
    assert _refs(full, "--contains", "pv1|1|i|w5") == ["1"]
    assert _refs(full, "--tries", "1") == []
    assert _refs(full, "--patient", "4711", "--ward", "W5") == ["1"]


def test_a_list_goes_on_where_the_one_before_ended(full):
    shown = full("list", "--limit", "3").stdout
    (cursor,) = re.findall(r"--before (\S+)", shown)
    assert _refs(full, "--before", cursor) == ["1"]
    assert full("list", "--before", "x", exits=2).stderr.startswith("error search.cursor")


@pytest.mark.parametrize("value", ["", " ", "\t"])
@pytest.mark.parametrize("option", ["--order", "--patient", "--file", "--ward", "--code", "--contains", "--to"])
def test_an_empty_filter_is_none_and_is_refused(full, option, value):
    """Out of a script with an empty variable it would be everything since today."""
    for words in (
        ["list"], ["export"], ["release", "--all", "--dry-run"],
        ["dismiss", "--all", "--since", "today", "--why", "x", "--dry-run"],
    ):  # fmt: skip
        told = full(*words, option, value, exits=2).stderr
        if option == "--to":
            assert "error destination.unknown" in told
        else:
            assert f"Invalid value for '{option}': it is empty" in told
            assert "leave the option out" in told
    assert _refs(full, "--quarantined") == ["file:4", "3", "2", "1"]


@pytest.mark.parametrize("option", ["--who", "--act"])
def test_an_empty_filter_of_the_audit_is_refused(full, option):
    assert f"Invalid value for '{option}': it is empty" in full("audit", "list", option, "", exits=2).stderr


@pytest.mark.parametrize("words", ["resend --new-id", "dismiss"])
def test_what_is_given_up_or_sent_again_is_never_everything(full, words):
    told = full.json(*words.split(), "--all", "--why", "x", exits=2)
    assert told["code"] == "bulk.of-what"
    assert _refs(full, "--quarantined") == ["file:4", "3", "2", "1"]


@pytest.mark.parametrize(
    "words",
    [
        "list --tries", "list --limit", "list --outbox --limit", "export --tries", "audit list --limit",
        "audit list --before", "alerts ack",
    ],
)  # fmt: skip
def test_a_number_that_is_too_large_is_refused(full, words):
    for number in ("9" * 23, str(1 << 63)):
        assert "is not in the range" in full(*words.split(), number, exits=2).stderr


def test_what_stays_out_of_the_shells_history_is_read_from_standard_input(full):
    def typed(text, *words):
        command = ["--config", str(full.path), "list", "--json", *words]
        return CliRunner().invoke(main, command, input=text)

    done = typed("4712\n", "--patient", "-")
    assert [each["ref"] for each in json.loads(done.stdout)["entries"]] == ["2"]
    assert not is_named("4712", done.output)
    assert typed("", "--patient", "-").exit_code == 2


def test_two_cannot_be_read_from_standard_input(full):
    assert "cannot both" in full("list", "--patient", "-", "--order", "-", exits=2).stderr


@pytest.mark.parametrize("asked", ["--order", "--patient", "--ward"])
def test_whoever_looks_for_an_order_hears_of_what_was_not_built(full, asked):
    """It is in quarantine, and nobody knows whose it is: "nothing" would mean that it never came."""
    told = full("list", asked, "4711").stdout
    assert "1 in quarantine was not built, so nobody knows of which order, patient and ward" in " ".join(told.split())
    assert "not built" not in full("list", "--file", "a.hl7").stdout
    assert "1 in quarantine was not built" in " ".join(full("list", asked, "4711", "--to", HIS).stdout.split())


def test_what_was_received_and_is_no_message_yet_is_listed(full):
    """As while it waits for its attachment: who is to stop it must find it."""
    claimed = full.outbox / ".lab-sender" / "claimed"
    claimed.mkdir()
    for name in ("C1_a.hl7", f"{new_id()}_waits.json", f"{new_id()}@{new_id()}_bound.pdf"):
        (claimed / name).write_bytes(b"x")
    listed = json.loads(full("list", "--outbox", "--json").stdout)["entries"]
    assert [(each["name"], each["why"]) for each in listed] == [("waits.json", "received")]
    assert "received: waits to be read" in " ".join(full("list", "--outbox").stdout.split())
    journal = full.outbox / ".lab-sender" / "journal.db"
    journal.rename(journal.with_name("away"))
    listed = json.loads(full("list", "--outbox", "--json").stdout)["entries"]
    assert sorted(each["name"] for each in listed) == ["a.hl7", "waits.json"], "nobody knows of any"
    journal.with_name("away").rename(journal)
    told = full("dismiss", "waits.json", "--why", "wrong patient", exits=1)
    assert "list --outbox` has what is no message yet" in " ".join(told.output.split())


def test_an_outbox_that_is_away_is_no_empty_one(here, ready):
    """`list --outbox` says what `status` says: that nothing lies there is not known."""
    here.path.write_text(here.path.read_text() + "folders: {journal: kept}\n")
    here("send", here.file("a.hl7", ready("A1")))
    here.outbox.rename(here.folder / "away")
    assert "the outbox cannot be reached" in " ".join(here("status", exits=2).stdout.split())
    told = " ".join(here("list", "--outbox", exits=1).stderr.split())
    assert told.startswith("error outbox.unreachable: the outbox cannot be reached.")
    assert here.json("list", "--outbox", exits=1)["code"] == "outbox.unreachable"


def test_an_outbox_that_is_not_there_with_its_journal_is_no_empty_one_either(full):
    full.outbox.rename(full.folder / "away")
    told = " ".join(full("list", "--outbox", exits=1).stderr.split())
    assert told.startswith("error outbox.missing: the outbox is not there, and no journal is.")
    assert "find the folder, and bring it back" in told


def test_no_ward_is_answered_with_those_there_are(full):
    assert "Messages name: W5." in full("list", "--ward", "5").stdout


def test_where_it_did_not_look_is_said(full):
    told = full.json("list", "--contains", "x")
    assert told["since_ms"] > (time.time() - 8 * 86_400) * 1000
    assert "Looked from" in told["remarks"][0]
    assert full.json("list", "--contains", "x", "--since", "2020-01-01")["remarks"] == []


def test_a_look_that_takes_too_long_says_how_far_it_came_and_goes_on_there(full, monkeypatch):
    monkeypatch.setattr(candidates, "_FIRST", 1)
    found, cursor = [], None
    for _ in range(4):
        going_on = ["--before", cursor] if cursor else []
        told = full.json("list", "--contains", "pv1|1|i|w5", "--patience", "0", *going_on)
        found += [each["ref"] for each in told["entries"]]
        cursor = told["before"]
        assert (told["looked_to_ms"] is None) == (cursor is None)
        if cursor is None:
            break
        assert any("Looked back to" in each for each in told["remarks"])
    assert found == ["1"]
    shown = full("list", "--contains", "pv1|1|i|w5", "--patience", "0").stdout
    assert shown.startswith("nothing so far.")
    assert "--before 3." in shown
    assert "--patience" in shown


@pytest.mark.parametrize(
    ("text", "ends", "then"),
    [
        ("2026-11-28", False, "2026-11-28T00:00:00"),
        ("2026-11-28", True, "2026-11-29T00:00:00"),
        ("2026-11-28 08:00", False, "2026-11-28T08:00:00"),
        ("2026-11-28T08:00:30", False, "2026-11-28T08:00:30"),
        ("08:00", False, "2026-11-28T08:00:00"),
        ("10:31", False, "2026-11-27T10:31:00"),
        ("2h", False, "2026-11-28T08:30:00"),
        ("90min", False, "2026-11-28T09:00:00"),
        ("1w", False, "2026-11-21T10:30:00"),
        ("today", False, "2026-11-28T00:00:00"),
        ("yesterday", False, "2026-11-27T00:00:00"),
        ("yesterday", True, "2026-11-28T00:00:00"),
    ],
)
def test_a_time_is_read_as_people_type_it(text, ends, then):
    now = datetime.datetime(2026, 11, 28, 10, 30).astimezone()
    at = TimeType(ends=ends)._read(text, now)
    assert at == datetime.datetime.fromisoformat(then).astimezone()


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "2 fortnights", "-1h"])
def test_what_is_no_time(text):
    with pytest.raises(click.BadParameter, match="is no time"):
        TimeType().convert(text, None, None)


# ------------------------------------------------------------------ acts on many


def test_all_that_is_found_is_shown_and_its_number_asked_for(full):
    said = full("release", "--all", "--code", "refused", "--why", "mended", exits=1)
    assert "3 messages will go out again" in said.stdout
    assert "message 1  file a.hl7, order F-1, control id Q1, received" in said.stdout
    assert "add --count 3" in said.stderr
    assert full("release", "--all", "--code", "refused", "--why", "x", "--count", "4", exits=1).stderr.startswith(
        "error bulk.count: it would be 3"
    )
    assert _refs(full, "--waiting") == []
    done = full("release", "--all", "--code", "refused", "--why", "mended", "--count", "3").stdout
    assert "3 released." in done
    assert _refs(full, "--waiting") == ["3", "2", "1"]
    assert full.json("show", 1)["events"][0]["why"] == "mended (was refused)"
    error = full("release", "--all", "--code", "refused", "--why", "mended", "--count", "3", exits=1).stderr
    assert error.startswith("error bulk.nothing")


def test_all_as_json_has_each_outcome(full):
    refused = full.json("dismiss", "--all", "--patient", "4711", "--why", "wrong patient", exits=1)
    assert (refused["code"], "--count 2" in refused["hint"]) == ("bulk.count", True)
    done = full.json("dismiss", "--all", "--patient", "4711", "--why", "wrong patient", "--count", 2)
    assert [(each["target"]["file"], each["result"]) for each in done["done"]] == [
        ("a.hl7", "given-up"), ("c.hl7", "given-up"),
    ]  # fmt: skip
    assert not is_named("4711", json.dumps(done))


def test_a_typed_number_goes_on(full, monkeypatch):
    monkeypatch.setattr("lab_sender.cli.many._asks", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "3")
    full("release", "--all", "--code", "refused", "--why", "mended")
    assert _refs(full, "--waiting") == ["3", "2", "1"]


@pytest.mark.parametrize(
    "words",
    [
        "release --all", "release 1 --dry-run", "release --all 1 --why x", "release 1 --code x", "release",
        "release 1 --count 1",
        "resend --all --why x --code y", "dismiss 1 2",
        "rebuild --all --since 2h", "release --all --why x --since 1h --until 2h",
    ],
)  # fmt: skip
def test_a_command_line_that_contradicts_itself(full, words):
    assert full.json(*words.split(), exits=2)["code"] == "command.usage"
    assert _refs(full, "--quarantined") == ["file:4", "3", "2", "1"]


def test_a_dry_run_shows_and_does_nothing(full):
    shown = full("dismiss", "--all", "--patient", "4711", "--dry-run").stdout
    assert "2 messages will be given up for good:" in shown
    assert "nothing was done." in shown
    frozen = full.json("release", "--all", "--dry-run")
    assert (frozen["groups"], frozen["files"], frozen["stays"]) == ([[1, 2, 3]], [4], [])
    assert _refs(full, "--quarantined") == ["file:4", "3", "2", "1"]


def test_several_ids_are_one_act(full):
    done = full.json("release", "1", "c.hl7", "file:4")
    assert [each["result"] for each in done["done"]] == ["goes-out", "goes-out", "read-again"]
    assert full.json("dismiss", "1", "2", "--why", "x")["rejected"] == []
    again = full.json("dismiss", "1", "3", "--why", "x", exits=1)
    assert [each["code"] for each in again["rejected"]] == ["dismiss.not-waiting"]
    assert [each["target"]["id"] for each in again["done"]] == [3]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_stops_between_two_transactions_and_says_what_is_left():
    from lab_sender.cli.many import _until_interrupted

    with _until_interrupted() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()


# ------------------------------------------------------------------ follow, export


def _rests(monkeypatch, rests):
    """Have something happen each time that `follow` rests."""

    def rest():
        next(rests)()

    monkeypatch.setattr("lab_sender.cli.long._rest", rest)


def test_follow_shows_what_comes_and_what_becomes_of_it(full, monkeypatch):
    """Between its looks somebody releases a message, and a new one comes; the third look ends it."""
    path = full.outbox / ".lab-sender" / "journal.db"

    def comes():
        journal = Journal(path)
        journal.spool.spooled([source("C8", entry("N1", order="F-8")), source("C9", code="csv.unit")], HIS)
        journal.close()

    def ends():
        raise KeyboardInterrupt

    rests = iter([lambda: full("release", "1"), comes, lambda: None, ends])
    _rests(monkeypatch, rests)
    lines = [json.loads(line) for line in full("follow", "--json").stdout.splitlines()]
    assert [(each["ref"], each["state"]) for each in lines] == [
        ("1", "spooled"), ("4", "spooled"), ("file:6", "quarantined"),
    ]  # fmt: skip
    assert all(list(checked(json.dumps(each))) for each in lines)


def test_follow_shows_what_is_seen_late_under_a_lower_number(full, monkeypatch):
    """Of two processes that spool at once the one with the lower number may be the later."""

    def spools(claim):
        with contextlib.closing(Journal(full.outbox / ".lab-sender" / "journal.db")) as journal:
            journal.spool.spooled([source(claim, entry(f"M{claim}"))], HIS)
            with journal.store.quick() as db:
                for table, key in (("message", "id"), ("wire", "message_id"), ("message_order", "message_id")):
                    db.execute(f"UPDATE {table} SET {key} = 99 WHERE {key} = 4")

    def ends():
        raise KeyboardInterrupt

    rests = iter([lambda: spools("C98"), lambda: spools("C99"), ends])
    _rests(monkeypatch, rests)
    lines = [json.loads(line) for line in full("follow", "--json").stdout.splitlines()]
    assert [each["ref"] for each in lines] == ["99", "5"]


def test_follow_of_a_search_shows_what_fits(full, monkeypatch):
    def acts():
        full("release", "1", "3")
        full("dismiss", "2", "--why", "x")

    def ends():
        raise KeyboardInterrupt

    rests = iter([acts, ends, acts])
    _rests(monkeypatch, rests)
    shown = full("follow", "--patient", "4711").stdout
    assert [re.split(r" {2,}", line)[1:] for line in shown.splitlines()] == [
        ["1", "waiting", "a.hl7"], ["3", "waiting", "c.hl7"],
    ]  # fmt: skip
    assert "--since" in full("follow", "--since", "1h", exits=2).stderr


def test_export_is_a_table_of_all_that_is_found(full):
    done = full("export", "--state", "quarantined")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [each["file"] for each in rows] == ["d.json", "c.hl7", "b.hl7", "a.hl7"]
    assert rows[1]["orders"] == "F-3"
    assert datetime.datetime.fromisoformat(rows[0]["received"]).tzinfo is not None
    assert not is_named("4711", done.stdout)


def test_export_of_patient_data_warns(full, tmp_path):
    file = tmp_path / "out.jsonl"
    done = full("export", "--format", "jsonl", "--output", file, "--patient-data", "--order", "F-1")
    (row,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (row["patient"], row["ward"]) == ("4711^H", "W5")
    assert "This is patient data" in done.stderr
    assert is_private(file)
    assert full("export", "--output", file, exits=1).stderr.count("error export.exists") == 1


def test_a_cell_is_no_formula(full):
    path = full.outbox / ".lab-sender" / "journal.db"
    journal = Journal(path)
    journal.spool.spooled([source("C9", entry("=1+1"), name="@SUM(A1).json")], HIS)
    journal.close()
    (row,) = csv.DictReader(io.StringIO(full("export", "--state", "waiting").stdout))
    assert (row["file"], row["control_id"]) == ("'@SUM(A1).json", "'=1+1")
