"""ASTM E1394 / LIS2-A2: frames, delimiters, records; what an analyzer says and what it leaves open."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.errors import FileError
from lab_sender.readers import AstmInput, BadItem, Inputs, ReportItem, read
from readers.samples import codes

RECORDS = [
    rb"H|\^&|||XN-550^00-24^22723||||||||E1394-97|20240627135500",
    b"P|1|PAT7731942|LAB2||Zwiebelmayer^Gundelinde^M||19870626|F",
    b"C|1|L|Fasting|G",
    b"O|1|S1^3^7||^^^CBC|S|20240627|20240627131500||||N|||20240627132000|Blood|||||||20240627135500|||F",
    b"R|1|^^^WBC^1|8.130|10*3/uL|4.0-11.0|N||F||op||20240627135407|XN-550",
    b"C|1|I|verified|G",
    b"C|2|I||G",
    rb"R|2|^^^HGB^1|<2|g/dL|13 TO 17|L\A||F||||20240627135407",
    b"L|1|N",
]
PLAIN = b"\r".join(RECORDS) + b"\r"


def framed(*records: bytes, size: int = 240, start: int = 1) -> bytes:
    """Records as they go over a line (E1381): one to a frame, long ones split by ETB."""
    parts = []
    for record in records:
        text = record + b"\r"
        pieces = [text[n : n + size] for n in range(0, len(text), size)]
        parts += [(piece, b"\x03" if n == len(pieces) - 1 else b"\x17") for n, piece in enumerate(pieces)]
    frames = b""
    for number, (piece, end) in enumerate(parts, start):
        inside = b"%d" % (number % 8) + piece + end
        frames += b"\x02" + inside + b"%02X\r\n" % (sum(inside) % 256)
    return b"\x05" + frames + b"\x04"


def with_record(number: int, record: bytes) -> bytes:
    return b"\r".join([*RECORDS[:number], record, *RECORDS[number + 1 :]]) + b"\r"


def astm(data: bytes, **settings: object):
    reading = read(data, "", Inputs(astm=AstmInput(**settings)))
    assert reading.kind == "astm"
    return reading.items


def one(data: bytes, **settings: object):
    (item,) = astm(data, **settings)
    assert isinstance(item, ReportItem), item
    return item.report


def refused(data: bytes, **settings: object) -> tuple[str, str]:
    with pytest.raises(FileError) as caught:
        astm(data, **settings)
    return caught.value.code, caught.value.findings[0].place


# ------------------------------------------------------------------ what is said


def test_every_field_has_its_place():
    report = one(PLAIN)
    patient = report.patient
    assert [each.id for each in patient.ids] == ["PAT7731942", "LAB2"]
    assert (patient.name.family, patient.name.given, patient.name.middle) == ("Zwiebelmayer", "Gundelinde", "M")
    assert (patient.birth, patient.sex, patient.notes) == ("1987-06-26", "F", ["Fasting"])
    (order,) = report.orders
    assert (order.filler.id, order.test.code, order.test.system, order.status) == ("S1", "CBC", "L", "final")
    assert (order.priority, order.requested, order.collected) == ("S", "2024-06-27", "2024-06-27T13:15:00")
    assert (order.received, order.reported) == ("2024-06-27T13:20:00", "2024-06-27T13:55:00")
    assert [(each.id, each.type) for each in order.specimens] == [("S1", "Blood")]
    assert one(with_record(3, b"O|1|S1||^^^CBC")).orders[0].specimens == []  # SPM cannot stand without a type
    wbc, hgb = order.results
    assert (wbc.test.code, wbc.test.system, wbc.value, wbc.unit) == ("WBC", "L", "8.130", "10*3/uL")
    assert (wbc.range, wbc.flags, wbc.status, wbc.analysed) == ("4.0-11.0", ["N"], "F", "2024-06-27T13:54:07")
    assert (wbc.device, wbc.notes) == ("XN-550", ["verified"])
    assert (hgb.value, hgb.range, hgb.flags, hgb.sub_id) == ("<2", "13 TO 17", ["L", "A"], "")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"])
def test_line_ends_and_lead_do_not_matter(end):
    data = end + PLAIN.replace(b"\r", end)
    assert one(data) == one(PLAIN)
    assert astm(data)[0].digest == astm(PLAIN)[0].digest


@pytest.mark.parametrize("size", [240, 20, 7])
def test_frames_come_off(size):
    assert one(framed(*RECORDS, size=size)) == one(PLAIN)


def test_all_records_in_one_frame_and_two_messages_in_a_file():
    inside = b"1" + PLAIN + b"\x03"
    assert one(b"\x02" + inside + b"%02x\r\n" % (sum(inside) % 256)) == one(PLAIN)
    twice = framed(*RECORDS) + framed(*(each.replace(b"|S1^", b"|S2^") for each in RECORDS))
    assert [item.report.orders[0].filler.id for item in astm(twice)] == ["S1", "S2"]
    assert [item.place for item in astm(twice)] == ["record 2", "record 11"]
    without_line_bytes = twice.replace(b"\x04\x05", b"")
    assert len(astm(without_line_bytes)) == 2


def test_a_frame_sent_twice_is_one():
    data = framed(*RECORDS)
    second = data.index(b"\x022")
    third = data.index(b"\x023")
    assert one(data[:third] + data[second:third] + data[third:]) == one(PLAIN)


def test_own_delimiters_and_escapes():
    text = PLAIN.replace(b"\\", b"@").replace(b"&", b"\\")
    assert one(text) == one(PLAIN)
    escaped = with_record(4, rb"R|1|^^^WBC|a&F&b&S&c&R&d&E&e&X41&&H&f&N& & g|&")
    assert one(escaped).orders[0].results[0].value == r"a|b^c\d&eAf & g"


def test_values_as_they_stand():
    def value(raw: bytes):
        return one(with_record(4, b"R|1|^^^WBC|" + raw + b"|||A||F")).orders[0].results[0].value

    assert value(b"0.10") == "0.10"
    assert value(b"NOT DETECTED^") == "NOT DETECTED"
    assert value(b"^24.7") == "24.7"
    assert value(rb"A\B") == ["A", "B"]
    assert value(b"PNG&R&1&R&WDF.PNG") == r"PNG\1\WDF.PNG"


@pytest.mark.parametrize(
    ("said", "status"), [("F", "F"), ("V", "F"), ("", ""), ("C", "C"), ("P", "P"), ("S", "P"), ("X", "X"), ("W", "R")]
)
def test_result_status(said, status):
    report = one(with_record(4, b"R|1|^^^WBC|1|||||" + said.encode()))
    assert report.orders[0].results[0].status == status


@pytest.mark.parametrize(
    ("report_type", "result", "status"),
    [("F", "P", "final"), ("C", "F", "corrected"), ("P", "F", "preliminary"), ("X", "X", "cancelled"),
     ("", "F", "final"), ("Q", "P", "preliminary"), ("", "C", "corrected"), ("", "W", "preliminary")],
)  # fmt: skip
def test_order_status(report_type, result, status):
    order = b"O|1|S1||^^^CBC" + b"|" * 21 + report_type.encode()
    lines = [RECORDS[0], RECORDS[1], order, b"R|1|^^^WBC|1|||||" + result.encode(), b"L|1"]
    assert one(b"\r".join(lines)).orders[0].status == status


def test_several_patients_and_orders():
    lines = [RECORDS[0], b"P|1|A", b"O|1|S1||^^^A", b"R|1|^^^A|1", b"O|2|S2||^^^B", b"R|1|^^^B|2",
             b"P|2|B", b"O|1|S3||^^^C", b"R|1|^^^C|3", b"L|1|N"]  # fmt: skip
    first, second = astm(b"\n".join(lines))
    assert [order.filler.id for order in first.report.orders] == ["S1", "S2"]
    assert (second.report.patient.ids[0].id, second.place) == ("B", "record 7")


def test_numbers_that_analyzers_give_their_own_way():
    """Orders counted over all patients; every record with the number 1; counted from 0."""
    lines = [RECORDS[0], b"P|1|A", b"O|1|S1||^^^A", b"R|1|^^^A|1", b"P|2|B", b"O|2|S2||^^^B", b"R|1|^^^B|2", b"L|1"]
    assert len(astm(b"\r".join(lines))) == 2
    ones = [RECORDS[0], b"P|1|A", b"O|1|S1||^^^A", b"R|1|^^^A|1", b"R|1|^^^B|1", b"P|1|B", b"O|1|S2||^^^B",
            b"R|1|^^^B|2", b"R|1|^^^C|2", b"L|1"]  # fmt: skip
    assert [len(item.report.orders[0].results) for item in astm(b"\r".join(ones))] == [2, 2]
    from_0 = [*ones[:3], b"R|0|^^^B|2", b"R|1|^^^C|2", b"L|1"]
    assert [len(item.report.orders[0].results) for item in astm(b"\r".join(from_0))] == [2]


def test_nothing_that_repeats_is_left_out():
    comment = with_record(5, rb"C|1|I|Haemolysed\Repeat it^soon|G")
    assert one(comment).orders[0].results[0].notes == ["Haemolysed; Repeat it soon"]
    assert codes(astm(with_record(4, rb"R|1|^^^WBC|1|||||F\W"))[0]) == {"record 5": "astm.status"}


def test_latin_letters():
    for raw in ("Müller".encode(), "Müller".encode("cp1252")):
        assert one(with_record(1, b"P|1|A|||" + raw)).patient.name.family == "Müller"
    assert refused(with_record(1, b"P|1|A|||M\x81ller"))[0] == "file.encoding"


# ------------------------------------------------------------------ what analyzers leave open


def test_no_patient_is_refused_or_taken_from_the_specimen():
    lines = [RECORDS[0], b"P|1||||^^|||U", b"O|1|S1||^^^A", b"R|1|^^^A|1", b"O|2|S2||^^^A", b"R|1|^^^A|2", b"L|1|N"]
    data = b"\r".join(lines)
    (bad,) = astm(data)
    assert codes(bad) == {"record 2": "astm.patient"}
    assert "patient_from" in bad.findings[0].hint
    items = astm(data, patient_from="specimen-id")  # two specimens without a patient are two patients
    assert [item.report.patient.ids[0].id for item in items] == ["S1", "S2"]
    assert [len(item.report.orders) for item in items] == [1, 1]
    without_p = b"\r".join([lines[0], *lines[2:]])
    assert len(astm(without_p, patient_from="specimen-id")) == 2
    assert isinstance(astm(without_p)[0], BadItem)


def test_the_specimen_where_the_site_says():
    data = with_record(3, rb"O|1||^^                    27^M|^^^^WBC\^^^^HGB")
    (bad,) = astm(data)
    assert [each.code for each in bad.findings] == ["astm.specimen", "astm.panel"]
    report = one(data, specimen_id=(4, 3), panel=("58410-2", "CBC", "LN"))
    assert (report.orders[0].filler.id, report.orders[0].test.code) == ("27", "58410-2")


def test_a_test_is_named_by_the_parts_that_tell_it_apart():
    lines = [*RECORDS[:4], b"R|1|^^^0021^B-hCG^F|1.2", b"R|2|^^^0021^B-hCG^I|NEGATIVE", b"L|1|N"]
    data = b"\r".join(lines)
    (bad,) = astm(data)
    assert codes(bad) == {"record 4": "astm.test-ambiguous"}
    results = one(data, test_parts=(4, 6)).orders[0].results
    assert [each.test.code for each in results] == ["0021-F", "0021-I"]
    no_code = with_record(4, b"R|1|^WBC^^|1")
    assert codes(astm(no_code)[0]) == {"record 5": "astm.test"}
    assert codes(astm(with_record(4, b"R|1|^^^WBC|1|||||N"))[0]) == {"record 5": "astm.status"}
    assert one(with_record(4, b"R|1|^^^^WBC^1|1"), tests_system="LN").orders[0].results[0].test.system == "LN"


def test_the_same_test_run_twice_is_told_apart():
    lines = [*RECORDS[:4], b"R|1|^^^A^1|1", b"R|2|^^^A^1|2", b"R|3|^^^B|3", b"L|1|N"]
    assert [each.sub_id for each in one(b"\r".join(lines)).orders[0].results] == ["1", "2", ""]


def test_what_the_site_does_not_want():
    lines = [*RECORDS[:4], b"R|1|^^^WBC|1", b"R|2|^^^SCAT_WDF|a.PNG", b"C|1|I|image", b"L|1|N"]
    (result,) = one(b"\r".join(lines), skip=("SCAT_*",)).orders[0].results
    assert (result.test.code, result.notes) == ("WBC", [])


def test_a_judgement_without_a_value_is_as_the_site_says():
    data = b"\r".join([*RECORDS[:4], b"R|1|^^^WBC|1", b"R|2|^^^Anemia||||A||F", b"R|3|^^^RBC||||||X", b"L|1|N"])
    (bad,) = astm(data)
    assert codes(bad) == {"record 6": "astm.value"}
    assert [each.value for each in one(data, no_value="flag").orders[0].results] == ["1", "A", None]
    assert [each.test.code for each in one(data, no_value="skip").orders[0].results] == ["WBC", "RBC"]


CONTROL = [b"P|2", b"O|1|QC1||^^^CBC|||||||Q", b"R|1|^^^WBC|1"]


def test_control_specimens_are_no_patients():
    assert one(b"\r".join([*RECORDS[:-1], *CONTROL, RECORDS[-1]])) == one(PLAIN)
    only = [RECORDS[0], *CONTROL, RECORDS[-1]]
    assert refused(b"\r".join(only))[0] == "astm.quality-control"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\r".join([*RECORDS[:-1], *CONTROL, RECORDS[-1]]), ("1 message or order of", "record 10")),
        (
            b"\r".join([*RECORDS[:-1], *CONTROL, b"P|3", *CONTROL[1:], RECORDS[-1]]),
            ("2 messages or orders of", "record 10"),
        ),
        (PLAIN + PLAIN.replace(b"||E1394", b"|Q|E1394"), ("1 message or order of", "record 10")),
    ],
)
def test_control_specimens_beside_patients_are_told(data, told):
    """A patient's order that was marked so by mistake would else be gone without a word."""
    (remark,) = [each for each in read(data).remarks if each.code == "astm.quality-control"]
    assert remark.text.startswith(told[0])
    assert remark.place == told[1]


def test_a_name_alone_says_not_whose_the_result_is():
    """A message without a patient's number cannot be built: what helps is told at once."""
    (bad,) = astm(with_record(1, b"P|1||||Test^Anna"))
    assert codes(bad) == {"record 2": "astm.patient"}
    assert one(with_record(1, b"P|1||||Test^Anna"), patient_from="specimen-id").patient.ids[0].id


# ------------------------------------------------------------------ what is not whole


FRAMES = framed(*RECORDS)
NOT_WHOLE = {
    "no end": (b"\r".join(RECORDS[:-1]), "astm.cut-off", "record 1"),
    "no end before the next": (b"\r".join(RECORDS[:-1]) + b"\r" + PLAIN, "astm.cut-off", "record 1"),
    "no end in frames": (framed(*RECORDS[:-1]), "astm.cut-off", "record 1"),
    "something after the end": (PLAIN + b"R|1|^^^A|1\r", "astm.stray-record", "record 10"),
    "frames without STX": (b"1" + PLAIN, "astm.stray-record", "record 1"),
    "broken off": (with_record(8, b"L|1|T"), "astm.aborted", "record 9"),
    "first result lost": (with_record(4, b"R|2|^^^WBC|1"), "astm.sequence", "record 5"),
    "second result lost": (with_record(7, b"R|3|^^^HGB|1"), "astm.sequence", "record 8"),
    "second order lost": (
        b"\r".join([*RECORDS[:5], RECORDS[7], *RECORDS[4:5], *RECORDS[8:]]),
        "astm.sequence",
        "record 7",
    ),
    "order with one result lost": (
        b"\r".join([*RECORDS[:5], *RECORDS[4:5], RECORDS[3].replace(b"O|1", b"O|3"), *RECORDS[4:]]),
        "astm.sequence",
        "record 6",
    ),
    "patient lost": (
        b"\r".join([*RECORDS[:8], *RECORDS[3:8], RECORDS[1].replace(b"P|1", b"P|3"), *RECORDS[3:]]),
        "astm.sequence",
        "record 14",
    ),
    "last patient lost": (
        b"\r".join([*RECORDS[:8], RECORDS[3].replace(b"O|1", b"O|2"), *RECORDS[4:8], *RECORDS[3:]]),
        "astm.sequence",
        "record 14",
    ),
    "start of the second session lost": (
        framed(*RECORDS[:4]) + framed(*RECORDS[4:]),
        "astm.frame",
        f"byte {len(framed(*RECORDS[:4])) + 1}",
    ),
    "blanks before the next H": (
        b"\r".join([*RECORDS[:-1], b" " + RECORDS[0], *RECORDS[1:]]),
        "astm.cut-off",
        "record 1",
    ),
    "order lost": (with_record(3, b"C|1|I|no order"), "astm.no-order", "record 5"),
    "unknown record": (with_record(2, b"Y|1"), "astm.record", "record 3"),
    "a question": (b"H|\\^&\rQ|1|^S1||ALL\rL|1|N\r", "astm.query", ""),
    "no order": (b"H|\\^&\rP|1|A\rL|1|N\r", "astm.no-result", ""),
    "two equal delimiters": (b"H|\\^\\" + PLAIN[5:], "astm.delimiters", "record 1"),
    "a byte changed": (FRAMES.replace(b"8.130", b"8.131"), "astm.frame", f"byte {FRAMES.index(b'5R|1') - 1}"),
    "a frame cut": (FRAMES[:-9], "astm.frame", f"byte {FRAMES.index(b'1L|1') - 1}"),
    "a frame lost": (
        FRAMES.replace(framed(RECORDS[1], start=2)[1:-1], b""),
        "astm.frame",
        f"byte {FRAMES.index(b'2P|1') - 1}",
    ),
}


@pytest.mark.parametrize(("data", "code", "place"), NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_a_part_that_is_missing_refuses_the_file(data, code, place):
    assert refused(data) == (code, place)


_PIECES = st.sampled_from(
    [*RECORDS, b"\r", b"\n", b"\x02", b"\x03", b"\x17", b"\x05", b"\x04", b"1", b"2A", b"|", b"^", b"\\", b"&F&",
     b"&", b"\xff", b"P|1", b"O|2|S||^^^A", b"R|x|", b"C|1||\xe4", b"Q|1", b"L|1|N", b"H|@^\\|", framed(*RECORDS)]
)  # fmt: skip


@examples(100)
@given(st.lists(_PIECES, max_size=14), st.sampled_from(["required", "specimen-id"]))
def test_whatever_the_records_nothing_but_a_file_error(pieces, patient_from):
    for separator in (b"\r", b""):
        data = b"".join([RECORDS[0], separator, *(each + separator for each in pieces)])
        with contextlib.suppress(FileError):  # conftest.py searches its text for the patient
            assert astm(data, patient_from=patient_from)


# ------------------------------------------------------------------ what the header, the line and the account say


def test_a_lost_frame_is_noticed_also_where_the_next_begins_with_h():
    """The rest of a record after ETB may begin with any letter."""
    pieces = [
        b"H|\\^&\rP|1|A\rO|1|S1||^^^CBC\rR|1|^^^GLU|5",
        b".6|mmol/L||N||F\rR|2|^^^",
        b"HGB|14|g/dL||N||F\r",
        b"L|1|N\r",
    ]
    frames = []
    for number, piece in enumerate(pieces, 1):
        inside = b"%d" % number + piece + (b"\x17" if number < 3 else b"\x03")
        frames.append(b"\x02" + inside + b"%02X\r\n" % (sum(inside) % 256))
    whole = b"".join(frames)
    assert [each.value for each in one(whole).orders[0].results] == ["5.6", "14"]
    lost = b"".join([frames[0], *frames[2:]])
    assert refused(lost) == ("astm.frame", f"byte {len(frames[0])}")
    header = framed(*RECORDS, start=5)[1:-1]  # a session that begins inside another, and with any number
    assert refused(b"".join(frames[:3]) + header)[0] == "astm.frame"
    assert len(astm(whole + header)) == 2


@pytest.mark.parametrize(
    ("said", "code"), [("Q", "quality-control"), ("T", "training"), ("D", "debugging"), ("PR", "processing")]
)
def test_what_a_message_is_for_decides_whose_it_is(said, code):
    data = PLAIN.replace(b"||||||||E1394-97", b"|||||||" + said.encode() + b"|E1394-97")
    assert refused(data)[0] == f"astm.{code}"
    assert one(PLAIN + data) == one(PLAIN) if said == "Q" else True
    assert one(data, processing={"PR": "patient"}) == one(PLAIN) if said == "PR" else True


def test_who_captured_the_file_may_say_so_above_a_header():
    data = b"# a capture\r#  of today\r" + PLAIN
    assert one(data) == one(PLAIN)
    (remark,) = read(data).remarks
    assert "lines that begin with #" in remark.text
    assert refused(with_record(5, b"# no comment of a record"))[0] == "astm.record"


def test_a_line_break_inside_a_record_is_said_to_be_one():
    data = with_record(5, b"C|1|I|verified")[:-1] + b"\r"
    broken = data.replace(b"verified", b"verified\rby hand")
    with pytest.raises(FileError) as caught:
        astm(broken)
    assert (caught.value.code, caught.value.findings[0].place) == ("astm.record", "record 7")
    assert "line end inside a record" in caught.value.findings[0].hint


def test_what_stands_below_other_records_is_no_comment_on_a_result():
    lines = [*RECORDS[:5], b"M|1|HISTOGRAM|x", b"C|1|I|of the histogram|G", RECORDS[7], RECORDS[8]]
    reading = read(b"\r".join(lines))
    assert [each.notes for each in reading.items[0].report.orders[0].results] == [[], []]
    assert "M records" in reading.remarks[0].text


def test_people_and_places_go_where_they_belong():
    patient = rb"P|1|A|||Doe^Jane||19870626|F|X|1 Road^Town^^99||112|D7^House^Greg" + b"|" * 12 + b"W1^R2^B3"
    order = b"O|1|S1||^^^CBC" + b"|" * 12 + b"Cuddy^Lisa|555"
    report = one(b"\r".join([RECORDS[0], patient, order, b"R|1|^^^A|1|||||||op7||20240101", b"L|1|N"]))
    assert (report.patient.address.street, report.patient.address.city, report.patient.address.zip) == (
        "1 Road",
        "Town",
        "99",
    )
    assert (report.patient.phones, report.patient.race) == (["112"], ["X"])
    assert (report.visit.ward, report.visit.room, report.visit.bed) == ("W1", "R2", "B3")
    assert (report.visit.attending.id, report.visit.attending.family, report.visit.attending.given) == (
        "D7",
        "House",
        "Greg",
    )
    ordered = report.orders[0]
    assert (ordered.orderer.id, ordered.orderer.family, ordered.orderer.given) == ("", "Cuddy", "Lisa")
    assert (ordered.orderer_phone, ordered.results[0].observer.id) == ("555", "op7")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"P|7|A", b"O|7|S1||^^^A", b"R|31|^^^A|1", b"R|32|^^^B|2"], None),
        ([b"P|7|A", b"O|7|S1||^^^A", b"R|31|^^^A|1", b"O|8|S2||^^^A", b"R|32|^^^B|2", b"P|8|B", b"O|9|S3||^^^A",
          b"R|33|^^^A|3"], None),
        ([b"P|7|A", b"O|7|S1||^^^A", b"R|1|^^^A|1", b"R|2|^^^B|2"], None),
        ([b"P|7|A", b"O|7|S1||^^^A", b"R|31|^^^A|1", b"R|33|^^^B|2"], "record 5"),
        ([b"P|7|A", b"O|7|S1||^^^A", b"R|31|^^^A|1", b"O|9|S2||^^^A", b"R|32|^^^B|2"], "record 5"),
        ([b"P|1|A", b"O|1|S1||^^^A", b"R|31|^^^A|1"], "record 4"),
        ([b"P|7|A", b"O|1|S1||^^^A", b"R|31|^^^A|1"], "record 4"),
    ],
)  # fmt: skip
def test_numbers_may_run_over_the_day_but_not_leave_one_out(lines, expected):
    data = b"\r".join([RECORDS[0], *lines, b"L|1|N"])
    if expected is None:
        assert all(isinstance(item, ReportItem) for item in astm(data))
    else:
        assert refused(data) == ("astm.sequence", expected)


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (b"R|1|^^^WBC|8.1^x|10*3/uL|4.0-11.0|N||F", "record 5 R-4"),
        (b"R|1|^^^WBC|8.1|g/dL^9^0|4.0-11.0|N||F", "record 5 R-5.2"),
        (b"R|1|^^^WBC|8.1|g/dL|1^2^3|N||F", "record 5 R-6"),
        (b"R|1|^^^WBC|8.1|g/dL||N||F^X", "record 5 R-9.2"),
        (b"R|1|^^^WBC|8.1|g/dL||N||F||||||||more", "record 5 R-17"),
        (b"R|1|718-7^Hb^LN^HGB|8.1|g/dL||N||F", "record 5 R-3"),
    ],
)
def test_what_may_change_what_a_doctor_reads_refuses(record, place):
    (bad,) = astm(with_record(4, record))
    assert place in codes(bad)
    assert "inputs.astm." in bad.findings[0].hint


def test_what_the_remark_says_settles_it():
    """Followed to the letter, the hint leaves nothing to tell; whole records cannot be ignored."""
    data = with_record(1, b"P|1|PAT7731942|||Zwiebelmayer^G||19870626|F||||||||x^y")
    data = data.replace(b"\rL|1", b"\rM|1|z\rL|1")
    (told,) = [each for each in read(data).remarks if each.code == "astm.passed-over"]
    assert "M records" in told.text
    ignored = re.search(r"inputs.astm.ignore: \[(.+)\]", told.hint)[1].split(", ")
    (rest,) = read(data, "", Inputs(astm=AstmInput(ignore=frozenset(ignored)))).remarks
    assert (rest.text, rest.hint) == ("A message has no place for what stands in M records.", "")
