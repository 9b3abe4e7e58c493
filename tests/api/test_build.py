"""`build`: the message and every finding, by a configuration or by a profile alone."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pytest

from lab_sender.api import LabSender, LabSenderError, build

NOW = datetime.datetime(2026, 11, 22, 9, 0, tzinfo=datetime.UTC)


def places(message) -> list[tuple[str, str, str]]:
    return [(each.code, each.place, each.severity) for each in message.findings]


def test_a_report_by_a_configuration(here, his, report):
    here.configure(his.port, more="message: {sending_application: MYLIS, time_zone: UTC}\n")
    lab, before = LabSender(here.path), here.tree()
    message = lab.build(json.loads(report()), control_id="C1", now=NOW)
    assert message.body.startswith(b"MSH|^~\\&|MYLIS|||")
    assert b"|20261122090000" in message.body
    assert (message.control_id, message.body.split(b"|")[9], message.findings) == ("C1", b"C1", ())
    assert (here.tree(), his.count) == (before, 0), "no file is made, nothing is sent"


@pytest.mark.parametrize("form", [str, str.encode, json.loads])
def test_a_report_by_a_built_in_profile_in_every_form(report, form):
    message = build(form(report()), "generic-2.3.1", control_id="C1", now=NOW)
    assert b"|C1|P|2.3.1" in message.body
    assert message == build(report(), "generic-2.3.1", control_id="C1", now=NOW)


def test_a_profile_of_ones_own(tmp_path, report):
    (tmp_path / "his.yaml").write_text("extends: generic-2.4\nsending_application: MYLIS\n")
    assert build(report(), str(tmp_path / "his.yaml")).body.startswith(b"MSH|^~\\&|MYLIS|")
    for name in ("us-lir", str(tmp_path / "none.yaml")):
        with pytest.raises(LabSenderError, match=r"profile\.invalid"):
            build(report(), name)


def test_each_message_has_an_id_and_a_time_of_its_own(report):
    first, second = build(report(), "generic-2.5.1"), build(report(), "generic-2.5.1")
    assert first.control_id != second.control_id
    assert first.control_id.encode() in first.body


def test_every_finding_with_its_place_and_none_raised(report):
    held = json.loads(report())
    held["orders"][0] |= {"status": "nearly", "reported": ""}
    held["orders"][0]["results"][0]["range"] = {"low": "9", "high": "1"}
    held["patient"]["sex"] = "X"
    message = build(held, "generic-2.5.1")
    assert message.body is None
    found = places(message)
    assert ("status.unknown", "orders[0].status", "error") in found
    assert ("order.time", "orders[0].reported", "warning") in found
    assert len(found) >= 4, found


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("{", "json.syntax", "line 1, column 2"),
        ({"patient": {"name": {"family": float("inf")}}}, "json.type", "patient.name.family"),
        ({"patient": {}, "orders": [], "mistake": 1}, "json.unknown-key", "mistake"),
        (b"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|A|P|2.5.1\rPID|1||1||A^B\rOBR|1||F|1^A^LN\r"
         b"OBX|1|NM|1^A^LN||1|mmol/L|||||F\r", "build.one-report", ""),
        (b"", "file.empty", ""),
    ],
)  # fmt: skip
def test_what_is_no_report(content, code, place):
    message = build(content, "generic-2.5.1")
    assert message.body is None
    assert (code, place, "error") in places(message)


def test_one_report_at_a_time(report):
    message = build(f"[{report()},{report('F-2')}]", "generic-2.5.1")
    assert places(message) == [("build.one-report", "", "error")]


def test_attachments_that_the_report_names(report):
    document = b"%PDF-1.4 sample %%EOF"
    assert b"Base64" in build(report(attachment="a.pdf"), "generic-2.5.1", attachments={"a.pdf": document}).body
    message = build(report(attachment="a.pdf"), "generic-2.5.1")
    assert places(message) == [("attachment.missing", "orders[0].attachments[0].path", "error")]


def test_a_message_that_asks_for_no_answer_cannot_be_sent(here, his, report):
    here.configure(his.port, more="message: {set: [{field: MSH-15, value: NE}, {field: MSH-16, value: NE}]}\n")
    message = LabSender(here.path).build(report())
    assert (message.body, places(message)) == (None, [("hl7.no-answer-asked", "", "error")])


def test_it_is_the_message_that_the_agent_sends(here, his, report):
    """But for the time of day and the control id."""
    here.outbox.mkdir()
    lab, held = LabSender(here.path), json.loads(report(value="5.40"))
    held["orders"][0]["results"].append({"test": {"code": "K"}, "value": Decimal("4.10"), "unit": "mmol/L"})
    with here.agent():
        assert lab.drop(held).wait(30).outcome == "delivered"
    sent = his.received[0].body
    now = datetime.datetime.strptime(sent.split(b"|")[6].decode(), "%Y%m%d%H%M%S%z")
    assert lab.build(held, control_id=his.received[0].control_id, now=now).body == sent
