"""One TCP or TLS connection to the HIS: the socket seam.

Holds: `Connection` (open, look, send, receive, close).
Promises: every wait has a deadline, the name look-up included; every failure leaves as `WireFailure` (failures.py).
TLS is verified, host name too, 1.2 or newer, its files read afresh at each connect; plain TCP leaves this machine
only where the settings say `plaintext`.
Never: knows HL7 or MLLP, retries, or logs. `abort` may be called from another thread, nothing else.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from lab_sender.mllp.failures import WireFailure, connect_failure, stream_failure, tls_failure
from lab_sender.mllp.framing import FILLER
from lab_sender.mllp.lookup import Addresses, Lookup, is_loopback
from lab_sender.mllp.send_queue import undelivered
from lab_sender.mllp.tls_files import PemFiles

if TYPE_CHECKING:
    from lab_sender.config.sections import His, Tls

RECEIVE_BYTES = 16_384
"""One TLS record at most: after a read nothing can wait unseen inside the TLS layer."""

_TLS_WRITE_BYTES = 65_536
"""OpenSSL takes all it is given or nothing: what is given at once has to be small for progress to be seen."""
_ALERT_S = 0.5
"""How long a TLS peer may take to refuse our certificate."""
_ONE_THREAD = "a connection is used by the thread that made it"
_SHORTEST_WAIT_S = 0.001
_KERNEL_WAITS = sys.platform == "linux" and struct.calcsize("l") == 8
"""True where the kernel itself is told how long a read may wait, and no question goes before each call."""
_IN_KERNEL = -1.0


class Connection:
    """One connection, used once, by the thread that makes it: open, any number of sends and receives, close."""

    def __init__(self, his: His) -> None:
        self._his = his
        self._where = his.address
        self._lock = threading.Lock()
        self._aborted = False
        self._lookup = Lookup()
        self._socket = socket.socket()
        self._socket.close()  # a closed socket stands for none
        self._timeout_s: float | None = None
        self._read_timeout_s: float | None = None
        self._thread = threading.get_ident()
        self._poll: Any = None
        self.unasked = b""
        self.on_progress: Callable[[], None] = lambda: None
        """Called whenever the kernel has taken a part of what is sent."""

    def open(self) -> None:
        """Connect within `connect_timeout_s`, look-up and TLS included; raise WireFailure (resolve, connect, tls)."""
        his = self._his
        context = tls_context(his.tls) if his.tls else None  # Windows reads its stores for seconds
        deadline = monotonic() + his.connect_timeout_s
        try:
            addresses = self._lookup.addresses(his.host, his.port, deadline - monotonic())
            clear = context is None and not his.plaintext
            if clear and not all(is_loopback(address) for _, address in addresses):
                raise WireFailure(
                    "connect",
                    "connect.plaintext-refused",
                    f"{self._where} is another machine and the connection has no TLS",
                    hint="Configure `tls`, or set `plaintext: true` if the network may carry patient data.",
                )
            self._connect(addresses, deadline)
            if context is not None:
                self._secure(context, deadline)
        except BaseException:
            self.close(reset=True)
            raise

    def look(self, wait_s: float = 0.0) -> Literal["quiet", "closed", "talking"]:
        """See whether the idle peer has closed or spoken (`unasked`), or does within `wait_s`; blanks are skipped."""
        assert threading.get_ident() == self._thread, _ONE_THREAD
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
                self.unasked = data
                return "talking"
        return "quiet" if until else "talking"

    def send(self, data: bytes, timeout_s: float) -> None:
        """Hand all of `data` to the kernel; raise WireFailure (phase write) when it takes nothing for `timeout_s`."""
        secured = isinstance(self._socket, ssl.SSLSocket)
        assert threading.get_ident() == self._thread, _ONE_THREAD
        try:
            sent = self._sent_at_once(data)
            if not sent:
                self._limit(timeout_s)
                sent = self._socket.send(data if not secured else memoryview(data)[:_TLS_WRITE_BYTES])
        except OSError as error:
            raise self._failure("write", error, nothing_left=not secured) from error
        if sent == len(data):
            return
        rest = memoryview(data)[sent:]
        try:
            self._limit(timeout_s)
            while rest:
                self.on_progress()
                rest = rest[self._socket.send(rest[:_TLS_WRITE_BYTES] if secured else rest) :]
        except OSError as error:
            raise self._failure("write", error) from error

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the stream's end, None after `timeout_s`; raise WireFailure (phase ack)."""
        assert threading.get_ident() == self._thread, _ONE_THREAD
        try:
            self._limit_read(timeout_s)
            return self._socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None  # the time had just run out
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
                self._until(monotonic() + (deadline - monotonic()) / (len(addresses) - at))
                self._socket.connect(address)
                return
            except OSError as error:
                self._socket.close()
                if self._aborted or at == len(addresses) - 1:
                    raise self._failure("connect", error) from error

    def _tune(self) -> None:
        sock, idle_s = self._socket, max(1, round(self._his.keepalive_s))
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
        assert self._his.tls is not None
        secure = False
        name = self._his.tls.server_name or self._his.host
        try:
            secured = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
            self._adopt(secured)
            self._until(deadline)
            try:
                secured.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):  # just nothing was left of the time
                raise TimeoutError("timed out in the handshake") from None
            secure = True
            if secured.version() == "TLSv1.3" and self._readable(_ALERT_S) and self._has_spoken(secured):
                raise WireFailure(
                    "tls", "connect.speaks-first", f"{self._where} sends data unasked; it is no MLLP receiver"
                )
        except (OSError, ValueError) as error:
            raise self._failure("tls", error, secure=secure) from error

    def _has_spoken(self, secured: ssl.SSLSocket) -> bool:
        """Look at what came after the handshake: data, or session tickets, which say that the peer is content.

        Raises ConnectionResetError where it closed.
        """
        self._limit(0.0)
        try:
            data = secured.recv(1)
        except ssl.SSLWantReadError:
            return False
        if not data:
            raise ConnectionResetError("closed after the handshake")
        return True

    def _adopt(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket, self._timeout_s, self._read_timeout_s = sock, None, None
            if self._aborted:
                raise WireFailure("connect", "connect.aborted", "stopped while connecting", cause="aborted")

    def _until(self, deadline: float) -> None:
        """Wait no longer than to an instant. Raises TimeoutError where it has passed."""
        if (left_s := deadline - monotonic()) <= 0:
            raise TimeoutError("timed out")
        self._limit(left_s)

    def _limit(self, timeout_s: float) -> None:
        if timeout_s != self._timeout_s:
            self._socket.settimeout(max(timeout_s, _SHORTEST_WAIT_S) if timeout_s else 0.0)
            self._timeout_s = timeout_s

    def _limit_read(self, timeout_s: float) -> None:
        """Limit a read; where the kernel can wait, it is told once: a socket of Python asks it before each call."""
        if not _KERNEL_WAITS or isinstance(self._socket, ssl.SSLSocket):
            self._limit(timeout_s)
            return
        if timeout_s != self._read_timeout_s:
            seconds, rest = divmod(max(timeout_s, _SHORTEST_WAIT_S), 1)
            limit = struct.pack("ll", int(seconds), int(rest * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._read_timeout_s = timeout_s
        if self._timeout_s != _IN_KERNEL:
            self._socket.settimeout(None)
            self._timeout_s = _IN_KERNEL

    def _sent_at_once(self, data: bytes) -> int:
        """Hand over what the kernel takes without waiting, where one can ask for that; return how much."""
        if not _KERNEL_WAITS or self._timeout_s != _IN_KERNEL:
            return 0
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

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
        tls = self._his.tls
        has_certificate = tls is not None and tls.certificate is not None
        if self._aborted:
            code = f"{phase}.aborted" if phase in ("write", "ack") else "connect.aborted"
            return WireFailure(phase, code, "stopped from our side", nothing_left=nothing_left, cause="aborted")
        if phase == "connect":
            return connect_failure(error, self._where)
        if phase == "tls":
            failure = tls_failure(error, self._where, secure=secure, has_certificate=has_certificate)
            if tls is None or not has_certificate or failure.code != "tls.client-certificate":
                return failure
            return PemFiles.of(tls).explained(failure, tls.lines)
        return stream_failure(phase, error, nothing_left=nothing_left, has_certificate=has_certificate)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Read the files of the TLS settings now; raise WireFailure if they cannot be used, with the one to blame."""
    password = tls.key_password.get_secret_value() if tls.key_password else ""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate:
            # the callable keeps OpenSSL from asking on the terminal
            context.load_cert_chain(tls.certificate, tls.key, password=lambda: password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise PemFiles.of(tls).unusable(error, tls.lines) from error
    return context
