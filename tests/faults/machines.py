"""Machines whose agents share a journal, and what may happen to them.

Holds: `Machines` (each with an outbox of its own, one HIS for each destination), `Wire` (a way to the database that
can be made to carry nothing).
Promises: what was dropped is judged as a whole: nothing is lost, first copies come in order, and every file is filed
where it was dropped.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from click.testing import CliRunner
from kit.postgres import Cluster

from faults.bench import To
from faults.judge import out_of_order
from faults.processes import AgentProcess, Agents, until
from faults.test_postgres import ServerSite
from faults.workload import ready
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.health import health
from lab_sender.operations.installation import Installation

LEASE_S = 3.0
_PATIENTS = 7
_SLACK_S = 2.0
"""For a machine that runs other tests beside these; how long it took is printed."""


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
                here = self._listener.accept()[0]
                there = socket.socket(socket.AF_UNIX)
                try:
                    there.connect(self._to)
                except OSError:  # the server is down
                    here.close()
                    continue
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._passes.wait()
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@dataclass
class SharingSite(ServerSite):
    """A site whose outbox is that of others too."""

    share: Path = Path()

    @property
    def outbox(self) -> Path:
        return self.share


class Machines:
    """Machines with an outbox each, or one that they share, one journal, and files all the time."""

    def __init__(
        self,
        agents: Agents,
        folder: Path,
        cluster: Cluster,
        his: Mapping[str, StandIn],
        connections: int = 1,
        *,
        shared: bool = False,
    ) -> None:
        self.all = his
        self.his = next(iter(his.values()))
        to = {name: To(each.port, connections) for name, each in his.items()}
        only = self.his.port if len(his) == connections == 1 else to
        self.shared = shared
        more = {"share": folder / "share"} if shared else {}
        make = SharingSite if shared else ServerSite
        self.sites: list[ServerSite] = [
            make(agents, folder / name, only, {}, cluster=cluster, **more) for name in ("a", "b")
        ]
        for site in self.sites:
            site.schema = self.sites[0].schema
        self.reach(cluster.url, cluster.url)
        self.backlog = str(folder / "backlog")
        self.files = 0

    def reach(self, *urls: str) -> None:
        """Say by which way each machine reaches the server."""
        for site, url in zip(self.sites, urls, strict=True):
            site.settings["more"] = (
                f"journal: {{database: '{url}', schema: {site.schema},"
                f" node: {site.folder.name}, lease: {LEASE_S:.0f}s}}"
            )

    def drop_at_once(self, files: int) -> None:
        """Drop a backlog, for a machine that was started with the trick `looks_once`."""
        self.drop(files)
        Path(self.backlog).touch()

    def start(self, **tricks: Any) -> tuple[AgentProcess, AgentProcess]:
        """Start both; the first one has the lane."""
        first = self.sites[0].start(**tricks)
        first.says("intake.taken" if self.shared else "lane.taken", after="")
        first.says("lane.taken", destination="his", after="")
        second = self.sites[1].start()
        second.says("agent.started")
        return first, second

    def drop(self, files: int) -> None:
        """Drop so many files into each outbox."""
        for _ in range(files):
            self.drop_one()

    def drop_one(self) -> None:
        """Drop a file into each outbox; each patient has several."""
        n = self.files
        for site in self.sites:
            name = f"{site.folder.name}{n:05}"
            site.drop(f"{name}.hl7", ready(name.upper(), patient=f"{site.folder.name}{n % _PATIENTS}"), order=n)
        self.files += 1

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
        assert gap_s < within_s + _SLACK_S

    def sends(self) -> str:
        """Return the machine that sends, as the command shows it."""
        status = ["--config", str(self.sites[0].configure()), "status"]
        now = json.loads(CliRunner().invoke(main, [*status, "--json"]).output)
        until(lambda: "a (this one): away" in CliRunner().invoke(main, status).output)
        assert {node["name"] for node in now["nodes"]} == {"a", "b"}
        return str(now["destinations"][0]["node"])

    def receives(self) -> str | None:
        """Return the machine that takes in, as `status` has it and `check` says it."""
        config = ["--config", str(self.sites[1].configure())]

        def box_now() -> dict[str, Any]:
            (box,) = json.loads(CliRunner().invoke(main, [*config, "status", "--json"]).output)["outboxes"]
            return cast(dict[str, Any], box)

        until(lambda: box_now()["shared"])  # both have made known that they have it
        box = box_now()
        said = CliRunner().invoke(main, [*config, "status"]).output
        assert f"received by {box['node']}" in said
        assert f"{box['node']}: sends to his, receives from {box['folder']}" in said
        checked = CliRunner().invoke(main, [*config, "check"]).output
        assert f"is shared: a has worked there too; {box['node']} receives now" in checked
        metric = f'lab_sender_intake_owner{{outbox="{box["folder"]}",node="{box["node"]}"}} 1'
        assert metric in CliRunner().invoke(main, [*config, "metrics"]).output
        return str(box["node"])

    def leads(self) -> list[str]:
        """Return the machines that `/leader` of the page names."""
        sites = [(site.folder.name, Installation(site.configure())) for site in self.sites]
        return [name for name, installation in sites if health(installation).leads]

    def judge(self, most_twice: int) -> int:
        """See that all of it was sent, in order, and return how often something came twice."""
        self.sites[0].settle(2 * self.files)
        twice = 0
        for name, his in self.all.items():
            control_ids = [each.control_id for each in his.received]
            once = list(dict.fromkeys(control_ids))
            assert len(once) == 2 * self.files, "each came"
            assert out_of_order(self.sites[0], name, his.received) == 0, "first copies in order"
            twice += len(control_ids) - len(once)
        assert twice <= most_twice
        verdicts = "SELECT message_id FROM attempt WHERE kind = 'verdict' GROUP BY message_id"
        ((known,),) = self.sites[0].rows(f"SELECT COUNT(*) FROM ({verdicts}) v")
        assert known == len(self.all) * 2 * self.files
        for site in self.sites:
            until(lambda site=site: len(site.sent) == self.files * (1 + self.shared))  # type: ignore[misc]
        if self.shared:
            self._judge_shared()
        return twice

    def _judge_shared(self) -> None:
        """See that each file was taken once, in the order of the outbox, and that nothing else lies anywhere."""
        taken = "SELECT f.name FROM source s JOIN file f ON f.source_id = s.id ORDER BY s.id"
        names = [f"{letter}{n:05}.hl7" for n in range(self.files) for letter in "ab"]
        came = [name for (name,) in self.sites[0].rows(taken)]
        first = next((n for n, (one, other) in enumerate(zip(came, names, strict=False)) if one != other), len(names))
        assert (len(came), first) == (len(names), len(names)), f"once, in order: {came[first : first + 9]} are next"
        dropped = {name: data for site in self.sites for name, (data,) in site.dropped.items()}
        assert self.sites[0].sent == dropped
        share = self.sites[0].outbox
        left = (*share.glob("[!.]*"), *share.glob(".lab-sender/nodes/*/claimed/*"))
        assert not [each for each in left if each.is_file()]

    def one_after_the_other(self) -> None:
        """See that who was taken over from has sent nothing more."""
        connections = [each.connection for each in self.his.received]
        assert connections == sorted(connections)

    def close(self) -> None:
        for site in self.sites:
            site.close()
