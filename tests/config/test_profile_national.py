"""us-lri, us-elr and ihe-lab3: a report that has everything is built; one that lacks a required field is refused.

The report is taken apart key by key: for each R field of a profile whose value comes from the report, the key that
docs/PROFILES.md names is removed, and the finding must name the field and that key.
"""

from __future__ import annotations

import copy
import datetime
import re
from typing import Any

import msgspec
import pytest

from lab_sender.config.profile import builtin, builtin_names
from lab_sender.errors import FileError, LabSenderError
from lab_sender.oru import Builder
from lab_sender.oru.rules.sources import source
from lab_sender.report.model import Report

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
AUTHORITY = {"namespace": "LAB", "id": "1.2.3"}
ADDRESS = {"street": "1 High St", "city": "Springfield", "state": "IL", "zip": "62701"}
ORDERER = {"id": "1234567893", "family": "Who", "given": "Ann", "authority": {"namespace": "NPI", "id": "2.16.8"}}
LAB = {
    "name": "City Lab", "id": "05D0642827", "authority": {"namespace": "CLIA", "id": "2.16.840.1.113883.4.7"},
    "address": ADDRESS, "director": ORDERER,
}  # fmt: skip
FULL: dict[str, Any] = {
    "schema": "lab-result/1",
    "patient": {
        "ids": [{"id": "4711", "authority": {"namespace": "HOSP", "id": "1.2.3.4"}, "type": "MR"}],
        "name": {"family": "Roe", "given": "Jane"}, "birth": "1970-01-02", "sex": "F",
        "race": [{"code": "2106-3", "text": "White", "system": "CDCREC"}], "phones": ["+1 217 555 0100"],
        "address": ADDRESS,
        "ethnicity": {"code": "N", "text": "Not Hispanic", "system": "HL70189"},
    },
    "visit": {"class": "O"},
    "orders": [
        {
            "test": {"code": "24323-8", "text": "CMP", "system": "LN"},
            "filler": {"id": "F1", "authority": AUTHORITY}, "placer": {"id": "P1", "authority": AUTHORITY},
            "collected": "2026-03-01T08:00:00-06:00", "reported": "2026-03-01T12:00:00-06:00",
            "orderer": ORDERER, "orderer_phone": "+1 217 555 0101",
            "orderer_facility": {"name": "City Hospital", "id": "9", "address": ADDRESS},
            "results": [
                {
                    "test": {"code": "2951-2", "text": "Sodium", "system": "LN"}, "value": "140", "unit": "mmol/L",
                    "range": "135-145", "flags": ["N"], "observed": "2026-03-01T08:00:00-06:00",
                    "analysed": "2026-03-01T10:00:00-06:00", "lab": LAB,
                }
            ],
            "specimens": [
                {
                    "id": "S1", "type": {"code": "119297000", "text": "Blood", "system": "SCT"},
                    "collected": "2026-03-01T08:00:00-06:00", "received": "2026-03-01T09:00:00-06:00",
                }
            ],
            "notes": ["fasting"],
        }
    ],
}  # fmt: skip
MSH = {
    "sending_application": "LAB^2.16.1^ISO", "sending_facility": "CITY^2.16.2^ISO",
    "receiving_application": "HIS^2.16.3^ISO", "receiving_facility": "HOSP^2.16.4^ISO",
}  # fmt: skip
NATIONAL = ("us-lri", "us-elr", "ihe-lab3", "uk", "au")
FILES = {"a.pdf": b"%PDF-1.4\n%%EOF\n"}
PLACES = {
    "PID": "patient", "PV1": "visit", "ORC": "orders[0]", "OBR": "orders[0]", "OBX": "orders[0].results[0]",
    "SPM": "orders[0].specimens[0]",
}  # fmt: skip
NEVER_EMPTY = {
    "PID-5": "an unknown name is ^^^^^^U",
    "PV1-2": "an unknown class is U",
    "OBR-7": "an unknown time is 0000",
    "SPM-17": "the same",
    "OBR-25": "final, where the order says nothing",
    "OBX-2": "follows the value",
    "OBX-11": "final, where the result says nothing",
    "SPM-1": "a set id",
}
READ_BEFORE = {
    "PID-3.1": "a key that the format demands",
    "PID-3": "a report without any identifier is refused for every profile (patient.id)",
    "OBR-4": "a key that the format demands",
    "OBX-3": "a key that the format demands",
    "OBR-3": "an order without number is refused for every profile",
    "OBX-5": "a result without value or reason is refused for every profile (value.missing)",
}


def build(name: str, report: dict[str, Any], **settings: Any) -> tuple[bytes, list[Any]]:
    builder = Builder(builtin(name, **MSH | settings))
    built = builder.build(msgspec.convert(report, Report), control_id="1", now=NOW, attachments=FILES, place="row 7")
    return built.body, list(built.warnings)


@pytest.mark.parametrize("name", NATIONAL)
def test_a_report_that_has_everything_is_built_without_a_word(name):
    _, warnings = build(name, FULL)
    assert [each for each in warnings if each.code != "field.expected"] == []
    assert [each.field for each in warnings] == []


@pytest.mark.parametrize("name", NATIONAL)
def test_a_document_and_an_order_that_follows_from_another_are_nothing_odd(name):
    report = copy.deepcopy(FULL)
    first, child = report["orders"][0], copy.deepcopy(FULL["orders"][0])
    first["attachments"] = [{"path": "a.pdf"}]
    child["filler"] = {"id": "F2", "authority": AUTHORITY}
    child["parent"] = {
        "filler": first["filler"], "placer": first["placer"], "observation": {"code": "600-7"}, "sub_id": "1",
    }  # fmt: skip
    del child["specimens"]  # its parent's
    report["orders"].append(child)
    assert build(name, report)[1] == []


@pytest.mark.parametrize("name", ["us-lri", "us-elr"])
def test_a_collection_time_said_to_be_unknown_is_not_missing(name):
    report = copy.deepcopy(FULL)
    remove(report, "orders[0].collected")
    body, warnings = build(name, report)
    assert b"|24323-8^CMP^LN|||20260301080000-0600|" in body  # the specimen's
    remove(report, "orders[0].specimens[0].collected")
    remove(report, "orders[0].results[0].observed")
    body, more = build(name, report)
    assert b"|24323-8^CMP^LN|||0000|" in body
    assert {each.code for each in (*warnings, *more)} <= {"field.expected"}  # SPM-17 and OBX-14, RE in LRI


def demands() -> list[Any]:
    found = []
    for name in NATIONAL:
        for each in builtin(name).settings.require:
            path = each.field
            key = source(path.segment, path.field, path.component, PLACES.get(path.segment, ""))
            never = str(path) in NEVER_EMPTY | READ_BEFORE or str(each.when) == "OBR-16 present"  # ORC-12 is OBR-16
            settled = str(path) in ("MSH-11", "MSH-12", "MSH-15", "MSH-16")  # a profile cannot be without
            if key and not never and not settled:
                found.append(pytest.param(name, str(path), key, id=f"{name}-{path}"))
    return found


@pytest.mark.parametrize(("name", "field", "key"), demands())
def test_what_is_required_and_missing_is_refused_with_its_field_and_its_source(name, field, key):
    report, settings = copy.deepcopy(FULL), {}
    if field in ("OBR-26", "OBR-29"):  # conditional on one another
        parent = {"observation": {"code": "1", "text": "x"}} if field == "OBR-29" else {"filler": "F0"}
        report["orders"][0]["parent"] = parent
    elif field.startswith(("OBR-2.", "OBR-3.")):
        bare = {"id": "", "authority": AUTHORITY} if field.endswith(".1") else "N1"
        report["orders"][0]["placer" if field.startswith("OBR-2") else "filler"] = bare
    elif key.startswith("message."):
        settings = {key.removeprefix("message."): "" if field[-2:] != ".2" else "NAME"}
        settings = {"profile_ids": []} if "profile_ids" in settings else settings
        settings = {"message_type": "ORU^R01"} if field == "MSH-9.3" else settings
    else:
        remove(report, key)
    with pytest.raises(FileError) as caught:
        build(name, report, **settings)
    findings = [each for each in caught.value.findings if each.code == "field.required"]
    told = {(each.field.replace("[1]", ""), each.place) for each in findings}
    place = key if key.startswith("message.") else f"row 7.{key}"
    assert (field, place) in told, told


def remove(report: Any, key: str) -> None:
    """Remove `patient.ids[0].authority`."""
    *steps, last = re.findall(r"\w+", key)
    at = report
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    if last.isdigit():
        at.pop(int(last))
    else:
        at.pop(last, None)


def test_an_order_without_specimen():
    report = copy.deepcopy(FULL)
    report["orders"][0]["specimens"] = []
    with pytest.raises(FileError) as caught:
        build("us-elr", report)
    assert [(each.code, each.place) for each in caught.value.findings] == [
        ("field.required", "row 7.orders[0].specimens[0]"),
    ]  # fmt: skip
    assert "row 7.orders[0].specimens[0]" in [each.place for each in build("us-lri", report)[1]]


@pytest.mark.parametrize(("name", "lines"), [("ihe-lab3", ["PV1|1|U"]), ("us-elr", ["PV1|1|U"]), ("us-lri", [])])
def test_a_report_without_a_visit_says_an_unknown_class_where_one_is_required(name, lines):
    report = copy.deepcopy(FULL)
    del report["visit"]
    body, _ = build(name, report)
    assert [line for line in body.decode().split("\r") if line.startswith("PV1")] == lines


def test_what_lri_has_beyond_its_version():
    body, _ = build("us-lri", FULL)
    (obx,) = (line for line in body.decode().split("\r") if line.startswith("OBX"))
    assert obx.split("|")[29] == "RSLT"
    assert "MSH|^~\\&|LAB^2.16.1^ISO" in body.decode()
    assert "|AL|NE|" in body.decode().split("\r")[0]


def test_elr_has_one_time_of_collection_and_five_delimiters():
    report = copy.deepcopy(FULL)
    del report["orders"][0]["results"][0]["observed"]
    rows = {line[:3]: line.split("|") for line in build("us-elr", report)[0].decode().split("\r")}
    assert rows["MSH"][1] == "^~\\&#"
    assert rows["OBR"][7] == rows["OBX"][14] == rows["SPM"][17] == "20260301080000-0600"
    assert rows["ORC"][23] == rows["ORC"][14] != ""


@pytest.mark.parametrize("version", ["2.7", "2.8.2"])
def test_what_goes_to_another_segment_stays_in_its_order(version):
    """2.7 has no OBR-14: the time stands in the SPM of the same order, never in that of the one before."""
    first = FULL["orders"][0] | {"received": "2026-03-01T09:00:00-06:00"}
    second = first | {"filler": "F2", "specimens": []}
    body, _ = build(f"generic-{version}", FULL | {"orders": [first, second]})
    lines = body.decode().split("\r")
    assert [line.split("|")[18] for line in lines if line.startswith("SPM")] == ["20260301090000-0600"]
    assert any("Specimen received: 2026-03-01 09:00" in line for line in lines if line.startswith("NTE"))


def test_every_builtin_profile_builds_the_full_report():
    for name in builtin_names():
        assert build(name, FULL)[0].startswith(b"MSH|")


def test_what_no_version_has_cannot_be_taken_over():
    expected = r"profile\.field: code: preadopted\[0\]: No version of HL7 has OBX-99\."
    with pytest.raises(LabSenderError, match=expected):
        Builder(builtin(preadopted=["OBX-99"]))
