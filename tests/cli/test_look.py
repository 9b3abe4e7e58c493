"""`status`, `list`, `show`: what they tell, and what they must not."""

import io
import json
import re

import pytest
from kit.patients import is_named
from kit.system import WINDOWS

from lab_sender.cli import listing, screen
from lab_sender.cli.alerts import listed
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.alerts.asked import ListedAlert


def test_before_any_agent(here):
    before = here.tree()
    assert here("status", exits=2).stdout.startswith(
        "CRITICAL - the outbox is not there, and no journal is: no agent has worked here yet, or they were moved;"
        " no agent runs | waiting=0;;;0 quarantined=0;1;;0 oldest=0s;300;600;0 rate=0.0\n"
    )
    assert "  outbox      not there, " in here("status", exits=2).stdout
    here.outbox.mkdir()
    before = here.tree()
    assert here("status", exits=1).stdout.startswith("WARNING - no agent runs | ")
    for command in (["list"], ["show", "1"], ["hold"], ["resume"], ["release", "1"], ["dismiss", "1", "--why", "x"]):
        assert "error journal.none" in here(*command, exits=1).stderr
    assert here.tree() == before


@pytest.mark.parametrize(
    ("text", "code"),
    [("his: {host: h, port: 1, prot: 2}\n", "config.invalid"), ("outbox: [\n", "config.yaml"), (None, "config.file")],
)
def test_status_that_cannot_know_says_so_on_standard_output(here, text, code):
    """A broken configuration: Nagios takes 0 to 3 and standard output only."""
    here.path.write_text(text) if text else here.path.unlink()
    result = here("status", exits=3)
    (line,) = result.stdout.splitlines()
    assert line.startswith("UNKNOWN - config.")
    assert "|" not in line
    assert f"error {code}" in result.stderr or "error config." in result.stderr
    assert here.json("status", exits=3)["exit_code"] == 3


def test_status_of_a_journal_that_cannot_be_read(here, report):
    here("send", here.file("r.json", report()))
    (journal,) = here.folder.rglob("journal.db")
    for ending in ("-wal", "-shm"):
        journal.with_name(journal.name + ending).unlink(missing_ok=True)
    journal.write_bytes(b"SQLite format 3\0" + bytes(8000))
    assert here("status", exits=3).stdout.startswith("UNKNOWN - journal.")
    assert here("status", "--to", "nobody", exits=3).stdout.startswith("UNKNOWN - destination.unknown")
    assert here("status", "--bogus", exits=3).stdout.startswith("UNKNOWN - command.usage: No such option")


def test_figures_have_thresholds(here, his, report):
    his.stop()
    with here.agent():
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: (here.json("status", exits=None)["oldest_waiting_s"] or 0) > 0.02)
        first = here("status", "--warn-age", "10ms", "--crit-age", "20ms", exits=2).stdout.splitlines()[0]
        assert first.startswith("CRITICAL - the oldest message waits for ")
        first = here("status", "--warn-age", "7m", exits=1).stdout.splitlines()[0]
    assert re.search(r" \| waiting=1;;;0 quarantined=0;1;;0 oldest=\d+s;420;600;0 rate=0\.0$", first)


def test_watch_shows_it_again_until_it_is_ended(here, monkeypatch):
    from lab_sender.cli import status

    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            here.path.write_text("his: {}\n")
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", sleep)
    lines = [line for line in here("status", "--watch", exits=3).stdout.splitlines() if " - " in line]
    assert [line.split(" - ")[0] for line in lines] == ["CRITICAL", "CRITICAL", "UNKNOWN"]


def test_status_of_a_running_agent(here, report):
    with here.agent():
        here("send", here.file("r.json", report()))
        result = here("status")
        assert result.stdout.startswith("OK - link up, 0 waiting | ")
        told = here.json("status")
    assert (told["status"], told["running"], told["link"], told["acked"]) == ("OK", True, "up", 1)
    assert told["last_ack_ms"]


def test_fault_111_status_says_that_nobody_is_answered(here, his, report):
    """While something waits for more than two ACK times, and until an acceptance."""
    his.answer_by("nothing")
    here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", "ack_timeout: 100ms"))
    with here.agent():
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: here.json("status", exits=None)["unanswered_s"] is not None)
        first = here("status", exits=1).stdout.splitlines()[0]
        assert first.startswith("WARNING - the HIS has answered nothing for ")
        assert "(ack.timeout)" in first
        his.answer_by()
        here.until(lambda: here.json("status", exits=None)["acked"] == 1)
        assert here("status").stdout.startswith("OK - link up, 0 waiting | ")


def test_fault_111_the_last_trouble_stays_in_the_status_line_until_an_acceptance(here, his, report):
    port = his.port
    his.stop()
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link_code"] == "connect.refused")
        with StandIn(port=port):
            here.until(lambda: here.json("status", exits=None)["link"] == "up")
            assert here("status").stdout.startswith("OK - link up, 0 waiting; last trouble connect.refused | ")
            here("send", here.file("r.json", report()))
            assert here("status").stdout.startswith("OK - link up, 0 waiting | ")


def test_fault_85_status_names_messages_code_and_next_probe(here, his, report, secret):
    his.answer_by(f"AE,code=101,text={secret}")
    with here.agent():
        for number in range(6):
            (here.outbox / f"{number}.json").write_text(report(f"F-{number}"))
        here.until(lambda: here.json("status", exits=None)["hold"] == "brake")
        here.until(lambda: here.json("status", exits=None)["next_try_ms"])
        told = here("status", exits=2).stdout
    flat = " ".join(told.split())
    assert "messages 1, 2, 3, 4, 5 refused in a row, last AE 101. Next probe at" in flat
    assert "`lab-sender show 1 --raw` has its tries and what the HIS answered; `lab-sender resume` ends it at" in flat
    assert secret not in told


def test_status_while_the_his_is_down(here, his, report):
    his.stop()
    with here.agent():
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: here.json("status", exits=None)["waiting"] == 1)
        result = here("status", exits=1)
        told = here.json("status", exits=1)
    assert "the link is down (connect.refused)" in result.stdout.splitlines()[0]
    assert "oldest for" in result.stdout
    assert told["next_try_ms"]
    assert "no agent runs and 1 message or file waits" in here("status", exits=2).stdout


def test_status_counts_what_nobody_takes(here, report):
    here.outbox.mkdir()
    (here.outbox / "r.json").write_text(report())
    (here.outbox / "half.tmp").write_text("")
    (here.outbox / ".hidden").write_text("")
    told = here.json("status", exits=2)
    assert (told["outbox_files"], told["status"]) == (1, "CRITICAL")


def test_status_counts_what_waits_for_its_attachment(here, report):
    with here.agent():
        (here.outbox / "r.json").write_text(report(attachment="no.pdf"))
        here.until(lambda: here.json("status", exits=None)["unread_files"] == 1)
        assert "1 file still to be read, or waiting for" in here("status").stdout
    assert "no agent runs and 1 message or file waits" in here("status", exits=2).stdout
    here("send", here.file("other.json", report()))
    assert here.json("status", exits=None)["unread_files"] == 1  # with a journal that knows other files


def test_status_of_a_held_lane(here, report):
    here("send", here.file("r.json", report()))
    here("hold", "--why", "maintenance")
    result = here("status", exits=1)
    assert "the lane is held by an operator" in result.stdout
    assert "maintenance" in result.stdout


def test_status_of_the_quarantine(here):
    here("send", here.file("x.json", "{"), exits=1)
    with here.agent():
        told = here.json("status", exits=1)
    assert told["unreadable"] + told["quarantined"] == 1
    assert told["news"] == ["1 unreadable file in quarantine (json.syntax)"]
    (condition,) = told["conditions"]
    assert (condition["code"], condition["level"], condition["cause"], condition["number"]) == (
        "quarantine", "WARNING", "json.syntax", 1,
    )  # fmt: skip
    assert condition["since_ms"] > 1_700_000_000_000


def test_list(here, his, ready, report):
    his.answer_by("id=A1: AR")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    here("send", here.file("b.json", report()))
    here("send", here.file("c.bin", b"\0\1\2"), exits=1)
    lines = here.entries()
    assert [(each["ref"], each["id"], each["file_id"], each["file"], each["state"]) for each in lines] == [
        ("file:3", None, 3, "c.bin", "quarantined"), ("2", 2, 2, "b.json", "acked"),
        ("1", 1, 1, "a.hl7", "quarantined"),
    ]  # fmt: skip
    assert (lines[1]["folder"], lines[1]["path"].endswith("b.json")) == ("sent", True)
    assert [each["ref"] for each in here.entries("--quarantined")] == ["file:3", "1"]
    assert [each["ref"] for each in here.entries("--state", "acked")] == ["2"]
    assert here.entries("--waiting") == []
    assert [each["ref"] for each in here.entries("--limit", "1")] == ["file:3"]
    assert [here.json("list", "--limit", str(most))["more"] for most in (2, 3)] == [True, False]
    table = here("list").stdout.splitlines()
    assert table[0].split() == ["id", "time", "state", "code", "ACK", "ms", "tries", "control", "id", "file"]
    assert len(table) == 4
    assert "nothing to list" in here("list", "--state", "dismissed").stdout


def terminal(monkeypatch, width):
    """Make standard output a terminal."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("COLUMNS", str(width))
    return out


@pytest.mark.parametrize(("width", "left_out"), [(80, 3), (99, 3), (100, 1), (119, 1), (120, 0)])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_file_name(monkeypatch, width, left_out):
    out = terminal(monkeypatch, width)
    row = ("file:12345", "06:34:40", "quarantined", "correction.not-advanced", "12,345", "99", "06H0E794RXMFME8STSED",
           "chemistry-2026-11-28-0001.json")  # fmt: skip
    table = screen.table(listing.COLUMNS, [row], fold=("file",), spare=listing.SPARE)
    screen.show(table)
    head, *lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert [name in head for name in listing.SPARE] == [left_out < 3, left_out < 3, left_out < 1]
    assert all(len(line) <= width for line in lines)
    at = head.index("file")
    assert "".join(line[at:].strip() for line in lines) == row[-1], "all of it is there, folded"
    shown = " ".join(lines)
    assert row[3] in shown
    assert row[0] in shown


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "correction.preliminary-af"), (140, "correction.preliminary-after-final")]
)
def test_a_wider_terminal_shows_more_of_a_code(monkeypatch, width, shown):
    out = terminal(monkeypatch, width)
    rows = [("correction.preliminary-after-final", "a.json")]
    screen.show(screen.table(("code", "file"), rows, fold=("file",)))
    assert shown in out.getvalue()
    assert ("\u2026" in out.getvalue()) == (width == 80)


def test_a_narrow_terminal_shows_of_an_alert_what_and_where(monkeypatch):
    out = terminal(monkeypatch, 80)
    text = "alerts do not get through the channel on-call (alerts.not-sent)"
    one = ListedAlert(
        12, "alerts.channel-failed", "warning", "firing", "registry", "on-call", text, 1, 1, "m.weber", 1
    )
    screen.show(listed([one]))
    head, *lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert all(len(line) <= 80 for line in lines)
    at = head.index("what")
    assert " ".join(line[at:].strip() for line in lines) == f"registry: {text}. alerts.channel-failed"


def test_show_tells_the_story(here, his, report, secret):
    his.answer_by(f"AE,code=207,text={secret} is unknown")
    here("send", here.file("r.json", report()), exits=1)
    result = here("show", "1")
    assert "quarantined" in result.stdout
    assert "AE with error 207" in result.stdout
    assert "release 1" in result.stdout
    assert result.stdout.count("verdict") == 2
    raw = here("show", "1", "--raw").stdout
    assert f"PID|1||4711^^^^MR||{secret}^Änne" in raw
    assert f"MSA|AE|{his.received[0].control_id}|{secret} is unknown" in raw
    told = here.json("show", "1", "--raw")
    assert told["message"]["segments"][0].startswith("MSH|")
    assert told["story"][0]["ack"]["segments"][1].startswith("MSA|AE")
    assert told["story"][0]["ack_code"] == "AE"


@pytest.mark.parametrize("rule", ["hold-order", "hold-patient", "continue"])
def test_show_says_behind_what_it_waits_by_the_rule_of_the_configuration(here, his, report, rule):
    text = here.path.read_text("utf-8").replace("retry:", f"after_quarantine: {rule}\n  retry:")
    here.path.write_text(text, encoding="utf-8")
    his.answer_by("AR,code=207,text=no")
    here("send", here.file("a.json", report(value="5.4")), exits=1)
    here("hold")
    with here.agent():
        here.outbox.joinpath("b.json").write_text(report(value="5.5"), encoding="utf-8")
        here.until(lambda: len(here.entries()) == 2)
    waits = None if rule == "continue" else 1
    assert here.json("show", 2)["held_by"] == waits
    assert ("waits behind  message 1, in quarantine" in here("show", 2).output) is (waits is not None)


@pytest.mark.usefixtures("his")
def test_show_of_a_contradiction_says_whom_to_ask(here, report):
    here("send", here.file("a.json", report(value="5.4")))
    here("send", here.file("b.json", report(value="5.9")), exits=1)
    shown = here("show", "2").stdout
    assert "correction.silent-change" in shown
    assert "ask the laboratory; then `lab-sender dismiss 2 --why TEXT`, or `lab-sender release 2`" in shown


def test_show_by_control_id(here, ready):
    here("send", here.file("a.hl7", ready("4321-x")))
    assert here("show", "4321-x").stdout.startswith("  message 1")
    here("send", here.file("b.hl7", ready("777", "R-2")))
    assert here("show", "777").stdout.startswith("  message 2")
    assert "message.unknown" in here("show", "778", exits=1).stderr
    assert here("show", "file:1").stdout.startswith("  message 1")
    assert "message.unknown" in here("show", "file:9", exits=1).stderr


def test_show_a_file_and_its_events(here):
    here("send", here.file("c.bin", b"\0\1\2"), exits=1)
    here("dismiss", "file:1", "--why", "a picture")
    told = here.json("show", "c.bin")
    assert told["state"] == "dismissed"
    assert told["code"] == "file.binary"
    assert [(each["event"], each["why"]) for each in told["events"]] == [("file.dismissed", "a picture")]
    assert "a picture" in here("show", "file:1").stdout


@pytest.mark.parametrize("answer", ["AR", "nothing", "wrong-id", "garbage", "no-msa"])
def test_no_patient_data_unless_asked(here, his, report, secret, answer):
    here.configure(his.port)
    here.path.write_text(here.path.read_text().replace("refused: 2", "refused: 2, unanswered: 2"))
    here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", "ack_timeout: 100ms"))
    his.answer_by(f"{answer},text={secret}")
    sent = here("send", here.file("r.json", report()), "--timeout", "30s" if answer == "AR" else "1s", exits=None)
    assert sent.exit_code == (1 if answer == "AR" else 75), "one that answers nobody costs no message its place"
    output = sent.output
    with here.agent():
        for command in ("status", "list", "show 1"):
            output += here(*command.split(), exits=None).output
            output += here(*command.split(), "--json", exits=None).output
    output += here("check").output
    assert secret not in output
    assert not is_named("4711", output)


@pytest.mark.skipif(WINDOWS, reason="a file cannot have these names")
def test_a_file_name_cannot_act_on_the_terminal(here, report):
    here("send", here.file("[red]\x1b[2Jx.json", report()))
    assert "[red]\\x1b[2Jx.json" in here("list").stdout
    assert "[red]\\x1b[2Jx.json" in here("show", "1").stdout


def test_fault_73_what_the_his_took_back_is_shown_and_settled(here, his, ready):
    with here.agent():
        here("send", here.file("r.hl7", ready("A1")))
        his.say(b"\x0bMSH|^~\\&|HIS\rMSA|AE|A1|ZEBRAPATIENT unknown\r\x1c\r")
        here.until(lambda: here.json("status", exits=None)["contradicted"] == 1)
        status = here("status", exits=1).stdout
    assert status.startswith("WARNING - 1 delivered message contradicted by the HIS since | ")
    assert "lab-sender list --contradicted" in status
    assert "contradicted AE" in here("list", "--contradicted").stdout
    assert [each["contradicted"] for each in here.entries("--contradicted")] == ["AE"]
    shown = here("show", "1").stdout
    assert "the HIS has answered AE since" in shown
    assert "resend 1 --new-id" in shown
    assert "ZEBRAPATIENT" not in shown
    assert "ZEBRAPATIENT unknown" in here("show", "1", "--raw").stdout
    assert [each["code"] for each in here.json("show", "1")["answers"]] == ["AE"]
    assert "stays delivered" in here("dismiss", "1", "--why", "the HIS has it").stdout
    assert here("list", "--contradicted").stdout == "nothing to list.\n"
    assert here.json("show", "1")["state"] == "acked"


@pytest.mark.parametrize("words", ["MSA|AE|A1||||Patient: ZEBRAPATIENT unknown", "MSA|AE|A1\rERR|||ZEBRAPATIENT x|E"])
def test_fault_77_a_code_that_is_none_is_not_shown(here, his, ready, secret, words):
    """It was printed as a code, whatever it held, and cut at its first colon."""
    his.answer_by("nothing")
    output = ""
    with here.agent():
        (here.outbox / "r.hl7").write_bytes(ready("A1"))
        for copy in (1, 2):
            his.wait_for(copy)
            his.say(f"\x0bMSH|^~\\&|HIS\r{words}\r\x1c\r".encode())
        here.until(lambda: here.json("status", exits=None)["quarantined"] == 1)
        for command in ("list", "show 1", "list --json", "show 1 --json"):
            output += here(*command.split()).output
    assert secret not in output
    assert "The HIS answered AE. Its words: --raw" in output
    assert secret in here("show", "1", "--raw").stdout


def test_fault_79_json_is_printable_and_says_the_same(capsys):
    screen.show_json({"a": "\x7f\x9b\u202e\U000e0001"})
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert json.loads(printed) == {"a": "\x7f\x9b\u202e\U000e0001"}
