"""`preview --explain` and `preview --second-opinion`."""

import io

from rich.console import Console

from lab_sender.cli.origins import stories_table
from lab_sender.oru import FieldStory
from lab_sender.oru.rules.paths import Origin

PROFILE = """
message:
  receiving_application: HIS
  apply_to: [reports, hl7]
  set:
    - {field: OBX-15, value: "LAB"}
"""


def test_explain(here, report, his, secret):
    here.configure(his.port, more=PROFILE)
    shown = here("preview", "--explain", here.file("r.json", report())).stdout
    lines = {line.split()[0]: line.rstrip() for line in shown.splitlines() if line[:4] in ("MSH-", "PID-", "OBX[")}
    assert lines["MSH-5"].endswith("receiving_application, config.yaml line 10")
    assert lines["OBX[1]-15"].endswith("set[0], config.yaml line 13")
    assert "orders[0].results[0].value" in lines["OBX[1]-5"]
    assert secret in lines["PID-5"]
    assert "built by config.yaml" in shown


def test_explain_on_a_narrow_terminal():
    rules = (Origin("times.offset", "profile.yaml line 10"), Origin("times.convert", "profile.yaml line 10"))
    story = FieldStory("OBR[1]-22", "results rpt status chng date time", "20260701", "orders[0].reported", rules)
    out = io.StringIO()
    Console(file=out, width=80).print(stories_table([story], whole=False))
    shown = out.getvalue()
    assert "\u2026" not in shown, "nothing is cut off"
    for part in (story.field, story.value, "times.offset", "times.convert"):
        assert part in shown


def test_explain_in_json(here, report, his):
    here.configure(his.port, more=PROFILE)
    told = here.json("preview", "--explain", here.file("r.json", report()))
    assert told["profile"] == "config.yaml"
    one = next(each for each in told["messages"][0]["fields"] if each["field"] == "OBX[1]-15")
    assert one["rules"] == [{"rule": "set[0]", "at": "config.yaml line 13"}]
    assert one["from"] == "the profile"
    assert "second_opinion" not in told["messages"][0]


def test_explain_a_ready_file(here, ready, his):
    shown = here("preview", "--explain", here.file("a.hl7", ready("A1"))).stdout
    assert "No rule of the profile changes it." in shown
    here.configure(his.port, more=PROFILE)
    shown = here("preview", "--explain", here.file("a.hl7", ready("A1"))).stdout
    assert "set[0], config.yaml line 13" in shown
    assert "MSH-5" not in shown
    whole = here("preview", here.file("a.hl7", ready("A1"))).stdout
    assert "||||LAB" in whole


def test_a_ready_file_that_the_rules_refuse(here, ready, his):
    here.configure(his.port, more=PROFILE + "  require: [PID-8]\n")
    shown = here("preview", here.file("a.hl7", ready("A1")), exits=65).stdout
    assert "field.required at PID-8" in shown


def test_second_opinion(here, report):
    shown = here("preview", "--second-opinion", here.file("r.json", report())).stdout
    assert "hl7apy has no objection." in shown
    assert "hl7apy" not in here("preview", here.file("r.json", report())).stdout
    text = here("preview", "--second-opinion", here.file("r.json", report(value="x" * 250))).stdout
    assert "no objection" in text, "a long text is of type TX"


def test_second_opinion_in_json(here, ready):
    told = here.json("preview", "--second-opinion", here.file("a.hl7", ready("A1").replace(b"||5.4|", b"||word|")))
    (one,) = told["messages"][0]["second_opinion"]
    assert (one["place"], one["reason"]) == ("OBX[1]-5", "")
