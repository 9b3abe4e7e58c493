"""FHIR R4: what each element becomes, what is refused, and where."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab_sender.config.inputs import FhirInput
from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, ReportItem, read
from lab_sender.report.model import Alternate, Authority, Coded, Identifier, Name, OrderNumber, Range
from readers.fhir_samples import (
    LOINC,
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

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
NULL_FLAVOUR = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def one(**more):
    """The only result of a report with one observation."""
    (result,) = results(bundle(report("a"), observation("a", **more)))
    return result


# --------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("element", "value", "kind"),
    [
        ({"valueQuantity": quantity("0.10")}, "0.10", "auto"),
        ({"valueQuantity": quantity("-0")}, "-0", "auto"),
        ({"valueQuantity": quantity("12345678901234567890.000")}, "12345678901234567890.000", "auto"),
        ({"valueQuantity": quantity("0.60", comparator="<")}, {"cmp": "<", "n1": "0.60"}, "auto"),
        ({"valueInteger": 5}, "5", "auto"),
        ({"valueString": "5.0"}, "5.0", "ST"),
        ({"valueString": "two\nlines"}, "two\nlines", "auto"),
        ({"valueBoolean": False}, {"code": "N", "text": "No", "system": "HL70136"}, "auto"),
        ({"valueDateTime": "2026-08"}, "2026-08", "DT"),
        ({"valueDateTime": "2026-08-19T09:30:00Z"}, "2026-08-19T09:30:00Z", "DTM"),
        ({"valueTime": "09:30:00"}, "09:30:00", "TM"),
        ({"valuePeriod": {"start": "2026-08-01", "end": "2026-08-02"}}, "2026-08-01/2026-08-02", "ST"),
        (
            {"valueRange": {"low": quantity("10"), "high": quantity("20")}},
            {"n1": "10", "sep": "-", "n2": "20"},
            "auto",
        ),
        ({"valueRange": {"low": quantity("10")}}, {"cmp": ">=", "n1": "10"}, "auto"),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            {"cmp": "", "n1": "1", "sep": ":", "n2": "128"},
            "auto",
        ),
        (
            {"valueRatio": {"numerator": quantity("1", "1", comparator=">"), "denominator": quantity("128", "1")}},
            {"cmp": ">", "n1": "1", "sep": ":", "n2": "128"},
            "auto",
        ),
        (
            {"valueRatio": {"numerator": quantity("1", "1"), "denominator": quantity("2", "mL")}},
            "1 : 2 mL",
            "ST",
        ),
        (
            {"valueRatio": {"numerator": quantity("5", "mg"), "denominator": quantity("2", "mL")}},
            "5 mg : 2 mL",
            "ST",
        ),
        ({"valueCodeableConcept": {"text": "Detected"}}, "Detected", "ST"),
        (
            {"valueCodeableConcept": concept("260373001", "Detected", "http://snomed.info/sct")},
            {"code": "260373001", "text": "Detected", "system": "SCT"},
            "auto",
        ),
    ],
)
def test_values(element, value, kind):
    result = one(**element)
    assert (result.value, result.type) == (value, kind)


def test_a_unit_keeps_code_and_text():
    value = quantity("4.5", "10*9/L") | {"unit": "x10^9/L"}
    assert one(valueQuantity=value).unit == Coded("10*9/L", "x10^9/L", "UCUM")
    assert one(valueQuantity={"value": 4, "unit": "Ery/Feld"}).unit == "Ery/Feld"


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([{"low": quantity("13.0"), "high": quantity("17.0")}], Range("13.0", "17.0")),
        ([{"text": "negative"}], "negative"),
        ([{"low": quantity("130", "g/L"), "high": quantity("170", "g/L")}], "130 g/L - 170 g/L"),  # of another unit
        (
            [
                {"low": quantity("13.0"), "high": quantity("17.0"), "appliesTo": [{"text": "men"}]},
                {"low": quantity("12.0"), "high": quantity("15.0"), "appliesTo": [{"text": "women"}]},
            ],
            "13.0 g/dL - 17.0 g/dL (men); 12.0 g/dL - 15.0 g/dL (women)",
        ),
        ([{"high": quantity("5"), "age": {"low": quantity("18", "a")}}], "<=5 g/dL (age from 18 a)"),
    ],
)
def test_reference_ranges(ranges, expected):
    assert one(valueQuantity=quantity("14.1"), referenceRange=ranges).range == expected


@pytest.mark.parametrize(
    ("reason", "status"), [("not-asked", "N"), ("temp-unknown", "I"), ("error", "X"), ("not-performed", "X")]
)
def test_a_value_that_is_not_there_says_why(reason, status):
    result = one(dataAbsentReason=concept(reason, "clotted", NULL_FLAVOUR))
    assert (result.value, result.status, result.notes) == (None, status, ["No value: clotted"])


@pytest.mark.parametrize(
    ("element", "place"),
    [
        ({"valueSampledData": {"origin": quantity("1"), "period": 1, "dimensions": 1}}, "valueSampledData"),
        ({"valueQuantity": quantity("1", comparator="~")}, "valueQuantity.comparator"),
        ({"valueString": "x", "effectiveTiming": {"event": ["2026-08-19"]}}, "effectiveTiming"),
        ({"valueString": "x", "focus": [{"reference": "Patient/donor"}]}, "focus"),
    ],
)
def test_what_has_no_form_in_a_report_is_refused(element, place):
    assert refused(bundle(report("a"), observation("a", **element))) == {f"entry[1].resource.{place}": "fhir.value"}


@pytest.mark.parametrize("half", ["numerator", "denominator"])
def test_half_a_ratio_is_refused(half):
    given = observation("a", valueRatio={half: quantity("1", "mg")})
    assert refused(bundle(report("a"), given)) == {"entry[1].resource.valueRatio": "fhir.invalid"}


# --------------------------------------------------------------- observations


def test_what_an_observation_says_besides_its_value():
    result = one(
        valueQuantity=quantity("14.1"),
        status="corrected",
        effectiveDateTime="2026-08-19",
        interpretation=[
            concept("H", system=f"{V3}ObservationInterpretation"),
            {"text": "called to the ward"},
        ],
        note=[{"text": "verified"}],
        bodySite={"text": "left arm"},
        method={"text": "photometry"},
        device={"display": "XN-1000"},
        performer=[
            {"reference": "Organization/x", "display": "Lab One"},
            {"type": "Practitioner", "display": "Dr Who"},
        ],
    )
    assert (result.status, result.observed, result.flags) == ("corrected", "2026-08-19", ["H"])
    assert result.notes == ["Body site: left arm", "verified", "Interpretation: called to the ward"]
    assert (result.method, result.device) == ("photometry", "XN-1000")
    assert (result.lab.name, result.observer.family) == ("Lab One", "Dr Who")


def test_two_codings_and_systems():
    code = {
        "text": "Haemoglobin",
        "coding": [
            {"system": LOINC, "code": "718-7"},
            {"system": "http://lab.example/codes", "code": "HB", "display": "Hb"},
        ],
    }
    assert one(code=code, valueInteger=1).test == Coded("718-7", "Haemoglobin", "LN", Alternate("HB", "Hb", "L"))
    assert one(code=concept("1", system="urn:oid:2.16.840.1.113883.6.96"), valueInteger=1).test.system == "SCT"
    assert one(code=concept("1", system="99LAB"), valueInteger=1).test.system == "99LAB"
    assert one(code={"coding": [{"code": "1"}]}, valueInteger=1).test.system == ""


def test_a_site_names_systems():
    """For codes, and for who gave out an identifier."""
    names = Inputs(fhir=FhirInput(systems={"http://lab.example/codes": "99HOSP", "urn:oid:1.2.3": "LAB|1.2.3"}))
    code = {"coding": [{"system": "http://lab.example/codes", "code": "HB"}]}
    data = bundle(report("a"), observation("a", code=code, valueInteger=1))
    (item,) = read(data, inputs=names).items
    (order,) = item.report.orders
    assert (order.results[0].test.system, order.filler.authority) == ("99HOSP", "LAB|1.2.3")


def test_a_culture_with_components_and_members():
    """An organism and its susceptibilities share a sub-id; another has its own; nothing is lost or doubled."""
    data = bundle(
        report("culture", "o1", "o2", "s1"),  # s1 stands in the report and below o1: once
        observation("culture", "600-7", hasMember=[{"reference": "Observation/o1"}, {"reference": "Observation/o2"}],
                    note=[{"text": "after 48 h"}]),
        observation("o1", "6463-4", valueString="E. coli", hasMember=[{"reference": "Observation/s1"}]),
        observation("o2", "6463-4", valueString="K. oxytoca",
                    component=[{"code": concept("18864-9"), "valueString": "R"}]),
        observation("s1", "18864-9", valueString="S"),
    )  # fmt: skip
    found = results(data)
    assert [(one.test.code, one.sub_id, one.value) for one in found] == [
        ("6463-4", "1.1", "E. coli"),
        ("18864-9", "1.1", "S"),
        ("6463-4", "1.2", "K. oxytoca"),
        ("18864-9", "1.2", "R"),
    ]
    assert found[0].notes == ["600-7", "after 48 h"]


def test_the_same_test_twice_gets_sub_ids():
    data = bundle(report("a", "b", "c"), *(observation(name, valueString=name) for name in "ab"),
                  observation("c", "1-1", valueString="c"))  # fmt: skip
    assert [(one.sub_id, one.value) for one in results(data)] == [("1", "a"), ("2", "b"), ("", "c")]


def test_members_of_each_other_are_read_once():
    data = bundle(
        report("a", "b"),
        observation("a", valueString="a", hasMember=[{"reference": "Observation/b"}]),
        observation("b", valueString="b", hasMember=[{"reference": "Observation/a"}]),
    )
    assert [one.value for one in results(data)] == ["a", "b"]


# ---------------------------------------------------------------- orders


def test_an_order_with_its_request_and_specimen():
    data = bundle(
        report(
            "a",
            basedOn=[{"reference": "ServiceRequest/q"}],
            specimen=[{"reference": "Specimen/s"}],
            category=[concept("HM", system="http://terminology.hl7.org/CodeSystem/v2-0074")],
            resultsInterpreter=[{"display": "Dr Rex"}],
            conclusion="Normal.",
        ),
        observation("a", valueInteger=1),
        {
            "resourceType": "ServiceRequest", "id": "q", "status": "active", "intent": "order", "priority": "stat",
            "subject": {"reference": "Patient/p"}, "authoredOn": "2026-08-19",
            "identifier": [{"system": "urn:oid:9.9", "value": "P1"}],
            "reasonCode": [{"text": "anaemia"}], "requester": {"reference": "#d"},
            "contained": [{"resourceType": "Practitioner", "id": "d", "name": [{"family": "Fitz"}],
                           "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "123"}]}],
        },
        {
            "resourceType": "Specimen", "id": "s", "subject": {"reference": "Patient/p"}, "type": {"text": "Blood"},
            "accessionIdentifier": {"value": "S1"}, "receivedTime": "2026-08-19T10:00:00Z",
            "collection": {"collectedDateTime": "2026-08-19T09:30:00Z"},
        },
    )  # fmt: skip
    (order,) = built(data).report.orders
    assert order.filler == OrderNumber("F1", Authority("", "1.2.3", "ISO"))
    assert order.placer == OrderNumber("P1", Authority("", "9.9", "ISO"))
    assert (order.priority, order.section, order.requested, order.reason) == ("S", "HM", "2026-08-19", ["anaemia"])
    assert (order.orderer.id, order.orderer.type, order.orderer.family) == ("123", "NPI", "Fitz")
    assert (order.interpreter.family, order.notes) == ("Dr Rex", ["Normal."])
    assert (order.collected, order.reported) == ("2026-08-19T09:30:00+01:00", "2026-08-20T14:12:00.000+01:00")
    (specimen,) = order.specimens
    assert (specimen.filler, specimen.type, specimen.received) == (OrderNumber("S1"), "Blood", "2026-08-19T10:00:00Z")


def test_what_is_only_named():
    """A specimen, a device and the order's number, by name and number in the reference."""
    data = bundle(
        report(
            "a",
            basedOn=[{"identifier": {"value": "P1"}}],
            specimen=[{"display": "Blood", "identifier": {"value": "S1"}}],
        ),
        observation("a", valueInteger=1, specimen={"display": "Blood", "identifier": {"value": "S1"}}),
    )
    (order,) = built(data).report.orders
    assert order.placer == OrderNumber("P1")
    assert [(one.type, one.filler) for one in order.specimens] == [("Blood", OrderNumber("S1"))]


def test_results_of_two_specimens_say_which():
    specimens = [
        {"resourceType": "Specimen", "id": name, "type": {"text": text}, "identifier": [{"value": name.upper()}]}
        for name, text in (("s1", "Blood"), ("s2", "Urine"))
    ]
    data = bundle(
        report("a", "b"),
        observation("a", "1-1", valueInteger=1, specimen={"reference": "Specimen/s1"}),
        observation("b", "2-2", valueInteger=1, specimen={"reference": "Specimen/s2"}),
        *specimens,
    )
    (order,) = built(data).report.orders
    assert len(order.specimens) == 2
    assert [one.notes for one in order.results] == [["Specimen: S1 Blood"], ["Specimen: S2 Urine"]]


def test_the_message_of_a_blood_count_and_its_pdf():
    pdf = b"%PDF-1.4 report %%EOF"
    data = bundle(
        report("hb", "plt", "crp", presentedForm=[{"contentType": "application/pdf", "data": b64(pdf)}]),
        observation(
            "hb",
            valueQuantity=quantity("14.10"),
            referenceRange=[{"low": quantity("13.0"), "high": quantity("17.0")}],
            interpretation=[concept("N", system=f"{V3}ObservationInterpretation")],
        ),
        observation("plt", "777-3", dataAbsentReason=concept("not-performed", "clumped", NULL_FLAVOUR)),
        observation("crp", "1988-5", status="amended", valueQuantity=quantity("0.60", "mg/L", comparator="<")),
    )
    item = built(data)
    message = Builder(builtin()).build(
        item.report, control_id="1", now=datetime(2026, 1, 1, tzinfo=UTC), attachments=item.documents
    )
    lines = [line for line in message.body.decode().split("\r") if line[:3] in ("OBR", "OBX", "NTE")]
    (obr, hb, plt, reason, crp, document) = (line.split("|") for line in lines)
    assert (obr[3], obr[4], obr[25]) == ("F1^^1.2.3^ISO", "58410-2^CBC^LN", "C")
    assert hb[2:9] == ["NM", "718-7^^LN", "", "14.10", "g/dL^g/dL^UCUM", "13.0-17.0", "N"]
    assert (plt[5], plt[11], reason[3]) == ("", "X", "No value: clumped")
    assert (crp[2], crp[5], crp[11]) == ("SN", "<^0.60", "C")
    assert (document[2], document[3]) == ("ED", "PDF^Display format in PDF^AUSPDI")
    assert document[5] == f"^application^pdf^Base64^{b64(pdf)}"


def test_what_the_builder_finds_is_told_at_its_resource():
    specimen = {"resourceType": "Specimen", "id": "s", "type": {"text": "Blood \x07"}}
    data = bundle(
        report("a", specimen=[{"reference": "Specimen/s"}]),
        observation("a", component=[{"code": concept("1-1"), "valueQuantity": quantity("1E400")}]),
        specimen,
    )
    item = built(data)
    with pytest.raises(FileError) as caught:
        Builder(builtin()).build(
            item.report, control_id="1", now=datetime(2026, 1, 1, tzinfo=UTC), attachments={}, place=item.place
        )
    assert {one.place for one in item.located(caught.value.findings)} == {"entry[2].resource.type"}
    assert item.places.find("orders[0].results[0].value") == "entry[1].resource.component[0].value[x]"
    assert item.places.find("patient.birth") == "entry[3].resource.birthDate"
    assert item.places.find("notes[0]") == "entry[0]"


def b64(data):
    return base64.b64encode(data).decode()


def test_documents_are_sent_as_their_bytes():
    pdf = b"%PDF-1.4 report %%EOF"
    form = {"contentType": "application/pdf", "data": b64(pdf), "title": "Report",
            "size": len(pdf), "hash": b64(hashlib.sha1(pdf).digest())}  # fmt: skip
    elsewhere = {"contentType": "application/pdf", "url": "https://lab.example/r.pdf"}
    inside = {"url": "Binary/b"}
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGVsbG8="}
    item = built(bundle(report(presentedForm=[form, elsewhere, inside]), binary))
    (order,) = item.report.orders
    assert [(one.path, one.mime, one.notes) for one in order.attachments] == [
        ("document-1", "application/pdf", ["Report"]),
        ("document-2", "text/plain", []),
    ]
    assert item.documents == {"document-1": pdf, "document-2": b"hello"}
    assert order.results[0].value == {
        "pointer": "https://lab.example/r.pdf", "type": "application", "subtype": "pdf"
    }  # fmt: skip
    for damage in ({"size": 3}, {"hash": "AAAA"}):
        assert refused(bundle(report(presentedForm=[form | damage]))) == {
            "entry[0].resource.presentedForm[0].data": "fhir.document"
        }


def test_a_conclusion_alone_is_the_result():
    (result,) = results(bundle(report(conclusion="No malignancy.")))
    assert (result.test.code, result.value) == ("58410-2", "No malignancy.")


# ---------------------------------------------------------------- patient


def test_patient_and_visit():
    race = {
        "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
        "extension": [
            {
                "url": "ombCategory",
                "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"},
            },
            {"url": "text", "valueString": "White"},
        ],
    }
    someone = PATIENT | {
        "identifier": [*PATIENT["identifier"], {"use": "old", "value": "9"},
                       {"type": concept("AN", system=TYPES), "value": "A1"}],
        "name": [{"use": "maiden", "family": "Miller"}, *PATIENT["name"]],
        "extension": [race],
        "telecom": [{"system": "phone", "value": "123"}, {"system": "phone", "use": "old", "value": "456"}],
        "contact": [{"name": {"family": "Kin"}, "relationship": [{"text": "sister"}]}],
    }  # fmt: skip
    encounter = {
        "resourceType": "Encounter", "id": "e", "status": "in-progress", "class": {"code": "IMP"},
        "identifier": [{"value": "V1"}], "period": {"start": "2026-08-18"},
        "location": [{"location": {"reference": "#w"}}],
        "contained": [{"resourceType": "Location", "id": "w", "name": "W1"}],
    }  # fmt: skip
    entries = [
        report("a", encounter={"reference": "Encounter/e"}),
        observation("a", valueInteger=1),
        encounter,
        someone,
    ]
    data = dump({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in entries]})
    found = built(data).report
    assert found.patient.ids == [Identifier("0012345", Authority("", "1.2.3.4", "ISO"), "MR")]
    assert (found.patient.account.id, found.patient.birth, found.patient.sex) == ("A1", "1980-01", "female")
    assert found.patient.name == Name("Secretfamily", "Jane", "Q")
    assert [name.family for name in found.patient.aliases] == ["Miller"]
    assert found.patient.race == [Coded("2106-3", "White", "CDCREC")]
    assert (found.patient.phones, found.patient.next_of_kin[0].relationship) == (["123"], "sister")
    assert (found.visit.patient_class, found.visit.number.id, found.visit.ward) == ("I", "V1", "W1")


def test_a_report_alone_with_contained_resources():
    contained = [
        PATIENT,
        observation("a", valueQuantity=quantity("0.10"), subject={"reference": "#p"}),
    ]
    alone = report(contained=contained, subject={"reference": "#p"}, result=[{"reference": "#a"}])
    item = built(dump(alone))
    assert (item.place, item.report.orders[0].results[0].value) == ("", "0.10")


def test_a_patient_known_by_an_identifier_only():
    who = {"identifier": {"system": "urn:oid:1.2.3.4", "value": "0012345"}}
    data = bundle(report("a", subject=who), observation("a", valueInteger=1, subject=who))
    assert built(data).report.patient.ids == [Identifier("0012345", Authority("", "1.2.3.4", "ISO"))]
    other = {"identifier": {"system": "urn:oid:1.2.3.4", "value": "2"}}
    data = bundle(report("a", subject=who), observation("a", valueInteger=1, subject=other))
    assert refused(data) == {"entry[1].resource.subject": "fhir.other-patient"}


# ---------------------------------------------------------- what goes together


def test_two_tests_that_repeat_get_no_sub_id_in_common():
    """Equal sub-ids would say that the second insulin belongs to the second glucose."""
    names = {"a": "2345-7", "b": "20448-7", "c": "20448-7", "d": "2345-7"}
    data = bundle(report(*names), *(observation(name, code, valueString=name) for name, code in names.items()))
    assert [(one.value, one.sub_id) for one in results(data)] == [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]


def test_a_repeated_test_takes_no_sub_id_of_a_group_in_its_group():
    inner = {"component": [{"code": concept("1-1"), "valueString": "x"}]}
    members = [{"reference": f"Observation/{name}"} for name in "ibc"]
    data = bundle(
        report("a"),
        observation("a", "0-0", hasMember=members),
        observation("i", "2-2", **inner),
        *(observation(name, "3-3", valueString=name) for name in "bc"),
    )
    assert [(one.value, one.sub_id) for one in results(data)] == [("x", "1.1"), ("b", "1.2"), ("c", "1.3")]


def test_a_susceptibility_goes_with_the_organism_it_is_derived_from():
    def of(name, test, value, source=""):
        more = {"derivedFrom": [{"reference": f"Observation/{source}"}]} if source else {}
        return observation(name, test, valueString=value, **more)

    organisms = of("o1", "600-7", "E. coli"), of("o2", "600-7", "K. pneumoniae")
    tests = of("s2", "18861-5", "<=1", "o2"), of("s1", "18861-5", ">=32", "o1"), of("s3", "18906-8", "0.25", "o2")
    data = bundle(report("o1", "o2", "s2", "s1", "s3"), *organisms, *tests)
    assert [(one.value, one.sub_id) for one in results(data)] == [
        ("E. coli", "1"), (">=32", "1"), ("K. pneumoniae", "2"), ("<=1", "2"), ("0.25", "2"),
    ]  # fmt: skip


def test_what_is_derived_from_a_test_that_stands_once_stays_where_it_is():
    derived = observation("b", "33914-3", valueInteger=60, derivedFrom=[{"reference": "Observation/a"}])
    data = bundle(report("b", "a"), observation("a", "2160-0", valueInteger=1), derived)
    assert [(one.test.code, one.sub_id) for one in results(data)] == [("33914-3", ""), ("2160-0", "")]


@pytest.mark.parametrize("more", [{}, {"id": "r2", "status": "corrected"}])
def test_a_report_that_stands_there_twice_is_refused(more):
    """Of a report and its correction, whichever comes last in the file would be what the HIS keeps."""
    corrected = report("b", **more)
    data = bundle(report("a"), corrected, *(observation(name, valueInteger=1) for name in "ab"))
    assert refused(data) == {"entry[1].resource.identifier": "fhir.report-twice"}


def test_reports_of_one_number_for_different_specimens_are_different():
    specimens = [{"resourceType": "Specimen", "id": n, "identifier": [{"value": f"S{n}"}]} for n in "12"]
    reports = [report(name, id=name, specimen=[{"reference": f"Specimen/{n}"}]) for name, n in ("a1", "b2")]
    data = bundle(*reports, *specimens, *(observation(name, valueInteger=1) for name in "ab"))
    assert len(built(data).report.orders) == 2


def test_a_result_that_two_reports_name_is_refused():
    data = bundle(report("a"), report("a", id="r2", identifier=[{"value": "F2"}]), observation("a", valueInteger=1))
    assert refused(data) == {
        "entry[0].resource.result": "fhir.result-twice",
        "entry[1].resource.result": "fhir.result-twice",
    }


@pytest.mark.parametrize("reference", ["http://lab.example/Patient/p", "Patient/p"])
def test_a_patient_of_the_same_id_on_another_server_is_another_patient(reference):
    subject = {"reference": reference}
    data = json.loads(bundle(report("a", subject=subject), observation("a", valueInteger=1, subject=subject)))
    data["entry"][-1]["fullUrl"] = "http://clinic.example/Patient/p"
    assert refused(dump(data))["entry[0].resource.subject.reference"] == "fhir.reference"
    data["entry"][-1]["fullUrl"] = "urn:uuid:0f0e0d0c-0000-4000-8000-000000000001"
    assert built(dump(data)).report.patient.ids[0].id == "0012345"


def test_two_contained_resources_of_one_name_are_ambiguous():
    inside = [observation("x", valueInteger=n) for n in (1, 2)]
    data = bundle(report(contained=inside, result=[{"reference": "#x"}]))
    assert "fhir.ambiguous" in refused(data).values()


@pytest.mark.parametrize(
    "system",
    [
        "http://hl7.org/fhir/v3/ObservationInterpretation",
        "http://hl7.org/fhir/v2/0078",
        "urn:oid:2.16.840.1.113883.5.83",
        "",
    ],
)
def test_an_abnormal_flag_of_an_older_system_or_of_none_is_a_flag(system):
    coding = {"code": "HH"} | ({"system": system} if system else {})
    assert one(valueInteger=1, interpretation=[{"coding": [coding]}]).flags == ["HH"]


@pytest.mark.parametrize(("text", "expected"), [("adults", ">=3.5 g/dL adults"), ("from 3.5", "from 3.5")])
def test_limits_beside_a_range_in_words_are_not_lost(text, expected):
    given = {"low": quantity("3.5"), "text": text}
    assert one(valueInteger=1, referenceRange=[given]).range == expected


def test_why_a_group_has_no_value_is_noted():
    component = {"code": concept("8480-6"), "valueInteger": 1}
    result = one(dataAbsentReason={"text": "Cuff too small"}, component=[component])
    assert "No value: Cuff too small" in result.notes


def test_reports_of_one_patient_are_orders_of_one_message():
    other = PATIENT | {"id": "p2"}
    data = bundle(
        report("a", id="r1"),
        report("c", id="r2", subject={"reference": "Patient/p2"}),
        report("b", id="r3", identifier=[{"value": "F3"}]),
        *(observation(name, valueInteger=1) for name in "ab"),
        observation("c", valueInteger=1, subject={"reference": "Patient/p2"}),
        other,
    )
    items = read(data).items
    assert [(item.place, len(item.report.orders)) for item in items] == [("entry[0]", 2), ("entry[1]", 1)]


def test_one_bad_report_leaves_the_others():
    other = PATIENT | {"id": "p2"}
    data = bundle(
        report("a", id="r1"),
        report("lost", id="r2", subject={"reference": "Patient/p2"}),
        observation("a", valueInteger=1),
        other,
    )
    good, bad = read(data).items
    assert isinstance(good, ReportItem)
    assert [(one.code, one.place) for one in bad.findings if one.code == "fhir.reference"] == [
        ("fhir.reference", "entry[1].resource.result[0].reference")
    ]


@pytest.mark.parametrize("way", ["Observation/a", "http://lab.example/Observation/a", "Observation/a/_history/2"])
def test_ways_to_refer(way):
    assert results(bundle(report(result=[{"reference": way}]), observation("a", valueInteger=1)))[0].value == "1"


def test_uuids_and_two_of_one_name():
    who = {"reference": "urn:uuid:2"}
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": report(result=[{"reference": "urn:uuid:3"}], subject=who)},
        {"fullUrl": "urn:uuid:2", "resource": PATIENT},
        {"fullUrl": "urn:uuid:3", "resource": observation("x", valueInteger=1, subject=who)},
    ]  # fmt: skip
    data = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert results(dump(data))[0].value == "1"
    entries.append(entries[2])
    assert refused(dump(data))["entry[0].resource.result[0]"] == "fhir.ambiguous"


def test_the_same_content_has_the_same_digest():
    resources = report("a"), observation("a", valueQuantity=quantity("0.10"))
    first = built(bundle(*resources))
    again = built(bundle(*resources, timestamp="2026-08-21T00:00:00Z", identifier={"value": "B2"}))
    changed = built(bundle(resources[0], observation("a", valueQuantity=quantity("0.1"))))
    assert first.digest == again.digest != changed.digest


def test_one_resource_a_line():
    good = bundle(report("a"), observation("a", valueInteger=1))
    reading = read(good + b"\n" + good[:-9] + b"\n" + dump(PATIENT) + b"\n")
    assert reading.kind == "fhir"
    assert [item.place for item in reading.items] == ["line 1.entry[0]", "line 2", "line 3"]
    assert [one.findings[0].code for one in reading.items if isinstance(one, BadItem)] == [
        "json.syntax", "fhir.no-report"
    ]  # fmt: skip


# ---------------------------------------------------------------- refused

HERE = "entry[0].resource"
GOOD = observation("a", valueInteger=1)
REFUSED = {
    "no patient": (report("a", subject=None), GOOD, "fhir.patient", "entry[0].resource.subject"),
    "patient not in the file": (
        report("a", subject={"reference": "Patient/9"}), GOOD, "fhir.reference", f"{HERE}.subject.reference"
    ),
    "subject is a group": (
        report("a", subject={"reference": "Observation/a"}), GOOD, "fhir.reference-type", f"{HERE}.subject.reference"
    ),
    "another patient": (
        report("a"), GOOD | {"subject": {"reference": "Patient/2"}}, "fhir.other-patient", "entry[1].resource.subject"
    ),
    "result without a reference": (
        report("a", result=[{"display": "x"}]), GOOD, "fhir.reference", f"{HERE}.result[0].reference"
    ),
    "contained, and nobody names it": (
        report("a", contained=[GOOD | {"id": "x"}]), GOOD, "fhir.stray", f"{HERE}.contained[0]"
    ),
    "result not in the file": (report("a", "b"), GOOD, "fhir.reference", f"{HERE}.result[1].reference"),
    "specimen not in the file": (
        report("a", specimen=[{"reference": "Specimen/1"}]), GOOD, "fhir.reference", f"{HERE}.specimen[0].reference"
    ),
    "contained that is not": (
        report("a", performer=[{"reference": "#x"}]), GOOD, "fhir.reference", f"{HERE}.performer[0].reference"
    ),
    "no results": (report(), GOOD, "fhir.no-result", f"{HERE}.result"),
    "an observation nobody names": (report("a"), observation("b"), "fhir.stray", "entry[1].resource"),
    "entered in error": (report("a", status="entered-in-error"), GOOD, "fhir.entered-in-error", f"{HERE}.status"),
    "status not known": (report("a", status="unknown"), GOOD, "fhir.status", f"{HERE}.status"),
    "status of a result": (report("a"), GOOD | {"status": "zzz"}, "fhir.status", "entry[1].resource.status"),
    "no number": (report("a", identifier=[]), GOOD, "fhir.number", f"{HERE}.identifier"),
    "no value": (report("a"), observation("a"), "fhir.no-value", "entry[1].resource"),
    "a value and none": (
        report("a"), GOOD | {"dataAbsentReason": {"text": "clotted"}},
        "fhir.invalid", "entry[1].resource.dataAbsentReason",
    ),
    "a group in error": (
        report(
            result=[{"reference": "#g"}],
            contained=[
                observation("g", hasMember=[{"reference": "Observation/a"}], status="entered-in-error"),
            ],
        ),
        GOOD, "fhir.entered-in-error", f"{HERE}.contained[0].status",
    ),
    "no code": (report("a", code={"coding": []}), GOOD, "fhir.code", f"{HERE}.code"),
    "not R4: unknown key": (report("a"), GOOD | {"valueFoo": 1}, "fhir.invalid", "entry[1].resource.valueFoo"),
    "not R4: two values": (report("a"), GOOD | {"valueString": "x"}, "fhir.invalid", "entry[1].resource"),
    "code is null": (report("a", code=None), GOOD, "fhir.code", f"{HERE}.code"),
    "not R4: a date": (
        report("a", effectiveDateTime="2026-13-01"), GOOD, "fhir.invalid", f"{HERE}.effectiveDateTime"
    ),
    "not R4: text for true": (
        report("a"), observation("a", valueBoolean="yes"), "fhir.invalid", "entry[1].resource.valueBoolean"
    ),
    "a modifier": (
        report("a"), GOOD | {"modifierExtension": [{"url": "http://x.example", "valueBoolean": True}]},
        "fhir.modifier", "entry[1].resource.modifierExtension",
    ),
    "implicit rules": (report("a", implicitRules="http://x.example"), GOOD, "fhir.modifier", f"{HERE}.implicitRules"),
    "a document nowhere": (
        report("a", presentedForm=[{"url": "Binary/9"}]), GOOD, "fhir.document", f"{HERE}.presentedForm[0]"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "code", "place"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(first, second, code, place):
    assert refused(bundle(first, second)).get(place) == code


def test_a_record_that_was_replaced():
    replaced = PATIENT | {"link": [{"type": "replaced-by", "other": {"reference": "Patient/2"}}]}
    entries = [{"resource": one} for one in (report("a"), observation("a", valueInteger=1), replaced)]
    data = dump({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert refused(data) == {"entry[2].resource": "fhir.patient-replaced"}


def deep(levels: int) -> bytes:
    inner = b'[{"url": "x", "extension": ' * levels + b"[]" + b"}]" * levels
    return b'{"resourceType": "Observation", "extension": ' + inner + b"}"


WHOLE = {
    "no report": (dump(PATIENT), "fhir.no-report"),
    "no entries": (b'{"resourceType": "Bundle"}', "fhir.no-report"),
    "type of no text": (b'{"resourceType": 5}', "fhir.no-report"),
    "a history": (bundle(report(), type="history"), "fhir.history"),
    "a removal": (
        dump({"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Observation/1"}}]}),
        "fhir.removal",
    ),
    "entry is no object": (dump({"resourceType": "Bundle", "entry": [1]}), "fhir.invalid"),
    "resource is no object": (dump({"resourceType": "Bundle", "entry": [{"resource": 1}]}), "fhir.invalid"),
    "rules of its own": (bundle(report(), implicitRules="http://x.example"), "fhir.modifier"),
    "a key twice": (b'{"resourceType": "DiagnosticReport", "status": "final", "status": "x"}', "json.duplicate-key"),
    "cut off": (bundle(report())[:-20], "json.syntax"),
    "not a number": (b'{"resourceType": "DiagnosticReport", "x": NaN}', "json.syntax"),
    "half a surrogate": (b'{"resourceType": "DiagnosticReport", "x": "\\ud800"}', "json.surrogate"),
    "nested too deep": (deep(60), "json.too-deep"),
    "nested deeper": (deep(400), "json.too-deep"),
    "nested without end": (deep(50_000), "json.too-deep"),
}


@pytest.mark.parametrize(("data", "code"), WHOLE.values(), ids=WHOLE.keys())
def test_refused_as_a_whole(data, code):
    with pytest.raises(FileError) as caught:
        read(data)
    assert caught.value.code == code


def test_what_cannot_matter_refuses_nothing():
    """An extension that is not of its type, or a resource that no result needs."""
    provenance = {"resourceType": "Provenance", "id": "v"}
    extended = GOOD | {"extension": [{"url": "http://x.example", "valueOid": "1.2.3"}]}
    assert results(bundle(report("a"), extended, provenance))[0].value == "1"


def test_bundles_in_a_bundle():
    inner = json.loads(bundle(report("a"), GOOD))
    item = built(dump({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}))
    assert item.place == "entry[0].resource.entry[0]"


def test_other_files_do_not_load_the_library():
    code = (
        "import sys; from lab_sender.readers import read; from readers.samples import report, dump\n"
        "read(dump(report()))\n"
        "sys.exit(any(name.split('.')[0] in ('fhir', 'fhir_core') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0
