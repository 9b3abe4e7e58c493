"""One report that uses the whole model, in every version, against files that were reviewed field by field.

Reviewed against the project's reference on ORU, 2.1 (structure and fields by version) and 2.2 (content), each file:

- MSH-2; MSH-9 of two parts up to 2.4 and three from 2.5; MSH-12; MSH-15/16 AL/NE; MSH-18 once; MSH-21 none in 2.3 and
  2.3.1, ID in 2.4, EI from 2.5; SFT from 2.5.
- PID-2, 4, 9, 19 empty (PID-9 in 2.3 has the alias, as PID-5 does not repeat); PID-8 a code up to 2.6, CWE from 2.7;
  PID-10, 22 IS without repetition in 2.3 (text and second race in notes), CE to 2.5.1, CWE from 2.6; PID-18, from 2.7
  with a type (CX.5, required there; so PV1-19); PID-29, 30.
- XPN: degree in component 6, from 2.7 in 14. XTN: number in 1 up to 2.4, in 1 and 12 in 2.5 to 2.6, in 12 from 2.7.
- Order of groups: no NK1 in 2.3 (notes), NK1 before NTE in 2.3.1 and 2.4, after it from 2.5; PV1 last; ORC OBR NTE
  TQ1 OBX NTE SPM from 2.5.
- PV1-2 a code, CWE from 2.7; PV1-3, 7, 8, 19, 44, 45.
- ORC-1 RE; ORC-2, 3, 12, 14 as OBR-2, 3, 16, 17 (ORC-14 a bare number in 2.3, TN); ORC-4 EI, from 2.8 EIP; ORC-7 as
  OBR-27 up to 2.4, else empty; ORC-21, 22 from 2.3.1 (notes in 2.3; XON.10 from 2.5, a note in 2.3.1 and 2.4).
- OBR-5, 27 up to 2.4; OBR-6 and 14 up to 2.6, from 2.7 in SPM-18 and, as TQ1-7 has another time, in a note;
  OBR-13 ST up to 2.6, CWE from 2.7; OBR-15 up to 2.4 (its codes of subcomponents); OBR-22, 24, 25 (F, F, F, C, X);
  OBR-26 and 29 of the third order; OBR-28, 31, 32.
- TQ1 and SPM from 2.5; below, what OBR-15 has no component for in notes, the second specimen among them.
- OBX-2: CE and TS up to 2.4; CWE and TS in 2.5 and 2.5.1 (CE where the report says so); CWE and DTM from 2.6. OBX-5
  as it says; the original text of a code in component 9 of CWE, in a note where it is CE. OBX-8: two flags, in 2.4
  the second in a note; CWE from 2.7. OBX-18, 19 from 2.4, else notes. OBX-23 to 25 from 2.5.1, else OBX-15 and notes.
- NTE-1 counts from 1 under each segment; NTE-2 L.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from lab_sender.config.profile import builtin
from lab_sender.config.profile.model import VERSIONS
from lab_sender.hl7.checks import Checks
from lab_sender.oru import Builder
from lab_sender.report.model import Report
from oru import hl7apy_faults as hl7apy

GOLDEN = Path(__file__).parent / "golden"
PROFILE_IDS = {"2.3": (), "2.3.1": (), "2.4": ("LRI_NG_FRN_Profile",)}
LRI = ("LRI_NG_FRN_Profile^^2.16.840.1.113883.9.195.3.4^ISO",)


def profile(version):
    """Return the built-in profile of a version with the names of a site."""
    return builtin(
        f"generic-{version}",
        sending_application="LAB-SENDER^1.2.3.4^ISO",
        sending_facility="GENHOSP",
        receiving_application="HIS",
        receiving_facility="GENHOSP",
        accept_ack="AL",
        application_ack="NE",
        country="IRL",
        profile_ids=PROFILE_IDS.get(version, LRI),
        time_zone="Europe/Dublin",
    )


@pytest.fixture(scope="module")
def report():
    return msgspec.json.decode((GOLDEN / "rich.json").read_bytes(), type=Report)


def build(report, builder):
    return builder.build(
        report,
        control_id="06CEA5N7RJ3K9QWXTZ2V",
        now=datetime(2024, 8, 22, 9, 0, 5, tzinfo=UTC),
        attachments={"report.pdf": b"%PDF-1.4\n%%EOF\n"},
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_rich_report(report, version):
    """Run with GOLDEN=write to write the files anew, then read every line of the difference."""
    builder = Builder(profile(version))
    built = build(report, builder)
    text = built.body.decode()
    lines = (
        text.replace("|0.1.0|", "|VERSION|").replace("\r", "\n").replace("lab-sender|0.1.0\n", "lab-sender|VERSION\n")
    )
    golden = GOLDEN / f"rich-{version}.hl7"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(lines, "utf-8")
    assert lines == golden.read_text("utf-8")
    assert [order.key for order in built.orders] == ["F1^LAB", "F2^LAB", "F3^LAB", "F0^LAB", "F9^"]
    assert built.patient_key == "4781203^GENHOSP"
    assert built.warnings == ()
    assert Checks(builder.site.grammar, builder.site.dialect.value_types).misfits(text.split("\r")[:-1]) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_hl7apy_finds_nothing_in_the_rich_report(report, version):
    hl7apy.validate(build(report, Builder(profile(version))).body.decode(), version)


def test_the_report_uses_the_whole_model():
    """Every key of the model stands in rich.json, with something in it."""
    said = set()

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, key))
        elif isinstance(value, list):
            for inner in value:
                walk(inner, path)
        elif value not in ("", None):
            said.update(path[-2:])

    walk(msgspec.json.decode((GOLDEN / "rich.json").read_bytes()), ())
    keys = {
        field.encode_name
        for struct in msgspec.inspect.type_info(Report).cls.__mro__[1].__subclasses__()
        for field in msgspec.structs.fields(struct)
    }
    assert keys - said == set()
