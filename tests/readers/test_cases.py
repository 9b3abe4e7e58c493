"""Inputs that real systems write, each with what must become of it: sent as it says, or refused by name.

A line of CASES is a file of the folder beside the project, and its outcome: the codes that refuse it, or parts of
lines that its messages must have. Another format's cases are further lines; COMPLETE names the folders of which every
file has one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab_sender.agent import wiring
from lab_sender.config.inputs import InputSettings
from lab_sender.config.profile import builtin
from lab_sender.config.sections import Intake
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, read

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "cases"
BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, tzinfo=UTC)
COMPLETE = ("astm", "csv")

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
    "json/eg-sexW.json": ("PID|1||4711||Test^^^^^^L|||F",),
}  # fmt: skip


def folder() -> Path:
    if not CASES_FOLDER.is_dir():
        pytest.skip(f"the cases are not at {CASES_FOLDER.parent.name}/{CASES_FOLDER.name} beside the project")
    return CASES_FOLDER


def outcome(data: bytes, name: str, inputs: Inputs) -> list[str]:
    """The lines of what is built, remarks, and `! code` for what refuses the file or a report of it."""
    try:
        reading = read(data, name, inputs)
    except FileError as error:
        return [f"! {finding.code}" for finding in error.findings]
    told = [f"remark {finding.code}: {finding.text}" for finding in reading.remarks]
    for item in reading.items:
        if isinstance(item, BadItem):
            told += [f"! {finding.code}" for finding in item.findings]
            continue
        try:
            built = BUILDER.build(item.report, control_id="C1", now=NOW, attachments={})
        except FileError as error:
            told += [f"! {finding.code}" for finding in error.findings]
        else:
            told += built.body.decode().split("\r")
    return told


def configured(**inputs: object) -> Inputs:
    """How files are read where config.yaml says this under `inputs`."""
    return wiring.inputs(SimpleNamespace(inputs=InputSettings.model_validate(inputs), intake=Intake()))


def missing(expected: tuple[str, ...], told: list[str]) -> list[str]:
    lacks = [part for part in expected if not any(part in line for line in told)]
    refused = {line for line in told if line.startswith("! ")}
    return [*lacks, *(line for line in refused if not any(line.startswith(part) for part in expected))]


@pytest.mark.parametrize("name", CASES)
def test_every_case(name):
    told = outcome((folder() / name).read_bytes(), name.rpartition("/")[2], Inputs())
    assert not missing(CASES[name], told), told


@pytest.mark.parametrize("part", COMPLETE)
def test_every_file_of_a_folder_has_its_case(part):
    files = {f"{part}/{path.name}" for path in (folder() / part).iterdir()}
    assert files == {name for name in CASES if name.startswith(f"{part}/")}


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
