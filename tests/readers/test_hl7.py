"""Ready HL7: cut out of its file, otherwise untouched; what is doubtful is refused and names its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.errors import FileError
from lab_sender.hl7.stamp import with_control_id
from lab_sender.readers import BadItem, Inputs, ReadyItem, read
from lab_sender.readers.settings import Hl7Input
from readers.samples import MESSAGE, codes, only

SECOND = MESSAGE.replace(b"MSG1", b"MSG2")
FHS, BHS = b"FHS|^~\\&|LAB\r", b"BHS|^~\\&|LAB\r"


def _keys(item: ReadyItem) -> tuple[str, ...]:
    return tuple(order.key for order in item.orders)


def bodies(data: bytes) -> list[bytes]:
    items = read(data).items
    assert all(isinstance(item, ReadyItem) for item in items), items
    return [item.body for item in items]


# --------------------------------------------------------------- what is known of it


def test_what_the_sender_needs_to_know():
    item = only(MESSAGE)
    assert (item.place, item.body, item.control_id, item.version) == ("", MESSAGE, "MSG1", "2.5.1")
    assert item.charset == "UNICODE UTF-8"
    assert (_keys(item), item.patient_key) == (("F1^LAB",), "4781203^BEAUMONT")


@pytest.mark.parametrize(
    ("old", "new", "order_key", "patient_key"),
    [
        (b"F1^LAB^1.2.3^ISO", b"", "P1^iPMS", "4781203^BEAUMONT"),
        (b"F1^LAB^1.2.3^ISO", b"F1^^1.2.3^ISO", "F1^1.2.3", "4781203^BEAUMONT"),
        (b"F1^LAB^1.2.3^ISO", b"F1", "F1^", "4781203^BEAUMONT"),
        (b"4781203^^^BEAUMONT&1.2.3&ISO^MR~99^^^OTHER", b"^^^X", "F1^LAB", ""),
        (b"4781203^^^BEAUMONT&1.2.3&ISO^MR", b"7^^^&1.2.3&ISO", "F1^LAB", "7^1.2.3"),
    ],
)
def test_keys(old, new, order_key, patient_key):
    item = only(MESSAGE.replace(old, new))
    assert (_keys(item), item.patient_key) == ((order_key,) if order_key else (), patient_key)


def test_custom_delimiters():
    other = MESSAGE.translate(bytes.maketrans(b"|^~\\&", b"*!$%?"))
    item = only(other)
    assert item.body == other
    assert (item.control_id, item.version, item.charset) == ("MSG1", "2.5.1", "UNICODE UTF-8")
    assert (_keys(item), item.patient_key) == (("F1^LAB",), "4781203^BEAUMONT")


@pytest.mark.parametrize("marks", [b"^~&", b"^~\\&#"])
def test_three_and_five_encoding_characters(marks):
    assert only(MESSAGE.replace(b"^~\\&|LAB", marks + b"|LAB")).patient_key == "4781203^BEAUMONT"


@pytest.mark.parametrize("kind", [b"ORU^R01", b"ORU", b"ORU^R01^ORU_R01^R01", b"oru^r01"])
def test_ways_to_say_oru(kind):
    assert isinstance(only(MESSAGE.replace(b"ORU^R01^ORU_R01", kind)), ReadyItem)


def test_a_message_that_says_little_is_trusted():
    short = b"MSH|^~\\&|||||||ORU^R01\rOBX|1|ST|A||x\r"
    item = only(short)
    assert (item.body, item.control_id, item.version, _keys(item), item.patient_key) == (short, "", "", (), "")
    assert with_control_id(item.body, "NEW") == b"MSH|^~\\&|||||||ORU^R01|NEW\rOBX|1|ST|A||x\r"


# ------------------------------------------------------------------- untouched


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\r\n"])
def test_line_ends(end):
    assert bodies((MESSAGE + SECOND).replace(b"\r", end)) == [MESSAGE, SECOND]


def test_nothing_else_is_touched():
    odd = MESSAGE.replace(b"14.1|", b'  14.1 \t\x85\xa0""\\.br\\&^~ |').replace(b"|UNICODE UTF-8", b"|8859/1")
    assert bodies(odd) == [odd]


@pytest.mark.parametrize("tail", [b"\n", b"\r", b"\r\n\r\n", b"\n  \n", b"\r\x1a"])
def test_the_end_of_the_file(tail):
    assert bodies(MESSAGE.removesuffix(b"\r") + tail) == [MESSAGE]


def test_lower_case_ids_go_as_they_are():
    lower = MESSAGE.replace(b"MSH|", b"msh|").replace(b"OBX|", b"obx|").replace(b"PID|", b"pid|") + b"zxx|local\r"
    item = only(lower)
    assert (item.body, item.control_id, item.patient_key) == (lower, "MSG1", "4781203^BEAUMONT")


FRAMED = {
    "one frame": b"\x0b" + MESSAGE + b"\x1c\r",
    "frames": b"\x0b" + MESSAGE + b"\x1c\r\x0b" + SECOND + b"\x1c\r",
    "no CR after the frame": b"\x0b" + MESSAGE + b"\x1c\x0b" + SECOND + b"\x1c",
    "no CR before its end": b"\x0b" + MESSAGE[:-1] + b"\x1c\r\x0b" + SECOND[:-1] + b"\x1c\r",
    "twice framed": b"\x0b\x0b" + MESSAGE + b"\x1c\r\x1c\r",
    "CRLF": (b"\x0b" + MESSAGE + b"\x1c\r\x0b" + SECOND + b"\x1c\r").replace(b"\r", b"\r\n"),
    "frame ends only": MESSAGE + b"\x1c\r" + SECOND + b"\x1c\r",
    "batch in a frame": b"\x0b" + BHS + MESSAGE + SECOND + b"BTS|2\r\x1c\r",
    "frames in a batch": BHS + b"\x0b" + MESSAGE + b"\x1c\r\x0b" + SECOND + b"\x1c\rBTS|2\r",
}


@pytest.mark.parametrize("data", FRAMED.values(), ids=FRAMED.keys())
def test_mllp_bytes_around_messages_are_framing(data):
    assert b"".join(bodies(data)) in (MESSAGE, MESSAGE + SECOND)


_in_segment = st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x1c\0")


@examples(80)
@given(
    st.lists(st.text(_in_segment, max_size=12), min_size=1, max_size=4),
    st.sampled_from([b"\r", b"\n", b"\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_many_messages_come_out_byte_for_byte(texts, end, framed, batch):
    wanted = [MESSAGE + b"NTE|1||" + text.encode() + b"\r" for text in texts]
    parts = [b"\x0b" + one + b"\x1c\r" if framed else one for one in wanted]
    data = b"".join([FHS, BHS, *parts, b"BTS|%d\rFTS|1\r" % len(texts)] if batch else parts)
    assert bodies(data.replace(b"\r", end)) == wanted


# ------------------------------------------------------------------- control id


@examples(80)
@given(
    st.lists(st.sampled_from([b"", b"A", b"x^y", b"\xfc"]), max_size=14), st.sampled_from([b"\r", b"\rOBX|1\r", b""])
)
def test_a_control_id_touches_msh_10_only(fields, rest):
    body = b"|".join([b"MSH", b"^~\\&", *fields]) + rest
    before, after = (one.split(b"\r")[0].split(b"|") for one in (body, with_control_id(body, "NEWID")))
    before += [b""] * (10 - len(before))
    assert after[9] == b"NEWID"
    assert [one for n, one in enumerate(after) if n != 9] == [one for n, one in enumerate(before) if n != 9]
    assert with_control_id(body, "NEWID").endswith(rest)
    assert with_control_id(with_control_id(body, "X"), "NEWID") == with_control_id(body, "NEWID")


# ----------------------------------------------------------------- refused: a message

BAD = {
    "not a result": (MESSAGE.replace(b"ORU^R01^ORU_R01", b"ADT^A01"), {"line 1": "hl7.not-oru"}),
    "another event": (MESSAGE.replace(b"ORU^R01^ORU_R01", b"ORU^R30"), {"line 1": "hl7.not-oru"}),
    "no MSH-9": (b"MSH|^~\\&|A\rOBR|1\r", {"line 1": "hl7.not-oru"}),
    "MSH only": (MESSAGE.split(b"\r")[0], {"line 1": "hl7.no-result"}),
    "cut off after PID": (b"\r".join(MESSAGE.split(b"\r")[:2]), {"line 1": "hl7.no-result"}),
    "cut off in a value": (MESSAGE[: MESSAGE.index(b"14.1") + 2], {"line 4": "hl7.cut"}),
    "a line feed in a text": (MESSAGE.replace(b"14.1", b"Thorax:\nNAD|||||F"), {"line 4": "hl7.line-feed"}),
    "a line feed, CRLF": (MESSAGE.replace(b"\r", b"\r\n").replace(b"14.1", b"1\n4"), {"line 4": "hl7.line-feed"}),
    "a message's head in a text": (MESSAGE.replace(b"14.1", b"\nMSH|^~\\&|x"), {"line 4": "hl7.line-feed"}),
    "a segment of no version": (MESSAGE.replace(b"14.1", b"neg\rNAD|||||F"), {"line 5": "hl7.broken-line"}),
    "a missing line end": (MESSAGE.replace(b"\rOBX|1", b" OBX|1"), {"line 3": "hl7.joined"}),
    "a form feed for a line end": (MESSAGE.replace(b"\rOBX|1", b"\x0cOBX|1"), {"line 3": "hl7.joined"}),
    "U+2028 for a line end": (MESSAGE.replace(b"\rOBX|1", b"\xe2\x80\xa8OBX|1"), {"line 3": "hl7.joined"}),
    "a missing line end, ORC": (MESSAGE.replace(b"\rOBR|1", b" ORC|RE|1\rOBR|1"), {"line 2": "hl7.joined"}),
    "a missing line end without a blank": (MESSAGE.replace(b"\rOBX|1", b"|||F" + b"OBX|1"), {"line 3": "hl7.joined"}),
    "a missing line end before a note": (MESSAGE.replace(b"||F\r", b"||FNTE|1|L|ok\r"), {"line 4": "hl7.joined"}),
    "a missing line end before PID": (MESSAGE.replace(b"UTF-8\rPID", b"UTF-8PID"), {"line 1": "hl7.joined"}),
    "a missing line end before ORC": (MESSAGE.replace(b"n\rOBR|1", b"nORC|RE|1\rOBR|1"), {"line 2": "hl7.joined"}),
    "a tilde of the typographer": (MESSAGE.replace(b"^~", "^\u02dc".encode()), {"line 1": "hl7.delimiters"}),
    "no encoding characters": (b"MSH|||\rOBR|1\r", {"line 1": "hl7.delimiters"}),
    "delimiters that are one": (MESSAGE.replace(b"^~\\&|LAB", b"&&&&|LAB"), {"line 1": "hl7.delimiters"}),
    "doubled escape": (MESSAGE.replace(b"^~\\&|LAB", b"^~\\\\&|LAB"), {"line 1": "hl7.delimiters"}),
    "wrapped text": (MESSAGE.replace(b"^Hb", b"^Hb\rSecret wrapped"), {"line 5": "hl7.broken-line"}),
    "wrapped text like a segment": (MESSAGE.replace(b"14.1", b"see\rthe|text"), {"line 5": "hl7.broken-line"}),
    "a gene at a line's start": (MESSAGE.replace(b"14.1", b"\rMSH-6 intact"), {"line 5": "hl7.broken-line"}),
    "wrong separator": (MESSAGE.replace(b"OBX|", b"OBX^"), {"line 4": "hl7.broken-line"}),
    "VT in a field": (MESSAGE.replace(b"14.1", b"14\x0b1"), {"line 4": "hl7.frame-byte"}),
    "FS CR in a field": (MESSAGE.replace(b"14.1", b"14\x1c"), {"line 4": "hl7.frame-byte"}),
    "VT before a segment": (MESSAGE.replace(b"OBX|", b"\x0bOBX|"), {"line 4": "hl7.frame-byte"}),
    "frame in the middle": (MESSAGE.replace(b"OBX|", b"\x1c\r\x0bOBX|"), {"line 5": "hl7.frame-byte"}),
    "frame not closed": (b"\x0b" + MESSAGE, {"line 1": "hl7.frame-open"}),
    "says UTF-8, is Latin-1": (MESSAGE.replace(b"\xc3\xbc", b"\xfc"), {"line 2": "hl7.charset"}),
    "control id not ASCII": (MESSAGE.replace(b"MSG1", b"M\xc3\xbc1"), {"line 1": "hl7.control-id"}),
}


@pytest.mark.parametrize(("data", "wanted"), BAD.values(), ids=BAD.keys())
def test_bad_messages(data, wanted):
    item = only(data)
    assert isinstance(item, BadItem)
    assert codes(item) == wanted
    assert not any("Secret" in finding.line() for finding in item.findings)


def test_the_end_may_be_left_out_where_the_site_says_so():
    inputs = Inputs(hl7=Hl7Input(end="optional"))
    assert [item.body for item in read(MESSAGE[:-1], "", inputs).items] == [MESSAGE]
    assert [codes(item) for item in read(MESSAGE + SECOND[:-1]).items if isinstance(item, BadItem)] == [
        {"line 8": "hl7.cut"}
    ]
    assert bodies(BHS + MESSAGE + b"BTS|1") == [MESSAGE]
    assert bodies(b"\x0b" + MESSAGE[:-1] + b"\x1c") == [MESSAGE]


def test_a_line_feed_is_written_as_a_line_break_where_the_site_says_so():
    data = MESSAGE.replace(b"14.1", b"Thorax:\nNAD").replace(b"\r", b"\r\n")
    (item,) = read(data, "", Inputs(hl7=Hl7Input(line_feed="escape"))).items
    assert item.body == MESSAGE.replace(b"14.1", b"Thorax:\\.br\\NAD")


@pytest.mark.parametrize(
    "text",
    [b"CHRONIC PID|x", b"see OBX", b"an OBX|", b"7 NTE|1st", b"PV1", b"ORC|re", b"RAPID|1|", b"PACIENTE|2|",
     b"HPV1|1|", b"WNK1|1|", b"OBX|1|", b"a^OBX|1|"],
)  # fmt: skip
def test_words_that_look_like_a_segment_are_none(text):
    assert isinstance(only(MESSAGE.replace(b"14.1", text).replace(b"|NM|", b"|ST|")), ReadyItem)


@pytest.mark.parametrize("name", [b"NTE", b"PV1", b"nte"])
def test_a_segment_may_be_empty(name):
    assert bodies(MESSAGE + name + b"\r") == [MESSAGE + name + b"\r"]
    assert codes(only(MESSAGE + b"INR\r")) == {"line 5": "hl7.broken-line"}


def test_two_encoding_characters_are_enough():
    item = only(MESSAGE.replace(b"^~\\&|LAB", b"^~|LAB"))
    assert (item.control_id, item.version, _keys(item)) == ("MSG1", "2.5.1", ("F1^LAB",))


def test_reasons_that_fit():
    (other,) = only(MESSAGE.replace(b"^~\\&|LAB", b"#~\\&|LAB")).findings
    assert other.code == "hl7.not-oru"
    assert other.hint == "MSH-2 says that # separates components, MSH-9 is written with ^."
    (tilde,) = only(MESSAGE.replace(b"^~", "^\u02dc".encode())).findings
    assert "U+02DC" in tilde.text
    assert "Base64" in only(MESSAGE.replace(b"14.1", b"JVBERi0x\rJVBERi0xLjQK\rAAA=")).findings[0].hint


def test_what_a_his_may_stumble_over_is_a_remark():
    assert only(MESSAGE).remarks == ()
    item = only(MESSAGE.replace(b"|14.1|", b"|+|") + b"OBX|2|NM|A||<5\rOBX|3|NM|A||1.5~-.5~7.||||||F\rOBX|4|ST|A\r")
    assert [(each.code, each.severity, each.text) for each in item.remarks] == [
        ("hl7.value-type", "warning", "OBX-2 says number (NM), and OBX-5 is none (line 4, 5)."),
        ("hl7.no-status", "warning", "OBX-11 is empty: the result has no status (line 5, 7)."),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "remarked"),
    [
        ("NM", "7.", False), ("NM", "abc", True), ("NM", '""', False), ("NM", "", False), ("NM", "1 2", True),
        ("SN", "<^5", False), ("SN", "^1^:^128", False), ("SN", "^10", False), ("SN", "<5", True), ("SN", "^a", True),
        ("SN", "^1^x^2", True), ("SN", "^1^-^2^3", True), ("SN", ">=^4~^1^-^2", False),
        ("DT", "20261122", False), ("DT", "2026", False), ("DT", "22.11.2026", True), ("DT", "202611220815", True),
        ("TM", "0815", False), ("TM", "08:15", True), ("TM", "081500.5+0100", False),
        ("TS", "20261122081500+0100", False), ("TS", "20261122^D", False), ("TS", "2026-11-22", True),
        ("DTM", "202611220815", False), ("DTM", "today", True),
        ("", "5.4", True), ("", "", False),
        ("ST", "<5", False), ("TX", "08:15", False), ("CE", "A^B^L", False), ("XX", "?", False),
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_its_kind_is_a_remark_and_goes_as_it_is(kind, value, remarked):
    body = MESSAGE + f"OBX|2|{kind}|A||{value}||||||F\r".encode()
    item = only(body)
    assert item.body == body
    assert [each.code for each in item.remarks] == ["hl7.value-type"] * remarked
    if remarked:
        assert item.remarks[0].field == ("OBX-5" if kind else "OBX-2")
        assert "(line 5)" in item.remarks[0].text
        assert value not in item.remarks[0].text


def test_a_bad_message_does_not_hold_the_others():
    reading = read(MESSAGE + MESSAGE.replace(b"ORU^R01", b"ADT^A01") + SECOND)
    assert [type(item) for item in reading.items] == [ReadyItem, BadItem, ReadyItem]
    assert [item.place for item in reading.items] == ["message 1", "message 2", "message 3"]
    assert codes(reading.items[1]) == {"line 5": "hl7.not-oru"}


def test_a_wrapped_document_is_told_in_few_words():
    item = only(MESSAGE.replace(b"14.1", b"\r".join([b"QUJD"] * 500)))
    assert len(item.findings) == 5
    assert "495 more" in item.findings[-1].text or "494 more" in item.findings[-1].text


# -------------------------------------------------------------------- refused: a file

BAD_FILES = {
    "batch lost a message": (BHS + MESSAGE + b"BTS|2\r", "hl7.batch-count", "line 6"),
    "batch has one too many": (BHS + MESSAGE + SECOND + b"BTS|1\r", "hl7.batch-count", "line 10"),
    "second batch lost one": (BHS + MESSAGE + b"BTS|1\r" + BHS + SECOND + b"BTS|2\r", "hl7.batch-count", "line 12"),
    "count is no number": (BHS + MESSAGE + b"BTS|one\r", "hl7.batch-count", "line 6"),
    "lost a whole batch": (FHS + BHS + MESSAGE + b"BTS|1\rFTS|2\r", "hl7.batch-count", "line 8"),
    "batch cut off": (BHS + MESSAGE, "hl7.batch-open", "line 1"),
    "file cut off": (FHS + BHS + MESSAGE + b"BTS|1\r", "hl7.batch-open", "line 1"),
    "empty batch": (FHS + BHS + b"BTS|0\rFTS|1\r", "hl7.no-message", ""),
    "line after the batch": (BHS + MESSAGE + b"BTS|1\rOBX|2\r", "hl7.stray-line", "line 7"),
    "line before the first message": (BHS + b"PID|1\r" + MESSAGE + b"BTS|1\r", "hl7.stray-line", "line 2"),
    "no separator": (b"MSH-6 intact\rOBR|1\r", "hl7.stray-line", "line 1"),
    "two ways to end": (MESSAGE.replace(b"\r", b"\n") + SECOND, "hl7.line-ends", ""),
}


@pytest.mark.parametrize(("data", "code", "place"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_files(data, code, place):
    with pytest.raises(FileError) as caught:
        read(data)
    assert (caught.value.code, caught.value.findings[0].place) == (code, place)


@pytest.mark.parametrize("tail", [b"BTS\rFTS\r", b"BTS|\rFTS|\r", b"BTS|2|all\rFTS|1\r", b"BTS|02\rFTS|2\r"])
def test_good_envelopes(tail):
    assert bodies(FHS + BHS + MESSAGE + SECOND + tail) == [MESSAGE, SECOND]
