"""One report that uses most of the model, against a file that was reviewed field by field."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import hl7apy_faults as hl7apy
import msgspec

from lab_sender.oru import Builder, MessageProfile
from lab_sender.results.model import Report

GOLDEN = Path(__file__).parent / "golden"
PROFILE = MessageProfile(
    sending_application="LAB-SENDER^1.2.3.4^ISO",
    sending_facility="GENHOSP",
    receiving_application="HIS",
    receiving_facility="GENHOSP",
    accept_ack="AL",
    application_ack="NE",
    country="IRL",
    profile_ids=("LRI_NG_FRN_Profile^^2.16.840.1.113883.9.195.3.4^ISO",),
    time_zone="Europe/Dublin",
)


def test_rich_report():
    """Run with GOLDEN=write to write the file anew, then read every line of the difference."""
    report = msgspec.json.decode((GOLDEN / "rich.json").read_bytes(), type=Report)
    built = Builder(PROFILE).build(
        report,
        control_id="06CEA5N7RJ3K9QWXTZ2V",
        now=datetime(2024, 8, 22, 9, 0, 5, tzinfo=UTC),
        attachments={"report.pdf": b"%PDF-1.4\n%%EOF\n"},
    )
    text = built.body.decode()
    lines = (
        text.replace("|0.1.0|", "|VERSION|").replace("\r", "\n").replace("lab-sender|0.1.0\n", "lab-sender|VERSION\n")
    )
    if os.environ.get("GOLDEN") == "write":
        (GOLDEN / "rich.hl7").write_text(lines, "utf-8")
    assert lines == (GOLDEN / "rich.hl7").read_text("utf-8")
    assert built.order_keys == ("F1^LAB", "F2^LAB", "F3^LAB", "F0^LAB")
    assert built.patient_key == "4781203^GENHOSP"
    assert built.warnings == ()
    hl7apy.validate(text)
