"""`journal backup`, `recover`, `compact`; and a backup that is restored as docs/AUDITOR.md says, to the letter."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from kit.system import WINDOWS

AUDITOR = Path(__file__).parents[2] / "docs" / "AUDITOR.md"


def _steps(heading: str) -> list[str]:
    """The commands that stand below a heading."""
    text = AUDITOR.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```\n(.*?)```", text, re.DOTALL)[0].strip().splitlines()


@pytest.fixture
def service(here, var):
    """The machine of the document: paths and commands of its steps, as they are here."""
    var.mkdir(mode=0o700)
    (here.folder / "backup").mkdir()

    class Service:
        def __init__(self):
            self.agent = None
            self.said = []

        def run(self, step):
            step = step.replace("/var/lib/lab-sender", str(var)).replace("/backup", str(here.folder / "backup"))
            if step == "systemctl stop lab-sender":
                if self.agent is not None:
                    self.agent.__exit__(None, None, None)
                    self.agent = None
            elif step == "systemctl start lab-sender":
                self.agent = here.agent()
                self.agent.__enter__()
            elif step.startswith("lab-sender "):
                self.said.append(here(*shlex.split(step)[1:], exits=None))
            else:
                subprocess.run(step, shell=True, check=True)

    made = Service()
    yield made
    made.run("systemctl stop lab-sender")


@pytest.fixture
def var(here, his):
    here.configure(his.port, more=f"folders:\n  journal: {here.folder / 'var'}\n")
    return here.folder / "var"


@pytest.mark.skipif(WINDOWS, reason="these steps are written for a POSIX shell")
def test_a_backup_is_restored_as_the_document_says(here, his, service, report):
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
        here("hold", "--why", "wait")
        (here.outbox / "b.json").write_text(report("F-2"))
        here.until(lambda: here.json("status", exits=None)["waiting"] == 1)
        backup = here.json("journal", "backup", here.folder / "backup" / "journal.db")
        assert backup["messages"] == {"acked": 1, "spooled": 1, "unreadable": 0}
        here("resume")
        here.until(lambda: here.json("status", exits=None)["acked"] == 2)
        here("send", here.file("c.json", report("F-3")))
    received = len(his.received)
    for step in _steps("Restore a backup"):
        service.run(step)
    listed = service.said[-1]
    assert listed.exit_code == 0
    assert "b.json" in listed.stdout
    status = here.json("status", exits=None)
    assert (status["hold"], status["waiting"], status["acked"]) == ("operator", 1, 1)
    assert len(his.received) == received, "nothing was sent"
    here("resume")
    here.until(lambda: here.json("status", exits=None)["acked"] == 2)


def test_an_older_journal_is_worked_on_when_a_person_has_accepted_it(here, his, var, report):
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
        here("journal", "backup", here.folder / "old.db")
        here("send", here.file("b.json", report("F-2")))
        assert "agent.running" in here("journal", "accept", "--why", "x", exits=75).stderr
    newer = var.rename(here.folder / "newer")
    var.mkdir(mode=0o700)
    (here.folder / "old.db").rename(var / "journal.db")
    assert "fail  journal" in here("check", exits=1).stdout
    assert "journal.behind" in here("run", exits=74).stderr
    older = var.rename(here.folder / "older")
    newer.rename(var)
    with here.agent():
        assert here.json("status", exits=None)["acked"] == 2, "the newer one is known"
    var.rename(newer)
    older.rename(var)
    accepted = here.json("journal", "accept", "--why", "restored")
    assert (accepted["held"], len(accepted["behind"])) == (["his"], 1)
    received = len(his.received)
    with here.agent():
        assert here.json("status", exits=None)["hold_reason"] == "restored"
        here("resume")
    assert len(his.received) == received
    here("check")


@pytest.mark.skipif(WINDOWS, reason="these steps are written for a POSIX shell")
def test_a_damaged_journal_is_recovered_as_the_document_says(here, service, var, report):
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
    with closing(sqlite3.connect(var / "journal.db")) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'file_name'").fetchone()
    with (var / "journal.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    for step in _steps("Recover a damaged journal"):
        service.run(step)
    said = service.said[-1]
    assert said.exit_code == 0, said.output
    assert "1 delivered" in said.stdout
    assert "Nothing is missing." in said.stdout
    for step in _steps("Restore a backup"):
        service.run(step.replace("/backup/journal.db", "/var/lib/lab-sender/recovered.db"))
    assert here.json("status", exits=None)["acked"] == 1


def test_room_is_given_back_as_the_document_says(here, service, report):
    with here.agent():
        here("send", here.file("a.json", report()))
        assert "agent.running" in here("journal", "compact", exits=75).stderr
        assert "agent.running" in here("journal", "recover", here.folder / "r.db", exits=75).stderr
    for step in _steps("Room on the disk"):
        service.run(step)
    assert service.said[-1].exit_code == 0
    assert re.fullmatch(r"the journal was .+, and is .+ now\n", service.said[-1].stdout)
    assert here.json("status", exits=None)["acked"] == 1


def test_what_is_missing_is_said_in_numbers(here, var, report, secret):
    with here.agent():
        here("send", here.file("a.json", report()))
    with closing(sqlite3.connect(var / "journal.db")) as db:
        db.execute("UPDATE wire SET body = x'00'")
        db.commit()
    made = here.json("journal", "recover", here.folder / "r.db", exits=1)
    (wire,) = [each for each in made["tables"] if each["table"] == "wire"]
    assert (made["whole"], wire["rows"], wire["unsound"]) == (False, 0, 1)
    said = here("journal", "recover", here.folder / "r2.db", exits=1).stdout
    assert "Something is missing" in said
    assert secret not in said
    assert "journal.target-taken" in here("journal", "recover", here.folder / "r.db", exits=1).stderr


def test_there_is_nothing_to_back_up_before_any_agent(here, tmp_path):
    for command in (["backup", tmp_path / "b"], ["recover", tmp_path / "r"], ["compact"]):
        assert "journal.none" in here("journal", *command, exits=1).stderr


def test_the_sql_for_a_dba_is_for_the_schema_and_role_of_the_configuration(here, his):
    here.configure(his.port, more="journal: {database: 'postgresql://lab%2Done@db1.example/lab', schema: results}\n")
    printed = here("journal", "schema").stdout
    assert 'CREATE SCHEMA IF NOT EXISTS "results";' in printed
    assert 'ON ALL TABLES IN SCHEMA "results" TO "lab-one";' in printed
    assert "journal.no-version" in here("journal", "schema", "--from", "3", exits=2).stderr


def test_a_journal_moves_to_a_database_and_back(here, his, var, report, cluster):
    cluster.ask("DROP SCHEMA IF EXISTS moved CASCADE")
    folders = f"folders:\n  journal: {var}\n"
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
        assert "agent.running" in here("journal", "move", "--to", cluster.url, exits=75).stderr
        here("key", "add", "monitor", "--role", "viewer")
    wrong = here("journal", "move", "--to", "postgresql://me:secret@db1/lab", exits=2)
    assert "journal.move-address" in wrong.stderr
    assert "secret" not in wrong.output
    moved = here("journal", "move", "--to", cluster.url, "--schema", "moved")
    assert "message: 1 of 1" in moved.stderr
    for words in (("run",), ("list",), ("status",)):
        refused = here(*words, exits=3 if words == ("status",) else 78)
        assert "journal.moved" in refused.output + refused.stderr, words
    lines = moved.stdout.partition("started:")[2].strip("\n")
    here.configure(his.port, more=folders + "\n".join(line[2:] for line in lines.splitlines()) + "\n")
    with here.agent():
        here("send", here.file("b.json", report("F-2")))
        assert here.json("status", exits=None)["acked"] == 2
        here("key", "add", "lims", "--role", "submit")
    assert not (var / "operations.db").exists()
    back = here.json("journal", "move", "--to", here.folder / "back.db")
    assert {each["table"]: each["rows"] for each in back["tables"]}["message"] == 2
    here("run", exits=78)
    (var / "journal.db").rename(here.folder / "moved-away.db")
    (here.folder / "back.db").rename(var / "journal.db")
    here.configure(his.port, more=folders)
    with here.agent():
        here("send", here.file("c.json", report("F-3")))
        assert here.json("status", exits=None)["acked"] == 3
    assert len(his.received) == 3
    assert [each["name"] for each in here.json("key", "list")["keys"]] == ["monitor", "lims"]
    assert here.json("audit", "verify")["rows"] == 3
    cluster.ask("DROP SCHEMA moved CASCADE")


def test_a_new_journal_is_begun_as_the_document_says(here, var, report, tmp_path):
    """It names each file that has to go; without one of them the agent looks for the old journal."""
    text = (Path(__file__).parents[2] / "docs" / "SERVICE.md").read_text("utf-8")
    said = text.partition("To begin a new one:")[2].partition(", start.")[0]
    moved, deleted = said.partition("move ")[2].partition("delete ")[::2]
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
    ours = here.outbox / ".lab-sender"
    assert list((ours / "claimed").iterdir()) == []
    assert all(f"`{each}`" in moved for each in ("journal.db", "-wal", "-shm"))
    for each in var.glob("journal.db*"):
        each.rename(tmp_path / f"old-{each.name}")
    assert "journal.missing" in here("run", exits=74).stderr
    assert "`.lab-sender/agent.lock` of each outbox" in deleted
    (ours / "agent.lock").unlink()
    with here.agent():
        here("send", here.file("b.json", report("F-2")))
        assert here.json("status")["acked"] == 1
