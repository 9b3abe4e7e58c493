"""Which reader a file goes to: told by its content, each asked in its turn, none imported in vain."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.errors import FileError
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput, ReportItem, read
from readers.samples import MESSAGE, dump, report
from readers.test_astm import FRAMES, PLAIN

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x00\n%%EOF"
BY_NAME = Inputs(pdf=PdfInput(name=Pattern(r"(?P<patient_id>[^_]+)_(?P<filler>[^_]+)\.pdf")))
KINDS = {
    "json": dump(report()),
    "ndjson": dump(report()) + b"\n" + dump(report()),
    "hl7": MESSAGE,
    "astm": PLAIN,
    "csv": b"patient_id,accession,code,value\n1,F1,HB,14.1\n",
}


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n\n ", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_known_by_its_content(kind, lead):
    assert read(lead + KINDS[kind], "anything.xyz").kind == kind


def test_line_bytes_before_a_message_do_not_hide_it():
    assert read(b"\x0b" + MESSAGE + b"\x1c\r").kind == "hl7"
    assert read(FRAMES).kind == read(b"\x06\x04" + FRAMES).kind == "astm"
    assert read(PLAIN.replace(b"\\", b"@").replace(b"&", b"\\")).kind == "astm"


@pytest.mark.parametrize(
    "data",
    [b"Dear colleague,\nplease find the result enclosed.\n", b"H|ello\n", b"a,b\n1,2\n", b"x" * 5000,
     b"MSH6 intact\n", b"%!PS\n", b"<html><body>1,2</body></html>\n"],
)  # fmt: skip
def test_text_of_no_format_is_not_taken_for_a_table(data):
    with pytest.raises(FileError):
        read(data)


# ------------------------------------------------------------------ a PDF alone


def test_a_pdf_is_read_by_its_name_only_where_agreed():
    with pytest.raises(FileError) as caught:
        read(PDF, "4781203_F1.pdf")
    assert caught.value.code == "file.pdf"
    (item,) = read(PDF, "4781203_F1.pdf", BY_NAME).items
    assert isinstance(item, ReportItem)
    (order,) = item.report.orders
    assert ([each.id for each in item.report.patient.ids], order.filler.id) == (["4781203"], "F1")
    assert [item.documents[each.path] for each in order.attachments] == [PDF]
    assert "4781203" not in order.attachments[0].path


@pytest.mark.parametrize(
    "name", ["", "scan.pdf", "4781203_F1.pdf.bak", "x_4781203_F1.pdf", "a\n_F1.pdf", "\udcff_F1.pdf"]
)
def test_a_name_that_does_not_fit_is_refused_and_not_repeated(name):
    with pytest.raises(FileError) as caught:
        read(PDF, name, BY_NAME)
    assert caught.value.code == "file.pdf"
    assert "4781203" not in str(caught.value)


def test_what_a_name_can_say():
    said = (
        r"(?P<authority>\w+)-(?P<patient_id>\d+)-(?P<family>\w+)-(?P<birth>\d{8})-(?P<sex>.)"
        r"-(?P<filler>\w+)-(?P<code>\w+)\.pdf"
    )
    settings = Inputs(pdf=PdfInput(name=Pattern(said), test=("R", "Report", "L")))
    (item,) = read(PDF, "MRN-0012345-Secretfamily-19870626-f-F1-ECG.pdf", settings).items
    patient, order = item.report.patient, item.report.orders[0]
    assert (patient.ids[0].id, patient.ids[0].authority.namespace) == ("0012345", "MRN")
    assert (patient.name.family, patient.birth, patient.sex) == ("Secretfamily", "1987-06-26", "F")
    assert (order.test.code, order.test.text, order.test.system) == ("ECG", "", "L")
    (default,) = read(PDF, "4781203_F1.pdf", BY_NAME).items
    assert default.report.orders[0].test.code == "11502-2"


def test_other_bytes_are_another_report():
    one, same, other = (read(data, "1_F1.pdf", BY_NAME).items[0].digest for data in (PDF, PDF, PDF + b"\n"))
    assert one == same != other


# ------------------------------------------------------------------ all of them


def test_reading_json_imports_no_other_reader():
    code = (
        "import sys; from lab_sender.readers import read\n"
        f"read({KINDS['json']!r}); read({MESSAGE!r})\n"
        "print([name for name in sys.modules if name.endswith(('csv.reader', 'astm.reader', 'readers.pdf'))\n"
        "       or name.partition('.')[0] in ('fhir', 'pydantic')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


_STARTS = st.sampled_from(
    [*KINDS.values(), PDF, FRAMES, b'{"resourceType": "Bundle"}', b"\xff\xfe", b"PK\x03\x04", b"H|"]
)
_SPLICES = st.sampled_from(
    [b"\x00", b"\r", b"\n", b'"', b",", b";", b"|", b"\x02", b"\xff", b"{", b"[" * 2000, b"^", b""]
)


@examples(100)
@given(st.one_of(st.binary(max_size=80), st.builds(
    lambda data, at, splice, end: (data[:at] + splice + data[at:])[: len(data) - end],
    _STARTS, st.integers(0, 400), _SPLICES, st.integers(0, 60),
)), st.sampled_from(["", "1_F1.pdf", "a.csv"]))  # fmt: skip
def test_whatever_the_bytes_nothing_but_a_file_error(data, name):
    with contextlib.suppress(FileError):
        assert read(data, name, BY_NAME).items
