"""`release`, `resend`, `dismiss`, `hold`, `resume`, with and without an agent."""

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest
from kit.core import HIS, entry, source

from lab_sender.journal import Attempt, Journal


@pytest.fixture
def refused(here, his, ready):
    """Message 1 is in quarantine: the HIS refused it."""
    his.answer_by("AR")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    his.answer_by()
    return here


def test_release_without_an_agent(refused, his):
    assert "no agent runs" in refused("release", "1").stdout
    assert [each["id"] for each in refused.entries("--waiting")] == [1]
    before = his.received[0].body
    with refused.agent():
        refused.until(lambda: refused.entries()[0]["state"] == "acked")
    assert his.received[-1].body == before


def test_release_while_the_agent_runs(refused):
    with refused.agent():
        assert "no agent" not in refused("release", "1").stdout
        refused.until(lambda: refused.entries()[0]["state"] == "acked")
        refused.until(lambda: bool(list(refused.outbox.glob("sent/*/a.hl7"))))
    assert "release.not-quarantined" in refused("release", "1", exits=1).stderr
    assert [each["event"] for each in refused.json("show", "1")["events"]] == ["message.released"]


def test_a_released_file_is_read_again(here):
    here("send", here.file("r.json", "{"), exits=1)
    (line,) = here.entries()
    assert "read again" in here("release", line["ref"]).stdout
    with here.agent():
        here.until(lambda: len(here.entries()) == 2)
    assert [each["state"] for each in here.entries()] == ["quarantined", "withdrawn"]


def test_a_file_that_was_read_again_says_what_became_of_it(here, report):
    """Also where it was released twice before it could be read."""
    here("send", here.file("r.json", "{"), exits=1)
    here("release", "file:1")
    with here.agent():
        here.until(lambda: len(here.entries()) == 2 and here.json("show", "file:2")["state"] == "quarantined")
    assert "read again: file:2" in here("show", "file:1").stdout
    here("release", "file:2")
    assert here.json("show", "file:1")["read_again_as"] == []
    (here.outbox / "quarantine" / "r.json").write_text(report())
    with here.agent():
        here.until(lambda: here.entries("--state", "delivered") != [])
    for ref in ("file:1", "file:2"):
        assert "read again: message 1" in here("show", ref).stdout
    assert here.json("show", "file:1")["read_again_as"] == ["1"]


def test_an_overtaken_message_wants_force(refused, ready):
    refused("send", refused.file("b.hl7", ready("A2")))
    error = refused("release", "1", exits=1).stderr
    assert "release.overtaken" in error
    assert "--force" in error
    refused("release", "1", "--force")
    assert refused.json("show", "1")["state"] == "spooled"


def test_resend(here, his, ready):
    here("send", here.file("a.hl7", ready("A1")))
    assert "--new-id" in here("resend", "1", exits=2).stderr
    assert "message 2" in here("resend", "1", "--new-id").stdout
    with here.agent():
        here.until(lambda: his.count == 2)
    first, second = his.received
    assert first.control_id == "A1"
    assert len(second.control_id) == 20
    assert second.body == first.body.replace(b"|A1|", b"|%s|" % second.control_id.encode())
    assert here.json("show", second.control_id)["replaces"] == 1
    assert here.json("show", "1")["replaced_by"] == 2
    here("send", here.file("c.bin", b"\0\1\2"), exits=1)
    error = here("resend", "file:2", "--new-id", exits=1).stderr
    assert "error resend.file" in error
    assert "`lab-sender release file:2`" in error


def test_dismiss(refused):
    assert "--why" in refused("dismiss", "1", exits=2).stderr
    assert "--why" in refused("dismiss", "1", "--why", " ", exits=2).stderr
    refused("dismiss", "1", "--why", "sent by phone")
    assert "dismiss.not-waiting" in refused("dismiss", "1", "--why", "again", exits=1).stderr
    told = refused.json("show", "1")
    assert (told["state"], told["events"][0]["why"]) == ("dismissed", "sent by phone")
    assert told["events"][0]["who"]
    with refused.agent():
        refused.until((refused.outbox / "quarantine" / "dismissed" / "a.hl7").exists)


def test_a_document_that_was_missing_is_put_into_the_outbox_and_its_report_released(here, his, report):
    """As `show` and the reason beside the file say: nothing is taken out of quarantine/."""
    here.path.write_text(here.path.read_text().replace("attachment_wait: 2s", "attachment_wait: 300ms"))
    here("send", here.file("r.json", report(attachment="scan.pdf")), exits=1)
    (reason,) = here.outbox.glob("quarantine/*.reason.txt")
    for text in (here("show", "1").stdout, reason.read_text("utf-8")):
        told = " ".join(text.split())
        assert "put the document into the outbox, under the name that the report says, else under" in told
        assert "then `lab-sender release 1` to have both read" in told
        assert "drop a corrected file" not in told
    (here.outbox / "scan.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    here("release", "1")
    with here.agent():
        here.until(lambda: here.entries()[0]["state"] == "acked")
    assert b"|ED|" in his.received[0].body


@pytest.fixture
def unanswered(here):
    """Messages 1 and 2 are in quarantine and had no answer; 3 was never sent."""
    (here.outbox / ".lab-sender").mkdir(parents=True)
    with contextlib.closing(Journal(here.outbox / ".lab-sender" / "journal.db", who="test")) as journal:
        journal.spool.spooled([source("C1", entry("A1"), entry("A2"), entry("A3"))], HIS)
        for message in journal.delivery.head(HIS, limit=2, after_quarantine="continue"):
            journal.delivery.sending(message.id)
            journal.delivery.unknown(message, Attempt(message.id, 5, "unknown", "ack", "ack.timeout", ""))
            journal.delivery.quarantined(message, code="unanswered", reason="No answer.")
    return here


def test_what_is_given_up_and_may_have_arrived_is_to_be_asked_for(unanswered):
    """It was sent: whoever gives it up must not believe that the HIS has nothing."""
    told = " ".join(unanswered("dismiss", "1", "--why", "x").stdout.split())
    assert "message 1 is given up: it is not sent again, and its file is kept" in told
    assert "it may have arrived: ask the HIS team for control id A1" in told
    assert "ask the HIS team for control id A1" in " ".join(unanswered("show", "1").stdout.split())
    told = unanswered("dismiss", "3", "--why", "x").stdout
    assert "it is not sent, and its file is kept" in told
    assert "arrived" not in told
    assert "arrived" not in unanswered("show", "3").stdout
    assert unanswered.json("dismiss", "2", "--why", "x")["target"]["may_have_arrived"] == ["A2"]


def test_of_many_that_are_given_up_those_are_named_that_may_have_arrived(unanswered):
    told = " ".join(unanswered("dismiss", "--all", "--since", "1h", "--dry-run").stdout.split())
    assert "ask the HIS team for control id A1" in told
    assert "2 of them may have arrived: ask the HIS team for their control ids." in told
    assert "arrived" not in unanswered("release", "--all", "--dry-run").stdout
    told = unanswered("dismiss", "--all", "--since", "1h", "--why", "x", "--count", "3").stdout
    told = " ".join(told.split("3 given up.")[1].split())
    assert told == (
        "2 of them may have arrived: ask the HIS team for their control ids. `lab-sender show ID` has that of each."
    )


def test_what_may_have_arrived_before_it_was_built_anew_is_asked_for_under_both_ids(unanswered):
    with contextlib.closing(sqlite3.connect(unanswered.outbox / ".lab-sender" / "journal.db")) as db, db:
        db.execute("UPDATE message SET left_before = TRUE, control_id = 'B1' WHERE id = 1")
        db.execute("INSERT INTO former_id (destination, control_id, message_id) VALUES ('his', 'A1', 1)")
    assert "control id A1 or B1 (" in " ".join(unanswered("dismiss", "1", "--why", "x").stdout.split())


def test_what_waits_says_what_for(refused):
    refused("release", "1")
    assert "no agent runs, and it goes out when one does" in " ".join(refused("show", "1").stdout.split())
    refused("hold", "--why", "maintenance")
    assert "it goes out when somebody resumes" in " ".join(refused("show", "1").stdout.split())


def test_what_the_brake_keeps_waits_for_the_his(here, his, ready):
    """`show` and `status` say the same: it ends by itself."""
    here.path.write_text(here.path.read_text().replace("  ack_timeout", "  brake: {refused: 2}\n  ack_timeout"))
    his.answer_by("AE")
    for number in range(4):
        here.outbox.mkdir(exist_ok=True)
        (here.outbox / f"{number}.hl7").write_bytes(ready(f"A{number}", f"R-{number}"))
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["destinations"][0]["hold"] == "brake")
        (last, *_) = here.entries("--waiting")
        told = " ".join(here("show", last["ref"]).stdout.split())
        assert "the brake holds sending. The agent tries by itself, and it goes out when the HIS takes one" in told
        assert "it ends by itself when the HIS takes one" in " ".join(here("status", exits=None).stdout.split())
    told = " ".join(here("show", last["ref"]).stdout.split())
    assert "the brake holds sending, and no agent runs that would try by itself" in told


def test_what_was_read_again_says_as_what(here, report):
    here("send", here.file("r.json", report(fillerr="x")), exits=1)
    here("release", "1")
    with here.agent():
        here.until(lambda: len(here.entries()) == 2)
        here.until(lambda: here.json("show", "2")["state"] == "quarantined")
    assert "read again: message 2" in here("show", "1").stdout


def test_what_a_person_has_given_up_wants_force(refused):
    """It may be the wrong patient's: who gave it up knew."""
    refused("dismiss", "1", "--why", "wrong patient")
    told = refused("resend", "1", "--new-id", exits=1).stderr
    assert "resend.given-up" in told
    assert "`lab-sender show 1` says by whom and why" in " ".join(told.split())
    refused("resend", "1", "--new-id", "--force")
    assert refused.json("show", "1")["replaced_by"] == 2
    refused("dismiss", "2", "--why", "wrong patient")
    assert "resend.given-up" in refused("resend", "2", "--new-id", exits=1).stderr


def test_of_what_was_given_up_and_overtaken_the_newer_one_is_named(refused, ready):
    """The same --force goes past both."""
    refused("dismiss", "1", "--why", "wrong patient")
    refused("send", refused.file("b.hl7", ready("A2")))
    told = " ".join(refused("resend", "1", "--new-id", exits=1).stderr.split())
    assert "resend.overtaken: message 2," in told
    assert "Message 1 is given up." in told


def test_no_copy_of_what_a_copy_has_replaced_goes_round_that(refused):
    refused("resend", "1", "--new-id")
    refused("dismiss", "2", "--why", "wrong patient")
    assert "resend.replaced" in refused("resend", "1", "--new-id", exits=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="accounts and sudo")
@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ({}, "{account}"),
        ({"LOGNAME": "somebody", "USER": "somebody", "LNAME": "somebody", "USERNAME": "somebody"}, "{account}"),
        ({"SUDO_USER": "anna"}, "anna (sudo, as {account})"),
        ({"SUDO_USER": ""}, "{account}"),
    ],
)
def test_who_acted_is_the_real_account_and_who_became_it(refused, monkeypatch, environment, who):
    import pwd

    monkeypatch.delenv("SUDO_USER", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = who.format(account=pwd.getpwuid(os.getuid()).pw_name)
    assert refused.json("dismiss", "1", "--why", "x")["who"] == expected
    assert [each["who"] for each in refused.json("show", "1")["events"]] == [expected]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize(
    ("noted", "sudo", "who"),
    [
        ("4294967295", "", "{account}"),
        ("4294967295", "anna", "anna (sudo, as {account})"),
        ("4294967294", "", "uid 4294967294 (login, as {account})"),
        ("4294967294", "somebody", "uid 4294967294 (sudo, as {account})"),
        ("{uid}", "", "{account}"),
        ("{uid}", "somebody", "{account}"),
        ("", "", "{account}"),
    ],
)
def test_who_logged_in_is_what_the_kernel_noted(tmp_path, monkeypatch, noted, sudo, who):
    """Of what is typed into the environment only SUDO_USER counts, and only where nobody is noted."""
    import pwd

    from lab_sender.cli import arguments

    account = pwd.getpwuid(os.getuid()).pw_name
    (tmp_path / "loginuid").write_text(noted.format(uid=os.getuid()))
    monkeypatch.setattr(arguments, "_LOGIN_UID", tmp_path / "loginuid")
    monkeypatch.setenv("SUDO_USER", sudo)
    assert arguments.who() == who.format(account=account)


def test_who_acts_is_named_with_each_act(refused):
    """As a page with many users does."""
    from lab_sender.operations import acts
    from lab_sender.operations.installation import Installation

    here = Installation(refused.path)
    acts.hold(here, "upgrade", who="bea")
    acts.release(here, "1", who="carl")
    acts.dismiss(here, "1", "wrong", who="dora")
    acts.resume(here, who="emil")
    assert [each["who"] for each in refused.json("show", "1")["events"]] == ["carl", "dora"]


def test_hold_and_resume_while_the_agent_runs(here, his, report):
    with here.agent() as agent:
        here("hold", "--why", "maintenance")
        here.until(lambda: agent._senders["his"].parts[0].destination.hold == "operator")
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: here.json("status", exits=1)["waiting"] == 1)
        assert his.count == 0
        assert "held by an operator" in here("resume").stdout
        his.wait_for(1)
        assert "was not held" in here("resume").stdout


@pytest.mark.usefixtures("his")
def test_a_second_hold_says_that_somebody_held_before(here, report):
    here("send", here.file("r.json", report()))
    here("hold", "--why", "F1 is wrong")
    assert "was held by an operator already" in here("hold", "--why", "F2 is wrong").stdout
    assert "F1 is wrong; F2 is wrong" in here("status", exits=1).stdout
    assert here.json("hold")["was_held_by"] == "operator"


def test_a_hold_outlives_the_agent(here, his, report):
    here("send", here.file("r.json", report()))
    here("hold")
    here("send", here.file("s.json", report("F-2")), "--timeout", "200ms", exits=75)
    assert his.count == 1
    here("resume")
    with here.agent():
        his.wait_for(2)


@pytest.mark.parametrize("name", ["", " ", "file:", "file:x", "id:1.5", "id:²", "file:-1", "order:"])
def test_what_is_no_word(here, name):
    assert "Invalid value for '[ID]...'" in here("release", "--", name, exits=2).stderr


@pytest.mark.parametrize("name", ["x", "-1", "f", "1.5", "²", "f1", "F1", "01", "file:01", "FILE:1", "9" * 30])
def test_a_word_that_nothing_has(refused, name):
    refused("send", refused.file("c.bin", b"\0\1\2"), exits=1)
    assert "message.unknown" in refused("dismiss", "--why", "x", "--", name, exits=1).stderr
    assert [each["state"] for each in refused.entries()] == ["quarantined", "quarantined"]


@pytest.mark.parametrize(
    "word", ["1", "id:1", "A1", "a1", "control:A1", "R-1", "order:R-1", "a.hl7", "name:a.hl7", "file:1"]
)
def test_every_word_that_a_person_has_leads_to_the_message(refused, word):
    told = refused("dismiss", word, "--why", "x").stdout
    assert "message 1 is given up: it is not sent" in told
    assert "file a.hl7, order R-1, control id A1, received 20" in told


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="arguments are text there")
def test_bytes_that_are_no_text_are_replaced(refused):
    refused("send", os.fsencode(refused.folder) + b"/c\xff.bin", exits=2)
    (refused.outbox / os.fsdecode(b"c\xff.bin")).write_bytes(b"\0\1\2")
    with refused.agent():
        refused.until(lambda: len(refused.entries()) == 2)

    def typed(*words):
        command = [sys.executable, "-m", "lab_sender", "--config", str(refused.path), *words]
        done = subprocess.run(command, capture_output=True, check=False)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    code, told = typed("show", b"\xff\xfe")
    assert (code, "message.unknown" in told) == (1, True)
    code, told = typed("dismiss", b"c\xff.bin", "--why", b"said \xff")
    assert (code, "file:2 is given up" in told) == (0, True)
    assert refused.json("show", "file:2")["events"][0]["why"] == "said \ufffd"
    code, told = typed("hold", "--why", b"\xff")
    assert code == 0


def test_ids_of_an_older_journal_that_differ_in_blanks_fit_one_word(refused):
    with contextlib.closing(Journal(refused.outbox / ".lab-sender" / "journal.db", who="older")) as journal:
        journal.spool.spooled([source("C8", entry("X1")), source("C9", entry("X1 "))], HIS)
    told = refused("show", "control:X1", exits=2).stderr
    assert "word.ambiguous" in told
    assert "id:2" in told
    assert "id:3" in told


def test_an_id_that_is_not_there(refused):
    for command in (["release"], ["resend", "--new-id"], ["dismiss", "--why", "x"]):
        assert "message.unknown" in refused(*command, "99", exits=1).stderr
