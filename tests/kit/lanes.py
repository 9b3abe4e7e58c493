"""A lane in its thread, an operator beside it, and HISs and relays that behave as real ones were seen to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from kit.core import HIS
from kit.threads import beside
from lab_sender.config.sections import His
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.hl7.message import msh_in
from lab_sender.journal import Journal
from lab_sender.mllp import Link
from lab_sender.mllp.framing import Frame, FrameReader, frame
from lab_sender.mllp.standin.script import acknowledgement


def lane_to(journal: Journal, his: His) -> Lane:
    """A lane over a real link."""
    return Lane(Destination(HIS, journal, his), journal, Link(his))


@contextmanager
def running(lane: Lane) -> Iterator[Lane]:
    """A lane in its thread; stopped in good order, and whatever it raised is raised here."""
    with beside(lane.run, lane.stop):
        yield lane


@contextmanager
def operator(journal: Journal) -> Iterator[Journal]:
    """Somebody at a command line, who has the journal open beside the lane."""
    other = Journal(journal.store.path, who="operator")
    try:
        yield other
    finally:
        other.close()


class Listener:
    """Serves each connection in a thread of its own until the `with` block ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.ending = threading.Event()
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def serve(self, sock: socket.socket) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._threads.append(threading.Thread(target=self._served, args=(sock,), daemon=True))
            self._threads[-1].start()

    def _served(self, sock: socket.socket) -> None:
        with suppress(OSError):
            self.serve(sock)
        sock.close()


class OneAMessage(Listener):
    """A HIS that ends the connection `late_s` after each answer."""

    def __init__(self, late_s: float) -> None:
        self._late_s = late_s
        self.received: list[str] = []
        super().__init__()

    def serve(self, sock: socket.socket) -> None:
        if self.one(sock):
            self.ending.wait(self._late_s)

    def one(self, sock: socket.socket) -> bool:
        """Read and answer one message; False at the end of the stream."""
        reader = FrameReader()
        while data := sock.recv(65_536):
            for event in reader.feed(data):
                assert isinstance(event, Frame)
                control_id = msh_in(event.payload).field(10)
                self.received.append(control_id)
                sock.sendall(frame(acknowledgement(event.payload, "AA", control_id)))
                return True
        return False


class Relay(Listener):
    """A relay to a port: it takes the connection first, and closes it `late_s` later where nobody listens there."""

    def __init__(self, to: int, late_s: float) -> None:
        self._to = to
        self._late_s = late_s
        self.vain = 0
        super().__init__()

    def serve(self, sock: socket.socket) -> None:
        try:
            behind = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            self.ending.wait(self._late_s)
            self.vain += 1
            return
        self._open.append(behind)
        back = threading.Thread(target=_pump, args=(behind, sock), daemon=True)
        self._threads.append(back)
        back.start()
        _pump(sock, behind)


class SlowReader(Listener):
    """A HIS at the end of a slow line: it reads little at a time, and answers once it has all."""

    def __init__(self, on_read: Callable[[int], None]) -> None:
        self._on_read = on_read
        super().__init__()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)

    def serve(self, sock: socket.socket) -> None:
        reader = FrameReader(64 << 20)
        while data := sock.recv(65_536):
            self._on_read(len(data))
            for event in reader.feed(data):
                assert isinstance(event, Frame)
                sock.sendall(frame(acknowledgement(event.payload, "AA", msh_in(event.payload).field(10))))


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
