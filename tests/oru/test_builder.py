"""What becomes of a report: typing, status, times, findings, and that nothing but FileError comes out."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.strategies import reports

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError, LabSenderError
from lab_sender.oru import Builder
from lab_sender.report.model import Attachment, Coded, Phone, Report, Specimen

BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def report(*results, **order):
    """Return a small report with these results (dicts without `test`) in one order."""
    return msgspec.convert(
        {
            "patient": {"ids": [{"id": "1"}], "name": {"family": "A"}},
            "orders": [
                {
                    "filler": "F1",
                    "test": {"code": "P"},
                    "collected": "2024",
                    "reported": "2024",
                    "results": [{"test": {"code": f"T{n}"}} | one for n, one in enumerate(results)],
                }
                | order,
            ],
        },
        Report,
    )


def build(given, builder=BUILDER, attachments=None):
    return builder.build(given, control_id="C1", now=NOW, attachments=attachments or {})


def segments(given, name, builder=BUILDER, attachments=None):
    lines = build(given, builder, attachments).body.decode().split("\r")
    return [line.split("|") for line in lines if line.startswith(name)]


def refused(given, builder=BUILDER, attachments=None):
    with pytest.raises(FileError) as caught:
        build(given, builder, attachments)
    return [(f.code, f.place, f.field) for f in caught.value.findings if f.severity == "error"]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("14.10", "NM", "14.10"),
        ("007", "NM", "007"),
        ("+5", "NM", "+5"),
        (" 5 ", "NM", "5"),
        (3, "NM", "3"),
        (0.1, "NM", "0.1"),
        ("1.50E3", "ST", "1.50E3"),
        ("10E5", "ST", "10E5"),
        (1e-7, "NM", "0.0000001"),
        ("1e999", "ST", "1e999"),
        ("<5", "SN", "<^5"),
        (">= 100.0", "SN", ">=^100.0"),
        ("1:128", "SN", "^1^:^128"),
        (">1:1280", "SN", ">^1^:^1280"),
        ("2+", "SN", "^2^+"),
        ("12:30", "ST", "12:30"),
        ("10-20", "ST", "10-20"),
        ("5,2", "ST", "5,2"),
        ("\u0665", "ST", "\u0665"),
        ("NaN", "ST", "NaN"),
        ("+++", "ST", "+++"),
        ("2024-08-19", "ST", "2024-08-19"),
        ("a\r\nb\nc", "FT", "a\\.br\\b\\.br\\c"),
        ("x" * 199, "ST", "x" * 199),
        ("x" * 200, "TX", "x" * 200),
        ({"code": "A"}, "CWE", "A"),
        ({"code": "A", "text": "b", "original": "c"}, "CWE", "A^b^^^^^^^c"),
        ({"cmp": "<", "n1": "5"}, "SN", "<^5"),
        ({"pointer": "p", "application": "PACS|1.2"}, "RP", "p^PACS&1.2&ISO"),
        ({"data": "QQ==", "type": "text", "subtype": "plain"}, "ED", "^text^plain^Base64^QQ=="),
        (["1", "2.0"], "NM", "1~2.0"),
        (["1", "<2"], "ST", "1~<2"),
        (["a", "b\nc"], "FT", "a~b\\.br\\c"),
        ([{"code": "A"}, "free"], "CWE", "A~^free"),
    ],
)
def test_automatic_type(value, kind, text):
    row = segments(report({"value": value}), "OBX")[0]
    assert (row[2], row[5]) == (kind, text)


@pytest.mark.parametrize(
    ("type_", "value", "kind", "text"),
    [
        ("NM", ".5", "NM", ".5"),
        ("SN", "5", "SN", "^5"),
        ("SN", "12:30", "SN", "^12^:^30"),
        ("ST", 5, "ST", "5"),
        ("ST", "a\nb", "ST", "a\\X0A\\b"),
        ("CE", {"code": "A"}, "CE", "A"),
        ("CWE", "text", "CWE", "^text"),
        ("DT", "2024-08-19", "DT", "20240819"),
        ("TM", "09:30:00.25+01:00", "TM", "093000.25+0100"),
        ("DTM", "2024-08-19T09:30Z", "TS", "202408190930+0000"),
        ("NA", ["1", "2.5"], "NA", "1^2.5"),
        ("NA", [["1", "2"], ["3"]], "NA", "1^2~3"),
        ("RP", "file:///x", "RP", "file:///x"),
    ],
)
def test_stated_type(type_, value, kind, text):
    row = segments(report({"type": type_, "value": value}), "OBX")[0]
    assert (row[2], row[5]) == (kind, text)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"type": "NM", "value": "5,2"}, "value.not-a-number"),
        ({"type": "NM", "value": "\u0665"}, "value.not-a-number"),
        ({"type": "SN", "value": "abc"}, "value.structured"),
        ({"value": {"cmp": "~", "n1": "5"}}, "value.structured"),
        ({"type": "CE", "value": {"code": "A", "original": "x"}}, "version.no-place"),
        ({"type": "DT", "value": "2024-08-19T10:00"}, "time.not-a-date"),
        ({"type": "DT", "value": "2023-02-29"}, "time.impossible"),
        ({"type": "TM", "value": "24:00"}, "time.impossible"),
        ({"type": "TS", "value": "19.8.2024"}, "time.syntax"),
        ({"value": {"data": "%%", "type": "a", "subtype": "b"}}, "value.base64"),
        ({"value": {"data": "QQ==", "type": "a", "subtype": "b", "encoding": "zip"}}, "value.encoding"),
        ({"value": {"code": ["x"]}}, "value.shape"),
        ({"value": {"code": ""}}, "value.empty"),
        ({"value": {}}, "value.shape"),
        ({"value": True}, "value.shape"),
        ({"value": [[1]]}, "value.shape"),
        ({"value": math.inf}, "value.shape"),
        ({"value": 10**5000}, "value.shape"),
        ({"value": ["a", None]}, "value.empty"),
        ({"value": [{"code": "A"}, {"n1": "5"}]}, "value.shape"),
        ({"value": None}, "value.missing"),
        ({"value": "  "}, "value.missing"),
        ({"value": "1", "range": {"low": ["x"]}}, "range.limit"),
        ({"value": "1", "status": "bogus"}, "status.unknown"),
        ({"value": "1", "observed": "2024-13-01"}, "time.impossible"),
        ({"value": "1", "observed": "2024-01-01T10:00+25:00"}, "time.zone"),
    ],
)
def test_a_wrong_value_is_one_finding_at_its_place(result, code):
    found = refused(report({"value": "1"}, result))
    assert [finding[0] for finding in found] == [code]
    assert found[0][1].startswith("orders[0].results[1].")
    assert found[0][2].startswith("OBX[2]-")


def test_every_finding_at_once():
    wrong = report({"value": {}}, {"value": "1", "observed": "never"}, filler="", status="bogus")
    wrong.patient.ids.clear()
    wrong.patient.sex = "V"
    wrong.orders[0].results[1].test = Coded()
    wrong.orders[0].specimens.append(Specimen(id="S"))
    wrong.orders[0].attachments.append(Attachment("gone.pdf"))
    assert sorted(refused(wrong)) == sorted(
        [
            ("patient.id", "patient.ids", "PID-3"),
            ("patient.sex", "patient.sex", "PID-8"),
            ("order.number", "orders[0].filler", "OBR[1]-3"),
            ("status.unknown", "orders[0].status", "OBR[1]-25"),
            ("value.shape", "orders[0].results[0].value", "OBX[1]-5"),
            ("status.unknown", "orders[0].results[0].status", "OBX[1]-11"),
            ("field.required", "orders[0].results[1].test", "OBX[2]-3"),
            ("time.syntax", "orders[0].results[1].observed", "OBX[2]-14"),
            ("status.unknown", "orders[0].results[1].status", "OBX[2]-11"),
            ("attachment.missing", "orders[0].attachments[0].path", "OBX[3]-5"),
            ("status.unknown", "orders[0].attachments[0].status", "OBX[3]-11"),
            ("specimen.type", "orders[0].specimens[0].type", "SPM[1]-4"),
        ]
    )


def test_a_report_without_orders():
    empty = report()
    empty.orders.clear()
    assert refused(empty) == [("structure.order", "orders", "")]


@pytest.mark.parametrize(
    ("order", "results", "obr", "obx"),
    [
        ("final", ["", ""], "F", ["F", "F"]),
        ("", ["F"], "F", ["F"]),
        ("final", ["F", "C"], "C", ["F", "C"]),
        ("final", ["F", "P"], "P", ["F", "P"]),
        ("final", ["X", "X"], "X", ["X", "X"]),
        ("final", ["F", "X"], "F", ["F", "X"]),
        ("corrected", ["", "F"], "C", ["C", "F"]),
        ("preliminary", ["F"], "P", ["F"]),
        ("partial", ["F", ""], "A", ["F", "P"]),
        ("final", ["D"], "C", ["D"]),
        ("F", ["wrong"], "C", ["W"]),
        ("cancelled", [""], "X", ["X"]),
        ("Corrected", ["f"], "C", ["F"]),
    ],
)
def test_status(order, results, obr, obx):
    given = report(
        *[{"value": None if one in ("X", "D", "wrong", "") else "1", "status": one} for one in results], status=order
    )
    for result in given.orders[0].results:
        if result.status == "" and order not in ("cancelled",):
            result.value = "1"
    assert [row[25] for row in segments(given, "OBR")] == [obr]
    assert [row[11] for row in segments(given, "OBX")] == obx


def test_a_cancelled_order_reports_no_result():
    assert refused(report({"value": "1", "status": "F"}, status="cancelled")) == [
        ("status.disagree", "orders[0].status", "OBR[1]-25")
    ]
    assert segments(report(status="cancelled"), "OBX") == []
    assert refused(report()) == [("order.empty", "orders[0].results", "OBR[1]-25")]


def test_a_cancelled_order_may_go_without_results():
    alone = Builder(builtin(corrections={"cancelled": "order-only"}))
    given = report({"notes": ["Haemolysed"]}, status="cancelled")
    assert segments(given, "OBX", alone) == []
    assert [row[1:] for row in segments(given, "NTE", alone)] == [["1", "L", "T0: Haemolysed"]]
    assert len(segments(report({"value": "1"}), "OBX", alone)) == 1
    found = refused(report({"value": "1"}, status="cancelled", attachments=[{"path": "a"}]), alone)
    assert [one[0] for one in found] == ["value.cancelled", "attachment.cancelled"]


def test_the_header_is_the_sites():
    names = {"version_id": "2.4^AUS", "message_type": "ORU^R01^ORU_R01"}
    site = builtin(version="2.4", msh18="empty", delimiters="^~\\&#", **names)
    row = segments(report({"value": "1", "unit": "#"}), "MSH", Builder(site))[0]
    assert (row[1], row[8], row[11], len(row)) == ("^~\\&#", "ORU^R01^ORU_R01", "2.4^AUS", 12)
    assert segments(report({"value": "1", "unit": "#"}), "OBX", Builder(site))[0][6] == "\\P\\"
    assert segments(report({"value": "1"}), "SFT", Builder(site)) == []


def test_a_document_is_called_what_the_site_wants():
    site = Builder(builtin(attachments={"test": "DOC^Report^L"}))
    given = report(attachments=[{"path": "a.pdf"}])
    assert segments(given, "OBX", site, {"a.pdf": b"%PDF-1 %%EOF"})[0][3] == "DOC^Report^L"


def test_an_attachment_counts_in_the_status_of_its_order():
    given = report({"value": "1"}, attachments=[{"path": "a.pdf", "status": "corrected"}])
    assert segments(given, "OBR", attachments={"a.pdf": b"%PDF-1 %%EOF"})[0][25] == "C"


def test_warnings_do_not_block():
    given = report({"value": "1", "flags": ["ODD"]}, {"value": "2"}, collected="", reported="")
    given.orders[0].results[1].test = given.orders[0].results[0].test
    codes = [(f.code, f.field) for f in build(given).warnings]
    assert codes == [
        ("order.time", "OBR[1]-7"),
        ("order.time", "OBR[1]-22"),
        ("flag.unknown", "OBX[1]-8"),
        ("result.repeated", "OBX[2]-4"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (("K", "Potassium", "L"), ("K", "Sodium", "L"), True),  # one code for two tests: a slip in a table of codes
        (("K", "Potassium", "L"), ("K", "Potassium", "LN"), False),
        (("K", "Potassium", "L"), ("NA", "Potassium", "L"), False),
        (("", "Potassium", ""), ("", "Sodium", ""), False),
        (("", "Potassium", ""), ("", "Potassium", ""), True),
        (("K", "", ""), ("K", "Potassium", ""), True),
    ],
)
def test_a_test_stands_twice_by_its_code(first, second, same):
    given = report({"value": "1"}, {"value": "2"})
    for result, test in zip(given.orders[0].results, (first, second), strict=True):
        result.test = Coded(*test)
    assert ("result.repeated" in [one.code for one in build(given).warnings]) is same


@pytest.mark.parametrize(
    ("path", "mime", "data", "head"),
    [
        ("a.PDF", "", b"%PDF-1\n%%EOF", "^application^pdf^Base64^"),
        ("a", "", b"%PDF-1\n%%EOF", "^application^pdf^Base64^"),
        ("scan.jpg", "", b"\xff\xd8\xff", "^image^jpeg^Base64^"),
        ("x.bin", "", b"\x00", "^application^octet-stream^Base64^"),
        ("x.bin", "text/plain", b"hello", "^text^plain^Base64^"),
    ],
)
def test_attachment(path, mime, data, head):
    given = report({"value": "1"}, attachments=[{"path": path, "mime": mime}])
    row = segments(given, "OBX", attachments={path: data})[1]
    assert (row[1], row[2], row[11]) == ("2", "ED", "F")
    assert row[5] == head + base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("mime", "data", "code"),
    [
        ("", b"", "attachment.empty"),
        ("", b"<html>", "attachment.not-pdf"),
        ("pdf", b"%PDF-1", "attachment.mime"),
        ("a\x00/b", b"x", "text.control"),
    ],
)
def test_an_attachment_that_is_not_what_it_should_be(mime, data, code):
    given = report({"value": "1"}, attachments=[{"path": "a.pdf", "mime": mime}])
    assert [found[0] for found in refused(given, attachments={"a.pdf": data})] == [code]


def test_pdf_of_some_size():
    data = b"%PDF-" + bytes(range(256)) * 8192 + b"%%EOF"
    given = report(attachments=[{"path": "a.pdf"}])
    row = segments(given, "OBX", attachments={"a.pdf": data})[0]
    assert base64.b64decode(row[5].split("^")[4]) == data


def test_site_time_zone_is_for_times_without_one():
    builder = Builder(builtin(time_zone="Europe/Dublin"))
    given = report(
        {"value": "1", "observed": "2024-08-19T09:30"},
        {"value": "1", "observed": "2024-01-19T09:30:00"},
        {"value": "1", "observed": "2024-08-19"},
        {"value": "1", "observed": "2024-08-19T09:30-05:00"},
        {"value": "1", "observed": "2024-08-19T09"},
        {"value": "1", "observed": "2024-10-27T01:30"},
    )
    assert [row[14] for row in segments(given, "OBX", builder)] == [
        "202408190930+0100",
        "20240119093000+0000",
        "20240819",
        "202408190930-0500",
        "2024081909+0100",
        "202410270130+0100",
    ]
    assert [(f.code, f.field) for f in build(given, builder).warnings] == [("time.inexact", "OBX[6]-14")]
    skipped = report({"value": "1", "observed": "2024-03-31T01:30"})
    assert refused(skipped, builder) == [("time.skipped", "orders[0].results[0].observed", "OBX[1]-14")]
    assert segments(skipped, "OBX")[0][14] == "202403310130"


def test_a_fraction_is_not_cut_in_silence():
    given = report({"value": "1", "observed": "2024-08-19T09:30:00.1234567Z"})
    assert segments(given, "OBX")[0][14] == "20240819093000.1234+0000"
    assert [f.code for f in build(given).warnings] == ["time.inexact"]


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        ({"version": "2.3.1", "profile_ids": ("A",)}, "profile.value"),
        ({"version": "2.4", "profile_ids": ("A^B^1.2^ISO",)}, "profile.value"),
        ({"version": "2.3", "version_id": "2.3^AUS"}, "profile.value"),
        ({"version": "2.3", "message_type": "ORU^R01^ORU_R01"}, "profile.value"),
        ({"version": "2.4", "specimen": "SPM"}, "profile.specimen"),
        ({"version": "2.7", "specimen": "both"}, "profile.specimen"),
        ({"version": "2.4", "timing": "TQ1"}, "profile.timing"),
        ({"version": "2.7", "timing": "OBR-27"}, "profile.timing"),
        ({"version": "2.4", "places": {"OBX-23": "OBX-24"}}, "profile.places"),
        ({"places": {"OBX-23": "OBX-20"}}, "profile.places"),
        ({"charset": "ASCII", "sending_facility": "Köln"}, "profile.charset"),
    ],
)
def test_a_profile_that_cannot_work(profile, code):
    with pytest.raises(LabSenderError) as caught:
        Builder(builtin(**profile))
    assert caught.value.code == code


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["code", "n1", "1e5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "text", "alt", "cmp", "n1", "sep", "data", "type", "pointer", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@pytest.mark.long
@examples(100)
@given(reports(with_attachments=True), JUNK, JUNK, st.text(max_size=12), st.randoms(use_true_random=False))
def test_nothing_but_a_file_error_comes_out(given, value, limit, text, random):
    """Spoil a good report at random: it is built or refused with findings, never anything else."""
    order = random.choice(given.orders)
    result = random.choice(order.results)
    result.value = value
    result.type = random.choice(
        ["auto", "NM", "SN", "ST", "TX", "CE", "CWE", "DT", "TM", "TS", "DTM", "ED", "RP", "NA"]
    )
    if not isinstance(result.range, str):
        result.range.low = limit
    for thing, key in [
        (order, "status"),
        (order, "collected"),
        (result, "status"),
        (given.patient, "sex"),
        (given.patient, "birth"),
        (order, "accession"),
        (given.patient, "account"),
    ]:
        if random.random() < 0.3:
            setattr(thing, key, text)
    try:
        body = build(given, attachments={one.path: b"%PDF-1 %%EOF" for one in order.attachments}).body
    except FileError:
        return
    assert body.endswith(b"\r")


@pytest.mark.long
@examples(25)
@given(reports())
def test_the_same_report_gives_the_same_bytes(given):
    assert build(given).body == build(given).body


@pytest.mark.parametrize(("kind", "found"), [("CP", []), ("FX", []), ("mobile", ["phone.type"])])
def test_a_phone_says_of_what_kind_it_is(kind, found):
    given = report({"value": "1"})
    given.patient.phones = [Phone("555", kind)]
    if found:
        assert refused(given) == [("phone.type", "patient.phones[0].type", "PID-13")]
    else:
        assert segments(given, "PID")[0][13].startswith(f"555^PRN^{kind}^")
