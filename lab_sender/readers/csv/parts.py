"""The cells of a row, by our names, to the parts of a report.

Holds: which column goes to which key of the model.
Promises: every column of csv_names has its place in a report; texts go in as they stand.
Never: compares rows, or judges a value; oru/ types it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lab_sender.report.model import (
    Address,
    Alternate,
    Attachment,
    Coded,
    Identifier,
    Name,
    Order,
    Organization,
    Patient,
    Person,
    Range,
    Result,
    Specimen,
    Visit,
)

Cells = Mapping[str, str]

FINAL: Final = frozenset(("", "f", "final"))
"""Statuses, in lower case, of a result that must have a value; of others, oru/ knows."""
_SNOMED: Final = re.compile(r"[0-9]{6,18}")
_ADDRESSES: Final = {
    part: tuple([part + key for key in ("street", "street2", "city", "state", "zip", "country")])
    for part in ("", "facility_", "lab_")
}
_ORDERER_NAME: Final = {part: f"orderer_{part}" for part in ("family", "given", "middle", "suffix", "prefix")}
_SEVERAL: Final = re.compile(r"\s*[;~]\s*")
_RESULT_WORDS: Final = {
    "260373001": "Detected",
    "260415000": "Not detected",
    "10828004": "Positive",
    "260385009": "Negative",
    "419984006": "Inconclusive",
    "82334004": "Indeterminate",
    "455371000124106": "Invalid result",
    "125154007": "Specimen unsatisfactory for evaluation",
}
"""SNOMED CT codes of results in the guide of SimpleReport, and their names."""


def patient_of(cells: Cells) -> Patient:
    """Make PID of the patient's columns."""
    get = cells.get
    number = get("patient_id")
    ids = [Identifier(number, get("patient_authority", ""), get("patient_id_type", ""))] if number else []
    return Patient(
        ids=ids,
        name=Name(*[get(part, "") for part in ("family", "given", "middle", "suffix", "prefix")]),
        birth=get("birth", ""),
        sex=get("sex", ""),
        race=[cells["race"]] if "race" in cells else [],
        ethnicity=get("ethnicity", ""),
        address=_address(cells, ""),
        phones=[cells[name] for name in ("phone", "email") if name in cells],
        account=get("account", ""),
    )


def visit_of(cells: Cells) -> Visit | None:
    """Make the visit; None where no column says anything of it."""
    if not cells:
        return None
    get = cells.get
    return Visit(get("class", ""), get("ward", ""), get("room", ""), get("bed", ""), number=get("visit", ""))


def order_of(cells: Cells, results: list[Result], notes: list[str], files: list[str]) -> Order:
    """Make an order. Where no column says what was ordered, it is what was examined."""
    get = cells.get
    system = get("order_system", "") if "order_code" in cells else ""
    ordered = Coded(get("order_code", ""), get("order_text", ""), system)
    return Order(
        test=ordered if ordered.code or ordered.text else _test(cells),
        filler=get("accession") or get("specimen_id", ""),
        placer=get("placer", ""),
        status=get("order_status", "final"),
        priority=get("priority", ""),
        section=get("section", ""),
        requested=get("requested", ""),
        collected=get("collected", ""),
        collected_until=get("collected_until", ""),
        received=get("received", ""),
        reported=get("reported", ""),
        clinical_info=get("clinical_info", ""),
        orderer=_orderer(cells),
        orderer_phone=get("orderer_phone", ""),
        orderer_facility=_organization(cells, "facility"),
        specimens=_specimens(cells),
        notes=notes,
        results=results,
        attachments=[Attachment(file) for file in files],
    )


def result_of(cells: Cells, *, coded: bool) -> Result:
    """Make a result; `coded`: a value of six digits and more is a SNOMED CT code."""
    get = cells.get
    low, high, span = get("low", ""), get("high", ""), get("range", "")
    return Result(
        test=_test(cells),
        sub_id=get("sub_id", ""),
        value=_value(cells, coded=coded),
        unit=get("unit", ""),
        range=Range(low, high, span) if low or high else span,
        flags=[flag for flag in _SEVERAL.split(cells["flag"]) if flag] if "flag" in cells else [],
        status=get("status", ""),
        observed=get("observed", ""),
        analysed=get("analysed", ""),
        method=get("method", ""),
        device=get("device", ""),
        observer=Person(cells["observer"]) if "observer" in cells else None,
        lab=_organization(cells, "lab"),
        notes=[cells["note"]] if "note" in cells else [],
    )


def _test(cells: Cells) -> Coded:
    get = cells.get
    alternate = None
    if "local_code" in cells or "local_text" in cells:
        alternate = Alternate(get("local_code", ""), get("local_text", ""), get("local_system", ""))
    return Coded(get("code", ""), get("text", ""), get("system", "") if "code" in cells else "", alternate)


def _value(cells: Cells, *, coded: bool) -> Any:
    value, text, system = cells.get("value"), cells.get("value_text", ""), cells.get("value_system", "")
    if value is None:
        return None
    if coded and not system and "unit" not in cells and _SNOMED.fullmatch(value):
        return {"code": value, "text": text or _RESULT_WORDS.get(value, ""), "system": "SCT"}
    return {"code": value, "text": text, "system": system} if text or system else value


def _specimens(cells: Cells) -> list[Specimen]:
    """Make the specimen, unless all that is known of it is a number that is the order's too."""
    number = cells.get("specimen_id", "")
    if not cells.keys() & {"specimen", "specimen_site"} and number in ("", cells.get("accession", number)):
        return []
    kind, site = (_snomed(cells.get(name, "")) for name in ("specimen", "specimen_site"))
    return [Specimen(number, type=kind, site=site)]


def _snomed(text: str) -> str | Coded:
    return Coded(text, "", "SCT") if _SNOMED.fullmatch(text) else text


def _orderer(cells: Cells) -> Person | None:
    get = cells.get
    if cells.keys().isdisjoint(("orderer_id", *_ORDERER_NAME.values())):
        return None
    authority = get("orderer_authority", "") if "orderer_id" in cells else ""
    return Person(
        get("orderer_id", ""), authority, **{part: get(name, "") for part, name in _ORDERER_NAME.items()}
    )


def _organization(cells: Cells, part: str) -> Organization | None:
    number = cells.get(f"{part}_id", "")
    authority = cells.get(f"{part}_authority", "") if number else ""
    address = _address(cells, f"{part}_")
    name = cells.get(part, "")
    return Organization(name, number, authority, address) if name or number or address else None


def _address(cells: Cells, part: str) -> Address | None:
    names = _ADDRESSES[part]
    return None if cells.keys().isdisjoint(names) else Address(*[cells.get(name, "") for name in names])
