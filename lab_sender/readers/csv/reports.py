"""The rows of a table to reports: one row an observation, one accession a report.

Holds: which rows belong together, and what of a row becomes which part of a report.
Promises: rows of one accession become one report, at the place of its first row, with its orders and results in the
order of the file. Rows of one accession that name different patients, or contradict each other about the order,
quarantine it; so does a row that may belong to it and cannot be read. Other accessions go on.
Never: fills a cell from the row above, or chooses between two texts, unless they differ in case and blanks only.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import hashlib
import heapq
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from lab_sender.errors import Finding, bounded
from lab_sender.readers.csv.columns import Layout
from lab_sender.readers.csv.parts import order_of, patient_of, result_of, visit_of
from lab_sender.readers.csv.places import TablePlaces, rows_text
from lab_sender.readers.csv.rows import IDS, Row, Rows, finding, read_cells, sort_out
from lab_sender.readers.csv.table import Table
from lab_sender.readers.items import BadItem, Item, ReportItem, few_bad
from lab_sender.readers.reader import report_item
from lab_sender.report.columns import OF_ORDER, OF_PATIENT, OF_VISIT
from lab_sender.report.model import Order, Report

_OF_ORDER_ALONE: Final = (
    "placer", "order_code", "order_text", "order_system", "collected", "specimen_id", "specimen"
)  # fmt: skip
"""What sets one order of an accession apart from another."""
_OF_TEST: Final = ("code", "text", "system")
_MERGED: Final = tuple(
    name for name in OF_ORDER if name not in (*_OF_ORDER_ALONE, "accession", "reported", "order_note", "pdf")
)


class _Group(Struct):
    """The rows of one accession; `unread` are numbers of rows that may belong to it."""

    rows: list[Row] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)


def reports(
    table: Table, layout: Layout, *, decimal_comma: bool = False, nothing: Collection[str] = ()
) -> tuple[list[Item], Rows, list[Finding]]:
    """Make the items of a table, in the order of their first rows; give the rows as they were parted, and remarks."""
    sorted_out = sort_out(table, layout)
    remarks = read_cells(sorted_out.rows, layout, decimal_comma=decimal_comma, nothing=nothing)
    groups: dict[str, _Group] = {}
    alone: dict[int, list[Row]] = {}
    above: list[tuple[int, str]] = []  # numbers of rows and their accessions
    for row in sorted_out.rows:
        accession = row.cells.get("accession") or row.cells.get("specimen_id") or ""
        if accession:
            above.append((row.number, accession))
            groups.setdefault(accession, _Group()).rows.append(row)
        else:
            alone.setdefault(row.number, []).append(row)
    for number, cells in [*sorted_out.broken.items(), *((number, ()) for number in alone)]:
        for accession in _may_belong(number, cells, groups, above):
            groups[accession].unread.append(number)
    in_order: Iterator[tuple[int, Callable[[], Item]]] = heapq.merge(
        ((group.rows[0].number, partial(_item, group, layout)) for group in groups.values()),
        ((number, partial(_bad, f"row {number}", _findings(rows), rows)) for number, rows in alone.items()),
        ((number, partial(_ragged, number, cells, table)) for number, cells in sorted_out.broken.items()),
        key=lambda each: each[0],
    )
    return few_bad(make() for _, make in in_order), sorted_out, remarks


def _may_belong(
    number: int, cells: Iterable[str], groups: dict[str, _Group], above: Sequence[tuple[int, str]]
) -> Iterator[str]:
    """Yield the accessions that an unreadable row may belong to: those it names, else that of the row above."""
    named = [cell for cell in dict.fromkeys(cells) if cell in groups]
    if named:
        yield from named
        return
    before = bisect.bisect_left(above, number, key=lambda each: each[0])
    if before:
        yield above[before - 1][1]


# --------------------------------------------------------------- reports


def _item(group: _Group, layout: Layout) -> Item:
    rows = group.rows
    place = rows_text([row.number for row in rows])
    findings = _findings(rows)
    patient = _merge(rows, OF_PATIENT, layout, findings, "csv.patients", "patient")
    visit = _merge(rows, OF_VISIT, layout, findings, "csv.conflict", "visit")
    if group.unread:
        findings.append(
            Finding(
                "csv.incomplete",
                f"The report may lack a result: {rows_text(sorted(group.unread))} cannot be read.",
                place=place,
                hint="Correct the row; the whole accession is then sent.",
            )
        )
    parted = _parted(rows)
    orders = list(_orders(parted, layout, findings))
    if findings:
        return _bad(place, list(dict.fromkeys(findings)), rows)
    item = report_item(place, Report(patient_of(patient), orders, visit=visit_of(visit)))
    places = TablePlaces(
        tuple([tuple([row.number for row in own]) for own in parted]),
        tuple([tuple([row.number for row in own if _has_result(row)]) for own in parted]),
        layout.headings,
        tuple([tuple([row.headings for row in own if _has_result(row)]) for own in parted]) if layout.tests else (),
    )
    if isinstance(item, ReportItem):
        return replace(item, places=places)
    assert isinstance(item, BadItem)
    inside = f"{place}."
    return _bad(
        place,
        [dataclasses.replace(each, place=places.find(each.place.removeprefix(inside))) for each in item.findings],
        rows,
    )


def _parted(rows: Iterable[Row]) -> list[list[Row]]:
    """Part the rows of an accession into its orders."""
    parted: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        get = row.cells.get
        names = _OF_ORDER_ALONE if get("order_code") or get("order_text") else (*_OF_ORDER_ALONE, *_OF_TEST)
        parted.setdefault(tuple([get(name, "") for name in names]), []).append(row)
    return list(parted.values())


def _orders(parted: Iterable[list[Row]], layout: Layout, findings: list[Finding]) -> Iterator[Order]:
    for own in parted:
        seen: dict[tuple[tuple[str, str], ...], int] = {}
        for row in own:
            first = seen.setdefault(tuple(row.cells.items()), row.number)
            if first != row.number:
                text = f"This row says the same as row {first}, word for word."
                hint = "A result would be sent twice; take one out."
                where = f" column {row.headings['value']}" if row.headings else ""
                findings.append(Finding("csv.row-twice", text, place=f"row {row.number}{where}", hint=hint))
        cells = own[0].cells | _merge(own, _MERGED, layout, findings, "csv.conflict", "order")
        if reported := _latest(own, layout, findings):
            cells["reported"] = reported
        results = [result_of(row.cells, coded=layout.family.coded_values) for row in own if _has_result(row)]
        notes = dict.fromkeys(row.cells["order_note"] for row in own if "order_note" in row.cells)
        files = dict.fromkeys(row.cells["pdf"] for row in own if "pdf" in row.cells)
        yield order_of(cells, results, list(notes), list(files))


def _has_result(row: Row) -> bool:
    return "code" in row.cells or "text" in row.cells


def _merge(
    rows: list[Row], names: Iterable[str], layout: Layout, findings: list[Finding], code: str, what: str
) -> dict[str, str]:
    """Gather what rows say together; a blank says nothing. Where two differ, every such row is a finding."""
    first = rows[0].cells
    merged = {name: first[name] for name in names if name in first}
    by = dict.fromkeys(merged, rows[0].number)
    for row in rows[1:]:
        for name in names:
            text = row.cells.get(name)
            if text is None or merged.get(name) == text:
                continue
            if name not in merged:
                merged[name], by[name] = text, row.number
            elif name in IDS or _folded(merged[name]) != _folded(text):
                said = f"Row {by[name]} of the same accession says another {what} here."
                hint = "Nothing of this accession was sent; correct the row or its accession."
                findings.append(finding(code, said, row, layout, name, hint))
    return merged


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _latest(rows: list[Row], layout: Layout, findings: list[Finding]) -> str:
    """Return the latest time of release; rows whose times cannot be compared contradict each other."""
    stated = {row.cells["reported"]: row for row in rows if "reported" in row.cells}
    if len(stated) < 2:
        return next(iter(stated), "")
    try:
        return max(stated, key=datetime.datetime.fromisoformat)
    except (ValueError, TypeError):
        row = list(stated.values())[-1]
        text = "The times of release of this order cannot be compared: they differ in precision or zone."
        findings.append(finding("csv.conflict", text, row, layout, "reported", "Write them alike."))
        return ""


# -------------------------------------------------------------- findings


def _findings(rows: Iterable[Row]) -> list[Finding]:
    """Gather what is wrong with rows; what the tests of one row have in common is named once."""
    return list(dict.fromkeys(each for row in rows for each in row.findings))


def _bad(place: str, findings: Sequence[Finding], rows: Sequence[Row]) -> BadItem:
    said = json.dumps([row.cells for row in rows], sort_keys=True)
    return BadItem(place, bounded(findings), hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest())


def _ragged(number: int, cells: list[str], table: Table) -> BadItem:
    than = "fewer" if len(cells) < len(table.header) else "more"
    ragged = Finding(
        "csv.ragged",
        f"The row has {than} cells than the header: {len(cells)}, not {len(table.header)}.",
        place=f"row {number}",
        hint="A delimiter or line end inside a cell needs quotes around it; or the row was cut off. A line that is "
        "no row, such as a total below the table, needs a rule of inputs.csv: skip_rows.",
    )
    return _bad(f"row {number}", [ragged], [Row(number, {str(n): cell for n, cell in enumerate(cells)})])
