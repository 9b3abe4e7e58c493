"""The HIS stand-in: an MLLP receiver that answers by rule.

Holds: `StandIn`, a server with a thread per connection; the tests, the demo and `lab-sender his` use it.
Promises: reads liberally (bytes before VT are ignored, a second VT begins anew, FS ends a message with or without
its CR); answers by the first rule that fits, else as a careful HIS. A message is recorded before it is answered;
`keep=False` records only counts, for speed. `stop` leaves no thread and no socket behind.
Never: is a real HIS; files nothing.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from msgspec import Struct

from lab_sender.mllp.framing import END, FS, VT
from lab_sender.mllp.standin.careful import SILENCE, answer_to, is_answer
from lab_sender.mllp.standin.message import head_of
from lab_sender.mllp.standin.script import Rule, RuleBook, replies

_HANDSHAKE_S = 10.0


class Received(Struct, frozen=True):
    """One message as it arrived. `number` counts messages and `connection` connections, both from 1;
    `duplicate`: its control id, not empty, has come before; `answer` is the rule that took it."""

    number: int
    connection: int
    at: float
    body: bytes
    control_id: str
    answer: str
    duplicate: bool


class StandIn:
    """A HIS on a socket. Use as context manager, or `start` and `stop`."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        rules: Iterable[str | Rule] = (),
        tls: ssl.SSLContext | None = None,
        keep: bool = True,
        on_message: Callable[[Received], None] | None = None,
    ) -> None:
        """`on_message` is called in the connection's thread before the answer goes out; it needs `keep`."""
        self.host = host
        self.port = port
        self._book = RuleBook(rules)
        self._tls = tls
        self._keep = keep
        self._on_message = on_message
        self._arrival = threading.Condition()
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self._open: dict[int, socket.socket] = {}
        self._received: list[Received] = []
        self._ids: set[str] = set()
        self.count = 0
        self.connections = 0

    def start(self) -> StandIn:
        """Listen; `port` is the real one afterwards."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
            listener.listen(64)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._stopping.clear()
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), name="his", daemon=True)
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Close the listener and every connection; wait for the threads."""
        self._stopping.set()
        if self._listener is not None:
            with suppress(OSError):  # wakes accept on Linux; on Windows the close does
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        if self._acceptor is not None:
            self._acceptor.join()
        self.drop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def __enter__(self) -> StandIn:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def received(self) -> list[Received]:
        """Everything that came so far, in order of arrival."""
        with self._arrival:
            return list(self._received)

    def answer_by(self, *rules: str | Rule) -> None:
        """Replace the rules; counting begins anew."""
        self._book = RuleBook(rules)

    def wait_for(self, count: int, timeout_s: float = 30.0) -> list[Received]:
        """Wait until `count` messages have come, return them all; raise TimeoutError."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: self.count >= count, timeout_s):
                raise TimeoutError(f"{self.count} of {count} messages came within {timeout_s} s")
            return list(self._received)

    def drop(self, *, reset: bool = False) -> None:
        """End every open connection, by FIN or by RST."""
        for sock in self._sockets():
            with suppress(OSError):
                if reset:  # wakes the connection's own thread, whose close is then an RST
                    _linger_none(sock)
                if not (reset and sys.platform == "win32"):
                    socket.socket.shutdown(sock, socket.SHUT_RD if reset else socket.SHUT_RDWR)
            if sys.platform == "win32":  # a shutdown promises to wake nobody there: the close does
                sock.close()

    def say(self, data: bytes) -> None:
        """Write unasked bytes on every open connection (plain TCP only)."""
        for sock in self._sockets():
            with suppress(OSError):
                sock.sendall(data)

    def _sockets(self) -> list[socket.socket]:
        with self._arrival:
            return list(self._open.values())

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._arrival:
                self.connections += 1
                self._open[self.connections] = sock
            thread = threading.Thread(
                target=self._serve, args=(sock, self.connections), name="his connection", daemon=True
            )
            self._threads = [*(t for t in self._threads if t.is_alive()), thread]
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                with self._arrival:
                    self._open[number] = sock
                sock.settimeout(_HANDSHAKE_S)
                sock.do_handshake()
                sock.settimeout(None)
            rule = self._book.pick("connect")
            if rule is None:
                self._converse(sock, number)
            elif rule.answer == "accept-reset":
                _close_by_reset(sock)
            elif rule.answer == "never-read":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                self._stopping.wait()
        except OSError:
            pass  # the peer went away, or `stop` ended us
        finally:
            with self._arrival:
                self._open.pop(number, None)
            sock.close()

    def _converse(self, sock: socket.socket, connection: int) -> None:
        buffer = bytearray()
        mid: Rule | None = None
        while True:
            data = sock.recv(1 << 16)
            if not data:
                return
            if not buffer and VT in data:
                mid = self._book.pick("read")
                whole = data[-2:] == END and data.find(FS) == len(data) - 2 and data.rfind(VT) == 0
                if whole and mid is None:
                    if not self._handle(sock, connection, data[1:-2]):
                        return
                    continue
            searched = len(buffer)
            buffer += data
            if mid is not None and len(buffer) >= mid.size:
                _close_by_reset(sock)
                return
            while (end := buffer.find(FS, searched)) >= 0:
                begin = buffer.rfind(VT, 0, end)  # a VT begins the frame anew, as framing.py has it
                body = bytes(buffer[begin + 1 : end]) if begin >= 0 else b""
                del buffer[: end + 1]
                searched = 0
                if begin >= 0 and not self._handle(sock, connection, body):
                    return
            if VT not in buffer:
                buffer.clear()

    def _handle(self, sock: socket.socket, connection: int, body: bytes) -> bool:
        head = head_of(body)
        control_id = head.control_id if head else ""
        if head is not None and is_answer(body, head):
            rule = SILENCE
        else:
            rule = self._book.pick("message", body, control_id) or answer_to(body, head)
        record = None
        with self._arrival:
            self.count += 1
            if self._keep:
                duplicate = bool(control_id) and control_id in self._ids
                self._ids.add(control_id)
                record = Received(self.count, connection, time.time(), body, control_id, rule.text, duplicate)
                self._received.append(record)
            self._arrival.notify_all()
        if record is not None and self._on_message is not None:
            self._on_message(record)
        for step in replies(rule, body, control_id):
            if isinstance(step, bytes):
                sock.sendall(step)
            elif isinstance(step, float):
                if self._stopping.wait(step):
                    return False
            else:
                if step == "reset":
                    _close_by_reset(sock)
                return False
        return True


def _linger_none(sock: socket.socket) -> None:
    value = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)


def _close_by_reset(sock: socket.socket) -> None:
    _linger_none(sock)
    sock.close()
