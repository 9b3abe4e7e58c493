"""What the tests of site profiles share: a small report, and the lines that a site makes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.report.model import Report

NOW = datetime(2026, 11, 22, 12, 30, 45, tzinfo=UTC)


def site(**settings):
    """Return the Builder of a site with these settings."""
    return Builder(builtin(**settings))


def report(*results, patient=None, **order):
    """Return a report of one order with these results (dicts)."""
    return msgspec.convert(
        {
            "patient": {"ids": [{"id": "1", "type": "MR"}], "name": {"family": "A"}} | (patient or {}),
            "orders": [
                {
                    "filler": "F1",
                    "test": {"code": "P"},
                    "collected": "2024",
                    "reported": "2024",
                    "results": [{"test": {"code": f"T{n}"}, "value": "1"} | one for n, one in enumerate(results)],
                }
                | order,
            ],
        },
        Report,
    )


def built(builder, given):
    return builder.build(given, control_id="C1", now=NOW, attachments={})


def lines(builder, given):
    """Return the lines of the message, from its bytes."""
    return built(builder, given).body.decode(builder.site.codec).split("\r")


def fields(builder, given, segment, number):
    """Return field `number` of each such segment."""
    rows = [line.split("|") for line in lines(builder, given) if line.startswith(segment)]
    return [row[number] if number < len(row) else "" for row in rows]


def refused(builder, given):
    """Return code, place and field of each error."""
    with pytest.raises(FileError) as caught:
        built(builder, given)
    return [(f.code, f.place, f.field) for f in caught.value.findings if f.severity == "error"]
