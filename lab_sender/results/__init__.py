"""results/: what a result file says. One reader per format, one model for all."""

from .items import BadItem, Item, Reading, ReadyItem, ReportItem
from .model import Report
from .reading import attachment_paths, read, with_control_id
from .schema import report_schema

__all__ = [
    "BadItem",
    "Item",
    "Reading",
    "ReadyItem",
    "Report",
    "ReportItem",
    "attachment_paths",
    "read",
    "report_schema",
    "with_control_id",
]
