"""Small inputs after kinds of faults in real FHIR files and inline documents: what becomes of each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab_sender.agent.wiring import inputs as inputs_of
from lab_sender.config.load import load
from lab_sender.config.profile import builtin
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, ReportItem, read
from lab_sender.readers.settings import FhirInput

CASES = Path(__file__).parents[3] / "shared" / "cases"
BY_ID = Inputs(fhir=FhirInput(number="report-id"))
PDF = "^application^pdf^Base64^JVBERi0xLjQKMSAwIG9iajw8Pj5lbmRvYmoKdHJhaWxlcjw8Pj4KJSVFT0YK"
ORDERER = "C1234567^^^^^^^^&1.2.9&ISO"
LAB77 = "^^^^^&1.2.8&ISO^XX^^^LAB77"

# File, settings, and what becomes of it: the fields named so, and the codes of remarks; or the codes of a refusal.
SENT = {
    "fhir/logical-references.json": (
        Inputs(),
        {"ORC-12": ORDERER, "OBR-16": ORDERER, "PV1-19": "V900", "OBR-32": "9000", "OBX-23": LAB77, "OBX-5": "6.10",
         "NTE-3": "Sample was haemolysed."},
        [],
    ),
    "fhir/heading-status-unknown.json": (Inputs(), {"OBX-5": "6.1", "OBX-11": "F", "NTE-3": "CHEMISTRY"}, []),
    "fhir/narrative-without-div.json": (Inputs(), {"OBX-5": "6.1", "OBX-11": "F"}, []),
    "fhir/report-without-identifier.json": (
        BY_ID, {"OBR-3": "11111111-1111-4111-8111-111111111113", "OBR-16": ORDERER}, []
    ),
    "fhir/specimen-without-type.json": (
        Inputs(), {"OBX-5": "6.1", "NTE-3": "Specimen: S9", "OBR-7": "20260101", "SPM-1": ""}, ["fhir.specimen-type"]
    ),
    "json/inline-document-data-uri.json": (Inputs(), {"OBX-2": "ED", "OBX-5": PDF}, []),
    "json/inline-document-wrapped-base64.json": (Inputs(), {"OBX-2": "ED", "OBX-5": PDF}, []),
}  # fmt: skip
REFUSED = {"fhir/report-without-identifier.json": ["fhir.number"]}


@pytest.fixture(scope="module", autouse=True)
def _cases_are_there():
    if not CASES.is_dir():
        pytest.skip("the small inputs are not at shared/cases beside the project")


def fields(item: ReportItem) -> dict[str, str]:
    """The fields of the first segment of each name."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    built = Builder(builtin()).build(
        item.report, control_id="1", now=now, attachments=item.documents, place=item.place
    )
    found: dict[str, str] = {}
    for line in built.body.decode().split("\r"):
        for n, text in enumerate(line.split("|")):
            found.setdefault(f"{line[:3]}-{n}", text)
    return found


def test_every_case_has_its_expectation():
    files = {f"{path.parent.name}/{path.name}" for path in [*CASES.glob("fhir/*"), *CASES.glob("json/inline-*")]}
    assert files == SENT.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", SENT)
def test_sent(name):
    inputs, expected, remarks = SENT[name]
    reading = read((CASES / name).read_bytes(), name, inputs)
    (item,) = reading.items
    assert isinstance(item, ReportItem), item
    found = fields(item)
    assert {field: found.get(field, "") for field in expected} == expected
    assert [one.code for one in reading.remarks] == remarks


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_the_setting_is_named(name):
    (item,) = read((CASES / name).read_bytes(), name).items
    assert isinstance(item, BadItem)
    assert [one.code for one in item.findings] == REFUSED[name]
    assert "number: report-id" in item.findings[0].hint


def test_the_settings_of_the_configuration_reach_the_reader(tmp_path):
    """As a person would write them: the number from the report's id, and what is known and not wanted."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "outbox: out\nhis: {host: 127.0.0.1, port: 2575}\n"
        "inputs: {fhir: {number: report-id, pass_over: [Observation.issued, Patient.extension(birthPlace)]}}\n",
        "utf-8",
    )
    fhir = inputs_of(load(path)).fhir
    assert fhir == FhirInput({}, "report-id", ("Observation.issued", "Patient.extension(birthPlace)"))
