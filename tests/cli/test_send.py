"""`send`: one file now, and its verdict."""

import json
import sys
import threading
import time

import pytest

from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.sending import Sending


def dropped(here, file) -> str:
    """Drop a file as `send` does, where no agent runs; return its name in the outbox."""
    sending = Sending(Installation(here.path), file, time.monotonic() + 60)
    assert not sending.known()
    return sending.sent.file


def test_no_agent_runs(here, his, report):
    result = here("send", here.file("r.json", report()))
    assert "r.json: delivered." in result.stdout
    assert [each.control_id in result.stdout for each in his.received] == [True]
    assert next(here.outbox.glob("sent/*/r.json")).read_text() == report()
    assert "agent      not running" in here("status", exits=1).stdout.replace("  agent       ", "agent      ")


def test_an_agent_runs(here, his, ready):
    with here.agent():
        told = here.json("send", here.file("two.hl7", ready("A1", "R-1") + ready("A2", "R-2")))
    assert told["result"] == "delivered"
    assert [(each["control_id"], each["state"], each["ack_code"]) for each in told["messages"]] == [
        ("A1", "acked", "AA"), ("A2", "acked", "AA"),
    ]  # fmt: skip
    assert told["messages"][0]["path"].endswith("two.hl7")
    assert [each.control_id for each in his.received] == ["A1", "A2"]


def test_the_agent_ends_while_the_file_waits(here, his, report):
    """It was that of another `send`, say, whose own file is final: one runs here then, as if none had run."""
    his.stop()

    def end(agent):
        here.until(lambda: [*here.outbox.glob(".lab-sender/claimed/*_r.json")])
        agent.stop()
        his.start()

    with here.agent() as agent:
        ending = threading.Thread(target=end, args=(agent,))
        ending.start()
        told = here.json("send", here.file("r.json", report()), "--timeout", "20s", exits=None)
        ending.join()
    assert told["result"] == "delivered"
    assert his.count == 1


def test_what_cannot_be_read(here, his):
    result = here("send", here.file("x.json", "{"), exits=1)
    assert "json.syntax" in result.stdout
    assert not his.received


def test_what_the_his_refuses(here, his, report, secret):
    his.answer_by(f"AE,code=207,text={secret} is unknown")
    result = here("send", here.file("r.json", report()), exits=1)
    assert "AE with error 207" in result.stdout
    assert secret not in result.output
    assert secret in next(here.outbox.glob("quarantine/*.reason.txt")).read_text()


def test_one_of_two_is_refused(here, his, ready):
    his.answer_by("id=A2: AR")
    told = here.json("send", here.file("two.hl7", ready("A1", "R-1") + ready("A2", "R-2")), exits=1)
    assert [each["state"] for each in told["messages"]] == ["acked", "quarantined"]


def test_time_is_up(here, his, report):
    his.stop()
    result = here("send", here.file("r.json", report()), "--timeout", "300ms", exits=75)
    assert "r.json: waiting" in result.stdout
    his.start()
    assert here.json("send", here.file("later.json", report("F-2")))["result"] == "delivered"
    assert here.entries("--waiting") == []
    assert his.count == 2


def test_a_name_that_is_taken(here, his, report):
    """The one in the outbox is another report: neither is lost, and each is told from the other."""
    here.outbox.mkdir()
    (here.outbox / "r.json").write_text(report("F-1"))
    (here.outbox / "r-1.json").write_text("{")
    assert dropped(here, here.file("r.json", report("F-2"))) == "r-2.json"
    (here.outbox / "r-2.json").unlink()
    told = here.json("send", here.file("r-1.json", report("F-2")))
    assert told["result"] == "delivered"
    here.json("send", here.file("other.json", report("F-3")))
    assert his.count == 3


def test_a_file_that_lies_in_the_outbox(here, his, report):
    here.outbox.mkdir()
    (here.outbox / "r.json").write_text(report())
    here("send", here.outbox / "r.json")
    assert his.count == 1


@pytest.mark.parametrize("runs", [True, False])
def test_attachments_go_along(here, his, report, runs):
    here.file("scan.pdf", b"%PDF-1.4 sample %%EOF")
    file = here.file("r.json", report(attachment="scan.pdf"))
    if runs:
        with here.agent():
            here("send", file)
    else:
        here("send", file)
    assert b"^AP^^Base64^" in his.received[0].body or b"Base64" in his.received[0].body
    assert list(here.outbox.glob("sent/*/scan.pdf"))
    assert (here.folder / "scan.pdf").exists()


def test_an_attachment_whose_name_is_taken(here, report):
    """Two reports that name one file: the second waits, for it must not get the first one's document."""
    here.outbox.mkdir()
    (here.outbox / "scan.pdf").write_bytes(b"%PDF another's")
    here.file("scan.pdf", b"%PDF mine")
    with pytest.raises(Later, match=r"drop\.name-taken"):
        dropped(here, here.file("r.json", report(attachment="scan.pdf")))
    assert (here.outbox / "scan.pdf").read_bytes() == b"%PDF another's"
    assert [path.name for path in here.outbox.iterdir()] == ["scan.pdf"]


def test_a_file_too_large(here, his):
    here.configure(his.port, intake=", largest_file: 1KiB")
    assert "file.too-large" in here("send", here.file("r.json", "x" * 2000), exits=65).stderr
    assert "file.too-large" in here("preview", here.file("r.json", "x" * 2000), exits=65).stderr


def test_where_markers_are_agreed(here, his, report):
    here.configure(his.port, intake=", marker: .ok")
    here("send", here.file("r.json", report()))
    assert his.count == 1
    assert not list(here.outbox.glob("*.ok"))


def test_a_name_that_is_taken_beside_attachments(here, report):
    """The report knows its attachments by name; nobody knows the report by its own."""
    here.outbox.mkdir()
    (here.outbox / "r.json").write_text("{")
    here.file("scan.pdf", b"%PDF-1.4 sample %%EOF")
    assert dropped(here, here.file("r.json", report(attachment="scan.pdf"))) == "r-1.json"
    assert sorted(path.name for path in here.outbox.iterdir()) == ["r-1.json", "r.json", "scan.pdf"]


def test_where_markers_are_agreed_each_attachment_has_its_own(here, his, report):
    here.configure(his.port, intake=", marker: .ok")
    here.file("scan.pdf", b"%PDF-1.4 sample %%EOF")
    here("send", here.file("r.json", report(attachment="scan.pdf")))
    assert b"Base64" in his.received[0].body
    assert [path.name for path in here.outbox.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("name", ["r.tmp", "r.json.part", "r.json~", "Thumbs.db", "r.ok"])
@pytest.mark.parametrize("in_outbox", [True, False])
def test_a_name_that_no_agent_takes(here, his, report, name, in_outbox):
    """It would lie there for ever."""
    here.configure(his.port, intake=", marker: .ok")
    here.outbox.mkdir()
    file = here.file(f"outbox/{name}" if in_outbox else name, report())
    assert "drop.name" in here("send", file, exits=1).stderr
    assert [path.name for path in here.outbox.iterdir()] == ([name] if in_outbox else [])


@pytest.mark.skipif(sys.platform == "win32", reason="a file cannot have these names")
@pytest.mark.parametrize("name", ["10:30.json", "a\\b.json", "what?.json", ".hidden.json", "ä" * 120])
def test_what_a_file_is_called_here_may_be_what_others_cannot_write(here, report, name):
    assert here.json("send", here.file(name, report()))["result"] == "delivered"


def test_the_same_again_is_not_sent_twice(here, his, report):
    file = here.file("r.json", report())
    here("send", file)
    told = json.loads(here("send", file, "--json").stdout)
    assert (told["result"], told["messages"][0]["state"]) == ("delivered", "duplicate")
    assert his.count == 1


def test_nothing_temporary_is_left(here, report):
    here("send", here.file("r.json", report()))
    assert [path.name for path in here.outbox.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("timeout", ["soon", "5", "-1s", "0s"])
def test_a_time_that_is_none(here, report, timeout):
    assert "--timeout" in here("send", here.file("r.json", report()), f"--timeout={timeout}", exits=2).stderr
