"""One DiagnosticReport, and the ServiceRequest it answers, to one order.

Holds: numbers, times, status, orderer and specimens of an order; whether a resource is about its patient.
Promises: the laboratory's number is found or the report is refused: a correction is known by it. A report that was
entered in error, or whose status is not known, is refused.
Never: reads an observation; fhir_observation.py does.
"""

from __future__ import annotations

from typing import Final

from lab_sender.readers.fhir.bundle import Element, Resource
from lab_sender.readers.fhir.codes import code_or_text, codes_of, current, needed_concept, number_of, words
from lab_sender.readers.fhir.documents import Documents
from lab_sender.readers.fhir.observation import Observations, observations_named_by
from lab_sender.readers.fhir.people import read_organization, read_person, read_phone
from lab_sender.readers.fhir.places import FhirPlaces
from lab_sender.report.model import Coded, Order, Result, Specimen, Timing

_STATUSES: Final = {
    **{word: word for word in ("registered", "partial", "preliminary", "final", "amended", "corrected", "cancelled")},
    "appended": "final",
}
_WITHOUT_RESULTS: Final = ("registered", "cancelled")
_PRIORITIES: Final = {"routine": "R", "urgent": "A", "asap": "A", "stat": "S"}


class Subject:
    """Whom a report is about: a Patient of the file, or an identifier only."""

    def __init__(self, reference: Element) -> None:
        self.patient = reference.leads_to(reference.text("reference"))
        self._ids = _ids([reference.one("identifier")])
        if self.patient is not None:
            self._ids |= _ids(Element(self.patient.value, self.patient.place, self.patient, []).many("identifier"))

    def owns(self, given: Element) -> bool:
        """Tell whether a resource is about this patient, or does not say about whom."""
        if self.patient is None and not self._ids:
            return True  # the report is refused for that
        subject = given.one("subject")
        reference = subject.text("reference")
        target = subject.leads_to(reference)
        if target is not None and self.patient is None:
            return bool(self._ids & _ids(Element(target.value, target.place, target, []).many("identifier")))
        if reference:
            return target is not None and target is self.patient
        ids = _ids([subject.one("identifier")])
        return not ids or bool(ids & self._ids)

    def check(self, given: Element) -> None:
        """Refuse a resource about another patient."""
        if not self.owns(given):
            given.fault("fhir.other-patient", "This is about another patient than the report.", "subject")


class Orders:
    """Reads the orders of one report."""

    def __init__(self, subject: Subject, documents: Documents, places: FhirPlaces) -> None:
        self._subject = subject
        self._documents = documents
        self._places = places.parts

    def read(self, given: Element, path: str) -> Order:
        """Read one DiagnosticReport, the order at `path` of the report."""
        self._places[path] = given.place
        status = given.text("status")
        if status == "entered-in-error":
            given.fault("fhir.entered-in-error", "The report as a whole was entered in error.", "status",
                        hint="Give its observations that status: each goes out as wrong (OBX-11 W).")  # fmt: skip
        elif status not in _STATUSES:
            given.fault("fhir.status", "A report of this status cannot be sent.", "status")
        request = self._request(given)
        test = needed_concept(given.one("code"))
        specimens = self._specimens(given, request, path)
        performer = next(
            filter(None, (read_organization(one, untyped=True) for one in given.many("performer"))), None
        )
        observations = Observations(test, self._subject.owns, performer, len(specimens) > 1)
        attachments, pointers = self._documents.read(given, test)
        results = observations.read(given.many("result")) + pointers
        self._places |= {f"{path}.results[{n}]": place for n, place in enumerate(observations.places)}
        notes = _conclusions(given)
        if notes and not results and not attachments:
            results, notes = [Result(test=test, type="TX", value="\n".join(notes))], []
        if not results and not attachments and status not in _WITHOUT_RESULTS:
            given.fault("fhir.no-result", "The report has no observation, document or conclusion.", "result",
                        hint="Name its observations under `result`, or cancel it.")  # fmt: skip
        period = given.one("effectivePeriod")
        collected = given.text("effectiveDateTime") or period.text("start")
        identifiers, ordered = given.many("identifier"), request.many("identifier")
        asked = [one.one("identifier") for one in given.many("basedOn")]
        filler = number_of(identifiers, "FILL", "ACSN") or number_of(ordered, "FILL") or number_of(identifiers, "")
        if not filler:
            given.fault("fhir.number", "The report has no number of the laboratory's.", "identifier",
                        hint="Give it an identifier of type FILL: a correction is known by it.")  # fmt: skip
        when = request.one("occurrencePeriod")
        start = request.text("occurrenceDateTime") or when.text("start")
        requester = request.one("requester")
        return Order(
            test=test,
            filler=filler,
            placer=number_of(identifiers, "PLAC") or number_of([*ordered, *asked], "PLAC", ""),
            group=number_of([*identifiers, *ordered], "PGN") or number_of([request.one("requisition")], ""),
            status=_STATUSES.get(status, "final"),
            priority=_PRIORITIES.get(request.text("priority"), ""),
            section=next((code for one in given.many("category") for code in codes_of(one, "HL70074")), ""),
            requested=request.text("authoredOn"),
            collected=collected or (specimens[0].collected if len(specimens) == 1 else ""),
            collected_until=period.text("end"),
            reported=given.text("issued"),
            reason=_reasons(request),
            orderer=read_person(requester, untyped=True),
            orderer_phone=read_phone(requester),
            orderer_facility=read_organization(requester),
            interpreter=next(
                filter(None, (read_person(one, untyped=True) for one in given.many("resultsInterpreter"))), None
            ),
            timing=Timing(start, when.text("end")) if start else None,
            specimens=specimens,
            notes=notes,
            results=results,
            attachments=attachments,
        )

    def _request(self, given: Element) -> Element:
        """Return the order that the report answers; empty where the file does not hold it."""
        requests = [one for way in given.many("basedOn") if (one := way.follow("ServiceRequest"))]
        for one in requests:
            self._subject.check(one)
        return requests[0] if requests else Element({}, given.place, given.home, given.faults)

    def _specimens(self, given: Element, request: Element, path: str) -> list[Specimen]:
        """Read the specimens of a report, of its observations and of its order, each once."""
        observations = [given.enter(one) for one in observations_named_by(given.home)]
        ways = [*given.many("specimen"), *(one.one("specimen") for one in observations), *request.many("specimen")]
        found: dict[Resource, Specimen] = {}
        named: list[Specimen] = []
        for way in filter(None, ways):
            if not way.text("reference") and (way.text("display") or way.has("identifier")):
                named.append(
                    Specimen(type=way.text("display"), filler=number_of([way.one("identifier")], "FILL", ""))
                )
            elif (one := way.follow("Specimen", needed=True)) and one.home not in found:
                found[one.home] = self._specimen(one)
        self._places |= {f"{path}.specimens[{n}]": home.place for n, home in enumerate(found)}
        return [*found.values(), *(one for n, one in enumerate(named) if one not in named[:n])]

    def _specimen(self, given: Element) -> Specimen:
        self._subject.check(given)
        if given.text("status") == "entered-in-error":
            given.fault("fhir.entered-in-error", "The specimen was entered in error.", "status")
        collection = given.one("collection")
        period = collection.one("collectedPeriod")
        identifiers = given.many("identifier")
        additives = [one.one("additiveCodeableConcept") for one in given.many("container")]
        notes = [one.text("text") for one in given.many("note")]
        if given.text("status") in ("unsatisfactory", "unavailable"):
            notes.insert(0, f"Specimen {given.text('status')}")
        return Specimen(
            placer=number_of(identifiers, "PLAC"),
            filler=number_of([given.one("accessionIdentifier")], "ACSN", "FILL", "")
            or number_of(identifiers, "FILL", "ACSN", ""),
            type=code_or_text(given.one("type")),
            additive=next((one for one in map(code_or_text, additives) if one), ""),
            method=code_or_text(collection.one("method")),
            site=code_or_text(collection.one("bodySite")),
            collected=collection.text("collectedDateTime") or period.text("start"),
            collected_until=period.text("end"),
            received=given.text("receivedTime"),
            condition=[one for one in map(code_or_text, given.many("condition")) if one],
            notes=[note for note in notes if note],
        )


def _ids(identifiers: list[Element]) -> set[tuple[str, str]]:
    return {(one.text("system"), one.text("value")) for one in current(identifiers)}


def _conclusions(given: Element) -> list[str]:
    coded = [words(one) for one in given.many("conclusionCode")]
    return [text for text in (given.text("conclusion"), *coded) if text]


def _reasons(request: Element) -> list[str | Coded]:
    ways = [one.follow("Condition", "Observation").one("code") for one in request.many("reasonReference")]
    return [reason for reason in map(code_or_text, [*request.many("reasonCode"), *ways]) if reason]
