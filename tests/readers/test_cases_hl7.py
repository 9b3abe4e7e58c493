"""Small inputs that stand for kinds of faults seen in real ready HL7, each with what should become of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_sender.errors import FileError
from lab_sender.readers import BadItem, read

CASES = Path(__file__).parents[3] / "shared" / "cases"
EXPECTED = {
    "hl7/lf-in-text-becomes-segment.hl7": ["hl7.line-feed", "hl7.line-feed"],
    "hl7/cut-in-last-segment.hl7": ["hl7.cut"],
    "hl7/obx-joined-to-obr.hl7": ["hl7.joined"],
    "hl7/bare-nte.hl7": [],
    "hl7/msh2-two-characters.hl7": [],
    "hl7/msh2-typographic-tilde.hl7": ["hl7.delimiters"],
    "hl7/msh2-other-component-separator.hl7": ["hl7.not-oru"],
    "hl7/ed-base64-wrapped.hl7": ["hl7.broken-line", "hl7.broken-line"],
    "csv/excel.xlsx": ["file.workbook"],
    "csv/excel-old.xls": ["file.workbook"],
}
"""File -> the codes that it is refused with; none: it is sent."""


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_ends_as_it_should(name: str) -> None:
    if not CASES.is_dir():
        pytest.skip(f"the cases are not at {CASES.parent.name}/{CASES.name} beside the project")
    try:
        items = read((CASES / name).read_bytes(), name).items
        found = [finding.code for item in items if isinstance(item, BadItem) for finding in item.findings]
    except FileError as error:
        found = [finding.code for finding in error.findings]
    assert found == EXPECTED[name]
