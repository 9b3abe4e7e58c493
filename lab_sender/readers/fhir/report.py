"""A FHIR Bundle, or a DiagnosticReport alone, to reports.

Holds: which DiagnosticReports go together: those of one patient and encounter are the orders of one report.
Promises: a fault anywhere in a report quarantines it as a whole, with every place. An observation of the file that no
report names is quarantined by itself, not lost. No result goes out twice: an observation that two reports name
quarantines both, and so does a report that stands there twice.
Never: takes a bundle that removes something, or holds what is no longer valid, for results.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from typing import Any, Final

from lab_sender.config.inputs import FhirInput
from lab_sender.errors import FileError, Finding
from lab_sender.readers.fhir.audit import Audit, is_known, remarks
from lab_sender.readers.fhir.bundle import Element, Resource, Shelf, peek
from lab_sender.readers.fhir.documents import Documents
from lab_sender.readers.fhir.observation import observations_named_by
from lab_sender.readers.fhir.order import Orders
from lab_sender.readers.fhir.people import named_patient, named_visit, read_patient, read_visit
from lab_sender.readers.fhir.places import FhirPlaces
from lab_sender.readers.fhir.subject import Subject
from lab_sender.readers.fhir.validation import meaning_faults, modifier_faults
from lab_sender.readers.items import BadItem, Item, Remark
from lab_sender.readers.json.faults import at
from lab_sender.readers.reader import report_item
from lab_sender.report.model import Order, Patient, Report, Specimen

_RESULTS: Final = ("Observation", "DiagnosticReport")
_BUNDLE: Final = frozenset(
    ("resourceType", "id", "meta", "implicitRules", "language", "identifier", "type", "timestamp", "total", "link")
) | {"entry", "signature"}
_ENTRY: Final = frozenset(
    ("id", "extension", "modifierExtension", "link", "fullUrl", "resource", "search", "request", "response")
)
_REMOVING: Final = ("DELETE", "PATCH")


def read_fhir(value: dict[str, Any], place: str, settings: FhirInput) -> list[Item | Remark]:
    """Read a Bundle or a DiagnosticReport that stands at `place` in its file.

    Raises FileError where it holds no report at all, or says what a message of results cannot.
    """
    shelf = Shelf(settings.systems)
    _put_all(shelf, value, place)
    reports = list(shelf.of_kind("DiagnosticReport"))
    if not reports:
        raise FileError.of(
            "fhir.no-report", "There is no DiagnosticReport in this.", place=place,
            hint="Results are sent from a Bundle with DiagnosticReport resources, or from one DiagnosticReport.",
        )  # fmt: skip
    groups: dict[object, list[Resource]] = {}
    for report in reports:
        groups.setdefault(_key(report), []).append(report)
    named = Counter(one for report in reports for one in observations_named_by(report))
    twice = {one for one, times in named.items() if times > 1}
    # What supports a request are the orderer's own answers; see docs/files/fhir.md.
    answers = {one for request in shelf.of_kind("ServiceRequest") for one in _supporting(request)}
    inside = [one for holder in shelf.resources for one in holder.contained if one.kind in _RESULTS]
    strays = [one for one in (*shelf.of_kind("Observation"), *inside) if one not in named and one not in answers]
    audits = [Audit() for _ in groups]
    items = [_report(group, twice, audit, settings) for group, audit in zip(groups.values(), audits, strict=True)]
    used = {one for audit in audits for one in audit.used}
    strays = [one for one in strays if one not in used]  # else it is the reason of an order
    everything = (one for holder in shelf.resources for one in (holder, *holder.contained))
    unused = (one for one in everything if one not in used and one not in strays)
    said: dict[str, dict[str, str]] = {}
    for audit in audits:
        for kind, names in () if audit.faults else audit.passed_over.items():
            said[kind] = names | said.get(kind, {})
    further = remarks(said, (one for one in unused if not is_known(one.kind, settings.pass_over)))
    moved = (one for audit in audits if not audit.faults for one in audit.remarks)
    return [*items, *map(_stray, strays), *map(Remark, (*moved, *further))]


def _put_all(shelf: Shelf, value: dict[str, Any], place: str) -> None:
    """Put every resource of a bundle on the shelf; bundles in it are opened."""
    if value.get("resourceType") != "Bundle":
        shelf.put(value, place, "")
        return
    if value.get("type") == "history":
        raise FileError.of(
            "fhir.history", "A history holds versions that are no longer valid.", place=at(place, "type"),
            hint="Write a collection, message, document or transaction.",
        )  # fmt: skip
    if faults := (*meaning_faults({**value, "entry": None}, place), *_unknown(value, _BUNDLE, place)):
        raise FileError(faults)
    entries = value.get("entry", [])
    for n, entry in enumerate(entries if isinstance(entries, list) else [None]):
        here = f"{at(place, 'entry')}[{n}]"
        if not isinstance(entry, dict):
            raise FileError.of("fhir.invalid", "An entry of a bundle must be an object.", place=here)
        if faults := (*modifier_faults({**entry, "resource": None}, here), *_unknown(entry, _ENTRY, here)):
            raise FileError(faults)
        request, resource, url = (entry.get(key) for key in ("request", "resource", "fullUrl"))
        if isinstance(request, dict) and request.get("method") in _REMOVING:
            raise FileError.of(
                "fhir.removal", "This takes back or patches a resource; no result can say that.",
                place=f"{here}.request", hint="Send the observations again as entered-in-error or corrected.",
            )  # fmt: skip
        if resource is None:
            continue
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise FileError.of("fhir.invalid", "This is not a FHIR resource.", place=f"{here}.resource")
        inner = f"{here}.resource"
        if resource["resourceType"] == "MessageHeader" and (faults := (*meaning_faults(resource, inner),)):
            raise FileError(faults)  # it says of the whole message what it is
        if resource["resourceType"] == "Bundle":
            _put_all(shelf, resource, inner)
        else:
            shelf.put(resource, inner, url if isinstance(url, str) else "")


def _unknown(value: dict[str, Any], known: Set[str], place: str) -> Iterator[Finding]:
    """Name the elements of a bundle, or of an entry, that R4 does not have: one of them may hold a result."""
    for key in value:
        if key not in known and not (key.startswith("_") and key[1:] in known):
            yield Finding("fhir.invalid", "FHIR R4 has no such element here.", at(place, key))


def _key(report: Resource) -> object:
    """What DiagnosticReports of one message have in common: patient and encounter."""
    given = peek(report)
    subject, encounter = given.one("subject"), given.one("encounter")
    patient = subject.leads_to(subject.peek("reference"))
    visit = encounter.leads_to(encounter.peek("reference"))
    return (patient or report, visit or encounter.one("identifier").peek("value"))


def _supporting(request: Resource) -> set[Resource]:
    ways = peek(request).many("supportingInfo")
    return {found for way in ways if (found := way.leads_to(way.peek("reference"))) is not None}


def _report(resources: list[Resource], twice: Set[Resource], audit: Audit, settings: FhirInput) -> Item:
    """Make one report of the DiagnosticReports of one patient and encounter; `twice` is what several reports name."""
    given = [Element(one.value, one.place, one, audit).enter(one) for one in resources]
    place = resources[0].place.removesuffix(".resource")
    documents, places = Documents(), FhirPlaces(place)
    reference, way = given[0].one("subject"), given[0].one("encounter")
    encounter = way.follow("Encounter")
    subject = Subject(reference, way)
    subject.check_all(given[1:])
    if encounter:
        subject.check(encounter)
        if encounter.text("status") == "entered-in-error":
            encounter.fault("fhir.entered-in-error", "The encounter was entered in error.", "status",
                            hint="Refer to the one that is valid, or to none.")  # fmt: skip
    places.parts["patient"] = subject.patient.place if subject.patient else reference.place
    places.parts["visit"] = encounter.place
    orders = Orders(subject, documents, places, number_from_id=settings.number == "report-id")
    report = Report(
        patient=_patient(reference),
        orders=[orders.read(one, f"orders[{n}]") for n, one in enumerate(given)],
        visit=read_visit(encounter) or named_visit(way),
    )
    for one, earlier in zip(given, _earlier(report.orders, orders.specimens), strict=True):
        if earlier:
            one.fault("fhir.report-twice", "A report before it has this number and code too.", "identifier",
                      hint="Leave in the one that is valid, or give each its own number.")  # fmt: skip
        if not twice.isdisjoint(observations_named_by(one.home)):
            one.fault("fhir.result-twice", "Another report names an observation of this one too.", "result",
                      hint="A result belongs to one report; leave in the one that is valid.")  # fmt: skip
    audit.close(settings.pass_over)
    if faults := audit.faults:
        return BadItem(place, tuple({(one.code, one.place): one for one in faults}.values()), _digest(resources))
    return report_item(place, report, documents.data, places)


def _earlier(orders: Iterable[Order], specimens: Iterable[list[Specimen]]) -> Iterator[bool]:
    """Tell of each order whether one before it is the same to a receiver: number, code and specimens."""
    seen = []
    for order, examined in zip(orders, specimens, strict=True):
        name = order.filler, order.test.code or order.test.text, order.test.system, examined
        yield name in seen
        seen.append(name)


def _patient(reference: Element) -> Patient:
    if not reference.peek("reference") and reference.one("identifier").text("value"):
        return named_patient(reference)
    if not reference.peek("reference"):
        reference.fault("fhir.patient", "The report does not say whose it is.",
                        hint="`subject` must refer to a Patient in the file, or name an identifier.")  # fmt: skip
        return Patient()
    found = reference.follow("Patient", needed=True)
    return read_patient(found) if found else Patient()


def _stray(resource: Resource) -> BadItem:
    finding = Finding(
        "fhir.stray", "No DiagnosticReport names this observation, so it was not sent.", place=resource.place,
        hint="Name it under `result` of its DiagnosticReport.",
    )  # fmt: skip
    return BadItem(resource.place, (finding,), _digest([resource]))


def _digest(resources: list[Resource]) -> bytes:
    text = json.dumps([one.value for one in resources], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()
