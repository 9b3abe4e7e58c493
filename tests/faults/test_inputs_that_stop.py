"""No input stops the agent: reading takes time as the size of the file, not as its square.

Faults 99, 100, 103 and 105. What is asserted is that the result behind the bad file goes out and that the agent obeys
SIGTERM; and that a file that ends whoever reads it is refused, but never a healthy one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from kit.system import WINDOWS

from faults.bench import Site
from faults.judge import judge
from faults.processes import AgentProcess, until
from faults.workload import report
from lab_sender.mllp.standin.server import StandIn

_HEAD = b"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01|M1|P|2.5.1\rOBR|1||F1|T\rOBX|1|NM|T||1\r"


def _one_test_often() -> bytes:
    whole = json.loads(report("MANY"))
    (order,) = whole["orders"]
    (result,) = order["results"]
    order["results"] = [{**result, "notes": []}] * 60_000
    return json.dumps(whole).encode()


_WORST: dict[str, Callable[[], bytes]] = {
    "fault_99-a-mebibyte-of-frame-ends": lambda: _HEAD + b"\x1c" * (1 << 20) + b"X",
    "fault_100-20000-bad-lines": lambda: b'{"a":1}\n' * 20_000,
    "fault_100-100000-empty-reports": lambda: b"[" + b"{}," * 100_000 + b"{}]",
    "fault_100-rows-of-another-width": lambda: b"patient_id,accession,code,value\n" + b"1\n" * 100_000,
    "fault_100-one-test-60000-times": _one_test_often,
}


@pytest.mark.long
@pytest.mark.parametrize("make", _WORST.values(), ids=_WORST)
def test_the_next_result_goes_out(make: Callable[[], bytes], site: Site, his: StandIn) -> None:
    site.drop("worst", make(), order=1)
    site.drop("good.json", report("GOOD"), order=2)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert any(b"GOOD" in each.body for each in his.received)
    ((entries,),) = site.rows("SELECT COUNT(*) FROM message")
    assert entries <= 202, "of a wrong export the first bad reports are named, the others counted"


_HUGE = 64 << 20
_HUGE_ONES: dict[str, bytes] = {
    "fault_99-frame-ends": _HEAD + b"\x1c" * (_HUGE - 1000) + b"X",
    "fault_100-bad-lines": b'{"a":1}\n' * (_HUGE // 8),
    "fault_100-empty-reports": b"[" + b"{}," * (_HUGE // 3 - 1) + b"{}]",
    "fault_100-ragged-rows": b"patient_id,accession,code,value\n" + b"1\n" * (_HUGE // 2 - 20),
    "fault_100-message-heads": b"MSH|^~\\&|\r" * (_HUGE // 10),
}


@pytest.mark.parametrize("data", _HUGE_ONES.values(), ids=_HUGE_ONES)
def test_a_stop_does_not_wait_for_a_huge_file(data: bytes, site: Site) -> None:
    """What was in hand lies in claimed/, and is read again at the next start."""
    site.drop("huge", data)
    agent = site.start()
    until(lambda: site.claimed.is_dir() and any(site.claimed.iterdir()), "it is claimed")
    if not WINDOWS:
        until(lambda: _helpers(agent.pid) or site.quarantined, "it is being read")
    agent.signal(signal.SIGTERM)
    assert agent.wait(20 if WINDOWS else 5) == 0
    assert any(site.claimed.iterdir()) or site.quarantined


def _helpers(pid: int) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    return []


# ------------------------------------------------------------------ poison


@pytest.mark.long
def test_fault_105_a_file_that_ends_its_reader_is_refused(site: Site, his: StandIn) -> None:
    """It ends the agent in company, then alone; the third agent sees its helper end over it, and goes on."""
    for number in range(3):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    site.drop("poison.json", report("POISON"), order=1)
    ends = 0
    while True:
        agent = site.start(poison="POISON", helper_dies_over="POISON", until_settled=4)
        if agent.wait() == 0:
            break
        ends += 1
        assert ends < 10, "it goes on for ever"
    assert ends == 2
    assert [name for name in site.quarantined if "reason" not in name] == ["poison.json"]
    assert b"file.stopped-the-agent" in site.quarantined["poison.json.reason.txt"]
    assert len(his.received) == 3
    assert judge(site, his.received) == 0


@pytest.mark.long
def test_fault_105_a_file_that_ends_all_of_us_is_refused(site: Site, his: StandIn) -> None:
    """As where the system ends agent and helper together, for the memory they take: then the count decides."""
    site.drop("poison.json", report("POISON"), order=0)
    site.drop("good.json", report("GOOD"), order=1)
    ends = 0
    while site.start(poison="POISON", all_die_over="POISON", until_settled=2).wait() != 0:
        ends += 1
        assert ends < 10, "it goes on for ever"
    assert ends == 4
    assert b"file.stopped-the-agent" in site.quarantined["poison.json.reason.txt"]
    assert len(his.received) == 1


@pytest.mark.long
def test_fault_105_a_large_file_that_ends_the_helper_is_refused(site: Site, his: StandIn) -> None:
    """Then the agent itself goes on."""
    site.drop("poison.json", report("POISON") + b" " * (1 << 20), order=1)
    site.drop("good.json", report("GOOD"), order=2)
    agent = site.start(helper_dies_over="POISON")
    site.settle(2)
    assert agent.stop() == 0
    assert b"file.stopped-the-agent" in site.quarantined["poison.json.reason.txt"]
    assert len(his.received) == 1


@pytest.mark.long
@pytest.mark.parametrize("seed", [7])
def test_fault_105_random_kills_refuse_no_healthy_file(seed: int, site: Site, his: StandIn) -> None:
    """Agents are killed over the same files: none is quarantined, but by three ends in a row over it alone."""
    random = Random(seed)
    site.drop("large.json", report("LARGE") + b" " * (1 << 20), order=0)
    for number in range(40):
        site.drop(f"{number:02}.json", report(f"F{number:02}"), order=number + 1)
    kills, blamed = 0, set[str]()
    for _ in range(8):
        agent = site.start(die_at=random.randint(1, 90))
        if agent.wait() == 0:
            break
        kills += 1
        for (note,) in site.rows("SELECT value FROM meta WHERE key = 'reading_alone'"):
            blamed |= {claim_id for claim_id, ends in json.loads(note)["ends"].items() if ends >= 3}
    assert site.start(until_settled=41).wait() == 0
    assert kills >= 1
    assert {claim_id for (claim_id,) in site.rows("SELECT claim_id FROM source WHERE code <> ''")} <= blamed
    if not blamed:
        judge(site, his.received)


@pytest.mark.long
def test_fault_105_a_kill_while_suspects_are_read_refuses_none(site: Site, his: StandIn) -> None:
    """Each kill comes while another file of the same ten is read alone."""
    for number in range(10):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    assert site.start(killed={"call": "SpoolBook.spooled", "when": "before"}).wait() == 137
    for nth in range(1, 11):
        assert site.start(killed={"call": "SpoolBook.reading_alone", "when": "after", "nth": nth}).wait() == 137
    assert site.start(until_settled=10).wait() == 0
    assert not site.quarantined
    assert judge(site, his.received) == 0


@pytest.mark.long
def test_fault_105_kills_while_the_helper_begins_refuse_none(site: Site, his: StandIn) -> None:
    """One kill comes while a file is read alone, and from then on each before anybody can read it."""
    for number in range(2):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    assert site.start(killed={"call": "SpoolBook.spooled", "when": "before"}).wait() == 137
    assert site.start(killed={"call": "SpoolBook.reading_alone", "when": "after", "nth": 2}).wait() == 137
    for _ in range(4):
        assert site.start(killed={"call": "Helper.await_ready", "when": "before"}).wait() == 137
    ((note,),) = site.rows("SELECT value FROM meta WHERE key = 'reading_alone'")
    assert list(json.loads(note)["ends"].values()) == [1], "the one that was being read once"
    assert site.start(until_settled=2).wait() == 0
    assert not site.quarantined
    assert judge(site, his.received) == 0


# ------------------------------------------------------------------ short of something


def test_fault_103_no_descriptor_is_left(site: Site, his: StandIn) -> None:
    """Whatever the agent then does, it waits or leaves with 75, and nothing is lost."""
    for number in range(4):
        site.drop(f"{number}.json", report(f"F{number}"), order=number)
    codes = set()
    for more in range(6):
        agent = site.start(descriptors_beyond=more)
        until(lambda agent=agent: not agent.runs or agent.events("agent.started"), "it has begun")
        until(lambda agent=agent: not agent.runs or _at_rest(site, 4) or _waits(agent), "it says what it does")
        codes.add(agent.stop() if agent.runs else agent.wait())
    assert codes <= {0, 75}
    again = site.start(until_settled=4)
    assert again.wait() == 0
    judge(site, his.received)


@pytest.mark.long
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN])
@pytest.mark.parametrize("call", ["sync_folder", "rename"])
def test_fault_103_a_passing_shortage_is_waited_for(number: int, call: str, site: Site, his: StandIn) -> None:
    """In each thread that uses the folders: once is enough to end none of them with 74."""
    for nth in range(1, 7):
        site.drop(f"{number}-{nth}.json", report(f"F{number}-{nth}"))
        agent = site.start(fails_once={"call": call, "nth": nth, "errno": number}, until_settled=nth)
        code = agent.wait()
        assert code in (0, 75), agent.last_words()
        if code:
            assert site.start(until_settled=nth).wait() == 0
    assert judge(site, his.received) == 0


def _waits(agent: AgentProcess) -> bool:
    return any(event["event"].endswith((".waits", ".waiting", ".down", ".unavailable")) for event in agent.events())


def _at_rest(site: Site, files: int) -> bool:
    return len(site.sent) == files
