"""A message that asks its HIS for no answer is told at intake, not after five copies."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from faults.bench import Site
from faults.workload import ready, report
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn

RULES = "set: [{field: MSH-15, value: %s}, {field: MSH-16, value: %s}]"


def asking(control_id: str, accept: str, application: str) -> bytes:
    """A ready message with MSH-15 and MSH-16."""
    return ready(control_id).replace(b"|P|2.5.1\r", f"|P|2.3.1|||{accept}|{application}\r".encode(), 1)


def by_rules(site: Site, accept: str, application: str) -> None:
    """Let the profile set both fields, of reports and of ready messages."""
    profile = site.folder / "rules.yaml"
    profile.write_text("apply_to: [reports, hl7]\n" + RULES % (accept, application))
    site.settings["corrections"] = f"{{}}, extends: {profile}"


def codes(site: Site) -> list[str]:
    return [code for (code,) in site.rows("SELECT code FROM message ORDER BY id")]


def test_fault_108_ready_hl7_that_asks_for_no_answer_is_refused(site: Site, his: StandIn) -> None:
    silent = [("NE", "NE"), ("ER", "ER"), ("", "NE"), ("ER", ""), ("NE", "ER")]
    for number, pair in enumerate(silent):
        site.drop(f"{number}.hl7", asking(f"S{number}", *pair), order=number)
    for number, pair in enumerate([("AL", "NE"), ("NE", "AL"), ("", ""), ("SU", "")]):
        site.drop(f"good-{number}.hl7", asking(f"G{number}", *pair), order=100 + number)
    site.start()
    site.settle(9)
    assert codes(site) == ["hl7.no-answer-asked"] * 5 + [""] * 4
    assert [each.control_id for each in his.received] == ["G0", "G1", "G2", "G3"]
    assert b"MSH-15 and MSH-16 ask for no answer" in site.quarantined["0.hl7.reason.txt"]
    told = CliRunner().invoke(
        main, ["-c", str(site.folder / "config.yaml"), "preview", str(site.quarantine / "0.hl7"), "--json"]
    )
    assert told.exit_code == 65
    assert json.loads(told.stdout)["messages"][0]["findings"][0]["code"] == "hl7.no-answer-asked"


def test_fault_108_a_site_whose_his_looks_at_neither_field_may_have_it_sent(site: Site, his: StandIn) -> None:
    site.settings["hl7_no_answer"] = "send"
    site.drop("a.hl7", asking("A", "NE", "NE"), order=1)
    site.start()
    site.settle(1)
    assert [each.control_id for each in his.received] == ["A"]
    assert site.rows("SELECT code FROM remark") == [("hl7.no-answer-asked",)]
    (site.folder / "again.hl7").write_bytes(asking("A", "NE", "NE"))
    told = CliRunner().invoke(
        main, ["-c", str(site.folder / "config.yaml"), "preview", str(site.folder / "again.hl7"), "--json"]
    )
    assert told.exit_code == 0, told.stdout
    assert json.loads(told.stdout)["messages"][0]["findings"][0]["severity"] == "warning"


def test_fault_108_the_message_that_goes_out_is_looked_at(site: Site, his: StandIn) -> None:
    by_rules(site, "NE", "AL")
    site.drop("a.hl7", asking("A", "NE", "NE"), order=1)
    site.start()
    site.settle(1)
    assert b"|NE|AL\r" in his.received[0].body
    assert site.rows("SELECT state, wants_application FROM message") == [("acked", 1)]


@pytest.mark.parametrize("data", [asking("A", "AL", "NE"), report("F1")], ids=["ready", "report"])
def test_fault_108_rules_that_ask_for_no_answer_are_refused_too(site: Site, his: StandIn, data: bytes) -> None:
    by_rules(site, "NE", "NE")
    site.drop("a.x", data)
    site.start()
    site.settle(1)
    assert codes(site) == ["hl7.no-answer-asked"]
    assert his.count == 0
