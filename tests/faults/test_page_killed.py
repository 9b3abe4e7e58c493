"""The page's process is killed again and again: nothing of that is seen in the deliveries."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.examples import one_of
from kit.system import SIGKILL, WINDOWS

from faults.bench import Site, reserved_port
from faults.judge import judge
from faults.processes import AgentProcess, until
from faults.visitor import Visitor
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

pytestmark = pytest.mark.skipif(WINDOWS, reason="the page's process is found in /proc")
KILLS, IN_A_FILE = 20 // one_of(4), 100
"""At night twenty, during two thousand deliveries."""


def pages(agent: AgentProcess) -> Iterator[int]:
    """Find the page's process among the agent's children."""
    for task in Path(f"/proc/{agent.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                if b"\0web\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    yield int(child)


def has_ended(pid: int) -> bool:
    """Also one that nobody has waited for."""
    with contextlib.suppress(OSError):
        return b"web" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


@pytest.mark.long
def test_killed_again_and_again_during_deliveries(make_site: Callable[..., Site], his: StandIn) -> None:
    with reserved_port() as port:
        site = make_site(his.port, web=f"127.0.0.1:{port}")
    agent = site.start(page_waits=0.05)
    pid, killed = agent.pid, set[int]()
    for number in range(KILLS):
        messages = (ready(f"M{number:02}{each:03}") for each in range(IN_A_FILE))
        site.drop(f"{number:02}.hl7", b"".join(messages), order=number)
        until(lambda: set(pages(agent)) - killed, "a page's process")
        for page in set(pages(agent)) - killed:
            killed.add(page)
            os.kill(page, SIGKILL)
    site.settle(KILLS)
    until(Visitor(port).is_answered, "the page is back")
    assert agent.runs
    assert agent.pid == pid
    (page,) = pages(agent)
    assert agent.stop() == 0
    assert not Path(f"/proc/{page}").exists(), "it ends with the agent"
    assert judge(site, his.received) == 0
    assert len(his.received) == KILLS * IN_A_FILE
    assert len(killed) >= KILLS
    assert len(agent.events("web.ended")) >= KILLS


def test_the_page_ends_with_an_agent_that_is_killed(make_site: Callable[..., Site], his: StandIn) -> None:
    with reserved_port() as port:
        site = make_site(his.port, web=f"127.0.0.1:{port}")
    agent = site.start(page_waits=0.05)
    until(Visitor(port).is_answered, "the page")
    (page,) = pages(agent)
    agent.kill()
    until(lambda: has_ended(page), "the page's end")
    assert not Visitor(port).is_answered()
