"""The published JSON Schema of `lab-result/1`, for editors and for those who write the files.

Holds: one line of text for each key of the model, and the rules on it that msgspec's types cannot express.
Promises: `docs/lab-result-1.schema.json` and the key list in docs/files/json.md are this, word for word
(a test compares them).
Never: decides anything when a file is read; readers/json/ and readers/rules.py do.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from lab_sender.report.model import SCHEMA_NAME, VALUE_FORMS, Report

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

# One line a key: `Part.key  what it means`. Parts whose keys explain themselves have their docstring only.
_KEYS = """
Report.schema               The name of this format; may be left out.
Report.id                   The laboratory's own number of this report. Free text, for your eyes; it is not sent.
Report.patient              Whom the report is about.
Report.visit                Where the patient is, if known.
Report.orders               One entry for each ordered test or panel, in reading order.
Report.notes                Comments on the report as a whole, one paragraph each.
Patient.ids                 Identifiers; the first is the one your hospital matches on.
Patient.name                The patient's name.
Patient.aliases             Other names, such as a birth name.
Patient.birth               Date (and time, if it matters) of birth.
Patient.sex                 HL7 table 0001: F, M, O, U, A, N.
Patient.race                HL7 table 0005, or a code of your own.
Patient.ethnicity           HL7 table 0189, or a code of your own.
Patient.address             Postal address.
Patient.phones              Phone numbers or e-mail addresses, the main one first.
Patient.account             Account number.
Patient.died                Time of death.
Patient.next_of_kin         Contacts.
Patient.notes               Comments on the patient.
Visit.class                 HL7 table 0004: I inpatient, O outpatient, E emergency ...
Visit.ward                  Ward or point of care.
Visit.room                  Room.
Visit.bed                   Bed.
Visit.facility              Facility.
Visit.number                Visit or encounter number.
Visit.attending             Attending doctor.
Visit.referring             Referring doctor.
Visit.admitted              Time of admission.
Visit.discharged            Time of discharge.
Order.test                  What was ordered.
Order.filler                The laboratory's number of the order; an object names who gave it out.
Order.accession             Another word for filler; one of the two is required.
Order.placer                The orderer's number of the order.
Order.group                 Number of the group of orders.
Order.status                final, preliminary, corrected, cancelled ..., or an HL7 table 0123 code.
Order.priority              HL7 table 0485: S stat, A as soon as possible, R routine.
Order.section               HL7 table 0074: CH chemistry, HM haematology, MB microbiology ...
Order.requested             When it was requested.
Order.collected             When the specimen was taken (start).
Order.collected_until       End of the collection, such as of a 24-hour urine.
Order.received              When the laboratory received the specimen.
Order.reported              When this state of the results was released.
Order.clinical_info         Relevant clinical information.
Order.reason                Reasons for the order.
Order.orderer               Who ordered.
Order.orderer_phone         The orderer's phone number.
Order.orderer_facility      The orderer's facility.
Order.copy_to               Who gets a copy.
Order.interpreter           Who released or interpreted the results.
Order.timing                When the order was to be done.
Order.specimens             What was examined.
Order.parent                The order and observation this one follows from.
Order.notes                 Comments on the order.
Order.results               Observations, in reading order. Required unless there are attachments.
Order.attachments           Files beside the report that belong to it.
Result.test                 What was observed.
Result.sub_id               Groups observations that belong together, such as an organism and its quantity.
Result.type                 HL7 value type; auto finds it from the value.
Result.value                Text, number, coded value, structured number, pointer, inline data, a list, or null.
Result.unit                 Unit, best in UCUM: g/dL, 10*9/L.
Result.range                Reference range as text, or as low and high.
Result.flags                HL7 table 0078: L, H, LL, HH, N, A, S, I, R ... Never computed for you.
Result.status               F, P, C, X ..., HL7 table 0085; taken from the order where empty.
Result.observed             When the observed thing was so; mostly the time of collection.
Result.analysed             When it was measured.
Result.method               Method.
Result.device               Instrument.
Result.observer             Who measured or read it.
Result.lab                  Performing laboratory.
Result.notes                Comments on the result.
Range.low                   Lower limit, its text is kept.
Range.high                  Upper limit, its text is kept.
Range.text                  The range in words; a limit that it does not name is put before it.
Attachment.path             Plain file name; the file lies beside the report in the outbox.
Attachment.mime             Media type such as application/pdf; found from the name where empty.
Attachment.test             What the attachment is, as the HIS knows it.
Attachment.status           As the status of a result.
Attachment.observed         As the time of a result.
Attachment.notes            Comments on the attachment.
Specimen.id                 The laboratory's number of the specimen (SPM-2 filler), as on its label.
Specimen.type               Blood, urine, swab ...: SNOMED CT or HL7 table 0487.
Specimen.site               Where on the body it was taken.
Specimen.reject             Why it was rejected: HL7 table 0490.
Specimen.condition          HL7 table 0493: hemolyzed, clotted ...
Identifier.id               The identifier, leading zeros and all.
Identifier.type             HL7 table 0203: MR, NI, SS, PI ...
Identifier.authority        Who gave it out: a name, `NAME|OID`, or an object.
"""

_TEXT_OR_NUMBER: dict[str, Any] = {"type": ["string", "number"]}
_VALUE = [_TEXT_OR_NUMBER, *({"$ref": f"#/$defs/{form.__name__}"} for form in VALUE_FORMS)]

# What the reader checks beyond the types, in the words of JSON Schema.
_SHAPES: dict[str, dict[str, Any]] = {
    "Report.schema": {"const": SCHEMA_NAME},
    "Report.orders": {"minItems": 1},
    "Range.low": _TEXT_OR_NUMBER,
    "Range.high": _TEXT_OR_NUMBER,
    "StructuredNumber.n1": _TEXT_OR_NUMBER,
    "StructuredNumber.n2": _TEXT_OR_NUMBER,
    "Result.value": {
        "anyOf": [*_VALUE, {"type": "array", "items": {"anyOf": _VALUE}, "minItems": 1}, {"type": "null"}]
    },
}
_NEEDED: dict[str, list[tuple[str, ...]]] = {  # part: keys, one of which is required
    "Patient": [("ids",)],
    "Order": [("filler", "accession"), ("results", "attachments")],
}


def key_descriptions() -> dict[str, str]:
    """Return the meaning of each key: `Part.key` -> one line of text."""
    return {name: text.strip() for name, _, text in (line.partition(" ") for line in _KEYS.strip().splitlines())}


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a `lab-result/1` file: a report, or an array of reports."""
    _, parts = msgspec.json.schema_components((Report, *VALUE_FORMS), ref_template="#/$defs/{name}")
    for part in parts.values():
        part["description"] = inspect.cleandoc(part.get("description", ""))
    descriptions = key_descriptions()
    for name, shape in [*_SHAPES.items(), *((name, {"description": text}) for name, text in descriptions.items())]:
        part, key = name.split(".")
        parts[part]["properties"][key] |= shape
    for part, pairs in _NEEDED.items():
        parts[part]["allOf"] = [{"anyOf": [{"required": [key]} for key in pair]} for pair in pairs]
    one = {"$ref": "#/$defs/Report"}
    return {
        "$schema": SCHEMA_ID,
        "title": SCHEMA_NAME,
        "description": "Laboratory results for lab-sender: one report, or an array of reports.",
        "anyOf": [one, {"type": "array", "items": one, "minItems": 1}],
        "$defs": parts,
    }
