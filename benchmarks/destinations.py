"""One destination alone, and the same one beside a HIS that is down and one that refuses everything.

Latency: from the rename that drops a file to the arrival of its message at that destination. Rate: files that wait at
the start, each for all three. All in turn, on the same machine. A HIS that refuses is soon held by its brake; in the
last lines it has none, and each of its messages goes to quarantine while the others are sent.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import rig
from latency import Listener

_REFUSES = """
import sys
from lab_sender.mllp.standin.server import StandIn
with StandIn(rules=["AE,code=204,text=no"], keep=False) as his:
    print(his.port, flush=True)
    sys.stdin.read()
"""
_CONFIG = """\
outbox: outbox
destinations:
  third: {{host: 127.0.0.1, port: {third}}}
"""
_OTHERS = """\
  down: {{host: 127.0.0.1, port: {down}}}
  refuses:
    host: 127.0.0.1
    port: {refuses}
    retry: {{refused: 1}}
"""
_NO_BRAKE = "    brake: {refused: 1000}\n"


@contextlib.contextmanager
def _others() -> Iterator[str]:
    """Hold a port at which nobody listens, and run a HIS that refuses; yields their part of the configuration."""
    process = subprocess.Popen(
        [sys.executable, "-c", _REFUSES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            yield _OTHERS.format(down=held.getsockname()[1], refuses=int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def _place(folder: Path, port: int, others: str) -> Path:
    (folder / "outbox").mkdir()
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(third=port) + others)
    return config


def latency_ms(files: int, others: str) -> list[float]:
    """Return the time in ms of each of so many files, dropped one by one."""
    his, pause = Listener(), 0.005
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        folder = Path(name)
        with rig.agent_process(_place(folder, his.port, others)):
            took_ms = []
            for number in range(files + 1):
                dropped_s = rig.drop(folder, f"{number}.hl7", rig.ready_message(number))
                took_ms.append((his.arrival_s(b"B%09d" % number) - dropped_s) * 1000)
                time.sleep(pause)
    return took_ms[1:]


def rate(files: int, others: str) -> float:
    """Return the messages a second from the first arrival to the last one."""
    his = Listener()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        folder = Path(name)
        config = _place(folder, his.port, others)
        rig.write_hl7(folder / "outbox", files)
        with rig.agent_process(config):
            his.arrival_s(b"B%09d" % (files - 1))
    came_s = his.arrivals_s()
    return (files - 1) / (max(came_s) - min(came_s))


def main() -> None:
    """Measure in turn, and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=300, help="files of each look at the latency")
    parser.add_argument("--count", type=int, default=900, help="files that wait, for the rate")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with _others() as others:
        kinds = {
            "alone": "",
            "beside one that is down and one that refuses": others,
            "the same, and the refusing one has no brake": others + _NO_BRAKE,
        }
        took_ms: dict[str, list[float]] = {kind: [] for kind in kinds}
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.runs):
            for kind, beside in kinds.items():
                took_ms[kind] += latency_ms(options.files, beside)
                rates[kind].append(rate(options.count, beside))
    for kind in kinds:
        figures = {
            "p50 ms": rig.percentile(took_ms[kind], 0.5),
            "p99 ms": rig.percentile(took_ms[kind], 0.99),
            "messages a second": rig.percentile(rates[kind], 0.5),
        }
        rig.show(f"a destination {kind}", figures, as_json=options.json)


if __name__ == "__main__":
    main()
