"""A report that a program holds becomes the text of a file, or an error with its places."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pytest

from lab_sender.errors import FileError
from lab_sender.readers import (
    Coded,
    Identifier,
    Name,
    Order,
    Patient,
    Phone,
    Range,
    Report,
    ReportItem,
    Result,
    Visit,
    read,
)
from lab_sender.report.json_text import json_text


def findings(report: object) -> list[tuple[str, str]]:
    with pytest.raises(FileError) as error:
        json_text(report)
    return [(each.code, each.place) for each in error.value.findings]


def test_what_a_program_holds_is_written_as_it_is():
    orders = [{"value": 1, "x": 0.1, "y": None}]
    report = {"patient": {"ids": [{"id": "007"}], "notes": ("a", "ä\n")}, "orders": orders}
    assert json.loads(json_text(report)) == {
        "patient": {"ids": [{"id": "007"}], "notes": ["a", "ä\n"]},
        "orders": orders,
    }


@pytest.mark.parametrize(("number", "text"), [("0.10", "0.10"), ("-0", "-0"), ("1E+2", "100"), ("5E-3", "0.005")])
def test_a_decimal_keeps_every_digit(number, text):
    assert json.loads(json_text([{"value": Decimal(number)}])) == [{"value": text}]


def test_the_model_s_classes_say_the_same_when_they_are_read_again():
    test = Coded("2345-7", "Glucose", "LN")
    result = Result(test, value="5.40", unit="mmol/L", range=Range(low="3.9", high="5.5"), flags=["N"])
    report = Report(
        Patient([Identifier("4711", type="MR")], Name("Muster", "Änne"), phones=["1", Phone("2", "FX")]),
        [Order(test, filler="F-1", results=[result], notes=["fasting"])],
        visit=Visit(patient_class="I", ward="W5"),
    )
    [item] = read(json_text(report)).items
    assert isinstance(item, ReportItem)
    assert item.report == report
    assert json.loads(json_text(report))["visit"] == {"class": "I", "ward": "W5"}, "only what is stated"


def test_a_required_key_is_written_though_it_says_nothing():
    assert json.loads(json_text(Identifier(""))) == {"id": ""}


def test_every_place_that_has_no_form_in_json_is_named():
    report = {
        "patient": {"birth": datetime.date(1950, 5, 12), "name": {"family": "Zebra\ud83d"}},
        "orders": [{"results": [{"value": float("nan")}, {"value": [1, Decimal("Infinity")]}]}],
        1: "one",
        "Zebra, Anna": b"x",
    }
    assert findings(report) == [
        ("json.type", ""),
        ("json.type", "patient.birth"),
        ("json.surrogate", "patient.name.family"),
        ("json.type", "orders[0].results[0].value"),
        ("json.type", "orders[0].results[1].value[1]"),
        ("json.type", "?"),
    ]


def test_no_finding_quotes_what_is_in_a_report():
    with pytest.raises(FileError) as error:
        json_text({"Zebra, Anna": {"a b": object(), "family": "Zebra\udfff"}})
    assert "ebra" not in "".join(each.line() for each in error.value.findings)


def test_a_report_that_holds_itself_ends():
    report: dict[str, object] = {}
    report["patient"] = report
    assert [code for code, _ in findings(report)] == ["json.too-deep"]
