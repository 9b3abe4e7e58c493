"""Pages of several machines, each a process: one sends the alerts; another one goes on where it is stopped, killed or
stands still. What was sent is not sent again.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.core import until
from kit.postgres import Cluster
from kit.webhook import Webhook

LEASE_S = 3.0
_SLACK_S = 2.0
"""For a machine that runs other tests beside these; how long it took is printed."""
CONFIG = """\
outbox: outbox
his: {{host: 127.0.0.1, port: 1}}
web: {{listen: 'off', start: alone}}
journal: {{database: '{url}', schema: alerts_of_several, node: {node}, lease: {lease:.0f}s}}
alerts:
  name: lab
  channels: {{hook: 'json://127.0.0.1:{port}/'}}
  conditions: {{agent.none: {{warning_after: 0s, critical_after: 0s}}}}
"""


class Page:
    """The page's process of one machine, on which no agent runs and a file waits."""

    def __init__(self, folder: Path, node: str, cluster: Cluster, port: int) -> None:
        (folder / "outbox").mkdir(parents=True)
        (folder / "outbox" / "a.hl7").write_bytes(b"MSH|")
        self._config = folder / "config.yaml"
        self._config.write_text(CONFIG.format(url=cluster.url, node=node, port=port, lease=LEASE_S))
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._told = f"SELECT COUNT(*) FROM alerts_of_several.machine WHERE node = '{node}'"
        self._cluster = cluster

    def start(self) -> Page:
        """Start it, with a log of its own, and wait until it has looked."""
        self._process = None
        with contextlib.suppress(Exception):  # no page has made the tables yet
            self._cluster.ask(self._told.replace("SELECT COUNT(*)", "DELETE"))
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "lab_sender", "--config", str(self._config), "web"]
            self._process = subprocess.Popen(command, stderr=log)
        until(self._has_told)
        return self

    def _has_told(self) -> bool:
        try:
            return bool(self._cluster.ask(self._told) == [(1,)])
        except Exception:
            return False

    def signal(self, number: int) -> float:
        """Signal it; returns when."""
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(30)
        return time.time()

    def says(self, event: str) -> None:
        """Wait until it has logged this."""
        until(lambda: event in [json.loads(line)["event"] for line in self._lines()], f"{event}: {self._lines()}")

    def _lines(self) -> list[str]:
        return [line for line in self._log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def page(cluster: Cluster, tmp_path: Path, webhook: Webhook) -> Iterator[Callable[[str], Page]]:
    cluster.ask("DROP SCHEMA IF EXISTS alerts_of_several CASCADE")
    made = list[Page]()

    def make(node: str) -> Page:
        made.append(Page(tmp_path / node, node, cluster, webhook.port))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as running:
        yield running


def _taken(other: Page, since: float, within_s: float, what: str) -> None:
    other.says("alerts.taken")
    took_s = time.time() - since
    print(f"{what}: another machine sends the alerts after {took_s:.2f} s")
    assert took_s < within_s + _SLACK_S


@pytest.mark.long
def test_another_machine_goes_on_and_repeats_nothing(page: Callable[[str], Page], webhook: Webhook) -> None:
    one, other = page("a").start(), page("b")
    until(lambda: webhook.titles)
    other.start()
    _taken(other, one.signal(signal.SIGKILL), LEASE_S + 1, "kill -9")
    one.start()
    stopped_at = time.time()
    other.signal(signal.SIGTERM)
    _taken(one, stopped_at, 1.0, "stop")
    other.start()
    _taken(other, one.signal(signal.SIGSTOP), LEASE_S + 1, "SIGSTOP")
    one.signal(signal.SIGCONT)
    one.says("alerts.lost")
    assert webhook.titles == ["[lab] CRITICAL: no agent runs and 1 message or file waits"]


