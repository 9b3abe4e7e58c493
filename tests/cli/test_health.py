"""Whether the agent is fit to work, and what `status` says of an agent that is not as it should be."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from cli.conftest import SECRET, Here, report
from cli.test_check import pem
from lab_sender import files
from lab_sender.journal import Journal
from lab_sender.mllp.certificates import server_context
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations import outboxes
from lab_sender.operations.health import health
from lab_sender.operations.installation import Installation
from lab_sender.premises.beat import BEAT_NAME
from lab_sender.premises.names import LOCK_NAME


def _codes(here: Here) -> dict[str, dict[str, Any]]:
    return {each["code"]: each for each in here.json("status", exits=None)["conditions"]}


def _beat(here: Here) -> Path:
    return here.outbox / ".lab-sender" / BEAT_NAME


def test_a_his_that_is_down_makes_no_agent_unfit(here: Here, his: StandIn) -> None:
    installation = Installation(here.path)
    his.stop()
    before = health(installation)
    assert (before.ready, before.leads, before.why) == (False, False, ("agent.none",))
    with here.agent():
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: "link.down" in _codes(here))
        assert health(installation) == type(before)(ready=True, leads=True, why=(), silent={})
        beat = json.loads(_beat(here).read_text())
        here.until(lambda: set(json.loads(_beat(here).read_text())["silent_s"]) == {"lane", "intake", "keeper"})
        assert beat["pid"] == os.getpid()
    assert not health(installation).ready
    none = _codes(here)["agent.none"]
    assert (none["level"], none["cause"], none["number"]) == ("CRITICAL", "stopped", 1)
    assert abs(none["since_ms"] - time.time() * 1000) < 60_000


@pytest.mark.long
def test_a_journal_that_cannot_be_written_is_critical_as_long_as_it_is_so(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Journal.__init__.__kwdefaults__ or {}, "busy_timeout_s", 0.02)
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        journal = here.outbox / ".lab-sender" / "journal.db"
        with closing(sqlite3.connect(journal, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (here.outbox / "r.json").write_text(report())
            here.until(lambda: "journal.unavailable" in _codes(here))
            found = _codes(here)["journal.unavailable"]
            assert (found["level"], found["cause"]) == ("CRITICAL", "journal.busy")
            assert health(Installation(here.path)).why == ("journal.busy",)
            other.execute("ROLLBACK")
        here.until(lambda: here.json("status", exits=None)["acked"] == 1)
        here.until(lambda: not _codes(here))
        assert health(Installation(here.path)).ready


def test_a_part_that_does_nothing_and_a_whole_agent_that_does_nothing(here: Here) -> None:
    with here.agent() as agent:
        agent.beats.of("lane")(-40.0)
        agent.beats.of("lane other")(-40.0)
        here.until(lambda: "agent.stuck" in _codes(here))
        assert "lane other" in {
            each["cause"] for each in here.json("status", exits=2)["conditions"] if each["code"] == "agent.stuck"
        }
        assert health(Installation(here.path)).why == ("agent.stuck",)


def test_an_agent_that_was_stopped_in_mid_air(here: Here) -> None:
    """SIGSTOP: it has its lock and writes nothing any more."""
    here("send", here.file("r.json", report()))
    beat = json.loads(_beat(here).read_text())
    old = beat | {"at_ms": beat["at_ms"] - 50_000, "ended": False}
    _beat(here).write_text(json.dumps(old))
    assert _codes(here)["agent.none"]["cause"] == "gone"
    lock = files.take_lock(here.outbox / ".lab-sender" / "agent.lock")
    assert lock is not None
    with lock:
        stuck = _codes(here)["agent.stuck"]
        assert (stuck["cause"], stuck["level"]) == ("agent", "CRITICAL")
        assert not health(Installation(here.path)).leads


def test_an_agent_whose_lock_nobody_may_try_is_known_by_what_it_writes(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor's account that may only read: an agent that runs is never told as not running."""

    def denied(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "take_lock", denied)
    lock = here.outbox / ".lab-sender" / "agent.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert not Installation(here.path).agent_runs()
    monkeypatch.undo()
    with here.agent():
        monkeypatch.setattr(files, "take_lock", denied)
        assert Installation(here.path).agent_runs()
        monkeypatch.undo()


def test_the_oldest_file_that_is_not_taken_is_the_oldest(
    here: Here, his: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its agent runs and takes nothing: the file counts, as a message does."""
    here.configure(his.port, intake=", marker: .ok")
    with here.agent():
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: here("status", "--warn-age", "10ms", "--crit-age", "1h", exits=None).exit_code == 1)
        first = here("status", "--warn-age", "10ms", "--crit-age", "1h", exits=1).stdout.splitlines()[0]
        assert first.startswith("WARNING - the oldest file of the outbox waits for ")
        lies_in = outboxes.lies_in_outbox
        monkeypatch.setattr(
            outboxes, "lies_in_outbox", lambda *a, **b: [e._replace(age_s=601.0) for e in lies_in(*a, **b) or ()]
        )
        result = here("status", exits=2)
        assert "nothing was taken from the outbox for 10 min, and 1 file lies there" in result.stdout
        assert " oldest=601s;300;600;0 " in result.stdout


def test_no_word_of_a_patient_in_a_status_of_any_trouble(here: Here, his: StandIn) -> None:
    """What the HIS says, a file's name and what a person typed for a hold are in no condition and no first line."""
    his.answer_by(f"id=A1: AE,code=101,text={SECRET}")
    with here.agent():
        for number in range(6):
            (here.outbox / f"{SECRET}-{number}.json").write_text(report(f"F-{number}"))
        (here.outbox / f"{SECRET}.tmp").write_text("half")
        (here.outbox / f"{SECRET}.json").write_text("{")
        here("hold", "--why", SECRET, exits=None)
        here.until(lambda: bool(_codes(here)))
        result = here("status", exits=None).stdout.splitlines()[0]
        conditions = here.json("status", exits=None)["conditions"]
    assert SECRET not in result
    assert SECRET not in json.dumps(conditions)


def test_today_and_the_rate_are_of_the_minutes(here: Here, his: StandIn) -> None:
    his.answer_by("first: AE,code=207", "AA")
    with here.agent():
        for number in range(3):
            (here.outbox / f"{number}.json").write_text(report(f"F-{number}"))
        here.until(lambda: here.json("status", exits=None)["today"].get("delivered") == 3)
        now = here.json("status", exits=None)
        (lane,) = now["destinations"]
        assert now["today"] == {"delivered": 3, "refused": 1}
        assert lane["rate_per_min"] == now["rate_per_min"] > 0.5
        assert lane["ack_ms"] > 0
        shown = " ".join(here("status", exits=None).stdout.split())
    assert "today 3 delivered, 1 refused" in shown
    assert "a minute, " in shown


def test_the_end_of_both_certificates_is_seen_by_a_running_agent(here: Here, tmp_path: Path) -> None:
    authority = trustme.CA()
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=10, hours=1)
    theirs, ours = (authority.issue_cert(name, not_after=end) for name in ("localhost", "lab.example"))
    ca, their_file = pem(tmp_path, "ca.pem", authority.cert_pem), tmp_path / "his.pem"
    pem(tmp_path, "his.pem", theirs.private_key_pem, *theirs.cert_chain_pems)
    our_file = pem(tmp_path, "lab.pem", ours.private_key_pem, *ours.cert_chain_pems)
    with StandIn(tls=server_context(str(their_file), "", str(ca))) as his:
        here.configure(his.port)
        tls = f"tls: {{ca: {ca}, certificate: {our_file}, server_name: localhost}}"
        here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", tls))
        with here.agent():
            here.until(lambda: len(here.json("status", exits=None)["destinations"][0]["certificates"]) == 2)
            now = here.json("status", exits=1)
            shown = here("status", exits=1).stdout
    found = {each["cause"]: each["level"] for each in now["conditions"] if each["code"] == "certificate.ends"}
    assert found == {"own": "WARNING", "peer": "WARNING"}
    assert f"ours until {end.astimezone():%Y-%m-%d}, the HIS's until {end.astimezone():%Y-%m-%d}" in shown


def test_an_agent_with_another_journal_than_is_named_is_critical_and_nothing_is_done_to_that_one(here: Here) -> None:
    """Else results that wait or are held would look like none."""
    plain = here.path.read_text()
    with here.agent():
        here("hold", "--why", "q")
        here.path.write_text(plain + "folders: {journal: j2}\n")
        now = here.json("status", exits=2)
        assert (now["running"], now["conditions"][0]["code"]) == (True, "journal.elsewhere")
        assert str(here.folder / "j2") in now["conditions"][0]["text"]
        assert "`lab-sender explain journal.elsewhere`" in here("status", exits=2).stdout
        for command in (("list",), ("resume",)):
            error = here(*command, exits=None).stderr
            assert "journal.elsewhere: the running agent works with another journal than config.yaml names" in error
            assert "lab-sender run" not in error
        assert not (here.folder / "j2").exists()
        here.path.write_text(plain)
        (here.folder / "j2").mkdir()
        here("journal", "backup", here.folder / "j2" / "journal.db")  # one of before lies there
        here.path.write_text(plain + "folders: {journal: j2}\n")
        assert "journal.elsewhere" in _codes(here)
        assert "journal.elsewhere" in here("resume", exits=None).stderr
        here.path.write_text(plain)
        assert {"journal.elsewhere", "lane.held"} & _codes(here).keys() == {"lane.held"}
    assert "journal.elsewhere" not in _codes(here)


def test_locks_do_not_say_which_database_an_agent_works_with(here: Here) -> None:
    """The first outbox is away, with the lock beside the journal; the agent goes on with the other one."""
    server = "journal: {database: postgresql://u@127.0.0.1:1/x}\n"
    other = here.folder / "other"
    plain = here.path.read_text().replace("outbox: outbox", "outboxes: [{folder: away}, {folder: other}]")
    work = other / ".lab-sender"
    work.mkdir(parents=True)
    (work / LOCK_NAME).touch()
    lock = files.take_lock(work / LOCK_NAME)
    assert lock is not None
    with lock:
        here.path.write_text(plain + server)
        assert Installation(here.path).lack_of_journal() is None
        here.path.write_text(plain)
        lack = Installation(here.path).lack_of_journal()
        assert lack is not None
        assert lack.code == "journal.elsewhere"


def test_a_journal_that_is_not_there_or_is_older_is_critical_and_nobody_is_told_to_start(here: Here) -> None:
    """As the start says it, which would end."""
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
        here("journal", "backup", here.folder / "old.db")
        here("send", here.file("b.json", report("F-2")))
    assert not {"journal.missing", "journal.behind"} & _codes(here).keys()
    var = here.outbox / ".lab-sender"
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        if (var / name).exists():
            (var / name).rename(here.folder / name)
    now = here.json("status", exits=2)
    assert now["conditions"][0]["code"] == "journal.missing"
    for command in (("list",), ("hold",), ("run",)):
        error = here(*command, exits=None).stderr
        assert "journal.missing: an agent has worked on this outbox, but the journal" in error, command
        assert "lab-sender run" not in error
    assert "journal.missing" in here("reload", exits=75).stderr
    (here.folder / "old.db").rename(var / "journal.db")
    now = here.json("status", exits=2)
    assert now["conditions"][0]["code"] == "journal.behind"
    assert "fail  journal" in here("check", exits=1).stdout
    assert "`lab-sender explain journal.behind`" in here("status", exits=2).stdout
    here("journal", "accept", "--why", "restored")
    assert "journal.behind" not in _codes(here)


def test_an_outbox_that_was_renamed_is_known_by_its_journal_and_nothing_is_made_in_its_place(here: Here) -> None:
    """Else all of it says that the agent is to be started, which would begin anew without what waits."""
    with here.agent():
        here("send", here.file("a.json", report("F-1")))
    old = here.outbox.rename(here.folder / "outbox.old")
    now = here.json("status", exits=2)
    assert [each["code"] for each in now["conditions"]] == ["outbox.missing", "agent.none"]
    assert f"was renamed: it is {old} now" in now["conditions"][0]["text"]
    checks = {each["what"]: each for each in here.json("check", exits=1)["checks"]}
    assert checks["outbox"]["state"] == "fail"
    send = f"send {here.file('b.json', report('F-2'))}"
    for command in ("list", "hold", "release 1", "audit list", "reload", "run", send):
        error = here(*command.split(), exits=None).stderr
        assert "outbox.missing" in error, command
        assert f"Start nothing before {old} has its name back: {here.outbox}." in " ".join(error.split()), command
        assert "lab-sender run" not in error
        assert not here.outbox.exists(), command
    (here.outbox / ".lab-sender").mkdir(parents=True)  # by whoever writes there, and by the page
    assert "outbox.missing" in here("run", exits=74).stderr
    (here.outbox / ".lab-sender").rmdir()
    here.outbox.rmdir()
    old.rename(here.outbox)
    here("send", here.file("b.json", report("F-2")))
    assert len(here.entries()) == 2


def test_an_outbox_that_nobody_knows_is_made_by_the_first_start(here: Here) -> None:
    """A neighbour is none that was renamed; whoever knows better is told to start nothing."""
    with here.agent():
        pass
    here.path.write_text(here.path.read_text().replace("outbox: outbox", "outbox: other"))
    shown = here("list", exits=1).stderr
    assert "Has an agent worked here before? Then start nothing" in shown
    assert "Only if not: `lab-sender run`" in shown
    assert "start nothing" in here("reload", exits=75).stderr
    assert "start nothing" in " ".join(here("check").stdout.split())
    here("send", here.file("a.json", report("F-1")))
