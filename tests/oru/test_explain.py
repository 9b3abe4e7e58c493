"""Where each field comes from; what hl7apy says."""

import datetime
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from lab_sender.config.profile import builtin
from lab_sender.config.profile.model import VERSIONS
from lab_sender.hl7 import grammar
from lab_sender.hl7.er7 import field_name
from lab_sender.hl7.second_opinion import second_opinion
from lab_sender.oru import Builder, explain, explain_ready
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.rules.sources import source
from lab_sender.oru.writer import CarefulWriter
from lab_sender.report.model import Report

CODE = {"code": "2345-7", "text": "Glucose", "system": "LN"}
REPORT = {
    "patient": {"ids": [{"id": "4711", "type": "MR"}, {"id": "9", "type": "SS"}], "name": {"family": "Roe"}},
    "orders": [
        {
            "filler": "F1", "test": CODE, "section": "CHEM", "collected": "2026-07-01T08:00+01:00",
            "reported": "2026-07-01T09:00+01:00", "notes": ["n"],
            "results": [
                {"test": CODE, "value": "5.4", "unit": "mmol/L"},
                {"test": CODE, "sub_id": "2", "value": "1"},
            ],
        }
    ],
}  # fmt: skip
MORE = {"control_id": "C1", "now": datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC), "attachments": {}}


def told(report=REPORT, place="", **profile):
    stories = explain(Builder(builtin(**profile)), msgspec.convert(report, Report), place=place, **MORE)
    return {story.field: story for story in stories}


def test_the_report_the_profile_the_builder():
    stories = told(receiving_application="HIS", place="row 3")
    assert stories["OBX[2]-5"].source == "row 3.orders[0].results[1].value"
    assert stories["OBX[1]-6"].source == "row 3.orders[0].results[0].unit"
    assert stories["OBR[1]-25"].source == "row 3.orders[0].status"
    assert stories["ORC[1]-3"].source == "row 3.orders[0].filler"
    assert stories["OBX[1]-1"].source == "the builder"
    assert stories["MSH-10"].source == "the builder"
    header = stories["MSH-5"]
    assert (header.value, header.name, header.source) == ("HIS", "receiving application", "the profile")
    assert [rule.label for rule in header.rules] == ["receiving_application"]


def test_the_time_of_the_message_names_what_formed_it():
    forms = {"offset": "never", "fields": {"MSH-7": {"offset": "never", "precision": "minute"}}}
    stories = told(time_zone="Europe/Dublin", times=forms)
    assert stories["MSH-7"].value == "202607011300"
    assert [rule.label for rule in stories["MSH-7"].rules] == ["time_zone", "times.offset", "times.fields.MSH-7"]


def test_a_segment_that_no_part_of_the_report_made_is_the_builders():
    assert told(drop=["SFT"])["SFT"].source == "the builder"


def test_it_is_the_message_that_is_built():
    profile = builtin(set=[{"field": "OBX-15", "value": "{order.section}"}], drop=["NTE"], text={"structured": "ST"})
    builder, report = Builder(profile), msgspec.convert(REPORT, Report)
    values = [story.value for story in explain(builder, report, **MORE) if story.name != "left out"]
    built = builder.build(report, **MORE).body.decode()
    lines = built.replace("MSH|", "MSH|||", 1).rstrip("\r").split("\r")
    sent = ["|", *(value for line in lines for value in line.split("|")[1:] if value)]
    assert values == sent


def test_rules_and_settings_that_had_a_part():
    profile = {
        "set": [{"field": "OBX-15", "value": "LAB", "when": "OBX-2 = NM"}, {"field": "OBX-15", "value": "LAB2"}],
        "add": [{"segment": "ZLB|1|{OBR-3}", "after": "OBR"}],
        "drop": ["NTE"],
        "limits": {"OBX-3.2": {"length": 3, "then": "truncate"}},
        "codes": {"maps": {"test": {"inline": {"2345-7": "GLU"}}}},
        "identifiers": {"send": ["MR"]},
    }
    stories = told(**profile)
    assert [rule.label for rule in stories["OBX[1]-15"].rules] == ["set[0]", "set[1]"]
    assert [rule.label for rule in stories["ZLB[1]-2"].rules] == ["add[0]"]
    assert stories["ZLB[1]-2"].source == "the profile"
    assert [rule.label for rule in stories["OBX[1]-3"].rules] == ["codes.maps.test", "limits.OBX-3.2"]
    assert [rule.label for rule in stories["PID-3"].rules] == ["identifiers.send"]
    gone = stories["NTE"]
    assert (gone.name, gone.source) == ("left out", "orders[0].notes[0]")
    assert [rule.label for rule in gone.rules] == ["drop[0]"]


def test_a_report_that_cannot_be_built_is_told_too():
    assert "OBX[1]-5" in told(require=["PID-8"])


def test_ready_messages_tell_what_the_rules_changed():
    body = b"MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.5.1\rPID|1||4711\rOBR|1||F1\rOBX|1|ST|A||x\r"
    drop = [{"segment": "OBX", "when": "OBX-5 = x"}]
    profile = builtin(apply_to=["hl7"], set=[{"field": "MSH-6", "value": "NEW"}], drop=drop)
    changed, gone = explain_ready(body, Rules(profile, grammar.load("2.5.1")), "2.5.1")
    assert (changed.field, changed.value, changed.rules[0].label) == ("MSH-6", "NEW", "set[0]")
    assert (gone.field, gone.name) == ("OBX", "left out")


# ------------------------------------------------------------ second opinion


@pytest.mark.parametrize("version", VERSIONS)
def test_in_every_version_hl7apy_objects_to_nothing_but_what_it_is_known_to_get_wrong(version):
    report = msgspec.convert(REPORT, Report)
    body = Builder(builtin(version=version, add=[{"segment": "ZLB|1", "after": "OBR"}])).build(report, **MORE).body
    opinions = second_opinion(body, "utf-8")
    assert [one for one in opinions if not one.reason] == []
    assert [one.place for one in opinions][-1 if len(opinions) == 1 else 0 if version != "2.7.1" else 1] == "ZLB"


def test_known_false_rejects():
    head = "MSH|^~\\&#|A|B|C|D|20240101||ORU^R01^ORU_R01|1|P|2.5.1\rPID|1||4711||Roe\rOBR|1||F1|A^B^L\r"
    body = head + "OBX|1|ST|A^B^L||" + "x" * 300 + "||||||F\r\n"
    five, long = second_opinion(body.encode(), "utf-8")
    assert (five.place, long.place) == ("MSH-2", "OBX[1]-5")
    assert "four delimiters" in five.reason
    assert "199" in long.reason


@pytest.mark.parametrize(
    ("line", "place"),
    [("PID|1||4711||Roe||1980-01-01", "PID"), ("OBX|1|NM|A^B^L||word||||||F", "OBX[1]-5"), ("PID|1|||", "message")],
)
def test_real_objections(line, place):
    lines = ["MSH|^~\\&|A|B|C|D|20240101||ORU^R01^ORU_R01|1|P|2.5.1", "PID|1||4711||Roe", "OBR|1||F1|A^B^L"]
    lines = [line if one[:3] == line[:3] else one for one in lines] + ([line] if line.startswith("OBX") else [])
    opinions = second_opinion("\r".join(lines).encode(), "utf-8")
    assert place in [one.place for one in opinions if not one.reason]


@pytest.mark.parametrize(
    "body", [b"", b"MSH", b"MSH|", b"MSH|^~\\&", b"MSH|^~\\&|\rPID", b"\xff\xfe", b"MSH|^~\\&||||||||||2.5.1\rXX"]
)
def test_whatever_it_is_given_is_an_opinion(body):
    assert second_opinion(body, "utf-8")


def test_the_agent_does_not_load_it():
    code = "import sys, lab_sender.agent.process, lab_sender.intake.workshop; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "lab_sender.oru.builder" in loaded
    assert "hl7apy.parser" not in loaded
    assert "opinion" not in loaded


# ------------------------------------------------------------------- sources


@pytest.mark.parametrize("version", VERSIONS)
def test_sources_agree_with_what_the_builder_writes(version):
    report = msgspec.json.decode((Path(__file__).parent / "golden" / "rich.json").read_bytes(), type=Report)
    builder = Builder(builtin(version=version))
    w = CarefulWriter(builder.site, "")
    builder.write(w, report, **MORE)
    numbers = Counter()
    seen = 0
    for line, place in zip(w.lines, w.places, strict=True):
        segment = line[:3]
        numbers[segment] += 1
        for at, value in enumerate(line.split("|")):
            exact = w.source(field_name(segment, numbers[segment], at), place)
            if at and value and segment != "MSH" and exact != place:
                known = source(segment, at, 0, place)
                assert known is not None, (segment, at, exact)
                thing = known.removeprefix(place).lstrip(".").partition("[")[0].partition(".")[0]
                wrote = exact.removeprefix(place).lstrip(".").partition("[")[0].partition(".")[0]
                assert thing == wrote or {thing, wrote} <= {"id", "filler", "placer"}, (segment, at, exact, known)
                seen += 1
    assert seen > 80
