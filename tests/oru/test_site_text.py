"""Texts, lines, notes, structured numbers and value types, as the version and the profile want them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.hl7.charset import replaced
from lab_sender.hl7.escape import escaping, unescape
from oru.sites import NOW, built, fields, refused, report, site

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")


@pytest.mark.parametrize("version", VERSIONS)
def test_value_types_have_the_name_of_the_version(version):
    given = report(
        {"value": {"code": "A"}},
        {"type": "CE", "value": {"code": "A"}},
        {"type": "CWE", "value": {"code": "A"}},
        {"type": "DTM", "value": "2024-08-19T09:30Z"},
        {"type": "TS", "value": "2024"},
        {"type": "NM", "value": "1"},
        {"value": "<5"},
        {"type": "DT", "value": "2024-08-19"},
        {"type": "TM", "value": "09:30"},
        {"type": "NA", "value": ["1", "2"]},
        {"type": "RP", "value": "x"},
        {"value": {"data": "QQ==", "type": "text", "subtype": "plain"}},
        {"value": "a\nb"},
        {"type": "TX", "value": "a"},
    )
    coded = ["CE", "CE", "CE"] if version < "2.5" else ["CWE", "CE", "CWE"] if version < "2.6" else ["CWE"] * 3
    time = ["TS", "TS"] if version < "2.6" else ["DTM", "DTM"]
    rest = ["NM", "SN", "DT", "TM", "NA", "RP", "ED", "FT", "TX"]
    assert fields(site(version=version), given, "OBX", 2) == coded + time + rest


def test_an_original_text_needs_a_type_with_room():
    given = report({"value": {"code": "A", "original": "a a"}})
    assert fields(site(version="2.6"), given, "OBX", 5) == ["A^^^^^^^^a a"]
    assert fields(site(version="2.4"), given, "OBX", 5) == ["A"]
    assert "a a" in fields(site(version="2.4"), given, "NTE", 3)[0]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"value": "<5"}, "<5"),
        ({"value": ">= 100.0"}, ">= 100.0"),
        ({"value": "1:128"}, "1:128"),
        ({"value": "2+"}, "2+"),
        ({"value": {"cmp": "<", "n1": "0.10"}}, "<0.10"),
        ({"value": {"n1": 1, "sep": ":", "n2": "128"}}, "1:128"),
        ({"value": {"n1": "2", "sep": "+"}}, "2+"),
        ({"type": "SN", "value": 5}, "5"),
        ({"value": ["<5", "7.0"]}, "<5~7.0"),
        ({"type": "SN", "value": ["<5", "7.0"]}, "<5~7.0"),
    ],
)
def test_structured_numbers_as_text(result, text):
    builder = site(text={"structured": "ST"})
    assert (fields(builder, report(result), "OBX", 2), fields(builder, report(result), "OBX", 5)) == (["ST"], [text])


def test_a_structured_number_as_text_is_still_one():
    given = report({"type": "SN", "value": "abc"}, {"value": {"cmp": "!"}})
    assert refused(site(text={"structured": "ST"}), given) == [
        ("value.structured", "orders[0].results[0].value", "OBX[1]-5"),
        ("value.structured", "orders[0].results[1].value", "OBX[2]-5"),
    ]


LINES = "first|~\\.br\\\r\n\n  second\rlast\n"


@pytest.mark.parametrize("kind", ["auto", "TX", "FT"])
def test_lines_as_repetitions(kind):
    builder = site(text={"multiline": "repeat"})
    given = report(*[{"type": kind, "value": value} for value in (LINES, "one", [LINES, "x"])])
    whole = "first\\F\\\\R\\\\E\\.br\\E\\~~  second~last"
    assert fields(builder, given, "OBX", 5) == [whole, "one", f"{whole}~x"]
    assert fields(builder, given, "OBX", 2) == ["TX", "ST" if kind == "auto" else kind, "TX"]


def test_lines_one_obx_each():
    builder = site(text={"multiline": "split"})
    given = report(
        {"value": LINES, "status": "F", "notes": ["n"], "flags": ["A"]},
        {"value": "2"},
        {"value": "a\nb", "sub_id": "7", "type": "TX"},
        attachments=[{"path": "a.txt"}],
    )
    body = builder.build(given, control_id="C", now=NOW, attachments={"a.txt": b"x"}).body
    assert [line for line in body.decode().split("\r") if line[:3] in ("OBX", "NTE")] == [
        "OBX|1|TX|T0|1|first\\F\\\\R\\\\E\\.br\\E\\|||A|||F",
        "OBX|2|TX|T0|2||||A|||F",
        "OBX|3|TX|T0|3|  second|||A|||F",
        "OBX|4|TX|T0|4|last|||A|||F",
        "NTE|1|L|n",
        "OBX|5|NM|T1||2||||||F",
        "OBX|6|TX|T2|7.1|a||||||F",
        "OBX|7|TX|T2|7.2|b||||||F",
        "OBX|8|ED|TXT^Display format in TEXT^AUSPDI||^text^plain^Base64^eA==||||||F",
    ]


@given(st.lists(st.text(st.sampled_from("ab |^~\\&.r#"), min_size=1), min_size=2, max_size=4))
def test_lines_come_back(texts):
    value = "\n".join(texts)
    if not value.strip():
        return
    for multiline in ("repeat", "split"):
        written = fields(site(text={"multiline": multiline}), report({"type": "TX", "value": value}), "OBX", 5)
        back = [unescape(one) for field in written for one in field.split("~")]
        assert back == texts


def test_notes_one_a_line():
    given = report({"notes": ["a\nb|c", "d"]}, patient={"notes": ["p\r\nq"]}, notes=["o"])
    given.notes = ["r\ns"]
    whole = [("1", "p\\.br\\q"), ("2", "r\\.br\\s"), ("1", "o"), ("1", "a\\.br\\b\\F\\c"), ("2", "d")]
    apart = [("1", "p"), ("2", "q"), ("3", "r"), ("4", "s"), ("1", "o"), ("1", "a"), ("2", "b\\F\\c"), ("3", "d")]
    for notes, wanted in (("per-note", whole), ("per-line", apart)):
        builder = site(text={"notes": notes})
        assert list(zip(fields(builder, given, "NTE", 1), fields(builder, given, "NTE", 3), strict=True)) == wanted


def test_the_truncation_character_is_escaped_where_it_is_one():
    given = report({"value": "a#b|c"}, {"value": "x#\ny"}, {"test": {"code": "T#"}, "value": "1"})
    assert fields(site(), given, "OBX", 5)[:2] == ["a#b\\F\\c", "x#\\.br\\y"]
    builder = site(delimiters="^~\\&#")
    assert fields(builder, given, "OBX", 5)[:2] == ["a\\P\\b\\F\\c", "x\\P\\\\.br\\y"]
    assert fields(builder, given, "OBX", 3)[2] == "T\\P\\"
    assert fields(builder, given, "MSH", 1) == ["^~\\&#"]


@given(st.text(st.sampled_from("#P\\|^~&EFab\n")))
def test_escapes_with_truncation_come_back(text):
    escapes = escaping("^~\\&#")
    for escaped in (escapes.escape(text), escapes.escape_lines(text)):
        assert unescape(escaped) == text
        assert not set("|^~&#\r\n") & set(escaped)


@pytest.mark.parametrize(
    ("text", "codec", "handling", "written"),
    [
        ("Müller Ångström", "ascii", "strip-accents", "Muller Angstrom"),
        ("Weiß Łódź Æsir", "ascii", "strip-accents", "Weiss Lodz AEsir"),
        ("Mu\u0308ller", "iso8859-1", "strip-accents", "Müller"),
        ("Dvořák é", "iso8859-1", "strip-accents", "Dvorák é"),
        # What is no letter is not put in other words: it would be another result.
        ("10⁹/L m² ≠5 ≮5 ½ µg ≤2", "ascii", "strip-accents", "10⁹/L m² ≠5 ≮5 ½ µg ≤2"),
        ("漢 й", "iso8859-1", "strip-accents", "漢 й"),
        ("漢 µ é", "iso8859-1", "question-mark", "? µ é"),
        ("é", "ascii", "error", "é"),
    ],
)
def test_characters_that_the_character_set_lacks(text, codec, handling, written):
    assert replaced(text, codec, handling) == written


@given(st.text(), st.sampled_from(["ascii", "iso8859-1", "iso8859-2"]))
def test_signs_never_change(text, codec):
    """Nothing but letters is replaced by strip-accents, and only by letters."""
    new = replaced(text, codec, "strip-accents")
    signs = [c for c in text if c.isascii() and not c.isalpha()]
    assert [c for c in new if c.isascii() and not c.isalpha()] == signs or "\u0338" in text or not text.isprintable()


def test_what_is_replaced_is_told():
    given = report({"value": "Dvořák ≥"}, patient={"ids": [{"id": "1"}], "name": {"family": "Dvořák"}})
    assert refused(site(charset="8859/1"), given) == [
        ("charset.unencodable", "patient.name.family", "PID-5"),
        ("charset.unencodable", "orders[0].results[0].value", "OBX[1]-5"),
    ]
    assert refused(site(charset="8859/1", text={"unencodable": "strip-accents"}), given) == [
        ("charset.unencodable", "orders[0].results[0].value", "OBX[1]-5")
    ]
    builder = site(charset="8859/1", text={"unencodable": "question-mark"})
    assert fields(builder, given, "OBX", 5) == ["Dvo?ák ?"]
    assert [(one.code, one.field) for one in built(builder, given).warnings] == [
        ("charset.replaced", "PID-5"),
        ("charset.replaced", "OBX[1]-5"),
    ]
