"""The machine, the configuration, and what an operator changes.

Faults 22, 62 to 65, 68 and 70.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.system import link

from faults.bench import Site, listening, reserved_port
from faults.judge import judge
from faults.processes import until
from faults.workload import ready, report
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION
from lab_sender.mllp.standin.server import StandIn

_DAY_S = 86_400


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as reserved:
        yield reserved


# ------------------------------------------------------------------ the clock


def test_fault_22_the_clock_jumps_while_messages_wait(
    make_site: Callable[..., Site], port: int, tmp_path: Path
) -> None:
    """Two hours forward, two back, ten years back, and a restart there: waits are by the monotonic clock."""
    off_s = tmp_path / "off"

    def jump(to_s: int) -> None:
        part = tmp_path / "off.part"
        part.write_text(str(to_s))
        part.rename(off_s)

    jumps_s = (0, 7200, -7200, -3650 * _DAY_S)
    site = make_site(port, longest_wait="50ms")
    jump(0)
    agent = site.start(wall_clock=str(off_s), tell_connects=True)

    def tries() -> int:
        return agent.log.read_text().count("connects")

    for number, to_s in enumerate(jumps_s):
        jump(to_s)
        site.drop(f"{number}.json", report(f"F{number}"))
        until(lambda count=number + 1: _spooled(site) == count, "it waits")
        before = tries()
        until(lambda before=before: tries() > before + 2, "it is tried again")
    with listening(port) as his:
        site.settle(len(jumps_s))
        jump(-7200)
        site.drop("later.json", report("LATER"))
        site.settle(len(jumps_s) + 1)
        assert agent.stop() == 0
        again = site.start(wall_clock=str(off_s))
        site.drop("last.json", report("LAST"))
        site.settle(len(jumps_s) + 2)
        assert again.stop() == 0
        assert judge(site, his.received) == 0
    assert len({each.control_id for each in his.received}) == len(jumps_s) + 2
    assert not agent.events("message.unanswered"), "no answer's deadline has moved"


def _spooled(site: Site) -> int:
    with contextlib.suppress(sqlite3.OperationalError):
        return int(site.rows("SELECT COUNT(*) FROM message WHERE state IN ('spooled', 'sending')")[0][0])
    return 0


# ------------------------------------------------------------------ the version


def test_fault_62_an_older_journal_is_brought_up_to_date(make_site: Callable[..., Site], port: int) -> None:
    """In one transaction, after a copy of it was made; what waits in it goes out as it was built."""
    site, before = _with_a_queue(make_site, port, 5)
    agent = site.start(schema_grows="ALTER TABLE lane ADD COLUMN note TEXT NOT NULL DEFAULT '';")
    with listening(port) as his:
        site.settle(5)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
        assert [(each.control_id, each.body) for each in his.received] == before
    assert site.rows("SELECT note FROM lane") == [("",)]
    assert site.rows("PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
    copy = site.journal.with_name(f"journal.db.schema-{SCHEMA_VERSION}.bak")
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT COUNT(*) FROM message WHERE state = 'spooled'").fetchone() == (5,)


def test_fault_62_a_migration_that_fails_changes_nothing(make_site: Callable[..., Site], port: int) -> None:
    site, before = _with_a_queue(make_site, port, 2)
    broken = "ALTER TABLE lane ADD COLUMN note TEXT; ALTER TABLE nowhere ADD COLUMN note TEXT;"
    assert site.start(schema_grows=broken).wait() not in (0, 75)
    assert site.rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert "note" not in [row[1] for row in site.rows("PRAGMA table_info(lane)")]
    with listening(port) as his:
        agent = site.start()
        site.settle(2)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
        assert [(each.control_id, each.body) for each in his.received] == before


def test_fault_70_an_upgrade_under_a_queue_of_1000(make_site: Callable[..., Site], port: int) -> None:
    """The next version builds otherwise and has a newer journal; what waits keeps its bytes, ids and order."""
    site, before = _with_a_queue(make_site, port, 1000)
    site.settings["sender"] = "ANOTHER-NAME"
    agent = site.start(schema_grows="ALTER TABLE lane ADD COLUMN note TEXT;")
    site.drop("new.json", report("NEW"))
    with listening(port) as his:
        his.wait_for(1001)
        site.settle(1001)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
    assert [(each.control_id, each.body) for each in his.received[:1000]] == before
    assert b"|ANOTHER-NAME|" in his.received[1000].body


def _with_a_queue(make_site: Callable[..., Site], port: int, count: int) -> tuple[Site, list[tuple[str, bytes]]]:
    """Make a site whose agent has spooled so many messages for a HIS that is down, and was stopped."""
    site = make_site(port)
    for number in range(count):
        site.drop(f"{number:04}.json", report(f"F{number:04}"), order=number)
    agent = site.start()
    until(lambda: _spooled(site) == count, "all are spooled")
    assert agent.stop() == 0
    wire = "SELECT m.control_id, w.body FROM message m JOIN wire w ON w.message_id = m.id ORDER BY m.id"
    return site, site.rows(wire)


# ------------------------------------------------------------------ the configuration


def test_fault_63_all_mistakes_of_a_configuration_at_once(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(70000, poll="fast", ack_timeout="10 parsecs", settle="20ms, setle: 3s")
    site.drop("a.json", report("A"))
    agent = site.start()
    assert agent.wait() == 78
    told = agent.log.read_text()
    assert all(word in told for word in ("his.port", "intake.poll", "his.ack_timeout", "intake.setle", "4 mistakes"))
    assert (site.outbox / "a.json").exists()
    assert not site.journal.exists()
    site.to = his.port
    site.settings.clear()
    again = site.start()
    site.settle(1)
    assert again.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_63_a_running_agent_keeps_its_configuration(site: Site, his: StandIn) -> None:
    agent = site.start()
    agent.says("link.up")
    (site.folder / "config.yaml").write_text("outbox: [")
    site.drop("a.json", report("A"))
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_64_the_destination_moves_under_a_queue(make_site: Callable[..., Site], port: int) -> None:
    """There is one destination; what waits for it goes where the configuration says now, with the bytes it has."""
    site, before = _with_a_queue(make_site, port, 5)
    with StandIn() as new:
        site.to = new.port
        agent = site.start()
        site.settle(5)
        assert agent.stop() == 0
        assert judge(site, new.received) == 0
        assert [(each.control_id, each.body) for each in new.received] == before


def test_fault_65_two_agents_with_folders_of_their_own(make_site: Callable[..., Site], his: StandIn) -> None:
    """The outbox has one lock whatever their folders are; where none reaches, a rename gives a file to one only."""
    count = 200
    one = make_site(his.port)
    other = make_site(his.port, work=str(one.folder / "other"), sent=str(one.folder / "other-sent"))
    other.outbox.rmdir()
    link(other.outbox, one.outbox, to_folder=True)
    first = one.start()
    first.says("link.up")
    assert other.start().wait() == 75
    assert first.stop() == 0
    running = [each.start(locks_reach_nobody=str(one.outbox)) for each in (one, other)]
    for number in range(count):
        one.drop(f"{number:03}.hl7", ready(f"M{number:03}"))
    his.wait_for(count)
    until(lambda: len(one.sent) + len(other.sent) == count, "all are filed")
    assert [agent.stop() for agent in running] == [0, 0]
    assert sorted(each.control_id for each in his.received) == [f"M{number:03}" for number in range(count)]
    assert not one.quarantined
    assert not [event for agent in running for event in agent.events() if event["level"] in ("error", "critical")]


# ------------------------------------------------------------------ short of something


@pytest.mark.long
@pytest.mark.parametrize(("trick", "files"), [("thread_fails_at", 40), ("memory_fails_at", 2)])
def test_fault_68_out_of(
    trick: str, files: int, make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    """At each thread, and at each step of the way: the agent leaves and says why, or does without; never in half.

    40 files are enough for the helper process, which takes a thread too.
    """
    codes: list[int] = []
    while True:
        with StandIn() as his:
            site = make_site(his.port)
            for number in range(files):
                site.drop(f"{number:02}.hl7", ready(f"M{number:02}"), order=number)
            first = site.start(**{trick: len(codes) + 1, "until_settled": files})
            code = first.wait()
            if code:
                assert "agent.short" in first.log.read_text(), first.last_words()
                assert site.start(until_settled=files).wait() == 0
            assert judge(site, his.received) == 0
            if "none left" not in first.log.read_text():
                break
            codes.append(code)
    assert set(codes) <= {0, 75}
    assert 75 in codes
    with capsys.disabled():
        print(f"\n{trick}: nothing lost at {len(codes)}, {codes.count(75)} of them ended the agent")


@pytest.mark.long
def test_fault_68_a_file_that_memory_cannot_hold(make_site: Callable[..., Site], his: StandIn) -> None:
    """The system's own limit: the agent leaves, says why, and goes on where there is more."""
    site = make_site(his.port)
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("big.hl7", ready("BIG") + b"NTE|2||" + b"x" * (48 << 20) + b"\r", order=1)
    agent = site.start(memory_bytes=160 << 20)
    assert agent.wait() == 75, agent.last_words()
    assert "agent.short" in agent.log.read_text()
    again = site.start()
    site.settle(2)
    assert again.stop() == 0
    assert judge(site, his.received) <= 1
