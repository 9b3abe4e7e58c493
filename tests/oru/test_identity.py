"""Which identifiers of a patient are sent, in which order, and where else."""

from __future__ import annotations

import pytest

from lab_sender.errors import LabSenderError
from oru.sites import fields, refused, report, site

IDS = [
    {"id": "N1", "type": "NI", "authority": "1.2.3"},
    {"id": "M1", "type": "MR", "authority": "HOSP"},
    {"id": "X1"},
    {"id": "S1", "type": "SS"},
    {"id": "M2", "type": "MR"},
]
MR, SS, NI = "M1^^^HOSP^MR", "S1^^^^SS", "N1^^^&1.2.3&ISO^NI"


def pid(identifiers, number=3, version="2.5.1", ids=IDS, **patient):
    builder = site(identifiers=identifiers, version=version)
    return fields(builder, report({}, patient={"ids": ids, **patient}), "PID", number)[0]


@pytest.mark.parametrize(
    ("identifiers", "written"),
    [
        ({}, f"{NI}~{MR}~X1~{SS}~M2^^^^MR"),
        ({"order": ["MR", "AN", "NI"]}, f"{MR}~M2^^^^MR~{NI}~X1~{SS}"),
        ({"send": ["SS", "NI"]}, f"{NI}~{SS}"),
        ({"send": ["SS", "NI"], "order": ["SS"]}, f"{SS}~{NI}"),
        ({"copies": {"PID-2": "MR"}}, f"{NI}~{MR}~X1~{SS}~M2^^^^MR"),
    ],
)
def test_order_and_choice(identifiers, written):
    assert pid(identifiers) == written


@pytest.mark.parametrize("version", ["2.3.1", "2.5.1", "2.8.2"])
def test_an_identifier_without_number_names_nobody(version):
    ids = [{"id": "", "type": "NI", "authority": "X"}, {"id": "M1", "type": "MR"}]
    account = {"id": "", "authority": "BILL"}
    assert pid({}, ids=ids, version=version) == "M1^^^^MR"
    assert pid({}, 18, ids=ids, version=version, account=account) == ""


@pytest.mark.parametrize(
    ("path", "kind", "number", "version", "written"),
    [
        ("PID-2", "MR", 2, "2.3", MR),
        ("PID-2", "MR", 2, "2.5.1", MR),
        ("PID-2.1", "MR", 2, "2.5.1", "M1"),
        ("PID-4", "NI", 4, "2.3.1", NI),
        ("PID-18", "MR", 18, "2.7", MR),
        ("PID-19", "SS", 19, "2.4", "S1"),  # ST
        ("PID-20", "SS", 20, "2.4", "S1"),  # DLN: the number is its first component
        ("PID-2", "AN", 2, "2.4", ""),
    ],
)
def test_copies(path, kind, number, version, written):
    assert pid({"copies": {path: kind}, "send": ["NI"]}, number, version) == written
    assert pid({"copies": {path: kind}, "send": ["NI"]}, 3, version).startswith("N1")


def test_a_copy_does_not_take_the_place_of_what_the_report_says():
    assert pid({"copies": {"PID-18": "MR"}}, 18, account="A1|HOSP") == "A1^^^HOSP"
    assert pid({"copies": {"PID-18": "MR"}}, 18) == MR


def test_nothing_left_to_send():
    builder = site(identifiers={"send": ["MR"]})
    for ids in ([{"id": "X1"}], [{"id": "X1", "type": "NI"}], [{"id": "", "type": "MR"}, {"id": "X1"}]):
        assert refused(builder, report({}, patient={"ids": ids})) == [("patient.id", "patient.ids", "PID-3")]
    assert refused(builder, report({}, patient={"ids": []})) == [("patient.id", "patient.ids", "PID-3")]


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("PID-2", "2.7"), ("PID-4", "2.8.2"), ("PID-19", "2.8"), ("PID-3", "2.5.1"), ("PID-99", "2.5.1"),
        ("PV1-19", "2.5.1"), ("PID-18.4", "2.5.1"), ("PID-18[2]", "2.5.1"),
    ],
)  # fmt: skip
def test_a_copy_to_a_field_that_is_not_there(path, version):
    with pytest.raises(LabSenderError) as caught:
        site(identifiers={"copies": {path: "MR"}}, version=version)
    assert caught.value.code == "profile.field"


def test_a_finding_names_the_identifier_by_its_place_in_the_report():
    builder = site(identifiers={"order": ["MR"]})
    ids = [{"id": "1"}, {"id": "2\x00", "type": "MR"}]
    assert refused(builder, report({}, patient={"ids": ids})) == [("text.control", "patient.ids[1].id", "PID-3")]
