"""Must show 2: a file that is copied, renamed or slowly written into the outbox arrives once and whole."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable

import pytest

from faults.bench import Site
from faults.judge import judge
from faults.processes import until
from faults.workload import ready, report
from lab_sender.mllp.standin.server import StandIn


def test_by_copy(site: Site, his: StandIn) -> None:
    agent = site.start()
    data = report("COPIED")
    source = site.folder / "copied"
    source.write_bytes(data)
    site.dropped["copied.json"] = [data]
    agent.says("link.up")
    shutil.copyfile(source, site.outbox / "copied.json")
    _arrives_once(site, his, "copied.json")


def test_fault_55_a_slow_copy(site: Site, his: StandIn) -> None:
    """The writer keeps its handle: the agent looks several times and leaves the file alone until it is closed."""
    agent = site.start()
    data = ready("SLOW-1") + ready("SLOW-2")
    site.dropped["slow.hl7"] = [data]
    agent.says("link.up")
    with (site.outbox / "slow.hl7").open("wb") as writer:
        for start in range(0, len(data), len(data) // 4):
            writer.write(data[start : start + len(data) // 4])
            writer.flush()
            os.fsync(writer.fileno())
            _looks_passed(site)
        assert not his.received
    _arrives_once(site, his, "slow.hl7", messages=2)


@pytest.mark.parametrize("way", ["marker", "temporary name"])
def test_fault_55_a_writer_that_closes_stalls_and_reopens(
    way: str, make_site: Callable[..., Site], his: StandIn
) -> None:
    """Nobody can see that more is to come: such a writer needs a marker or a temporary name (docs/FILES.md)."""
    site = make_site(his.port, marker=".ok" if way == "marker" else "''")
    agent = site.start()
    data = report("REOPENED")
    site.dropped["reopened.json"] = [data]
    agent.says("link.up")
    target = site.outbox / "reopened.json"
    written = target if way == "marker" else site.outbox / "reopened.json.part"
    for start in range(0, len(data), 100):
        with written.open("ab") as writer:
            writer.write(data[start : start + 100])
        _looks_passed(site)
    assert not his.received
    if way == "marker":
        (site.outbox / "reopened.json.ok").touch()
    else:
        os.rename(written, target)
    _arrives_once(site, his, "reopened.json")
    assert not (site.outbox / "reopened.json.ok").exists()


def test_by_rename_and_how_soon(site: Site, his: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    agent = site.start()
    agent.says("link.up")
    dropped_ms = []
    for number in range(1, 31):
        dropped_ms.append(time.time_ns() / 1e6)
        site.drop(f"{number}.json", report(f"RENAMED-{number}"))
        his.wait_for(number)
    site.settle(30)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    acked = [at_ms for (at_ms,) in site.rows("SELECT final_ms FROM message ORDER BY id")]
    took = [at_ms - start for at_ms, start in zip(acked, dropped_ms, strict=True)]
    with capsys.disabled():
        print(f"\ndrop to ACK, renamed file: median {statistics.median(took):.1f} ms, worst {max(took):.1f} ms")


def _looks_passed(site: Site) -> None:
    """Let the agent look at the outbox: it takes a file that came after what we wrote before."""
    name = f"probe{len(site.dropped)}.json"
    site.drop(name, b"{")
    if site.settings.get("marker") == ".ok":
        (site.outbox / f"{name}.ok").touch()
    until(lambda: name in site.quarantined, "the agent looks")


def _arrives_once(site: Site, his: StandIn, name: str, *, messages: int = 1) -> None:
    his.wait_for(messages)
    site.settle(len(site.dropped))
    assert site.running[-1].stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == messages
    assert site.sent == {name: site.dropped[name][0]}
