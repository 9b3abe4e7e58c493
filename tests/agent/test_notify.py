"""What systemd is sent: a real agent, and a socket in systemd's place; the shipped unit."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab_sender.agent.beats import Beats
from lab_sender.agent.notify import Notify
from lab_sender.journal import Journal
from lab_sender.journal.notes import note

if sys.platform == "win32":
    pytest.skip("systemd is of Linux", allow_module_level=True)

UNIT = Path(__file__).parents[2] / "docs" / "lab-sender.service"
WATCHDOG_S = 1.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


@pytest.fixture
def agent(tmp_path: Path, manager: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "config.yaml").write_text("outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n")
    command = [sys.executable, "-m", "lab_sender", "--config", str(tmp_path / "config.yaml"), "run"]
    told = {"NOTIFY_SOCKET": str(manager.getsockname()), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
    with subprocess.Popen(command, env=os.environ | told, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def _next(manager: socket.socket, begins: str) -> str:
    while not (said := manager.recv(4096).decode()).startswith(begins):
        pass
    return said


@pytest.mark.long
def test_it_is_ready_it_works_and_stopped_in_mid_work_it_is_silent(
    manager: socket.socket, agent: subprocess.Popen[bytes]
) -> None:
    assert _next(manager, "READY") == "READY=1\n"
    assert _next(manager, "STATUS") == "STATUS=0 delivered since the start\n"
    _next(manager, "WATCHDOG=1")
    os.kill(agent.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, agent.pid, os.WSTOPPED | os.WNOWAIT)
    manager.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while manager.recv(4096):  # what was sent before
            pass
    manager.settimeout(2 * WATCHDOG_S)
    with pytest.raises(TimeoutError):
        manager.recv(4096)
    manager.settimeout(30)
    os.kill(agent.pid, signal.SIGCONT)
    _next(manager, "WATCHDOG=1")
    agent.terminate()
    assert agent.wait(30) == 0


class _Manager:
    """In place of the library's: keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notify(self) -> None:
        self.said.append("fed")

    def status(self, words: str) -> None:
        self.said.append(words)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def look(journal: Journal, clock: list[float]) -> Callable[..., list[str]]:
    """Let these parts beat, a minute pass and those of `then` beat again; returns what the manager is sent."""

    def play(*parts: str, then: tuple[str, ...] = (), for_s: float = 0.0) -> list[str]:
        beats, manager = Beats(lambda: clock[0]), _Manager()
        for each in parts:
            beats.of(each)(for_s)
        clock[0] += 60.0
        for each in then:
            beats.of(each)(0.0)
        Notify(manager, beats, journal, lambda: "works")._look()  # type: ignore[arg-type]
        return manager.said

    return play


def test_a_lane_that_does_nothing_is_not_covered_for_by_another(look: Callable[..., list[str]]) -> None:
    assert look("lane his 1", "lane his 2", then=("lane his 1",)) == ["stuck: lane his 2"]
    assert look("lane his 1", "lane his 2", then=("lane his 1", "lane his 2")) == ["fed", "works"]


def test_a_lane_that_waits_for_an_answer_works(look: Callable[..., list[str]]) -> None:
    assert look("lane", for_s=45.0) == ["fed", "works"]


def test_a_share_that_hangs_does_not_end_the_delivery(look: Callable[..., list[str]]) -> None:
    assert look("lane", "keeper", "intake", then=("lane",)) == ["fed", "works"]


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = UNIT.read_text("utf-8").replace("/opt/lab-sender/.venv/bin/lab-sender", sys.executable)
    text = text.replace("User=lab-sender", "User=daemon").replace("Group=lab\n", "Group=daemon\n")
    unit = tmp_path / "lab-sender.service"
    unit.write_text(text)
    found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    about = [line for line in found.stderr.splitlines() if "lab-sender" in line]
    assert (found.returncode, about) == (0, []), found.stderr


def test_whoever_holds_the_journal_for_long_does_not_keep_it_from_being_fed(
    journal: Journal, clock: list[float]
) -> None:
    """Sixteen lanes that wait for a locked journal one after the other do so for longer than the watchdog."""
    beats, manager, over, held = Beats(lambda: clock[0]), _Manager(), threading.Event(), threading.Event()
    beats.of("lane")(60.0)

    def hold() -> None:
        with journal.store.lock:
            held.set()
            over.wait(30)

    with journal.store.quick() as db:
        note(db, "clean", "0")  # there is something to flush
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    looking = threading.Thread(target=Notify(manager, beats, journal, lambda: "works")._look)  # type: ignore[arg-type]
    looking.start()
    looking.join(10)
    try:
        assert manager.said == ["fed", "works"]
    finally:
        over.set()
        holder.join()
        looking.join()
