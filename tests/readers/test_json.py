"""lab-result/1: numbers keep their text, nothing is lost in silence, every fault is named where it is."""

from __future__ import annotations

import json

import pytest

from lab_sender.errors import FileError
from lab_sender.readers import BadItem, ReportItem, read
from readers.samples import codes, dump, only, report, with_result

# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    "number",
    ["0.10", "14", "0", "-0", "-0.0", "1E+400", "18446744073709551617", "123456789012345678901234567890"],
)
def test_numbers_keep_their_text(number):
    raw = dump(with_result(value=1, range={"low": 2, "high": 3})).decode()
    raw = raw.replace('"value": 1', f'"value": {number}').replace('"low": 2', f'"low": {number}')
    result = only(raw.encode()).report.orders[0].results[0]
    assert (result.value, result.range.low, result.range.high) == (number, number, "3")


@pytest.mark.parametrize("value", ["1e5", "-0"])
def test_an_exponent_is_written_out_where_it_is_a_number_and_kept_where_it_is_a_text(value):
    number, text = only(dump(with_result(value=1)).replace(b'"value": 1', f'"value": {value}'.encode())), None
    assert number.report.orders[0].results[0].value == {"1e5": "100000", "-0": "-0"}[value]
    text = only(dump(with_result(value=value)))
    assert text.report.orders[0].results[0].value == value


def test_numbers_keep_their_text_inside_values():
    raw = (
        dump(with_result(value=[{"cmp": "<", "n1": 7, "sep": None}, 8]))
        .replace(b" 7", b" 5.0")
        .replace(b" 8", b" -0")
    )
    assert only(raw).report.orders[0].results[0].value == [{"cmp": "<", "n1": "5.0"}, "-0"]


def test_a_number_is_no_identifier():
    """12345 may have been 0012345 before some program took it for a number."""
    item = only(dump(report(patient={"ids": [{"id": 12345}]})))
    assert codes(item) == {"patient.ids[0].id": "json.type"}
    assert "12345" not in item.findings[0].line()


# --------------------------------------------------------------- structure


def test_null_is_no_statement():
    given = report(
        id=None, visit=None, notes=None, patient={"ids": [{"id": "1", "type": None}], "name": None, "birth": None}
    )
    item = only(dump(given))
    assert isinstance(item, ReportItem)
    assert item.report == only(dump(report(patient={"ids": [{"id": "1"}]}))).report


def test_every_fault_of_a_report_is_named():
    given = report(pateint={}, id=7)
    given["patient"]["ids"].append({"typ": "MR"})
    given["orders"][0]["results"][1] |= {"valeu": "Secretvalue", "type": "Secrettype", "flags": "H"}
    item = only(dump(given))
    assert codes(item) == {
        "pateint": "json.unknown-key",
        "id": "json.type",
        "patient.ids[1].typ": "json.unknown-key",
        "patient.ids[1].id": "json.missing",
        "orders[0].results[1].valeu": "json.unknown-key",
        "orders[0].results[1].type": "json.choice",
        "orders[0].results[1].flags": "json.type",
    }
    hints = {finding.place: finding.hint for finding in item.findings}
    assert hints["pateint"] == "Did you mean patient?"
    assert hints["orders[0].results[1].valeu"] == "Did you mean value?"
    assert not any("Secret" in finding.line() for finding in item.findings)


def test_a_key_that_is_data_is_not_repeated():
    item = only(dump(report(patient={"Secret name, Jane": {}})))
    assert "Secret" not in item.findings[0].line()
    assert item.findings[0].place == "patient.?"


def _order(**changes):
    order = {**report()["orders"][0], **changes}
    return report(orders=[{key: value for key, value in order.items() if value is not ...}])


RULES = {
    "no patient": (report(patient={}), {"patient": "json.missing"}),
    "empty id": (
        report(patient={"ids": [{"id": ""}], "name": {"given": "J"}}),
        {"patient.ids[0].id": "json.missing"},
    ),
    "no order": (report(orders=[]), {"orders": "json.missing"}),
    "no filler": (_order(filler=...), {"orders[0].filler": "json.missing"}),
    "filler of no id": (_order(filler={"id": ""}), {"orders[0].filler": "json.missing"}),
    "two numbers": (_order(accession="F2"), {"orders[0].accession": "json.conflict"}),
    "no results": (_order(results=[]), {"orders[0].results": "json.missing"}),
    "later schema": (report(schema="lab-result/2"), {"schema": "json.schema"}),
    "later schema, other keys": (report(schema="lab-result/2", new={}), {"schema": "json.schema"}),
    "another's": ({"resultType": "Bundle"}, {"resultType": "json.unknown-key", "patient": "json.missing",
                                             "orders": "json.missing"}),
}  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), RULES.values(), ids=RULES.keys())
def test_rules(given, wanted):
    assert codes(only(dump(given))) == wanted


def test_accession_does_for_filler():
    assert isinstance(only(dump(_order(filler=..., accession="A1"))), ReportItem)
    assert isinstance(only(dump(_order(filler="A1|LAB", accession="A1"))), ReportItem)


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../x.pdf", "a/b.pdf", "/etc/passwd", "C:\\x.pdf", "a\\b.pdf", "c:x.pdf", ".hidden", "~$x.pdf",
     "NUL", "com1.pdf", "x.pdf ", "x.", "a\x00b", "x" * 300 + ".pdf", "ü" * 130],
)  # fmt: skip
def test_attachments_are_plain_names(path):
    given = _order(attachments=[{"path": path}])
    assert codes(only(dump(given))) == {"orders[0].attachments[0].path": "json.attachment-path"}


@pytest.mark.parametrize("path", ["F1.pdf", "Befund für Müller.pdf", "a..b", "console.pdf", "x (1).PDF"])
def test_good_attachment_names(path):
    assert isinstance(only(dump(_order(attachments=[{"path": path}]))), ReportItem)


# ----------------------------------------------------------- keys that stand twice

_TWICE = '"results": [{"test": {"code": "1"}, "value": "Secretvalue"}], "results": ['


@pytest.mark.parametrize(
    "trick",
    [
        lambda raw: raw,
        lambda raw: raw.replace('"g/dL"', r'"g\u003adL"'),  # a hidden colon that evens out the count
        lambda raw: raw.replace('"g/dL"', '"\\":\\":"'),
        lambda raw: raw.replace('"results": [{"test": {"code": "1"}', '"resu\\u006cts" : [{"test": {"code": "1"}'),
        lambda raw: raw.replace(": ", " \t:\n "),
    ],
)
def test_a_key_that_stands_twice_is_refused(trick):
    raw = trick(dump(report()).decode().replace('"results": [', _TWICE))
    item = only(raw.encode())
    assert codes(item) == {"orders[0].results": "json.duplicate-key"}
    assert "Secret" not in item.findings[0].line()


def test_twice_in_a_value_that_stays_a_plain_object():
    raw = dump(with_result(value={"code": "260385009"})).replace(
        b'"code": "260385009"', b'"code": "260385009", "code": "10828004"'
    )
    assert codes(only(raw)) == {"orders[0].results[0].value.code": "json.duplicate-key"}


def test_colons_and_quotes_in_text_are_no_keys():
    given = report(notes=['a":"b', "x : y", '\\u003a " : ', "ü:"])
    assert only(dump(given)).report.notes == given["notes"]


# ---------------------------------------------------------- several reports


def test_one_bad_report_of_an_array_does_not_hold_the_others():
    reading = read(dump([report(), report(orders=[]), 7, report()]))
    assert [type(item) for item in reading.items] == [ReportItem, BadItem, BadItem, ReportItem]
    assert [item.place for item in reading.items] == ["[0]", "[1]", "[2]", "[3]"]
    assert codes(reading.items[1]) == {"[1].orders": "json.missing"}
    assert codes(reading.items[2]) == {"[2]": "json.type"}


def test_one_bad_line_of_ndjson_does_not_hold_the_others():
    good = dump(report())
    reading = read(b"\r\n".join([good, b"", good[:-5], dump(report(x=1)), good, b'{"x": 1, "y"']))
    assert [item.place for item in reading.items] == ["line 1", "line 3", "line 4", "line 5", "line 6"]
    assert [type(item) for item in reading.items] == [ReportItem, BadItem, BadItem, ReportItem, BadItem]
    assert codes(reading.items[1]) == {"line 3": "json.syntax"}
    assert codes(reading.items[2]) == {"line 4.x": "json.unknown-key"}
    assert codes(reading.items[4]) == {"line 6": "json.syntax"}


def test_an_array_of_nothing():
    with pytest.raises(FileError, match=r"json\.no-report"):
        read(b"[]")


# ------------------------------------------------------------------- digest


def test_the_digest_is_of_what_is_said():
    compact = json.dumps(report(), separators=(",", ":")).encode()
    assert only(compact).digest == only(json.dumps(report(), indent=2).encode()).digest
    assert only(compact).digest == read(b"[" + compact + b"]").items[0].digest
    numbers = [
        only(dump(with_result(value=7)).replace(b" 7", digits)).digest for digits in (b"0.1", b"0.10", b"0.100")
    ]
    assert len(set(numbers)) == 3


# ------------------------------------------------------------- whole files

BROKEN = {
    "cut off": (dump(report())[:-3], "json.syntax", f"line 1, column {len(dump(report())[:-3]) + 1}"),
    "trailing comma": (b'{\n "orders": [\n  1,\n ]\n}', "json.syntax", "line 4, column 2"),
    "two values": (b'{"orders": []} 7', "json.syntax", ""),
    "not JSON after a schema fault": (b'{"x": 1,\n "y" 2}', "json.syntax", "line 2, column 6"),
    "half a surrogate pair": (dump(report(notes=["x"])).replace(b'"x"', b'"\\ud800"'), "json.surrogate", ""),
    "half of one in an array": (
        b"[" + dump(report(id="x")).replace(b'"x"', b'"\\udc00"') + b"]", "json.surrogate", ""
    ),
    "too deep": (b'{"x":' * 50_000, "json.too-deep", ""),
    "too deep an array": (b"[" * 50_000, "json.too-deep", ""),
    "Latin-1": ('{\n"notes": ["Bär"]}'.encode("latin-1"), "file.encoding", "line 2, column 13"),
    "Latin-1 in an array": ('[{"notes": ["Bär"]}]'.encode("latin-1"), "file.encoding", "line 1, column 15"),
    "Latin-1 in NDJSON": (dump(report()) + b'\n{"notes": ["B\xe4r"]}', "file.encoding", "line 2, column 14"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "code", "place"), BROKEN.values(), ids=BROKEN.keys())
def test_files_that_are_no_json(data, code, place):
    try:
        findings = [f for item in read(data).items if isinstance(item, BadItem) for f in item.findings]
    except FileError as error:
        findings = list(error.findings)
    assert findings[0].code == code
    if place:
        assert findings[0].place == place
    assert not any("Secret" in finding.line() for finding in findings)


def test_an_absurd_number_is_refused():
    raw = dump(with_result(value=1)).replace(b'"value": 1', b'"value": ' + b"1" * 5000)
    assert isinstance(only(raw), BadItem)


@pytest.mark.parametrize("status", ["cancelled", "X", "ordered"])
def test_an_order_that_was_not_done_needs_no_results(status):
    order = {"filler": "F1", "test": {"code": "GLU"}, "status": status}
    (item,) = read(json.dumps({"patient": {"ids": [{"id": "1"}]}, "orders": [order]}).encode()).items
    assert isinstance(item, ReportItem)


def test_an_array_of_fhir_resources_is_called_that():
    (item,) = read(b'[{"resourceType": "Bundle"}]').items
    (unknown,) = [each for each in item.findings if each.code == "json.unknown-key"]
    assert "FHIR is read from a Bundle" in unknown.hint
