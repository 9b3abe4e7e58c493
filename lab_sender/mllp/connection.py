"""One TCP or TLS connection to the HIS: the socket seam.

Holds: `Endpoint` and `TlsFiles` (what to connect to), `Connection` (open, look, send, receive, close).
Promises: every wait has a deadline, the name look-up included; every failure leaves as `WireFailure` with
its phase and a stable code (see failures.py). TLS is verified, host name too, 1.2 or newer; its files are
read afresh at each connect. Plain TCP leaves this machine only where the endpoint says `plaintext`.
`nothing_left` is set only where the kernel took no byte of the message.
Never: knows HL7 or MLLP, retries, or logs. `abort` may be called from another thread, nothing else.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from lab_sender.config.text.source import Lines
from lab_sender.mllp.failures import WireFailure, connect_failure, stream_failure, tls_failure
from lab_sender.mllp.framing import FILLER
from lab_sender.mllp.lookup import Addresses, Lookup, is_loopback
from lab_sender.mllp.send_queue import undelivered
from lab_sender.mllp.tls_files import PemFiles

RECEIVE_BYTES = 16_384
"""One TLS record at most: after a read nothing can wait unseen inside the TLS layer."""

_TLS_WRITE_BYTES = 65_536
"""OpenSSL takes all it is given or nothing: what is given at once has to be small for progress to be seen."""
_SETTLE_S = 0.5
_SHORTEST_WAIT_S = 0.001


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for TLS. Empty `ca` means the system's authorities; the others are for mutual TLS.

    `server_name` replaces the host as the name that the peer's certificate has to carry.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    password: str = field(default="", repr=False)
    server_name: str = ""
    lines: Lines = field(default=Lines("", {}), repr=False, compare=False)

    def context(self) -> ssl.SSLContext:
        """Read the files now; raise WireFailure if they cannot be used, with the one that is to blame."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate:
                # the callable keeps OpenSSL from asking on the terminal
                context.load_cert_chain(self.certificate, self.key or None, password=lambda: self.password)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise self.pem.unusable(error, self.lines) from error
        return context

    @property
    def pem(self) -> PemFiles:
        """The files, to be looked at one by one."""
        ca, certificate, key = (Path(each) if each else None for each in (self.ca, self.certificate, self.key))
        return PemFiles(ca, certificate, key, self.password)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the HIS listens.

    `connect_timeout_s` covers look-up, TCP and TLS together; `keepalive_s` is the silence after which the
    kernel probes the peer, with three probes in the same time again.
    """

    host: str
    port: int
    connect_timeout_s: float = 10.0
    keepalive_s: float = 30.0
    tls: TlsFiles | None = None
    plaintext: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection:
    """One connection, used once: open, any number of sends and receives, close."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._aborted = False
        self._lookup = Lookup()
        self._socket = socket.socket()
        self._socket.close()  # a closed socket stands for none
        self._timeout_s: float | None = None
        self._poll: Any = None
        self.said = b""

    def open(self) -> None:
        """Connect within the endpoint's deadline; raise WireFailure (phase resolve, connect or tls)."""
        endpoint = self._endpoint
        deadline = monotonic() + endpoint.connect_timeout_s
        context = endpoint.tls.context() if endpoint.tls else None
        try:
            addresses = self._lookup.addresses(endpoint.host, endpoint.port, deadline - monotonic())
            clear = context is None and not endpoint.plaintext
            if clear and not all(is_loopback(address) for _, address in addresses):
                raise WireFailure(
                    "connect",
                    "connect.plaintext-refused",
                    f"{endpoint} is another machine and the connection has no TLS",
                    hint="Configure `tls`, or set `plaintext: true` if the network may carry patient data.",
                )
            self._connect(addresses, deadline)
            if context is not None:
                self._secure(context, deadline)
        except BaseException:
            self.close(reset=True)
            raise

    def look(self, wait_s: float = 0.0) -> Literal["quiet", "closed", "talking"]:
        """See whether the idle peer has closed or spoken (`said`), or does within `wait_s`; blanks are skipped."""
        until = monotonic() + wait_s if wait_s else 0.0
        for _ in range(3):
            if not self._readable(max(0.0, until - monotonic()) if until else 0.0):
                return "quiet"
            self._limit(0.0)
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                if until:
                    continue
                return "quiet"  # TLS housekeeping, such as session tickets
            except OSError:
                return "closed"
            if not data:
                return "closed"
            if data.strip(FILLER):
                self.said = data
                return "talking"
        return "quiet" if until else "talking"

    def send(self, data: bytes, timeout_s: float) -> None:
        """Hand all of `data` to the kernel; raise WireFailure (phase write) when it takes nothing for `timeout_s`."""
        secured = isinstance(self._socket, ssl.SSLSocket)
        try:
            self._limit(timeout_s)
            sent = self._socket.send(data if not secured else memoryview(data)[:_TLS_WRITE_BYTES])
        except OSError as error:
            raise self._failure("write", error, nothing_left=not secured) from error
        rest = memoryview(data)[sent:]
        try:
            while rest:
                rest = rest[self._socket.send(rest[:_TLS_WRITE_BYTES] if secured else rest) :]
        except OSError as error:
            raise self._failure("write", error) from error

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the stream's end, None after `timeout_s`; raise WireFailure (phase ack)."""
        try:
            self._limit(timeout_s)
            return self._socket.recv(RECEIVE_BYTES)
        except TimeoutError as error:
            if error.errno is None:
                return None
            raise self._failure("ack", error) from error
        except OSError as error:
            raise self._failure("ack", error) from error

    def close(self, *, reset: bool = False) -> None:
        """Close; with `reset` by RST, so that nothing in flight can be taken for anything later."""
        with self._lock:
            with suppress(OSError, ValueError):
                if reset:
                    linger = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                elif isinstance(self._socket, ssl.SSLSocket):
                    self._socket.settimeout(0.0)
                    self._socket.unwrap()  # says close_notify, does not wait for the peer's
            self._socket.close()

    def abort(self) -> None:
        """Make whatever `open`, `send` or `receive` waits for end now. For another thread."""
        with self._lock:
            self._aborted = True
            self._lookup.cancel()
            with suppress(OSError):
                # not SSLSocket.shutdown: it drops the TLS layer and would let the other thread write in clear
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def undelivered(self) -> str:
        """Say what of the bytes sent has not reached the other machine, as far as the kernel knows."""
        return undelivered(self._socket)

    def peer_certificate(self) -> bytes:
        """Return the peer's verified certificate in DER; b"" without TLS."""
        certificate = self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None
        return certificate or b""

    def peer_address(self) -> str:
        """Return the address that the connection leads to; "" where it leads nowhere any more."""
        try:
            return str(self._socket.getpeername()[0])
        except OSError:
            return ""

    @property
    def aborted(self) -> bool:
        return self._aborted

    def _connect(self, addresses: Addresses, deadline: float) -> None:
        """Try every address; each gets an equal share of the time that is left."""
        for at, (family, address) in enumerate(addresses):
            try:
                self._adopt(socket.socket(family, socket.SOCK_STREAM))
                self._tune()
                self._limit((deadline - monotonic()) / (len(addresses) - at))
                self._socket.connect(address)
                return
            except OSError as error:
                self._socket.close()
                if self._aborted or at == len(addresses) - 1:
                    raise self._failure("connect", error) from error

    def _tune(self) -> None:
        sock, idle_s = self._socket, max(1, round(self._endpoint.keepalive_s))
        every_s = max(1, idle_s // 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "win32":
            sock.ioctl(socket.SIO_KEEPALIVE_VALS, (1, idle_s * 1000, every_s * 1000))
            return
        for name, value in (
            ("TCP_KEEPIDLE", idle_s),
            ("TCP_KEEPALIVE", idle_s),  # macOS
            ("TCP_KEEPINTVL", every_s),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", (idle_s + 3 * every_s) * 1000),  # Linux: unacknowledged bytes
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _secure(self, context: ssl.SSLContext, deadline: float) -> None:
        """Do the TLS handshake, then wait a moment for the peer's verdict on our certificate.

        In TLS 1.3 the handshake is over for us before the peer has looked at our certificate. Its session
        tickets or its alert follow one round trip later; waiting for them keeps such a refusal *not sent*.
        A peer that sends no tickets costs the wait once a connect.
        """
        assert self._endpoint.tls is not None
        secure = False
        name = self._endpoint.tls.server_name or self._endpoint.host
        try:
            secured = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
            self._adopt(secured)
            self._limit(deadline - monotonic())
            secured.do_handshake()
            secure = True
            if secured.version() == "TLSv1.3" and self._readable(_SETTLE_S):
                self._limit(0.0)
                if not secured.recv(1):
                    raise ConnectionResetError("closed after the handshake")
                raise WireFailure(
                    "tls", "connect.speaks-first", f"{self._endpoint} sends data unasked; it is no MLLP receiver"
                )
        except ssl.SSLWantReadError:
            pass  # session tickets: the peer is content
        except (OSError, ValueError) as error:
            raise self._failure("tls", error, secure=secure) from error

    def _adopt(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket, self._timeout_s = sock, None
            if self._aborted:
                raise WireFailure("connect", "connect.aborted", "stopped while connecting")

    def _limit(self, timeout_s: float) -> None:
        if timeout_s != self._timeout_s:
            self._socket.settimeout(max(timeout_s, _SHORTEST_WAIT_S) if timeout_s else 0.0)
            self._timeout_s = timeout_s

    def _readable(self, timeout_s: float) -> bool:
        if sys.platform == "win32":
            return bool(select.select([self._socket], [], [], timeout_s)[0])
        if self._poll is None:  # select takes no descriptor above 1023 here
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return bool(self._poll.poll(timeout_s * 1000))

    def _failure(
        self,
        phase: Literal["connect", "tls", "write", "ack"],
        error: Exception,
        *,
        nothing_left: bool = False,
        secure: bool = False,
    ) -> WireFailure:
        has_certificate = self._endpoint.tls is not None and bool(self._endpoint.tls.certificate)
        if self._aborted:
            code = f"{phase}.aborted" if phase in ("write", "ack") else "connect.aborted"
            return WireFailure(phase, code, "stopped from our side", nothing_left=nothing_left)
        if phase == "connect":
            return connect_failure(error, str(self._endpoint))
        if phase == "tls":
            failure = tls_failure(error, str(self._endpoint), secure=secure, has_certificate=has_certificate)
            ours = self._endpoint.tls if has_certificate and failure.code == "tls.client-certificate" else None
            return failure if ours is None else ours.pem.explained(failure, ours.lines)
        return stream_failure(phase, error, nothing_left=nothing_left, has_certificate=has_certificate)
