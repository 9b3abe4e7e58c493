"""FHIR: what is put into a bundle comes out in the message, refuses it, or is named in a remark."""

from __future__ import annotations

import copy
import itertools
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.hl7.escape import unescape
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, read

TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
BUILDER = Builder(builtin())
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Bundles:
    """Draws bundles in which every text is its own, so that it can be found again."""

    def __init__(self, draw):
        self.draw = draw
        self.numbers = itertools.count(1)

    def word(self):
        return self.draw(st.sampled_from(["Ulna", "Ärzte", "A&B", "x^y", "50 %"])) + f"#n{next(self.numbers)}#"

    def code(self, text=True):
        times = range(self.draw(st.integers(1, 3)))
        coding = [{"system": "http://lab.example/codes", "code": self.word()} for _ in times]
        for one in coding:
            if self.maybe():
                one["display"] = self.word()
        return {"coding": coding} | ({"text": self.word()} if text and self.maybe() else {})

    def maybe(self):
        return self.draw(st.booleans())

    def some(self, **elements):
        """Choose some of these elements; each is made only if it is chosen."""
        return {key: make() for key, make in elements.items() if self.maybe()}

    def number(self, kind=""):
        value = {"system": f"urn:oid:1.2.{next(self.numbers)}", "value": self.word()}
        return value | ({"type": {"coding": [{"system": TYPES, "code": kind}]}} if kind else {})

    def quantity(self):
        return {"value": 1000 + next(self.numbers), "unit": self.word()}

    def named(self, kind=""):
        """A logical reference, with a name or without."""
        return {"identifier": self.number()} | ({"type": kind} if kind else {}) | self.some(display=self.word)

    def name(self):
        return {"family": self.word(), "given": [self.word(), self.word()]} | self.some(text=self.word)

    def note(self):
        return [{"text": self.word()} | self.some(authorString=self.word)]

    def time(self):
        return f"2026-0{self.draw(st.integers(1, 9))}-11T10:{10 + next(self.numbers) % 50}:00Z"

    def person(self, name):
        return {"resourceType": "Practitioner", "id": name, "identifier": [self.number()], "name": [self.name()]} | (
            self.some(telecom=lambda: [{"system": "phone", "use": "mobile", "value": self.word()}])
        )

    def value(self):
        return self.draw(
            st.sampled_from(
                [
                    lambda: {"valueQuantity": self.quantity()},
                    lambda: {"valueString": self.word()},
                    lambda: {"valueCodeableConcept": self.code()},
                    lambda: {"valueRange": {"low": self.quantity(), "high": self.quantity()}},
                    lambda: {"valueRatio": {"numerator": self.quantity(), "denominator": self.quantity()}},
                    lambda: {"dataAbsentReason": {"text": self.word()}},
                ]
            )
        )()

    def observation(self, name):
        def span():
            return [
                {"low": self.quantity()}
                | self.some(high=self.quantity, text=self.word, appliesTo=lambda: [self.code()])
                for _ in range(self.draw(st.integers(1, 2)))
            ]

        return {
            "resourceType": "Observation", "id": name, "status": "final", "code": self.code(),
            "subject": {"reference": "Patient/p"}, **self.value(),
        } | self.some(
            referenceRange=span,
            note=self.note,
            bodySite=self.code,
            method=self.code,
            device=self.named,
            performer=lambda: [self.named("Organization"), self.named("Practitioner"), self.named("Practitioner")],
            issued=self.time,
            effectivePeriod=lambda: {"start": self.time(), "end": self.time()},
            category=lambda: [self.code()],
            identifier=lambda: [self.number()],
            interpretation=lambda: [self.code(), {"coding": [{"system": FLAGS, "code": "H"}]}],
            specimen=lambda: {"reference": "Specimen/s"},
            component=lambda: [{"code": self.code(), **self.value()}],
        )  # fmt: skip

    def specimen(self):
        return {"resourceType": "Specimen", "id": "s", "identifier": [self.number()]} | self.some(
            type=self.code,
            receivedTime=self.time,
            collection=lambda: (
                {"collectedDateTime": self.time()}
                | self.some(bodySite=self.code, method=self.code, collector=self.named, quantity=self.quantity)
            ),
            note=self.note,
            condition=lambda: [self.code()],
            container=lambda: [{"additiveCodeableConcept": self.code()}],
        )

    def request(self):
        return {
            "resourceType": "ServiceRequest", "id": "q", "status": "active", "intent": "order",
            "subject": {"reference": "Patient/p"}, "identifier": [self.number()], "contained": [self.person("d")],
        } | self.some(
            requester=lambda: self.draw(st.sampled_from([{"reference": "#d"}, self.named("Practitioner")])),
            reasonCode=lambda: [self.code()],
            note=self.note,
            authoredOn=self.time,
            occurrenceDateTime=self.time,
            performer=lambda: [self.named()],
        )  # fmt: skip

    def patient(self):
        return {
            "resourceType": "Patient", "id": "p", "identifier": [self.number("MR")], "name": [self.name()],
        } | self.some(
            address=lambda: [
                {"line": [self.word(), self.word()], "city": self.word(), "district": self.word()},
                {"city": self.word()},
            ],
            telecom=lambda: [{"system": "phone", "value": self.word()}, {"system": "fax", "value": self.word()}],
            contact=lambda: [{"name": self.name(), "relationship": [self.code(), self.code()]}],
            maritalStatus=self.code,
        )  # fmt: skip

    def encounter(self):
        return {
            "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"},
            "subject": {"reference": "Patient/p"}, "identifier": [self.number()],
        } | self.some(
            location=lambda: [{"location": {"display": self.word()}}, {"location": {"display": self.word()}}],
            serviceProvider=self.named,
        )  # fmt: skip

    def report(self, names):
        return {
            "resourceType": "DiagnosticReport", "id": "r", "identifier": [self.number("FILL"), self.number("RI")],
            "status": "final", "code": self.code(), "subject": {"reference": "Patient/p"},
            "effectiveDateTime": self.time(), "result": [{"reference": f"Observation/{name}"} for name in names],
        } | self.some(
            issued=self.time,
            conclusion=self.word,
            conclusionCode=lambda: [self.code()],
            encounter=lambda: self.draw(st.sampled_from([{"reference": "Encounter/e"}, self.named()])),
            specimen=lambda: [{"reference": "Specimen/s"}],
            basedOn=lambda: [{"reference": "ServiceRequest/q"}],
            performer=lambda: [self.named("Organization"), self.named("Organization")],
            resultsInterpreter=lambda: [self.named("Practitioner"), self.named("Practitioner")],
            presentedForm=lambda: [{"contentType": "text/plain", "data": "aGVsbG8=", "title": self.word()}],
        )  # fmt: skip

    def bundle(self):
        names = ["a", "b"][: self.draw(st.integers(1, 2))]
        resources = [
            self.report(names), *map(self.observation, names), self.patient(), self.encounter(), self.specimen(),
            self.request(),
        ]  # fmt: skip
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


@st.composite
def bundles(draw):
    return Bundles(draw).bundle()


def reading_of(bundle):
    """The only report of a bundle, and all that its remarks say."""
    reading = read(json.dumps(bundle).encode())
    (item,) = reading.items
    if isinstance(item, BadItem):
        assert {one.code for one in item.findings} == {"fhir.no-place"}, item.findings
        return None, []
    return item, [one.text for one in reading.remarks]


def named_in(remarks):
    """The elements that remarks name, each with its kind of resource."""
    return {
        f"{found[1]}.{way}"
        for text in remarks
        if (found := re.fullmatch(r"Not sent of ([A-Za-z]+): (.*)\.", text))
        for way in found[2].split(", ")
    }


def message_of(item):
    return BUILDER.build(
        item.report, control_id="1", now=NOW, attachments=item.documents, place=item.place
    ).body.decode()


def leaves(value, way=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*way, key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, way)
    else:
        yield way, value


_TECHNICAL = {"resourceType", "id", "reference", "status", "use", "system", "intent", "data", "contentType"}
"""What is not itself said to a reader: it chooses, refers or names a vocabulary."""
_TRANSLATED = {("class", "code"), ("interpretation", "coding", "code"), ("identifier", "type", "coding", "code")}


@pytest.mark.long
@examples(40)
@given(bundles())
def test_every_value_is_in_the_message_or_named_in_a_remark(bundle):
    item, remarks = reading_of(bundle)
    if item is None:  # refused: nothing of it is lost
        return
    said = named_in(remarks)
    unread = {name for text in remarks for name in re.findall(r"no report leads to it: ([A-Za-z]+)", text)}
    body = message_of(item)
    words = unescape(body)
    digits = re.sub(r"[^0-9|^~]", "", body)
    lost = []
    for entry in bundle["entry"]:
        for kind, resource in resources_of(entry["resource"]):
            for way, value in leaves({key: inner for key, inner in resource.items() if key != "contained"}):
                if way[-1] in _TECHNICAL or way in _TRANSLATED or way[-1] == "type" or kind in unread:
                    continue
                names = {".".join((kind, *way[:n])) for n in range(1, len(way) + 1)}
                time = isinstance(value, str) and re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", value)
                there = re.sub("[^0-9]", "", value) in digits if time else str(value) in words
                if not there and not names & said:
                    lost.append((kind, way, value))
    assert not lost, repr(lost)


def resources_of(resource):
    yield resource["resourceType"], resource
    for one in resource.get("contained", []):
        yield one["resourceType"], one


# ---------------------------------------------------------------- one thing more


def objects(value, way=()):
    """Every object in a value that is one of FHIR's, with the way to it."""
    if isinstance(value, dict):
        yield way
        for key, inner in value.items():
            yield from objects(inner, (*way, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from objects(inner, (*way, n))


def at(value, way):
    for step in way:
        value = value[step]
    return value


ODD = {
    "element": {"zzz": "7.7"},
    "modifier": {"modifierExtension": [{"url": "http://x.example/odd-thing", "valueString": "7.7"}]},
    "extension": {"extension": [{"url": "http://x.example/odd-thing", "valueString": "7.7"}]},
    "contained value": {
        "contained": [{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "7.7"}]
    },
    "contained report": {
        "contained": [{"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}}]
    },
    "contained person": {"contained": [{"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p"}}]},
}


@st.composite
def with_one_thing_more(draw):
    bundle = Bundles(draw).bundle()
    kind = draw(st.sampled_from(sorted(ODD)))
    entry = draw(st.sampled_from([0, 1]))  # the report and its result, which are read in every bundle
    way = ("entry", entry, "resource")
    if kind in ("element", "extension", "modifier"):
        places = list(objects(at(bundle, way)))
        if kind == "modifier":  # R4 has it on resources and their own parts
            places = [one for one in places if one in ((), ("component", 0), ("referenceRange", 0))]
        way = (*way, *draw(st.sampled_from(places)))
    changed = copy.deepcopy(bundle)
    at(changed, way).update(copy.deepcopy(ODD[kind]))
    return kind, way, changed


@pytest.mark.long
@examples(60)
@given(with_one_thing_more())
def test_one_unknown_thing_refuses_or_is_named(given):
    kind, way, bundle = given
    try:
        reading = read(json.dumps(bundle).encode())
    except FileError:  # refused as a whole
        return
    codes = {one.code for item in reading.items if isinstance(item, BadItem) for one in item.findings}
    remarks = " ".join(one.text for one in reading.remarks)
    said = named_in([one.text for one in reading.remarks])
    steps = [step for step in way[3:] if isinstance(step, str)]
    above = {".".join((at(bundle, way[:3])["resourceType"], *steps[:n])) for n in range(1, len(steps) + 1)}
    if kind == "element":
        assert "fhir.invalid" in codes, way
    elif kind == "modifier":
        assert "fhir.modifier" in codes, way
    elif kind in ("contained value", "contained report"):
        assert "fhir.stray" in codes
    elif kind == "contained person":
        assert "RelatedPerson" in remarks
    else:
        assert "extension(odd-thing)" in remarks or above & said or codes == {"fhir.no-place"}, way
