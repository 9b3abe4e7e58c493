"""FHIR's Patient, Encounter, Practitioner and Organization to the people and places of a report.

Holds: names, addresses, phone numbers, identifiers, next of kin, the visit; who a reference to a person or a place of
work leads to.
Promises: what is no longer valid (`use: old`) identifies nobody. A record that is not the patient's own any more
(replaced by another) is quarantined.
Never: makes up a part of a name: one that is only a text is kept whole, as the family name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from lab_sender.readers.fhir.bundle import Element
from lab_sender.readers.fhir.codes import (
    authority,
    code_or_text,
    codes_of,
    current,
    identifier_type,
    patient_identifier,
    system_name,
)
from lab_sender.report.model import (
    Address,
    Authority,
    Coded,
    Name,
    NextOfKin,
    Organization,
    Patient,
    Person,
    Phone,
    Visit,
)

_WORKERS: Final = ("Practitioner", "PractitionerRole")
_CLASSES: Final = {
    "AMB": "O",
    "EMER": "E",
    "FLD": "E",
    "HH": "O",
    "IMP": "I",
    "ACUTE": "I",
    "NONAC": "I",
    "OBSENC": "O",
    "PRENC": "P",
    "SS": "O",
    "VR": "O",
}
"""Encounter.class (v3-ActCode) -> HL7 table 0004."""

_US_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_RACE: Final = (f"{_US_CORE}race", "http://ibm.com/fhir/cdm/StructureDefinition/local-race-cd")
_ETHNICITY: Final = (
    f"{_US_CORE}ethnicity",
    "https://reportstream.cdc.gov/fhir/StructureDefinition/ethnic-group",
)
_MAIN_NAMES: Final = ("official", "usual", "", "temp")
_PLACES: Final = {"ro": "room", "bd": "bed", "si": "facility", "bu": "facility"}
"""Location.physicalType -> key of a visit; any other is the ward."""
_DOCTOR: Final = re.compile(r"\b(?:Dr|Prof|MD|PhD)\b|\bM\.D\.", re.IGNORECASE)
_WORDS: Final = re.compile(r"\w+").findall


def read_patient(given: Element) -> Patient:
    """Read a Patient. Without an identifier nobody could file the result: a finding."""
    if given.value.get("active") is True:
        given.done("active")
    if any(link.peek("type") == "replaced-by" for link in given.many("link")):
        given.fault("fhir.patient-replaced", "This patient record was replaced by another one.",
                    hint="Have the report written for the record that is valid.")  # fmt: skip
    identifiers = current(given.many("identifier"))
    if not identifiers:
        given.fault("fhir.patient", "The patient has no identifier.", "identifier",
                    hint="A receiver files results by it.")  # fmt: skip
    account = [one for one in identifiers if identifier_type(one) == "AN"]
    others = [one for one in identifiers if identifier_type(one) != "AN"] or identifiers
    name, *aliases = [*_names(given.many("name"))] or [Name()]
    addresses = [one for one in given.many("address") if one.peek("use") != "old"]
    ethnicity = _extensions(given, _ETHNICITY)
    return Patient(
        ids=[patient_identifier(one) for one in others],
        name=name,
        aliases=aliases,
        birth=given.text("birthDate"),
        sex=given.text("gender"),
        race=_extensions(given, _RACE),
        ethnicity=ethnicity[0] if ethnicity else "",
        address=_address(addresses[0]) if addresses else None,
        phones=[*_phones(given)],
        account=patient_identifier(account[0]) if account else "",
        died=given.text("deceasedDateTime"),
        next_of_kin=[_next_of_kin(one) for one in given.many("contact") if one.has("name")],
    )


def named_patient(reference: Element) -> Patient:
    """Read a patient who is known by the identifier in a reference only."""
    return Patient(ids=[patient_identifier(reference.one("identifier"))])


def read_visit(given: Element) -> Visit | None:
    """Read an Encounter; None where there is none."""
    if not given:
        return None
    numbers = current(given.many("identifier"))
    number = next((one for one in numbers if identifier_type(one) == "VN"), numbers[0] if numbers else None)
    period = given.one("period")
    kind = given.one("class")
    if kind.peek("code") in _CLASSES:
        given.done("class")
    visit = Visit(
        patient_class=_CLASSES.get(kind.peek("code"), "U"),
        number=patient_identifier(number) if number else "",
        attending=_participant(given, "ATND"),
        referring=_participant(given, "REF"),
        admitted=period.text("start"),
        discharged=period.text("end"),
    )
    for stay in given.many("location"):
        if stay.peek("status") not in ("", "active"):
            continue
        stay.done("status")
        way = stay.one("location")
        place = way.follow("Location")
        kinds = [one.peek("code") for one in place.one("physicalType").many("coding")]
        key = next((_PLACES[one] for one in kinds if one in _PLACES), "ward")
        if getattr(visit, key):  # a second ward
            stay.left()
        else:
            place.done("physicalType")
            setattr(visit, key, place.text("name") or said_of(way))
    return visit


def named_visit(reference: Element) -> Visit | None:
    """Read a visit that is known by the identifier in a reference only; None where there is none."""
    numbers = current([reference.one("identifier")])
    return Visit(number=patient_identifier(numbers[0])) if numbers else None


def names_a_doctor(reference: Element) -> bool:
    """Tell whether the words of a reference are a person's, where a laboratory may be meant, too."""
    return bool(_DOCTOR.search(reference.peek("display")))


def said_of(reference: Element) -> str:
    """Return what a reference itself says of what it means: its display, else its identifier's value."""
    return _said(reference, "display") or _said(reference.one("identifier"), "value", reference)


def _said(given: Element, key: str, reference: Element | None = None) -> str:
    said = given.text(key)
    if said:  # then it does not matter that the file does not hold what is meant
        (reference or given).done("reference", "type")
    return said


def read_person(reference: Element, *, untyped: bool = False) -> Person | None:
    """Read the person a reference leads to, directly or in a role; else who it says it is. None: nobody is named.

    `untyped`: a reference that is only a name, and does not say of what, means a person.
    """
    found = reference.follow(*_WORKERS)
    if found.home.kind == "PractitionerRole" and found:
        reference, untyped = found.one("practitioner"), True
        found = reference.follow("Practitioner")
    if not found:
        if not _means(reference, "Practitioner", untyped):
            return None
        person = _identified(current([reference.one("identifier")]))
        person.family = reference.text("display")
        return _somebody(person, reference)
    person = _identified(current(found.many("identifier")))
    for name in itertools.islice(_names(found.many("name")), 1):
        person.family, person.given, person.middle = name.family, name.given, name.middle
        person.suffix, person.prefix = name.suffix, name.prefix
    if not person.family and not person.given:
        person.family = reference.text("display")
    return _somebody(person, reference)


def _identified(identifiers: list[Element]) -> Person:
    if not identifiers:
        return Person()
    chosen = next((one for one in identifiers if identifier_type(one) == "NPI"), identifiers[0])
    return Person(chosen.text("value"), authority(chosen), identifier_type(chosen))


def _somebody(person: Person, reference: Element) -> Person | None:
    if not (person.id or person.family or person.given):
        return None
    reference.done("reference", "type")
    return person


def read_phone(reference: Element) -> str | Phone:
    """Return the phone number of a person (or of their role), for questions; "" for none."""
    found = reference.follow(*_WORKERS)
    if not found:
        return ""
    person = found.one("practitioner").follow("Practitioner") if found.home.kind == "PractitionerRole" else found
    return next(itertools.chain(_phones(found), () if person is found else _phones(person)), "")


def read_organization(reference: Element, *, untyped: bool = False) -> Organization | None:
    """Read the organization a reference leads to, directly or by the role of a person; None for none.

    `untyped` as in `read_person`.
    """
    found = reference.follow("Organization", "PractitionerRole")
    if found and found.home.kind == "PractitionerRole":
        reference, untyped = found.one("organization"), True
        found = reference.follow("Organization")
    if not found and not _means(reference, "Organization", untyped):
        return None
    identifiers = current(found.many("identifier") if found else [reference.one("identifier")])
    addresses = found.many("address")
    organization = Organization(
        name=found.text("name") or reference.text("display"),
        id=identifiers[0].text("value") if identifiers else "",
        authority=_organization_authority(identifiers[0]) if identifiers else "",
        address=_address(addresses[0]) if addresses else None,
    )
    if not (organization.name or organization.id):
        return None
    reference.done("reference", "type")
    return organization


# ----------------------------------------------------------------------- parts


def _means(reference: Element, kind: str, untyped: bool) -> bool:
    """Tell whether a reference that leads nowhere in the file means such a resource."""
    said = reference.peek("type") or reference.peek("reference").rpartition("/")[0].rpartition("/")[2]
    return said.startswith(kind) if said else untyped


def _organization_authority(identifier: Element) -> str | Authority:
    types = codes_of(identifier.one("type"), "HL70301")
    return authority(identifier) or (types[0] if types else "")


def _participant(encounter: Element, role: str) -> Person | None:
    for one in encounter.many("participant"):
        if any(coding.peek("code") == role for kind in one.many("type") for coding in kind.many("coding")):
            one.done("type")
            return read_person(one.one("individual"), untyped=True)
    return None


def _names(given: list[Element]) -> Iterator[Name]:
    """Read names as they are asked for, the one in use first."""
    rank = {use: n for n, use in enumerate(_MAIN_NAMES)}
    ordered = sorted(given, key=lambda one: rank.get(one.peek("use"), len(rank)))
    return (name for name in map(_name, ordered) if name.family or name.given)


def _name(given: Element) -> Name:
    first, *more = given.texts("given") or [""]
    family = given.text("family")
    if not family and not first:
        family = given.text("text")
    name = Name(family, first, " ".join(more), " ".join(given.texts("suffix")), " ".join(given.texts("prefix")))
    parts = (family, first, name.middle, name.suffix, name.prefix)
    if {*_WORDS(given.peek("text"))} <= {*_WORDS(" ".join(parts))}:
        given.done("text")
    return name


def _address(given: Element) -> Address:
    street, *more = given.texts("line") or [given.text("text")]
    return Address(
        street=street,
        other=", ".join(more),
        city=given.text("city"),
        state=given.text("state"),
        zip=given.text("postalCode"),
        country=given.text("country"),
        county=given.text("district"),
    )


def _phones(given: Element) -> Iterator[str | Phone]:
    """Read numbers and addresses as they are asked for; a mobile one says that it is."""
    for one in given.many("telecom"):
        if one.peek("value") and one.peek("system") in ("phone", "sms", "email") and one.peek("use") != "old":
            one.done("system")
            number = one.text("value")
            yield Phone(number, "CP") if one.peek("use") == "mobile" and one.peek("system") != "email" else number


def _next_of_kin(given: Element) -> NextOfKin:
    kinds = given.many("relationship")
    return NextOfKin(
        name=_name(given.one("name")),
        relationship=code_or_text(kinds[0]) if kinds else "",
        address=_address(given.one("address")) if given.has("address") else None,
        phones=[*_phones(given)],
    )


def _extensions(given: Element, urls: tuple[str, ...]) -> list[str | Coded]:
    """Read the codes of the extensions of these URLs: plain ones, or US Core's with a code for each category."""
    found: list[str | Coded] = []
    for extension in given.many("extension"):
        if extension.peek("url") in urls:
            if all(part.peek("url") in ("ombCategory", "text") for part in extension.many("extension")):
                extension.done()
            found.append(code_or_text(extension.one("valueCodeableConcept")))
            for part in extension.many("extension"):
                coding = part.one("valueCoding")
                if part.text("url") == "ombCategory" and coding.text("code"):
                    found.append(Coded(coding.text("code"), coding.text("display"), system_name(coding.system())))
    return [one for one in found if one]
