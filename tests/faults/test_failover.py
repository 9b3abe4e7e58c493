"""A standby takes over: a synchronous one has everything, an asynchronous one is noticed before it does harm."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kit.core import entry, source, states
from kit.postgres import Pair, pair

from faults.judge import judge
from faults.processes import Agents, until
from faults.test_postgres import ServerSite
from faults.workload import ready, report
from lab_sender.cli.main import main
from lab_sender.ids import new_id
from lab_sender.journal import Journal, JournalUnavailable, Mark, Server, View
from lab_sender.mllp.standin.server import StandIn

_FILES = 12


@pytest.fixture(scope="module")
def synchronous() -> Iterator[Pair]:
    made = pair()
    made.wait_for_standby()
    yield made
    made.remove()


@pytest.fixture
def asynchronous() -> Iterator[Pair]:
    made = pair()
    yield made
    made.remove()


@pytest.fixture
def make(agents: Agents, tmp_path: Path) -> Iterator[Callable[..., ServerSite]]:
    made: list[ServerSite] = []

    def one(port: int, servers: Pair) -> ServerSite:
        made.append(ServerSite(agents, tmp_path / f"site-{len(made)}", port, {}, cluster=servers))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for site in made:
        site.close()


@pytest.mark.long
def test_while_the_standby_is_away_a_commit_waits_and_a_cancelled_one_does_not_count(
    synchronous: Pair, tmp_path: Path
) -> None:
    """PostgreSQL says that it is committed, with a warning: a failover would lose it."""
    claim_id, said = new_id(), list[str]()
    mark = Mark(tmp_path / "journal.mark")
    with contextlib.closing(Journal(Server(synchronous.url, "away"))) as journal:

        def spool() -> None:
            try:
                journal.spool.spooled([source(claim_id, entry("M1"))], "his", mark)
            except JournalUnavailable as error:
                said.append(error.code)

        synchronous.standby.crash()
        waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        spooling = threading.Thread(target=spool)
        spooling.start()
        until(lambda: synchronous.primary.ask(f"SELECT COUNT(*) {waits}") == [(1,)])
        with contextlib.closing(View(Server(synchronous.url, "away"))) as view:
            assert any("no standby follows that synchronous_standby_names" in each for each in view.weaknesses())
        synchronous.primary.ask(f"SELECT pg_cancel_backend(pid) {waits}")
        spooling.join()
        assert said == ["journal.not-replicated"]
        assert mark.last == ""
        assert journal.store.trouble() is not None
        again = threading.Thread(target=spool)
        again.start()
        until(lambda: synchronous.primary.ask(f"SELECT COUNT(*) {waits}") == [(1,)])
        assert again.is_alive()
        synchronous.standby.start()
        again.join()
        assert said == ["journal.not-replicated"]
        assert states(journal) == {"M1": "spooled"}
        assert mark.last == claim_id


@pytest.mark.long
def test_a_synchronous_standby_that_takes_over_under_load_has_everything(
    make: Callable[..., ServerSite], synchronous: Pair, his: StandIn
) -> None:
    site = make(his.port, synchronous)
    agent = site.start()

    def drop() -> None:
        for number in range(2 * _FILES):
            site.drop(f"{number:04}.hl7", ready(f"M{number:04}"), order=number)

    dropping = threading.Thread(target=drop)
    dropping.start()
    until(lambda: len(his.received) > 3)
    synchronous.fail_over()
    dropping.join()
    site.settle(2 * _FILES)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == 2 * _FILES


@pytest.mark.long
def test_an_asynchronous_standby_that_lacks_results_sends_nothing_unasked(
    make: Callable[..., ServerSite], asynchronous: Pair, his: StandIn
) -> None:
    site = make(his.port, asynchronous)
    agent = site.start()
    site.drop("one.json", report("F1"))
    site.settle(1)
    run, config = CliRunner(), ["--config", str(site.configure())]
    assert "a standby follows without synchronous_standby_names" in run.invoke(main, [*config, "check"]).output
    until(asynchronous.standby.follows)
    asynchronous.standby.fall_behind()
    site.drop("two.json", report("F2"))
    site.settle(2)
    assert [each.control_id for each in his.received] == list(dict.fromkeys(each.control_id for each in his.received))
    asynchronous.fail_over()
    for each in (agent, site.start()):
        assert each.wait() == 74
        assert "journal.behind" in each.last_words()
    assert "fail  journal" in run.invoke(main, [*config, "check"]).output
    assert len(his.received) == 2
    accepted = run.invoke(main, [*config, "journal", "accept", "--why", "failover"])
    assert accepted.exit_code == 0, accepted.output
    agent = site.start()
    agent.says("agent.started")
    site.drop("three.json", report("F3"))
    until(lambda: site.rows("SELECT COUNT(*) FROM message WHERE state = 'spooled'") == [(1,)])
    assert len(his.received) == 2, "held until somebody resumes"
    assert run.invoke(main, [*config, "resume"]).exit_code == 0
    until(lambda: len(his.received) == 3)
    assert agent.stop() == 0
