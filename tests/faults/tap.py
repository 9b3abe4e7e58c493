"""A tap on the wire: a relay that writes down what passes.

Holds: one connection at a time, one thread, no waiting in between.
Promises: what passes is written down before it goes on. Before an answer goes on to the agent, the tap looks whether
the agent has already said more: then two messages were in flight.
"""

from __future__ import annotations

import select
import socket
import threading

from lab_sender.mllp.framing import END, VT


class Tap:
    """Relays a loopback port to another one. Use as context manager."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.spoke_too_soon = 0
        self.story = bytearray()
        """`m` for each message that has begun, `M` for its end, `a` and `A` for each answer."""

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                agent, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with agent, socket.create_connection(("127.0.0.1", self._to_port)) as his:
                for each in (agent, his):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._relay(agent, his)

    def _relay(self, agent: socket.socket, his: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([agent, his, self._listener], [], [], 30)
            if agent in ready:
                if not (data := agent.recv(1 << 16)):
                    return
                self._note(data, b"m", b"M")
                his.sendall(data)
            elif his in ready:
                if not (data := his.recv(1 << 16)):
                    return
                if self.story.endswith(b"M") and select.select([agent], [], [], 0)[0]:
                    self.spoke_too_soon += 1
                self._note(data, b"a", b"A")
                agent.sendall(data)
            else:
                return  # another connection beside the first, or the end

    def _note(self, data: bytes, begin: bytes, end: bytes) -> None:
        for at in range(len(data)):
            if data[at : at + 1] == VT:
                self.story += begin
            elif data[at : at + 1] == END[-1:] and data[at - 1 : at] == END[:1]:
                self.story += end
