"""Acknowledgements as HIS really write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.mllp.acknowledgement import CODES, Acknowledgement, Unreadable, read_acknowledgement

MSH = "MSH|^~\\&|HIS|HF|LAB|LF|20261122||ACK^R01|H1|P|2.5.1"


def ack(*segments: str, end: str = "\r", head: str = MSH) -> Acknowledgement:
    return read_acknowledgement((end.join((head, *segments)) + end).encode())


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_code_with_every_segment_end(code, end):
    seen = ack(f"MSA|{code}|M1", end=end)
    assert (seen.code, seen.control_id, seen.error_codes, seen.severity) == (code, "M1", (), "")


def test_raw_is_kept_and_msa_2_is_not_trimmed():
    payload = (MSH + "\rMSA|AA| M1 \r").encode()
    assert read_acknowledgement(payload).control_id == " M1 "
    assert read_acknowledgement(payload).raw == payload


def test_the_answers_own_delimiters_are_used():
    seen = ack("MSA$AE$M|1$Bad:value", "ERR$$PID:1:5$102:Data type error:HL70357$E$E1!E2$$$see #F# field", head=(
        "MSH$:!#*$HIS$HF$LAB$LF$20261122$$ACK$H1$P$2.5.1"
    ))  # fmt: skip
    assert (seen.control_id, seen.text) == ("M|1", "Bad:value")
    assert seen.error_codes == ("102",)
    assert seen.locations == ("PID:1:5",)
    assert seen.error_text == "see $ field; Data type error"


def test_errors_since_2_5_repeat():
    seen = ack(
        "MSA|AE|M1|rejected",
        "ERR||PID^1^5~PID^1^7|101^Required field missing^HL70357|W|A1^own text||diagnosis|for the user",
        "ERR|||207^Application internal error^HL70357|E",
        "ERR|||207^Application internal error^HL70357|I",
    )
    assert seen.error_codes == ("101", "207")
    assert seen.application_codes == ("A1",)
    assert seen.locations == ("PID^1^5", "PID^1^7")
    assert seen.severity == "E"
    assert seen.error_text == (
        "for the user; diagnosis; Required field missing; own text; Application internal error"
    )


def test_errors_before_2_5():
    seen = ack("MSA|AR|M1|why|||205&Duplicate&x^Duplicate key", "ERR|PID^1^5^101&Required field missing~OBR^2")
    assert seen.error_codes == ("101", "205&Duplicate&x")
    assert seen.locations == ("PID^1^5", "OBR^2")
    assert seen.error_text == "Required field missing; Duplicate key"


def test_escapes_are_undone_and_others_left():
    assert ack(r"MSA|AE|M1|a \F\ b \T\ c \.br\ d \E\ ").text == "a | b & c \\.br\\ d \\ "


def test_a_short_msh_2_and_latin_1_text_are_read():
    seen = read_acknowledgement(b"MSH|^|HIS\rMSA|AE|M1|M\xfcll&r ~ \\F\\\rERR|^^^207\r")
    assert seen.text == "M\xfcll&r ~ |"
    assert seen.error_codes == ("207",)


def test_any_message_with_one_msa_counts():
    head = "MSH|^~\\&|HIS||LAB||20261122||ADR^A19|H1|P|2.3"
    assert ack("MSA|AA|M1", "QRD|x", head=head).code == "AA"


def test_missing_msa_2_is_an_empty_id():
    assert ack("MSA|AA").control_id == ""


UNREADABLE = [
    (b"", "ack.empty"),
    (b"\r\n ", "ack.empty"),
    (b"<?xml version='1.0'?>", "ack.not-hl7"),
    (b"HTTP/1.1 200 OK", "ack.not-hl7"),
    (b"ZEBRA", "ack.not-hl7"),
    (b"MSH", "ack.not-hl7"),
    (b"MSHA^~\\&A", "ack.not-hl7"),
    (b"MSH|^~\\&|HIS\r", "ack.no-msa"),
    (b"MSH|^~\\&|HIS\rMSA\r", "ack.no-msa"),
    (b"MSH|^~\\&|HIS\rMSAX|AA|M1\r", "ack.no-msa"),
    (b"MSH|^~\\&|HIS\rMSA|AA|M1\rMSA|AE|M1\r", "ack.several-msa"),
    (b"MSH|^~\\&|HIS\rMSA||M1\r", "ack.unknown-code"),
    (b"MSH|^~\\&|HIS\rMSA|aa|M1\r", "ack.unknown-code"),
    (b"MSH|^~\\&|HIS\rMSA|ZEBRA AA|M1\r", "ack.unknown-code"),
]


@pytest.mark.parametrize(("payload", "code"), UNREADABLE)
def test_unreadable(payload, code):
    with pytest.raises(Unreadable) as caught:
        read_acknowledgement(payload)
    assert caught.value.code == code
    assert "ZEBRA" not in str(caught.value)


_PIECES = st.sampled_from(["MSH", "|", "^~\\&", "\r", "\n", "MSA", "AA", "M1", "ERR", "^", "~", "&", "\\F\\", "\\"])


@given(st.binary(max_size=60) | st.lists(_PIECES, max_size=30).map(lambda p: ("MSH|" + "".join(p)).encode()))
def test_any_payload_is_read_or_refused(payload):
    with suppress(Unreadable):
        assert read_acknowledgement(payload).code in CODES
