"""The wire itself, seen by a tap between the link and the HIS."""

import select
import socket
import threading

from kit.settings import his_at

from lab_sender.mllp.connection import Connection
from lab_sender.mllp.standin.server import StandIn


class Tap:
    """A relay in one thread, so that it sees the bytes of both directions in their true order."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = self.sent = self.answered = self.most_in_flight = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(60)
        self._listener.close()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        self.connections += 1
        with client, socket.create_connection(("127.0.0.1", self._to)) as his:
            while True:
                for ready in select.select([client, his, self._listener], [], [])[0]:
                    if ready is self._listener:
                        self._listener.accept()[0].close()
                        self.connections += 1
                        continue
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is client:
                        self.sent += data.count(b"\x1c\r")
                        his.sendall(data)
                    else:
                        self.answered += data.count(b"\x1c\r")
                        client.sendall(data)
                    self.most_in_flight = max(self.most_in_flight, self.sent - self.answered)


def test_a_thousand_messages_one_connection_one_in_flight(connect, message):
    with StandIn() as his, Tap(his.port) as tap:
        link = connect(tap.port)
        for n in range(1000):
            outcome = link.exchange(message(f"M{n}"), f"M{n}")
            assert outcome.kind == "verdict"
            assert outcome.ack.control_id == f"M{n}"
        link.close()
    assert (tap.connections, his.connections) == (1, 1)
    assert (tap.sent, tap.answered, tap.most_in_flight) == (1000, 1000, 1)
    assert [received.body for received in his.received] == [message(f"M{n}") for n in range(1000)]


def test_the_first_read_of_a_connection_ends_also_where_no_time_is_left():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection(his_at(silent.getsockname()[1]))
        connection.open()
        end = threading.Timer(5.0, connection.abort)
        end.start()
        assert connection.receive(0.0) is None
        end.cancel()
        connection.close()
