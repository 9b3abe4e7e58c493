"""An agent on PostgreSQL through a night in minutes: kills, crashes of the server, freezes and restarts at random.

Two destinations with two connections each, files all the time. At the end the judge looks: nothing lost, first copies
in order, no copy without a try before it; printed is how many came twice: one a connection for each kill, at most.

`PYTHONPATH=.:tests python -m faults.night_postgres [ROUNDS [SEED]]`, from the project's folder.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from kit.postgres import Cluster

from faults.bench import To
from faults.judge import judge
from faults.night import CONNECTIONS, given, play
from faults.processes import Agents
from faults.test_postgres import ServerSite
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_EACH_S = 0.02
_PATIENTS = 7
FAULTS = ("kill", "crash", "freeze", "restart")


class Night:
    """A site under load, and what is done to it."""

    def __init__(self, cluster: Cluster, agents: Agents, folder: Path, his: Mapping[str, StandIn]) -> None:
        self.his = his
        to = {name: To(each.port, CONNECTIONS) for name, each in his.items()}
        self.site = ServerSite(agents, folder, to, cluster=cluster)
        self.cluster = cluster
        self.files = 0
        self.agent = self.site.start()
        self.over = threading.Event()

    def drop(self) -> None:
        """Drop files until the night is over."""
        while not self.over.wait(_EACH_S):
            body = ready(f"M{self.files:06}", patient=str(self.files % _PATIENTS))
            self.site.drop(f"{self.files:06}.hl7", body, order=self.files)
            self.files += 1

    def fault(self, name: str, chance: random.Random) -> None:
        """Let one thing happen."""
        lasts_s = chance.uniform(0.2, 1.0)
        if name == "crash":
            self.cluster.crash()
            self.over.wait(lasts_s)
            self.cluster.start()
        elif name == "freeze":
            self.agent.signal(signal.SIGSTOP)
            self.over.wait(lasts_s)
            self.agent.signal(signal.SIGCONT)
        elif name == "kill":
            self.agent.kill()
        else:
            self._stop()
        self.supervise()

    def supervise(self) -> None:
        """Start it again where it has ended, as its service does: at its start it does not wait for the server."""
        if not self.agent.runs:
            self.agent = self.site.start()

    def end(self, done: Mapping[str, int]) -> str:
        """Have all of it sent, and stop in good order."""
        self.supervise()
        self.site.settle(self.files)
        self._stop()
        twice = judge(self.site, {name: each.received for name, each in self.his.items()})
        assert twice <= done.get("kill", 0) * len(self.his) * CONNECTIONS
        ((verdicts,),) = self.site.rows("SELECT COUNT(*) FROM attempt WHERE kind = 'verdict'")
        assert verdicts == len(self.his) * self.files
        return f"{self.files} files, {verdicts} messages: lost 0, twice {twice}"

    def close(self) -> None:
        """Close what the site has open."""
        self.site.close()

    def _stop(self) -> None:
        assert self.agent.stop() in (0, 75), self.agent.last_words()


if __name__ == "__main__":
    play(Night, FAULTS, 2.0, *given(sys.argv[1:], 20))
