"""hl7apy as oracle: whatever the Builder writes, hl7apy parses, validates, and reads the report's values from it.

What a report means is said here a second time, field by field and without a line of oru/: `meant`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hl7apy.exceptions import HL7apyException
from hypothesis import Phase, given
from kit.examples import examples
from kit.strategies import reports

from lab_sender import __version__
from lab_sender.config.profile import builtin
from lab_sender.hl7.escape import unescape
from lab_sender.oru import Builder
from lab_sender.report import model
from lab_sender.report.model import Authority, Coded, OrderNumber, Range
from oru import hl7apy_faults as hl7apy

BUILDER = Builder(builtin(sending_facility="HOSP^1.2.3^ISO", receiving_application="HIS", country="DEU"))
NOW = datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC)


# No shrinking: hl7apy takes a tenth of a second an example, and a failure shows the whole message anyway.
@pytest.mark.long
@examples(40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(reports())
def test_hl7apy_reads_the_same_values(report):
    text = BUILDER.build(report, control_id="0ABC", now=NOW, attachments={}).body.decode()
    hl7apy.validate(text)
    said = [(name, _tidy(name, fields, unescape)) for name, fields in hl7apy.read(text) if name != "MSH"]
    assert said == [(name, _tidy(name, fields, str)) for name, fields in meant(report)]


def test_msh_is_read_the_same():
    report = model.Report(
        model.Patient([model.Identifier("1")], model.Name("A")),
        [model.Order(model.Coded("C"), "F1", results=[model.Result(model.Coded("C"), value="1")])],
    )
    text = BUILDER.build(report, control_id="0ABC", now=NOW, attachments={}).body.decode()
    name, fields = hl7apy.read(text)[0]
    assert name == "MSH"
    assert {number: fields[number] for number in fields if number > 2} == {
        3: [[["LAB-SENDER"]]],
        4: [[["HOSP"], ["1.2.3"], ["ISO"]]],
        5: [[["HIS"]]],
        7: [[["20261122123015+0000"]]],
        9: [[["ORU"], ["R01"], ["ORU_R01"]]],
        10: [[["0ABC"]]],
        11: [[["P"]]],
        12: [[["2.5.1"]]],
        17: [[["DEU"]]],
        18: [[["UNICODE UTF-8"]]],
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("|19800101", "|19801301"),
        lambda text: text.replace("OBX|1|NM", "OBX|1|SN").replace("||14.1|", "||<^x|"),
        lambda text: text.replace("\rOBR|", "\rZZZ|"),
        lambda text: re.sub(r"\rOBX.*?\r", r"\rOBX|1|NM|||1||||||F\r", text),
    ],
)
def test_the_oracle_would_notice(damage):
    report = model.Report(
        model.Patient([model.Identifier("1")], model.Name("A"), birth="1980-01-01"),
        [model.Order(model.Coded("C"), "F1", results=[model.Result(model.Coded("C"), value="14.1")])],
    )
    text = BUILDER.build(report, control_id="0ABC", now=NOW, attachments={}).body.decode()
    hl7apy.validate(text)
    with pytest.raises((HL7apyException, AssertionError, ValueError)):
        hl7apy.validate(damage(text))


# ------------------------------------------------------------------ what a report means, in fields of components


def meant(report):
    """Yield (segment, {field: repetitions of components of subcomponents}) for every segment after MSH."""
    patient = report.patient
    yield "SFT", {1: "lab-sender", 2: __version__, 3: "lab-sender", 4: __version__}
    yield (
        "PID",
        {
            1: "1",
            3: [[one.id, "", "", _hd(one.authority), one.type] for one in patient.ids],
            5: [_xpn(patient.name, "L"), *[_xpn(alias, "A") for alias in patient.aliases]],
            7: _time(patient.birth),
            8: patient.sex,
            11: _xad(patient.address),
            13: [[number, "PRN", "PH", *[""] * 8, number] for number in patient.phones],
        },
    )
    yield from _notes(patient.notes + report.notes)
    for number, kin in enumerate(patient.next_of_kin, 1):
        yield "NK1", {1: str(number), 2: [_xpn(kin.name, "L")], 4: _xad(kin.address)}
    if visit := report.visit:
        yield (
            "PV1",
            {
                1: "1",
                2: visit.patient_class,
                3: [[visit.ward]],
                7: _xcn(visit.attending),
                19: [[visit.number]],
                44: _time(visit.admitted),
            },
        )
    for number, order in enumerate(report.orders, 1):
        yield from _order(number, order)


def _order(number, order):
    stated = {"final": "F", "preliminary": "P", "corrected": "C"}.get(order.status, order.status)
    statuses = [result.status or stated for result in order.results]
    yield "ORC", {1: "RE", 2: [_ei(order.placer)], 3: [_ei(order.filler)], 12: _xcn(order.orderer)}
    obr = {
        1: str(number),
        2: [_ei(order.placer)],
        3: [_ei(order.filler)],
        4: [_ce(order.test)],
        7: _time(order.collected or (order.specimens[0].collected if order.specimens else "")),
        13: order.clinical_info,
        14: _time(order.received),
        16: _xcn(order.orderer),
        22: _time(order.reported),
        24: order.section,
        25: _rolled_up(stated, set(statuses)),
        32: _cnn(order.interpreter),
    }
    if parent := order.parent:
        obr[26] = [[_ce(parent.observation), parent.sub_id, parent.value]]
        obr[29] = [[_ei(parent.placer), _ei(parent.filler)]]
    yield "OBR", obr
    yield from _notes(order.notes)
    if order.priority:
        yield "TQ1", {1: "1", 9: [[order.priority, "", "HL70485"]]}
    for index, (result, status) in enumerate(zip(order.results, statuses, strict=True), 1):
        yield "OBX", _obx(index, result, status)
        yield from _notes(result.notes)
    for index, specimen in enumerate(order.specimens, 1):
        yield (
            "SPM",
            {
                1: str(index),
                2: [["", specimen.id]],
                4: [_ce(specimen.type)],
                8: [_ce(specimen.site)] if specimen.site else "",
                17: _time(specimen.collected or order.collected),
                18: _time(specimen.received or order.received),
            },
        )


def _obx(index, result, status):
    kind, values = _value(result.type, result.value)
    limits = f"{result.range.low}-{result.range.high}" if isinstance(result.range, Range) else result.range
    lab = result.lab
    return {
        1: str(index),
        2: kind,
        3: [_ce(result.test)],
        4: result.sub_id,
        5: values,
        6: [_ce(result.unit)] if isinstance(result.unit, Coded) else result.unit,
        7: limits,
        8: result.flags,
        11: status,
        14: _time(result.observed),
        19: _time(result.analysed),
        23: [[lab.name, "", "", "", "", _hd(lab.authority), "XX" if lab.id else "", "", "", lab.id]] if lab else "",
        24: _xad(lab.address) if lab else "",
        25: _xcn(lab.director) if lab else "",
    }


def _value(kind, value):
    """Return OBX-2 and the repetitions of OBX-5."""
    if value is None:
        return "", ""
    items = value if isinstance(value, list) else [value]
    if kind == "auto":
        kind = _automatic(items[0])
    if kind in ("TS", "DTM"):
        return "TS", [_time(item) for item in items]
    if kind in ("DT", "TM"):
        return kind, [_time(item) for item in items]
    if kind == "SN":
        return kind, [_sn(item) for item in items]
    if kind == "CWE":
        return kind, [
            [
                item["code"],
                item["text"],
                item["system"],
                *([item["alt"].get(key, "") for key in ("code", "text", "system")] if item.get("alt") else [""] * 3),
                "",
                "",
                item["original"],
            ]
            for item in items
        ]
    if kind == "RP":
        return kind, [[item["pointer"], "", item["type"], item["subtype"]] for item in items]
    if kind == "ED":
        return kind, [["", item["type"], item["subtype"], item["encoding"], item["data"]] for item in items]
    return kind, items


def _automatic(item):
    if isinstance(item, dict):
        return "CWE" if "code" in item else "SN" if "n1" in item else "RP" if "pointer" in item else "ED"
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", item, re.ASCII):
        return "NM"
    if re.fullmatch(r"[<>]=?\d+(\.\d+)?|1:\d+|\d+\+", item, re.ASCII):
        return "SN"
    return "ST" if len(item) < 200 else "TX"


def _sn(item):
    if isinstance(item, dict):
        return [item["cmp"], item["n1"], item["sep"], item["n2"]]
    if match := re.fullmatch(r"([<>]=?)([\d.]+)", item):
        return [match[1], match[2]]
    first, mark, second = re.fullmatch(r"([\d.]+)(\+|:)?(\d*)", item).groups()
    return ["", first, mark, second]


def _rolled_up(stated, below):
    if below & {"C"}:
        return "C"
    if stated != "F":
        return stated
    return "X" if below == {"X"} else "P" if "P" in below else "F"


def _notes(notes):
    for number, note in enumerate(filter(None, notes), 1):
        yield "NTE", {1: str(number), 2: "L", 3: note}


def _time(text):
    date, t, clock = text.partition("T")
    return date.replace("-", "") + clock.replace(":", "").replace("Z", "+0000") if t else re.sub("[-:]", "", text)


def _hd(authority):
    if isinstance(authority, Authority):
        return [authority.namespace, authority.id, authority.type]
    if re.fullmatch(r"\d+(\.\d+)+", authority):
        return ["", authority, "ISO"]
    namespace, _, oid = authority.partition("|")
    return [namespace, oid, "ISO" if oid else ""]


def _ei(number):
    if isinstance(number, OrderNumber):
        return [number.id, *_hd(number.authority)]
    identifier, _, authority = number.partition("|")
    return [identifier, *_hd(authority)]


def _ce(coded):
    alt = coded.alt
    parts = [coded.code, coded.text, coded.system, *([alt.code, alt.text, alt.system] if alt else [""] * 3)]
    return [*parts, "", "", coded.original]


def _xpn(name, kind):
    return [name.family, name.given, name.middle, name.suffix, name.prefix, name.degree, kind]


def _xad(address):
    return [[address.street, address.other, address.city, address.state, address.zip]] if address else ""


def _xcn(person):
    if person is None:
        return ""
    return [[person.id, person.family, person.given, "", "", "", "", "", _hd(person.authority), "L"]]


def _cnn(person):
    return [[[person.id, person.family, person.given, *[""] * 5, *_hd(person.authority)]]] if person else ""


# ------------------------------------------------------------------ one form for both sides


def _tidy(segment, fields, plain):
    """Leave out what is empty, and say numbers as numbers; `plain` makes text of a leaf."""
    tidy = {}
    for number, value in fields.items():
        tidy[number] = _trim([_repetition(one, plain) for one in _list(value)])
    kind = tidy.get(2) == [[["NM"]]] or tidy.get(2) == [[["SN"]]]
    if segment == "OBX" and kind:  # hl7apy keeps a number's value, not its digits (B6)
        tidy[5] = [[[_number(leaf) for leaf in component] for component in one] for one in tidy[5]]
    return {number: value for number, value in sorted(tidy.items()) if value}


def _repetition(value, plain):
    return _trim([_trim([_time_value(plain(leaf)) for leaf in _list(part)]) for part in _list(value)])


def _time_value(text):
    """Leave off the zeros that hl7apy adds to a fraction of a second."""
    return re.sub(r"0+(?=[+-]\d{4}$|$)", "", text) if re.fullmatch(r"\d{6,14}\.\d+([+-]\d{4})?", text) else text


def _number(leaf):
    return Decimal(leaf) if re.fullmatch(r"[+-]?[\d.]+(E[+-]?\d+)?", leaf) and leaf != "." else leaf


def _list(value):
    return value if isinstance(value, list) else [value]


def _trim(items):
    while items and items[-1] in ("", []):
        items.pop()
    return items
