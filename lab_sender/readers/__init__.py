"""readers/: a file's bytes -> items. One inner room per format, one report model for all.

Holds: the face of the room, which is also that of a site's own readers: what they need is imported from here.
Promises: a file is known by its content; what cannot be read is an item with its place and reason.
Never: opens a file or keeps one.
"""

from lab_sender.config.inputs import AstmInput, Inputs, PdfInput
from lab_sender.errors import FileError, Finding
from lab_sender.readers.documents import companion_names, with_companion
from lab_sender.readers.items import BadItem, Item, Reading, ReadyItem, Remark, ReportItem, owners_of
from lab_sender.readers.plugins import site_readers
from lab_sender.readers.reader import Reader, report_item
from lab_sender.readers.reading import attachment_paths, kind_of, read
from lab_sender.report.model import (
    Address,
    Alternate,
    Attachment,
    Authority,
    Coded,
    Identifier,
    InlineData,
    Name,
    NextOfKin,
    Order,
    OrderNumber,
    Organization,
    Parent,
    Patient,
    Person,
    Phone,
    Pointer,
    Range,
    Report,
    Result,
    Specimen,
    StructuredNumber,
    Timing,
    Visit,
)
from lab_sender.report.schema import report_schema

__all__ = [
    "Address",
    "Alternate",
    "AstmInput",
    "Attachment",
    "Authority",
    "BadItem",
    "Coded",
    "FileError",
    "Finding",
    "Identifier",
    "InlineData",
    "Inputs",
    "Item",
    "Name",
    "NextOfKin",
    "Order",
    "OrderNumber",
    "Organization",
    "Parent",
    "Patient",
    "PdfInput",
    "Person",
    "Phone",
    "Pointer",
    "Range",
    "Reader",
    "Reading",
    "ReadyItem",
    "Remark",
    "Report",
    "ReportItem",
    "Result",
    "Specimen",
    "StructuredNumber",
    "Timing",
    "Visit",
    "attachment_paths",
    "companion_names",
    "kind_of",
    "owners_of",
    "read",
    "report_item",
    "report_schema",
    "site_readers",
    "with_companion",
]
