# ruff: noqa: E501  (a table reads best with one to a line)
"""The columns of a result table: our names, and the headings under which others write them.

Holds: every column we know, with its meaning in one line; the headings of common exports; the known families of
headings (CDC SimpleReport) with what their specification declares.
Promises: a heading stands for one column. Headings are compared without case, accents, blanks and punctuation.
Never: guesses at a heading that is not listed.

Sources: the bulk upload guide of CDC SimpleReport; file profiles of OpenELIS.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from lab_sender.report.headings import IN_LANGUAGES

# One line a column: `name  what it means | further headings, separated by commas`.
_PATIENT = """
patient_id           Identifier of the patient. | Patient Number, Patient No, Patient Nr, Pat ID, Pat No, PID, MRN, Medical Record Number
patient_authority    Who gave it out: a name, or NAME with its OID after a bar. |
patient_id_type      HL7 table 0203: MR, NI, PI ... |
name                 Whole name, taken apart by inputs.csv: name. | Patient Name, Full Name, Patient Full Name
family               Family name. | Last Name, Surname, Family Name, Patient Last Name, Patient Surname, Patient Family Name
given                First name. | First Name, Forename, Given Name, Patient First Name, Patient Forename, Patient Given Name
middle               Middle name. | Middle Name, Patient Middle Name
suffix               Suffix of the name. | Patient Suffix
prefix               Title before the name. | Patient Prefix, Name Prefix
birth                Date of birth. | Birth Date, Date of Birth, DOB, Patient DOB, Patient Birthdate, Birthday, Patient Date of Birth
sex                  HL7 table 0001: F, M, O, U, A, N, or their words. | Gender, Patient Gender, Patient Sex
race                 Race. | Patient Race
ethnicity            Ethnic group. | Patient Ethnicity
street               Street of the patient's address. | Patient Street
street2              Second line of it. | Patient Street 2
city                 City. | Patient City
state                State or province. | Patient State
zip                  Postal code. | Patient Zip Code, Zip Code, Postcode, Postal Code
country              Country. | Patient Country
phone                Phone number. | Patient Phone Number, Phone Number, Telephone
email                E-mail address. | Patient Email
account              Account number. | Account Number
"""
_VISIT = """
class                HL7 table 0004: I inpatient, O outpatient, E emergency ... | Patient Class
ward                 Ward or point of care. | Location, Ward/Location, Patient Location, Patient Ward, Nursing Unit
room                 Room. |
bed                  Bed. |
visit                Visit or encounter number. | Visit Number, Encounter
"""
_ORDER = """
accession            The laboratory's number of the order; rows of one number become one message. | Accession Number, Accession No, Filler, Filler Order Number, Lab Number, Lab No
placer               The orderer's number of the order. | Placer Order Number, Requisition, Requisition Number
order_code           Code of what was ordered. Blank: what was examined. | Test Ordered Code, Ordered Test Code, Panel Code
order_text           Name of what was ordered. | Test Ordered, Ordered Test, Panel, Panel Name
order_system         Coding system of order_code: LN for LOINC, L for your own. |
order_status         HL7 table 0123, or final, preliminary, corrected, cancelled ... |
priority             HL7 table 0485: S, A, R. |
section              HL7 table 0074: CH, HM, MB ... |
requested            When it was requested. | Order Test Date, Order Date, Requested Date
requested_time       Time of day of requested. Alone: date and time. | Order Time
collected            When the specimen was taken. | Specimen Collection Date, Specimen Collection Date Time, Collection Date, Collected Date, Collection Date Time, Date Collected, Sample Collection Date, Sampling Date
collected_time       Time of day of collected. Alone: date and time. | Collection Time, Specimen Collection Time, Time Collected, Sample Collection Time, Sampling Time
collected_until      End of the collection. |
received             When the laboratory received the specimen. | Testing Lab Specimen Received Date, Received Date, Sample Received Date, Date Received
received_time        Time of day of received. Alone: date and time. |
reported             When the results were released. Where rows differ, the latest counts. | Date Result Released, Release Date, Reported Date, Report Date
reported_time        Time of day of reported. Alone: date and time. | Release Time, Report Time
clinical_info        Relevant clinical information. |
orderer_id           Identifier of who ordered. | Ordering Provider ID
orderer_authority    Who gave it out. |
orderer_name         Whole name of who ordered, taken apart by inputs.csv: orderer_name. | Doctor, Doctor Name, Physician, Physician Name, Ordering Physician, Ordering Doctor, Requesting Doctor, Requesting Physician, Ordering Provider, Ordering Provider Name
orderer_family       Family name of who ordered. | Ordering Provider Last Name
orderer_given        First name. | Ordering Provider First Name
orderer_middle       Middle name. | Ordering Provider Middle Name
orderer_suffix       Suffix of the name. |
orderer_prefix       Title before the name. |
orderer_phone        Phone number of who ordered. | Ordering Provider Phone Number
facility             Name of the orderer's facility. | Ordering Facility Name, Ordering Facility
facility_street      Its address. | Ordering Facility Street
facility_street2     Second line. | Ordering Facility Street 2
facility_city        City. | Ordering Facility City
facility_state       State. | Ordering Facility State
facility_zip         Postal code. | Ordering Facility Zip Code
specimen             What was examined: a word, or a SNOMED CT code (six digits and more). | Specimen Type, Specimen Type Code, Sample Type, Material
specimen_id          The laboratory's number of the specimen. Is the accession where there is none. | Sample ID, Sample Number, Sample No, Sample, Specimen Number, Specimen No, Sample Barcode, Barcode, Sample Nr, Tube ID, Tube Number
specimen_site        Where on the body it was taken: a word, or a SNOMED CT code. | Specimen Source Site Code, Specimen Source Site
order_note           Comment on the order. |
pdf                  File beside the table that belongs to the order. | Attachment
"""
_RESULT = """
code                 Code of what was examined. | Test Performed Code, Test Code, Assay Code, Analyte Code, Parameter Code
text                 Name of what was examined. | Assay, Test Name, Test, Analyte, Assay Name, Parameter
system               Coding system of code: LN for LOINC, L for your own. |
local_code           The same in a second system, mostly the laboratory's own. |
local_text           Its name there. |
local_system         That system. |
sub_id               Groups results that belong together. |
value                The result. Numbers keep their text; <5, 1:128 and 2+ are understood. | Result, Test Result, Result Value, Test Result Code
value_text           Text of a result that is a code. |
value_system         Coding system of a result that is a code: SCT, L ... |
unit                 Unit. | Units, Unit of Measure, Unit of Measurement, UOM, Result Unit, Result Units
range                Reference range as text. | Reference Range, Reference Ranges, Ref Range, Normal Range, Reference Interval, Reference Values, Normal Values
low                  Its lower limit. | Lower Limit, Reference Low, Ref Low, Range Low, Normal Low, Low Limit, LLN, Low Normal, Lower Limit of Normal, Lower Reference Limit, Ref Range Low, Reference Range Low, Normal Range Low, Low Ref, Lower Range, Low Range, Range From, Ref From
high                 Its upper limit. | Upper Limit, Reference High, Ref High, Range High, Normal High, High Limit, ULN, High Normal, Upper Limit of Normal, Upper Reference Limit, Ref Range High, Reference Range High, Normal Range High, High Ref, Upper Range, High Range, Range To, Ref To
flag                 HL7 table 0078: L, H, LL, HH, N, A ...; several with semicolons between. | Flags, Abnormal Flag, Abnormal Flags, H/L, HL Flag, Abn Flag, Abn, Abnormal, High/Low, Low/High, L/H, Result Flag, Result Flags
status               HL7 table 0085: F, P, C, X ..., or its words. | Test Result Status, Result Status
observed             When the observed thing was so; mostly the time of collection. |
analysed             When it was measured. | Test Result Date, Test Date, Date Time, Analysis Date, Analysed Date, Analyzed Date, Analyzed, Run Date, Result Date
analysed_time        Time of day of analysed. Alone: date and time. | Start Time, Test Time, Analysis Time, Analyzed Time, Run Time, Result Time
method               Method. |
device               Instrument. | Equipment Model Name, Device ID, Instrument SN, Instrument, Instrument Name, Analyzer, Analyser, Analyzer Name
observer             Identifier of who measured it. | Operator ID, Operator
lab                  Name of the performing laboratory. | Testing Lab Name, Performing Lab
lab_id               Its identifier. | Testing Lab CLIA, CLIA
lab_authority        Who gave that out. |
lab_street           Its address. | Testing Lab Street
lab_street2          Second line. | Testing Lab Street 2
lab_city             City. | Testing Lab City
lab_state            State. | Testing Lab State
lab_zip              Postal code. | Testing Lab Zip Code
note                 Comment on the result. | Notes, Comment, Comments, Remark, Remarks, Result Comment, Result Comments, Result Note
"""

# Columns of the same exports for which a message has no field.
PASSED_OVER: Final = (
    "Reagent Lot", "Patient County", "Patient Preferred Language", "Patient Role", "Patient Gender Identity",
    "Ordering Provider Street", "Ordering Provider Street 2", "Ordering Provider City", "Ordering Provider State",
    "Ordering Provider Zip Code", "Ordering Provider County", "Testing Lab Phone Number", "Testing Lab County",
    "Organization Name", "Ordering Facility County", "Ordering Facility Phone Number", "Ordering Facility Email",
    "Instrument ID", "Result ID", "Pregnant", "Employed in Healthcare", "Symptomatic for Disease", "Illness Onset Date",
    "Resident Congregate Setting", "Residence Type", "Hospitalized", "ICU", "First Test", "Genders of Sexual Partners",
    "Syphilis History",
)  # fmt: skip


def normal(heading: str) -> str:
    """Return a heading as it is compared: lower case, letters without accents and digits only; `%` alone is itself."""
    folded = heading.casefold()
    plain = folded if folded.isascii() else unicodedata.normalize("NFKD", folded)
    return re.sub(r"[\W_]+", "", plain) or "".join(folded.split())


def _parsed(table: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    columns = {}
    for line in table.strip().splitlines():
        name, _, rest = line.partition(" ")
        text, _, headings = rest.partition("|")
        columns[name] = text.strip(), tuple(filter(None, map(str.strip, headings.split(","))))
    return columns


_BY_PART: Final = {
    "patient": _parsed(_PATIENT),
    "visit": _parsed(_VISIT),
    "order": _parsed(_ORDER),
    "result": _parsed(_RESULT),
}

COLUMNS: Final[Mapping[str, str]] = {name: text for part in _BY_PART.values() for name, (text, _) in part.items()}
"""Our name of each column -> what it means."""
HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    name: headings for part in _BY_PART.values() for name, (_, headings) in part.items()
}
"""Our name -> the headings known for it, besides the name itself."""
KNOWN: Final[Mapping[str, str]] = {
    **dict.fromkeys(map(normal, PASSED_OVER), ""),
    **{normal(one): name for part in IN_LANGUAGES.values() for name, headings in part.items() for one in headings},
    **{normal(one): name for name, headings in HEADINGS.items() for one in (name, *headings)},
}
"""Heading, as it is compared -> our name; "" for a column that is passed over."""

OF_PATIENT: Final = tuple(_BY_PART["patient"])
OF_VISIT: Final = tuple(_BY_PART["visit"])
OF_ORDER: Final = tuple(_BY_PART["order"])
OF_RESULT: Final = tuple(_BY_PART["result"])
DATES: Final = frozenset(
    ("birth", "requested", "collected", "collected_until", "received", "reported", "observed", "analysed")
)
"""Columns that hold dates and times."""
TIMES_OF_DAY: Final[Mapping[str, str]] = {f"{name}_time": name for name in DATES if f"{name}_time" in COLUMNS}
"""Columns that hold the time of day of such a date, and which."""
NAMES: Final[Mapping[str, str]] = {"name": "", "orderer_name": "orderer_"}
"""Columns that hold a whole name, and what stands before its parts in our names."""
OF_ONE_ROW: Final = frozenset((
    "patient_id", "name", "family", "given", "middle", "birth", "account", "visit", "accession", "specimen_id",
    "placer", "orderer_name", "value",
))  # fmt: skip
"""Columns of one patient, one order or one result: as a default for every row they would be wrong in most."""


class Family(Struct, frozen=True):
    """A family of headings, with what its specification declares for every file of it."""

    name: str
    marks: frozenset[str]
    """Headings of its own, as they are compared; a table that has two of them is of the family."""
    dates: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    us_zones: bool = False
    coded_values: bool = False
    """Values of six digits and more are SNOMED CT codes, unless they have a unit."""


FAMILIES: Final = (
    Family(
        "CDC SimpleReport",
        frozenset(("equipmentmodelname", "testinglabclia", "dateresultreleased")),
        dates=("MM/DD/YYYY",),
        defaults={
            "system": "LN",
            "order_system": "LN",
            "orderer_authority": "NPI|2.16.840.1.113883.4.6",
            "lab_authority": "CLIA|2.16.840.1.113883.4.7",
        },
        us_zones=True,
        coded_values=True,
    ),
)  # fmt: skip
