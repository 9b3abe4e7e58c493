"""A small FHIR bundle, and ways to make others of it."""

from __future__ import annotations

import json
import re
from typing import Any

from lab_sender.readers import BadItem, ReportItem, read

LOINC = "http://loinc.org"
TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


def concept(code: str, text: str = "", system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def quantity(value: str, unit: str = "g/dL", **more: Any) -> dict[str, Any]:
    """A quantity with a number of exactly these digits."""
    return {"value": f"@{value}@", "unit": unit, "system": "http://unitsofmeasure.org", "code": unit} | more


def observation(name: str, test: str = "718-7", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": concept(test),
        "subject": {"reference": "Patient/p"},
    } | more


def report(*results: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "identifier": [{"type": concept("FILL", system=TYPES), "system": "urn:oid:1.2.3", "value": "F1"}],
        "status": "final",
        "code": concept("58410-2", "CBC"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-08-19T09:30:00+01:00",
        "issued": "2026-08-20T14:12:00.000+01:00",
        "result": [{"reference": f"Observation/{name}"} for name in results],
    } | more


PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"type": concept("MR", system=TYPES), "system": "urn:oid:1.2.3.4", "value": "0012345"}],
    "name": [{"use": "official", "family": "Secretfamily", "given": ["Jane", "Q"]}],
    "gender": "female",
    "birthDate": "1980-01",
}


def bundle(*resources: dict[str, Any], **more: Any) -> bytes:
    """A bundle of these resources and the patient, as it is in a file."""
    entries = [
        {"fullUrl": f"http://lab.example/{one['resourceType']}/{one.get('id')}", "resource": one}
        for one in (*resources, PATIENT)
    ]
    return dump({"resourceType": "Bundle", "type": "collection", "entry": entries} | more)


def dump(value: Any) -> bytes:
    """Write JSON; a text like `@0.10@` becomes a number of these digits."""
    return re.sub(r'"@([^"@]*)@"', r"\1", json.dumps(value)).encode()


def built(data: bytes) -> ReportItem:
    (item,) = read(data).items
    assert isinstance(item, ReportItem), item
    return item


def refused(data: bytes) -> dict[str, str]:
    """Place -> code of every finding of the file's items."""
    items = [item for item in read(data).items if isinstance(item, BadItem)]
    assert items
    return {finding.place: finding.code for item in items for finding in item.findings}


def results(data: bytes) -> list[Any]:
    return built(data).report.orders[0].results
