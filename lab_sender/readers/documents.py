"""A PDF beside a result file: its name, and its way into the report or message.

Holds: which name belongs to which file, and how a document becomes part of an item.
Promises: the item's digest is another one with another document, or with none.
Never: opens a file, or decides whether a PDF belongs to a report (pairing.py does).
"""

from __future__ import annotations

import hashlib
import os

import msgspec
from msgspec.structs import replace

from lab_sender.config.inputs import PdfInput
from lab_sender.errors import FileError
from lab_sender.hl7.stamp import with_document
from lab_sender.readers.items import BadItem, Item, ReadyItem, ReportItem
from lab_sender.report.model import Attachment, Report
from lab_sender.report.pdf import CUT_HINT, is_cut

_LONGEST_STEM = 255 - len(".pdf")  # bytes


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


def with_companion(
    item: Item, name: str, document: bytes | None, test: str = "", *, may_be_cut: bool = False
) -> Item:
    """Make the PDF `name` part of a report or message; None is one that did not come.

    `may_be_cut`: also one without its end mark, in a ready message; a built one has the profile's rule. `test` is
    OBX-3 in a ready message, CODE^TEXT^SYSTEM (of its letters those of ASCII); a built one has the profile's.
    """
    digest = hashlib.sha256(item.digest + hashlib.sha256(document or b"").digest()).digest()
    match item:
        case ReportItem():
            report = _with_attachment(item.report, name)
            documents = item.documents if document is None else {**item.documents, name: document}
            return replace(item, report=report, digest=digest, documents=documents)
        case ReadyItem():
            try:
                if document is not None and not may_be_cut and is_cut(document):
                    text = "The PDF beside the message has no end mark (%%EOF): it is cut off."
                    raise FileError.of("attachment.cut", text, hint=CUT_HINT)
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
