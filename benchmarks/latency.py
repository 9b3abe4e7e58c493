"""How soon a file is at the HIS: from the rename that drops it to the arrival of its message, and to its ACK's row.

Idle: one file at a time. Under load: the same while a thousand other files wait or come in a steady stream.
"""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

import rig


class Listener:
    """A HIS in this process that notes when each control id arrived."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._arrivals: dict[bytes, float] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def arrival_s(self, control_id: bytes) -> float:
        """Wait for a message and return when it came (perf_counter)."""
        with self._news:
            if not self._news.wait_for(lambda: control_id in self._arrivals, 60):
                raise TimeoutError("the message did not come")
            return self._arrivals[control_id]

    def arrivals_s(self) -> list[float]:
        """Return when messages came, each by its last arrival."""
        with self._news:
            return list(self._arrivals.values())

    @property
    def count(self) -> int:
        return len(self._arrivals)

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            with connection, contextlib.suppress(ConnectionResetError):
                while part := connection.recv(1 << 18):
                    now_s = time.perf_counter()
                    data += part
                    while (end := data.find(b"\x1c\r")) >= 0:
                        control_id = data[: data.index(b"\r")].split(b"|", 10)[9]
                        answer = b"\x0bMSH|^~\\&|HIS||LAB||20260101||ACK|1|P|2.5.1\rMSA|AA|%s\r\x1c\r" % control_id
                        connection.sendall(answer)
                        data = data[end + 2 :]
                        with self._news:
                            self._arrivals[control_id] = now_s
                            self._news.notify_all()


def measure(files: int, load_per_s: int, folder: Path) -> list[float]:
    """Return the time in ms of each of so many files, dropped one by one beside a stream of others."""
    his = Listener()
    config = rig.write_config(folder, his.port)
    over = threading.Event()

    def drop(number: int) -> float:
        return rig.drop(folder, f"{number}.hl7", rig.ready_message(number))

    def stream() -> None:
        number = 1_000_000
        while not over.wait(1 / load_per_s):
            number += 1
            rig.drop(folder, f"{number}.json", json.dumps(rig.report(number)).encode())

    took_ms = []
    with rig.agent_process(config):
        drop(0)
        his.arrival_s(b"B%09d" % 0)
        loader = threading.Thread(target=stream)
        if load_per_s:
            loader.start()
        for number in range(1, files + 1):
            dropped_s = drop(number)
            took_ms.append((his.arrival_s(b"B%09d" % number) - dropped_s) * 1000)
            over.wait(0.005)
        over.set()
        if load_per_s:
            loader.join()
    return took_ms


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--load", type=int, default=200, help="other files a second in the second half")
    options = parser.parse_args()
    for name, load in (("idle", 0), (f"beside {options.load} reports a second", options.load)):
        with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as folder:
            took_ms = measure(options.files, load, Path(folder))
        figures = {
            "p50 ms": rig.percentile(took_ms, 0.5),
            "p99 ms": rig.percentile(took_ms, 0.99),
            "worst ms": max(took_ms),
        }
        rig.show(f"drop to the HIS, {name}", figures, as_json=options.json)


if __name__ == "__main__":
    main()
