"""A control id or a document put into a ready message's bytes.

Holds: the two changes that a ready message may need before it can be sent.
Promises: no other byte changes, whatever the message's delimiters and character set.
Never: decides whether a change is due.
"""

from __future__ import annotations

import re
from base64 import b64encode

from lab_sender.errors import FileError
from lab_sender.hl7.message import delimiters_of, read

_PDF_TEST = "PDF^Display format in PDF^AUSPDI"
"""OBX-3 of a PDF (Australian Pathology Display Interface codes), `^` for whatever separates components."""

# What may follow an OBR, and an OBX, before the next thing of the order begins (chapter 7.3.1, ORU^R01).
_OF_THE_ORDER = re.compile(rb"(?i:NTE|PRT|TQ1|TQ2|CTD|Z[A-Z0-9]{2})")
_OF_THE_OBSERVATION = re.compile(rb"(?i:NTE|PRT|Z[A-Z0-9]{2})")
_STATED = {b"F": b"F", b"P": b"P", b"C": b"C", b"R": b"R", b"A": b"P", b"I": b"P", b"S": b"P", b"O": b"P"}
"""OBR-25 or OBX-11 -> OBX-11 of the document; of anything else it is final."""


def with_control_id(body: bytes, control_id: str) -> bytes:
    """Put `control_id` (ASCII) into MSH-10; an MSH that ends before it is filled up with separators."""
    line, end, rest = body.partition(b"\r")
    text, codec, _ = read(line)
    fields = text.split(text[3:4])
    fields += [""] * (10 - len(fields))
    fields[9] = control_id
    return text[3:4].join(fields).encode(codec) + end + rest


def with_document(body: bytes, document: bytes | None, test: str = "") -> bytes:
    """Append a PDF to a ready message as an OBX of type ED, after the last observation of its last order.

    `test` is OBX-3, CODE^TEXT^SYSTEM; letters beyond ASCII are left out. Raises FileError `attachment.missing`
    (`document` is None), `attachment.not-pdf`, or `attachment.delimiters`.
    """
    if document is None:
        raise FileError.of(
            "attachment.missing",
            "The PDF beside the message is not there.",
            hint="Put it into the outbox under the message's base name, then drop the message again.",
        )
    if not document.startswith(b"%PDF-"):
        raise FileError.of("attachment.not-pdf", "The PDF beside the message does not begin like one.")
    head = body[:9].decode("latin-1")
    delimiters = delimiters_of(head)
    if {delimiters.field, *head[4:].partition(delimiters.field)[0]} & set("+/="):
        raise FileError.of(
            "attachment.delimiters",
            "A delimiter of the message (MSH-1, MSH-2) is a character of Base64; a document cannot stand in it.",
        )
    separator, component = delimiters.field.encode(), delimiters.component.encode()
    code = component.join(part.encode("ascii", "ignore") for part in (test or _PDF_TEST).split("^"))
    lines = body.split(b"\r")
    kinds = [line[:3].upper() for line in lines]
    order = len(kinds) - 1 - kinds[::-1].index(b"OBR") if b"OBR" in kinds else kinds.index(b"OBX") - 1
    end = _run(kinds, order + 1, _OF_THE_ORDER)
    last: list[bytes] = []
    while kinds[end] == b"OBX":
        last = lines[end].split(separator)
        end = _run(kinds, end + 1, _OF_THE_OBSERVATION)
    ordered = lines[order].split(separator) if kinds[order] == b"OBR" else []
    status = next((_STATED[word] for word in ordered[25:26] + last[11:12] if word in _STATED), b"F")
    number = int(last[1]) + 1 if last[1:] and last[1].isdigit() else kinds[order:end].count(b"OBX") + 1
    data = component.join((b"", b"application", b"pdf", b"Base64", b64encode(document)))
    fields = [b"OBX", b"%d" % number, b"ED", code, b"", data, *[b""] * 5, status]
    return b"\r".join([*lines[:end], separator.join(fields), *lines[end:]])


def _run(kinds: list[bytes], start: int, kind: re.Pattern[bytes]) -> int:
    """Return where the run of segments of these kinds ends."""
    while start < len(kinds) and kind.fullmatch(kinds[start]):
        start += 1
    return start
