"""Every real table: delivered, or refused for a reason that is right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kit.corpus import CORPUS, need_corpus

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, read
from lab_sender.readers.settings import CsvFormat, Inputs

CSV = CORPUS / "csv"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

OLD = [*["csv.column-missing at row 1"] * 3, "csv.column-unknown at row 1"]
"""`lab,first_name,...,specimen_id,observation` of ReportStream's own tests: no patient number, no column that says
what was examined, and none known for the result (`covid-19:neg`, in the unknown `observation`). What is wrong below
the header is seen once the columns are mapped (MAPPED)."""

EXPECTED = {
    "simplereport_test-results-upload-all-fields.csv": ["sent"] * 2,
    # Positive, Negative, Detected ... stay words; 260373001 is sent as SNOMED CT.
    "simplereport_test-results-upload-valid-different-results.csv": ["sent"] * 6,
    # Collection and release are blank: sent without them. 4:00 MST is a zone that SimpleReport declares.
    "simplereport_test-results-upload-valid-blank-dates.csv": ["sent"],
    # Accession 123 for patient 1234 and patient 4567: SimpleReport takes it, we cannot know whose the result is.
    "simplereport_test-results-upload-valid-with-comments.csv": [
        f"csv.patients at row 3 column patient_{name}" for name in ("id", "first_name", "gender", "ethnicity")
    ],
    # The same for patients 1234 and 5678.
    "simplereport_test-results-upload-valid-with-escaped-commas.csv": [
        f"csv.patients at row 3 column patient_{name}" for name in ("id", "first_name", "gender", "phone_number")
    ],
    # Every cell is x: six columns of dates.
    "simplereport_test-results-upload-invalid-values.csv": [
        f"csv.date at row 2 column {name}"
        for name in (
            "patient_dob", "order_test_date", "specimen_collection_date", "testing_lab_specimen_received_date",
            "test_result_date", "date_result_released",
        )
    ],
    # The format before accession_number and test_performed_code; its receiver looks the test up by device.
    "reportstream_simplereport.csv": ["csv.column-missing at row 1"] * 2,
    "reportstream_happy-path.csv": OLD,
    "reportstream_change-column-ordering.csv": OLD,
    "reportstream_column-headers-only.csv": OLD[:3],  # no row: nothing is in the unknown column
    "reportstream_1001-lines.csv": OLD,
    "reportstream_quoted-strings-with-embedded-commas.csv": OLD,
    "reportstream_missing-data.csv": OLD[:3],  # its one row is cut off before it
    "reportstream_too-much-data.csv": OLD,
    "reportstream_weird-dates.csv": OLD,
    "reportstream_wrong-type-data.csv": OLD,
    # A test that was ordered for a device, with neither patient nor order number nor result.
    "reportstream_otc-template.csv": [
        *["csv.column-missing at row 1"] * 4,
        "csv.column-unknown at row 1",
    ],
    # col1 to col2011: nothing says what they are.
    "reportstream_too-many-columns.csv": ["csv.header at row 1"],
    # The control character 06 in the second-last row.
    "reportstream_weird-data.csv": ["file.binary at byte 413"],
    # Two lines of prose without any delimiter.
    "reportstream_not-a-csv-file.csv": ["file.unknown-format at byte 0"],
}  # fmt: skip

# The name stands in for the patient number that these files lack, so that the rows are looked at.
OLD_COLUMNS = CsvFormat(
    columns={"last_name": "patient_id", "observation": "value", "test_time": "analysed"},
    defaults={"text": "COVID-19"},
)
MAPPED = {
    "reportstream_happy-path.csv": ["sent"] * 7,
    "reportstream_change-column-ordering.csv": ["sent"] * 7,
    "reportstream_quoted-strings-with-embedded-commas.csv": ["sent"] * 4,
    # One day in seven forms, two of them contradicting each other on day and month: but none leaves a choice.
    "reportstream_weird-dates.csv": ["sent"] * 7,
    # The seven rows of happy-path over and over: every result would go out 143 times.
    "reportstream_1001-lines.csv": None,
    "reportstream_column-headers-only.csv": ["csv.no-row at row 1"],
    # One cell of seven: cut off.
    "reportstream_missing-data.csv": ["csv.ragged at row 2"],
    # Eight cells of seven: which of them is not the result?
    "reportstream_too-much-data.csv": ["csv.ragged at row 2"],
    "reportstream_wrong-type-data.csv": ["csv.date at row 2 column test_time"],
}

BUILDER = Builder(builtin())


def outcome(name: str, inputs: Inputs = Inputs()) -> list[str]:  # noqa: B008  (frozen)
    """What becomes of each message of a file: sent, or each finding's code and place."""
    need_corpus()
    try:
        items = read((CSV / name).read_bytes(), name, inputs).items
    except FileError as error:
        return [f"{each.code} at {each.place}" for each in error.findings]
    told: list[str] = []
    for item in items:
        findings = item.findings if isinstance(item, BadItem) else ()
        if not findings:
            try:
                BUILDER.build(item.report, control_id="1", now=NOW, attachments={}, place=item.place)
            except FileError as error:
                findings = item.located(error.findings)
        told += [f"{each.code} at {each.place}" for each in findings] or ["sent"]
    return told


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_table(name):
    assert outcome(name) == EXPECTED[name]


def test_no_real_table_is_left_out():
    need_corpus()
    assert {path.name for path in CSV.glob("*.csv")} == EXPECTED.keys()


@pytest.mark.parametrize("name", MAPPED)
def test_real_tables_with_their_columns_mapped(name):
    told = outcome(name, Inputs(csv=(OLD_COLUMNS,)))
    if MAPPED[name] is None:
        assert {each.split()[0] for each in told} == {"csv.row-twice"}
    else:
        assert told == MAPPED[name]


def test_the_older_simplereport_is_delivered_once_two_columns_are_mapped():
    form = CsvFormat(files="*simplereport*", columns={"Ordered_test_code": "code", "Result_ID": "accession"})
    assert outcome("reportstream_simplereport.csv", Inputs(csv=(form,))) == ["sent"] * 50


def test_what_a_simplereport_says():
    name = "simplereport_test-results-upload-all-fields.csv"
    need_corpus()
    report = read((CSV / name).read_bytes(), name).items[0].report
    (order,) = report.orders
    (result,) = order.results
    assert (report.patient.birth, report.patient.sex) == ("1962-01-20", "F")
    assert report.patient.phones == ["205-999-2800", "test@test.com"]
    assert (order.filler, order.test.code, order.test.system) == ("123", "94534-1", "LN")
    assert (result.test.code, result.test.system) == ("94534-5", "LN")
    assert (result.value, result.status) == ("Detected", "C")
    assert (result.device, result.notes, result.analysed) == ("ID NOW", ["Test Comment"], "2021-12-20T14:00")
    assert (result.lab.id, result.lab.authority) == ("01D1058442", "CLIA|2.16.840.1.113883.4.7")
    assert (order.orderer.id, order.orderer.authority) == ("1013012657", "NPI|2.16.840.1.113883.4.6")
    assert (order.collected, order.received, order.reported) == ("2021-12-20T14:00",) * 3
    assert (order.specimens[0].type, order.orderer_facility.address.city) == ("Nasal Swab", "Birmingham")
