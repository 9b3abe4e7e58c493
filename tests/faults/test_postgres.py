"""A whole agent whose journal is on PostgreSQL: what a server that crashes, an agent that is killed and a second one
can do to results under way. Nothing is lost; nothing comes twice but what was in flight when the agent was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kit.postgres import Cluster, missing

from faults.bench import Site
from faults.judge import judge
from faults.processes import Agents, until
from faults.workload import ready, report, unreadable
from lab_sender.api import LabSender
from lab_sender.cli.main import main
from lab_sender.journal import Journal, Server
from lab_sender.journal.database import Reader
from lab_sender.journal.opening import open_reader
from lab_sender.mllp.standin.server import StandIn

_schemas = itertools.count()
_FILES = 15
_IN_POSTGRES = {
    "GROUP_CONCAT(DISTINCT o.order_key)": "string_agg(DISTINCT o.order_key, ',')",
    "COALESCE(SUM(folder = 'claimed'), 0)": "COUNT(*) FILTER (WHERE folder = 'claimed')",
}
"""What the bench asks in SQLite's words."""


@dataclass
class ServerSite(Site):
    """A site whose journal is on a server."""

    cluster: Cluster | None = None
    reader: Reader | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.schema = f"site_{next(_schemas)}"
        database = f"journal: {{database: '{self.cluster.url}', schema: {self.schema}}}"  # type: ignore[union-attr]
        self.settings.setdefault("more", database)

    @property
    def address(self) -> Server:
        return Server(self.cluster.url, self.schema)  # type: ignore[union-attr]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal, as others see it."""
        if query.startswith("PRAGMA"):
            return [("ok",)]
        for old, new in _IN_POSTGRES.items():
            query = query.replace(old, new)
        if self.reader is None:
            self.reader = open_reader(self.address)
        if self.reader.schema_version() == 0:
            raise sqlite3.OperationalError("no journal yet")
        return self.reader.rows(query, values)

    def asking(self) -> contextlib.AbstractContextManager[Callable[[str], list[tuple[Any, ...]]]]:
        return contextlib.nullcontext(self.rows)

    @contextlib.contextmanager
    def operator(self) -> Iterator[Any]:
        with contextlib.closing(Journal(self.address, who="a test")) as journal:
            yield journal.operator

    def close(self) -> None:
        """End what runs, and the connection that has asked."""
        super().close()
        if self.reader is not None:
            self.reader.close()


@pytest.fixture(scope="module")
def crashing() -> Iterator[Cluster]:
    """A server that may be crashed: the others' is left alone. What it has flushed, it keeps."""
    if why := missing():
        pytest.skip(why)
    cluster = Cluster(settings=("restart_after_crash=off",))
    yield cluster
    cluster.remove()


@pytest.fixture
def make(agents: Agents, crashing: Cluster, tmp_path: Path) -> Iterator[Callable[..., ServerSite]]:
    made: list[ServerSite] = []

    def one(port: int, **settings: str) -> ServerSite:
        made.append(ServerSite(agents, tmp_path / f"site-{len(made)}", port, settings, cluster=crashing))
        return made[-1]

    yield one
    for site in made:
        site.close()


def _drop(site: Site, first: int, number: int) -> None:
    for each in range(first, first + number):
        site.drop(f"{each:04}.hl7", ready(f"M{each:04}"), order=each)


@pytest.mark.long
def test_a_server_that_crashes_under_load_is_waited_for(make: Callable[..., ServerSite], his: StandIn) -> None:
    site = make(his.port)
    agent = site.start()
    for crash in range(2):
        dropping = threading.Thread(target=_drop, args=(site, crash * _FILES, _FILES))
        dropping.start()
        until(lambda crash=crash: len(his.received) > crash * _FILES + 3)  # type: ignore[misc]
        site.cluster.crash()  # type: ignore[union-attr]
        dropping.join()
        agent.says("journal.unavailable", code="journal.unreachable")
        site.cluster.start()  # type: ignore[union-attr]
    site.settle(2 * _FILES)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0, "nothing comes twice: a verdict that had come is kept"
    assert len(his.received) == 2 * _FILES
    assert site.rows("SELECT COUNT(*) FROM attempt WHERE kind = 'verdict'") == [(2 * _FILES,)]


def test_a_killed_agent_sends_nothing_twice_but_what_was_in_flight(
    make: Callable[..., ServerSite], his: StandIn
) -> None:
    site = make(his.port)
    for kill in range(2):
        agent = site.start()
        _drop(site, kill * _FILES, _FILES)
        until(lambda kill=kill: len(his.received) > kill * _FILES + 5)  # type: ignore[misc]
        agent.kill()
    agent = site.start()
    site.settle(2 * _FILES)
    assert agent.stop() == 0
    assert judge(site, his.received) <= 2


def test_commands_work_beside_the_agent(make: Callable[..., ServerSite], his: StandIn) -> None:
    site = make(his.port)
    site.drop("bad.json", unreadable())
    site.drop("one.json", report("F1"))
    agent = site.start()
    site.settle(2)
    run = CliRunner()
    config = ["--config", str(site.configure())]

    def said(*words: str) -> str:
        result = run.invoke(main, [*config, *words])
        assert result.exit_code in ((0, 1) if words[0] in ("check", "status") else (0,)), result.output
        return result.output

    assert "postgresql://" in said("check")
    assert "delivered" in said("status")
    assert "one.json" in said("list")
    assert "one.json" in said("list", "--order", "F1")
    assert "bad.json" in said("list", "--quarantined")
    said("hold", "--why", "a test")
    site.drop("two.json", report("F2"))
    until(lambda: site.rows("SELECT COUNT(*) FROM message WHERE state = 'spooled'") == [(1,)])
    said("resume")
    site.settle(3)
    receipt = LabSender(site.configure()).receipt("one.json", report("F1"))
    assert receipt.wait(0).outcome == "delivered"
    assert "postgresql" not in receipt.journal
    backup = run.invoke(main, [*config, "journal", "backup", str(site.folder / "copy.db")])
    assert "journal.on-server" in backup.output
    assert backup.exit_code != 0
    assert agent.stop() == 0
    assert len(his.received) == 2


def test_a_newer_version_adds_to_the_tables_under_an_agent_that_works(
    make: Callable[..., ServerSite], his: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one machine's upgrade does while another one sends. What the older one must not know ends it."""
    from lab_sender.journal.postgres import steps
    from lab_sender.journal.postgres.steps import Step

    def bring_up(sql: str, readable_by: int) -> None:
        monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, Step(steps.known() + 1, readable_by, sql)))
        Journal(site.address).close()

    site = make(his.port)
    agent, first = site.start(), steps.known()
    dropping = threading.Thread(target=_drop, args=(site, 0, 2 * _FILES))
    dropping.start()
    until(lambda: len(his.received) > 3)
    columns = "ADD new_one BIGINT NOT NULL DEFAULT 0, ADD new_two TEXT"
    for table in ("message", "file", "attempt", "wire", "message_order", "event"):
        bring_up(f"ALTER TABLE {table} {columns}", first)
    dropping.join()
    site.settle(2 * _FILES)
    assert judge(site, his.received) == 0
    assert len(his.received) == 2 * _FILES
    bring_up("CREATE INDEX file_new ON file(new_one)", first + 7)
    _drop(site, 2 * _FILES, 1)  # it sees that by its next transaction, and may have none to make
    assert agent.wait() == 78
    assert "journal.newer" in agent.last_words()
    assert len(his.received) == 2 * _FILES


def test_one_agent_works_on_a_journal(make: Callable[..., ServerSite], his: StandIn) -> None:
    site, other = make(his.port), make(his.port)
    other.settings["more"] = site.settings["more"]
    agent = site.start()
    agent.says("agent.started")
    assert other.start().wait() == 75
    assert "journal.taken" in other.running[-1].last_words()
    assert agent.stop() == 0


def test_commands_say_so_while_the_server_is_away(make: Callable[..., ServerSite], his: StandIn) -> None:
    site = make(his.port, more="journal: {database: 'postgresql:///lab?host=/nowhere'}")
    run = CliRunner()
    config = ["--config", str(site.configure())]
    for words, code in ((["status"], 3), (["list"], 75), (["hold", "--why", "x"], 75), (["run"], 75)):
        said = run.invoke(main, [*config, *words])
        assert (said.exit_code, "journal.unreachable" in said.output) == (code, True), words
    checked = run.invoke(main, [*config, "check"])
    assert checked.exit_code == 1
    assert "fail  journal" in checked.output, "with all that does not need the journal"
    assert f"127.0.0.1:{his.port}" in checked.output
