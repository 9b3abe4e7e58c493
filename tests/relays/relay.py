"""Relays that nobody here wrote, between an agent and a HIS.

Holds: how each of them is started (`RELAYS`), `installed`, and `Relay`, one of them on a port of its own.
Promises: a relay that has been started takes connections; one that has been stopped ends, with its children.
Traffic only to loopback.
Never: picks a relay, skips a test, or knows what passes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import trustme
from faults.processes import until

_HAPROXY = """\
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
_STUNNEL = """\
foreground = yes
pid =
[his]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{his}
cert = {certificate}
"""
_END_S = 30.0


class Recipe(NamedTuple):
    """A program, and its arguments for a folder of its own, the relay's port and the HIS's port."""

    program: str
    arguments: Callable[[Path, int, int], list[str]]
    tls: bool = False


def _socat(_: Path, port: int, his: int) -> list[str]:
    return [f"TCP-LISTEN:{port},fork,reuseaddr,bind=127.0.0.1", f"TCP:127.0.0.1:{his}"]


def _haproxy(folder: Path, port: int, his: int, *, check: str = "") -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, his=his, check=check))
    return ["-db", "-f", str(config)]


def _haproxy_that_checks(folder: Path, port: int, his: int) -> list[str]:
    return _haproxy(folder, port, his, check="check inter 500ms")


def _stunnel(folder: Path, port: int, his: int) -> list[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = folder / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    config = folder / "stunnel.conf"
    config.write_text(_STUNNEL.format(port=port, his=his, certificate=certificate))
    return [str(config)]


RELAYS = {
    "socat": Recipe("socat", _socat),
    "haproxy": Recipe("haproxy", _haproxy),
    "haproxy-that-checks": Recipe("haproxy", _haproxy_that_checks),
    "stunnel": Recipe("stunnel", _stunnel, tls=True),
}


def installed(name: str) -> bool:
    """Say whether this machine has the program."""
    return shutil.which(RELAYS[name].program) is not None


class Relay:
    """One relay at a time on `port`, in front of a HIS on the port `his`. Use `start` and `stop`."""

    def __init__(self, folder: Path, port: int, his: int) -> None:
        self._folder = folder
        self._port = port
        self._his = his
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, name: str) -> None:
        """Start the relay of this name; it takes connections afterwards."""
        assert self._process is None, "one at a time"
        recipe = RELAYS[name]
        command = [recipe.program, *recipe.arguments(self._folder, self._port, self._his)]
        path = self._folder / "relay.log"
        with path.open("wb") as log:
            process = self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(lambda: process.poll() is not None or self._takes_connections(), f"{name} listens")
        assert process.poll() is None, f"{name} ended: {path.read_text(errors='replace')}"

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by this signal, with every connection; nothing where none runs."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)  # socat has a child for each connection
            process.wait(_END_S)

    def _takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True
