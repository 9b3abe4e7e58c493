"""The page's process where a thread of it hangs, where nobody reads, where TLS asks; and its agent's end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from kit.core import until

from lab_sender.errors import AgentError
from lab_sender.operations.web import child as module
from lab_sender.operations.web import server
from lab_sender.operations.web.child import Child
from lab_sender.operations.web.site import Site
from web.browser import free_port
from web.scene import Scene
from web.test_process import OnPort, answers

NOT_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")


@pytest.mark.parametrize("asked_by", ["its agent's end", pytest.param("SIGTERM", marks=NOT_WINDOWS)])
def test_a_process_with_a_thread_that_hangs_ends_when_it_is_to(tmp_path: Path, asked_by: str) -> None:
    """Where its agent was killed nobody ends it: it would keep its port, and nobody would know."""
    port = free_port()
    (tmp_path / "outbox").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(f"outbox: outbox\nhis: {{host: localhost, port: 1}}\nweb: {{listen: '127.0.0.1:{port}'}}\n")
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from lab_sender.operations.web import server\n"
        "from lab_sender.operations.web.site import Site\n"
        "server._LEFT_S = 0.5\n"
        "Site.status = lambda _: (print('hangs', flush=True), threading.Event().wait())\n"
        f"server.serve(Site(Path(sys.argv[1])), with_agent={asked_by != 'SIGTERM'})\n"
    )
    page = subprocess.Popen(
        [sys.executable, "-c", program, str(config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert page.stdin is not None
    assert page.stdout is not None
    try:
        until(lambda: answers(port))
        asked = socket.create_connection(("127.0.0.1", port))
        asked.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert page.stdout.readline() == b"hangs\n"
        page.stdin.close() if asked_by != "SIGTERM" else page.terminate()
        page.wait(20)
        asked.close()
    finally:
        page.kill()
        page.wait()
        page.stdout.close()


class _Hangs:
    """A process that the system does not let end: it waits for a share."""

    returncode = None
    started = threading.Event()

    def __init__(self, *_: Any, **__: Any) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        self.stdin = os.fdopen(writer, "wb")
        self.started.set()

    def poll(self) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int:
        if timeout is None:
            threading.Event().wait(60)
        raise subprocess.TimeoutExpired("page", timeout or 60)

    def __enter__(self) -> _Hangs:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


def test_an_agent_ends_also_where_its_page_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_S", 0.01)
    monkeypatch.setattr(module, "_END_S", 0.1)
    monkeypatch.setattr(module.subprocess, "Popen", _Hangs)
    child = Child(Path("config.yaml"))
    thread = threading.Thread(target=child.run, daemon=True)
    thread.start()
    assert _Hangs.started.wait(10)
    child.stop(False)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.long
def test_who_does_not_read_is_cut_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred of them, and nobody else would come in."""
    monkeypatch.setattr(server, "_UNREAD_S", 0.5)
    with OnPort(scene, free_port()) as (_, port):
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port))
        deaf.settimeout(20)
        one = b"GET /static/vendor/htmx-2.0.11.min.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with contextlib.suppress(ConnectionError):  # not TimeoutError
            for _ in range(100_000):
                deaf.sendall(one * 100)
        assert answers(port)
        deaf.close()


def with_tls(scene: Scene, more: str = "") -> None:
    """Give the page a certificate whose key has a password."""
    made = trustme.CA().issue_cert("127.0.0.1")
    made.cert_chain_pems[0].write_to_path(str(scene.folder / "page.pem"))
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    form, locks = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hush")
    (scene.folder / "page.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locks))
    tls = f"tls: {{certificate: page.pem, key: page.key{more}}}"
    scene.path.write_text(scene.path.read_text().replace('8425"', f'8425", {tls}'))


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own")
def test_a_key_with_a_password_asks_nobody_for_it(scene: Scene) -> None:
    """Where the agent is started by hand OpenSSL asks at the terminal, and the page would wait for ever."""
    import pty

    with_tls(scene)
    program = (
        "import sys\nfrom pathlib import Path\nfrom lab_sender.operations.web import server\n"
        "from lab_sender.operations.web.site import Site\n"
        "try:\n    server._configuration(Site(Path(sys.argv[1])))\n"
        "except Exception as error:\n    print(error, flush=True)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", program, str(scene.path)])
    said = b""
    try:
        while not any(each in said for each in (b"web.tls", b"pass phrase")):
            said += os.read(terminal, 1000)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert b"web.tls" in said
    assert b"pass phrase" not in said


@pytest.mark.parametrize("password", ["wrong", "x" * 2000])
def test_a_password_that_is_not_the_keys_is_a_mistake_of_tls(scene: Scene, password: str) -> None:
    with_tls(scene, f", key_password: {password}")
    with pytest.raises(AgentError, match=r"web\.tls"):
        server._configuration(Site(scene.path))


def test_a_form_of_the_api_is_no_larger_than_one_of_the_page(program) -> None:
    """Who may look must not fill the memory."""
    answer = program("operator").post("/api/v1/acts", content=b" " * 300_000)
    assert answer.status_code == 413
    assert program("submit").post("/api/v1/results", content=b" " * 300_000).status_code == 400
