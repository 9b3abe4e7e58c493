"""What a reader of one format is, for ours and for a site's own.

Holds: the interface of a reader, and the step from a decoded report to an item.
Promises: `report_item` gives the same digest for the same report, and quarantines what could not become a message.
Never: knows a format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import msgspec

from lab_sender.errors import bounded
from lab_sender.readers.items import BadItem, Item, Places, Remark, ReportItem
from lab_sender.readers.rules import rule_faults
from lab_sender.report.model import Report

_CANONICAL = msgspec.json.Encoder(order="deterministic")


class Reader(Protocol):
    """Reads files of one format.

    The data comes without a byte order mark (blanks stand in its place, so offsets stay the file's).
    """

    @property
    def kind(self) -> str:
        """Name the format in one word: `csv`. It is shown by `status` and kept in the journal."""

    def recognises(self, data: bytes, start: int, /) -> bool:
        """Tell by a cheap look whether a file is of this format; `start` is the first byte after blanks."""

    def read(self, data: bytes, name: str, /) -> Sequence[Item | Remark]:
        """Read a file that was recognised; `name` is its name in the outbox, "" where it has none.

        Raises FileError when the file as a whole cannot be read. A report that cannot go on among others that
        can is a BadItem.
        """


def report_item(
    place: str, report: Report, documents: dict[str, bytes] | None = None, places: Places | None = None
) -> ReportItem | BadItem:
    """Make the item of a report that stands at `place` in its file ("" where it is all of it).

    `documents` are the bytes of those of its attachments that the file itself holds, by their path. `places` has
    where in the file the parts of the report stand, where `orders[0].results[1].value` would help nobody.
    """
    digest = hashlib.sha256(_CANONICAL.encode(report))
    for name in sorted(documents or ()):
        digest.update(hashlib.sha256((documents or {})[name]).digest())
    item = ReportItem(place, report, digest.digest(), documents or {}, places)
    return held_to_the_rules(item)


def held_to_the_rules(item: ReportItem) -> ReportItem | BadItem:
    """Refuse a report that could not become a message, whoever made it."""
    findings = bounded(rule_faults(item.report, item.place))
    return BadItem(item.place, item.located(findings), item.digest) if findings else item
