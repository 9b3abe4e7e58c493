"""The helper process gives what the agent itself would give, and its loss costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.core import ready, report
from kit.system import WINDOWS, Watched, freeze

from lab_sender.config.profile import builtin
from lab_sender.intake import helper
from lab_sender.intake.compose import Composer, Interpretation
from lab_sender.intake.workshop import Workshop
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput, plugins, site_readers

BY_NAME = Inputs(pdf=PdfInput(name=Pattern(r"(?P<patient_id>[0-9]+)_(?P<filler>[^_]+)\.pdf")))
FILES = [
    *((report(f"F{number}", str(number)), f"F{number}.json") for number in range(40)),
    (ready("M1"), "M1.hl7"),
    (b"no result at all", "x"),
    (b"", "M\udcfcller.json"),
    (report("F99", "1", "F99.pdf"), "F99.json"),
    (b"%PDF-1.4 %%EOF", "77_F98.pdf"),
]


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    workshop = Workshop(Composer(builtin(sending_facility="LAB7"), BY_NAME))
    yield workshop
    workshop.close()


def _told(results: list[Interpretation]) -> list[object]:
    """What must be the same wherever it was composed: all but the new control ids and the time."""
    return [(*said[:2], *said[3:], [message[:3] + message[5:] for message in said.messages]) for said in results]


def _helper(workshop: Workshop) -> subprocess.Popen[bytes]:
    assert workshop._helper is not None
    return workshop._helper.process


def test_the_helper_says_what_the_agent_would(workshop: Workshop) -> None:
    composer = Composer(builtin(sending_facility="LAB7"), BY_NAME)
    for _ in range(2):
        workshop.give(FILES)
        assert _told(workshop.take()) == _told([composer.interpret(*each) for each in FILES])
    assert b"|LAB7|" in (composer.interpret(*FILES[0]).messages[0].body or b"")


_GIVES_MUCH = """
from lab_sender.config.profile import builtin
from lab_sender.intake.compose import Composer
from lab_sender.intake.workshop import Workshop
from lab_sender.readers import Inputs
workshop = Workshop(Composer(builtin(), Inputs()))
workshop.give([(b'{"a":1}\\n' * (4 << 20), "x.json")])
print(workshop._helper.process.pid, flush=True)
workshop.take()
"""


def test_the_helper_ends_with_a_killed_agent_also_over_a_large_file() -> None:
    with subprocess.Popen([sys.executable, "-c", _GIVES_MUCH], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        helper = Watched(int(agent.stdout.readline()))
        agent.kill()
        assert helper.ends_within(30)


def test_a_few_files_are_not_sent_over(workshop: Workshop) -> None:
    workshop.give(FILES[:3])
    assert len(workshop.take()) == 3
    assert workshop._helper is None


def test_nothing_given_is_nothing_taken(workshop: Workshop) -> None:
    assert workshop.take() == []


@pytest.mark.skipif(WINDOWS, reason="giving waits there for a helper that stands still: a pipe holds little")
def test_a_helper_that_dies_over_its_work_loses_none(workshop: Workshop) -> None:
    workshop.give(FILES)
    workshop.take()
    first = _helper(workshop)
    freeze(first)
    workshop.give(FILES)
    first.kill()
    assert len(workshop.take()) == len(FILES)
    workshop.give(FILES)
    assert len(workshop.take()) == len(FILES)
    assert _helper(workshop).pid != first.pid


def test_a_helper_that_cannot_be_understood_is_done_without(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade under a running agent: the helper is of another version."""

    def other_version(_pipe: object) -> object:
        raise TypeError

    workshop.give(FILES)
    monkeypatch.setattr("lab_sender.intake.helper._read", other_version)
    assert len(workshop.take()) == len(FILES)


@pytest.mark.skipif(WINDOWS, reason="giving waits there for a helper that stands still: a pipe holds little")
def test_a_stop_takes_the_work_back_from_a_helper_that_hangs(workshop: Workshop) -> None:
    workshop.give(FILES)
    workshop.take()
    freeze(_helper(workshop))
    workshop.give(FILES)
    taken: list[list[Interpretation]] = []
    taking = threading.Thread(target=lambda: taken.append(workshop.take()))
    taking.start()
    workshop.interrupt()
    taking.join(30)
    assert [len(each) for each in taken] == [len(FILES)]


def test_a_helper_that_died_at_rest_is_replaced(workshop: Workshop) -> None:
    workshop.give(FILES)
    workshop.take()
    _helper(workshop).kill()
    _helper(workshop).wait()
    for _ in range(2):
        workshop.give(FILES)
        assert len(workshop.take()) == len(FILES)


# ------------------------------------------------------------------ how it is started

LARGE = (report("LARGE") + b" " * (1 << 20), "LARGE.json")


def _bodies(results: list[Interpretation]) -> list[bytes]:
    return [message.body or b"" for said in results for message in said.messages]


@pytest.mark.parametrize("where", ["nowhere", "empty", "host", "unknown"])
def test_it_starts_though_this_process_is_no_python_that_could_be_started(
    where: str, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a Windows service, where `sys.executable` is the service's host."""
    host = tmp_path / "pythonservice.exe"
    host.write_text("#!/bin/sh\nexit 1\n")
    host.chmod(0o755)
    values = {"nowhere": "/no/such/python", "empty": "", "host": str(host), "unknown": None}
    monkeypatch.setattr(sys, "executable", values[where])
    monkeypatch.setattr(sys, "_base_executable", values[where], raising=False)
    workshop.give(FILES)
    assert len(workshop.take()) == len(FILES)
    assert _helper(workshop).poll() is None


def test_a_helper_that_cannot_be_started_is_done_without(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No Python at all, as in a program that was packed into one file."""
    for name in ("executable", "_base_executable", "exec_prefix", "prefix", "base_exec_prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path / "lab-sender.exe"), raising=False)
    workshop.give(FILES)
    assert len(workshop.take()) == len(FILES)
    assert workshop._helper is None
    assert workshop.alone(LARGE).findings == ()


@pytest.mark.parametrize("does", ["sys.exit(3)", "os._exit(0)", "time.sleep(60)", "print('hello' * 9)"])
def test_a_helper_that_never_begins_costs_no_file(
    does: str, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A large file is refused when its reader dies over it; not when there is no reader."""
    command = [sys.executable, "-c", f"import os, sys, time; sys.stdin.buffer.read(9); {does}"]
    monkeypatch.setattr(helper, "command", lambda: command)
    if "sleep" in does:
        monkeypatch.setattr("lab_sender.intake.workshop._LONGEST_S", 0.2)
        monkeypatch.setattr("lab_sender.intake.workshop._LONGEST_S_A_MIB", 0.0)
    small = (report("F1"), "F1.json")
    assert workshop.alone(small, apart=True).findings == ()
    workshop.give([small] * 32)
    assert {len(each.messages) for each in workshop.take()} == {1}
    assert "workshop.lost" in caplog.text


_WORKS = """
import os, sys
{first}
from lab_sender.config.profile import builtin
from lab_sender.intake.compose import Composer
from lab_sender.intake.workshop import Workshop
workshop = Workshop(Composer(builtin()))
{then}
workshop.give([({data!r}, "F1.json")] * 40)
states = [message.state for said in workshop.take() for message in said.messages]
done = states == ["spooled"] * 40 and workshop._helper is not None
open({told!r}, "w").write("by the helper" if done else "without it")
workshop.close()
"""


def _works(tmp_path: Path, *, first: str = "", then: str = "", **more: Any) -> str:
    told = tmp_path / "told"
    code = _WORKS.format(first=first, then=then, data=report("F1"), told=str(told))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, **more)
    return told.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors as POSIX has them")
@pytest.mark.parametrize("closed", [(0,), (2,), (0, 1, 2)])
def test_it_works_without_standard_handles(closed: tuple[int, ...], tmp_path: Path) -> None:
    first = "".join(f"os.close({each}); " for each in closed) + "sys.stdin = sys.stdout = sys.stderr = None"
    assert _works(tmp_path, first=first) == "by the helper"


def test_it_finds_its_modules_from_any_folder(tmp_path: Path) -> None:
    """The agent's own have been found already; the current folder may be another one by now, and hold anything."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("queue", "pickle", "lab_sender", "sitecustomize"):
        (other / f"{name}.py").write_text("raise SystemExit(7)")
    root = Path(helper.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.path.relpath(root, root.parent)}
    then = f"os.chdir({str(other)!r})"
    assert _works(tmp_path, then=then, cwd=root.parent, env=environment) == "by the helper"


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be removed")
def test_it_works_in_a_folder_that_has_gone(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    then = f"os.rmdir({str(tmp_path / 'gone')!r})"
    assert _works(tmp_path, then=then, cwd=tmp_path / "gone") == "by the helper"


_TALKS = """
import os, sys
from lab_sender.readers import Reader

class Talks(Reader):
    kind = "talks"

    def recognises(self, data, start):
        print("is it mine?")
        os.write(1, b"is it?")
        assert sys.stdin.read() == ""
        return False

    def read(self, data, name):
        return []
"""


def test_what_a_reader_prints_does_not_get_among_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "talks.py").write_text(_TALKS)
    info = tmp_path / "talks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: talks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\ntalks = talks:Talks\n")
    workshop = Workshop(Composer(builtin()))
    try:
        workshop.give(FILES)
        assert [said.kind for said in workshop.take()][:2] == ["json", "json"]
        assert _helper(workshop).poll() is None
    finally:
        workshop.close()
        site_readers.cache_clear()


# ------------------------------------------------------------------ by which plan


def test_another_plan_is_taken_by_the_helper_that_is_there(workshop: Workshop) -> None:
    by_plan = {}
    for facility in ("LAB7", "LAB8", "LAB7"):
        workshop.use(Composer(builtin(sending_facility=facility), BY_NAME))
        workshop.give(FILES)
        bodies = _bodies(workshop.take())
        by_plan.setdefault(_helper(workshop).pid, []).append({body.split(b"|")[3] for body in bodies[:40]})
    assert list(by_plan.values()) == [[{b"LAB7"}, {b"LAB8"}, {b"LAB7"}]]


def test_one_that_begins_by_a_plan_of_before_is_not_waited_for(workshop: Workshop) -> None:
    assert not workshop.has_help()
    first = _helper(workshop)
    workshop.use(Composer(builtin(sending_facility="LAB8"), BY_NAME))
    assert first.poll() is not None
    workshop.give(FILES)
    assert {body.split(b"|")[3] for body in _bodies(workshop.take())[:40]} == {b"LAB8"}
    assert workshop.has_help()


def test_inputs_are_part_of_the_plan() -> None:
    same = Inputs(pdf=BY_NAME.pdf)
    composers = (Composer(builtin(), inputs) for inputs in (Inputs(), BY_NAME, same))
    first, second, third = (each.digest for each in composers)
    assert first != second
    assert second == third


def test_a_job_is_done_by_its_own_plan_or_not_at_all() -> None:
    old, new = (Composer(builtin(sending_facility=facility)) for facility in ("OLD", "NEW"))
    given = helper.Helper()
    try:
        given.give(old, FILES[:1])
        assert len(given.take() or ()) == 1
        helper._write(given.process.stdin, helper._Job(new.digest, FILES[:1]))
        with pytest.raises(EOFError):
            given.take()
    finally:
        given.close()


def test_the_helper_ends_with_the_agent() -> None:
    """However the agent ends: its end of the pipe is closed, and that is the end."""
    code = (
        "import os; from lab_sender.intake.compose import Composer; from lab_sender.config.profile import builtin\n"
        "from lab_sender.intake.workshop import Workshop\n"
        "workshop = Workshop(Composer(builtin())); workshop.give([(b'x', 'x')] * 40); workshop.take()\n"
        "print(workshop._helper.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    agent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    helper = Watched(int(agent.stdout.readline()))
    agent.wait(30)
    agent.stdout.close()
    assert helper.ends_within(30), "the helper outlived its agent"


def test_a_fault_of_ours_costs_one_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    composer = Composer(builtin())
    monkeypatch.setattr(composer._writers[0], "_build", lambda *_: 1 / 0)
    (finding,) = composer.interpret(*FILES[0]).findings
    assert (finding.code, "ZeroDivisionError" in finding.text) == ("agent.fault", True)
    assert composer.interpret(ready("M1")).messages
