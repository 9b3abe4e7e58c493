"""Two machines on one journal through a night in minutes: kills, stops, freezes, crashes of the database, and a
network that carries nothing between one of them and the database, at random.

Two destinations with two connections each, files into both outboxes all the time. At the end the judge looks: nothing
lost, first copies in order, every file filed where it was dropped; printed is how many came twice: one for each
connection that was cut, at most.

`make night NIGHT_ARGS="ROUNDS SEED"`; without them 50 and 1.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from kit.postgres import Cluster

from faults.machines import LEASE_S, Machines, Wire
from faults.processes import AgentProcess, Agents
from lab_sender.mllp.standin.server import StandIn

_CONNECTIONS = 2
_EACH_S = 0.05
FAULTS = ("kill", "stop", "freeze", "crash", "hole")


class Night:
    """Machines under load, and what is done to them."""

    def __init__(self, cluster: Cluster, agents: Agents, folder: Path, his: dict[str, StandIn]) -> None:
        self.cluster = cluster
        self.machines = Machines(agents, folder, cluster, his, _CONNECTIONS)
        self.wires = [Wire(cluster, folder / f"wire-{n}") for n in range(2)]
        self.machines.reach(*(each.url for each in self.wires))
        self.agents: list[AgentProcess] = [each.start() for each in self.machines.sites]
        self.over = threading.Event()

    def drop(self) -> None:
        """Drop files until the night is over."""
        while not self.over.wait(_EACH_S):
            self.machines.drop_one()

    def fault(self, name: str, which: int, lasts_s: float) -> None:
        """Let one thing happen."""
        agent = self.agents[which]
        if name == "crash":
            self.cluster.crash()
            self.over.wait(min(lasts_s, 1.0))
            self.cluster.start()
        elif name == "freeze":
            agent.signal(signal.SIGSTOP)
            self.over.wait(lasts_s)
            agent.signal(signal.SIGCONT)
        elif name == "hole":
            self.wires[which].swallow()
            self.over.wait(lasts_s)
            self.wires[which].pass_on()
        elif name == "kill":
            agent.kill()
            self.over.wait(lasts_s)
        else:
            agent.signal(signal.SIGTERM)
        self.supervise()

    def supervise(self) -> None:
        """Start what has ended, as its service does: at its start an agent does not wait for the server."""
        for which, agent in enumerate(self.agents):
            if not agent.runs:
                self.agents[which] = self.machines.sites[which].start()

    def end(self) -> None:
        """Let all that was dropped come to its end, and stop in good order."""
        self.over.set()
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            self.twice = self.machines.judge(most_twice=1 << 30)
        finally:
            self.is_judged = True
            watch.join()
        for agent in self.agents:
            assert agent.stop() in (0, 75), agent.last_words()

    is_judged = False
    twice = 0

    def _watch(self) -> None:
        while not self.is_judged:
            self.supervise()
            threading.Event().wait(0.2)


def play(rounds: int, seed: int) -> None:
    """Play so many faults, then judge and print."""
    chance, done, agents = random.Random(seed), Counter[str](), Agents()
    os.environ.setdefault("LAB_SENDER_TEST_LOGS", tempfile.mkdtemp(prefix="lab-sender-night-"))
    cluster = Cluster()
    try:
        with StandIn() as one, StandIn() as other:
            his = {"one": one, "other": other}
            night = Night(cluster, agents, Path(tempfile.mkdtemp(prefix="lab-sender-night-")), his)
            dropping = threading.Thread(target=night.drop)
            dropping.start()
            for _ in range(rounds):
                night.over.wait(chance.uniform(0.5, 3.0))
                fault = chance.choice(FAULTS)
                done[fault] += 1
                night.fault(fault, chance.randrange(2), chance.uniform(0.2, 2 * LEASE_S))
            night.over.set()
            dropping.join()
            night.end()
            most = rounds * len(his) * _CONNECTIONS
            faults = ", ".join(f"{name} {number}" for name, number in sorted(done.items()))
            files = 2 * night.machines.files
            print(f"seed {seed}: {faults}; {files} files, {2 * files} messages: lost 0, twice {night.twice}")
            assert night.twice <= most
            night.machines.close()
    finally:
        agents.close()
        cluster.remove()


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    play(*(given + [50, 1][len(given) :]))
