"""results/: what a result file says. One reader per format, one model for all."""

from .documents import companion_names, with_companion, with_document
from .items import BadItem, Item, Reading, ReadyItem, ReportItem
from .model import Report
from .plugins import site_readers
from .reader import Reader, report_item
from .reading import attachment_paths, read, with_control_id
from .schema import report_schema
from .settings import AstmInput, Inputs, PdfInput

__all__ = [
    "AstmInput",
    "BadItem",
    "Inputs",
    "Item",
    "PdfInput",
    "Reader",
    "Reading",
    "ReadyItem",
    "Report",
    "ReportItem",
    "attachment_paths",
    "companion_names",
    "read",
    "report_item",
    "report_schema",
    "site_readers",
    "with_companion",
    "with_control_id",
    "with_document",
]
