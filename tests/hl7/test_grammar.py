"""The compiled grammar of every version, the checks made of it, and the view that names fields by it."""

from __future__ import annotations

import hl7_metadata
import hl7apy
import pytest
from kit.corpus import CORPUS, need_corpus

from lab_sender.errors import LabSenderError
from lab_sender.hl7 import grammar, metadata
from lab_sender.hl7.checks import Checks
from lab_sender.hl7.describe import describe

MSH = "MSH|^~\\&|||||20261122||ORU^R01^ORU_R01|1|P|2.5.1"
GOOD = ["PID|1||7^^^A||N^^^^^^L", "ORC|RE||F1", "OBR|1||F1|P", "OBX|1|NM|T||1||||||F", "NTE|1|L|x", "SPM|1|||SER"]


@pytest.fixture(scope="module")
def checks():
    return Checks(grammar.load("2.5.1"))


@pytest.mark.parametrize("version", sorted(hl7apy.SUPPORTED_LIBRARIES))
def test_every_version_compiles(version):
    compiled = grammar.load(version)
    assert compiled.structure
    assert [field.number for field in compiled.fields("OBX")][:11] == list(range(1, 12))
    assert compiled.fields("ZZZ") == ()
    Checks(compiled).misfits([MSH, *GOOD])


def test_the_metadata_is_what_hl7apy_says():
    assert sorted(metadata.VERSIONS) == sorted(hl7apy.SUPPORTED_LIBRARIES)
    for version in metadata.VERSIONS:
        file = hl7_metadata.FOLDER / f"{version}.txt"
        assert file.read_text("utf-8") == hl7_metadata.text(version), "make metadata"


def test_versions_without_metadata():
    assert grammar.load("2.7.1").version == "2.7"
    with pytest.raises(LabSenderError, match=r"grammar\.version"):
        grammar.load("3.0")


def test_metadata_that_is_put_right():
    assert all(grammar.load(version).fields("OBX")[1].least == 0 for version in ("2.3", "2.7", "2.8.2"))
    assert grammar.load("2.3").fields("ORC")[6].least == 0


def test_what_a_version_has_withdrawn_or_requires():
    late, old = grammar.load("2.8.2"), grammar.load("2.6")
    assert [late.fields("OBR")[number - 1].number for number in (14, 15, 16, 27)] == [14, 15, 16, 27]
    assert [late.fields("OBR")[number - 1].most for number in (14, 15, 27)] == [0, 0, 0]
    assert late.fields("PID")[28].datatype == "DTM"  # PID-28 is left out of the metadata
    assert [one.components("XTN")[0].datatype for one in (old, late)] == ["ST", "WD"]
    untyped = [MSH.replace("2.5.1", "2.8.2"), *(line.replace("7^^^A", "7^^^A^") for line in GOOD[:4])]
    assert [(one.field, one.code) for one in Checks(late).misfits(untyped)] == [(3, "field.component")]
    assert Checks(old).misfits(untyped) == []


def test_a_good_message_has_no_misfit(checks):
    assert checks.misfits([MSH, *GOOD]) == []


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ("PID|1||||N", 3, "field.required"),
        ("PID|x||7||N", 1, "field.type"),
        ("PID|1||7||N||19801301", 7, "field.type"),
        ("PID|1||7||N||19800101|F~M", 8, "field.type"),
        ("PID|1||7||N|||" + "|" * 25 + "Z", 33, "field.type"),
        ("OBR|1||F1", 4, "field.required"),
        ("OBR|1||F1|P^^^^^^too^many", 4, "field.type"),
        ("OBR|1||F1|P&sub", 4, "field.type"),
        ("OBX|1|NM|T||x||||||F", 5, "value.type"),
        ("OBX|1|NM|T||1^2||||||F", 5, "value.type"),
        ("OBX|1|SN|T||<^a||||||F", 5, "value.type"),
        ("OBX|1|TS|T||20241301||||||F", 5, "value.type"),
        ("OBX|1|XX|T||1||||||F", 5, "value.type"),
        ("OBX|1||T||1||||||F", 5, "value.type"),
        ("OBX|1|NM|T||1", 11, "field.required"),
        ("OBX|1|NM|T||1|N", 11, "field.required"),
        ("OBX|1|NM|T||1||||||F|||||||||reserved", 20, "field.type"),
        ("OBX|1|NM|T||1||||||F||||||||||||||||||X", 29, "field.unknown"),
    ],
)
def test_a_misfit_is_found_in_its_field(checks, line, field, code):
    lines = [line if other[:3] == line[:3] else other for other in GOOD]
    assert [(misfit.field, misfit.code) for misfit in checks.misfits([MSH, *lines])] == [(field, code)]


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [1, 2, 3], [0], [0, 3], [0, 1, 2, 5, 4], [0, 1, 1, 2]])
def test_segments_out_of_order(checks, order):
    found = [misfit.code for misfit in checks.misfits([MSH, *(GOOD[index] for index in order)])]
    assert (found == []) == (order == [1, 2, 3])


def test_describe_names_fields():
    body = b"MSH|^~\\&|LAB\rOBX|1|NM|718-7^Hb^LN||a\\T\\b\rZPI|x\r"
    msh, obx, zpi = describe(body)
    assert [(field.number, field.name) for field in msh.fields][:3] == [
        (1, "field separator"),
        (2, "encoding characters"),
        (3, "sending application"),
    ]
    assert (obx.fields[3].name, obx.fields[3].raw, obx.fields[3].text) == ("observation value", "a\\T\\b", "a&b")
    assert zpi.fields[0].name == ""


def test_describe_reads_every_message_of_the_corpus():
    need_corpus()
    for path in sorted((CORPUS / "oru").glob("*.hl7")):
        data = path.read_bytes()
        segments = describe(data)
        assert any(segment.name == "OBX" and segment.fields for segment in segments) or b"OBX" not in data, path.name
