"""A HIS that is down behind a relay: nothing is set aside, the order is kept, nothing arrives more than twice.

The relay takes the connection before it looks for the HIS. LAB_SENDER_RELAY_DOWN_S says for how long the HIS is down.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from faults.bench import Site, reserved_port
from faults.judge import judge
from faults.processes import until
from faults.workload import ready

from lab_sender.mllp.standin.server import StandIn

pytestmark = [pytest.mark.relays, pytest.mark.timeout(600)]

DOWN_S = float(os.environ.get("LAB_SENDER_RELAY_DOWN_S", "10"))

HAPROXY = """\
global
    maxconn 100
defaults
    mode tcp
    timeout connect 4s
    timeout client 1h
    timeout server 1h
listen his
    bind 127.0.0.1:{port}
    server his 127.0.0.1:{his} {check}
"""
STUNNEL = """\
foreground = yes
pid =
[his]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{his}
cert = {certificate}
"""


def _socat(_: Path, port: int, his: int) -> list[str]:
    return ["socat", f"TCP-LISTEN:{port},fork,reuseaddr,bind=127.0.0.1", f"TCP:127.0.0.1:{his}"]


def _haproxy(folder: Path, port: int, his: int, *, check: str = "") -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, his=his, check=check))
    return ["haproxy", "-db", "-f", str(config)]


def _haproxy_that_checks(folder: Path, port: int, his: int) -> list[str]:
    return _haproxy(folder, port, his, check="check inter 500ms")


def _stunnel(folder: Path, port: int, his: int) -> list[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = folder / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    config = folder / "stunnel.conf"
    config.write_text(STUNNEL.format(port=port, his=his, certificate=certificate))
    return ["stunnel", str(config)]


RELAYS = {
    "socat": _socat, "haproxy": _haproxy, "haproxy-that-checks": _haproxy_that_checks, "stunnel": _stunnel,
}  # fmt: skip


@contextlib.contextmanager
def _behind(relay: str, folder: Path, port: int, his: int) -> Iterator[None]:
    command = RELAYS[relay](folder, port, his)
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with (folder / "relay.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: _takes_connections(port), f"{relay} listens")
        yield
    finally:
        os.killpg(process.pid, 15)  # socat has a child for each connection
        process.wait(30)


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("starts", ["before", "while the HIS is down"])
@pytest.mark.parametrize("relay", RELAYS)
def test_a_his_that_is_down_behind_it(
    relay: str, starts: str, make_site: Callable[..., Site], tmp_path: Path
) -> None:
    with reserved_port() as port, reserved_port() as his_port, _behind(relay, tmp_path, port, his_port):
        tls = f"{{ca: {tmp_path / 'ca.pem'}}}" if relay == "stunnel" else "null"
        site = make_site(port, first_wait="1s", longest_wait="10s", ack_timeout="30s", tls=tls)
        files, received = 0, []
        if starts == "before":
            with StandIn(port=his_port) as his:
                agent = site.start()
                site.drop("0.hl7", ready("M0"), order=0)
                site.settle(1)
                files, received = 1, his.received
        for number in range(files, files + 3):
            site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
        if starts != "before":
            agent = site.start()
        threading.Event().wait(DOWN_S)
        with StandIn(port=his_port) as his:
            his.wait_for(3)
            site.settle(files + 3)
            received = received + his.received
        assert agent.stop() == 0
        assert site.settled_states() == {"acked": files + 3}
        assert not agent.events("message.quarantined")
        assert not agent.events("lane.held")
        assert judge(site, received) <= 1
        assert list(dict.fromkeys(each.control_id for each in received)) == [f"M{n}" for n in range(files + 3)]
