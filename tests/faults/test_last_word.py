"""What the HIS's answers mean, and that its last word counts: faults 71 to 79 on the agent's process.

tests/delivery has each of them on the lane, in more forms.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from faults.bench import Site, until
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_ACTS = "\x1b]0;pwned\x07\x1b[2J\x9b\x7f\u202edoe"


def _says(code: str, control_id: str, text: str = "", more: str = "") -> bytes:
    return f"\x0bMSH|^~\\&|HIS\rMSA|{code}|{control_id}|{text}\r{more}\x1c\r".encode()


def _states(site: Site) -> list[tuple[str, str, str]]:
    return site.rows("SELECT control_id, state, contradicted FROM message ORDER BY id")


def test_fault_71_a_refusal_that_is_no_proof_is_no_delivery(site: Site, his: StandIn) -> None:
    his.answer_by("id=M0&first: close", "id=M0: AE,text=Error processing message: specimen already cancelled")
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.hl7", ready("M1"), order=1)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert _states(site) == [("M0", "quarantined", ""), ("M1", "acked", "")]
    assert b"may have arrived" in site.quarantined["0.hl7.reason.txt"]
    assert b"Ask the HIS whether it has control id M0" in site.quarantined["0.hl7.reason.txt"]


def test_fault_72_an_answer_of_60_kb_does_not_freeze_the_agent(site: Site, his: StandIn) -> None:
    trace = "message at ca.uhn.hl7v2.HL7Exception foo " * 1500
    his.answer_by("id=M0&first: close", f"id=M0: AE,text={trace}")
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.hl7", ready("M1"), order=1)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert _states(site) == [("M0", "quarantined", ""), ("M1", "acked", "")]


@pytest.mark.parametrize("when", ["idle", "next"])
def test_fault_73_a_refusal_after_the_verdict_flags_the_delivery(when: str, site: Site, his: StandIn) -> None:
    agent = site.start()
    site.drop("0.hl7", ready("M0"), order=0)
    site.settle(1)
    his.say(_says("AE", "M0", "patient Doe unknown"))
    if when == "next":
        site.drop("1.hl7", ready("M1"), order=1)
        site.settle(2)
    until(lambda: site.rows("SELECT 1 FROM message WHERE contradicted = 'AE'"), "the flag")
    assert agent.stop() == 0
    assert _states(site)[0] == ("M0", "acked", "AE")
    assert [(each["message"], each["code"]) for each in agent.events("message.contradicted")] == [(1, "AE")]
    assert "0.hl7" in site.sent
    assert his.connections == 1


@pytest.mark.parametrize("answer", ["commit+error", "commit+error,late=100ms"])
def test_fault_73_74_a_refusal_after_a_commit_is_the_verdict(answer: str, site: Site, his: StandIn) -> None:
    his.answer_by(f"id=M0: {answer}")
    site.drop("0.hl7", ready("M0"), order=0)
    agent = site.start()
    site.settle(1)
    assert agent.stop() == 0
    assert _states(site) == [("M0", "quarantined", "")]


@pytest.mark.long
def test_fault_75_a_his_that_only_commits_costs_no_wait(make_site: Callable[..., Site], his: StandIn) -> None:
    his.answer_by("commit")
    site = make_site(his.port, application_ack_timeout="1s")
    for number in range(30):
        site.drop(f"{number:02}.hl7", ready(f"M{number:02}"), order=number)
    agent = site.start()
    site.settle(30)
    assert agent.stop() == 0
    assert site.rows("SELECT state, code, COUNT(*) FROM message GROUP BY 1, 2") == [("acked", "commit-only", 30)]
    assert site.rows("SELECT COUNT(*) FROM attempt WHERE kind = 'committed'") == [(3,)]  # the others waited no second
    assert len(agent.events("ack.commit-only")) == len(agent.events("link.commit-only")) == 1


def test_fault_76_an_id_that_is_ours_but_for_trailing_blanks(site: Site, his: StandIn) -> None:
    his.answer_by("nothing")
    agent = site.start()
    site.drop("0.hl7", ready("M0"))
    his.wait_for(1)
    his.say(_says("AA", "M0   "))
    site.settle(1)
    assert agent.stop() == 0
    assert _states(site) == [("M0", "acked", "")]


def test_fault_77_78_79_the_words_of_the_his_neither_show_nor_act(site: Site, his: StandIn) -> None:
    his.answer_by("nothing")
    agent = site.start()
    site.drop("0.hl7", ready("ACC-19800101\x07"))
    for copy in (1, 2):
        his.wait_for(copy)
        his.say(_says("AE", "ACC-19800101\x07", f"Patient {_ACTS} unknown", "ERR|||Patient 4711 unknown|E\r"))
    site.settle(1)
    assert agent.stop() == 0
    (reason, words) = site.rows("SELECT reason, his_words FROM message")[0]
    assert reason == "The HIS answered AE."
    assert "Patient 4711 unknown" in words
    (text,) = [text.decode() for name, text in site.quarantined.items() if name.endswith(".reason.txt")]
    assert text.replace("\n", "").isprintable()
    assert "\\x1b]0;pwned\\x07\\x1b[2J\\x9b\\x7f\\u202edoe" in text
    log = agent.log.read_text()
    assert "ACC-19800101" not in log
    assert all(line.isprintable() and json.loads(line) for line in log.splitlines())


def test_fault_76_ids_that_differ_in_blanks_only_are_not_two(site: Site, his: StandIn) -> None:
    """An answer to one of them would be taken for the other's."""
    site.drop("0.hl7", ready("X1"), order=0)
    site.drop("1.hl7", ready("X1", value="140").replace(b"|X1|", b"|X1 |"), order=1)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert len({each.control_id.rstrip() for each in his.received}) == len(his.received) == 2
