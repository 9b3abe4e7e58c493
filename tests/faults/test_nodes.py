"""Several agents on one journal, one sending to a destination at a time: what their ends, and a machine or a network
that stands still, can do to results under way. Nothing is lost; first copies come in order; at most what was in
flight comes twice.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from kit.postgres import Cluster

from faults.judge import out_of_order
from faults.processes import AgentProcess, Agents, until
from faults.test_postgres import ServerSite
from faults.workload import ready
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn

LEASE_S = 3.0
_FEW = 5


class Wire:
    """The way to a server's socket, which can be made to carry nothing and to end nothing."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        folder.mkdir()
        name = f".s.PGSQL.{cluster.port}"
        self.url = cluster.url.replace(str(cluster.folder), str(folder))
        self._to = str(cluster.folder / name)
        self._passes = threading.Event()
        self._passes.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / name))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """From now on what is sent arrives nowhere."""
        self._passes.clear()

    def pass_on(self) -> None:
        """Let go on what stands."""
        self._passes.set()

    def close(self) -> None:
        self.pass_on()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, there = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
                there.connect(self._to)
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._passes.wait()
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


class Machines:
    """Machines with an outbox each, one journal, and files all the time."""

    def __init__(self, agents: Agents, folder: Path, cluster: Cluster, his: StandIn) -> None:
        self.his = his
        self.sites = [ServerSite(agents, folder / name, his.port, {}, cluster=cluster) for name in ("a", "b")]
        for site in self.sites:
            site.schema = self.sites[0].schema
        self.reach(cluster.url, cluster.url)
        self._files = 0

    def reach(self, *urls: str) -> None:
        """Say by which way each machine reaches the server."""
        for site, url in zip(self.sites, urls, strict=True):
            site.settings["more"] = (
                f"journal: {{database: '{url}', schema: {site.schema},"
                f" node: {site.folder.name}, lease: {LEASE_S:.0f}s}}"
            )

    def start(self, **tricks: int) -> tuple[AgentProcess, AgentProcess]:
        """Start both; the first one has the lane."""
        first = self.sites[0].start(**tricks)
        first.says("lane.taken", destination="his", after="")
        second = self.sites[1].start()
        second.says("agent.started")
        return first, second

    def drop(self, files: int) -> None:
        """Drop so many files into each outbox."""
        for n in range(self._files, self._files + files):
            for site in self.sites:
                name = f"{site.folder.name}{n:03}"
                site.drop(f"{name}.hl7", ready(name.upper()), order=n)
        self._files += files

    def received(self, more: int) -> None:
        """Wait until the HIS has received so many more."""
        known = len(self.his.received)
        until(lambda: len(self.his.received) >= known + more)

    def taken_over(self, agent: AgentProcess, since: float, within_s: float, what: str) -> None:
        """Wait until this agent sends, and hold it to the promise."""
        agent.says("lane.taken", destination="his")
        connection = max(each.connection for each in self.his.received if each.at <= since)
        until(lambda: self.his.received[-1].connection > connection)
        gap_s = next(each.at for each in self.his.received if each.connection > connection) - since
        print(f"{what}: the HIS hears of another machine after {gap_s:.2f} s")
        assert gap_s < within_s

    def sends(self) -> str:
        """Return the machine that sends, as the command shows it."""
        said = CliRunner().invoke(main, ["--config", str(self.sites[0].configure()), "status", "--json"])
        now = json.loads(said.output)
        assert {node["name"] for node in now["nodes"]} == {"a", "b"}
        return str(now["destinations"][0]["node"])

    def judge(self, most_twice: int) -> None:
        """See that all of it was sent, in order, and how often something came twice."""
        self.sites[0].settle(2 * self._files)
        control_ids = [each.control_id for each in self.his.received]
        once = list(dict.fromkeys(control_ids))
        assert len(once) == 2 * self._files
        assert out_of_order(self.sites[0], "his", once) == 0
        assert len(control_ids) - len(once) <= most_twice
        connections = [each.connection for each in self.his.received]
        assert connections == sorted(connections), "who was taken over from sends nothing more"
        assert self.sites[0].rows(
            "SELECT COUNT(*) FROM (SELECT message_id FROM attempt WHERE kind = 'verdict' GROUP BY message_id) v"
        ) == [(2 * self._files,)]
        for site in self.sites:
            until(lambda site=site: len(site.sent) == self._files)  # type: ignore[misc]

    def close(self) -> None:
        for site in self.sites:
            site.close()
            if site.reader is not None:
                site.reader.close()


@pytest.fixture
def machines(agents: Agents, cluster: Cluster, tmp_path: Path) -> Iterator[Machines]:
    with StandIn(rules=["late=0.02"]) as his:
        made = Machines(agents, tmp_path, cluster, his)
        yield made
        made.close()


def _ended(agents: Sequence[AgentProcess]) -> None:
    for each in agents:
        assert each.stop() == 0, each.last_words()


def test_after_a_kill_and_after_a_stop_another_one_goes_on(machines: Machines) -> None:
    first, second = machines.start()
    machines.drop(100)
    machines.received(_FEW)
    killed_at = time.time()
    first.kill()
    machines.taken_over(second, killed_at, LEASE_S + 1, "kill -9")
    assert machines.sends() == "b"
    first = machines.sites[0].start()
    first.says("agent.started")
    machines.received(_FEW)
    stopped_at = time.time()
    second.signal(signal.SIGTERM)
    machines.taken_over(first, stopped_at, 1.0, "stop")
    assert second.wait() == 0
    second = machines.sites[1].start()
    machines.judge(most_twice=1)
    _ended([first, second])


def test_a_machine_that_stood_still_writes_and_sends_nothing_more(machines: Machines) -> None:
    first, second = machines.start()
    machines.drop(40)
    machines.received(_FEW)
    frozen_at = time.time()
    first.signal(signal.SIGSTOP)
    machines.taken_over(second, frozen_at, LEASE_S + 1, "SIGSTOP")
    until(lambda: machines.sites[0].rows("SELECT COUNT(*) FROM message WHERE state <> 'acked'") == [(0,)])
    first.signal(signal.SIGCONT)
    first.says("lane.lost")
    machines.judge(most_twice=1)
    _ended([first, second])


@pytest.mark.parametrize("where", ["freezes_before_write", "freezes_in_transaction"])
def test_a_machine_that_stands_still_at_the_worst_moment(machines: Machines, where: str) -> None:
    first, second = machines.start(**{where: 20})
    machines.drop(30)
    second.says("lane.taken", after="a")
    until(lambda: machines.sites[0].rows("SELECT COUNT(*) FROM message WHERE state <> 'acked'") == [(0,)])
    first.signal(signal.SIGCONT)
    first.says("lane.lost")
    machines.judge(most_twice=where == "freezes_in_transaction")
    _ended([first, second])


def test_a_machine_cut_off_from_the_database_ends_in_time(
    machines: Machines, cluster: Cluster, tmp_path: Path
) -> None:
    wire = Wire(cluster, tmp_path / "wire")
    machines.reach(wire.url, cluster.url)
    first, second = machines.start()
    machines.drop(40)
    machines.received(_FEW)
    cut_at = time.time()
    wire.swallow()
    first.says("lane.lost")
    machines.taken_over(second, cut_at, LEASE_S + 1, "black hole")
    wire.pass_on()
    machines.judge(most_twice=1)
    _ended([first, second])
    wire.close()
