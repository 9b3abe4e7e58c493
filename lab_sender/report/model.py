"""A laboratory report: the `lab-result/1` model.

Holds: one struct for each part of a report, as it stands in the JSON file.
Promises: decoding keeps every number's text; names here are the names in the file, so
a field's path in the struct is its place in the file.
Never: knows HL7; what a value becomes in the message is decided in oru/.

Times are ISO 8601 text at the precision the laboratory knows (`2024-08-19`,
`2024-08-19T09:30+01:00`) and stay text here. `""`, null and an absent key all mean "no statement".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import field

SCHEMA_NAME = "lab-result/1"


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A part of a report. Unknown keys are errors: a misspelt key is a lost result."""


class Authority(_Part):
    """Who gave out an identifier (HL7 HD). `type` defaults from the form of `id`: ISO, CLIA, or L."""

    namespace: str = ""
    id: str = ""
    type: str = ""


class Alternate(_Part):
    """The same thing in a second coding system, mostly the laboratory's own."""

    code: str = ""
    text: str = ""
    system: str = ""


class Coded(_Part):
    """A code with its text and coding system, and the same thing in a second system."""

    code: str = ""
    text: str = ""
    system: str = ""
    alt: Alternate | None = None
    original: str = ""


class Identifier(_Part):
    """An identifier with its authority; `type` is an HL7 table 0203 code (MR, NI, SS ...)."""

    id: str
    authority: str | Authority = ""
    type: str = ""


class Name(_Part):
    """A person's name (HL7 XPN)."""

    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""
    degree: str = ""


class Address(_Part):
    """A postal address (HL7 XAD)."""

    street: str = ""
    other: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    county: str = ""


class Person(_Part):
    """A clinician or technician (HL7 XCN)."""

    id: str = ""
    authority: str | Authority = ""
    type: str = ""
    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""


class Organization(_Part):
    """A performing laboratory (HL7 XON, XAD, XCN: OBX-23, 24, 25)."""

    name: str = ""
    id: str = ""
    authority: str | Authority = ""
    address: Address | None = None
    director: Person | None = None


class Phone(_Part):
    """A telephone number of a kind (HL7 table 0202): CP mobile, FX fax, PH any other."""

    number: str
    type: str = "PH"


class NextOfKin(_Part):
    """A contact of the patient (NK1)."""

    name: Name
    relationship: str | Coded = ""
    address: Address | None = None
    phones: list[str | Phone] = []


class Patient(_Part):
    """Whom the report is about (PID): a receiver files by one of `ids`."""

    ids: list[Identifier] = []
    name: Name = field(default_factory=Name)
    aliases: list[Name] = []
    birth: str = ""
    sex: str = ""
    race: list[str | Coded] = []
    ethnicity: str | Coded = ""
    address: Address | None = None
    phones: list[str | Phone] = []
    account: str | Identifier = ""
    died: str = ""
    next_of_kin: list[NextOfKin] = []
    notes: list[str] = []


class Visit(_Part):
    """Where the patient is (PV1). `patient_class` is PV1-2 (I, O, E ...); the file's key is `class`."""

    patient_class: str = field(name="class", default="")
    ward: str = ""
    room: str = ""
    bed: str = ""
    facility: str = ""
    number: str | Identifier = ""
    attending: Person | None = None
    referring: Person | None = None
    admitted: str = ""
    discharged: str = ""


class OrderNumber(_Part):
    """A placer or filler number (HL7 EI)."""

    id: str
    authority: str | Authority = ""


class Range(_Part):
    """A reference range. `low` and `high` may be JSON numbers; their text is kept."""

    low: Any = ""
    high: Any = ""
    text: str = ""


ValueType = Literal["auto", "NM", "SN", "ST", "TX", "FT", "CE", "CWE", "DT", "TM", "TS", "DTM", "ED", "RP", "NA"]


class StructuredNumber(_Part):
    """A number with a comparator or a separator (HL7 SN): `<5`, `1:128`, `2+`. Numbers as their text."""

    cmp: str = ""
    n1: str = ""
    sep: str = ""
    n2: str = ""


class Pointer(_Part):
    """A reference to data that lies elsewhere (HL7 RP)."""

    pointer: str
    application: str = ""
    type: str = ""
    subtype: str = ""


class InlineData(_Part):
    """Data inside the report (HL7 ED). `encoding` is an HL7 table 0299 code."""

    data: str
    type: str
    subtype: str
    encoding: str = "Base64"


# The objects a result's value may be. Each is known by its keys; in `Result` it stays a dict.
VALUE_FORMS: tuple[type[_Part], ...] = (Coded, StructuredNumber, Pointer, InlineData)


class Result(_Part):
    """One observation (OBX).

    `value` is text, a number (its text is kept), an object of one of `VALUE_FORMS` (as a dict), a list
    of those (repeats), or null: no value.
    """

    test: Coded
    sub_id: str = ""
    type: ValueType = "auto"
    value: Any = None
    unit: str | Coded = ""
    range: str | Range = ""
    flags: list[str] = []
    status: str = ""
    observed: str = ""
    analysed: str = ""
    method: str | Coded = ""
    device: str = ""
    observer: Person | None = None
    lab: Organization | None = None
    notes: list[str] = []


class Specimen(_Part):
    """What was examined (SPM)."""

    id: str = ""
    placer: str | OrderNumber = ""
    filler: str | OrderNumber = ""
    type: str | Coded = ""
    additive: str | Coded = ""
    method: str | Coded = ""
    site: str | Coded = ""
    collected: str = ""
    collected_until: str = ""
    received: str = ""
    reject: list[str | Coded] = []
    condition: list[str | Coded] = []
    notes: list[str] = []


class Parent(_Part):
    """The order and observation that this order follows from (OBR-26, OBR-29): a susceptibility
    test names the organism of the culture."""

    placer: str | OrderNumber = ""
    filler: str | OrderNumber = ""
    observation: str | Coded = ""
    sub_id: str = ""
    value: str = ""


class Timing(_Part):
    """When the order was to be done (TQ1)."""

    start: str = ""
    end: str = ""
    quantity: str = ""


class Attachment(_Part):
    """A file beside the report in the outbox that becomes an OBX of type ED."""

    path: str
    mime: str = ""
    test: Coded | None = None
    status: str = ""
    observed: str = ""
    notes: list[str] = []


class Order(_Part):
    """One ordered test or panel (ORC, OBR and what hangs below it).

    `filler` is the laboratory's own number (accession); `accession` is accepted for it.
    `status` is a word (final, preliminary, corrected, cancelled ...) or an HL7 table 0123 code.
    """

    test: Coded
    filler: str | OrderNumber = ""
    accession: str = ""
    placer: str | OrderNumber = ""
    group: str | OrderNumber = ""
    status: str = "final"
    priority: str = ""
    section: str = ""
    requested: str = ""
    collected: str = ""
    collected_until: str = ""
    received: str = ""
    reported: str = ""
    clinical_info: str = ""
    reason: list[str | Coded] = []
    orderer: Person | None = None
    orderer_phone: str | Phone = ""
    orderer_facility: Organization | None = None
    copy_to: list[Person] = []
    interpreter: Person | None = None
    timing: Timing | None = None
    specimens: list[Specimen] = []
    parent: Parent | None = None
    notes: list[str] = []
    results: list[Result] = []
    attachments: list[Attachment] = []


class Report(_Part):
    """One report: one patient, one ORU^R01 message."""

    patient: Patient
    orders: list[Order]
    schema: str = SCHEMA_NAME
    id: str = ""
    visit: Visit | None = None
    notes: list[str] = []
