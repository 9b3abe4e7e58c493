"""A journal that cannot be trusted, cannot be written, or is of another version: nothing is sent."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.bench import Site, fill
from faults.judge import judge
from faults.processes import until
from faults.workload import report
from lab_sender.mllp.standin.server import Received, StandIn

_LEAST = 4  # files that stay in claimed/


@pytest.fixture
def killed(site: Site, his: StandIn) -> Site:
    """A site whose agent was killed while files waited; the HIS answers again."""
    his.answer_by("nth=3: nothing")
    for number in range(_LEAST + 2):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    agent = site.start()
    his.wait_for(3)
    until(lambda: len(site.sent) == 2, "what was acknowledged is filed")
    agent.kill()
    return site


def _flip(site: Site) -> None:
    """Damage every page but the first."""
    _checkpoint(site)
    data = bytearray(site.journal.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = bytes(byte ^ 0xA5 for byte in data[start : start + 64])
    site.journal.write_bytes(data)


def _truncate(site: Site) -> None:
    _checkpoint(site)
    os.truncate(site.journal, site.journal.stat().st_size // 2)


def _overwrite(site: Site) -> None:
    _checkpoint(site)
    site.journal.write_bytes(b"no journal " * 1000)


def _empty(site: Site) -> None:
    for path in site.journal_folder.iterdir():
        path.unlink()
    site.journal.touch()


def _gone(site: Site) -> None:
    for path in site.journal_folder.iterdir():
        path.unlink()


def _log_gone(site: Site) -> None:
    """The write-ahead log was deleted, and everything was in it."""
    site.journal.with_name("journal.db-wal").unlink()


@pytest.mark.parametrize("damage", [_flip, _truncate, _overwrite, _empty, _gone, _log_gone])
def test_fault_60_a_damaged_journal_is_refused(damage: Callable[[Site], None], killed: Site, his: StandIn) -> None:
    sent = len(his.received)
    damage(killed)
    before = {path: path.read_bytes() for path in killed.claimed.iterdir()}
    assert len(before) == _LEAST
    agent = killed.start()
    assert agent.wait() == 74, agent.last_words()
    assert len(his.received) == sent
    assert {path: path.read_bytes() for path in killed.claimed.iterdir()} == before


def test_fault_60_what_was_killed_is_sound(killed: Site, his: StandIn) -> None:
    """The counter-check: without damage the same site goes on."""
    agent = killed.start()
    killed.settle(_LEAST + 2)
    assert agent.stop() == 0
    assert judge(killed, his.received) == 1


def test_fault_62_a_journal_of_a_newer_version_is_refused(killed: Site, his: StandIn) -> None:
    sent = len(his.received)
    with contextlib.closing(sqlite3.connect(killed.journal)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version + 1}")
    agent = killed.start()
    assert agent.wait() == 78, agent.last_words()
    assert "journal.newer" in agent.log.read_text()
    assert len(his.received) == sent


def test_fault_59_a_journal_locked_by_another_program(site: Site, his: StandIn) -> None:
    agent = site.start(busy_timeout_s=0.1)
    agent.says("link.up")
    with contextlib.closing(sqlite3.connect(site.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        site.drop("a.json", report("A"))
        until(lambda: len(list(site.claimed.iterdir())) == 1, "the file is claimed")
        agent.says("journal.unavailable")
        assert not his.received, "nothing is sent without its row"
        other.execute("ROLLBACK")
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_59_a_journal_locked_at_the_start(site: Site, his: StandIn) -> None:
    """The agent leaves with "not now", and has touched nothing."""
    assert site.start(until_settled=0).wait() == 0
    site.drop("a.json", report("A"))
    with contextlib.closing(sqlite3.connect(site.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        agent = site.start(busy_timeout_s=0.1)
        assert agent.wait() == 75, agent.last_words()
        assert "journal.busy" in agent.log.read_text()
        assert (site.outbox / "a.json").exists()
        other.execute("ROLLBACK")
    again = site.start()
    site.settle(1)
    assert again.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_15_disk_full_when_a_file_is_to_be_spooled(
    make_site: Callable[..., Site], his: StandIn, small_disk: Path
) -> None:
    site = make_site(his.port, journal=str(small_disk / "journal"))
    agent = site.start()
    agent.says("link.up")
    ballast = fill(small_disk)
    for number in range(5):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    agent.says("journal.unavailable")
    assert not his.received, "no message leaves without its row"
    ballast.unlink()
    site.settle(5)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_16_disk_full_when_the_ack_is_to_be_recorded(make_site: Callable[..., Site], small_disk: Path) -> None:
    def fill_up(received: Received) -> None:
        if received.number == 1:
            fill(small_disk)

    with StandIn(on_message=fill_up) as his:
        site = make_site(his.port, journal=str(small_disk / "journal"))
        for number in range(4):
            site.drop(f"{number}.json", report(f"F{number}"), order=number)
        agent = site.start()
        agent.says("journal.unavailable")
        assert len(his.received) == 1, "the next one waits until the verdict is recorded"
        (small_disk / "ballast").unlink()
        site.settle(4)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0


def _checkpoint(site: Site) -> None:
    with contextlib.closing(sqlite3.connect(site.journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
