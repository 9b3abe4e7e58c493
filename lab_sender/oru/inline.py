"""Data inside a report (HL7 ED) to the form in which it is sent.

Holds: the wrappings of Base64 and hexadecimal: lines, the URL-safe alphabet, a `data:` URI.
Promises: the bytes that the report holds are sent, in one line of the standard alphabet. Data that are not of their
stated type are a finding, as with a file beside the report.
Never: guesses at letters outside of the encoding, or completes what is cut off.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final, NamedTuple

from lab_sender.oru.attachments import fault_of_cut
from lab_sender.oru.writer import Writer
from lab_sender.report.pdf import is_cut

_VALUE: Final = 5
_DATA_URI: Final = re.compile(r"data:([^;,]*)((?:;[^;,=]*=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_GROUP: Final = 4  # letters of Base64; two bytes of hexadecimal
_PDF: Final = "application/pdf"


class Inline(NamedTuple):
    """Data as text of its encoding, and its media type in two parts."""

    text: str
    top: str
    subtype: str


def unwrapped(w: Writer, given: Inline, encoding: str, at: str) -> Inline:
    """Return Base64 or hexadecimal data in one line, and its media type: the stated one, else the `data:` URI's."""
    text, top, subtype = given
    uri = _DATA_URI.match(text)
    if uri:
        stated = uri[1].strip().lower()
        if not uri[3] or encoding != "Base64":
            w.fault("value.base64", "The data: URI does not say that it is Base64.", _VALUE, at, "data",
                    hint="Write data:application/pdf;base64,... with encoding Base64, or Base64 alone.")  # fmt: skip
        elif stated and (top or subtype) and stated != f"{top}/{subtype}".lower():
            w.fault("value.media-type", "The data: URI names another media type than `type` and `subtype`.", _VALUE,
                    at, "data", hint="Write the one that is right in both places, or the Base64 alone.")  # fmt: skip
        elif not (top or subtype):
            top, _, subtype = stated.partition("/")
        text = text[uri.end() :]
    text = _joined(text)
    data = _base64(w, text, at) if encoding == "Base64" else _hexadecimal(w, text, at)
    if data:
        _judge(w, f"{top}/{subtype}".lower(), data, at)
    if encoding == "Base64" and data:
        text = b64encode(data).decode("ascii")
    return Inline(text, top, subtype)


def _joined(text: str) -> str:
    """Join lines that consist of whole groups of letters; other lines are text, not an encoding, and stay."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "".join(lines) if all(len(line) % _GROUP == 0 for line in lines[:-1]) else text


def _base64(w: Writer, text: str, at: str) -> bytes:
    if ("-" in text or "_" in text) and "+" not in text and "/" not in text:
        text = text.translate(_URL_SAFE)
        text += "=" * (-len(text) % 4)  # the URL-safe form may leave its padding out (RFC 4648, 3.2)
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        if re.fullmatch(r"[A-Za-z0-9+/\s]*={0,2}\s*", text) and not re.search(r"\S[ \t]+\S", text):
            hint = "It ends too early, or in the wrong place: see whether it was cut off, or joined of several parts."
        else:
            hint = "It has letters that Base64 does not have; for plain text write it as a text, without an object."
        w.fault("value.base64", "The data is not valid Base64.", _VALUE, at, "data", hint=hint)
        return b""


def _hexadecimal(w: Writer, text: str, at: str) -> bytes:
    if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", text):
        w.fault("value.hex", "The data is not valid hexadecimal.", _VALUE, at, "data",
                hint="It is two of 0-9 and A-F for each byte.")  # fmt: skip
        return b""
    return bytes.fromhex(text)


def _judge(w: Writer, kind: str, data: bytes, at: str) -> None:
    """Compare a document's bytes with its stated type."""
    if is_cut(data):
        fault_of_cut(w, _VALUE, at, "data")
    elif kind == _PDF and not data.startswith(b"%PDF-"):
        w.fault("attachment.not-pdf", "The data is said to be a PDF and does not begin like one.", _VALUE, at, "data",
                hint="Give its real type and subtype, or the PDF itself.")  # fmt: skip
