"""The segments of ORU^R01 after MSH and SFT, one function each.

Holds: which part of a report stands in which field (chapters 3, 4 and 7 of HL7 2.5.1).
Promises: a segment reads as a table, field number -> what; a function that writes a segment adds exactly one row.
Never: decides which segments a message has; builder.py does.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..results.model import (
    Attachment,
    Coded,
    NextOfKin,
    Order,
    OrderNumber,
    Parent,
    Patient,
    Range,
    Result,
    Specimen,
    Timing,
    Visit,
)
from . import attachments
from . import datatypes as dt
from .encoder import Row, Writer, join, layout
from .grammar import Grammar
from .numerals import number_text
from .tables import FLAGS, PATIENT_CLASS, PRIORITY, RESULT_STATUS, SEX, WITHOUT_VALUE
from .values import write_range, write_value


def pid(w: Writer, patient: Patient, grammar: Grammar) -> None:
    """Write PID. Aliases are further repetitions of PID-5; PID-9 is kept for old receivers only."""
    w.begin("PID", "patient")
    if not any(one.id for one in patient.ids):
        w.fault("patient.id", "The patient has no identifier.", 3, "ids", hint="A receiver files results by it.")
    names = [dt.name(w, patient.name, 5, "name", "L") or "^^^^^^U"]  # U: the name is not known
    names += [dt.name(w, alias, 5, f"aliases[{i}]", "A") for i, alias in enumerate(patient.aliases)]
    w.add(layout("PID", {
        1: "1",
        3: _repeat([dt.identifier(w, one, 3, f"ids[{i}]") for i, one in enumerate(patient.ids)]),
        5: _repeat(names),
        7: w.time(patient.birth, 7, "birth"),
        8: _sex(w, patient.sex),
        10: _codes(w, patient.race, 10, "race", grammar, "HL70005"),
        11: dt.address(w, patient.address, 11, "address"),
        13: _phones(w, patient.phones, 13),
        18: dt.identifier(w, patient.account, 18, "account"),
        22: _code(w, patient.ethnicity, 22, "ethnicity", grammar, "HL70189"),
        29: w.time(patient.died, 29, "died"),
        30: "Y" if patient.died else "",
    }))  # fmt: skip


def nk1(w: Writer, number: int, kin: NextOfKin, place: str, grammar: Grammar) -> None:
    """Write NK1."""
    w.begin("NK1", place)
    w.add(layout("NK1", {
        1: str(number),
        2: dt.name(w, kin.name, 2, "name", "L"),
        3: _code(w, kin.relationship, 3, "relationship", grammar, "HL70063"),
        4: dt.address(w, kin.address, 4, "address"),
        5: _phones(w, kin.phones, 5),
    }))  # fmt: skip


def pv1(w: Writer, visit: Visit) -> None:
    """Write PV1. An unknown class is U, as PV1-2 must be there."""
    w.begin("PV1", "visit")
    word = visit.patient_class.strip()
    ward = (
        w.text(visit.ward, 3, "ward"),
        w.text(visit.room, 3, "room"),
        w.text(visit.bed, 3, "bed"),
        join(dt.authority(w, visit.facility, 3, "facility"), "&"),
    )
    w.add(layout("PV1", {
        1: "1",
        2: PATIENT_CLASS.get(word.lower()) or w.text(word, 2, "class") or "U",
        3: join(ward, "^"),
        7: dt.person(w, visit.attending, 7, "attending"),
        8: dt.person(w, visit.referring, 8, "referring"),
        19: dt.identifier(w, visit.number, 19, "number"),
        44: w.time(visit.admitted, 44, "admitted"),
        45: w.time(visit.discharged, 45, "discharged"),
    }))  # fmt: skip


def obr(w: Writer, number: int, order: Order, status: str, place: str, grammar: Grammar) -> Row:
    """Return OBR without adding it; ORC, which stands before it, says the same in some fields."""
    w.begin("OBR", place)
    parent = order.parent
    return layout("OBR", {
        1: str(number),
        2: dt.entity(w, order.placer, 2, "placer"),
        3: dt.entity(w, order.filler, 3, "filler") or dt.entity(w, order.accession, 3, "accession"),
        4: dt.coded(w, order.test, 4, "test"),
        6: w.time(order.requested, 6, "requested"),
        7: w.time(order.collected, 7, "collected"),
        8: w.time(order.collected_until, 8, "collected_until"),
        13: w.text(order.clinical_info, 13, "clinical_info"),
        14: w.time(order.received, 14, "received"),
        16: dt.person(w, order.orderer, 16, "orderer"),
        17: dt.phone(w, order.orderer_phone, 17, "orderer_phone", "WPN"),
        22: w.time(order.reported, 22, "reported"),
        24: w.text(order.section, 24, "section"),
        25: status,
        26: _parent_result(w, parent) if parent else "",
        28: _repeat([dt.person(w, one, 28, f"copy_to[{i}]") for i, one in enumerate(order.copy_to)]),
        29: _pair(w, parent.placer, parent.filler, 29, "parent.placer", "parent.filler") if parent else "",
        31: _codes(w, order.reason, 31, "reason", grammar),
        32: dt.interpreter(w, order.interpreter, 32, "interpreter"),
    })  # fmt: skip


def orc(w: Writer, order: Order, obr: Row, place: str) -> None:
    """Write ORC; numbers, orderer and phone are those of `obr`."""
    w.begin("ORC", place)
    facility = order.orderer_facility
    w.add(layout("ORC", {
        1: "RE",  # observations to follow
        2: obr[2],
        3: obr[3],
        4: dt.entity(w, order.group, 4, "group"),
        12: obr[16],
        14: obr[17],
        21: dt.organization(w, facility, 21, "orderer_facility"),
        22: dt.address(w, facility.address, 22, "orderer_facility.address") if facility else "",
    }))  # fmt: skip


def tq1(w: Writer, timing: Timing, priority: str, place: str, grammar: Grammar) -> None:
    """Write TQ1."""
    w.begin("TQ1", place)
    code = PRIORITY.get(priority.strip().lower(), priority)
    quantity = number_text(timing.quantity)
    if timing.quantity and not quantity:
        w.fault("value.not-a-number", "This is not a number.", 2, "timing.quantity")
    w.add(layout("TQ1", {
        1: "1",
        2: quantity,
        7: w.time(timing.start, 7, "timing.start"),
        8: w.time(timing.end, 8, "timing.end"),
        9: _code(w, code, 9, "priority", grammar, "HL70485"),
    }))  # fmt: skip


def nte(w: Writer, notes: Iterable[str], place: str, *, after: int = 0) -> None:
    """Write one NTE per note, set ids from `after` on; they start anew under each segment that has notes."""
    number = after
    for i, note in enumerate(notes):
        if note:
            number += 1
            w.begin("NTE", f"{place}[{i}]")
            w.add(["NTE", str(number), "L", w.formatted(note, 3, "")])  # 2 source: ancillary department, 3 comment


def obx(w: Writer, number: int, result: Result, status: str, place: str, seen: set[str]) -> None:
    """Write OBX of a result. `seen` holds OBX-3 and OBX-4 of the order's results so far."""
    w.begin("OBX", place)
    kind, value = write_value(w, result.value, result.type)
    if not value or status not in ("F", "C", "P"):
        _check_status(w, value, status)
    unit, limits, flags = result.unit, result.range, result.flags
    row = [
        "OBX",
        str(number),  # 1
        kind,  # 2
        dt.coded(w, result.test, 3, "test"),  # 3
        w.text(result.sub_id, 4, "sub_id") if result.sub_id else "",  # 4
        value,  # 5
        w.text(unit, 6, "unit") if isinstance(unit, str) else dt.coded(w, unit, 6, "unit"),  # 6
        w.text(limits, 7, "range") if isinstance(limits, str) else _limits(w, limits),  # 7
        flags[0] if len(flags) == 1 and flags[0] in FLAGS else _flags(w, flags),  # 8
        "",  # 9
        "",  # 10
        status,  # 11
        "",  # 12
        "",  # 13
        w.time(result.observed, 14, "observed"),  # 14
    ]
    if result.observer or result.method or result.device or result.analysed or result.lab:
        row += _origin(w, result)
    test = row[3] + row[4]
    if test in seen:
        w.fault("result.repeated", "This test stands twice in the order, with the same sub-id.", 4, "sub_id",
                hint="A receiver may keep only one; give each its own sub_id.", severity="warning")  # fmt: skip
    seen.add(test)
    w.add(row)


def _origin(w: Writer, result: Result) -> Row:
    """OBX-15 to 25: who observed it, and how and where."""
    lab = result.lab
    return [
        "",  # 15
        dt.person(w, result.observer, 16, "observer"),  # 16
        dt.code_or_text(w, result.method, 17, "method"),  # 17
        dt.entity(w, result.device, 18, "device"),  # 18
        w.time(result.analysed, 19, "analysed"),  # 19
        "",  # 20 reserved
        "",  # 21 reserved
        "",  # 22 reserved
        dt.organization(w, lab, 23, "lab"),  # 23
        dt.address(w, lab.address, 24, "lab.address") if lab else "",  # 24
        dt.person(w, lab.director, 25, "lab.director") if lab else "",  # 25
    ]


def obx_of_attachment(
    w: Writer, number: int, attachment: Attachment, data: bytes | None, status: str, place: str
) -> None:
    """Write OBX of type ED with an attached file in it."""
    w.begin("OBX", place)
    if not status:
        _check_status(w, "", status)
    kind = attachments.media_type(attachment, data or b"")
    w.add(layout("OBX", {
        1: str(number),
        2: "ED",
        3: dt.coded(w, attachments.observation(attachment, kind), 3, "test"),
        5: attachments.write_data(w, kind, data),
        11: status,
        14: w.time(attachment.observed, 14, "observed"),
    }))  # fmt: skip


def spm(w: Writer, number: int, specimen: Specimen, order: Order, place: str, grammar: Grammar) -> None:
    """Write SPM. Where it states no time, the order's is the specimen's; its notes are SPM-14."""
    w.begin("SPM", place)
    collected = w.time(specimen.collected or order.collected, 17, "collected")
    until = w.time(specimen.collected_until, 17, "collected_until")
    if specimen.id and specimen.filler:
        w.fault("specimen.id", "The specimen has both `id` and `filler`, and SPM-2 has one place for them.", 2, "id",
                hint="Give the laboratory's number once.")  # fmt: skip
    if not specimen.type:
        w.fault("specimen.type", "The specimen has no type.", 4, "type", hint="SPM cannot stand without one.")
    mine = "filler" if specimen.filler else "id"
    numbers = _pair(w, specimen.placer, specimen.filler or specimen.id, 2, "placer", mine)
    w.add(layout("SPM", {
        1: str(number),
        2: numbers,
        4: _code(w, specimen.type, 4, "type", grammar, "HL70487"),
        6: _code(w, specimen.additive, 6, "additive", grammar, "HL70371"),
        7: _code(w, specimen.method, 7, "method", grammar, "HL70488"),
        8: _code(w, specimen.site, 8, "site", grammar),
        14: _repeat([w.text(note, 14, f"notes[{i}]") for i, note in enumerate(specimen.notes)]),
        17: join((collected, until), "^"),
        18: w.time(specimen.received or order.received, 18, "received"),
        21: _codes(w, specimen.reject, 21, "reject", grammar, "HL70490"),
        24: _codes(w, specimen.condition, 24, "condition", grammar, "HL70493"),
    }))  # fmt: skip


def _repeat(repetitions: list[str]) -> str:
    """Join repetitions of a field, leaving out the empty ones."""
    return "~".join(filter(None, repetitions)) if repetitions else ""


def _code(w: Writer, item: str | Coded, field: int, at: str, grammar: Grammar, table: str = "") -> str:
    """CE or CWE, as the field's data type is; plain text is a code where `table` has it."""
    if not item:
        return ""
    cwe = grammar.fields(w.segment)[field - 1].datatype == "CWE"
    return dt.code_or_text(w, item, field, at, cwe=cwe, table=table, codes=grammar.table(table))


def _codes(w: Writer, items: list[str | Coded], field: int, at: str, grammar: Grammar, table: str = "") -> str:
    return _repeat([_code(w, item, field, f"{at}[{i}]", grammar, table) for i, item in enumerate(items)])


def _phones(w: Writer, numbers: list[str], field: int) -> str:
    return _repeat([dt.phone(w, number, field, f"phones[{i}]") for i, number in enumerate(numbers)])


def _sex(w: Writer, word: str) -> str:
    code = SEX.get(word.strip().lower(), "")
    if word and not code:
        w.fault("patient.sex", "This is not a sex we know.", 8, "sex", hint="F, M, O, U, A, N, or their words.")
    return code


def _flags(w: Writer, flags: list[str]) -> str:
    for i, flag in enumerate(flags):
        if flag not in FLAGS:
            w.fault("flag.unknown", "HL7 table 0078 has no such flag.", 8, f"flags[{i}]", severity="warning")
    return _repeat([w.text(flag, 8, f"flags[{i}]") for i, flag in enumerate(flags)])


def _limits(w: Writer, limits: Range) -> str:
    """OBX-7; a range said in words is sent as said."""
    return w.text(limits.text, 7, "range", "text") if limits.text else write_range(w, limits.low, limits.high)


def _check_status(w: Writer, value: str, status: str) -> None:
    """Hold a result's status against its value."""
    if not status:
        w.fault("status.unknown", "This is not a result status we know.", 11, "status",
                hint=f"Known: {', '.join(RESULT_STATUS)}.")  # fmt: skip
    elif value and status == "X":
        w.fault("value.cancelled", "A cancelled result has a value.", 5, "value", severity="warning",
                hint="A value that is taken back goes out as deleted (D) or wrong (W).")  # fmt: skip
    elif not value and status not in WITHOUT_VALUE and w.sound(5):
        w.fault("value.missing", "The result has no value, and its status does not say why.", 5, "value",
                hint="Give a value, or a status such as cancelled or pending.")  # fmt: skip


def _pair(w: Writer, placer: str | OrderNumber, filler: str | OrderNumber, field: int, *at: str) -> str:
    """EIP: placer's and filler's number, each an EI of subcomponents."""
    return join((dt.entity(w, placer, field, at[0], "&"), dt.entity(w, filler, field, at[1], "&")), "^")


def _parent_result(w: Writer, parent: Parent) -> str:
    """PRL: the parent's observation (CE in subcomponents), its sub-id and its value."""
    observation = parent.observation
    if isinstance(observation, str):
        observation = Coded(observation)
    return join(
        (
            dt.coded(w, observation, 26, "parent.observation", separator="&"),
            w.text(parent.sub_id, 26, "parent", "sub_id"),
            w.formatted(parent.value, 26, "parent", "value"),
        ),
        "^",
    )
