"""What is dropped: reports and ready-made messages about the patients of kit/patients.py."""

from __future__ import annotations

import json

from kit.patients import FAMILY, GIVEN, NOTE, PATIENT_ID, VALUE


def report(filler: str, *, value: str = VALUE, patient: str = "") -> bytes:
    """A report that is built into one message; `patient` sets several patients apart."""
    test = {"code": "2345-7", "text": "Glucose", "system": "LN"}
    result = {"test": test, "value": value, "unit": "mg/dL", "notes": [NOTE]}
    who = {"ids": [{"id": PATIENT_ID + patient, "type": "MR"}], "name": {"family": FAMILY, "given": GIVEN}}
    order = {"filler": filler, "test": test, "results": [result]}
    return json.dumps({"schema": "lab-result/1", "patient": who, "orders": [order]}).encode()


def ready(control_id: str, *, filler: str = "", value: str = VALUE, patient: str = "") -> bytes:
    """A message that goes out as it is."""
    return (
        f"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r"
        f"PID|1||{PATIENT_ID}{patient}||{FAMILY}^{GIVEN}\rOBR|1||{filler or control_id}|2345-7^Glucose^LN\r"
        f"OBX|1|NM|2345-7^Glucose^LN||{value}|mg/dL|||||F\rNTE|1||{NOTE}\r"
    ).encode()


def unreadable() -> bytes:
    """A report that breaks off in the patient's value."""
    return report("CUT").partition(VALUE.encode())[0] + VALUE.encode()[:-1]
