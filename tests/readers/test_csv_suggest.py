# ruff: noqa: E501  (a table reads best with one to a line)
"""What is suggested for a table: what counts as certain, and what stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.errors import FileError
from lab_sender.readers.csv.suggest.analytes import is_test, is_unit
from lab_sender.readers.csv.suggest.cells import form_of
from lab_sender.readers.csv.suggest.suggest import suggest
from lab_sender.report.columns import KNOWN, normal

LONG = "Patient ID;Sample ID;Test;Result;"


def lines_of(text: str, name: str = "a.csv") -> dict[str, tuple[object, str]]:
    """Key of each line -> its value and state."""
    return {line.key: (line.value, line.state) for line in suggest(text.encode(), name).lines}


def with_column(heading: str, *cells: str) -> dict[str, tuple[object, str]]:
    rows = [f"4711;S{n};K;4.5;{cell}" for n, cell in enumerate(cells)]
    return lines_of("\n".join([LONG + heading, *rows, ""]))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("01.02.2026", "03.04.2026"), (("DD.MM.YYYY",), "guess")),  # with dots the day comes first
        (("01.02.26",), (("DD.MM.YY",), "guess")),
        (("20/12/2026", "01/02/2026"), (("DD/MM/YYYY",), "guess")),
        (("12/20/2026 9:30 AM", "01/02/2026 10:00 AM"), (("MM/DD/YYYY",), "guess")),
        (("01/02/2026",), (("DD/MM/YYYY",), "open")),
        (("20/12/2026", "12/20/2026"), (("DD/MM/YYYY",), "open")),  # they contradict each other
        (("20/12/26",), (("DD/MM/YY",), "open")),  # or the year comes first
        (("12.20.2026",), (("DD.MM.YYYY",), "open")),
        (("01.02.2026", "20/12/2026"), (("DD.MM.YYYY", "DD/MM/YYYY"), "guess")),
        (("2026-12-20", "2026-12-20T09:30"), None),
        (("20261220",), None),
        (("20 Dec 2026",), None),
    ],
)
def test_forms_of_dates(cells, expected):
    assert with_column("Analysis Date", *cells).get("dates") == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("4,5", "140"), (True, "guess")), (("0,123",), (True, "guess")), (("<0,5",), (True, "guess")),
        (("1,234",), (True, "open")), (("4,5", "4.5"), (True, "open")), (("4.5",), None), (("neg", "140"), None),
    ],
)  # fmt: skip
def test_decimal_commas(values, expected):
    rows = [f"4711;S{n};K;{value}" for n, value in enumerate(values)]
    assert lines_of("\n".join([LONG[:-1], *rows, ""])).get("decimal_comma") == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Zebra, Anna", "Giraffe, Lea"), ("{family}, {given}", "guess")), (("Zebra^Anna",), ("{family}^{given}", "guess")),
        (("Anna Zebra",), ("{given} {family}", "open")), (("Zebra, Anna", "Lea Giraffe"), ("{given} {family}", "open")),
        (("Zebra",), ("{given} {family}", "open")), (("",), None),
    ],
)  # fmt: skip
def test_forms_of_names(names, expected):
    assert with_column("Patient Name", *names).get("name") == expected


@pytest.mark.parametrize(
    ("heading", "cells", "expected"),
    [
        ("Pat. Geburtsdatum", ("01.02.1970",), ("birth", "guess")), ("Pat. Geburtsdatum", ("unknown",), ("", "open")),
        ("Sex of the patient", ("F", "M"), ("sex", "guess")), ("Sex of the patient", ("17",), ("", "open")),
        ("Date", ("2026-12-20",), ("", "open")), ("Auftragsnummer", ("77",), ("", "open")),
        ("Patient Result", ("5",), ("", "open")),  # nothing of a patient
        ("Rezult", ("5",), ("", "open")),  # as like as it may be to one we know
        ("Rack", ("5",), ("", "open")), ("Rack", ("",), ("", "empty")), ("", ("5",), ("", "open")),
        ("Unit", ("mmol/L",), ("unit", "known")), ("Collection Time", ("09:30",), ("collected_time", "empty")),
        ("Reagent Lot", ("5",), ("", "empty")),
    ],
)  # fmt: skip
def test_headings(heading, cells, expected):
    assert with_column(heading, *cells)[heading] == expected


@given(st.text("abcdefghijklmnopqrstuvwxyzäé -", min_size=1, max_size=20).map(str.strip).filter(bool))
def test_a_heading_of_which_nobody_has_heard_never_counts(heading):
    if normal(heading) in KNOWN or not normal(heading):
        return
    value, state = with_column(heading, "17")[heading]
    assert (state, value) == ("open", "") or value in KNOWN.values()
    assert state in ("open", "guess")
    if state == "guess":
        assert len(heading.split()) > 1


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (("S1", "QC1", "qc2", "CAL"), ('{column: specimen_id, matches: "^(CAL|QC)"}',)),
        (("S1", "Q1", "Calvert", "Posner", "NEGRO"), None),
    ],
)
def test_control_samples(samples, expected):
    rows = [f"4711;{sample};K;4.5" for sample in samples]
    assert lines_of("\n".join([LONG[:-1], *rows, ""])).get("skip_rows") == (expected and (expected, "open"))


def wide(header: str, *rows: str):
    suggestion = suggest("\n".join([header, *rows, ""]).encode(), "a.csv")
    settings = {line.key: line.value for line in suggestion.wide}
    return {line.key: unit for line, unit in suggestion.tests}, settings, [line.key for line in suggestion.columns if line.state == "open"]


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        ("Sample ID;WBC;RBC", ("S1;6.2;4.4",), ({"WBC": "", "RBC": ""}, {}, [])),
        ("Sample ID;WBC;RBC;Rack", ("S1;6.2;4.4;7",), ({"WBC": "", "RBC": ""}, {}, ["Rack"])),  # numbers alone prove nothing
        ("Sample ID;Foo (g/L);Bar (mmol/L)", ("S1;6.2;4.4",), ({"Foo": "", "Bar": ""}, {"units": "heading"}, [])),
        ("Sample ID;NEUT (%);NEUT (10^9/L)", ("S1;62;4.4",), ({"NEUT (%)": "%", "NEUT (10^9/L)": "10^9/L"}, {}, [])),
        ("Sample ID;WBC;Flag;RBC;Flag", ("S1;6.2;H;4.4;",), ({"WBC": "", "RBC": ""}, {"flags": "Flag"}, [])),
        ("Sample ID;WBC;WBC/M;RBC;RBC/M", ("S1;6.2;+;4.4;-",), ({"WBC": "", "RBC": ""}, {"flags": "{test}/M"}, [])),
        ("Sample ID;WBC;RBC;Flags", ("S1;6.2;4.4;H",), ({"WBC": "", "RBC": ""}, {}, ["Flags"])),  # of which test?
        ("Sample ID;WBC;F_WBC;RBC", ("S1;6.2;see note;4.4",), ({"WBC": "", "RBC": ""}, {}, ["F_WBC"])),  # no flags
        ("Sample ID;WBC;RBC", (";10^9/L;10^12/L", "S1;6.2;4.4"), ({"WBC": "", "RBC": ""}, {"units": "row"}, [])),
        ("Sample ID;WBC;RBC", ("S0;10^9/L;10^12/L", "S1;6.2;4.4"), ({}, {}, ["WBC", "RBC"])),  # it names a specimen
        ("Sample ID;WBC;Rack", ("S1;6.2;7",), ({}, {}, ["WBC", "Rack"])),  # one test makes no wide table
        ("Sample ID;Test;Result;WBC;RBC", ("S1;K;4.4;7;8",), ({}, {}, ["WBC", "RBC"])),  # nor has one a column of results
    ],
)  # fmt: skip
def test_wide_tables(header, rows, expected):
    assert wide(header, *rows) == expected


@pytest.mark.parametrize("unit", ["%", "fL", "pg", "g/dL", "10^9/L", "10*3/uL", "x10³/µL".replace("³", "3"), "mmol/L", "mU/L", "U/l", "/nl", "ng/mL", "G/l", "µmol/l", "mm/h"])
def test_units(unit):
    assert is_unit(unit)


@pytest.mark.parametrize("text", ["", "S1", "4711", "Anna", "2026", "H", "pos", "A/B", "01/02"])
def test_what_is_no_unit(text):
    assert not is_unit(text)


def test_names_of_tests():
    assert all(map(is_test, ("WBC", "NEU#", "neu%", "Hämatokrit", "HbA1c")))
    assert not any(map(is_test, ("PT", "ID", "Pos", "Rack", "Age", "No", "")))


def test_what_is_said_of_cells_is_their_form():
    assert form_of(["9.9", "1.25", "<0.1"]) == "numbers with a point"
    assert form_of(["01.08.2026 09:30", "2.8.2026 10:00"]) == "dates like 99.99.9999 99:99"
    assert form_of(["Zebra", "7"]) in ("words and whole numbers", "whole numbers and words")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("xn_20260801.csv", "xn_*.csv"), ("XN 2026-08-01 0930.tsv", "XN * *.tsv"), ("1.csv", "*.csv"), ("cbc.csv", "cbc.csv"),
        ("a[1].csv", "a[[]*].csv"), ("export", "export"), ("E411_2.txt", "E411_*.txt"), ("RUN00017.txt", "RUN*.txt"),
    ],
)  # fmt: skip
def test_patterns_of_names(name, pattern):
    import fnmatch

    found = suggest(b"Patient ID;Sample ID;Test;Result\n4711;S1;K;4.5\n", name).files
    assert fnmatch.fnmatchcase(name, found)
    assert found == pattern


def test_a_row_is_never_taken_for_the_header():
    for data in (b"Zebra;Anna;4711;4.5\nGiraffe;Lea;4712;4.6\n", b"Zebra;Anna;pos\nGiraffe;Lea;neg\n"):
        with pytest.raises(FileError) as caught:
            suggest(data, "a.csv")
        assert caught.value.findings[0].code == "csv.header"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG + "Foo;Foo\n4711;S1;K;4.5;a;b\n", {"Foo": ("", "open")}),
        (LONG + "Unit;Unit\n4711;S1;K;4.5;a;b\n", {"Unit": ("", "open")}),
        (LONG + ";\n4711;S1;K;4.5;a;b\n", {"": ("", "open")}),
        (LONG + ";;\n4711;S1;K;4.5;;b;\n", {"": ("", "open")}),
        (LONG + ";;\n4711;S1;K;4.5;;;\n", {"": ("", "empty")}),
        (LONG + "Note;Note\n4711;S1;K;4.5;a;b\n", {"Note": ("note", "known")}),
        ("PID;Sample ID;WBC;HGB;WBC\n4711;S1;5.4;9.9;5.4\n", {"WBC": ("", "guess")}),
    ],
)
def test_columns_of_one_heading_have_one_line(text, expected):
    """YAML takes a key once: two lines, decided as they stand, would be a mistake in config.yaml."""
    keys = [line.key for line in suggest(text.encode(), "a.csv").lines]
    assert len(set(keys)) == len(keys)
    assert lines_of(text).items() >= expected.items()
