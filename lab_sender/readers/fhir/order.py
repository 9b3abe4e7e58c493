"""One DiagnosticReport, and the ServiceRequest it answers, to one order.

Holds: numbers, times, status, orderer and specimens of an order.
Promises: the laboratory's number is found or the report is quarantined: a correction is known by it. A report that
was entered in error, or whose status is not known, is quarantined.
Never: reads an observation; observation.py does.
"""

from __future__ import annotations

from typing import Final

from lab_sender.readers.fhir.bundle import Element, Resource
from lab_sender.readers.fhir.codes import code_or_text, codes_of, needed_concept, number_of, words
from lab_sender.readers.fhir.documents import Documents
from lab_sender.readers.fhir.observation import Observations, observations_named_by
from lab_sender.readers.fhir.people import names_a_doctor, read_organization, read_person, read_phone, said_of
from lab_sender.readers.fhir.places import FhirPlaces
from lab_sender.readers.fhir.subject import Subject
from lab_sender.readers.fhir.values import quantity_words
from lab_sender.report.model import Coded, Order, OrderNumber, Organization, Result, Specimen, Timing

_STATUSES: Final = {
    **{word: word for word in ("registered", "partial", "preliminary", "final", "amended", "corrected", "cancelled")},
    "appended": "final",
}
_WITHOUT_RESULTS: Final = ("registered", "cancelled")
_PRIORITIES: Final = {"routine": "R", "urgent": "A", "asap": "A", "stat": "S"}


_R5_NOTE: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"


class Orders:
    """Reads the orders of one report."""

    def __init__(self, subject: Subject, documents: Documents, places: FhirPlaces, *, number_from_id: bool) -> None:
        self._subject = subject
        self._number_from_id = number_from_id
        self.specimens: list[list[Specimen]] = []
        """All specimens of each order, also those without a type, which have no place in SPM."""
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
        self.specimens.append(specimens)
        labs = ((way, lab) for way in given.many("performer") if (lab := _laboratory(way)))
        way, lab = next(labs, (None, None))
        observations = Observations(test, self._subject.check_observation, lab, len(specimens) > 1)
        attachments, pointers = self._documents.read(given, test, self._subject.check)
        results = observations.read(given.many("result")) + pointers
        if way is not None and all(one.lab is not lab for one in results):
            way.left()
        self._places |= {f"{path}.results[{n}]": place for n, place in enumerate(observations.places)}
        period = given.one("effectivePeriod")
        collected, until = given.text("effectiveDateTime") or period.text("start"), period.text("end")
        notes = _conclusions(given)
        if notes and not results and not attachments:
            results, notes = [Result(test=test, type="TX", value="\n".join(notes))], []
        notes += _notes(given)
        typed = [one for one in specimens if one.type]
        only = specimens[0] if len(specimens) == 1 else Specimen()
        times = collected or only.collected, until or ("" if typed or collected else only.collected_until)
        received = "" if typed else only.received
        for one in specimens:
            if not one.type:
                notes += _specimen_in_words(one, *times, received)
        if not results and not attachments and status not in _WITHOUT_RESULTS:
            given.fault("fhir.no-result", "The report has no observation, document or conclusion.", "result",
                        hint="Name its observations under `result`, or cancel it.")  # fmt: skip
        identifiers, ordered = given.many("identifier"), request.many("identifier")
        asked = [one.one("identifier") for one in given.many("basedOn")]
        filler = number_of(identifiers, "FILL", "ACSN") or number_of(ordered, "FILL") or number_of(identifiers, "")
        if not filler and self._number_from_id:
            filler = given.text("id") or given.home.url.removeprefix("urn:uuid:").rpartition("/")[2]
        if not filler:
            given.fault("fhir.number", "The report has no number of the laboratory's.", "identifier",
                        hint="Give it an identifier of type FILL: a correction is known by it. Where a correction "
                        "keeps the id of its report, write inputs.fhir: number: report-id.")  # fmt: skip
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
            collected=times[0],
            collected_until=times[1],
            received=received,
            reported=given.text("issued"),
            reason=self._reasons(request),
            orderer=read_person(requester, untyped=True),
            orderer_phone=read_phone(requester),
            orderer_facility=read_organization(requester),
            interpreter=next(
                filter(None, (read_person(one, untyped=True) for one in given.many("resultsInterpreter"))), None
            ),
            timing=Timing(start, when.text("end")) if start else None,
            specimens=typed,
            notes=notes,
            results=results,
            attachments=attachments,
        )

    def _request(self, given: Element) -> Element:
        """Return the order that the report answers; empty where the file does not hold it."""
        requests = [one for way in given.many("basedOn") if (one := way.follow("ServiceRequest"))]
        for one in requests:
            self._subject.check(one)
            one.done("intent")
            if one.text("status") == "entered-in-error" or one.flag("doNotPerform"):
                one.fault("fhir.entered-in-error", "The order that this answers was taken back or forbids the test.",
                          "status", hint="Refer to the order that is valid, or to none.")  # fmt: skip
        return requests[0] if requests else Element({}, given.place, given.home, given.audit)

    def _reasons(self, request: Element) -> list[str | Coded]:
        reasons = [code_or_text(one) for one in request.many("reasonCode")]
        for one in request.many("reasonReference"):
            if found := one.follow("Condition", "Observation"):
                self._subject.check(found)
            reasons.append(code_or_text(found.one("code")) or said_of(one))
        return [reason for reason in reasons if reason]

    def _specimens(self, given: Element, request: Element, path: str) -> list[Specimen]:
        """Read the specimens of a report, of its observations and of its order, each once."""
        observations = [given.enter(one) for one in observations_named_by(given.home)]
        ways = [*given.many("specimen"), *(one.one("specimen") for one in observations), *request.many("specimen")]
        found: dict[Resource, Specimen] = {}
        named: list[Specimen] = []
        for way in filter(None, ways):
            if not way.peek("reference") and (way.peek("display") or way.has("identifier")):
                named.append(
                    Specimen(type=way.text("display"), filler=number_of([way.one("identifier")], "FILL", ""))
                )
            elif (one := way.follow("Specimen", needed=True)) and one.home not in found:
                found[one.home] = self._specimen(one)
        typed = [home for home, one in found.items() if one.type]
        self._places |= {f"{path}.specimens[{n}]": home.place for n, home in enumerate(typed)}
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
        if fasting := words(collection.one("fastingStatusCodeableConcept")):
            notes.append(f"Fasting: {fasting}")
        if lasted := quantity_words(collection.one("fastingStatusDuration")):
            notes.append(f"Fasting: {lasted}")
        if given.text("status") in ("unsatisfactory", "unavailable"):
            notes.insert(0, f"Specimen {given.text('status')}")
        if not (kind := code_or_text(given.one("type"))):
            given.remark("fhir.specimen-type", "The specimen has no type, so no SPM: what it says is in notes.",
                         hint="Let the specimen have its type.")  # fmt: skip
        return Specimen(
            placer=number_of(identifiers, "PLAC"),
            filler=number_of([given.one("accessionIdentifier")], "ACSN", "FILL", "")
            or number_of(identifiers, "FILL", "ACSN", ""),
            type=kind,
            additive=next((one for one in map(code_or_text, additives) if one), ""),
            method=code_or_text(collection.one("method")),
            site=code_or_text(collection.one("bodySite")),
            collected=collection.text("collectedDateTime") or period.text("start"),
            collected_until=period.text("end"),
            received=given.text("receivedTime"),
            condition=[one for one in map(code_or_text, given.many("condition")) if one],
            notes=[note for note in notes if note],
        )


def _laboratory(performer: Element) -> Organization | None:
    return read_organization(performer, untyped=not names_a_doctor(performer))


def _notes(given: Element) -> list[str]:
    """Return the notes on a report: R5 has them, and R4 files carry them as an extension."""
    found = []
    for one in given.many("extension"):
        if one.peek("url") == _R5_NOTE:
            note = one.one("valueAnnotation")
            found.append(note.text("text"))
            if note.value.keys() <= {"text"}:
                one.done()
    return [text for text in found if text]


def _specimen_in_words(given: Specimen, collected: str, until: str, received: str) -> list[str]:
    """Say what SPM would, for a specimen that has none: SPM cannot stand without a type.

    The times are those that the order has.
    """
    numbers = [one.id if isinstance(one, OrderNumber) else one for one in (given.filler, given.placer)]
    said = [
        *(("Specimen", number) for number in dict.fromkeys(numbers)),
        ("Additive", _as_text(given.additive)),
        ("Collection", _as_text(given.method)),
        ("Site", _as_text(given.site)),
        ("Collected", given.collected if given.collected != collected else ""),
        ("Collected until", given.collected_until if given.collected_until != until else ""),
        ("Received", given.received if given.received != received else ""),
        *(("Condition", _as_text(one)) for one in given.condition),
    ]
    return [*(f"{name}: {text}" for name, text in said if text), *given.notes]


def _as_text(given: str | Coded) -> str:
    """Return a text, and its codes behind it."""
    if isinstance(given, str):
        return given
    alternate = (given.alt.code, given.alt.text) if given.alt else ()
    text, *others = dict.fromkeys(filter(None, (given.text, given.code, *alternate)))
    return f"{text} ({', '.join(others)})" if others else text


def _conclusions(given: Element) -> list[str]:
    coded = [words(one) for one in given.many("conclusionCode")]
    return [text for text in (given.text("conclusion"), *coded) if text]
