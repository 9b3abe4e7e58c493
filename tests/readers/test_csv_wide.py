# ruff: noqa: E501  (a table reads best with one to a line)
"""Wide tables: a column for each test. They become the rows that a long table has, and are judged as those."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.config.inputs import CsvFormat, Inputs, SkipRule, Wide, WideTest
from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.patterns import Pattern
from lab_sender.readers import BadItem, ReportItem, read
from lab_sender.readers.csv.wide import without_unit
from readers.test_cases import configured, folder, missing, outcome

BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAD = "Sample ID;Patient ID;Date Time;WBC;WBC flag;HGB"
ROW = "S1;P1;2026-08-01T09:30;6.2;;9.9"
TESTS = {"WBC": WideTest(code="6690-2", text="Leukocytes", system="LN", unit="10*9/L", range="4.0-10.0"), "HGB": WideTest(unit="g/dL")}


def table(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def reading(data: bytes, *, tests=None, flags: str = "{test} flag", units: str = "none", **form):
    wide = Wide(tests=TESTS if tests is None else tests, flags=flags, units=units)
    return read(data, "a.csv", Inputs(csv=(CsvFormat(wide=wide, **form),)))


def results_of(data: bytes, **form) -> list[tuple[str, object, str, list[str]]]:
    """Test, value, unit and flags of every result."""
    items = reading(data, **form).items
    assert all(isinstance(item, ReportItem) for item in items), items
    results = [result for item in items for order in item.report.orders for result in order.results]
    return [(result.test.code, result.value, result.unit, result.flags) for result in results]


def found(data: bytes, **form) -> list[tuple[str, str]]:
    """Code and place of every finding of a file or of its reports."""
    try:
        items = reading(data, **form).items
    except FileError as error:
        findings = error.findings
    else:
        findings = [finding for item in items if isinstance(item, BadItem) for finding in item.findings]
    assert all(finding.hint for finding in findings)
    return [(finding.code, finding.place) for finding in findings]


def test_each_test_of_a_row_becomes_a_result():
    (item,) = reading(table(ROW)).items
    assert item.place == "row 2"
    (wbc,), (hgb,) = (order.results for order in item.report.orders)
    assert (wbc.test.code, wbc.test.text, wbc.test.system) == ("6690-2", "Leukocytes", "LN")
    assert (wbc.value, wbc.unit, wbc.range, wbc.analysed) == ("6.2", "10*9/L", "4.0-10.0", "2026-08-01T09:30")
    assert (hgb.test.code, hgb.value, hgb.unit, hgb.range) == ("HGB", "9.9", "g/dL", "")


def test_it_says_what_the_long_table_says():
    long = "Sample ID;Patient ID;Date Time;code;text;system;value;unit;range;flag\nS1;P1;2026-08-01T09:30;6690-2;Leukocytes;LN;6.2;10*9/L;4.0-10.0;H\nS1;P1;2026-08-01T09:30;HGB;;;9.9;g/dL;;\n"
    (expected,) = read(long.encode()).items
    (item,) = reading(table("S1;P1;2026-08-01T09:30;6.2;H;9.9")).items
    assert item.report == expected.report
    assert item.digest == expected.digest


def test_one_order_where_the_format_says_what_was_ordered():
    (item,) = reading(table(ROW), defaults={"order_code": "58410-2", "order_text": "CBC", "order_system": "LN"}).items
    (order,) = item.report.orders
    assert (order.test.code, [result.value for result in order.results]) == ("58410-2", ["6.2", "9.9"])


def test_the_message():
    (item,) = reading(table("S1;P1;2026-08-01T09:30;6.2;H;9.9")).items
    body = BUILDER.build(item.report, control_id="C1", now=NOW, attachments={}).body.decode()
    for part in ("OBX|1|NM|6690-2^Leukocytes^LN||6.2|10*9/L|4.0-10.0|H", "|9.9|g/dL|"):
        assert part in body


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["S1;P1;;;;9.9"], [("HGB", "9.9", "g/dL", [])]),  # a blank cell was not measured
        (["S1;P1;;6.2;H;"], [("6690-2", "6.2", "10*9/L", ["H"])]),
        (["S1;P1;;<0.1;;1:128"], [("6690-2", "<0.1", "10*9/L", []), ("HGB", "1:128", "g/dL", [])]),
        (["S1;P1;;6.2;;", "S2;P2;;;;9.9"], [("6690-2", "6.2", "10*9/L", []), ("HGB", "9.9", "g/dL", [])]),
        (["S1;P1;;6.2;;", "S1;P1;;;;9.9"], [("6690-2", "6.2", "10*9/L", []), ("HGB", "9.9", "g/dL", [])]),
    ],
)  # fmt: skip
def test_cells(rows, expected):
    assert results_of(table(*rows)) == expected


def test_units_in_the_headings():
    head = "Sample ID;Patient ID;WBC(10^9/L);HGB [g/dL];NEU% (%);pH"
    tests = dict.fromkeys(("wbc", "HGB", "NEU%", "pH"), WideTest())
    got = results_of(table("S1;P1;6.2;9.9;60;7.4", head=head), tests=tests, flags="", units="heading")
    assert got == [("wbc", "6.2", "10^9/L", []), ("HGB", "9.9", "g/dL", []), ("NEU%", "60", "%", []), ("pH", "7.4", "", [])]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("WBC(10^9/L)", ("WBC", "10^9/L")), ("HGB [g/dL]", ("HGB", "g/dL")), ("Na", ("Na", "")), ("(x)", ("(x)", "")),
        ("Na (ISE) (mmol/L)", ("Na (ISE)", "mmol/L")), ("K ()", ("K ()", "")), ("NEU#", ("NEU#", "")),
    ],
)  # fmt: skip
def test_a_heading_and_its_unit(heading, expected):
    assert without_unit(heading) == expected


def test_units_in_a_row_of_their_own():
    data = table(";;;10^9/L;;g/dL", ROW)
    assert results_of(data, tests={"WBC": WideTest(), "HGB": WideTest(unit="g/dL")}, units="row") == [("WBC", "6.2", "10^9/L", []), ("HGB", "9.9", "g/dL", [])]
    assert reading(data, tests={"WBC": WideTest(), "HGB": WideTest()}, units="row").items[0].place == "row 3"


def test_a_row_of_units_may_say_so_and_stand_again_with_the_header():
    units = "Einheit;;;10^9/L;;g/dL"
    data = table(units, ROW, HEAD, units, "S2;P2;;5.1;;8.8")
    got = results_of(data, tests={"WBC": WideTest(), "HGB": WideTest()}, units="row")
    assert [(value, unit) for _, value, unit, _ in got] == [("6.2", "10^9/L"), ("9.9", "g/dL"), ("5.1", "10^9/L"), ("8.8", "g/dL")]


def test_a_unit_of_a_column_without_values_is_no_data():
    data = table(";;;10^9/L;;g/dL;fL", ROW + ";", head=HEAD + ";MCV")
    assert len(results_of(data, tests={"WBC": WideTest(), "HGB": WideTest()}, units="row")) == 2


def test_another_header_among_the_rows_is_no_row():
    """Two exports in one file, the second with its tests in another order."""
    rows = [f"S{n};P{n};;6.2;;9.9" for n in range(60)]
    data = table(*rows, "Sample ID;Patient ID;Date Time;HGB;WBC flag;WBC", "S1;P1;;9.9;;6.2")
    assert found(data) == [("csv.header", "row 62")]
    few = table("S1;P1;6.2;9.9", "Sample ID;Patient ID;HGB;WBC", "S1;P1;9.9;6.2", head="Sample ID;Patient ID;WBC;HGB")
    assert found(few, flags="") == [("csv.header", "row 3")]


@pytest.mark.parametrize(
    ("rows", "settings", "expected"),
    [
        # Where the row of units is not there, the first patient must not be taken for it.
        ([ROW], {"units": "row"}, [("csv.units-row", "row 2")]),
        ([";;;6.2;;g/dL", ROW], {"units": "row", "tests": {"WBC": WideTest(), "HGB": WideTest()}}, [("csv.units-row", "row 2")]),
        ([";;;10*9/L;;g/L", ROW], {"units": "row"}, [("csv.unit", "row 2 column F")]),
        ([ROW], {"tests": {"WBC": WideTest(), "HGB": WideTest(), "PLT": WideTest()}}, [("csv.column-missing", "row 1")]),
        ([ROW], {"flags": "{test}_F"}, [("csv.column-missing", "row 1")]),
    ],
)  # fmt: skip
def test_what_a_setting_promises_and_the_file_lacks_refuses_it(rows, settings, expected):
    assert [each for each in found(table(*rows), **settings) if each[0] != "csv.column-unknown"] == expected


def test_a_heading_with_a_unit_is_told_as_such():
    with pytest.raises(FileError) as caught:
        reading(table("S1;P1;6.2", head="Sample ID;Patient ID;WBC(10^9/L)"), tests={"WBC": WideTest()}, flags="")
    assert "units: heading" in caught.value.findings[0].hint


def test_a_unit_in_the_heading_that_is_not_the_declared_one():
    data = table("S1;P1;99", head="Sample ID;Patient ID;HGB (g/L)")
    assert found(data, tests={"HGB": WideTest(unit="g/dL")}, flags="", units="heading") == [("csv.unit", "row 1 column C")]


def test_signs_tell_tests_apart():
    """`NEU#` and `NEU%` are letter for letter the same but for the sign."""
    data = table("S1;P1;4.1;62", head="Sample ID;Patient ID;NEU#;NEU%")
    tests = {"NEU#": WideTest(unit="10*9/L"), "NEU%": WideTest(unit="%")}
    assert results_of(data, tests=tests, flags="") == [("NEU#", "4.1", "10*9/L", []), ("NEU%", "62", "%", [])]
    assert results_of(data, tests={"NEU%": WideTest()}, flags="", columns={"NEU#": ""}) == [("NEU%", "62", "", [])]


def test_a_column_with_the_same_letters_as_a_test_is_not_passed_over():
    data = table("S1;P1;4.1;62", head="Sample ID;Patient ID;NEU#;NEU%")
    assert found(data, tests={"NEU%": WideTest()}, flags="") == [("csv.column-unknown", "row 1")]


def test_a_column_with_the_same_letters_as_one_that_is_not_wanted_is_not_passed_over():
    data = table("S1;P1;4.1;62;9.9", head="Sample ID;Patient ID;NEU#;NEU%;HGB")
    form = {"tests": {"HGB": WideTest()}, "flags": ""}
    assert found(data, columns={"NEU#": ""}, **form) == [("csv.column-unknown", "row 1")]
    assert len(results_of(data, columns={"NEU#": "", "NEU%": ""}, **form)) == 1


def test_two_columns_of_one_test():
    data = table("S1;P1;4.1;62", head="Sample ID;Patient ID;HGB;hgb")
    assert found(data, tests={"HGB": WideTest()}, flags="") == [("csv.column-twice", "row 1 column D")]


def test_the_column_behind_a_test_is_its_flag():
    data = table("S1;P1;6.2;H;9.9;", head="Sample ID;Patient ID;WBC;Mark;HGB;Mark")
    assert results_of(data, flags="Mark") == [("6690-2", "6.2", "10*9/L", ["H"]), ("HGB", "9.9", "g/dL", [])]


def test_a_column_of_the_row_that_only_a_test_can_have():
    assert found(table(ROW + ";H", head=HEAD + ";Flags")) == [("csv.column-twice", "row 1 column G")]
    assert found(table(ROW + ";CBC", head=HEAD + ";Test")) == [("csv.column-twice", "row 1 column G")]
    assert len(results_of(table(ROW + ";CBC", head=HEAD + ";Test"), columns={"Test": "order_text"})) == 2


def test_a_comment_is_of_the_order():
    (item,) = reading(table(ROW + ";clotted", head=HEAD + ";Comment"), defaults={"order_code": "CBC"}).items
    (order,) = item.report.orders
    assert order.notes == ["clotted"]
    assert not any(result.notes for result in order.results)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["S1;P1;;#WERT!;;9.9"], [("csv.spoilt", "row 2 column WBC")]),
        (["S1;P1;;6.2;;NULL"], [("csv.spoilt", "row 2 column HGB")]),
        (["S1;P1;;6.2;;05. Mrz"], [("csv.spoilt", "row 2 column HGB")]),
        (["S1;P1;;;H;9.9"], [("csv.missing", "row 2 column WBC")]),  # a flag of nothing
        (["S1;;;6.2;;9.9"], [("csv.missing", "row 2 column Patient ID")]),  # once, not for each test
        ([";P1;;6.2;;9.9"], [("csv.missing", "row 2 column accession")]),
        (["S1;P1;01/02/2026;6.2;;9.9"], [("csv.date-order", "row 2 column Date Time")]),
        (["S1;P1;;6.2;;9.9;1"], [("csv.ragged", "row 2")]),
        (["S1;P1;;6.2"], [("csv.ragged", "row 2")]),
        ([ROW, "S1;P2;2026-08-01T09:30;6.2;;9.8"], [("csv.patients", "row 3 column Patient ID"), ("csv.row-twice", "")]),
        ([ROW, ROW], [("csv.row-twice", "row 3 column WBC"), ("csv.row-twice", "row 3 column HGB")]),
        (["1.2E+10;P1;;6.2;;9.9"], [("csv.spoilt", "row 2 column Sample ID")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_files_own_row_and_column(rows, expected):
    told = found(table(*rows))
    assert set(told) == {each for each in expected if each[1]}, told


def test_what_the_builder_finds_has_its_column_too():
    row = "S1;P1;2026-13-45;6.2;;9.9;no status"
    (item,) = reading(table(row, head=HEAD + ";status"), defaults={"sub_id": "x"}).items
    with pytest.raises(FileError) as caught:
        BUILDER.build(item.report, control_id="C1", now=NOW, attachments={}, place=item.place)
    places = {each.place for each in item.located(caught.value.findings)}
    assert places >= {"row 2 column Date Time", "row 2 column status"}
    assert item.places.find("orders[1].results[0].value") == "row 2 column HGB"
    assert item.places.find("orders[0].results[0].flags[0]") == "row 2 column WBC flag"
    assert item.places.find("orders[0].results[0].range") == "row 2 column WBC"


def test_measured_twice_gives_both_and_a_correction_beside_the_original_is_refused():
    rows = (ROW, "S1;P1;2026-08-01T10:30;6.4;;10.1")
    assert [(code, value) for code, value, _, _ in results_of(table(*rows))] == [
        ("6690-2", "6.2"), ("6690-2", "6.4"), ("HGB", "9.9"), ("HGB", "10.1")
    ]  # fmt: skip
    corrected = table(ROW + ";F", "S1;P1;2026-08-01T10:30;6.4;;;C", head=HEAD + ";status")
    assert found(corrected) == [("result.corrected-beside", "row 3 column status")]


def test_one_bad_cell_refuses_its_accession_and_no_other():
    items = reading(table("S1;P1;;#N/A;;9.9", "S2;P2;;6.2;;9.8")).items
    assert [type(item) for item in items] == [BadItem, ReportItem]


def test_decimal_commas():
    data = table("S1;P1;;6,2;;9,9")
    assert [value for _, value, _, _ in results_of(data, decimal_comma=True)] == ["6.2", "9.9"]
    assert found(table("S1;P1;;6,2;;250.000")) == [("csv.number", "row 2 column HGB")]


def test_a_range_of_the_setting_is_no_number_of_the_file():
    tests = {"SG": WideTest(range="1.005-1.030"), "HGB": WideTest()}
    data = table("S1;P1;1,010;9,9", head="Sample ID;Patient ID;SG;HGB")
    assert [value for _, value, _, _ in results_of(data, tests=tests, flags="", decimal_comma=True)] == ["1.010", "9.9"]


def test_a_row_without_any_result_is_told():
    read_ = reading(table(ROW, "S2;P2;;;;", "S3;P3;;6.2;;"))
    assert [item.place for item in read_.items] == ["row 2", "row 4"]
    assert [(one.code, one.place) for one in read_.remarks] == [("csv.rows-empty", "row 3")]
    assert found(table("S2;P2;;;;")) == [("csv.no-row", "row 1")]


def test_a_row_without_a_result_that_says_why_is_refused():
    data = table(ROW + ";", "S2;P2;;;;;clotted", head=HEAD + ";Comment")
    (item,) = [item for item in reading(data).items if isinstance(item, BadItem)]
    assert (item.place, {finding.code for finding in item.findings}) == ("row 3", {"csv.missing"})


def test_rows_are_skipped_by_the_files_own_columns():
    rule = SkipRule(column="Sample ID", matches=Pattern("^QC", ignore_case=True))
    assert len(results_of(table(ROW, "QC1;;;6.2;;9.9"), skip_rows=(rule,))) == 2


def test_a_table_sorted_with_its_header():
    data = table(ROW.replace("S1", "S0"), HEAD, "S1;P1;2026-08-01T09:31;6.3;;9.7", head="S2;P2;2026-08-01T09:30;6.2;;9.9")
    assert ("csv.header", "row 1") in found(data)


def test_few_known_headings_and_the_tests_make_a_header():
    data = b"Export 1\n\nProbe;WBC;HGB\nS1;6.2;9.9\n"
    with pytest.raises(FileError) as caught:
        reading(data, flags="")
    assert {finding.code for finding in caught.value.findings} <= {"csv.column-missing", "csv.column-unknown"}


@pytest.mark.parametrize("columns", ["K (mmol/L),Na (mmol/L)", "WBC,RBC,HGB,Rack", "Leuko [G/l],Ery,Bem"])
def test_a_table_that_looks_wide_is_told_how_to_say_so(columns):
    row = ",".join(["1.5", "2", "3.25", "7"][: columns.count(",") + 1])
    with pytest.raises(FileError) as caught:
        read(table(f"P1,A1,{row}", head=f"patient_id,accession,{columns}"))
    hints = {finding.hint for finding in caught.value.findings if finding.code == "csv.column-missing"}
    assert len(hints) == 1
    (hint,) = hints
    assert "wide" in hint
    assert "lab-sender map" in hint


def test_a_long_table_that_lacks_its_value_is_not_called_wide():
    with pytest.raises(FileError) as caught:
        read(table("P1,A1,HGB,7", head="patient_id,accession,code,Rack"))
    assert not any("wide" in finding.hint for finding in caught.value.findings)


def test_the_case():
    data = (folder() / "csv" / "wide-table.csv").read_bytes()
    assert set(outcome(data, "a.csv", Inputs())) >= {"! csv.column-missing"}
    tests = {"K": {"code": "2823-3", "text": "Potassium", "system": "LN"}, "Na": {}}
    told = outcome(data, "a.csv", configured(csv=[{"wide": {"tests": tests, "units": "heading"}}]))
    assert not missing(("PID|1||4711||Test", "|NM|2823-3^Potassium^LN||4.5|mmol/L|", "|NM|Na||140|mmol/L|"), told), told


CELL = st.sampled_from(["", "6.2", "<0.1", "+++", "neg", "12,5", "NULL", "#N/A", "1:128", "H 5", "1.2E+5"])
FLAG = st.sampled_from(["", "H", "L", "N"])


@given(rows=st.lists(st.tuples(CELL, FLAG, CELL), min_size=1, max_size=6))
def test_each_cell_comes_out_or_is_told(rows):
    """Every filled cell of a test is the value or flag of a result, or its row is refused or told."""
    data = table(*(f"S{n};P{n};;{wbc};{flag};{hgb}" for n, (wbc, flag, hgb) in enumerate(rows, 2)))
    if not any(any(row) for row in rows):
        assert found(data) == [("csv.no-row", "row 1")]
        return
    read_ = reading(data)
    told = {item.place for item in read_.items if isinstance(item, BadItem)}
    for n, (wbc, flag, hgb) in enumerate(rows, 2):
        sent = [item for item in read_.items if isinstance(item, ReportItem) and item.place == f"row {n}"]
        if not any((wbc, flag, hgb)):
            assert not sent
            assert any(remark.code == "csv.rows-empty" for remark in read_.remarks)
        elif f"row {n}" not in told:
            ((item,),) = (sent,)
            said = [(result.value, result.flags) for order in item.report.orders for result in order.results]
            assert said == [(text, [mark] if mark else []) for text, mark in ((wbc, flag), (hgb, "")) if text]


def test_the_settings_as_they_are_written():
    settings = configured(csv=[{"files": "xn*.csv", "wide": {"tests": ["WBC", "HGB"], "flags": "{test} flag", "units": "row"}}])
    assert settings.csv[0].wide == Wide(tests={"WBC": WideTest(), "HGB": WideTest()}, flags="{test} flag", units="row")


@pytest.mark.parametrize(
    ("head", "form", "place"),
    [
        (HEAD, {"columns": {"HGB": ""}}, "row 1 column F"),
        (HEAD, {"columns": {"wbc  FLAG": "order_note"}}, "row 1 column E"),
        (HEAD.replace("WBC;", "WBC (10*9/L);"), {"columns": {"WBC (10*9/L)": "order_note"}, "units": "heading"}, "row 1 column D"),
        (HEAD, {"tests": {"WBC": WideTest(), "WBC flag": WideTest()}, "columns": {"HGB": ""}}, "row 1 column E"),
    ],
)
def test_a_column_that_settings_give_two_meanings_refuses_the_file(head, form, place):
    """Whichever won, the other line of the configuration would say what is not done."""
    assert found(table(ROW, head=head), **form) == [("csv.column-twice", place)]


def test_a_page_of_other_units_refuses_the_file():
    """Its rows would go out with the units of the first page: a haemoglobin of 130 g/dL."""
    tests = {"WBC": WideTest(), "HGB": WideTest()}
    units, other = ";;;10^9/L;;g/dL", ";;;10^9/L;;g/L"
    pages = [units, ROW, HEAD, other, ROW.replace("S1", "S2").replace("9.9", "130")]
    assert found(table(*pages), units="row", tests=tests) == [("csv.units-row", "row 5")]
    pages[3] = units
    assert len(results_of(table(*pages), units="row", tests=tests)) == 4
    nobody = table(units, ROW, ";;;12;;9.9")
    assert {code for code, _ in found(nobody, units="row", tests=tests)} == {"csv.incomplete", "csv.missing"}
    rule = SkipRule(column="HGB", matches=Pattern("^g/"))
    assert len(results_of(table(units, ROW, ";;;low;;g/x"), units="row", tests=tests, skip_rows=(rule,))) == 2
