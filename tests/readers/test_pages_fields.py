"""The HL7 column of docs/files/json.md and csv.md: what a key or column says stands in the field that is named."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab_sender.config.inputs import CsvFormat
from lab_sender.config.profile import builtin
from lab_sender.oru import Builder
from lab_sender.readers import Inputs, ReportItem, read
from lab_sender.report.columns import COLUMNS

PAGES = Path(__file__).parents[2] / "docs" / "files"
PDF = b"%PDF-1.4\n%%EOF\n"
_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})(?:-([0-9]+)(?:\.([0-9]+))?)?")
_SENT_AS = {"final": "F", "application/pdf": "application", "report.pdf": "JVBER", "NM": "NM"}


def segments_of(data: bytes, inputs: Inputs | None = None) -> list[list[str]]:
    """Build the one message of a file; return its segments as lists of fields."""
    (item,) = read(data, "r", inputs or Inputs()).items
    assert isinstance(item, ReportItem), item
    built = Builder(builtin()).build(
        item.report, control_id="1", now=datetime(2026, 11, 22, tzinfo=UTC), place="",
        attachments={"report.pdf": PDF} | item.documents,
    )  # fmt: skip
    return [line.split("|") for line in built.body.decode().removesuffix("\r").split("\r")]


def texts_in(segments: list[list[str]], named: str) -> Iterator[str]:
    """Return the texts of the fields or components that a cell names: `ORC-3, OBR-3`, `NTE behind OBX`, `PID-3.1`."""
    for part in named.split(", "):
        if part.startswith("NTE behind "):
            yield from (each[3] for before, each in _with_owner(segments) if before == part[-3:] and each[0] == "NTE")
            continue
        kind, number, component = _FIELD.match(part).groups()  # type: ignore[union-attr]
        for fields in segments:
            if fields[0] == kind and number is None:
                yield "|".join(fields)
            elif fields[0] == kind and len(fields) > int(number):
                for repetition in fields[int(number)].split("~"):
                    pieces = repetition.split("^")
                    yield repetition if component is None else "".join(pieces[int(component) - 1 : int(component)])


def _with_owner(segments: list[list[str]]) -> Iterator[tuple[str, list[str]]]:
    owner = ""
    for fields in segments:
        owner = owner if fields[0] == "NTE" else fields[0]
        yield owner, fields


def leaf_of(value: Any) -> str:
    """Return the first text in a value, as a message has it."""
    while not isinstance(value, str):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    value = _SENT_AS.get(value, value)
    return value.replace("-", "") if re.fullmatch(r"2026-\d\d-\d\d", value) else value


# ------------------------------------------------------------------ json.md

REPORT: dict[str, Any] = {
    "patient": {
        "ids": [{"id": "PID0", "type": "MR", "authority": "PAUT"}],
        "name": {"family": "PFAM", "given": "PGIV"}, "aliases": [{"family": "PALIAS"}], "birth": "2026-01-01",
        "sex": "F", "race": ["PRACE"], "ethnicity": "PETH", "address": {"street": "PSTR"}, "phones": ["5550"],
        "account": "PACC", "died": "2026-01-02", "next_of_kin": [{"name": {"family": "PKIN"}}], "notes": ["PNOTE"],
    },
    "visit": {
        "class": "I", "ward": "VWARD", "room": "VROOM", "bed": "VBED", "facility": "VFAC", "number": "VNUM",
        "attending": {"family": "VATT"}, "referring": {"family": "VREF"}, "admitted": "2026-01-03",
        "discharged": "2026-01-04",
    },
    "notes": ["RNOTE"],
    "orders": [{
        "test": {"code": "OTEST"}, "filler": "OFILL", "placer": "OPLAC", "group": "OGRP", "status": "final",
        "priority": "S", "section": "CH", "requested": "2026-01-05", "collected": "2026-01-06",
        "collected_until": "2026-01-07", "received": "2026-01-08", "reported": "2026-01-09", "clinical_info": "OINFO",
        "reason": ["OREAS"], "orderer": {"family": "OORD"}, "orderer_phone": "5551", "copy_to": [{"family": "OCOPY"}],
        "orderer_facility": {"name": "OFAC"}, "interpreter": {"family": "OINT"}, "timing": {"start": "2026-01-10"},
        "specimens": [{"id": "SID", "type": "STYPE", "site": "SSITE", "reject": ["SREJ"], "condition": ["SCON"]}],
        "parent": {"placer": "OPAR", "observation": "OPOBS"}, "notes": ["ONOTE"],
        "results": [
            {"test": {"code": "XTEST"}, "sub_id": "XSUB", "type": "NM", "value": "14.1", "unit": "XUNIT",
             "range": "XRANGE", "flags": ["A"], "status": "F", "observed": "2026-01-11", "analysed": "2026-01-12",
             "method": "XMETH", "device": "XDEV", "observer": {"family": "XOBS"}, "lab": {"name": "XLAB"},
             "notes": ["XNOTE"]},
        ],
        "attachments": [{"path": "report.pdf", "mime": "application/pdf", "test": {"code": "ATEST"}, "status": "F",
                         "observed": "2026-01-13", "notes": ["ANOTE"]}],
    }],
}  # fmt: skip
ORDER = REPORT["orders"][0]
PARTS = {
    "**The report**": REPORT, "**`patient`**": REPORT["patient"], "**`visit`**": REPORT["visit"],
    "**`orders[]`**": ORDER, "**`results[]`**": ORDER["results"][0], "**`attachments[]`**": ORDER["attachments"][0],
    "**`specimens[]`**": ORDER["specimens"][0],
}  # fmt: skip


def json_rows() -> Iterator[tuple[str, str, str]]:
    page = (PAGES / "json.md").read_text(encoding="utf-8")
    for heading, part in PARTS.items():
        table = page.split(f"\n{heading}\n\n")[1].split("\n\n")[0]
        for key, field in re.findall(r"^\| `(\w+)` \| .+ \| ([^|]+) \|$", table, re.MULTILINE):
            if key in part and not field.startswith(("not sent", "ORC, OBR and below")):
                yield heading.strip("*`"), key, field


@pytest.mark.parametrize(("part", "key", "field"), list(json_rows()))
def test_a_key_is_where_the_page_says(part, key, field):
    value = PARTS[f"**`{part}`**" if f"**`{part}`**" in PARTS else f"**{part}**"][key]
    found = list(texts_in(segments_of(json.dumps(REPORT).encode()), field))
    assert any(leaf_of(value) in text for text in found), found


def test_there_is_a_row_for_most_keys():
    assert len(list(json_rows())) > 65


# ------------------------------------------------------------------ csv.md

SAID = {
    "sex": "F", "class": "I", "priority": "S", "section": "CH", "order_status": "F", "status": "F", "flag": "A",
    "value": "VCODE", "low": "1", "high": "2", "patient_id_type": "MR", "phone": "5550", "orderer_phone": "5551",
    "email": "a@b.c", "pdf": "report.pdf", "system": "LN", "order_system": "L", "local_system": "L",
    "value_system": "SCT",
}  # fmt: skip
WITH_ANOTHER = ("name", "orderer_name", "range")
"""Columns that another one stands for in the same row."""


def csv_rows() -> Iterator[tuple[str, str]]:
    table = (PAGES / "csv.md").read_text(encoding="utf-8").split("### Every column")[1].split("\n\n")[2]
    yield from re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \|$", table, re.MULTILINE)


def said_of(name: str) -> str:
    """Return a cell of a column: something that no other column says."""
    if name in SAID:
        return SAID[name]
    dates = ("birth", "requested", "collected", "collected_until", "received", "reported", "observed", "analysed")
    return f"2026-02-{dates.index(name) + 1:02}" if name in dates else "IS" + name.replace("_", "").upper()


def test_a_column_is_where_the_page_says():
    rows = [(name, field) for name, field in csv_rows() if name not in WITH_ANOTHER and not name.endswith("_time")]
    assert {name for name, _ in csv_rows()} == set(COLUMNS)
    text = io.StringIO()
    csv.writer(text).writerows([[name for name, _ in rows], [said_of(name) for name, _ in rows]])
    segments = segments_of(text.getvalue().encode(), Inputs(csv=(CsvFormat(),)))
    for name, field in rows:
        kind = field.removesuffix(" of type ED")
        assert any(leaf_of(said_of(name)) in each for each in texts_in(segments, kind)), (name, field)
