"""An agent on PostgreSQL through a night in minutes: kills, crashes of the server, freezes and restarts at random.

Two destinations with two connections each, files all the time. At the end the judge looks: nothing lost, first copies
in order, no copy without a try before it; printed is how many came twice: one a connection for each kill, at most.

`PYTHONPATH=.:tests python -m faults.night_postgres [ROUNDS [SEED]]`, from the project's folder.
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

from faults.bench import To
from faults.judge import judge
from faults.processes import Agents
from faults.test_postgres import ServerSite
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_CONNECTIONS = 2
_EACH_S = 0.02
_PATIENTS = 7


class Night:
    """A site under load, and what is done to it."""

    def __init__(self, cluster: Cluster, agents: Agents, ports: dict[str, int]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="lab-sender-night-"))
        to = {name: To(port, _CONNECTIONS) for name, port in ports.items()}
        self.site = ServerSite(agents, folder, to, cluster=cluster)
        self.cluster = cluster
        self.files = 0
        self.agent = self.site.start()
        self.pause = threading.Event()

    def drop(self) -> None:
        """Drop files until the night is over."""
        while not self.pause.wait(_EACH_S):
            body = ready(f"M{self.files:06}", patient=str(self.files % _PATIENTS))
            self.site.drop(f"{self.files:06}.hl7", body, order=self.files)
            self.files += 1

    def fault(self, name: str, lasts_s: float) -> None:
        """Let one thing happen."""
        if name == "crash":
            self.cluster.crash()
            self.pause.wait(lasts_s)
            self.cluster.start()
        elif name == "freeze":
            self.agent.signal(signal.SIGSTOP)
            self.pause.wait(lasts_s)
            self.agent.signal(signal.SIGCONT)
        elif name == "kill":
            self.agent.kill()
        else:
            self.end()
        self.supervise()

    def supervise(self) -> None:
        """Start it again where it has ended, as its service does: at its start it does not wait for the server."""
        if not self.agent.runs:
            self.agent = self.site.start()

    def end(self) -> None:
        """Stop the agent in good order."""
        assert self.agent.stop() in (0, 75), self.agent.last_words()


def play(rounds: int, seed: int) -> None:
    """Play so many faults, then judge and print."""
    chance, done, agents = random.Random(seed), Counter[str](), Agents()
    os.environ.setdefault("LAB_SENDER_TEST_LOGS", tempfile.mkdtemp(prefix="lab-sender-night-"))
    cluster = Cluster()
    try:
        with StandIn() as one, StandIn() as other:
            his = {"one": one, "other": other}
            night = Night(cluster, agents, {name: each.port for name, each in his.items()})
            dropping = threading.Thread(target=night.drop)
            dropping.start()
            for _ in range(rounds):
                night.pause.wait(chance.uniform(0.5, 2.0))
                fault = chance.choice(("kill", "crash", "freeze", "restart"))
                done[fault] += 1
                night.fault(fault, chance.uniform(0.2, 1.0))
            night.pause.set()
            dropping.join()
            night.supervise()
            night.site.settle(night.files)
            night.end()
            twice = judge(night.site, {name: each.received for name, each in his.items()})
            assert twice <= done["kill"] * len(his) * _CONNECTIONS
            ((verdicts,),) = night.site.rows("SELECT COUNT(*) FROM attempt WHERE kind = 'verdict'")
            assert verdicts == len(his) * night.files
            faults = ", ".join(f"{name} {number}" for name, number in sorted(done.items()))
            print(f"seed {seed}: {faults}; {night.files} files, {verdicts} messages: lost 0, twice {twice}")
            night.site.close()
    finally:
        agents.close()
        cluster.remove()


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    play(*(given + [20, 1][len(given) :]))
