"""The program as it is started: help, exit codes, signals, and `his` and `run` as processes."""

import contextlib
import json
import signal
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner
from kit.documents import checked

from lab_sender.cli.main import main

PROGRAM = [sys.executable, "-m", "lab_sender"]


def start(*args, **more):
    command, pipe = [*PROGRAM, *map(str, args)], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", **more)


def test_every_command_says_what_it_does():
    for name, command in main.commands.items():
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0
        assert command.get_short_help_str(60)[-3:] != "..."
        assert command.name == name


def test_help_fits_a_terminal_of_80_columns():
    below = [[name, each] for name, group in main.commands.items() for each in getattr(group, "commands", {})]
    for words in ([], *([name] for name in main.commands), *below):
        said = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).output
        assert [line for line in said.splitlines() if len(line) > 80] == [], words


def test_help_needs_none_of_the_heavy_rooms():
    heavy = ("rich", "pydantic", "hl7apy", "sqlite3", "ssl")
    code = f"import lab_sender.cli.main, sys; print(*(name for name in {heavy} if name in sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


@pytest.mark.usefixtures("his")
def test_who_looks_loads_neither_the_agent_nor_what_builds_messages(here, report):
    here("send", here.file("r.json", report()))
    rooms = tuple(f"lab_sender.{room}" for room in ("agent", "oru", "delivery", "filing", "readers", "cli.act"))
    code = (
        "import sys; from lab_sender.cli.main import main\n"
        "try: main()\n"
        f"finally: print([each for each in sys.modules if each.startswith({rooms})\n"
        " or each in ('rich.console', 'hl7apy', 'watchdog', 'tenacity')])"
    )
    for command in (("status",), ("list",), ("show", "1")):
        started = [sys.executable, "-c", code, "--config", str(here.path), *command]
        run = subprocess.run(started, capture_output=True, text=True, check=False)
        assert run.stdout.splitlines()[-1] == "[]", run.stderr
        assert "delivered" in run.stdout


def test_usage_errors(here):
    here("bogus", exits=2)
    here("list", "--limit", "0", exits=2)
    here("--version")


def test_a_bug_is_told_without_its_text(here, monkeypatch, secret):
    from lab_sender.operations import status

    def fails(*_):
        raise KeyError(secret)

    monkeypatch.setattr(status, "look", fails)
    result = here("status", exits=3)
    assert result.stdout.startswith("UNKNOWN - bug.KeyError: ")
    assert "error bug.KeyError" in result.stderr
    assert "status.py" in result.stderr
    assert secret not in result.output


def test_a_log_file_that_cannot_be_written(here, his):
    here.configure(his.port, more="log: {file: nowhere/agent.log}\n")
    assert "error io.enoent" in here("run", exits=74).stderr


def test_a_profile_that_cannot_work_is_a_fault_of_the_configuration(here, his, report):
    here.configure(his.port, more="message: {times: {fields: {ZZZ-1: {offset: never}}}}\n")
    for command in (["run"], ["preview", here.file("r.json", report())]):
        assert "times.fields.ZZZ-1: ZZZ-1 is no field" in here(*command, exits=78).stderr
    assert "ZZZ-1 is no field" in here("check", exits=78).stdout


def test_a_certificate_that_cannot_be_read_is_a_fault_of_the_configuration(here):
    assert "error tls.files: " in here("his", "--tls-cert", __file__, exits=78).stderr


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM")
def test_run_and_his_are_two_programs(here, report):
    his = start("his", "--port", "0", "--json", "--rule", "first: AE")
    port = checked(his.stdout.readline())["port"]
    here.configure(port)
    agent = start("--config", here.path, "run")
    try:
        assert json.loads(agent.stderr.readline())["event"] == "agent.started"
        (here.outbox / ".r.json").write_text(report())
        (here.outbox / ".r.json").rename(here.outbox / "r.json")
        first, second = (checked(his.stdout.readline()) for _ in range(2))
        assert (first["answer"], second["answer"], second["duplicate"]) == ("first: AE", "AA", True)
        here.until(lambda: here.json("status", exits=None)["acked"] == 1)
        assert "agent.running" in here("run", exits=75).stderr
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(20) == 0
        agent.communicate()
        his.send_signal(signal.SIGINT)
        rest, errors = his.communicate(timeout=20)
    assert his.returncode == 0
    assert not errors
    ended = checked(rest.splitlines()[-1])
    assert ended == {"format": "lab-sender/his-ended/1", "messages": 2, "connections": 1, "again": 1,
                     "messages_by_name": {str(port): 2}}  # fmt: skip
    assert list(here.outbox.glob("sent/*/r.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
@pytest.mark.parametrize("runs", [True, False])
def test_who_stops_waiting_is_told_how_far_it_is(here, his, report, runs):
    his.stop()
    with here.agent() if runs else contextlib.nullcontext():
        sender = start("--config", here.path, "send", here.file("r.json", report()))
        here.until(lambda: "r.json" in here("list", exits=None).stdout)
        sender.send_signal(signal.SIGINT)
        output, errors = sender.communicate(timeout=20)
    assert (sender.returncode, errors) == (75, "")
    assert "r.json: waiting" in output
    assert [each["state"] for each in here.entries()] == ["spooled"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_what_his_shows(here, ready, secret):
    his = start("his", "--port", "0", "--show")
    port = int(his.stdout.readline().split("port ")[1].split(".")[0])
    here.configure(port)
    here("send", here.file("a.hl7", ready("A1")))
    his.send_signal(signal.SIGINT)
    output, _ = his.communicate(timeout=20)
    assert secret in output
    assert "A1" in output
    assert "1 message received over 1 connection." in output


def test_his_refuses_what_it_does_not_understand(his):
    run = CliRunner().invoke
    assert "no answer or option" in run(main, ["his", "--rule", "sometimes"]).stderr
    assert run(main, ["his", "--tls-key", __file__]).exit_code == 2
    taken = run(main, ["his", "--port", str(his.port)])
    assert (taken.exit_code, "his.address" in taken.stderr) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away(here, report):
    here("send", here.file("r.json", report()))
    lister = start("--config", here.path, "schema", "report")
    lister.stdout.close()
    lister.stdout = None
    _, errors = lister.communicate(timeout=20)
    assert "Traceback" not in errors


def test_threads_end():
    assert not [thread for thread in threading.enumerate() if thread.name in ("lane", "intake", "keeper", "his")]
