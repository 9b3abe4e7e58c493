"""Folders that cannot be written, are full, are away, or are on the wrong disk.

Faults 15, 18 to 21 and 61, beside those of test_outbox_faults.py and test_journal_faults.py. The agent says it once,
waits or leaves with its documented code, and goes on by itself when the cause is gone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.system import SIGCONT, SIGSTOP

from faults.bench import Site, fill
from faults.conftest import mount
from faults.judge import judge
from faults.processes import AgentProcess
from faults.workload import report, unreadable
from lab_sender.mllp.standin.server import StandIn

_FOLDERS = (".lab-sender", ".lab-sender/claimed", "sent", "quarantine")


def _goes_on(site: Site, his: StandIn, agent: AgentProcess, files: int) -> None:
    agent.says("link.up")  # it has its journal open: root, asking sooner, would make the agent's files root's
    site.settle(files)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def _refused_at_start(site: Site, code: int, *words: str) -> None:
    agent = site.start()
    assert agent.wait() == code, agent.last_words()
    assert all(word in agent.log.read_text() for word in words), agent.last_words()


# ------------------------------------------------------------------ no room


def test_fault_15_no_room_in_the_outbox(make_site: Callable[..., Site], his: StandIn) -> None:
    """Claims need none; a reason cannot be written beside its file; what is good goes on."""
    site = make_site(his.port)
    mount("-t", "tmpfs", "-o", "size=1m", "none", str(site.outbox))
    try:
        agent = site.start()
        agent.says("link.up")
        agent.signal(SIGSTOP)
        for number in range(3):
            site.drop(f"{number}-good.json", report(f"F{number}"), order=number, mounted=True)
            site.drop(f"{number}-bad.json", unreadable() + b" " * number, order=number, mounted=True)
        ballast = fill(site.outbox, ".ballast")
        agent.signal(SIGCONT)
        his.wait_for(3)
        agent.says("keeper.waits")
        assert site.rows("SELECT COUNT(*) FROM source WHERE state = 'quarantined'") == [(3,)], "the reason is kept"
        ballast.unlink()
        _goes_on(site, his, agent, 6)
    finally:
        for agent in site.running:
            agent.kill()
        subprocess.run(["umount", "-l", site.outbox], check=True)


def test_fault_15_no_room_in_sent(make_site: Callable[..., Site], his: StandIn, small_disk: Path) -> None:
    """Files are filed on another disk, and that is full: messages go out, files wait in claimed/."""
    site = make_site(his.port, sent=str(small_disk / "sent"))
    agent = site.start()
    agent.says("link.up")
    ballast = fill(small_disk)
    for number in range(3):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    his.wait_for(3)
    agent.says("keeper.waits")
    assert len(list(site.claimed.iterdir())) == 3
    assert not site.sent
    ballast.unlink()
    _goes_on(site, his, agent, 3)
    assert len(site.sent) == 3
    assert len(agent.events("keeper.waits")) == 1, "told once"


def test_fault_15_no_room_for_a_new_journal(make_site: Callable[..., Site], his: StandIn, small_disk: Path) -> None:
    site = make_site(his.port, journal=str(small_disk / "journal"))
    ballast = fill(small_disk)
    site.drop("a.json", report("A"))
    _refused_at_start(site, 75, "journal.full")
    assert os.listdir(site.claimed) == []
    ballast.unlink()
    _goes_on(site, his, site.start(), 1)


# ------------------------------------------------------------------ no right


def test_fault_18_an_outbox_that_turns_read_only(humble: tuple[Site, dict[str, int]], his: StandIn) -> None:
    """Nothing can be claimed; it is said once, however many files and looks there are."""
    site, tricks = humble
    agent = site.start(**tricks)
    agent.says("link.up")
    agent.signal(SIGSTOP)
    for number in range(3):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    site.outbox.chmod(0o555)
    agent.signal(SIGCONT)
    agent.says("intake.waits", code="claim.failed")
    site.outbox.chmod(0o755)
    _goes_on(site, his, agent, 3)
    assert len(agent.events("intake.waits")) == 1


def test_fault_18_an_outbox_that_is_read_only_from_the_start(
    humble: tuple[Site, dict[str, int]], his: StandIn
) -> None:
    site, tricks = humble
    site.drop("a.json", report("A"))
    site.outbox.chmod(0o555)
    agent = site.start(**tricks)
    assert agent.wait() == 74
    assert "folder.unusable" in agent.log.read_text()
    site.outbox.chmod(0o755)
    _goes_on(site, his, site.start(**tricks), 1)


@pytest.mark.parametrize("which", ["journal", "journal.db"])
def test_fault_18_a_journal_that_may_not_be_written(
    which: str, humble: tuple[Site, dict[str, int]], his: StandIn
) -> None:
    """Nothing is claimed or sent, and nothing is left behind that would outlast the repair."""
    site, tricks = humble
    assert _ended(site, tricks) == 0
    what = site.journal_folder if which == "journal" else site.journal
    mode = what.stat().st_mode
    what.chmod(mode & 0o555)
    site.drop("a.json", report("A"))
    agent = site.start(**tricks)
    assert agent.wait() == 74, agent.last_words()
    assert "journal.no-right" in agent.log.read_text()
    assert (site.outbox / "a.json").exists()
    what.chmod(mode)
    _goes_on(site, his, site.start(**tricks), 1)


def _ended(site: Site, tricks: dict[str, int]) -> int:
    agent = site.start(**tricks)
    agent.says("link.up")
    return agent.stop()


def test_fault_19_one_file_that_may_not_be_read(humble: tuple[Site, dict[str, int]], his: StandIn) -> None:
    """It waits, and is told of; the others go on; once it may be read it goes out."""
    site, tricks = humble
    site.drop("0.json", report("F0"), order=0)
    site.drop("1-secret.json", report("F1"), order=1)
    site.drop("2.json", report("F2"), order=2)
    os.chmod(site.outbox / "1-secret.json", 0)
    agent = site.start(**tricks)
    agent.says("intake.waits", code="file.unreadable-now")
    site.settle(2)
    assert len(his.received) == 2
    (secret,) = site.claimed.iterdir()
    secret.chmod(0o644)
    _goes_on(site, his, agent, 3)
    assert len(agent.events("intake.waits")) == 1


# ------------------------------------------------------------------ another disk, or none


def test_fault_20_claimed_on_another_disk_is_refused(
    make_site: Callable[..., Site], his: StandIn, small_disk: Path
) -> None:
    site = make_site(his.port, work=str(small_disk / "work"))
    site.drop("a.json", report("A"))
    _refused_at_start(site, 78, "folder.other-device")
    assert (site.outbox / "a.json").exists()
    assert not his.received


def test_fault_20_sent_on_another_disk_is_a_copy(
    make_site: Callable[..., Site], his: StandIn, small_disk: Path
) -> None:
    site = make_site(his.port, sent=str(small_disk / "sent"))
    site.drop("a.json", report("A"))
    _goes_on(site, his, site.start(), 1)
    assert site.sent == {"a.json": report("A")}


def test_fault_21_a_share_that_is_unmounted_and_mounted_again(
    make_site: Callable[..., Site], his: StandIn, tmp_path: Path
) -> None:
    """Under the mount lies an empty folder: nothing is quarantined, nothing is made there, and then it goes on."""
    share = tmp_path / "share"
    share.mkdir()
    site = make_site(his.port, poll="20ms")
    mount("--bind", str(share), str(site.outbox))
    try:
        agent = site.start()
        site.drop("0.json", report("F0"), mounted=True)
        site.settle(1)
        subprocess.run(["umount", "-l", site.outbox], check=True)
        site.drop("stray.json", report("STRAY"), mounted=True)
        agent.says("intake.waits")
        assert os.listdir(site.outbox) == ["stray.json"]
        (site.outbox / "stray.json").unlink()
        del site.dropped["stray.json"]
        mount("--bind", str(share), str(site.outbox))
        site.drop("1.json", report("F1"), mounted=True)
        _goes_on(site, his, agent, 2)
    finally:
        for agent in site.running:
            agent.kill()
        subprocess.run(["umount", "-l", site.outbox], check=False)
        with contextlib.suppress(OSError):
            site.outbox.rmdir()


def test_fault_61_a_journal_on_a_share_is_refused(site: Site, his: StandIn) -> None:
    site.drop("a.json", report("A"))
    agent = site.start(file_system={str(site.journal_folder): "cifs"})
    assert agent.wait() == 78
    assert "journal.remote" in agent.log.read_text()
    assert not site.journal.exists()
    _goes_on(site, his, site.start(), 1)
