"""Letters on the way out and in: pipes are UTF-8 on every platform, and JSON is JSON on every console."""

import io
import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lab_sender import files
from lab_sender.cli import screen, service
from lab_sender.cli.main import main

NAME = "Befund Müller \U0001f600.json"
OLD = {**os.environ, "PYTHONIOENCODING": "cp1252", "LC_ALL": "C", "PYTHONUTF8": "0"}


class Terminal(io.TextIOWrapper):
    """A console of an old code page."""

    def isatty(self):
        return True

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def as_json(text):
    (entry,) = json.loads(text)["entries"]
    return entry["file"]


@pytest.fixture
def sent(here, report):
    here("send", here.file(NAME, report()))
    return here


def test_a_pipe_is_utf_8_whatever_the_code_page(sent):
    def printed(*args):
        command = [sys.executable, "-m", "lab_sender", "-c", str(sent.path), "list", *args]
        return subprocess.run(command, env=OLD, capture_output=True, check=True).stdout

    assert NAME in printed().decode()
    assert as_json(printed("--json")) == NAME


@pytest.mark.parametrize("code_page", ["cp1252", "cp850"])
def test_a_console_of_a_code_page_shows_what_it_lacks_by_number(monkeypatch, code_page):
    """The rest it shows, and JSON is JSON there too."""
    console = Terminal(io.BytesIO(), encoding=code_page)
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setenv("COLUMNS", "200")
    screen.set_up_streams()
    assert console.encoding == code_page
    screen.show_plain_json({"entries": [{"file": NAME}]})
    assert as_json(console.text) == NAME
    assert ("ü" in console.text) == (not files.WINDOWS)
    screen.show(screen.table(("file",), [(NAME,)]))
    assert "Befund" in console.text
    assert "\\ud83d\\ude00" in console.text


def test_a_lone_surrogate_is_no_end(monkeypatch):
    """How Python shows a name that is not UTF-8."""
    for target in (Terminal(io.BytesIO(), encoding="cp1252"), io.TextIOWrapper(io.BytesIO(), encoding="cp1252")):
        monkeypatch.setattr(sys, "stdout", target)
        screen.set_up_streams()
        screen.show_plain_json({"entries": [{"file": "\udcff.hl7"}]})
        target.flush()
        assert as_json(target.buffer.getvalue()) == "\udcff.hl7"
        print("\udcff.hl7")
        target.flush()
        assert target.buffer.getvalue().decode().splitlines()[-1] == "\\udcff.hl7"


def test_on_windows_json_is_ascii(sent, monkeypatch):
    """PowerShell 5.1 takes a pipe for the code page of its console."""
    monkeypatch.setattr(files, "WINDOWS", True)
    text = CliRunner().invoke(main, ["-c", str(sent.path), "list", "--json"]).stdout
    assert text.isascii()
    assert as_json(text) == NAME
    text = CliRunner().invoke(main, ["-c", str(sent.path), "export", "--format", "jsonl"]).stdout
    assert text.isascii()
    assert json.loads(text)["file"] == NAME


@pytest.mark.parametrize("given", ["GÄRTNER-1\r\n".encode(), "\ufeffGÄRTNER-1\n".encode()])
def test_what_comes_by_a_pipe_is_utf_8(here, report, given):
    """With and without the mark that PowerShell writes before it."""
    order = json.loads(report("GÄRTNER-1"))
    order["patient"]["ids"][0]["id"] = "GÄRTNER-1"
    here("send", here.file("r.json", json.dumps(order)))
    command = ["-c", str(here.path), "list", "--patient", "-", "--json"]
    answer = CliRunner(charset="cp1252").invoke(main, command, input=given)
    assert as_json(answer.stdout_bytes) == "r.json"


def test_a_password_that_is_not_utf_8_is_not_taken(here):
    command = ["-c", str(here.path), "user", "add", "anna", "--role", "viewer", "--password-stdin"]
    result = CliRunner().invoke(main, command, input="Gr\xfcn-und-lang-genug\n".encode("cp1252"))
    assert result.exit_code == 2, result.output
    assert "not UTF-8" in result.stderr


def test_nor_is_that_of_a_service_of_windows(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Gr\udcfcn-und-lang-genug\n"))
    with pytest.raises(click.UsageError, match="not UTF-8"):
        service._password("LAB\\agent", True)


POSIX = pytest.mark.skipif(os.name != "posix", reason="a shell's way to close a stream")


def _exit_code(here, redirected, *command):
    shell = f'exec "$@" {redirected}'
    program = [sys.executable, "-m", "lab_sender", "-c", str(here.path), *command]
    return subprocess.run(["sh", "-c", shell, "sh", *program], capture_output=True, check=False).returncode


@pytest.mark.long
@POSIX
@pytest.mark.parametrize("command", [["explain", "refused"], ["check"]], ids=" ".join)
def test_a_stream_that_is_closed_changes_no_exit_code(sent, command):
    code = _exit_code(sent, "", *command)
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        assert _exit_code(sent, closed, *command) == code, closed


@POSIX
def test_what_is_closed_is_nowhere_for_children_too():
    """Else a file of ours that happens to get its number is what they print into."""
    shows = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in range(3)], file=open('/dev/fd/9', 'w'))"
    begins = (
        "import subprocess, sys; from lab_sender.cli import screen; screen.set_up_streams();"
        f"subprocess.run([sys.executable, '-c', {shows!r}], pass_fds=[9])"
    )
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    ran = subprocess.run(
        ["sh", "-c", 'exec "$@" 9>&1 <&- >&- 2>&-', "sh", sys.executable, "-c", begins],
        capture_output=True, check=True,
    )  # fmt: skip
    assert ran.stdout.decode().strip() == str(["/dev/null"] * 3)


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is always full")
@pytest.mark.parametrize(("command", "code"), [(["status"], 3), (["status", "--json"], 3), (["list", "--json"], 74)])
def test_where_nothing_can_be_printed_the_exit_code_says_so(sent, command, code):
    assert _exit_code(sent, "> /dev/full", *command) == code
