"""FHIR: whoever is named is read, what contradicts refuses, and what has no place is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lab_sender.config.inputs import FhirInput
from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, ReportItem, read
from lab_sender.report.model import Authority, OrderNumber, Phone, Range
from readers.fhir_samples import (
    PATIENT,
    TYPES,
    built,
    bundle,
    concept,
    dump,
    observation,
    quantity,
    refused,
    report,
    results,
)

GOOD = observation("a", valueInteger=1)


def by_number(value, kind="", **more):
    """A logical reference: who is meant is said by an identifier only."""
    return {"identifier": {"system": "urn:oid:1.2.9", "value": value}} | ({"type": kind} if kind else {}) | more


def request(**more):
    return {
        "resourceType": "ServiceRequest", "id": "q", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "identifier": [{"value": "P1"}],
    } | more  # fmt: skip


def encounter(**more):
    return {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"},
        "identifier": [{"value": "V1"}],
    } | more  # fmt: skip


def specimen(**more):
    return {"resourceType": "Specimen", "id": "s", "identifier": [{"value": "S9"}]} | more


def with_request(**more):
    data = bundle(report("a", basedOn=[{"reference": "ServiceRequest/q"}]), GOOD, request(**more))
    return built(data).report.orders[0]


def lines(data, inputs=None):
    (item,) = read(data, inputs=inputs or Inputs()).items
    assert isinstance(item, ReportItem), item
    message = Builder(builtin()).build(
        item.report, control_id="1", now=datetime(2026, 1, 1, tzinfo=UTC), attachments=item.documents
    )
    return [line.split("|") for line in message.body.decode().split("\r")[:-1]]


def told(data, inputs=None):
    """Code and text of every remark."""
    return [(one.code, one.text) for one in read(data, inputs=inputs or Inputs()).remarks]


# ------------------------------------------------------- who is named by number only

NINE = Authority("", "1.2.9", "ISO")


@pytest.mark.parametrize("kind", ["Practitioner", "PractitionerRole", ""])
def test_a_requester_known_by_number(kind):
    order = with_request(requester=by_number("C1", kind, display="Dr Roe"))
    assert (order.orderer.id, order.orderer.authority, order.orderer.family) == ("C1", NINE, "Dr Roe")


def test_a_requester_that_is_an_organization_known_by_number():
    order = with_request(requester=by_number("H1", "Organization"))
    assert (order.orderer, order.orderer_facility.id, order.orderer_facility.authority) == (None, "H1", NINE)


def test_a_role_whose_person_and_organization_are_known_by_number():
    role = {
        "resourceType": "PractitionerRole", "id": "r",
        "practitioner": by_number("C1"), "organization": by_number("H1"),
    }  # fmt: skip
    order = with_request(requester={"reference": "#r"}, contained=[role])
    assert (order.orderer.id, order.orderer_facility.id) == ("C1", "H1")


def test_whom_a_report_and_its_results_name_by_number():
    more = {
        "encounter": by_number("V900"),
        "resultsInterpreter": [by_number("9000", "Practitioner")],
        "basedOn": [by_number("P7")],
        "performer": [by_number("LAB1", "Organization")],
    }
    observer = observation("b", "2-2", valueInteger=2, performer=[by_number("T5", "Practitioner")],
                           device=by_number("XN-1"))  # fmt: skip
    data = bundle(report("a", "b", **more), GOOD, observer)
    found = built(data).report
    (order,) = found.orders
    assert (found.visit.number.id, found.visit.number.authority) == ("V900", NINE)
    assert (order.interpreter.id, order.placer) == ("9000", OrderNumber("P7", NINE))
    assert [one.lab.id for one in order.results] == ["LAB1", "LAB1"]
    assert (order.results[1].observer.id, order.results[1].device) == ("T5", "XN-1")
    assert told(data) == [("fhir.passed-over", "Not sent of Observation: device.identifier.system.")]


def test_whom_an_encounter_names_by_number():
    attender = {"type": [concept("ATND", system="http://x.example")], "individual": by_number("D1")}
    stay = {"location": {"display": "Ward 7"}}
    data = bundle(
        report("a", encounter={"reference": "Encounter/e"}),
        GOOD, encounter(participant=[attender], location=[stay]),
    )  # fmt: skip
    visit = built(data).report.visit
    assert (visit.attending.id, visit.ward) == ("D1", "Ward 7")


def test_a_reason_that_is_only_named():
    assert with_request(reasonReference=[{"display": "anaemia"}]).reason == ["anaemia"]


@pytest.mark.parametrize(
    ("resource", "way"),
    [
        ({"performer": [{"reference": "Organization/x"}]}, "performer.reference"),
        ({"resultsInterpreter": [{"reference": "Practitioner/x"}]}, "resultsInterpreter.reference"),
        ({"encounter": {"reference": "Encounter/x"}}, "encounter.reference"),
        ({"basedOn": [{"reference": "ServiceRequest/x"}]}, "basedOn.reference"),
        ({"performer": [{"reference": "Patient/p"}]}, "performer.reference"),  # in the file, but no place for it
    ],
)
def test_a_reference_that_leads_nowhere_and_says_nothing_is_told(resource, way):
    data = bundle(report("a", **resource), GOOD)
    assert told(data) == [("fhir.passed-over", f"Not sent of DiagnosticReport: {way}.")]


# ------------------------------------------------------- another patient, another visit

OTHER = PATIENT | {"id": "p2", "identifier": [{"system": "urn:oid:1.2.3.4", "value": "M2"}]}
M2 = {"identifier": {"system": "urn:oid:1.2.3.4", "value": "M2"}}
P2 = {"reference": "Patient/p2"}


@pytest.mark.parametrize("who", [P2, M2])
def test_an_encounter_of_another_patient_refuses(who):
    data = bundle(report("a", encounter={"reference": "Encounter/e"}), GOOD, encounter(subject=who), OTHER)
    assert refused(data) == {"entry[2].resource.subject": "fhir.other-patient"}


def test_a_result_in_an_encounter_of_another_patient_refuses():
    result = GOOD | {"encounter": {"reference": "Encounter/e"}}
    data = bundle(report("a"), result, encounter(subject=P2), OTHER)
    assert refused(data) == {"entry[1].resource.encounter": "fhir.other-patient"}


@pytest.mark.parametrize("way", [{"reference": "Encounter/e2"}, {"identifier": {"value": "V2"}}])
def test_a_result_of_another_encounter_refuses(way):
    more = encounter(id="e2", identifier=[{"value": "V2"}])
    data = bundle(report("a", encounter={"reference": "Encounter/e"}), GOOD | {"encounter": way}, encounter(), more)
    assert refused(data) == {"entry[1].resource.encounter": "fhir.other-visit"}


@pytest.mark.parametrize("way", [{"reference": "Encounter/e"}, {"identifier": {"value": "V1"}}, None])
def test_a_result_of_the_same_encounter_is_sent(way):
    data = bundle(report("a", encounter={"reference": "Encounter/e"}), GOOD | {"encounter": way}, encounter())
    assert results(data)[0].value == "1"
    assert told(data) == []


@pytest.mark.parametrize("name", ["report", "result"])
def test_an_identifier_that_the_patient_does_not_have_refuses(name):
    both = {"reference": "Patient/p"} | M2
    more = {"subject": both}
    data = bundle(report("a", **more if name == "report" else {}), GOOD | (more if name == "result" else {}))
    assert set(refused(data).values()) == {"fhir.other-patient"}


def test_an_identifier_does_not_make_another_patients_result_ours():
    """The report names patient p and the number of p2; a result of p2 was sent as p's."""
    data = bundle(report("a", subject={"reference": "Patient/p"} | M2), GOOD | {"subject": M2}, OTHER)
    assert "fhir.other-patient" in refused(data).values()


def test_a_patient_named_by_reference_and_by_own_number_is_one():
    both = {"reference": "Patient/p", "identifier": {"system": "urn:oid:1.2.3.4", "value": "0012345"}}
    assert results(bundle(report("a", subject=both), GOOD | {"subject": both}))[0].value == "1"


def test_two_reports_of_one_encounter_may_name_the_patient_in_two_ways_but_not_two_patients():
    second = report("b", id="r2", identifier=[{"value": "F2"}], subject={"reference": "Patient/p"} | M2)
    data = bundle(report("a"), second, GOOD, observation("b", "2-2", valueInteger=2))
    assert "fhir.other-patient" in refused(data).values()


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ((encounter(status="entered-in-error"), request()), "entry[2].resource.status"),
        ((encounter(), request(status="entered-in-error")), "entry[3].resource.status"),
        ((encounter(), request(doNotPerform=True)), "entry[3].resource.status"),
    ],
)
def test_a_visit_or_order_that_was_taken_back_refuses(more, place):
    given = report("a", encounter={"reference": "Encounter/e"}, basedOn=[{"reference": "ServiceRequest/q"}])
    assert refused(bundle(given, GOOD, *more)) == {place: "fhir.entered-in-error"}


# ------------------------------------------------------- headings


def heading(status, member_status="final", **more):
    group = observation("g", "0-0", status=status, hasMember=[{"reference": "Observation/a"}], **more)
    return bundle(report("g"), group, GOOD | {"status": member_status})


@pytest.mark.parametrize("status", ["unknown", "registered", "preliminary", "final"])
def test_the_status_of_a_heading_does_not_matter(status):
    assert [(one.value, one.status) for one in results(heading(status))] == [("1", "final")]


@pytest.mark.parametrize("more", [{"valueInteger": 5}, {"component": [{"code": concept("1-1"), "valueInteger": 1}]}])
def test_the_status_of_a_group_with_a_value_matters(more):
    assert refused(heading("unknown", **more)) == {"entry[1].resource.status": "fhir.status"}


@pytest.mark.parametrize(("status", "code"), [("entered-in-error", "entered-in-error"), ("cancelled", "status")])
def test_a_heading_that_is_void_needs_members_that_are(status, code):
    assert refused(heading(status)) == {"entry[1].resource.status": f"fhir.{code}"}
    assert [one.status for one in results(heading(status, status))] == [status]


def test_what_a_heading_says_of_time_and_place_is_told():
    said = {"effectiveDateTime": "2026-08-19", "performer": [{"display": "Lab Two"}]}
    data = heading("final", code={"text": "CHEMISTRY"}, **said)
    assert told(data) == [("fhir.passed-over", "Not sent of Observation: effectiveDateTime, performer.")]


def test_a_range_of_a_heading_has_no_place():
    data = heading("final", referenceRange=[{"text": "see below"}])
    assert refused(data) == {"entry[1].resource.referenceRange": "fhir.no-place"}
    (bad,) = read(data).items
    assert "pass_over: [Observation.referenceRange]" in bad.findings[0].hint
    settled = Inputs(fhir=FhirInput(pass_over=("Observation.referenceRange",)))
    assert isinstance(read(data, inputs=settled).items[0], ReportItem)


# ------------------------------------------------------- numbers, specimens, notes


@pytest.mark.parametrize("setting", ["identifier", "report-id"])
def test_the_number_of_a_report_without_identifier(setting):
    data = bundle(report("a", identifier=None), GOOD)
    (item,) = read(data, inputs=Inputs(fhir=FhirInput(number=setting))).items
    if setting == "identifier":
        assert [one.code for one in item.findings] == ["fhir.number"]
    else:
        assert item.report.orders[0].filler == "r"


def test_an_identifier_goes_before_the_id():
    (item,) = read(bundle(report("a"), GOOD), inputs=Inputs(fhir=FhirInput(number="report-id"))).items
    assert item.report.orders[0].filler.id == "F1"


def test_a_specimen_without_a_type_is_in_notes():
    more = {
        "collection": {"collectedDateTime": "2026-08-19T09:00:00Z", "bodySite": {"text": "left arm"},
                       "fastingStatusCodeableConcept": {"text": "fasted"}},
        "receivedTime": "2026-08-19T10:00:00Z", "condition": [{"text": "haemolysed"}], "note": [{"text": "short"}],
        "status": "unsatisfactory",
    }  # fmt: skip
    given = report("a", specimen=[{"reference": "Specimen/s"}], effectiveDateTime=None)
    data = bundle(given, GOOD, specimen(**more))
    (order,) = built(data).report.orders
    assert (order.specimens, order.collected, order.received) == ([], "2026-08-19T09:00:00Z", "2026-08-19T10:00:00Z")
    said = "Specimen: S9", "Site: left arm", "Condition: haemolysed", "Specimen unsatisfactory", "short"
    assert order.notes == [*said, "Fasting: fasted"]
    assert [code for code, _ in told(data)] == ["fhir.specimen-type"]


def test_times_of_an_untyped_specimen_beside_another_are_in_notes():
    typed = specimen(id="t", type={"text": "Blood"})
    second = specimen(receivedTime="2026-08-19T10:00:00Z", collection={"collectedDateTime": "2026-08-18"})
    given = report("a", specimen=[{"reference": "Specimen/s"}, {"reference": "Specimen/t"}])
    (order,) = built(bundle(given, GOOD, typed, second)).report.orders
    assert [one.type for one in order.specimens] == ["Blood"]
    assert order.notes == ["Specimen: S9", "Collected: 2026-08-18", "Received: 2026-08-19T10:00:00Z"]


def test_notes_of_a_report_and_of_its_documents():
    r5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
    film = {"contentType": "image/png", "url": "https://lab.example/m.png", "title": "Film"}
    picture = {"resourceType": "Media", "id": "m", "status": "completed", "content": film}
    picture |= {"note": [{"text": "blurred"}]}
    given = report(
        "a", conclusion="Normal.", extension=[{"url": r5, "valueAnnotation": {"text": "Haemolysed."}}],
        media=[{"comment": "see right edge", "link": {"reference": "Media/m"}}],
    )  # fmt: skip
    (order,) = built(bundle(given, GOOD, picture)).report.orders
    assert order.notes == ["Normal.", "Haemolysed."]
    assert order.results[1].notes == ["Film", "see right edge", "blurred"]


@pytest.mark.parametrize(
    ("more", "key", "code"),
    [
        ({"status": "entered-in-error"}, "status", "entered-in-error"),
        ({"subject": {"reference": "Patient/other"}}, "subject", "other-patient"),
        ({"subject": {"identifier": {"system": "urn:oid:1.2.3", "value": "another"}}}, "subject", "other-patient"),
    ],
)
def test_a_picture_that_was_taken_back_or_is_another_s_refuses(more, key, code):
    picture = {"resourceType": "Media", "id": "m", "status": "completed", "content": {"url": "https://lab.example/m"}}
    other = {"resourceType": "Patient", "id": "other", "identifier": [{"value": "another"}]}
    given = report("a", media=[{"link": {"reference": "Media/m"}}])
    assert refused(bundle(given, GOOD, picture | more, other)) == {f"entry[2].resource.{key}": f"fhir.{code}"}
    own = picture | {"subject": {"reference": "Patient/p"}}
    remarks = read(bundle(given, GOOD, own)).remarks
    assert [one.text for one in remarks] == ["Not sent of Media: status."]


def test_a_reason_that_is_another_patient_s_refuses():
    reason = {"resourceType": "Condition", "id": "c", "code": {"text": "Anaemia"}}
    reason["subject"] = {"reference": "Patient/p"}
    other = {"resourceType": "Patient", "id": "other", "identifier": [{"value": "another"}]}
    given = report("a", basedOn=[{"reference": "ServiceRequest/q"}])
    asked = request(reasonReference=[{"reference": "Condition/c"}])
    (order,) = built(bundle(given, GOOD, reason, other, asked)).report.orders
    assert order.reason == ["Anaemia"]
    reason["subject"] = {"reference": "Patient/other"}
    told = refused(bundle(given, GOOD, reason, other, asked))
    assert told == {"entry[2].resource.subject": "fhir.other-patient"}


def test_when_an_observation_ended_is_noted():
    period = {"start": "2026-08-18", "end": "2026-08-19"}
    (result,) = results(bundle(report("a"), GOOD | {"effectivePeriod": period}))
    assert (result.observed, result.notes) == ("2026-08-18", ["Observed until: 2026-08-19"])


# ------------------------------------------------------- ranges, phones, addresses, performers

LIMITS = {"low": quantity("3.5"), "high": quantity("5.1")}


@pytest.mark.parametrize(
    ("ranges", "span", "notes"),
    [
        ([LIMITS | {"text": "3.5-5.1"}], Range("3.5", "5.1"), []),
        ([LIMITS | {"text": "adults:\r\n3.5 to 5.1"}], Range("3.5", "5.1"), ["Reference range: adults: 3.5 to 5.1"]),
        ([LIMITS | {"text": "< 5.1"}], Range("3.5", "5.1"), ["Reference range: < 5.1"]),
        (
            [LIMITS, {"low": quantity("4"), "type": {"text": "therapeutic"}}],
            Range("3.5", "5.1"), ["Reference range: >=4 g/dL (therapeutic)"],
        ),
        ([LIMITS, LIMITS], "3.5 g/dL - 5.1 g/dL; 3.5 g/dL - 5.1 g/dL", []),  # none of two can be chosen
        ([{"text": "negative\nor weak"}], "negative or weak", []),
        ([{"low": quantity("3.5"), "text": "adults\nonly", "age": {"low": quantity("18", "a")}}],
         ">=3.5 g/dL adults only (age from 18 a)", []),
    ],
)  # fmt: skip
def test_a_range_is_limits_where_it_has_some(ranges, span, notes):
    (result,) = results(bundle(report("a"), observation("a", valueQuantity=quantity("4"), referenceRange=ranges)))
    assert (result.range, result.notes) == (span, notes)


def test_mobile_numbers_and_the_county_are_in_the_message():
    who = PATIENT | {
        "telecom": [{"system": "phone", "value": "555", "use": "mobile"}, {"system": "phone", "value": "556"}],
        "address": [{"line": ["1 High St"], "city": "Leeds", "district": "West Yorkshire"}],
    }
    entries = [{"resource": one} for one in (report("a"), GOOD, who)]
    data = dump({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert built(data).report.patient.phones == [Phone("555", "CP"), "556"]
    pid = next(line for line in lines(data) if line[0] == "PID")
    assert pid[11] == "1 High St^^Leeds^^^^^^West Yorkshire"
    assert pid[13] == "555^PRN^CP^^^^^^^^^555~556^PRN^PH^^^^^^^^^556"


@pytest.mark.parametrize(
    ("said", "place"),
    [("Dr. Jane Roe", "observer"), ("Prof. Roe", "observer"), ("J. Roe, MD", "observer"), ("Lab One", "lab"),
     ("Drumcondra Laboratory", "lab")],
)  # fmt: skip
def test_a_performer_that_is_only_a_name(said, place):
    (result,) = results(bundle(report("a"), GOOD | {"performer": [{"display": said}]}))
    assert (result.observer.family if place == "observer" else result.lab.name) == said
    assert (result.lab if place == "observer" else result.observer) is None


# ------------------------------------------------------- versions, labels, narratives

R5 = {
    "an R5 report": (report("a", supportingInfo=[{"type": concept("x"), "reference": {"display": "y"}}]), GOOD),
    "an R5 result": (report("a"), GOOD | {"triggeredBy": [{"observation": {"display": "x"}, "type": "reflex"}]}),
}


@pytest.mark.parametrize("name", R5)
def test_another_release_is_named(name):
    (item,) = read(bundle(*R5[name])).items
    (finding,) = [one for one in item.findings if one.code == "fhir.version"]
    assert "FHIR R5" in finding.text


def test_a_resource_of_stu3_is_named():
    (item,) = read(bundle(report("a"), observation("a", valueString="1", comment="well"))).items
    assert "FHIR STU3" in next(one.text for one in item.findings if one.code == "fhir.version")


def test_a_mistake_is_no_other_release():
    (item,) = read(bundle(report("a"), GOOD | {"valueFoo": 1})).items
    assert [one.code for one in item.findings] == ["fhir.invalid"]


LABEL = "http://terminology.hl7.org/CodeSystem/"


@pytest.mark.parametrize(
    ("key", "system", "code", "expected"),
    [
        ("security", "v3-ActReason", "HTEST", "fhir.test-data"),
        ("tag", "v2-0103", "T", "fhir.test-data"),
        ("tag", "v2-0103", "D", "fhir.test-data"),
        ("tag", "v3-ObservationValue", "SUBSETTED", "fhir.part"),
    ],
)
def test_a_label_that_it_is_no_real_or_whole_result_refuses(key, system, code, expected):
    meta = {"meta": {key: [{"system": LABEL + system, "code": code}]}}
    assert refused(bundle(report("a"), GOOD | meta)) == {f"entry[1].resource.meta.{key}[0]": expected}
    header = {"resourceType": "MessageHeader", "id": "h", "eventCoding": {"code": "R01"}, "source": {}} | meta
    for whole in (bundle(report("a"), GOOD, **meta), bundle(report("a"), GOOD, header)):
        with pytest.raises(FileError) as caught:
            read(whole)
        assert caught.value.code == expected


def test_a_label_of_production_says_nothing():
    meta = {"meta": {"tag": [{"system": f"{LABEL}v2-0103", "code": "P"}]}}
    assert told(bundle(report("a", **meta), GOOD | meta)) == []


@pytest.mark.parametrize("text", [{"status": "empty"}, {"status": "generated", "div": "<p>no div of XHTML</p>"}])
def test_a_narrative_cannot_refuse_a_result(text):
    inside = GOOD | {"text": text}
    data = bundle(report(result=[{"reference": "#a"}], contained=[inside], text=text))
    assert results(data)[0].value == "1"
    assert told(data) == []


def test_a_narrative_that_says_more_than_the_elements_is_told():
    text = {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">more</div>'}
    ((_, said),) = told(bundle(report("a"), GOOD | {"text": text}))
    assert said == "Not sent of Observation: text."


@pytest.mark.parametrize("key", ["modifierExtension", "zzz"])
def test_what_a_bundle_or_an_entry_says_beside_its_resources(key):
    odd = {key: [{"url": "http://x.example", "valueBoolean": True}]}
    expected = "fhir.modifier" if key == "modifierExtension" else "fhir.invalid"
    with pytest.raises(FileError) as caught:
        read(bundle(report("a"), GOOD, **odd))
    assert caught.value.code == expected
    data = json.loads(bundle(report("a"), GOOD))
    data["entry"][1] |= odd
    with pytest.raises(FileError) as caught:
        read(dump(data))
    assert [(one.code, one.place) for one in caught.value.findings] == [(expected, f"entry[1].{key}")]


@pytest.mark.parametrize("holder", ["report", "result", "patient"])
def test_a_result_contained_where_nobody_names_it_is_refused(holder):
    inside = {"contained": [observation("x", valueInteger=6)]}
    who = PATIENT | (inside if holder == "patient" else {})
    first = report("a", **inside if holder == "report" else {})
    entries = [{"resource": one} for one in (first, GOOD | (inside if holder == "result" else {}), who)]
    items = read(dump({"resourceType": "Bundle", "type": "collection", "entry": entries})).items
    assert [one.findings[0].code for one in items if isinstance(one, BadItem)] == ["fhir.stray"]


def test_resources_that_no_report_leads_to_are_told_until_they_are_settled():
    data = bundle(report("a"), GOOD | {"issued": "2026-08-20T10:00:00Z"}, {"resourceType": "Provenance", "id": "v"})
    assert [text for _, text in told(data)] == [
        "Not sent of Observation: issued.", "Not sent, for no report leads to it: Provenance."
    ]  # fmt: skip
    assert told(data, Inputs(fhir=FhirInput(pass_over=("Observation.issued", "Provenance")))) == []


def test_further_identifiers_names_and_addresses_are_told():
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Fitz"}, {"family": "Fitzgerald"}],
              "identifier": [{"value": "1"}, {"value": "2", "type": concept("MD", system=TYPES)}]}  # fmt: skip
    given = report("a", basedOn=[{"reference": "ServiceRequest/q"}])
    data = bundle(given, GOOD, request(requester={"reference": "#d"}, contained=[doctor]))
    assert told(data) == [("fhir.passed-over", "Not sent of Practitioner: identifier.value, name.family.")]
