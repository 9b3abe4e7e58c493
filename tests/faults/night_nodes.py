"""Two machines on one journal through a night in minutes: kills, stops, freezes, crashes of the database, and a
network that carries nothing between one of them and the database, at random.

Two destinations with two connections each, files into both outboxes all the time. At the end the judge looks: nothing
lost, first copies in order, every file filed where it was dropped; printed is how many came twice: one for each
connection that was cut, at most. With one outbox that both share: each file taken once, in the order of the outbox.

`make night NIGHT_ARGS="ROUNDS SEED"`; without them 50 and 1. `NIGHT_ARGS="shared ROUNDS SEED"`: one outbox.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from kit.postgres import Cluster

from faults.machines import LEASE_S, Machines, Wire
from faults.night import CONNECTIONS, given, play
from faults.processes import AgentProcess, Agents
from lab_sender.mllp.standin.server import StandIn

_EACH_S = 0.05
FAULTS = ("kill", "stop", "freeze", "crash", "hole")


class Night:
    """Machines under load, and what is done to them."""

    def __init__(
        self, cluster: Cluster, agents: Agents, folder: Path, his: Mapping[str, StandIn], *, shared: bool = False
    ) -> None:
        self.cluster = cluster
        self.machines = Machines(agents, folder, cluster, his, CONNECTIONS, shared=shared)
        self.wires = [Wire(cluster, folder / f"wire-{n}") for n in range(2)]
        self.machines.reach(*(each.url for each in self.wires))
        self.agents: list[AgentProcess] = [each.start() for each in self.machines.sites]
        self.over = threading.Event()
        self._is_judged = threading.Event()

    def drop(self) -> None:
        """Drop files until the night is over."""
        while not self.over.wait(_EACH_S):
            self.machines.drop_one()

    def fault(self, name: str, chance: random.Random) -> None:
        """Let one thing happen to one of them."""
        which, lasts_s = chance.randrange(2), chance.uniform(0.2, 2 * LEASE_S)
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

    def end(self, done: Mapping[str, int]) -> str:
        """Have all of it sent and filed, and stop in good order."""
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            twice = self.machines.judge(most_twice=sum(done.values()) * len(self.machines.all) * CONNECTIONS)
        finally:
            self._is_judged.set()
            watch.join()
        for agent in self.agents:
            assert agent.stop() in (0, 75), agent.last_words()
        files = 2 * self.machines.files
        return f"{files} files, {len(self.machines.all) * files} messages: lost 0, twice {twice}"

    def close(self) -> None:
        """Close what the sites have open."""
        self.machines.close()

    def _watch(self) -> None:
        while not self._is_judged.wait(0.2):
            self.supervise()


if __name__ == "__main__":
    words = [each for each in sys.argv[1:] if each != "shared"]
    play(partial(Night, shared=len(words) < len(sys.argv[1:])), FAULTS, 3.0, *given(words, 50))
