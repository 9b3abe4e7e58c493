# ruff: noqa: E501  (a table of mistakes reads best with one to a line)
"""inputs.csv: what it becomes for the reader, and what is said of its mistakes."""

from __future__ import annotations

import pickle

import pytest

from lab_sender.config.load import ConfigError, load
from lab_sender.readers import read

MINIMAL = "outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: 2575\n"
FORMATS = """\
inputs:
  csv:
    - files: "cobas*.csv"
      columns: {Probe: accession, Pat-Nr: patient_id, Parameter: code, Ergebnis: value, Einheit: unit, Datum: analysed, Rack: ""}
      defaults: {system: L}
      delimiter: ;
      encoding: cp1252
      skip_rows:
        - {column: Probe, matches: "^(QC|NEG|POS)"}
      dates: [DD.MM.YYYY]
      decimal_comma: true
    - files: "*.tsv"
      delimiter: tab
"""


def written(tmp_path, text: str):
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL + text, "utf-8")
    return path


def test_a_table_is_read_as_the_configuration_says(tmp_path):
    said = pickle.loads(pickle.dumps(load(written(tmp_path, FORMATS)).inputs))
    data = "Export\nProbe;Pat-Nr;Parameter;Ergebnis;Einheit;Datum;Rack\nF1;P1;CRP;0,60;µg;01.02.2026 9:30;1\nqc1;;CRP;1;;;\n"
    (item,) = read(data.encode("cp1252"), "Cobas7.CSV", said).items
    (result,) = item.report.orders[0].results
    assert (result.value, result.unit, result.analysed, result.test.system) == ("0.60", "µg", "2026-02-01T09:30", "L")
    assert said.csv[1].delimiter == "tab"


def test_a_patient_for_all_rows_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(ConfigError, match="patient_from: specimen-id"):
        load(written(tmp_path, "inputs: {csv: [{defaults: {patient_id: '1'}}]}\n"))
    said = load(written(tmp_path, 'inputs: {csv: [{patient_from: specimen-id, name: "{given} {family}"}]}\n')).inputs
    assert (said.csv[0].patient_from, said.csv[0].name) == ("specimen-id", "{given} {family}")


def test_without_it_nothing_is_declared(tmp_path):
    assert load(written(tmp_path, "")).inputs.csv == ()


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "Probe: accession",
            "Probe: acession",
            "inputs.csv[0].columns.Probe: is no column we know (found acession); did you",
        ),
        ("Probe: accession", "probe: note, Probe: accession", "inputs.csv[0].columns.Probe: gives one heading two meanings"),
        ("system: L", "sytem: L", "inputs.csv[0].defaults.sytem: is no column we know"),
        ("delimiter: ;", "delimiter: ':'", "inputs.csv[0].delimiter: must be"),
        ("encoding: cp1252", "encoding: rot13", "inputs.csv[0].encoding: must be"),
        ("column: Probe, ", "", "inputs.csv[0].skip_rows[0].column: is missing"),
        ("^(QC|", "^((QC|", "inputs.csv[0].skip_rows[0].matches: is not a regular expression"),
        ("DD.MM.YYYY", "TT.MM.JJJJ", "inputs.csv[0].dates[0]: must be a form of dates"),
        ("DD.MM.YYYY", "DD.MM/YYYY", "inputs.csv[0].dates[0]: must be a form of dates"),
        ("decimal_comma: true", 'name: "{family}-{given}"', "inputs.csv[0].name: is no form of names: it needs a blank"),
        ("decimal_comma: true", "name: '{surname}'", "inputs.csv[0].name: is no form of names: it has a part of unknown name"),
        ("decimal_comma: true", "orderer_name: Arzt", "inputs.csv[0].orderer_name: is no form of names: it has no part"),
        ("decimal_comma: true", "patient_from: sample", "inputs.csv[0].patient_from: must be"),
        ("system: L", "patient_id: '1'", "patient_id: cannot have a default: every row of the file would get it"),
        ("system: L", "specimen_id: '1'", "specimen_id: cannot have a default: every row of the file would get it"),
        ("system: L", "family: Doe", "family: cannot have a default: every row of the file would get it"),
        ("decimal_comma: true", "decimal_comma: ja", "inputs.csv[0].decimal_comma: must be true or false"),
        ('"*.tsv"', "in/*.tsv", "inputs.csv[1].files: must be a pattern of file names"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, right, wrong, expected):
    assert right in FORMATS
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, FORMATS.replace(right, wrong)))
    assert len(caught.value.mistakes) == 1
    assert expected in str(caught.value)


WIDE = """\
inputs:
  csv:
    - wide:
        tests:
          WBC: {code: 6690-2, unit: 10*9/L}
          HGB:
        units: heading
"""


def test_tests_of_a_wide_table_in_the_long_and_the_short_form(tmp_path):
    long, short = (
        load(written(tmp_path, text)).inputs.csv[0].wide
        for text in (WIDE, "inputs:\n  csv:\n    - wide: {tests: [WBC, 'NEU#']}\n")
    )
    assert (long.tests["WBC"].code, long.tests["WBC"].unit, long.tests["HGB"].code, long.units) == ("6690-2", "10*9/L", "", "heading")
    assert (list(short.tests), short.units, short.flags) == (["WBC", "NEU#"], "none", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WIDE.replace("HGB:", "wbc:"), "inputs.csv[0].wide.tests.wbc: names a test twice"),
        (WIDE.replace("code:", "cod:"), "inputs.csv[0].wide.tests.WBC.cod: unknown key; known here: code,"),
        (WIDE.replace("units:", "flags: '{tst} flag'\n        units:"), "inputs.csv[0].wide.flags: has braces that are not {test}"),
        (WIDE.replace("units: heading", "units: header"), "inputs.csv[0].wide.units: must be none, heading or row"),
        ("inputs:\n  csv:\n    - wide: {units: row}\n", "inputs.csv[0].wide.tests: is missing"),
        ("inputs:\n  csv:\n    - wide: {tests: []}\n", "inputs.csv[0].wide.tests: names no test"),
        ("inputs:\n  csv:\n    - wide: {tests: [WBC, ' ']}\n", "inputs.csv[0].wide.tests[1]: a test has no heading"),
        ("inputs:\n  csv:\n    - wide: {tests: WBC}\n", "inputs.csv[0].wide.tests: must be a section"),
        ("inputs:\n  csv:\n    - wide: {tests: [[WBC]]}\n", "inputs.csv[0].wide.tests: must be a section"),
    ],
)
def test_mistakes_in_a_wide_section(tmp_path, text, expected):
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "used"),
    [
        ("*", "cobas*.csv", False),
        ("*.CSV", "cobas*.csv", False),
        ("cobas*.csv", "Cobas*.csv", False),
        ("a[12].csv", "A[12].csv", False),
        ("cobas*.csv", "*", True),
        ("cobas*.csv", "*.csv", True),
        ("lis?.csv", "lis1.csv", True),  # not for certain
        ("a*.csv", "*b.csv", True),
    ],
)
def test_a_format_that_is_never_used_is_a_mistake(tmp_path, first, second, used):
    """Its files would be read by the other one, and nobody would be told."""
    text = f'inputs: {{csv: [{{files: "{first}"}}, {{files: "{second}", decimal_comma: true}}]}}\n'
    if used:
        assert len(load(written(tmp_path, text)).inputs.csv) == 2
    else:
        with pytest.raises(ConfigError, match=r"inputs.csv\[1\].files: is never used"):
            load(written(tmp_path, text))
