"""The process `lab-sender web`: its port, and its end.

Holds: `serve`: it listens, again and again where the port is taken, until it is asked to end or its agent has ended.
Promises: a port that is taken is a warning and is tried again; the page's end is never the agent's. Headers are
bounded; who sends none for a while, or does not read what he is answered, is cut off. Nothing of a request is logged.
Never: answers a request; app.py does.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lab_sender.errors import AgentError, ExitCode
from lab_sender.log import say
from lab_sender.operations.web.app import application
from lab_sender.operations.web.site import Site

_AGAIN_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Waits between two tries for a port; the last one goes on."""
_HEADERS_S: Final = 10.0
_UNREAD_S: Final = 30.0
_LEFT_S: Final = 10.0
"""Of the page's process once it is to end: a thread that hangs must not keep it."""
_LARGEST_HEADERS: Final = 32 << 10
_MOST_CONNECTIONS: Final = 200


def serve(site: Site, *, with_agent: bool) -> None:
    """Serve until SIGTERM, Ctrl-C or, `with_agent`, until standard input ends.

    Raises AgentError `web.tls` where the files of TLS cannot be used.
    """
    stopping = threading.Event()
    _lower_priority()
    server: list[uvicorn.Server] = []

    def stop(_number: int = 0, _frame: FrameType | None = None) -> None:
        is_first = not stopping.is_set()
        stopping.set()
        for each in server:
            each.should_exit = True
        if is_first:
            threading.Thread(target=_end, daemon=True).start()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    if with_agent:
        threading.Thread(target=_until_input_ends, args=(stop,), daemon=True).start()
    address = site.web.address
    if address is None:
        stopping.wait()
        return
    configuration = _configuration(site)
    for listening in _listening(address, stopping):
        with listening:
            server[:] = [_Server(configuration)]
            if not stopping.is_set():
                say(logging.INFO, "web.listening", address=site.web.listen, pid=os.getpid())
                server[0].run([listening])
        return


class _Server(uvicorn.Server):
    """Leaves signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change nothing."""
        yield


class _Impatient(H11Protocol):
    """Ends a connection on which no whole head of a request has come for a while, or whose answer nobody reads."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._since_s = self._read_s = time.monotonic()
        self._unread = 0
        self._look()

    def _look(self) -> None:
        if self.transport.is_closing() and not self._unread:
            return
        now_s, unread = time.monotonic(), self.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread, self._read_s = unread, now_s
        if now_s - self._read_s > _UNREAD_S:
            self.transport.abort()
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._since_s = now_s
        if now_s - self._since_s > _HEADERS_S:
            self.transport.close()
        self.loop.call_later(1.0, self._look)


def _configuration(site: Site) -> uvicorn.Config:
    tls: dict[str, Any] = {}
    if site.web.tls is not None:
        password = site.web.tls.key_password
        tls = {
            "ssl_certfile": str(site.web.tls.certificate),
            "ssl_keyfile": str(site.web.tls.key) if site.web.tls.key else None,
            "ssl_keyfile_password": password.get_secret_value() if password else None,
        }
    made = uvicorn.Config(
        application(site),
        http=_Impatient,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_LARGEST_HEADERS,
        **tls,
    )
    try:
        if site.web.tls is not None:  # with its password or none: OpenSSL would ask whoever is at the terminal
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["ssl_certfile"], tls["ssl_keyfile"], tls["ssl_keyfile_password"] or "")
        made.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a password can be too long
        raise AgentError(
            "web.tls",
            f"the files of web.tls cannot be used ({type(error).__name__}).",
            hint="Correct web.tls.certificate, key and key_password; PEM files are meant.",
            exit_code=ExitCode.CONFIG,
        ) from error
    return made


def _listening(address: tuple[str, int], stopping: threading.Event) -> Iterator[socket.socket]:
    """Yield the port once it could be had; nothing where we are to end before."""
    host, port = address
    waits = itertools.chain(_AGAIN_S, itertools.repeat(_AGAIN_S[-1]))
    is_told = False
    while not stopping.is_set():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if not is_told:
                name = errno.errorcode.get(error.errno or 0, "").lower()
                say(logging.WARNING, "web.waits", code="web.port-taken", errno=name, address=f"{host}:{port}")
                is_told = True
            stopping.wait(next(waits))
        else:
            yield listening
            return


def _until_input_ends(stop: Any) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    stop()


def _end() -> None:
    time.sleep(_LEFT_S)
    os._exit(0)


def _lower_priority() -> None:
    """Delivery comes first."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)
