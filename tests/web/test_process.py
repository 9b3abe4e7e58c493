"""The page's process: its port, its end, the agent's child; and what the agent does not load."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from kit.core import until

from lab_sender.operations.web import child as module
from lab_sender.operations.web.child import Child
from web.browser import Served, free_port
from web.scene import Scene


def answers(port: int, path: str = "/livez") -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_what_the_agent_does_not_load() -> None:
    program = (
        "import sys, lab_sender.agent.process, lab_sender.cli.run, lab_sender.cli.main\n"
        "import lab_sender.operations.web.child, lab_sender.operations.accounts, lab_sender.operations.audit\n"
        "print([each for each in ('starlette', 'uvicorn', 'jinja2', 'argon2', 'apprise') if each in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_port_that_is_taken_is_waited_for_and_the_page_ends_in_good_order(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "outbox").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(f"outbox: outbox\nhis: {{host: localhost, port: 1}}\nweb: {{listen: '127.0.0.1:{port}'}}\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        command = [sys.executable, "-m", "lab_sender", "--config", str(config), "web"]
        page = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert page.stderr is not None
        said = json.loads(page.stderr.readline())
        assert (said["event"], said["code"], said["level"]) == ("web.waits", "web.port-taken", "warning")
    try:
        assert json.loads(page.stderr.readline())["event"] == "web.listening"
        until(lambda: answers(port))
        page.send_signal(signal.SIGTERM)
        assert page.wait(10) == 0
        assert page.stderr.read() == ""
    finally:
        page.kill()
        page.stderr.close()


class Worker:
    """A child that runs a program in the place of the page."""

    def __init__(self, folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_FIRST_S", 0.01)
        monkeypatch.setattr(module, "_LONGEST_S", 0.02)
        self.pids = folder / "pids"
        script = folder / "page.py"
        note = f"open({str(self.pids)!r}, 'a').write(f'{{os.getpid()}}\\n')"
        script.write_text(f"import os, sys, time\n{note}\n{program}\n")
        self.child = Child(folder / "config.yaml", command=(sys.executable, str(script)))
        self.thread = threading.Thread(target=self.child.run)

    def __enter__(self) -> Worker:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop(False)
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def started(self) -> list[int]:
        return [int(each) for each in self.pids.read_text().split()] if self.pids.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_started_again_and_ends_with_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Worker(tmp_path, "sys.stdin.read()", monkeypatch) as worker:
        until(lambda: len(worker.started) == 1)
        os.kill(worker.started[0], signal.SIGKILL)
        until(lambda: len(worker.started) == 2)
    assert not alive(worker.started[-1])


def test_one_that_ends_by_itself_or_cannot_be_started_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Worker(tmp_path, "sys.exit(78)", monkeypatch) as worker:
        until(lambda: len(worker.started) >= 3)
        worker.child._command = ("/nowhere/python",)
        time.sleep(0.1)
        assert worker.thread.is_alive()


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_END_S", 0.2)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    with Worker(tmp_path, deaf, monkeypatch) as worker:
        until(lambda: worker.started)
        time.sleep(0.1)
    assert not alive(worker.started[0])


def test_it_begins_anew_when_it_is_told_to_and_rests_while_it_is_not_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Worker(tmp_path, "sys.stdin.read()", monkeypatch) as worker:
        until(lambda: len(worker.started) == 1)
        worker.child.again()
        until(lambda: len(worker.started) == 2)
        worker.child.want(False)
        until(lambda: not alive(worker.started[1]))
        worker.child.want(True)
        until(lambda: len(worker.started) == 3)
    assert not alive(worker.started[-1])


def test_waits_grow_to_a_minute() -> None:
    assert (module._FIRST_S, module._LONGEST_S) == (1.0, 60.0)
    waits = [module._FIRST_S]
    while waits[-1] < module._LONGEST_S:
        waits.append(min(waits[-1] * 2, module._LONGEST_S))
    assert waits == [1, 2, 4, 8, 16, 32, 60]


def test_who_sends_no_head_is_cut_off_and_others_are_answered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab_sender.operations.web import server

    monkeypatch.setattr(server, "_HEADERS_S", 0.3)
    with OnPort(scene, free_port()) as (served, port):
        assert served.url.endswith(str(port))
        silent = socket.create_connection(("127.0.0.1", port))
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        assert answers(port)
        for each in (silent, slow):
            each.settimeout(10)
            assert each.recv(100) == b""
            each.close()
        large = socket.create_connection(("127.0.0.1", port))
        large.settimeout(10)
        large.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000)
        assert b"400" in large.recv(100)
        large.close()
        assert answers(port)


class OnPort:
    """The page of a scene, served on a port."""

    def __init__(self, scene: Scene, port: int) -> None:
        self._scene = scene
        self._port = port

    def __enter__(self) -> tuple[Served, int]:
        from lab_sender.operations.web.site import Site

        self._scene.path.write_text(self._scene.path.read_text().replace(":8425", f":{self._port}"))
        self._site = Site(self._scene.path)
        self._served = Served(self._site)
        return self._served.__enter__(), self._port

    def __exit__(self, *_: object) -> None:
        self._served.__exit__()
        self._site.close()


def test_tls_of_its_own(scene: Scene, tmp_path: Path) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "page.pem"))
    port = free_port()
    scene.path.write_text(
        scene.path.read_text().replace(
            'web: {listen: "127.0.0.1:8425"}', f'web: {{listen: "127.0.0.1:{port}", tls: {{certificate: page.pem}}}}'
        )
    )
    from lab_sender.operations.web.site import Site

    site = Site(scene.path)
    with Served(site) as served:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with urllib.request.urlopen(f"{served.url}/login", context=trusting, timeout=5) as answer:
            assert answer.status == 200
            assert answer.headers["strict-transport-security"]
            assert "; Secure" in answer.headers["set-cookie"].replace("secure", "Secure")
    site.close()


def test_files_of_tls_that_cannot_be_used_are_a_fault_of_the_configuration(scene: Scene) -> None:
    from lab_sender.errors import AgentError
    from lab_sender.operations.web.site import Site

    scene.path.write_text(scene.path.read_text().replace("web: {", "web: {tls: {certificate: nowhere.pem}, "))
    with pytest.raises(AgentError, match=r"web\.tls") as error:
        Served(Site(scene.path))
    assert error.value.exit_code == 78


@pytest.mark.parametrize("command", ["run", "web"])
def test_a_page_that_others_would_reach_unprotected_is_the_end_of_the_process(tmp_path: Path, command: str) -> None:
    """Exit code 78, the line, and nothing was begun: no journal, no port."""
    config = tmp_path / "config.yaml"
    (tmp_path / "outbox").mkdir()
    config.write_text("outbox: outbox\nhis: {host: localhost, port: 1}\nweb: {listen: 0.0.0.0:8425}\n")
    words = [sys.executable, "-m", "lab_sender", "--config", str(config), command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert "config.yaml line 3: web.listen: others than this machine would reach it" in done.stderr
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_reload_that_concerns_the_page_lets_it_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab_sender.cli import run
    from lab_sender.cli.run import Page
    from lab_sender.config.load import load

    monkeypatch.setattr(run, "log_as", lambda _: None)

    def read(more: str) -> object:
        config = tmp_path / "config.yaml"
        config.write_text(f"outbox: o\nhis: {{host: localhost, port: 1}}\n{more}")
        return load(config)

    page = Page(read("web: {listen: 127.0.0.1:1}\n"))  # type: ignore[arg-type]
    assert page.child._wanted
    page.take(read("web: {listen: 127.0.0.1:1}\nintake: {poll: 1s}\n"))  # type: ignore[arg-type]
    assert not page.child._again.is_set(), "what does not concern it leaves it"
    page.take(read("web: {listen: 127.0.0.1:2}\n"))  # type: ignore[arg-type]
    assert page.child._again.is_set()
    page.take(read("web: {start: alone}\n"))  # type: ignore[arg-type]
    assert not page.child._wanted
