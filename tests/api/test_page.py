"""docs/API.md: its program works against a real agent, its examples print what they show, no name is missing."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender import api
from lab_sender.operations.drop import NameRejected

PAGE = (Path(__file__).parents[2] / "docs" / "API.md").read_text(encoding="utf-8")
PROGRAM, *EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMAND = "import sys; from lab_sender.cli.main import main; main()"


@pytest.fixture
def site(here, monkeypatch):
    monkeypatch.chdir(here.folder)
    here.outbox.mkdir()
    return here


@contextlib.contextmanager
def running_agent() -> Iterator[None]:
    """Run `lab-sender run` as a process of its own, until the block ends."""
    agent = subprocess.Popen([sys.executable, "-c", COMMAND, "run"], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        agent.terminate()
        assert agent.wait(30) == 0


def test_the_program_is_short():
    assert len([line for line in PROGRAM.splitlines() if line]) <= 15


def run_program() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("site")
def test_the_program_delivers_a_report(his):
    with running_agent():
        done = run_program()
    assert (done.returncode, done.stderr) == (0, "")
    [received] = his.received
    assert done.stdout == f"delivered {received.control_id}  \n"
    assert b"OBX|1|NM|2345-7^Glucose^LN||5.40|mmol/L|3.9-5.5|N|||F" in received.body
    assert list(Path("outbox").glob("sent/*/F10001.json"))


@pytest.mark.usefixtures("site")
def test_the_program_says_what_the_his_refused(his):
    his.answer_by("AE,code=207")
    with running_agent():
        done = run_program()
    assert (done.returncode, done.stderr) == (1, "")
    assert re.fullmatch(r"quarantined [0-9A-Z]{20} refused The HIS answered AE with error 207\.\n", done.stdout)


def test_every_example_prints_what_it_shows(site):
    names: dict[str, object] = {}
    with site.agent():
        with pytest.raises(SystemExit), contextlib.redirect_stdout(None):
            exec(PROGRAM, names)
        for number, block in enumerate(EXAMPLES):
            test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", "API.md", 0)
            names = test.globs  # the examples are one program
            written: list[str] = []
            failed = doctest.DocTestRunner().run(test, out=written.append, clear_globs=False)
            names = test.globs
            assert failed.attempted
            assert not failed.failed, "".join(written)


# ------------------------------------------------------------------ nothing is missing


def test_every_public_name_is_on_the_page():
    table = PAGE.split("## Every name")[1]
    assert [name for name in api.__all__ if f"`{name}`" not in table and f"`{name}(" not in table] == []


def test_every_method_and_field_is_on_the_page():
    """But for those of the errors, which have a section."""
    missing = []
    for name in api.__all__:
        kind = getattr(api, name)
        if not inspect.isclass(kind) or issubclass(kind, Exception):
            continue
        fields = [each.name for each in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
        own = [each for each in vars(kind) if not each.startswith("_")]
        missing += [f"{name}.{each}" for each in {*fields, *own} if not re.search(rf"\b{each}\b", PAGE)]
    assert missing == []


def test_the_codes_of_a_drop_are_on_the_page():
    module = Path(inspect.getfile(NameRejected))
    codes = set(re.findall(r'"((?:drop|outbox|file)\.[a-z-]+)"', module.read_text(encoding="utf-8")))
    assert len(codes) == 4
    assert [code for code in codes if f"`{code}`" not in PAGE] == []


def test_programs_do_not_pay_for_the_command_line():
    """`import lab_sender` loads nothing; the API neither command line nor the grammar, which building loads."""
    code = (
        "import sys; before = set(sys.modules); import lab_sender; own = set(sys.modules) - before;"
        " import lab_sender.api; dear = {'click', 'rich', 'hl7apy', 'watchdog'};"
        " print(sorted(own), sorted(dear & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['lab_sender'] []\n"
