"""How fast lanes are on SQLite, on PostgreSQL, and on two machines that share it: side by side, in one run.

A HIS that answers at once, one connection to each destination. Everything is spooled before the first answer; the
rate is that of all destinations together, from there to the last message. On PostgreSQL server, agents and HIS share
the cores of this machine, so two agents show what sharing costs, not what a second machine brings.

`python benchmarks/machines.py [--files 1000] [--runs 3] [--database postgresql://...]`; without an address it makes a
PostgreSQL of its own, with flushes, in a temporary folder (Debian: postgresql).
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import rig
from latency import Listener

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab_sender.errors import LabSenderError
from lab_sender.operations.installation import Installation
from lab_sender.operations.status import Status, status

_LANES = 4
_LONGEST_S = 600.0
_HIS = "  d{number}: {{host: 127.0.0.1, port: {port}, ack_timeout: 300s}}\n"


class Patient(Listener):
    """A HIS that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        super().__init__()

    def _serve(self) -> None:
        self.go.wait()
        super()._serve()


def _place(folder: Path, his: Sequence[Listener], journal: str) -> Path:
    (folder / "outbox").mkdir(parents=True)
    config = folder / "config.yaml"
    to = "".join(_HIS.format(number=number, port=each.port) for number, each in enumerate(his))
    config.write_text(f"outbox: outbox\ndestinations:\n{to}web: {{listen: 'off'}}\n{journal}")
    return config


def _until(done: Callable[[Status], bool], config: Path) -> None:
    ends_s = time.monotonic() + _LONGEST_S
    while time.monotonic() < ends_s:
        with contextlib.suppress(LabSenderError):  # the agent has not begun yet
            if done(status(Installation(config))):
                return
        time.sleep(0.1)
    raise TimeoutError("the agents do not come so far")


def rate(files: int, lanes: int, journals: Sequence[str]) -> float:
    """Return the messages a second of all lanes together; `journals` has the section of each machine."""
    his = [Patient() for _ in range(lanes)]
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, contextlib.ExitStack() as agents:
        configs = [_place(Path(name) / str(number), his, each) for number, each in enumerate(journals)]
        for config in configs:
            agents.enter_context(rig.agent_process(config))
        share, machines = lanes // len(configs), len(configs) if len(configs) > 1 else 0
        _until(
            lambda now: now.running and [len(node.sends_to) for node in now.nodes] == [share] * machines, configs[0]
        )
        for number in range(files):
            rig.drop(configs[number % len(configs)].parent, f"{number:07}.hl7", rig.ready_message(number))
        _until(lambda now: now.waiting == files * lanes, configs[0])
        for each in his:
            each.go.set()
        for each in his:
            for number in range(files):
                each.arrival_s(b"B%09d" % number)
    came_s = [at_s for each in his for at_s in each.arrivals_s()]
    return (len(came_s) - 1) / (max(came_s) - min(came_s))


def main() -> None:
    """Measure in turn, and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=1000, help="files; each goes to every destination")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", help="postgresql://... of a database in which schemas may be made")
    options = parser.parse_args()
    with contextlib.ExitStack() as ends:
        url = options.database
        if not url:
            from kit.postgres import Cluster, missing

            if why := missing():
                print(why)
                return
            cluster = Cluster(settings=("fsync=on",))
            ends.callback(cluster.remove)
            url = cluster.url

        def at(run: int, kind: int, node: str = "") -> str:
            name = f", node: {node}" if node else ""
            return f"journal: {{database: '{url}', schema: run_{time.time_ns() // 10**9}_{run}_{kind}{name}}}\n"

        rates: dict[str, list[float]] = {}
        for run in range(options.runs):
            shared = at(run, 4, "NODE")
            kinds = {
                "SQLite, one lane": (1, [""]),
                f"SQLite, {_LANES} lanes": (_LANES, [""]),
                "PostgreSQL, one lane": (1, [at(run, 1)]),
                f"PostgreSQL, {_LANES} lanes": (_LANES, [at(run, 2)]),
                f"PostgreSQL, {_LANES} lanes of two machines": (
                    _LANES, [shared.replace("NODE", node) for node in ("a", "b")],
                ),
            }  # fmt: skip
            for kind, (lanes, journals) in kinds.items():
                rates.setdefault(kind, []).append(rate(options.files, lanes, journals))
    figures = {kind: rig.percentile(each, 0.5) for kind, each in rates.items()}
    rig.show("messages a second, all lanes together", figures, as_json=options.json)


if __name__ == "__main__":
    main()
