"""FHIR codes and identifiers to those of HL7 v2.

Holds: coding systems by their URI (HL7 v2 table 0396), who gave out an identifier, a CodeableConcept as one code with
an alternate.
Promises: the concept's own text is kept: FHIR calls it the full meaning of what was chosen. A system that nobody here
knows is the laboratory's own (`L`); a code is never given a standard's name that it does not have.
Never: translates a code.
"""

from __future__ import annotations

import re
from typing import Final

from lab_sender.readers.fhir.bundle import Element
from lab_sender.report.model import Alternate, Authority, Coded, Identifier, OrderNumber

_SYSTEMS: Final = {
    "http://loinc.org": "LN",
    "urn:oid:2.16.840.1.113883.6.1": "LN",
    "http://snomed.info/sct": "SCT",
    "urn:oid:2.16.840.1.113883.6.96": "SCT",
    "http://unitsofmeasure.org": "UCUM",
    "urn:oid:2.16.840.1.113883.6.8": "UCUM",
    "http://hl7.org/fhir/sid/icd-10": "I10",
    "http://hl7.org/fhir/sid/icd-10-cm": "I10C",
    "http://hl7.org/fhir/sid/icd-9-cm": "I9C",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://www.ama-assn.org/go/cpt": "C4",
    "urn:iso:std:iso:11073:10101": "MDC",
    "http://terminology.hl7.org/CodeSystem/v3-Race": "CDCREC",
    "http://terminology.hl7.org/CodeSystem/v3-Ethnicity": "CDCREC",
    "urn:oid:2.16.840.1.113883.6.238": "CDCREC",
}
_V2_TABLE: Final = re.compile(
    r"https?://(?:terminology\.hl7\.org/(?:CodeSystem|ValueSet)/v2-|hl7\.org/fhir/v2/)([0-9]{4})(?:/.*)?"
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,20}")
_LOCAL: Final = "L"
_SYSTEM_OF_TYPES: Final = "HL70203"

_NPI: Final = "http://hl7.org/fhir/sid/us-npi"
_SSN: Final = "http://hl7.org/fhir/sid/us-ssn"
_ISSUERS: Final = {
    _NPI: Authority("NPI", "2.16.840.1.113883.4.6", "ISO"),
    _SSN: Authority("SSA", "2.16.840.1.113883.4.1", "ISO"),
}
_TYPES_BY_SYSTEM: Final = {_NPI: "NPI", _SSN: "SS"}
_FORMS: Final = (("urn:oid:", "ISO"), ("urn:uuid:", "UUID"))


def system_name(uri: str) -> str:
    """Return table 0396's name of a coding system; one that is no URI is a name already."""
    table = _V2_TABLE.fullmatch(uri)
    if table:
        return f"HL7{table[1]}"
    return _SYSTEMS.get(uri) or (uri if not uri or _PLAIN_NAME.fullmatch(uri) else _LOCAL)


def concept(given: Element) -> Coded | None:
    """Return a CodeableConcept: its text, its first code, and its second as the alternate. None: it says nothing."""
    codings = given.many("coding")
    text = _text_of(given, codings)
    first, second = [*(one for one in codings if one.peek("code")), None, None][:2]
    if first is None:
        return Coded(text=text) if text else None
    code = Coded(first.text("code"), text, system_name(first.system()))
    if second is not None:
        code.alt = Alternate(second.text("code"), second.text("display"), system_name(second.system()))
    return code


def code_or_text(given: Element) -> str | Coded:
    """Return a CodeableConcept, as plain text where it has no code; "" where it says nothing."""
    found = concept(given)
    if found is None:
        return ""
    return found if found.code else found.text


def words(given: Element) -> str:
    """Return what a CodeableConcept says to a person: its text, else its code."""
    codings = given.many("coding")
    text = _text_of(given, codings)
    return text or next((one.text("code") for one in codings if one.peek("code")), "")


def _text_of(given: Element, codings: list[Element]) -> str:
    text = given.text("text") or next((one.text("display") for one in codings if one.peek("display")), "")
    for one in codings:
        if one.peek("display") == text:  # the same words
            one.done("display")
    return text


def needed_concept(given: Element) -> Coded:
    """Return the code of what was ordered or observed; one that says nothing is a finding."""
    found = concept(given)
    if found is None:
        given.fault("fhir.code", "This has neither a code nor a text.")
    return found or Coded()


def codes_of(given: Element, *systems: str) -> list[str]:
    """Return the codes of a CodeableConcept that are of these systems (table 0396 names or URIs)."""
    found = []
    for one in given.many("coding"):
        if one.peek("code") and (one.peek("system") in systems or system_name(one.peek_system()) in systems):
            one.done("system")
            found.append(one.text("code"))
    return found


# ------------------------------------------------------------------ identifiers


def authority(identifier: Element) -> str | Authority:
    """Return who gave out an identifier: its system as OID, UUID, URI or plain name, its assigner as the name."""
    system = identifier.system()
    name = identifier.one("assigner").text("display")
    if system in _ISSUERS:
        return _ISSUERS[system]
    for prefix, kind in _FORMS:
        if system.startswith(prefix):
            return Authority(name, system.removeprefix(prefix), kind)
    if system.startswith("urn:id:"):  # a v2 namespace, as HL7's v2-to-FHIR converters write it
        return Authority(system.removeprefix("urn:id:"))
    if ":" in system:
        return Authority(name, system, "URI")
    if "|" in system:  # NAME|OID, as a site names it
        return system
    return Authority(system or name) if system or name else ""


def identifier_type(identifier: Element) -> str:
    """Return the type of an identifier (table 0203); "" where it is not said in that table's codes."""
    codes = codes_of(identifier.one("type"), _SYSTEM_OF_TYPES)
    return codes[0] if codes else _TYPES_BY_SYSTEM.get(identifier.peek("system"), "")


def current(identifiers: list[Element]) -> list[Element]:
    """Leave out identifiers that say nothing or are no longer valid."""
    return [one for one in identifiers if one.peek("value") and one.peek("use") != "old"]


def patient_identifier(identifier: Element) -> Identifier:
    return Identifier(identifier.text("value"), authority(identifier), identifier_type(identifier))


def number_of(identifiers: list[Element], *types: str) -> str | OrderNumber:
    """Return the number of the first of these types (table 0203; "" is one without a type); "" for none."""
    for kind in types:
        for one in current(identifiers):
            if identifier_type(one) == kind and (kind or not one.has("type")):
                return OrderNumber(one.text("value"), authority(one))
    return ""
