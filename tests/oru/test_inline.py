"""Documents inside a report: the wrappings of Base64, and whether they are what they are said to be."""

from __future__ import annotations

import base64
import textwrap

import pytest

from lab_sender.errors import FileError
from oru.test_builder import build, refused, report, segments

PDF = b"%PDF-1.4\n\xff\xfe\xfd" + b"x" * 120 + b"\n%%EOF\n"
PLAIN = base64.b64encode(PDF).decode()
KIND = {"type": "application", "subtype": "pdf"}


def sent(value):
    return segments(report({"value": value}), "OBX")[0][5]


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        "\r\n".join(textwrap.wrap(PLAIN, 76)),
        "\n".join(textwrap.wrap(PLAIN, 64)) + "\n",
        f"  {PLAIN[:40]}  \n  {PLAIN[40:]}\t",
        base64.urlsafe_b64encode(PDF).decode(),
        base64.urlsafe_b64encode(PDF).decode().rstrip("="),
        f"data:application/pdf;base64,{PLAIN}",
        f"data:application/pdf;name=r.pdf;base64,{PLAIN}",
        f"data:;base64,{PLAIN}",
        "DATA:Application/PDF;Base64,\n" + "\n".join(textwrap.wrap(PLAIN, 76)),
    ],
)
def test_a_document_in_its_usual_wrappings_is_sent_as_its_bytes(data):
    assert {*"-_"} & {*base64.urlsafe_b64encode(PDF).decode()}, "the sample shows the URL-safe letters"
    assert sent({"data": data, **KIND}) == f"^application^pdf^Base64^{PLAIN}"


def test_a_data_uri_names_the_media_type_where_nothing_else_does():
    assert sent({"data": f"data:application/pdf;base64,{PLAIN}"}) == f"^application^pdf^Base64^{PLAIN}"


def test_hexadecimal_in_lines_is_sent_in_one():
    text = PDF.hex()
    assert sent({"data": "\n".join(textwrap.wrap(text, 60)), "encoding": "Hex", **KIND}) == (
        f"^application^pdf^Hex^{text}"
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("Report of 19 August", "value.base64"),
        ("Report\nof\n19 August", "value.base64"),
        (PLAIN[:-1], "value.base64"),
        (f"{PLAIN[:41]}\n{PLAIN[41:]}", "value.base64"),  # a letter may be missing at the line end
        (f"{PLAIN}{PLAIN}", "value.base64"),  # two, joined at a padding
        (f"data:application/pdf,{PLAIN}", "value.base64"),
        (f"data:image/png;base64,{PLAIN}", "value.media-type"),
        (base64.b64encode(b"hello world").decode(), "attachment.not-pdf"),
        ("", "value.empty"),
        ("data:application/pdf;base64,", "value.empty"),
        ("-_-_+/+/", "value.base64"),  # letters of both alphabets
    ],
)
def test_a_wrong_document_is_one_finding_at_its_place(data, code):
    found = refused(report({"value": {"data": data, **KIND}}))
    assert [one[0] for one in found] == [code]
    assert found[0][1].startswith("orders[0].results[0].value")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("Report of 19 August", "write it as a text"),
        (PLAIN[:-1], "cut off"),
        (f"{PLAIN[:41]}\n{PLAIN[41:]}", "cut off"),
        (f"data:application/pdf,{PLAIN}", "base64,"),
    ],
)
def test_the_hint_fits_what_is_wrong(data, hint):
    with pytest.raises(FileError) as caught:
        build(report({"value": {"data": data, **KIND}}))
    assert hint in caught.value.findings[0].hint
