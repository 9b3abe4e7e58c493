"""No value can break out of its field, and every value comes back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.profile import builtin
from lab_sender.config.profile.model import VERSIONS
from lab_sender.errors import FileError, Finding
from lab_sender.hl7.escape import escape, escape_lines, unescape
from lab_sender.hl7.tables import FLAG_WORDS
from lab_sender.oru import Builder
from lab_sender.report.model import (
    Address,
    Authority,
    Coded,
    Identifier,
    Name,
    Order,
    OrderNumber,
    Patient,
    Person,
    Range,
    Report,
    Result,
    Specimen,
)

BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, tzinfo=UTC)

# What an attacker, a clumsy export or another HL7 message may hold.
PIECES = st.sampled_from(
    [
        "|",
        "^",
        "&",
        "~",
        "\\",
        "\r",
        "\n",
        "\r\n",
        "\t",
        "\\F\\",
        "\\E\\",
        "\\.br\\",
        "\\X0D\\",
        "\\X0D",
        "\\H\\",
        "\\Z1\\",
        "\rOBX|1|NM|X||1||||||F",
        "MSH|^~\\&|",
        '"',
        "#",
        "a",
        "Ä",
        "\u2028",
        "\U0001fa78",
        "0D\\",
        "S\\",
        ".br",
    ]
)
NASTY = st.one_of(
    st.lists(PIECES, min_size=1, max_size=6).map("".join),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8),
).filter(lambda text: text.strip() and text != '""')


@given(NASTY)
@example("\\")
@example("C:\\F\\x")
@example("\\S|")
def test_escape_is_reversible_and_holds_no_delimiter(text):
    for escaped in (escape(text), escape_lines(text)):
        assert not re.search(r"[|^&~\r\n\t]", escaped)
    assert unescape(escape(text)) == text
    assert unescape(escape_lines(text)) == re.sub(r"\r\n?", "\n", text)


def test_sequences_without_plain_text_stay():
    assert (
        unescape("\\H\\bold\\N\\ \\Zxx\\ \\.sp2\\ \\XFF\\ \\X0\\ \\")
        == "\\H\\bold\\N\\ \\Zxx\\ \\.sp2\\ \\XFF\\ \\X0\\ \\"
    )


def everywhere(text: str) -> Report:
    """Return a report with `text` in every field that takes text."""
    coded = Coded(text, text, text)
    person = Person(id=text, authority=Authority(text, text, "L"), family=text, given=text)
    return Report(
        Patient(
            ids=[Identifier(text, Authority(text, text, "L"), text)],
            name=Name(text, text, text, text, text, text),
            address=Address(text, text, text, text, text, text),
            phones=[text],
            notes=[text],
        ),
        [
            Order(
                test=coded,
                filler=OrderNumber(text, Authority(text)),
                section=text,
                clinical_info=text,
                orderer=person,
                specimens=[Specimen(id="S", type=coded, notes=[text])],
                notes=[text],
                results=[
                    Result(coded, sub_id="1", type="ST", value=text, unit=text, range=Range(text=text), notes=[text]),
                    Result(coded, sub_id="2", type="FT", value=text, unit=coded, range=Range(low=text, high=text)),
                    Result(coded, sub_id="3", value={"code": text, "text": text, "system": text}, flags=[text]),
                    Result(coded, sub_id="4", type="TX", value=[text, text], observer=person),
                    Result(coded, sub_id="5", value={"pointer": text, "type": text}),
                ],
            )
        ],
    )


@cache
def site_builder(version, delimiters):
    return Builder(builtin(f"generic-{version}", delimiters=delimiters))


def errors(builder: Builder, report: Report, **more: str) -> list[Finding]:
    """Return the errors for which a report is refused."""
    with pytest.raises(FileError) as refused:
        builder.build(report, control_id="C", now=NOW, attachments={}, **more)
    return [finding for finding in refused.value.findings if finding.severity == "error"]


def shape(body: bytes) -> list[list[list[list[int]]]]:
    """Count segments, fields, repetitions, components and subcomponents."""
    return [
        [[[c.count("&") for c in r.split("^")] for r in field.split("~")] for field in line.split("|")]
        for line in body.decode().split("\r")[1:]
    ]


@pytest.mark.long
@examples(100)
@given(NASTY, st.sampled_from(VERSIONS), st.sampled_from(("^~\\&", "^~\\&#")))
@example("\rOBX|9|NM|X||1||||||F", "2.5.1", "^~\\&")
@example("x#", "2.7", "^~\\&#")
@example("<", "2.7", "^~\\&")
@example("a", "2.7", "^~\\&")
def test_no_value_breaks_out_of_its_field(text, version, delimiters):
    builder = site_builder(version, delimiters)

    def build(value):
        return builder.build(everywhere(value), control_id="C", now=NOW, attachments={}).body

    is_flag = " ".join(text.split()).lower() in FLAG_WORDS
    plain = "N" if is_flag else "Q@" if "@" in text else "Q"  # a flag, an e-mail address or none
    body = build(text)
    assert shape(body) == shape(build(plain))
    assert not re.search(rb"[\x00-\x0c\x0e-\x1f]", body)
    last = body.decode().split("\r")
    pid = next(line for line in last if line.startswith("PID|")).split("|")
    assert [unescape(part) for part in pid[5].split("^")[:5]] == [text] * 5
    assert ("#" in body.decode().partition("\r")[2]) == ("#" in text and "#" not in delimiters)


@pytest.mark.parametrize("control", ["\x00", "\x0b", "\x1c", "\x1b", "\x7f", "\x85"])
def test_a_control_character_is_a_finding_at_every_place(control):
    findings = errors(BUILDER, everywhere(f"a{control}b"))
    assert {finding.code for finding in findings} == {"text.control"}
    places = {(finding.place, finding.field) for finding in findings}
    assert ("patient.name.family", "PID-5") in places
    assert ("orders[0].results[3].value[1]", "OBX[4]-5") in places
    assert ("orders[0].results[0].notes[0]", "NTE[3]-3") in places
    assert ("orders[0].results[1].range.high", "OBX[2]-7") in places
    assert len(places) > 40
    assert all(control not in finding.line() for finding in findings)


def test_a_pair_of_quotes_would_delete_at_the_receiver():
    assert {finding.code for finding in errors(BUILDER, everywhere('""'))} == {"text.null"}


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("ASCII", "ascii", "A"),
        ("8859/1", "iso8859-1", "Jürgen"),
        ("8859/15", "iso8859-15", "€"),
        ("8859/5", "iso8859-5", "Анна"),
        ("UNICODE UTF-8", "utf-8", "漢字 \U0001fa78"),
    ],
)
def test_msh_18_and_the_bytes_agree(charset, codec, text):
    builder = Builder(builtin(charset=charset))
    body = builder.build(everywhere(text), control_id="C", now=NOW, attachments={}).body
    msh = body.split(b"\r")[0].decode("ascii").split("|")
    assert (msh[17] if len(msh) > 17 else "") == ("" if charset == "ASCII" else charset)
    assert f"|{text}^{text}^{text}|" in body.decode(codec)


@pytest.mark.parametrize(("charset", "text"), [("ASCII", "ü"), ("8859/1", "€"), ("UNICODE UTF-8", "\ud800")])
def test_a_character_the_set_lacks_is_a_finding(charset, text):
    builder = Builder(builtin(charset=charset))
    report = everywhere("A")
    report.patient.name.given = text
    report.orders[0].results[3].value = ["A", text]
    found = errors(builder, report, place="[2]")
    assert [(finding.code, finding.place, finding.field) for finding in found] == [
        ("charset.unencodable", "[2].patient.name.given", "PID-5"),
        ("charset.unencodable", "[2].orders[0].results[3].value[1]", "OBX[4]-5"),
    ]
