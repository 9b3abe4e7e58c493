"""One agent on one journal, and only on the one that lies at its path. Faults 101, 102, 104 and 106.

Two agents that can both send are two senders, so each way is tried while results wait for a HIS.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from kit.system import WINDOWS, link, taking_away

from faults.bench import Site, listening, rename_folder, reserved_port
from faults.conftest import mount
from faults.judge import judge
from faults.processes import Agents, until
from faults.workload import ready, report, unreadable
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn

_WAITING = 6


def _remove(folder: Path) -> None:
    """Remove a folder to which an agent writes meanwhile."""

    def is_gone() -> bool:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                raise
        return not folder.exists()

    until(is_gone, f"{folder.name} is removed")


# ------------------------------------------------------------------ two agents


def _restored_outbox(site: Site, _other: Site) -> Site:
    """The outbox folder is removed and put back from a backup while the agent runs."""
    backup = site.folder / "backup"
    shutil.copytree(site.outbox, backup)
    _remove(site.outbox)
    backup.rename(site.outbox)
    return site


def _made_again_outbox(site: Site, _other: Site) -> Site:
    """The share is created anew, with the folder that the agent wants in it."""
    _remove(site.outbox)
    site.claimed.mkdir(parents=True)
    return site


def _moved_outbox(site: Site, other: Site) -> Site:
    """The outbox is moved, and an agent is started for its new place, on the same journal."""
    other.outbox.rmdir()
    site.outbox.rename(other.outbox)
    other.settings["journal"] = str(site.journal_folder)
    return other


def _copied_configuration(site: Site, other: Site) -> Site:
    """A second configuration has an outbox of its own, and names the journal of the first."""
    other.settings["journal"] = str(site.journal_folder)
    return other


def _symlinked_folder(site: Site, other: Site) -> Site:
    link(other.folder / "linked", site.journal_folder, to_folder=True)
    other.settings["journal"] = str(other.folder / "linked")
    return other


def _symlinked_journal(site: Site, other: Site) -> Site:
    link(other.journal, site.journal)
    return other


def _hard_linked_journal(site: Site, other: Site) -> Site:
    for name in ("journal.db", "journal.db-wal"):
        os.link(site.journal_folder / name, other.journal_folder / name)
    return other


def _renamed_journal(site: Site, other: Site) -> Site:
    """The journal's folder gets another name, and another agent is started on it."""
    other.journal_folder.rmdir()
    site.journal_folder.rename(other.journal_folder)
    return other


def _another_work_folder(site: Site, other: Site) -> Site:
    """A second configuration has the same outbox, but a work folder and a journal of its own."""
    other.outbox.rmdir()
    link(other.outbox, site.outbox, to_folder=True)
    other.settings["work"] = str(site.folder / "work")
    return other


def _another_journal(site: Site, other: Site) -> Site:
    """A second configuration has the same outbox, but a journal of its own: the first one's is not missing."""
    other.outbox.rmdir()
    link(other.outbox, site.outbox, to_folder=True)
    return other


def _lock_removed(site: Site, _other: Site) -> Site:
    """Somebody thinks the locks are left over."""
    (site.journal_folder / "agent.lock").unlink()
    (site.outbox / ".lab-sender" / "agent.lock").unlink()
    return site


_WAYS = (
    _restored_outbox, _made_again_outbox, _moved_outbox, _copied_configuration, _symlinked_folder, _symlinked_journal,
    _hard_linked_journal, _renamed_journal, _another_work_folder, _another_journal, _lock_removed,
)  # fmt: skip


@pytest.mark.parametrize("way", _WAYS)
def test_fault_101_never_two_senders(way: Callable[[Site, Site], Site], make_site: Callable[..., Site]) -> None:
    with reserved_port() as port:
        site = make_site(port, longest_wait="50ms")
        other = make_site(port, longest_wait="50ms")
        for number in range(_WAITING):
            site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
        first = site.start()
        until(lambda: site.journal.exists() and _spooled(site) == _WAITING, "all wait for the HIS")
        with taking_away():
            of_second = way(site, other)
        second = of_second.start()
        until(lambda: not (first.runs and second.runs), "one of them has ended")
        with listening(port) as his:
            for agent in (first, second):
                until(lambda agent=agent: not agent.runs or agent.events("link.up"), "it works, or has ended")
                until(lambda agent=agent: not agent.runs or his.count >= _WAITING, "all has come, or it has ended")
                if agent.runs:
                    agent.stop()
                assert agent.wait() in (0, 74, 75, 78), agent.last_words()
            assert len({each.control_id for each in his.received}) == len(his.received), "sent by one"
    said = first.log.read_text() + second.log.read_text()
    codes = ["agent.running", "lock.gone", "journal.gone", "journal.replaced"]
    assert any(code in said for code in codes), said[-2000:]


def test_fault_101_status_knows_the_agent_by_its_journal(site: Site) -> None:
    agent = site.start()
    agent.says("link.up")
    rename_folder(site.outbox, site.folder / "away")
    told = _status(site)
    assert "no agent runs" not in told
    assert "CRITICAL" in told
    assert "the outbox cannot be reached" in told
    rename_folder(site.folder / "away", site.outbox)
    assert agent.stop() == 0


def test_fault_101_a_lock_that_was_replaced_ends_the_agent(site: Site, his: StandIn) -> None:
    agent = site.start()
    agent.says("link.up")
    with taking_away():
        _restored_outbox(site, site)
    assert agent.wait() == 75
    assert "lock.gone" in agent.log.read_text()
    site.drop("a.json", report("A"))
    again = site.start()
    site.settle(1)
    assert again.stop() == 0
    assert judge(site, his.received) == 0


# ------------------------------------------------------------------ the journal goes


@pytest.mark.parametrize("how", ["gone", "replaced"])
def test_fault_102_a_journal_that_is_taken_away(how: str, site: Site, his: StandIn) -> None:
    agent = site.start()
    site.drop("before.json", report("BEFORE"))
    site.settle(1)
    copy = site.folder / "copy"
    shutil.copytree(site.journal_folder, copy)
    with taking_away():
        for path in site.journal_folder.glob("journal.db*"):
            path.unlink()
    if how == "replaced":
        for path in copy.glob("journal.db*"):
            path.rename(site.journal_folder / path.name)
    site.drop("after.json", report("AFTER"))
    assert agent.wait() == 74, agent.last_words()
    assert f"journal.{how}" in agent.log.read_text()
    assert len(his.received) == 1, "nothing is sent without the journal"
    left = [*site.outbox.glob("*.json"), *site.claimed.iterdir()]
    assert [path.read_bytes() for path in left] == [report("AFTER")]
    if how == "gone":
        for path in left:
            path.unlink()
        again = site.start()
        assert again.wait() == 74, "a service manager starts it again: it makes no new journal without a word"
        assert "journal.missing" in again.log.read_text()


@pytest.mark.skipif(WINDOWS, reason="a folder with what is open in it cannot be renamed there, but under Wine it can")
@pytest.mark.parametrize("idle", [True, False], ids=["idle", "busy"])
def test_fault_102_where_the_folder_of_the_journal_goes_no_service_manager_makes_a_new_one(
    idle: bool, site: Site, his: StandIn
) -> None:
    """Started again there, an agent finds nothing, begins anew and says that all is well."""
    agent = site.start()
    site.drop("before.json", report("BEFORE"), order=1)
    site.settle(1)
    if not idle:
        site.drop("after.json", report("AFTER"), order=2)
    with taking_away():
        rename_folder(site.journal_folder, site.folder / "away")
    assert agent.wait() == 78, agent.last_words()
    assert any(code in agent.log.read_text() for code in ("journal.gone", "lock.gone"))
    assert "Bring" in agent.log.read_text()
    rename_folder(site.folder / "away", site.journal_folder)
    again = site.start()
    site.drop("later.json", report("LATER"), order=3)
    site.settle(2 if idle else 3)
    assert again.stop() == 0
    assert judge(site, his.received) == 0


@pytest.mark.parametrize("part", ["journal.db-wal", "journal.db-shm"])
def test_fault_102_a_part_of_the_journal_is_taken_away(part: str, site: Site, his: StandIn) -> None:
    """A clean-up removes what looks left over: all that was not in journal.db yet would be gone at the next kill."""
    agent = site.start()
    site.drop("before.json", report("BEFORE"), order=1)
    site.settle(1)
    with taking_away():
        (site.journal_folder / part).unlink()
    site.drop("after.json", report("AFTER"), order=2)
    assert agent.wait() == 74, agent.last_words()
    assert "journal.gone" in agent.log.read_text()
    assert part in agent.log.read_text()
    again = site.start()
    site.settle(2)
    assert again.stop() == 0
    assert judge(site, his.received) == 0, "ending in good order has brought all of it into journal.db"


# ------------------------------------------------------------------ the outbox is away


def test_fault_106_what_is_spooled_goes_out_without_the_outbox(make_site: Callable[..., Site]) -> None:
    """At a start as well: nothing is made anew, status is critical, intake goes on once the share is back."""
    with reserved_port() as port:
        site = make_site(port, longest_wait="50ms")
        for number in range(3):
            site.drop(f"{number}.json", report(f"F{number}"), order=number)
        first = site.start()
        until(lambda: site.journal.exists() and _spooled(site) == 3, "they wait for the HIS")
        assert first.stop() == 0
        rename_folder(site.outbox, site.folder / "away")
        agent = site.start()
        agent.says("intake.waits", code="outbox.unreachable")
        with listening(port) as his:
            his.wait_for(3)
            told = _status(site)
            assert told.startswith("CRITICAL")
            assert "the outbox cannot be reached" in told
            checked = _lab_sender(site, "check")
            assert "is not there, though the journal has a history" in checked
            assert "outbox.unreachable" in _lab_sender(site, "send", str(site.folder / "config.yaml"))
            assert not site.outbox.exists(), "never made anew"
            rename_folder(site.folder / "away", site.outbox)
            site.drop("3.json", report("F3"))
            site.settle(4)
            assert agent.stop() == 0
            assert judge(site, his.received) == 0
        assert "outbox.unreachable" not in _status(site)


def test_fault_106_the_outbox_goes_while_the_agent_runs(site: Site, his: StandIn) -> None:
    agent = site.start()
    site.drop("0.json", report("F0"))
    site.settle(1)
    rename_folder(site.outbox, site.folder / "away")
    agent.says("intake.waits", code="outbox.unreachable")
    rename_folder(site.folder / "away", site.outbox)
    site.drop("1.json", report("F1"))
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_106_an_empty_mount_point_is_not_the_outbox(make_site: Callable[..., Site], his: StandIn) -> None:
    """The outbox is a mounted share; without it the empty folder below it is there."""
    site = make_site(his.port)
    mount("-t", "tmpfs", "-o", "size=1m", "none", str(site.outbox))
    try:
        assert site.start(until_settled=0).wait() == 0
    finally:
        subprocess.run(["umount", "-l", site.outbox], check=True)
    agent = site.start()
    agent.says("intake.waits", code="outbox.unreachable")
    assert list(site.outbox.iterdir()) == []
    assert agent.stop() == 0


def test_fault_106_trouble_that_has_passed_is_cleared_over_a_restart(site: Site) -> None:
    agent = site.start()
    agent.says("link.up")
    rename_folder(site.outbox, site.folder / "away")
    agent.says("intake.waits", code="outbox.unreachable")
    until(lambda: _trouble(site) == "outbox.unreachable", "it is noted")
    agent.kill()
    rename_folder(site.folder / "away", site.outbox)
    again = site.start()
    site.drop("a.json", report("A"))
    site.settle(1)
    until(lambda: _trouble(site) == "", "it is cleared")
    assert "intake is blocked" not in _status(site)
    assert again.stop() == 0


# ------------------------------------------------------------------ who may read

_RIGHTS = pytest.mark.skipif(WINDOWS, reason="there a folder's own access list says who may read")

@_RIGHTS
@pytest.mark.parametrize(
    ("chosen", "folder_mode", "file_mode"), [(0o755, 0o700, 0o600), (0o750, 0o750, 0o640), (0o2770, 0o2770, 0o660)]
)
def test_fault_104_others_read_nothing(
    chosen: int, folder_mode: int, file_mode: int, make_site: Callable[..., Site], his: StandIn
) -> None:
    """Whatever the umask: what the site lets the group do with its folder, the group may do with what is in it."""
    site = make_site(his.port)
    for folder in (site.outbox, site.journal_folder):
        folder.chmod(chosen)
    site.drop("good.json", report("GOOD"), order=1)
    site.drop("bad.json", unreadable(), order=2)
    old = os.umask(0)
    try:
        agent = site.start(umask=0)
        site.settle(2)
        open_files = {path.name: _mode(path) for path in site.journal_folder.iterdir() if "journal" in path.name}
        assert agent.stop() == 0
    finally:
        os.umask(old)
    assert set(open_files.values()) == {file_mode}
    assert len(open_files) == 3
    assert _mode(site.sent_folder) == folder_mode
    assert _mode(site.quarantine) == folder_mode
    assert _mode(site.claimed) & 0o777 == 0o700
    (reason,) = site.quarantine.glob("*.reason.txt")
    assert _mode(reason) == file_mode
    assert _mode(site.outbox) == chosen, "the site's own folder stays as it is"


@_RIGHTS
def test_fault_104_an_older_journal_is_closed_to_others(site: Site) -> None:
    assert site.start(until_settled=0).wait() == 0
    site.journal_folder.chmod(0o755)
    site.journal.chmod(0o644)
    assert site.start(until_settled=0).wait() == 0
    assert _mode(site.journal) == 0o600


@_RIGHTS
def test_fault_104_check_warns_where_others_can_read(agents: Agents, his: StandIn) -> None:
    with tempfile.TemporaryDirectory(
        prefix="lab-sender-open-"
    ) as folder:  # pytest's own folders are closed to others
        Path(folder).chmod(0o755)
        site = Site(agents, Path(folder) / "site", his.port)
        assert site.start(until_settled=0).wait() == 0
        for path in (site.folder, site.outbox, site.quarantine):
            path.chmod(0o755)
        assert "every account of this machine can read it" in _lab_sender(site, "check")
        site.close()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _spooled(site: Site) -> int:
    with contextlib.suppress(sqlite3.OperationalError):  # it is being made
        return int(site.rows("SELECT COUNT(*) FROM message WHERE state = 'spooled'")[0][0])
    return 0


def _trouble(site: Site) -> str:
    return str(site.rows("SELECT value FROM meta WHERE key = 'intake_trouble'")[0][0])


def _status(site: Site) -> str:
    return _lab_sender(site, "status")


def _lab_sender(site: Site, *command: str) -> str:
    run = CliRunner().invoke(main, ["--config", str(site.folder / "config.yaml"), *command])
    return " ".join(run.output.split())
