"""The helper process gives what the agent itself would give, and its loss costs nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from kit.core import ready, report

from lab_sender.config.profile import builtin
from lab_sender.intake.compose import Composer, Interpretation
from lab_sender.intake.workshop import Workshop
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput

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
    helper = workshop._helper
    assert helper is not None
    return helper


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
print(workshop._helper.pid, flush=True)
workshop.take()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is not its own: Linux")
def test_the_helper_ends_with_a_killed_agent_also_over_a_large_file() -> None:
    with subprocess.Popen([sys.executable, "-c", _GIVES_MUCH], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        helper = os.pidfd_open(int(agent.stdout.readline()))
        try:
            agent.kill()
            ended, _, _ = select.select([helper], [], [], 10)
            if not ended:
                signal.pidfd_send_signal(helper, signal.SIGKILL)
            assert ended
        finally:
            os.close(helper)


def test_a_few_files_are_not_sent_over(workshop: Workshop) -> None:
    workshop.give(FILES[:3])
    assert len(workshop.take()) == 3
    assert workshop._helper is None


def test_nothing_given_is_nothing_taken(workshop: Workshop) -> None:
    assert workshop.take() == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_helper_that_dies_over_its_work_loses_none(workshop: Workshop) -> None:
    workshop.give(FILES)
    workshop.take()
    first = _helper(workshop)
    os.kill(first.pid, signal.SIGSTOP)
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
    monkeypatch.setattr("lab_sender.intake.workshop._read", other_version)
    assert len(workshop.take()) == len(FILES)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_stop_takes_the_work_back_from_a_helper_that_hangs(workshop: Workshop) -> None:
    workshop.give(FILES)
    workshop.take()
    os.kill(_helper(workshop).pid, signal.SIGSTOP)
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


def test_a_helper_that_cannot_be_started_is_done_without(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    workshop.give(FILES)
    assert len(workshop.take()) == len(FILES)


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd")
def test_the_helper_ends_with_the_agent() -> None:
    """However the agent ends: its end of the pipe is closed, and that is the end."""
    code = (
        "import os; from lab_sender.intake.compose import Composer; from lab_sender.config.profile import builtin\n"
        "from lab_sender.intake.workshop import Workshop\n"
        "workshop = Workshop(Composer(builtin())); workshop.give([(b'x', 'x')] * 40); workshop.take()\n"
        "print(workshop._helper.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    agent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    helper = int(agent.stdout.readline())
    agent.wait(30)
    agent.stdout.close()
    try:
        descriptor = os.pidfd_open(helper)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    assert ended, "the helper outlived its agent"


def test_a_fault_of_ours_costs_one_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    composer = Composer(builtin())
    monkeypatch.setattr(composer, "_build", lambda *_: 1 / 0)
    (finding,) = composer.interpret(*FILES[0]).findings
    assert (finding.code, "ZeroDivisionError" in finding.text) == ("agent.fault", True)
    assert composer.interpret(ready("M1")).messages
