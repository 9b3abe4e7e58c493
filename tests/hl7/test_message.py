"""One reading of HL7 text: character set, delimiters, MSH, and what we put into the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.hl7.charset import CHARSETS, READABLE
from lab_sender.hl7.message import USUAL, Delimiters, delimiters_of, msh_of, read, text_of
from lab_sender.hl7.orders import facts_in, patient_key_of
from lab_sender.hl7.stamp import with_control_id

NAMES = {
    "8859/1": "Müller", "8859/2": "SZKÓŁKA", "8859/3": "Ħal", "8859/4": "Žņ", "8859/5": "\u0422\u0410",
    "8859/6": "سلام", "8859/7": "Άγις", "8859/8": "שלום", "8859/9": "Ayşe", "8859/15": "Œuvré",
    "UNICODE UTF-8": "Łódź 张伟",
    "KS X 1001": "김철수", "UTF-8": "Łódź", "UTF8": "Łódź",
    "BIG-5": "功蓋育", "GB 18030-2000": "张伟", "ASCII": "Roe",
}  # fmt: skip
"""A word in each character set that MSH-18 can name; those of 8859/2 and 8859/5 are UTF-8 by their bytes, too."""


def message(charset: str, name: str, codec: str = "", facility: str = "F") -> bytes:
    head = f"MSH|^~\\&|LAB|{facility}|H|H|2024||ORU^R01|X1|P|2.5.1||||||{charset}~ISO IR87\r"
    text = f"{head}PID|1||4711^^^{name}||{name}^Jane\rOBR|1||F1^{name}|^{name}|||||||||||||||||||||F\rOBX|1|ST|A||1\r"
    return text.encode(codec or READABLE[charset])


def test_every_character_set_is_tried() -> None:
    assert NAMES.keys() >= READABLE.keys() >= CHARSETS.keys() - {""}


@pytest.mark.parametrize("charset", NAMES)
def test_msh_18_says_how_the_bytes_are_read(charset: str) -> None:
    name = NAMES[charset]
    body = message(charset, name)
    reading = read(body)
    assert (reading.codec, reading.exact) == (READABLE[charset], True)
    assert reading.text == text_of(body) == body.decode(READABLE[charset])
    assert reading.text.encode(reading.codec) == body
    assert msh_of(reading.text).charset == charset
    assert facts_in(body)[0][:2] == (f"F1^{name}", name)
    assert patient_key_of(reading.text.split("\r")) == f"4711^{name}"


@pytest.mark.parametrize("charset", ["BIG-5", "GB 18030-2000"])
def test_a_letter_whose_second_byte_is_a_delimiter_moves_no_field(charset: str) -> None:
    letters = {"BIG-5": "育", "GB 18030-2000": "\N{CJK UNIFIED IDEOGRAPH-4E07}"}[charset]
    body = message(charset, "X", facility=letters)
    assert charset != "BIG-5" or b"|" in letters.encode("big5")
    msh = msh_of(read(body).text)
    assert (msh.field(4), msh.code(9), msh.field(10), msh.charset) == (letters, "ORU", "X1", charset)
    assert read(with_control_id(body, "NEW")).text == read(body).text.replace("|X1|", "|NEW|")


@pytest.mark.parametrize(
    ("charset", "name", "written_in", "read_as"),
    [
        ("", "Müller", "utf-8", "utf-8"),
        ("ISO 9999", "Müller", "utf-8", "utf-8"),
        ("ASCII", "Müller", "utf-8", "utf-8"),
        ("UNICODE UTF-8", "Müller", "latin-1", "latin-1"),
        ("", "Müller", "latin-1", "latin-1"),
        ("8859/1", "Müller", "utf-8", "iso8859-1"),
    ],
)
def test_where_msh_18_does_not_read_the_bytes(charset: str, name: str, written_in: str, read_as: str) -> None:
    body = message(charset, name, written_in)
    reading = read(body)
    assert (reading.codec, reading.exact) == (read_as, read_as != "latin-1")
    assert reading.text.encode(reading.codec) == body
    assert text_of(body) == body.decode(read_as)


def test_the_same_bytes_say_the_same_whatever_else_is_in_the_message() -> None:
    """Without MSH-18: one order number is UTF-8 by its bytes, the patient's name beside it is not."""
    one, other = (message("", "KÓŁ", "iso8859-2").replace(b"^Jane", given) for given in (b"^Jane", b"^\xa3ucja"))
    assert facts_in(one) == facts_in(other)
    assert text_of(one).replace("^Jane", "^£ucja") == text_of(other)


@given(st.binary())
def test_whatever_the_bytes_are_they_can_be_had_back(data: bytes) -> None:
    for body in (data, b"MSH|^~\\&|" + data, message("KS X 1001", "x") + data):
        reading = read(body)
        assert reading.text.encode(reading.codec) == body
        assert isinstance(text_of(body), str)
        facts_in(body)


@pytest.mark.parametrize(
    ("head", "delimiters"),
    [
        ("MSH|^~\\&|", USUAL),
        ("MSH|^~\\&#|", USUAL),
        ("MSH*!$%?*LAB", Delimiters("*", "!", "$", "%", "?")),
        ("MSH|^~&|", Delimiters("|", "^", "~", "", "&")),
        ("MSH|^~|LAB", Delimiters("|", "^", "~", "", "")),
        ("MSH|^|", USUAL),
        ("MSH", USUAL),
        ("", USUAL),
    ],
)
def test_delimiters(head: str, delimiters: Delimiters) -> None:
    assert delimiters_of(head) == delimiters
    assert delimiters.subcomponents("a&b") == (["a", "b"] if delimiters.subcomponent == "&" else ["a&b"])


def test_the_fields_of_msh() -> None:
    msh = msh_of("msh#!~\\&#LAB#########2.5.1!x~2.4\rPID#1")
    assert (msh.field(1), msh.field(2), msh.field(3), msh.version) == ("#", "!~\\&", "LAB", "2.5.1")
    assert (msh.field(40), msh.charset) == ("", "")
    assert msh_of("PID|1").fields == msh_of("").fields == ()


@given(st.text(st.characters(codec="latin-1", exclude_characters="|\r\n"), max_size=9))
def test_a_new_control_id_touches_nothing_else(name: str) -> None:
    body = message("8859/1", "X").replace(b"|F|", b"|" + name.encode("latin-1") + b"|", 1)
    assert with_control_id(body, "NEW") == body.replace(b"|X1|", b"|NEW|", 1)
    assert with_control_id(b"MSH|^~\\&", "N") == b"MSH|^~\\&||||||||N"
