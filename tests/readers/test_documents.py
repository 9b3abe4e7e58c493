"""A PDF beside a ready message becomes one OBX, at the right place, in the message's own delimiters."""

from __future__ import annotations

from base64 import b64encode

import pytest

from lab_sender.errors import FileError
from lab_sender.hl7.stamp import with_document
from lab_sender.patterns import Pattern
from lab_sender.readers import PdfInput, companion_names
from readers.samples import MESSAGE, only

PDF = b"%PDF-1.4 \xff\n%%EOF"
DATA = b64encode(PDF)


def put(*segments: str) -> tuple[int, bytes]:
    """Put the PDF into MSH and these segments; return the place of the new one, and it."""
    lines = [b"MSH|^~\\&|||||||ORU^R01|1|P|2.5.1", *(each.encode() for each in segments)]
    after = with_document(b"\r".join(lines) + b"\r", PDF).split(b"\r")[:-1]
    (place,) = [number for number, line in enumerate(after) if DATA in line]
    assert after[:place] + after[place + 1 :] == lines
    return place, after[place]


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        (["PID|1", "OBR|1", "OBX|1|NM|A||1", "OBX|2|NM|B||1"], 5),
        (["PID|1", "OBR|1", "OBX|1|NM|A||1", "NTE|1", "ZZZ|1"], 6),
        (["OBR|1", "NTE|1", "TQ1|1", "OBX|1|NM|A||1", "SPM|1", "OBX|1|NM|OfTheSpecimen||1"], 5),
        (["OBR|1", "OBX|1", "ORC|RE", "OBR|2", "OBX|1|NM|A||1", "CTI|1"], 6),
        (["PID|1", "ORC|RE", "OBR|1", "NTE|1", "SPM|1"], 5),
        (["PID|1", "OBX|1|NM|A||1", "OBX|2|NM|A||1"], 4),
        (["obr|1", "obx|1|NM|A||1", "prt|1"], 4),
    ],
)
def test_it_stands_after_the_last_observation_of_the_last_order(segments, place):
    assert put(*segments)[0] == place


@pytest.mark.parametrize(("last", "number"), [("OBX|7|NM|A||1", b"8"), ("OBX||NM|A||1", b"2"), ("NTE|1", b"1")])
def test_its_number_follows(last, number):
    assert put("OBR|1", last)[1].split(b"|")[1] == number


@pytest.mark.parametrize(
    ("ordered", "observed", "status"),
    [("F", "F", "F"), ("P", "F", "P"), ("C", "C", "C"), ("", "P", "P"), ("", "", "F"), ("A", "F", "P"),
     ("X", "X", "F")],
)  # fmt: skip
def test_its_status_is_that_of_the_order(ordered, observed, status):
    line = put("OBR|1" + "|" * 24 + ordered, "OBX|1|NM|A||1||||||" + observed)[1]
    assert line.split(b"|")[11] == status.encode()


def test_own_delimiters_and_code():
    body = b"MSH#!~\\&#LAB\rOBR#1\rOBX#1#NM#A##1\r"
    last = with_document(body, PDF, "R!port^A report^L").split(b"\r")[-2]
    assert last == b"OBX#2#ED#R!port!A report!L##!application!pdf!Base64!" + DATA + b"######F"
    assert with_document(MESSAGE, PDF).startswith(MESSAGE)
    assert only(with_document(MESSAGE, PDF)).control_id == "MSG1"


@pytest.mark.parametrize(
    ("body", "document", "code"),
    [(MESSAGE, None, "attachment.missing"), (MESSAGE, b"GIF8", "attachment.not-pdf"),
     (MESSAGE, b"", "attachment.not-pdf"), (MESSAGE.replace(b"^", b"+"), PDF, "attachment.delimiters")],
)  # fmt: skip
def test_what_cannot_be_appended(body, document, code):
    with pytest.raises(FileError) as caught:
        with_document(body, document)
    assert caught.value.code == code


def test_the_names_of_a_companion():
    attach = PdfInput(beside="attach")
    assert companion_names("F1.hl7", attach) == companion_names("F1", attach) == ("F1.pdf", "F1.PDF")
    assert companion_names("a.b.csv", PdfInput(beside="wait")) == ("a.b.pdf", "a.b.PDF")
    assert companion_names("F1.pdf", attach) == companion_names("F1.PDF", attach) == ()
    assert companion_names("x" * 252 + ".h", attach) == companion_names("F1.hl7", PdfInput()) == ()
    own = PdfInput(name=Pattern(r"\w+_\w+\.pdf"), beside="wait")
    assert companion_names("1_F1.hl7", own) == ("1_F1.PDF",)
    assert companion_names("F1.hl7", own) == ("F1.pdf", "F1.PDF")
