"""Inputs that real systems write, each with what must become of it: sent as it says, or refused by name.

A line of CASES is a file of the folder beside the project, and its outcome on the way of intake: the codes that
refuse it, or what its message must have: a part of a line, or the first field of a name, as `OBX-5 = 6.1`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab_sender.config.profile import builtin
from lab_sender.intake.compose import Composer
from lab_sender.readers import BadItem, Inputs, read

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "cases"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PDF = "^application^pdf^Base64^JVBERi0xLjQKMSAwIG9iajw8Pj5lbmRvYmoKdHJhaWxlcjw8Pj4KJSVFT0YK"
ORDERER = "C1234567^^^^^^^^&1.2.9&ISO"

CASES: dict[str, tuple[str, ...]] = {
    "astm/corrected-beside-original.astm": ("! result.corrected-beside",),
    "astm/header-processing-id-Q.astm": ("! astm.quality-control",),
    "astm/ids-with-components.astm": ("! astm.not-understood",),
    "astm/name-without-family.astm": ("! astm.name",),
    "astm/numbers-not-from-1.astm": ("PID|1||4711", "OBX|1|NM|GLU^^L||5.1|mmol/L|"),
    "astm/ranges-in-components-padded.astm": (
        "PID|1||4711||", "|4.5|mmol/L|0.270-4.20|", "|104|mmol/L|98-106|", "|3|mmol/L|1 to 5|",
    ),
    "astm/test-name-F-mindray.astm": ("! astm.processing",),
    "astm/time-only-in-R12.astm": ("|63.7|mg/L|||||F||||||||20260101115030",),
    "astm/unit-range-titer-with-components.astm": ("! astm.value-parts",),
    "astm/unit-with-caret-range-with-label.astm": ("|4711^^^HOSPA^MR|", r"|6.2|10\S\3/uL|4.0-10.0|N|"),
    "csv/NULL-in-every-column.csv": ("PID|1||4711||Test^^^^^^L||", "||4.5||||||F", "remark report.nothing"),
    "csv/accession-1.67683E15.csv": ("! csv.spoilt",),
    "csv/accession-1.67683e+15.csv": ("! csv.spoilt",),
    "csv/dates-with-dots.csv": ("! csv.date-order",),
    "csv/excel-old.xls": ("! file.workbook",),
    "csv/excel.xlsx": ("! file.workbook",),
    "csv/flag-High.csv": ("|6.5|mmol/L||H|",),
    "csv/flag-LOW.csv": ("|6.5|mmol/L||L|",),
    "csv/flag-Normal.csv": ("|6.5|mmol/L||N|",),
    "csv/flag-abnormal.csv": ("|6.5|mmol/L||A|",),
    "csv/flag-h-lower.csv": ("|6.5|mmol/L||H|",),
    "csv/no-patient-column.csv": ("! csv.column-missing", "! csv.column-unknown"),
    "csv/sex-maennlich.csv": ("|19700131|M",),
    "csv/sex-w.csv": ("|19700131|F",),
    "csv/unknown-headings.csv": ("! csv.name-form", "! csv.column-unknown"),
    "csv/value-NULL.csv": ("! csv.spoilt",),
    "csv/value-excel-NV.csv": ("! csv.spoilt",),
    "csv/value-excel-WERT.csv": ("! csv.spoilt",),
    "csv/value-null-lower.csv": ("! csv.spoilt",),
    "csv/wide-table.csv": ("! csv.column-missing", "! csv.column-unknown"),
    "fhir/heading-status-unknown.json": ("OBX-5 = 6.1", "OBX-11 = F", "NTE-3 = CHEMISTRY"),
    "fhir/logical-references.json": (
        f"ORC-12 = {ORDERER}", f"OBR-16 = {ORDERER}", "PV1-19 = V900", "OBR-32 = 9000",
        "OBX-23 = ^^^^^&1.2.8&ISO^XX^^^LAB77", "OBX-5 = 6.10", "NTE-3 = Sample was haemolysed.",
    ),
    "fhir/narrative-without-div.json": ("OBX-5 = 6.1", "OBX-11 = F"),
    "fhir/report-without-identifier.json": ("! fhir.number",),
    "fhir/specimen-without-type.json": (
        "OBX-5 = 6.1", "NTE-3 = Specimen: S9", "OBR-7 = 20260101", "SPM-1 = ", "remark fhir.specimen-type",
    ),
    "hl7/asks-for-no-ack.hl7": ("! hl7.no-answer-asked",),
    "hl7/bare-nte.hl7": ("OBX-5 = 5.1", "OBX-11 = F"),
    "hl7/cut-in-last-segment.hl7": ("! hl7.cut",),
    "hl7/ed-base64-wrapped.hl7": ("! hl7.broken-line",),
    "hl7/lf-in-text-becomes-segment.hl7": ("! hl7.line-feed",),
    "hl7/msh2-other-component-separator.hl7": ("! hl7.not-oru",),
    "hl7/msh2-two-characters.hl7": ("MSH-1 = ^~", "OBX-5 = 5.1"),
    "hl7/msh2-typographic-tilde.hl7": ("! hl7.delimiters",),
    "hl7/obx-joined-to-obr.hl7": ("! hl7.joined",),
    "json/eg-sexW.json": ("PID|1||4711||Test^^^^^^L|||F",),
    "json/inline-document-data-uri.json": ("OBX-2 = ED", f"OBX-5 = {PDF}"),
    "json/inline-document-wrapped-base64.json": ("OBX-2 = ED", f"OBX-5 = {PDF}"),
    "pdf/Fb-cut.pdf": ("! file.pdf",),
    "pdf/cut-pdf.json": ("! attachment.cut",),
}  # fmt: skip


def folder() -> Path:
    if not CASES_FOLDER.is_dir():
        pytest.skip(f"the cases are not at {CASES_FOLDER.parent.name}/{CASES_FOLDER.name} beside the project")
    return CASES_FOLDER


def outcome(data: bytes, name: str, inputs: Inputs) -> list[str]:
    """The lines of what is sent, remarks on the file, and `! code` for what refuses the file or a report of it."""
    composer = Composer(builtin(), inputs, now=lambda: NOW)
    said = composer.interpret(data, name)
    documents = {each: (folder() / "pdf" / each).read_bytes() for each in said.named}
    messages = said.messages or [each for item in said.items for each in composer.entries(item, documents)]
    told = [f"! {finding.code}" for finding in said.findings]
    told += [f"remark {each.code}: {each.text}" for each in said.remarks]
    for message in messages:
        told += [f"! {finding.code}" for finding in message.findings if finding.severity == "error"]
        body = (message.body or b"").decode()
        told += body.replace(f"|{message.control_id}|", "|C1|").split("\r") if body else []
    return told


def configured(**inputs: object) -> Inputs:
    """How files are read where config.yaml says this under `inputs`."""
    return Inputs.model_validate(inputs)


def missing(expected: tuple[str, ...], told: list[str]) -> list[str]:
    """What is expected and was not told, and what refused it unexpectedly."""
    fields: dict[str, str] = {}
    for line in told:
        for number, text in enumerate(line.split("|")):
            fields.setdefault(f"{line[:3]}-{number}", text)
    lacks = [part for part in expected if not any(part in line for line in told) and not _is_field(part, fields)]
    refused = {line for line in told if line.startswith("! ")}
    return [*lacks, *(line for line in refused if not any(line.startswith(part) for part in expected))]


def _is_field(part: str, fields: dict[str, str]) -> bool:
    name, equals, text = part.partition(" = ")
    return bool(equals) and fields.get(name, "") == text


@pytest.mark.parametrize("name", CASES)
def test_every_case(name):
    told = outcome((folder() / name).read_bytes(), name.rpartition("/")[2], Inputs())
    assert not missing(CASES[name], told), told


def test_every_file_has_its_case():
    files = {f"{path.parent.name}/{path.name}" for path in folder().glob("*/*")}
    assert files == CASES.keys()


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("unknown-headings", {"name": "{family}, {given}", "columns": {"Error": "note"}},
         ("|Doe^Jane^^^^^L", "|9.9|mmol/L|3.5-5.1|H|", "|HEMOLYZED")),
        ("no-patient-column",
         {"patient_from": "specimen-id", "columns": {"Date": "analysed", "Time": "analysed_time"}},
         ("PID|1||S1|", "|12.5|g/dL|", "|20260123103000")),
    ],
)  # fmt: skip
def test_the_lines_that_a_refused_table_names_settle_it(name, settings, expected):
    told = outcome((folder() / "csv" / f"{name}.csv").read_bytes(), name, configured(csv=[settings]))
    assert not missing(expected, told), told


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("test-name-F-mindray", {"dialect": "mindray", "ignore": ["O-4"]}, ("! astm.patient",)),
        ("test-name-F-mindray", {"dialect": "mindray", "patient_from": "specimen-id", "ignore": ["O-4"]},
         ("PID|1||77|", "OBX|1|NM|GLUCOSE POD^^L||98.2|mg/dL||N|||F")),
        ("name-without-family", {"name_parts": ["", "given", "family"]}, ("|Doe^Jane^^^^^L",)),
        ("ids-with-components", {"ignore": ["P-5.2", "P-5.3"]}, ("PID|1||N123|", "|Doe^Jane^^^^^L")),
        ("unit-range-titer-with-components", {"titers": "true"},
         (r"|6.2|10\S\3/uL|4.0-11.0|N|", "|SN|TITER^^L||^1^:^128|", "|SN|PT^^L||<^5.0|s|")),
        ("unit-range-titer-with-components", {"value_part": "2", "ignore": ["R-4.1"]}, ("|NM|TITER^^L||128|",)),
    ],
)  # fmt: skip
def test_the_setting_that_a_refusal_names_settles_it(name, settings, expected):
    told = outcome((folder() / "astm" / f"{name}.astm").read_bytes(), name, configured(astm=settings))
    assert not missing(expected, told), told


def test_the_hint_on_a_date_leads_to_a_file_that_goes():
    """A date with dots is not helped by forms with slashes."""
    data = (folder() / "csv" / "dates-with-dots.csv").read_bytes()
    (item,) = read(data).items
    assert isinstance(item, BadItem)
    assert item.findings[0].hint.endswith("dates: [DD.MM.YYYY].")
    told = outcome(data, "a.csv", configured(csv=[{"dates": ["DD.MM.YYYY"]}]))
    assert any("|202602010900" in line for line in told)


def test_the_number_that_a_fhir_report_lacks_is_taken_from_its_id():
    data = (folder() / "fhir" / "report-without-identifier.json").read_bytes()
    (item,) = read(data).items
    assert isinstance(item, BadItem)
    assert "number: report-id" in item.findings[0].hint
    told = outcome(data, "a.json", configured(fhir={"number": "report-id"}))
    number = "OBR-3 = 11111111-1111-4111-8111-111111111113"
    assert not missing((number, f"OBR-16 = {ORDERER}"), told), told
