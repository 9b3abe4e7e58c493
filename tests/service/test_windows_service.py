"""A service of Windows, with the service manager itself: installed, started, stopped, killed, removed.

Under Wine too (tests/windows.sh): it has the service manager; recovery, delayed start and accounts it only stores.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from kit.core import ready, until

from lab_sender import files
from lab_sender.ids import new_id
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.installation import Installation
from lab_sender.operations.service_of_windows import uninstall

pytestmark = [
    pytest.mark.skipif(sys.platform != "win32", reason="only Windows has this service manager"),
    pytest.mark.timeout(600),
]

if sys.platform == "win32":
    import ctypes

    from lab_sender.service import scm
    from lab_sender.service.host import State

    KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
    KERNEL.OpenProcess.restype = ctypes.c_void_p
    KERNEL.TerminateProcess.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    KERNEL.CloseHandle.argtypes = [ctypes.c_void_p]
    KERNEL.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    KERNEL.GetExitCodeProcess.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulong)]

WAIT_S = 60.0


class Site:
    """An installation with a service of its own name."""

    def __init__(self, home: Path, his: StandIn, *, more: str = "") -> None:
        self.home = home
        self.name = f"lab-sender-{new_id()[-8:].lower()}"
        self.outbox = home / "outbox"
        self.outbox.mkdir()
        self.config = home / "config.yaml"
        self.config.write_text(
            f"outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: {his.port}\n  ack_timeout: 20s\n{more}"
            "intake:\n  settle: 100ms\n  poll: 100ms\nlog:\n  file: agent.log\nweb:\n  listen: off\n",
            encoding="utf-8",
        )

    def lab_sender(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "lab_sender", "--config", str(self.config), *arguments]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=timeout, check=False,
        )  # fmt: skip

    def service(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.lab_sender("service", arguments[0], "--name", self.name, *arguments[1:])

    def install(self, *arguments: str) -> str:
        done = self.service("install", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def drop(self, number: int) -> None:
        part = self.outbox / f"{number:04}.part"
        part.write_bytes(ready(f"N{number:04}", order=f"F{number}"))
        part.rename(self.outbox / f"{number:04}.hl7")

    def state(self) -> tuple[State, int, int]:
        found = scm.installed(self.name)
        assert found is not None
        return found.state, found.error, found.specific

    def events(self) -> list[str]:
        lines = (self.home / "agent.log").read_text("utf-8").splitlines()
        return [str(json.loads(line)["event"]) for line in lines]


@pytest.fixture
def his() -> Iterator[StandIn]:
    his = StandIn().start()
    try:
        yield his
    finally:
        his.stop()  # the service is gone by now, and with it the connections


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One at a time: Wine takes any process that asks to be a service for the one that it is just starting."""
    lock = tmp_path_factory.getbasetemp().parent / "services.lock"
    held: list[IO[bytes]] = []

    def is_ours() -> bool:
        held.extend(each for each in [files.take_lock(lock)] if each is not None)
        return bool(held)

    until(is_ours, "no other test has services", timeout_s=500)
    with held[0]:
        yield


@pytest.fixture
def site(alone: None, tmp_path: Path, his: StandIn) -> Iterator[Site]:  # noqa: ARG001
    site = Site(tmp_path, his)
    try:
        yield site
    finally:
        if scm.installed(site.name) is not None:
            with contextlib.suppress(OSError):
                scm.stop(site.name, WAIT_S)
            scm.delete(site.name)


def test_a_service_is_installed_delivers_stops_in_mid_exchange_and_is_removed(site: Site, his: StandIn) -> None:
    for number in range(100):
        site.drop(number)
    said = site.install()
    assert f"Service {site.name}: installed, running." in said
    assert [each.control_id for each in his.wait_for(100, WAIT_S)] == [f"N{number:04}" for number in range(100)]
    shown = site.service("status")
    assert shown.returncode == 0
    assert "running" in shown.stdout
    assert f"NT SERVICE\\{site.name}" in shown.stdout

    his.answer_by("every: late=3s")
    site.drop(100)
    his.wait_for(101, WAIT_S)
    assert scm.stop(site.name, WAIT_S) is State.STOPPED  # the answer to 100 is awaited still
    assert site.state() == (State.STOPPED, 0, 0)
    query = subprocess.run(["sc", "query", site.name], capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r"STATE\s*: 1\s+STOPPED", query)
    assert re.search(r"WIN32_EXIT_CODE\s*: 0 ", query)
    assert site.events()[-1] == "agent.stopped"
    listed = json.loads(site.lab_sender("list", "--json", "--state", "delivered", "--limit", "200").stdout)
    assert len(listed["entries"]) == 101

    assert site.service("uninstall").returncode == 0
    assert scm.installed(site.name) is None
    assert len(his.received) == 101  # nothing went out twice


def test_a_broken_configuration_ends_with_78_and_is_not_started_again(site: Site) -> None:
    site.install("--no-start")
    site.config.write_text("outbox: outbox\n", encoding="utf-8")
    assert scm.start(site.name, WAIT_S) is State.STOPPED
    assert site.state() == (State.STOPPED, 1066, 78)
    shown = site.service("status")
    assert shown.returncode == 1
    assert "exit code 78" in shown.stdout


def test_what_starting_again_may_cure_is_a_process_that_ends(site: Site) -> None:
    """Another agent runs: Windows is not told of an end, so that it starts the service again."""
    command = [sys.executable, "-P", "-m", "lab_sender", "--config", str(site.config), "run"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as other:
        try:
            until(lambda: (site.home / "agent.log").exists() and "agent.started" in site.events(), timeout_s=WAIT_S)
            site.install("--no-start")
            scm.start(site.name, 0)
            with opened(site) as process:
                assert ended_by_itself(process) == 75
            assert site.state()[:2] != (State.STOPPED, 0)  # Wine sees the end at the next start, Windows at once
        finally:
            other.kill()


def test_one_that_is_starting_is_waited_for_and_removed(site: Site) -> None:
    site.install("--no-start")
    told: list[str] = []
    scm.start(site.name, 0)
    uninstall(Installation(site.config), scm.WindowsManager(), name=site.name, waits=told.append)
    assert "is starting" in told[0]
    until(lambda: scm.installed(site.name) is None, "its process has ended", timeout_s=WAIT_S)
    assert site.events()[-1] == "agent.stopped"


def test_what_cannot_be_installed_leaves_nothing(site: Site) -> None:
    site.config.write_text(site.config.read_text("utf-8").replace("log:\n  file: agent.log\n", ""), encoding="utf-8")
    done = site.service("install")
    assert done.returncode == 1
    assert "service.no-log" in done.stderr
    site.config.write_text("outbox: outbox\n", encoding="utf-8")
    assert site.service("install").returncode == 78
    assert scm.installed(site.name) is None
    done = site.service("uninstall")
    assert (done.returncode, "service.not-installed" in done.stderr) == (1, True)


@contextlib.contextmanager
def opened(site: Site) -> Iterator[int]:
    """Open the service's process."""
    found = scm.installed(site.name)
    assert found is not None
    process = KERNEL.OpenProcess(0x100401, False, found.pid)  # SYNCHRONIZE, QUERY_INFORMATION, TERMINATE
    assert process
    try:
        yield process
    finally:
        KERNEL.CloseHandle(process)


def ended_by_itself(process: int) -> int:
    """Wait until a process has ended; returns its exit code."""
    assert KERNEL.WaitForSingleObject(process, int(WAIT_S * 1000)) == 0
    code = ctypes.c_ulong()
    assert KERNEL.GetExitCodeProcess(process, ctypes.byref(code))
    return code.value


def test_it_is_no_command_for_people(site: Site) -> None:
    done = site.lab_sender("service", "run", "--name", site.name)
    assert done.returncode == 2
    assert "lab-sender run" in done.stderr


def kill(site: Site) -> None:
    """End its process at once, as the Task Manager does."""
    with opened(site) as process:
        assert KERNEL.TerminateProcess(process, 1)
        assert ended_by_itself(process) == 1


def killed_at_random(site: Site, his: StandIn, *, files: int, kills: int, seed: int) -> None:
    """Kill the service so often while files are delivered: all come, in order, doubles with their MSH-10 only."""
    chance = random.Random(seed)
    site.install()
    doubles = 0
    for number in range(files):
        site.drop(number)
    for kill_number in range(kills):
        his.wait_for(min(files, files * kill_number // kills + 1), WAIT_S)
        time.sleep(chance.uniform(0, 0.2))
        kill(site)
        scm.start(site.name, WAIT_S)  # as Windows' recovery does after ten seconds
    until(lambda: {each.control_id for each in his.received} == {f"N{n:04}" for n in range(files)}, timeout_s=120)
    assert scm.stop(site.name, WAIT_S) is State.STOPPED
    bodies: dict[str, bytes] = {}
    firsts = []
    for each in his.received:
        if each.control_id in bodies:
            doubles += 1
            assert bodies[each.control_id] == each.body
        else:
            firsts.append(each.control_id)
        bodies[each.control_id] = each.body
    assert firsts == [f"N{number:04}" for number in range(files)]
    assert doubles <= kills
    listed = json.loads(site.lab_sender("list", "--json", "--state", "delivered", "--limit", "1000").stdout)
    assert len(listed["entries"]) == files
    assert [each.name for each in site.outbox.glob("*.hl7")] == []
    print(f"{files} files, {kills} kills, seed {seed}: {doubles} doubles")


@pytest.mark.timeout(1200)
def test_killed_while_it_delivers_all_come_in_order_and_doubles_have_their_control_id(
    site: Site, his: StandIn, request: pytest.FixtureRequest
) -> None:
    """By night (`--hypothesis-profile night`) ten times over 300 files."""
    by_night = request.config.getoption("hypothesis_profile") == "night"
    files, kills = (300, 10) if by_night else (60, 2)
    killed_at_random(site, his, files=files, kills=kills, seed=random.randrange(1 << 32))
