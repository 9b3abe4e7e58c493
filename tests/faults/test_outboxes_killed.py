"""kill -9 of an agent with two outboxes and two destinations: everything is delivered, in order, and filed where it
came from."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kit.core import report

from faults.bench import gathered
from faults.processes import Agents, until
from lab_sender.mllp.standin.server import StandIn

_serial = itertools.count()
CONFIG = """\
outboxes: [{{folder: one}}, {{folder: two}}]
destinations:
  a: {{host: 127.0.0.1, port: {a}, retry: {{first_wait: 10ms, longest_wait: 20ms}}}}
  b: {{host: 127.0.0.1, port: {b}, retry: {{first_wait: 10ms, longest_wait: 20ms}}}}
intake: {{poll: 50ms, settle: 20ms}}
folders: {{journal: journal}}
log: {{format: json, level: debug}}
"""


class Town:
    """Two outboxes, two destinations, and agents one after the other."""

    def __init__(self, agents: Agents, folder: Path, a: StandIn, b: StandIn) -> None:
        self._agents, self.folder = agents, folder
        for name in ("one", "two"):
            (folder / name).mkdir()
        self._config = folder / "config.yaml"
        self._config.write_text(CONFIG.format(a=a.port, b=b.port))

    def start(self, **tricks: Any) -> Any:
        log = gathered() / f"agent-outboxes-{os.getpid()}-{next(_serial)}.log"
        log.touch()
        return self._agents.start(self._config, log, tricks)

    def drop(self, outbox: str, name: str, data: bytes, order: int) -> None:
        part = self.folder / ".part"
        part.write_bytes(data)
        os.utime(part, ns=(10**18 + order * 10**9,) * 2)
        os.rename(part, self.folder / outbox / name)

    def sent(self, outbox: str) -> list[str]:
        return sorted(path.name for path in (self.folder / outbox / "sent").glob("????-??-??/[!.]*"))

    def states(self) -> Counter[tuple[str, str]]:
        uri = f"{(self.folder / 'journal' / 'journal.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            return Counter(db.execute("SELECT destination, state FROM message").fetchall())


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("SpoolBook.spooled", "before"),
        ("SpoolBook.spooled", "after"),
        ("DeliveryBook.acked", "after"),
        ("files.rename in Delivered.file", "after"),
        ("files.rename in Delivered.file", "before"),
        ("files.sync_folder", "before"),
    ],
)
def test_killed_with_two_outboxes_and_destinations(
    agents: Agents, tmp_path: Path, call: str, when: str, nth: int
) -> None:
    with StandIn() as a, StandIn() as b:
        town = Town(agents, tmp_path, a, b)
        names = {}
        for outbox in ("one", "two"):
            names[outbox] = [f"{outbox}-{number}.json" for number in range(4)]
            for number, name in enumerate(names[outbox]):
                town.drop(outbox, name, report(f"{outbox}{number}"), number)
        call, _, within = call.partition(" in ")
        place = {"call": call, "when": when, "nth": nth} | ({"within": within} if within else {})
        assert town.start(killed=place).wait() == 137
        agent = town.start()
        until(lambda: [town.sent(each) for each in names] == list(names.values()), "all files in sent/")
        agent.stop()
        assert town.states() == {("a", "acked"): 8, ("b", "acked"): 8}
        for his in (a, b):
            first = list(dict.fromkeys(each.body.partition(b"^LAB")[0].rpartition(b"|")[2] for each in his.received))
            for outbox in names:
                own = [each.decode() for each in first if each.startswith(outbox.encode())]
                assert own == [f"{outbox}{number}" for number in range(4)], "first arrivals, in order"
            assert his.count <= 8 + 1, "at most one twice"
        for outbox in names:
            assert not list((tmp_path / outbox / ".lab-sender" / "claimed").iterdir())
