"""A file's format is told by its content; what is no result file is refused by name, offset and next step."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.strategies import reports

from lab_sender.errors import FileError
from lab_sender.readers import BadItem, Inputs, ReadyItem, ReportItem, attachment_paths, read
from lab_sender.readers.guards.reports import Guard
from readers.samples import MESSAGE, dump, only, report

BOM = b"\xef\xbb\xbf"

REFUSED = {
    "no bytes": (b"", "file.empty", ""),
    "blank": (b" \r\n\t\n", "file.empty", ""),
    "only a BOM": (BOM, "file.empty", ""),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "file.pdf", ""),
    "ZIP": (b"PK\x03\x04\x14\x00", "file.archive", ""),
    "gzip": (b"\x1f\x8b\x08\x00", "file.archive", ""),
    "NULs of a crashed writer": (b"\x00" * 4096, "file.binary", "byte 0"),
    "NULs after JSON": (dump(report()) + b"\x00\x00", "file.binary", f"byte {len(dump(report()))}"),
    "NUL in HL7": (MESSAGE.replace(b"14.1", b"14\x001"), "file.binary", f"byte {MESSAGE.index(b'14.1') + 2}"),
    "executable": (b"ab\x01\x02\x03", "file.binary", "byte 2"),
    "prose": (b"Dear Doe,\nhere is a result.\n", "file.unknown-format", "byte 0"),
    "XML": (b"<?xml version='1.0'?>", "file.unknown-format", ""),
    "prose before MSH": (b"Dear all,\r" + MESSAGE, "file.unknown-format", "byte 0"),
    "a gene, no message": (b"MSH6 intact", "file.unknown-format", "byte 0"),
    "UTF-16 JSON with BOM": (json.dumps(report()).encode("utf-16"), "file.encoding", "byte 0"),
    "UTF-16 BE JSON": (json.dumps(report()).encode("utf-16-be"), "file.encoding", "byte 0"),
    "UTF-16 LE HL7": (MESSAGE.decode().encode("utf-16-le"), "file.encoding", "byte 0"),
    "UTF-32 JSON": (json.dumps(report()).encode("utf-32"), "file.encoding", "byte 0"),
    "UTF-32 BE JSON": (json.dumps(report()).encode("utf-32-be"), "file.encoding", "byte 0"),
}


@pytest.mark.parametrize(("data", "code", "place"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_by_name(data, code, place):
    with pytest.raises(FileError) as caught:
        read(data)
    assert (caught.value.code, caught.value.findings[0].place) == (code, place)
    assert caught.value.findings[0].hint
    assert "Doe" not in str(caught.value)


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b"PK\x03\x04\x14\x00....xl/workbook.xml", "a", "an Excel workbook"),
        (b"PK\x03\x04\x14\x00....xl/workbook.bin", "a", "an Excel workbook"),
        (b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK", "a", "an OpenDocument spreadsheet"),
        (b"PK\x03\x04\x14\x00", "Results.XLSX", "an Excel workbook"),
        (b"PK\x03\x04\x14\x00", "a.ods", "an OpenDocument spreadsheet"),
        (OLD_OFFICE + "Root Entry Workbook".encode("utf-16-le"), "a", "an Excel workbook"),
        (OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "a workbook or document with a password"),
        (OLD_OFFICE, "a.xls", "an Excel workbook"),
        (OLD_OFFICE, "a.doc", "an old Office document, such as a workbook"),
        (b'<html xmlns:x="urn:schemas-microsoft-com:office:excel"><table>', "a.html", "an Excel workbook"),
        (b"<?xml?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>", "a.xml", "an Excel workbook"),
        (b"<html><table>", "a.xls", "an Excel workbook"),
        (b"\x09\x08\x10\x00\x00\x06\x05\x00", "a.xls", "an Excel workbook"),
    ],
)
def test_a_workbook_is_called_that_by_its_content_or_its_name(data, name, what):
    with pytest.raises(FileError) as caught:
        read(data, name)
    assert caught.value.code == "file.workbook"
    assert f"The file is {what}" in caught.value.text
    assert caught.value.hint == "Save it as CSV (UTF-8), and drop that."


def test_a_table_named_as_a_workbook_is_read_and_an_empty_one_is_no_workbook():
    assert len(read(b"patient_id\taccession\tcode\tvalue\nP1\tA1\tK\t5\n", "a.xls").items) == 1
    with pytest.raises(FileError, match="NUL bytes"):
        read(b"\0" * 4096, "a.xlsx")


def test_utf16_is_called_by_its_name():
    with pytest.raises(FileError, match="UTF-16"):
        read(json.dumps(report()).encode("utf-16"))


@pytest.mark.parametrize("lead", [b"", BOM, b"\r\n\r\n  ", BOM + b"\n"])
def test_leading_bom_and_blank_lines(lead):
    assert isinstance(only(lead + dump(report())), ReportItem)
    assert only(lead + MESSAGE).body == MESSAGE


def test_kinds():
    one = dump(report())
    assert read(one).kind == read(b"[" + one + b"]").kind == "json"
    assert read(one + b"\n" + one).kind == "ndjson"
    assert read(MESSAGE).kind == "hl7"


def test_attachment_paths_are_named_once_in_order():
    order = report()["orders"][0] | {"attachments": [{"path": "b.pdf"}, {"path": "a.pdf"}, {"path": "b.pdf"}]}
    assert attachment_paths(only(dump(report(orders=[order]))).report) == ["b.pdf", "a.pdf"]


_SEEDS = st.sampled_from(
    [dump(report()), MESSAGE, b"\x0b" + MESSAGE + b"\x1c\r", dump([report()]), dump(report()) * 2]
)
_SPLICES = st.sampled_from(
    [b"\x0b", b"\x1c\r", b"\r", b"\n", b"MSH|", b"BTS|9\r", b'"', b"\\ud800", b"\xff", b"{", b"[" * 3000, b"null",
     b"1" * 5000, b"-0", b"1e999", BOM, b"FHS|^~\\&\r", b"|", b":", b","]
)  # fmt: skip


@st.composite
def _broken_files(draw):
    data = draw(_SEEDS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        upto = draw(st.one_of(st.just(at), st.integers(at, min(len(data), at + 20))))
        data = data[:at] + draw(_SPLICES) + data[upto:]
    return data


@examples(300)
@given(
    st.one_of(st.binary(max_size=60), _broken_files(), st.text('[]{}",:0-1e.nul \n\\', max_size=30).map(str.encode))
)
def test_whatever_the_bytes_nothing_but_a_file_error(data):
    try:
        reading = read(data)
    except FileError as error:
        findings = error.findings
    else:
        assert reading.items
        findings = [f for item in reading.items if isinstance(item, BadItem) for f in item.findings]
    assert not any("Secretfamily" in f.line() or "0012345" in f.line() or "4781203" in f.line() for f in findings)


@pytest.mark.long
@examples(60)
@given(reports(with_attachments=True), st.booleans(), st.sampled_from([None, 1]))
def test_a_report_comes_back_as_it_was_written(wanted, ascii_only, indent):
    text = json.dumps(msgspec.to_builtins(wanted), ensure_ascii=ascii_only, indent=indent)
    item = only(text.encode())
    (held,), _ = Guard(Inputs().words_for_nothing).hold([ReportItem("", wanted, b"")])
    assert type(item) is type(held)
    if isinstance(item, ReportItem):
        assert item.report == held.report


def test_a_ready_message_is_a_ready_item():
    assert isinstance(only(MESSAGE), ReadyItem)


@pytest.mark.parametrize(
    ("control_id", "version", "remarked"),
    [("A" * 20, "2.5.1", False), ("A" * 21, "2.5.1", True), ("A" * 36, "2.3", True), ("A" * 36, "2.7", False)],
)
def test_fault_76_a_control_id_longer_than_its_version_has_is_remarked(control_id, version, remarked):
    body = f"MSH|^~\\&|L|L|H|H|20260801||ORU^R01|{control_id}|P|{version}\rOBR|1||F1|X\rOBX|1|NM|K||4\r".encode()
    (item,) = read(body).items
    assert isinstance(item, ReadyItem)
    found = [(each.code, each.field) for each in item.remarks if each.code != "hl7.no-status"]
    assert found == ([("hl7.control-id-long", "MSH-10")] if remarked else [])
