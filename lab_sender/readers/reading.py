"""A file's bytes to its reading: finds the format by content and hands over to its reader.

Holds: the order in which the readers are asked.
Promises: a site's own readers are asked first, CSV last; a reader is imported when a file may be its own. `read`
raises `FileError` and nothing else, whatever the bytes; a file is read as one report at least.
Never: opens a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lab_sender.config.inputs import Inputs
from lab_sender.errors import FileError
from lab_sender.readers.astm.records import looks_like_astm
from lab_sender.readers.fhir.reader import FhirReader
from lab_sender.readers.guards.reports import Guard
from lab_sender.readers.hl7.reader import Hl7Reader
from lab_sender.readers.items import BadItem, Item, Reading, ReadyItem, Remark, ReportItem
from lab_sender.readers.json.reader import JsonReader, NdjsonReader
from lab_sender.readers.plugins import site_readers
from lab_sender.readers.reader import Reader
from lab_sender.readers.unrecognised import unrecognised
from lab_sender.report.model import Report

__all__ = [
    "BadItem",
    "Item",
    "Reading",
    "ReadyItem",
    "ReportItem",
    "attachment_paths",
    "read",
]

MOST_REPORTS = 20_000
"""A file is taken into the journal in one transaction, which nothing else can come between."""
_BOM = b"\xef\xbb\xbf"
_LEAD = re.compile(rb"[ \t\r\n\x0b]*")
_JSON: tuple[Reader, ...] = (NdjsonReader(), JsonReader())
_defaults = lru_cache(1)(Inputs)
_guard = lru_cache(4)(Guard)


def read(data: bytes, name: str = "", inputs: Inputs | None = None) -> Reading:
    """Read a whole file. Raises `FileError` when the file as a whole cannot be read.

    A fault of one report or message among several is a `BadItem`; the others can go on. `name` is the file's
    name; its content decides what it is.
    """
    data, start = _begun(data)
    inputs = inputs or _defaults()
    reader = _reader_of(data, start, inputs)
    if reader is None:
        raise unrecognised(data, start, name)
    found = reader.read(data, name)
    items, remarks = _guard(inputs.words_for_nothing).hold(item for item in found if not isinstance(item, Remark))
    if not items:
        raise FileError.of("file.no-report", "The file holds no report.")
    if len(items) > MOST_REPORTS:
        text = f"The file holds more than {MOST_REPORTS} reports or messages ({len(items)})."
        raise FileError.of("file.too-many-reports", text, hint="Split it; nothing of this file was sent.")
    remarks = [*(item.finding for item in found if isinstance(item, Remark)), *remarks]
    return Reading(reader.kind, items, tuple(remarks))


def kind_of(data: bytes, inputs: Inputs | None = None) -> str:
    """Say which reader takes a file (`csv`, `hl7` ...), without reading it; "" for one that none takes."""
    data, start = _begun(data)
    inputs = inputs or _defaults()
    reader = _reader_of(data, start, inputs)
    return "" if reader is None else reader.kind


def _begun(data: bytes) -> tuple[bytes, int]:
    """Return the bytes without a byte order mark, and where they begin after blanks."""
    if data.startswith(_BOM):
        data = b"   " + data[3:]  # blanks, so that byte offsets stay the file's
    return data, _LEAD.match(data).end()  # type: ignore[union-attr]  # matches the empty string


def _reader_of(data: bytes, start: int, inputs: Inputs) -> Reader | None:
    return next((reader for reader in _readers(data, start, inputs) if reader.recognises(data, start)), None)


def _readers(data: bytes, start: int, inputs: Inputs) -> Iterator[Reader]:
    """Yield the readers in the order in which they are asked; only JSON and HL7 are imported always."""
    yield from site_readers()
    if data.startswith(b"%PDF", start):
        from lab_sender.readers.pdf import PdfReader

        yield PdfReader(inputs.pdf)
    if b"\x00" not in data:
        yield Hl7Reader(inputs.hl7)
        yield FhirReader(inputs.fhir)
        yield from _JSON
        if looks_like_astm(data, start):
            from lab_sender.readers.astm.reader import AstmReader

            yield AstmReader(inputs.astm)
    from lab_sender.readers.csv.reader import CsvReader

    yield CsvReader(inputs.csv, inputs.words_for_nothing)


def attachment_paths(report: Report) -> list[str]:
    """Name the files that belong to a report, each once, in the order of the report."""
    return list(dict.fromkeys(attachment.path for order in report.orders for attachment in order.attachments))
