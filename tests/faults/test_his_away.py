"""A HIS that cannot be reached, or is not one: name, network, TLS, another service.

Faults 35, 36 and 40 to 43. In each nothing is lost, the lane says what is wrong, waits, and goes on by itself
when it is put right.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from faults.bench import Site, listening, reserved_port
from faults.judge import judge
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_NOT_CHARGED = "SELECT COUNT(*) FROM message WHERE unknowns + refusals + may_have_left > 0"


def _down(site: Site, code: str) -> None:
    """Wait until the agent says what is wrong with its link; no message was charged for it."""
    site.running[-1].says("link.down", code=code)
    assert site.rows(_NOT_CHARGED) == [(0,)]


def _delivered_by_itself(site: Site, his: StandIn, count: int = 1) -> None:
    site.settle(count)
    assert site.running[-1].stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == count


# ------------------------------------------------------------------ the network


@pytest.fixture
def cable() -> Iterator[tuple[str, str, Callable[[str], None]]]:
    """A network namespace with a cable to it: its name, the address of this end, and the plug ("up", "down")."""
    number = os.getpid() % 16384
    name, here, there = f"ls{number}", f"lsh{number}", f"lsn{number}"
    network = f"10.213.{number // 64}.{number % 64 * 4}"
    first, _, last = network.rpartition(".")
    at_here, at_there = (f"{first}.{int(last) + more}" for more in (1, 2))

    def ip(*words: str) -> bool:
        return subprocess.run(["ip", *words], check=False, capture_output=True).returncode == 0

    if not shutil.which("ip"):
        pytest.skip("no ip command")
    if not ip("netns", "add", name):
        pytest.skip("no network namespace may be made")
    try:
        made = (
            ip("link", "add", here, "type", "veth", "peer", "name", there)
            and ip("link", "set", there, "netns", name)
            and ip("addr", "add", f"{at_here}/30", "dev", here)
            and ip("link", "set", here, "up")
            and ip("-n", name, "addr", "add", f"{at_there}/30", "dev", there)
            and ip("-n", name, "link", "set", there, "up")
        )
        if not made:
            pytest.skip("no cable may be laid into a network namespace")
        yield name, at_here, lambda to: subprocess.run(["ip", "link", "set", here, to], check=True)
    finally:
        ip("link", "del", here)
        ip("netns", "del", name)


def test_fault_35_the_peer_vanishes_without_a_word(
    cable: tuple[str, str, Callable[[str], None]], make_site: Callable[..., Site]
) -> None:
    """The cable is pulled: no FIN, no RST. The answer's deadline ends it, and then it is a HIS that is away."""
    namespace, address, plug = cable
    with StandIn(host=address) as his:
        site = make_site(
            his.port, host=address, plaintext="true", ack_timeout="500ms", connect_timeout="300ms", unanswered="50"
        )
        agent = site.start(network=namespace)
        site.drop("0.hl7", ready("M0"))
        site.settle(1)
        plug("down")
        site.drop("1.hl7", ready("M1"))
        agent.says("message.unanswered")
        agent.says("link.down")
        assert len(his.received) == 1
        plug("up")
        site.settle(2)
        assert agent.stop() == 0
        assert judge(site, his.received) <= 1, "the first copy may have waited in the kernel"
        assert site.rows("SELECT a.code FROM attempt a WHERE a.kind = 'unknown'")[0] == ("ack.timeout",)


@pytest.mark.long
def test_fault_36_it_takes_connections_and_never_reads(make_site: Callable[..., Site], his: StandIn) -> None:
    his.answer_by("first: never-read")
    site = make_site(his.port, ack_timeout="1s", unanswered="50")
    site.drop("big.hl7", ready("BIG") + b"NTE|2||" + b"x" * (12 << 20) + b"\r")
    agent = site.start()
    site.settle(1)
    assert agent.stop() == 0
    judge(site, his.received)
    (first, *_) = site.rows("SELECT kind, phase, code FROM attempt ORDER BY number")
    assert first == ("unknown", "write", "write.timeout")
    assert his.received[-1].connection > 1


@pytest.mark.parametrize("rule", ["accept-close", "accept-reset"])
def test_fault_40_a_balancer_with_nothing_behind_it(rule: str, make_site: Callable[..., Site], his: StandIn) -> None:
    """Connects succeed, and the waits grow all the same: only a verdict ends their growth."""
    his.answer_by(f"first=12: {rule}")
    site = make_site(his.port, unanswered="50")
    site.drop("0.hl7", ready("M0"))
    agent = site.start(tell_waits=True)
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == 1
    waits = re.findall(r"waits after (\d+)", agent.log.read_text())
    assert waits == [str(number) for number in range(1, len(waits) + 1)]
    assert len(waits) >= 3, "a connect that was closed before the look at it costs one more, at once"


# ------------------------------------------------------------------ the name


def test_fault_41_the_name_service(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """No such name, then no answer, then an address, then another one: asked afresh at each connect."""
    answers = tmp_path / "names.json"

    def answer(what: object) -> None:
        part = tmp_path / "names.part"
        part.write_text(json.dumps(what))
        part.rename(answers)

    answer("unknown")
    with StandIn() as old, StandIn() as new:
        site = make_site(1, host="his.hospital.test", plaintext="true", connect_timeout="200ms")
        site.drop("0.hl7", ready("M0"))
        agent = site.start(names=str(answers))
        _down(site, "resolve.failed")
        answer("hangs")
        _down(site, "resolve.timeout")
        answer([["127.0.0.1", old.port]])
        old.wait_for(1)
        site.settle(1)
        answer([["127.0.0.1", new.port]])
        old.stop()
        site.drop("1.hl7", ready("M1"))
        site.settle(2)
        assert agent.stop() == 0
        assert judge(site, old.received + new.received) == 0
        assert [each.control_id for each in new.received] == ["M1"]


# ------------------------------------------------------------------ TLS


class _Authority:
    """A certificate authority and what it has signed."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def serves(
        self, name: str = "127.0.0.1", *, authority: trustme.CA | None = None, **times: object
    ) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (authority or self.authority).issue_cert(name, **times).configure_cert(context)  # type: ignore[arg-type]
        return context


def _expired(authority: _Authority) -> ssl.SSLContext:
    then = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return authority.serves(not_before=then, not_after=then + datetime.timedelta(days=1))


def _wrong_name(authority: _Authority) -> ssl.SSLContext:
    return authority.serves("another.hospital.test")


def _unknown_authority(authority: _Authority) -> ssl.SSLContext:
    return authority.serves(authority=trustme.CA())


def _wants_ours(authority: _Authority) -> ssl.SSLContext:
    context = authority.serves()
    context.verify_mode = ssl.CERT_REQUIRED
    authority.authority.configure_trust(context)
    return context


def _plain(_: _Authority) -> None:
    return None


@pytest.mark.parametrize(
    ("ill", "code"),
    [
        (_expired, "tls.expired"),
        (_wrong_name, "tls.name"),
        (_unknown_authority, "tls.untrusted"),
        (_wants_ours, "tls.client-certificate"),
        (_plain, "tls.not-tls"),
    ],
    ids=["expired", "wrong-name", "unknown-authority", "wants-our-certificate", "plain"],
)
def test_fault_42_tls_that_cannot_be_trusted(
    ill: Callable[[_Authority], ssl.SSLContext | None], code: str, make_site: Callable[..., Site], tmp_path: Path
) -> None:
    """Never in clear and never unverified; once the HIS is repaired it goes on by itself."""
    authority = _Authority(tmp_path)
    with reserved_port() as port:
        site = make_site(port, tls=f"{{ca: {authority.ca}}}", connect_timeout="1s")
        site.drop("0.hl7", ready("M0"))
        with _wire(port, ill(authority)) as heard:
            site.start()
            _down(site, code)
        assert b"MSH" not in b"".join(heard), "not a byte of it in clear, and not a byte to a stranger"
        with StandIn(port=port, tls=authority.serves()) as his:
            _delivered_by_itself(site, his)


@contextlib.contextmanager
def _wire(port: int, tls: ssl.SSLContext | None, *, greeting: bytes = b"") -> Iterator[list[bytes]]:
    """Be a server that writes down what it can read, deciphered where it has a TLS context; answers in plain text."""
    heard: list[bytes] = []
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(5)
                    secured = tls.wrap_socket(peer, server_side=True) if tls else peer
                    with secured:
                        secured.sendall(greeting)
                        heard.append(secured.recv(1 << 16))
                        secured.sendall(b"\x15 what?\r\n")

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()


# ------------------------------------------------------------------ another service


def test_fault_43_a_service_that_speaks_first(make_site: Callable[..., Site]) -> None:
    """A login prompt where the HIS was: not a byte goes to it."""
    with reserved_port() as port:
        site = make_site(port)
        site.drop("0.hl7", ready("M0"))
        with _wire(port, None, greeting=b"\r\nlogin: ") as heard:
            site.start(slow_to_write=True)
            _down(site, "connect.speaks-first")
        assert not b"".join(heard)
        site.running[-1].kill()
        with listening(port) as his:
            site.start()
            _delivered_by_itself(site, his)
