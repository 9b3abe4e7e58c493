"""What a HIS can answer, do, or leave undone: what the journal says of it, and what arrived.

Faults 23 to 34 and 43, on the agent's process; tests/mllp has the same of the connection, tests/core of the lane.
Three messages go to a HIS that does something to the middle one: the others must not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from faults.bench import Site
from faults.judge import judge
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_ACCEPTED = "verdict AA"


@dataclass(frozen=True)
class Script:
    """What the HIS does to M1 (`rule`), and what comes of it.

    `tried` are the attempts of M1 as the journal has them, each a kind with its code; several codes where the kernel
    may tell it either way. `copies` is how often M1 arrives. `waits`: the time of the ACK runs out, which a busy
    machine may let happen to a sound answer too.
    """

    rule: str
    tried: tuple[str, ...] = (_ACCEPTED,)
    copies: int = 1
    connections: int = 1
    state: str = "acked"
    waits: bool = False
    foreign: str = ""


def _once(rule: str, code: str, *, copies: int = 2, waits: bool = False, foreign: str = "") -> Script:
    """A fault that happens once, has no verdict, and costs the connection."""
    return Script(f"id=M1&first: {rule}", (f"unknown {code}", _ACCEPTED), copies, 2, waits=waits, foreign=foreign)


def _refused(code: str, more: str = "") -> Script:
    return Script(f"id=M1: {code}{more}", (f"verdict {code}",) * 3, copies=3, state="quarantined")


_LATE = "late=1s"
SCRIPTS = {
    "fault_23-ack-lost": _once("nothing", "ack.timeout", waits=True),
    "fault_24-ack-late": _once(_LATE, "ack.timeout", waits=True),
    "fault_25-ack-for-another": _once("wrong-id", "ack.foreign", waits=True, foreign="FOREIGN"),
    "fault_26-ack-that-contains-our-id": _once("containing-id", "ack.foreign", waits=True, foreign="M12"),
    "fault_27-ack-byte-by-byte": Script("id=M1: AA,split"),
    "fault_27-ack-without-its-cr": Script("id=M1: no-cr"),
    "fault_28-ours-twice": Script("id=M1: twice"),
    "fault_28-a-foreign-one-first": Script("id=M1: foreign-first", connections=2, foreign="FOREIGN"),
    "fault_28-a-foreign-one-after": Script("id=M1: foreign-after", connections=2),
    "fault_29-line-feeds": Script("id=M1: lf"),
    "fault_29-a-banner": _once("garbage", "ack.gibberish"),
    "fault_29-a-mebibyte-of-noise": _once("noise=1MiB", "ack.gibberish"),
    "fault_30-an-endless-frame": _once("endless", "ack.too-long"),
    "fault_31-without-msa": _once("no-msa", "ack.no-msa"),
    "fault_31-unknown-code": _once("unknown-code", "ack.unknown-code"),
    "fault_31-several-msa": _once("several-msa", "ack.several-msa"),
    "fault_31-empty-frame": _once("empty-frame", "ack.empty"),
    "fault_31-xml": _once("xml", "ack.not-hl7"),
    "fault_31-without-a-frame": _once("unframed", "ack.unframed"),
    "fault_32-ae": _refused("AE"),
    "fault_32-ar": _refused("AR", ",code=101,text=required field missing"),
    "fault_32-ce": _refused("CE"),
    "fault_32-cr": _refused("CR", ",code=200,severity=F,text=unsupported"),
    "fault_32-locked-for-a-moment": Script(
        "id=M1&first=2: AE,code=206,text=locked", ("verdict AE", "verdict AE", _ACCEPTED), copies=3
    ),
    "fault_34-closed-instead-of-an-answer": _once("close", "ack.closed"),
    "fault_34-reset-instead-of-an-answer": _once("reset", "ack.reset"),
    "fault_34-reset-in-mid-message": Script(
        "nth=2: reset-mid=40", ("unknown ack.reset|ack.closed|write.reset", _ACCEPTED), connections=2
    ),
    "fault_43-a-web-server": _once("http", "ack.gibberish"),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_his_answers(script: Script, make_site: Callable[..., Site], his: StandIn) -> None:
    his.answer_by(script.rule)
    site = make_site(his.port, refused="3", unanswered="50", ack_timeout="400ms" if script.waits else "20s")
    for number in range(3):
        site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
    agent = site.start()
    site.settle(3)
    assert agent.stop() == 0
    judge(site, his.received, again={"M1": script.copies})

    tried = _tried(site)
    arrived = [each.control_id for each in his.received]
    if script.waits:
        tried, arrived = list(dict.fromkeys(tried)), list(dict.fromkeys(arrived))
        assert his.connections >= script.connections
    else:
        assert arrived == ["M0", *["M1"] * script.copies, "M2"]
        assert his.connections == script.connections
    assert len(tried) == len(script.tried)
    assert all(one in _either(other) for one, other in zip(tried, script.tried, strict=True)), tried
    assert list(dict.fromkeys(arrived)) == ["M0", "M1", "M2"]
    assert site.rows("SELECT control_id, state FROM message ORDER BY id") == [
        ("M0", "acked"), ("M1", script.state), ("M2", "acked"),
    ]  # fmt: skip
    (foreign,) = site.rows(
        "SELECT COALESCE(MAX(a.foreign_ids), '') FROM attempt a JOIN message m ON m.id = a.message_id"
        " WHERE m.control_id = 'M1'"
    )[0]
    assert script.foreign in foreign
    assert bool(agent.events("ack.foreign")) == ("foreign" in script.rule or bool(script.foreign))


def _either(tried: str) -> set[str]:
    kind, _, codes = tried.partition(" ")
    return {f"{kind} {code}" for code in codes.split("|")}


def _tried(site: Site) -> list[str]:
    """Return the attempts at M1."""
    return [
        f"{kind} {code or ack_code}"
        for kind, code, ack_code in site.rows(
            "SELECT a.kind, a.code, a.ack_code FROM attempt a JOIN message m ON m.id = a.message_id"
            " WHERE m.control_id = 'M1' ORDER BY a.number"
        )
    ]


def test_fault_24_a_late_answer_is_never_the_next_ones(make_site: Callable[..., Site], his: StandIn) -> None:
    """M0's answer comes late, when M1 waits for its own, which is a refusal."""
    his.answer_by("id=M0&first: late=1s", "id=M1: AE")
    site = make_site(his.port, ack_timeout="400ms", unanswered="50")
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.hl7", ready("M1"), order=1)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    judge(site, his.received, again={"M1": 2})
    assert site.rows("SELECT control_id, state FROM message ORDER BY id") == [("M0", "acked"), ("M1", "quarantined")]


def test_fault_33_a_poison_message_among_good_ones(make_site: Callable[..., Site], his: StandIn) -> None:
    """The others pass it only once it is in quarantine, and keep their order; the HIS's words are kept."""
    his.answer_by("id=M3: AE,code=207,text=application internal error")
    site = make_site(his.port, refused="3")
    for number in range(8):
        site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
    agent = site.start()
    site.settle(8)
    assert agent.stop() == 0
    assert judge(site, his.received, again={"M3": 3}) == 0
    order = [f"M{number}" for number in range(8) for _ in range(3 if number == 3 else 1)]
    assert [each.control_id for each in his.received] == order
    assert site.quarantined.keys() == {"3.hl7", "3.hl7.reason.txt"}
    assert b"application internal error" in site.quarantined["3.hl7.reason.txt"]
    assert "application internal error" not in agent.log.read_text(), "the HIS's own words may name a patient"


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_fault_34_an_idle_connection_that_ended_costs_no_attempt(reset: bool, site: Site, his: StandIn) -> None:
    agent = site.start()
    site.drop("0.hl7", ready("M0"))
    site.settle(1)
    his.drop(reset=reset)
    site.drop("1.hl7", ready("M1"))
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert site.rows("SELECT kind FROM attempt") == [("verdict",), ("verdict",)]
    assert his.connections == 2
