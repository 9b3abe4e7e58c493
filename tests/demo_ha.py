"""Two machines on one PostgreSQL, and what becomes of the results when the one that sends is killed. `make demo-ha`.

Holds: the story: a database and a HIS of its own, two agents as processes, kill -9 of the owner, its return, and a
machine that is stopped in good order; the table of what the HIS has heard.
Promises: the agents are run as anybody runs them, and who sends is asked of `lab-sender status`. It ends with 1 where
a result is lost, comes before an older one, or comes twice more often than a connection was cut.
Never: touches a database or a folder that it has not made; patients are made up.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from faults.workload import ready
from kit.core import until
from kit.postgres import Cluster, missing

from lab_sender.mllp.standin.server import StandIn

LEASE_S = 3
MACHINES = ("lab-a", "lab-b")
_EACH_S = 0.05
_PHASE_S = 2.0
_PROGRAM = (sys.executable, "-m", "lab_sender", "-c")
_CONFIG = """\
outbox: outbox
his: {{host: 127.0.0.1, port: {port}}}
web: {{listen: "off"}}
journal: {{database: "{url}", node: {name}, lease: {lease}s}}
"""


class Machine:
    """A machine with its outbox and its agent; nothing but its name and its folders are its own."""

    def __init__(self, home: Path, name: str, port: int, url: str) -> None:
        self.name = name
        self.outbox = home / name / "outbox"
        self.outbox.mkdir(parents=True)
        self._config = home / name / "config.yaml"
        self._config.write_text(_CONFIG.format(port=port, url=url, name=name, lease=LEASE_S), encoding="utf-8")
        self._numbers = itertools.count()
        self._agent: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start its agent, and wait until it has the journal."""
        with (self._config.parent / "agent.log").open("ab") as log:
            begun = log.tell()
            self._agent = subprocess.Popen([*_PROGRAM, str(self._config), "run"], stdout=log, stderr=log)
        until(lambda: b'"agent.started"' in self._said()[begun:], f"the agent of {self.name} starts")

    def end(self, how: int) -> None:
        """Send its agent a signal, and wait for its end."""
        if self._agent is not None:
            self._agent.send_signal(how)
            self._agent.wait(30)
            self._agent = None

    def drop(self) -> str:
        """Drop a result, as whoever writes files does: under another name first. Returns its control id."""
        number = f"{self.name}-{next(self._numbers):04}".upper()
        part = self.outbox / f"{number}.part"
        part.write_bytes(ready(number))
        part.rename(self.outbox / f"{number}.hl7")
        return number

    def sender(self) -> str:
        """Return whom `lab-sender status` names as the one that sends."""
        ran = subprocess.run([*_PROGRAM, str(self._config), "status", "--json"], capture_output=True, check=False)
        return str(json.loads(ran.stdout)["destinations"][0]["node"])

    def filed(self) -> int:
        """Return how many of its files lie in sent/."""
        return len(list((self.outbox / "sent").rglob("*.hl7")))

    def _said(self) -> bytes:
        return (self._config.parent / "agent.log").read_bytes()


class Story:
    """What happens, told as it happens."""

    def __init__(self, machines: dict[str, Machine], his: StandIn) -> None:
        self._machines = machines
        self._his = his
        self._begun_s = time.monotonic()
        self.dropped: list[str] = []
        self.gaps: list[tuple[str, float]] = []
        self._is_over = threading.Event()

    def say(self, text: str) -> None:
        """Print a line with its instant."""
        print(f"{time.monotonic() - self._begun_s:6.1f} s  {text}", flush=True)

    @contextlib.contextmanager
    def results_all_the_time(self) -> Iterator[None]:
        """Drop results into both outboxes, from now to the block's end."""

        def drop() -> None:
            while not self._is_over.wait(_EACH_S):
                self.dropped += [machine.drop() for machine in self._machines.values()]

        thread = threading.Thread(target=drop)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def take_over(self, what: str, how: int) -> None:
        """End the agent that sends, and tell how long the HIS hears nothing."""
        owner = next(iter(self._machines.values())).sender()
        other = next(each for each in self._machines if each != owner)
        self.say(f"{owner} sends, {other} stands by; {len(self._his.received)} results are at the HIS")
        before = self._his.connections
        self._machines[owner].end(how)
        self.say(f"{owner}: {what}")
        until(lambda: self._his.received[-1].connection > before, f"{other} sends")
        received = self._his.received
        first = next(each.at for each in received if each.connection > before)
        gap_s = first - max(each.at for each in received if each.connection <= before)
        self.gaps.append((what, gap_s))
        self.say(f"{other} sends: the HIS heard nothing for {gap_s:.2f} s")
        time.sleep(_PHASE_S)
        self._machines[owner].start()
        self.say(f"{owner} is back, and stands by")
        time.sleep(_PHASE_S)


def judge(dropped: list[str], heard: list[str]) -> tuple[int, int, int]:
    """Return how many were lost, came after a younger one of their outbox, and came again."""
    first = list(dict.fromkeys(heard))
    lost = len(set(dropped) - set(first))
    overtaken = 0
    for name in MACHINES:
        numbers = [each for each in first if each.startswith(name.upper())]
        overtaken += sum(younger > older for younger, older in itertools.pairwise(numbers))
    return lost, overtaken, len(heard) - len(first)


def tell(cluster: Cluster, his: StandIn, home: Path) -> int:
    """Tell the story; returns the exit code."""
    machines = {name: Machine(home, name, his.port, cluster.url) for name in MACHINES}
    try:
        for machine in machines.values():
            machine.start()
        story = Story(machines, his)
        story.say(f"{' and '.join(MACHINES)} run on one PostgreSQL, each with an outbox; lease {LEASE_S} s")
        with story.results_all_the_time():
            time.sleep(_PHASE_S)
            story.take_over("kill -9", signal.SIGKILL)
            story.take_over("stopped in good order", signal.SIGTERM)
        until(lambda: sum(each.filed() for each in machines.values()) == len(story.dropped), "all are filed")
        story.say("all are delivered, and filed where they were dropped")
        for machine in machines.values():
            machine.end(signal.SIGTERM)
    finally:
        for machine in machines.values():
            machine.end(signal.SIGKILL)
    lost, overtaken, again = judge(story.dropped, [each.control_id for each in his.received])
    print(f"\n  {'what happened':26}{'the HIS heard nothing for':>26}")
    for what, gap_s in story.gaps:
        print(f"  {what:26}{gap_s:24.2f} s")
    print(
        f"\n  {len(story.dropped)} results: lost {lost}, overtaken by a younger one {overtaken},"
        f" sent again with the same control id {again}"
    )
    return int(bool(lost or overtaken or again > len(story.gaps)))


def main() -> int:
    """Make the database, the HIS and the folders, tell the story, and remove them."""
    if why := missing():
        print(why, file=sys.stderr)
        return os.EX_UNAVAILABLE
    cluster = Cluster()
    try:
        with StandIn() as his, tempfile.TemporaryDirectory(prefix="lab-sender-demo-") as home:
            return tell(cluster, his, Path(home))
    finally:
        cluster.remove()


if __name__ == "__main__":
    sys.exit(main())
