"""What a long history costs: journals of many past messages beside an empty one.

Measured, the quietest of several runs: from the start of an agent to its first message at the HIS, after a clean end
and after kill -9; the largest gap between two messages at the HIS, without and after acts of another process
(release, dismiss, hold and resume); `status`, `show`, and `list` by each thing that a person knows, as commands;
searches without an index. Ends with 1 where one takes more above the empty journal, or above the run without acts,
than it may.

`python benchmarks/grown.py [--messages 100000,1000000] [--runs 5]`; a million messages take a gigabyte.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import rig
from latency import Listener

from lab_sender.config.destinations import SHORT_FORM
from lab_sender.journal import Journal, View

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kit.grown import grow

START_MS, GAP_MS, COMMAND_MS = 150.0, 100.0, 100.0
"""How much more than with an empty journal, or than without an act, it may be."""
COMMANDS = (
    "status", "show id:1", "show control:0ZZ00000000000000500", "list", "list --quarantined",
    "list --state delivered",
    "list --tries 2", "list --tries 3",
    "list --order F000007919", "list --patient P77", "list --ward W5", "list --file r00007919.json",
    "list --file r0000791*", "list --since 2h", "list --until 50d --since 51d", "list --quarantined --code refused",
)  # fmt: skip
"""What must not take longer because the journal has grown: each finds its rows by an index, or by time."""
SEARCHES = (
    "list --file *qq*", "list --file *qq* --since 365d", "list --contains qqqq", "list --contains qqqq --since 365d",
    "list --code nothing --since 365d", "list --contains qqqq --file *99*",
)  # fmt: skip
"""What no index finds: it looks for a short time, and says how far it came."""
SEARCH_MS = 1000.0
_FILES_PER_S = 50
_RUN_S = 12.0
_AFTER_S = 1.5
"""Within this time an act's effect on the lane is over, or it is none of its doing."""


class Site:
    """One outbox with its journal; files get numbers of their own."""

    def __init__(self, folder: Path, messages: int, body_bytes: int) -> None:
        self.folder = folder
        self.outbox = folder / "outbox"
        work = self.outbox / ".lab-sender"
        work.mkdir(parents=True, mode=0o700)
        (work / "claimed").mkdir(mode=0o700)
        self.journal = work / "journal.db"
        self._number = 500_000_000
        if messages:
            grow(self.journal, messages, body_bytes=body_bytes, troubles=200)

    def drop(self, age_s: float = 0.0) -> bytes:
        """Rename a file, of this age, into the outbox; returns its control id."""
        self._number += 1
        rig.drop(self.folder, f"{self._number}.hl7", rig.ready_message(self._number), age_s)
        return b"B%09d" % self._number

    @contextlib.contextmanager
    def agent(self, his: Listener) -> Iterator[subprocess.Popen[bytes]]:
        """Run an agent; at the end of the block it has ended, one way or the other."""
        config = rig.write_config(self.folder, his.port)
        with open(self.folder / "agent.log", "ab") as log:
            agent = subprocess.Popen([*_PROGRAM, "--config", str(config), "run"], stderr=log)
        try:
            yield agent
            agent.send_signal(signal.SIGTERM)
            agent.wait(120)
        finally:
            agent.kill()
            agent.wait()

    def command(self, *words: str) -> float:
        """Return how long a command takes, in ms."""
        config = str(self.folder / "config.yaml")
        begun_s = time.perf_counter()
        subprocess.run([*_PROGRAM, "--config", config, *words], stdout=subprocess.DEVNULL, check=False)
        return (time.perf_counter() - begun_s) * 1000

    def quarantined(self) -> Iterator[int]:
        """Name messages in quarantine."""
        view = View(self.journal)
        try:
            yield from [line.message_id or 0 for line in view.lines(states=["quarantined"], limit=200)]
        finally:
            view.close()


_PROGRAM = (sys.executable, "-m", "lab_sender")


def start_ms(site: Site, *, after_kill: bool) -> float:
    """Return the time from the start of the process until a waiting file is at the HIS."""
    his = Listener()
    if after_kill:
        with site.agent(his) as agent:
            his.arrival_s(site.drop())
            agent.kill()
            agent.wait()
    dropped = site.drop(age_s=3600.0)
    begun_s = time.perf_counter()
    with site.agent(his):
        return (his.arrival_s(dropped) - begun_s) * 1000


def gaps_ms(site: Site, acts: dict[str, Callable[[Journal], float]]) -> dict[str, float]:
    """Return the largest gap between arrivals of a steady stream: over all the run, and after each act.

    An act returns since when the lane may send again.
    """
    his = Listener()
    over = threading.Event()

    def stream() -> None:
        while not over.wait(1 / _FILES_PER_S):
            site.drop()

    after: dict[str, list[float]] = {}
    with site.agent(his):
        his.arrival_s(site.drop())
        dropping = threading.Thread(target=stream)
        dropping.start()
        over.wait(2.0)
        begun_s = time.perf_counter()
        for name, act in acts.items():
            for _ in range(2):
                journal = Journal(site.journal, who="benchmark")
                after.setdefault(name, []).append(act(journal))
                journal.close()
                over.wait(_AFTER_S)
        over.wait(max(0.0, begun_s + _RUN_S - time.perf_counter()))
        ended_s = time.perf_counter()
        over.set()
        dropping.join()
    arrivals = sorted(each for each in his.arrivals_s() if begun_s <= each <= ended_s)
    if not acts:
        return {"no act": _largest_ms(arrivals, begun_s, ended_s)}
    return {name: max(_largest_ms(arrivals, at_s, at_s + _AFTER_S) for at_s in ats) for name, ats in after.items()}


def _largest_ms(arrivals_s: list[float], from_s: float, to_s: float) -> float:
    """Return the largest gap between two of these instants: a stream that has dried up is one, too."""
    instants_s = [from_s, *(each for each in arrivals_s if from_s < each < to_s), to_s]
    return max(after - before for before, after in itertools.pairwise(instants_s)) * 1000


def acts_on(site: Site) -> dict[str, Callable[[Journal], float]]:
    """What operators do, each as a function that returns since when the lane may send again."""
    ids = iter(list(site.quarantined()))

    def release(journal: Journal) -> float:
        journal.operator.release(next(ids), force=True)
        return time.perf_counter()

    def dismiss(journal: Journal) -> float:
        journal.operator.dismiss(next(ids), "benchmark")
        return time.perf_counter()

    def hold_and_resume(journal: Journal) -> float:
        journal.operator.hold(SHORT_FORM, "benchmark")
        time.sleep(0.5)
        journal.operator.resume(SHORT_FORM)
        return time.perf_counter()

    return {"release": release, "dismiss": dismiss, "hold and resume": hold_and_resume}


def quietest(runs: int, measured: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return the run whose sum is the smallest: on a machine that others use too, the rest is theirs."""
    return min((measured() for _ in range(runs)), key=lambda figures: sum(figures.values()))


def measure(empty: Site, grown: Site, runs: int) -> Iterator[tuple[str, float, float, float]]:
    """Yield what is measured, its figure, what it is compared with, and how much more it may be; both in turn."""
    for after_kill, name in ((False, "start, clean"), (True, "start, after kill -9")):
        pairs = [[start_ms(site, after_kill=after_kill) for site in (empty, grown)] for _ in range(runs)]
        yield name, min(grown for _, grown in pairs), min(empty for empty, _ in pairs), START_MS
    without = quietest(3, lambda: gaps_ms(grown, {}))["no act"]
    acts = acts_on(grown)
    for name, gap in quietest(3, lambda: gaps_ms(grown, acts)).items():
        yield f"largest gap after {name}", gap, without, GAP_MS
    his, others = Listener(), Listener()
    with empty.agent(others), grown.agent(his):
        others.arrival_s(empty.drop())
        his.arrival_s(grown.drop())
        for words in COMMANDS:
            pairs = [[site.command(*words.split()) for site in (empty, grown)] for _ in range(3 * runs)]
            yield words, min(grown for _, grown in pairs), min(empty for empty, _ in pairs), COMMAND_MS
        for words in SEARCHES:
            yield words, min(grown.command(*words.split()) for _ in range(runs)), 0.0, SEARCH_MS


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", default="100000", help="past messages, with commas between")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--body", type=int, default=300, help="bytes of a past message")
    options = parser.parse_args()
    failed = False
    for count in [int(each) for each in options.messages.split(",")]:
        with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
            empty = Site(Path(name) / "empty", 0, options.body)
            grown = Site(Path(name) / "grown", count, options.body)
            mib = grown.journal.stat().st_size / 2**20
            print(f"{count:,} past messages, {mib:.0f} MiB ({rig.machine()})", flush=True)
            print(f"  {'in ms':34}{'here':>8}{'beside':>8}{'more':>8}{'allowed':>9}")
            for what, here, beside, most in measure(empty, grown, options.runs):
                much = here - beside > most
                failed |= much
                verdict = "TOO MUCH" if much else "ok"
                figures = f"{here:8.0f}{beside:8.0f}{here - beside:+8.0f}{most:+9.0f}"
                print(f"  {what:34}{figures}  {verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
