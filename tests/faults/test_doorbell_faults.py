"""The doorbell is dumb, dead, or drowned: the scan finds everything, and the agent says so.

Faults 57 and 58.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.system import SIGCONT, SIGSTOP

from faults.bench import Site
from faults.judge import judge
from faults.workload import ready, report
from lab_sender.mllp.standin.server import StandIn

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.mark.skipif(not _QUEUE.exists(), reason="the watch's queue is Linux'")
def test_fault_57_more_happens_than_the_watch_can_hold(site: Site, his: StandIn) -> None:
    """The system's queue of events runs over; the files whose events are lost are found all the same."""
    agent = site.start()
    site.drop("first.hl7", ready("FIRST"))
    site.settle(1)  # what took it was started after the watch
    agent.signal(SIGSTOP)
    names = [site.outbox / "noise-a.tmp", site.outbox / "noise-b.tmp"]
    names[0].touch()
    for number in range(int(_QUEUE.read_text()) + 10):
        os.rename(names[number % 2], names[1 - number % 2])
    for number in range(20):
        site.drop(f"{number:02}.hl7", ready(f"M{number:02}"), order=number)
    agent.signal(SIGCONT)
    site.settle(21)
    for name in names:
        name.unlink(missing_ok=True)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert [each.control_id for each in his.received[1:]] == [f"M{number:02}" for number in range(20)]


@pytest.mark.parametrize("while_running", [False, True], ids=["before-the-start", "while-running"])
def test_fault_58_the_doorbell_is_deaf(while_running: bool, make_site: Callable[..., Site], his: StandIn) -> None:
    """The system has no watch to give: the scan finds everything, copied, renamed, written slowly."""
    site = make_site(his.port, poll="50ms")
    if while_running:
        agent = site.start(deaf=True)
        agent.says("link.up")
    for number in range(100):
        site.drop(f"{number:03}.hl7", ready(f"M{number:03}"))
    site.dropped["slow.json"] = [report("SLOW")]
    with (site.outbox / "slow.json").open("wb") as writer:
        for start in range(0, len(report("SLOW")), 50):
            writer.write(report("SLOW")[start : start + 50])
            writer.flush()
    if not while_running:
        agent = site.start(deaf=True)
    site.settle(101)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == 101
    assert len(agent.events("doorbell.dead")) == 1


def test_fault_58_the_doorbell_dies(site: Site, his: StandIn) -> None:
    """Its threads end by an error nobody foresaw: that is said once, and the scan goes on alone."""
    agent = site.start(doorbell_dies=True)
    for number in range(2):  # what takes the first one was started after the watch
        site.drop(f"{number}.json", report(f"F{number}"))
        site.settle(number + 1)
    agent.says("doorbell.dead")
    site.drop("last.json", report("LAST"))
    site.settle(3)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(agent.events("doorbell.dead")) == 1
