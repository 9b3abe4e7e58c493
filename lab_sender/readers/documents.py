"""A PDF beside a result file: its name, and its way into the report or message.

Holds: which name belongs to which file, and the OBX that a ready message gets for a document.
Promises: a ready message gets one segment, after the last observation of its last order; no other byte changes.
Never: opens a file, or decides whether a PDF belongs to a report (pairing.py does).
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from dataclasses import replace

import msgspec

from lab_sender.errors import FileError
from lab_sender.readers.items import BadItem, Item, ReadyItem, ReportItem
from lab_sender.readers.settings import PdfInput
from lab_sender.report.model import Attachment, Report

_TEST = "PDF^Display format in PDF^AUSPDI"
"""OBX-3 of a PDF (Australian Pathology Display Interface codes), `^` for whatever separates components."""

_LONGEST_STEM = 255 - len(".pdf")  # bytes

# What may follow an OBR, and an OBX, before the next thing of the order begins (chapter 7.3.1, ORU^R01).
_OF_THE_ORDER = re.compile(rb"(?i:NTE|PRT|TQ1|TQ2|CTD|Z[A-Z0-9]{2})")
_OF_THE_OBSERVATION = re.compile(rb"(?i:NTE|PRT|Z[A-Z0-9]{2})")
_STATED = {b"F": b"F", b"P": b"P", b"C": b"C", b"R": b"R", b"A": b"P", b"I": b"P", b"S": b"P", b"O": b"P"}
"""OBR-25 or OBX-11 -> OBX-11 of the document; of anything else it is final."""


def companion_names(name: str, settings: PdfInput) -> tuple[str, ...]:
    """Return the names that a PDF beside the file `name` can have.

    None where the site does not pair, for a PDF, and where it would be no name; a PDF whose name fits
    `settings.name` is a result of its own, and never belongs to another file.
    """
    stem, ending = os.path.splitext(name)
    if settings.beside == "ignore" or ending.lower() == ".pdf" or len(os.fsencode(stem)) > _LONGEST_STEM:
        return ()
    names = (f"{stem}.pdf", f"{stem}.PDF")
    return names if settings.name is None else tuple(each for each in names if settings.name.whole(each) is None)


def with_companion(item: Item, name: str, document: bytes | None, test: str = "") -> Item:
    """Make the PDF `name` part of a report or message; None is one that did not come.

    `test` is OBX-3 in a ready message, CODE^TEXT^SYSTEM (of its letters those of ASCII); a built one has the
    profile's.
    """
    digest = hashlib.sha256(item.digest + hashlib.sha256(document or b"").digest()).digest()
    match item:
        case ReportItem():
            report = _with_attachment(item.report, name)
            documents = item.documents if document is None else {**item.documents, name: document}
            return replace(item, report=report, digest=digest, documents=documents)
        case ReadyItem():
            try:
                return replace(item, body=with_document(item.body, document, test), digest=digest)
            except FileError as error:
                return BadItem(item.place, error.findings, digest)
    return item


def _with_attachment(report: Report, name: str) -> Report:
    """Attach to the last order: there it stands in a ready message too."""
    *before, last = report.orders
    document = Attachment(path=name, mime="application/pdf")
    last = msgspec.structs.replace(last, attachments=[*last.attachments, document])
    return msgspec.structs.replace(report, orders=[*before, last])


def with_document(body: bytes, document: bytes | None, test: str = "") -> bytes:
    """Append a PDF to a ready message as an OBX of type ED.

    Raises FileError `attachment.missing`, `attachment.not-pdf`, or `attachment.delimiters`.
    """
    if document is None:
        raise FileError.of(
            "attachment.missing",
            "The PDF beside the message is not there.",
            hint="Put it into the outbox under the message's base name, then drop the message again.",
        )
    if not document.startswith(b"%PDF-"):
        raise FileError.of("attachment.not-pdf", "The PDF beside the message does not begin like one.")
    separator, component = body[3:4], body[4:5]
    code = component.join(part.encode("ascii", "ignore") for part in (test or _TEST).split("^"))
    if set(separator + body.split(separator, 2)[1]) & set(b"+/="):
        raise FileError.of(
            "attachment.delimiters",
            "A delimiter of the message (MSH-1, MSH-2) is a character of Base64; a document cannot stand in it.",
        )
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
