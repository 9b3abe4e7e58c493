"""The segments of ORU^R01 after MSH and SFT, one function each.

Holds: the field of each part of a report (chapters 3, 4 and 7 of HL7 2.5.1).
Promises: a segment reads as a table, field number -> value; a function that writes a segment adds exactly one row.
Never: decides which segments a message has; builder.py does.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab_sender.hl7.er7 import Row, join, layout
from lab_sender.hl7.escape import LINE_END
from lab_sender.hl7.tables import FLAGS, PATIENT_CLASS, RESULT_STATUS, SEX, WITHOUT_VALUE
from lab_sender.oru import attachments, fields, specimens, timing
from lab_sender.oru import datatypes as dt
from lab_sender.oru.coding import code_or_text, coded, flag_codes, unit_code
from lab_sender.oru.identity import identifier, patient_ids
from lab_sender.oru.values import apart, write_range, write_value
from lab_sender.oru.wording import words
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Attachment, Coded, NextOfKin, Order, Parent, Patient, Result, Visit


def pid(w: Writer, patient: Patient) -> None:
    """Write PID. Aliases are further repetitions of PID-5; PID-9 is kept for old receivers only."""
    w.begin("PID", "patient")
    if not any(one.id for one in patient.ids):
        w.fault("patient.id", "The patient has no identifier.", 3, "ids", hint="A receiver files results by it.")
    names = [dt.name(w, patient.name, 5, "name", "L") or "^^^^^^U"]  # U: the name is not known
    names += [dt.name(w, alias, 5, f"aliases[{i}]", "A") for i, alias in enumerate(patient.aliases)]
    row = layout("PID", {
        1: "1",
        3: patient_ids(w, patient.ids),
        5: fields.repeat(names),
        7: w.time(patient.birth, 7, "birth"),
        8: fields.word(w, _sex(w, patient.sex), 8),
        10: fields.codes(w, patient.race, 10, "race", "HL70005"),
        11: dt.address(w, patient.address, 11, "address"),
        13: fields.phones(w, patient.phones, 13),
        18: fields.typed(w, identifier(w, patient.account, 18, "account"), "AN"),
        22: fields.code(w, patient.ethnicity, 22, "ethnicity", "HL70189"),
        29: w.time(patient.died, 29, "died"),
        30: "Y" if patient.died else "",
    })  # fmt: skip
    if w.site.identity is not None:
        w.site.identity.copy(w, patient.ids, row)
    w.add(row)


def nk1(w: Writer, number: int, kin: NextOfKin, place: str) -> None:
    """Write NK1; where the version's ORU_R01 has none, relocate its fields."""
    w.begin("NK1", place)
    write = w.add if w.site.dialect.kin else w.relocate
    write(layout("NK1", {
        1: str(number),
        2: dt.name(w, kin.name, 2, "name", "L"),
        3: fields.code(w, kin.relationship, 3, "relationship", "HL70063"),
        4: dt.address(w, kin.address, 4, "address"),
        5: fields.phones(w, kin.phones, 5),
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
        2: fields.word(w, PATIENT_CLASS.get(word.lower()) or w.text(word, 2, "class") or "U", 2),
        3: join(ward, "^"),
        7: dt.person(w, visit.attending, 7, "attending"),
        8: dt.person(w, visit.referring, 8, "referring"),
        19: fields.typed(w, identifier(w, visit.number, 19, "number"), "VN"),
        44: w.time(visit.admitted, 44, "admitted"),
        45: w.time(visit.discharged, 45, "discharged"),
    }))  # fmt: skip


def obr(w: Writer, number: int, order: Order, status: str, place: str) -> Row:
    """Return OBR without adding it; ORC, which comes before it, has some of its fields too."""
    w.begin("OBR", place)
    parent = order.parent
    timed = w.site.timing == "OBR-27"
    collected, at = specimens.collection(order, "collected")
    until, until_at = specimens.collection(order, "collected_until")
    return layout("OBR", {
        1: str(number),
        2: dt.entity(w, order.placer, 2, "placer"),
        3: dt.entity(w, order.filler, 3, "filler") or dt.entity(w, order.accession, 3, "accession"),
        4: coded(w, order.test, 4, "test", kind="test"),
        5: timing.priority(w, order, 5) if timed else "",
        6: "" if timing.takes_requested(w, order) else w.time(order.requested, 6, "requested"),
        7: w.time(collected, 7, at),
        8: w.time(until, 8, until_at),
        13: fields.words(w, order.clinical_info, 13, "clinical_info"),
        14: specimens.received(w, order),
        15: specimens.source(w, order) if order.specimens and w.site.specimen_source else "",
        16: dt.person(w, order.orderer, 16, "orderer"),
        17: dt.phone(w, order.orderer_phone, 17, "orderer_phone", "WPN"),
        22: w.time(order.reported, 22, "reported"),
        24: w.text(order.section, 24, "section"),
        25: status if w.site.order_words is None else w.site.order_words.sent(w, order.status or "final", status, 25),
        26: _parent_result(w, parent) if parent else "",
        27: timing.quantity_timing(w, order) if timed else "",
        28: fields.repeat([dt.person(w, one, 28, f"copy_to[{i}]") for i, one in enumerate(order.copy_to)]),
        29: fields.pair(w, parent.placer, parent.filler, 29, "parent.placer", "parent.filler") if parent else "",
        31: fields.codes(w, order.reason, 31, "reason"),
        32: dt.interpreter(w, order.interpreter, 32, "interpreter"),
    })  # fmt: skip


def orc(w: Writer, order: Order, obr: Row, place: str) -> None:
    """Write ORC; numbers, timing, orderer and phone are those of `obr`."""
    w.begin("ORC", place)
    facility = order.orderer_facility
    if facility and facility.director:
        w.fault("facility.director", "ORC has no field for the director of an ordering facility.", 21,
                "orderer_facility.director", hint="Name the person in copy_to.", severity="warning")  # fmt: skip
    w.add(layout("ORC", {
        1: "RE",  # observations to follow
        2: obr[2],
        3: obr[3],
        4: dt.entity(w, order.group, 4, "group", "&" if w.site.dialect.group_number == "EIP" else "^"),
        7: obr[27],
        12: obr[16],
        14: dt.plain_phone(w, obr[17], 14),
        21: dt.organization(w, facility, 21, "orderer_facility"),
        22: dt.address(w, facility.address, 22, "orderer_facility.address") if facility else "",
    }))  # fmt: skip


def nte(w: Writer, notes: Iterable[str], place: str, *, after: int = 0) -> int:
    """Write an NTE for each note, or for each line of it, with set ids after `after`; return the last one.

    Set ids start anew under each segment that has notes.
    """
    number = after
    for i, note in enumerate(notes):
        if note:
            w.begin("NTE", f"{place}[{i}]")
            for line in LINE_END.split(note) if w.site.profile.text.notes == "per-line" else (note,):
                number += 1
                w.add(["NTE", str(number), "L", w.formatted(line, 3, "")])  # L: ancillary department
    return number


def _without_text(test: str) -> str:
    """Return what a receiver knows a test by: code and system, or the text where there is no code."""
    code, _, rest = test.partition("^")
    return f"{code}^{rest.partition('^')[2].partition('^')[0]}" if code else test


def obx(w: Writer, number: int, result: Result, status: str, place: str, seen: set[str]) -> int:
    """Write OBX of a result, or one for each line of it, and return the number of the next one.

    `seen` has OBX-3 (code and system, or all of it where there is no code) and OBX-4 of the results so far, of this
    order and of those that are the same order to a HIS.
    """
    w.begin("OBX", place)
    site = w.site
    kind, value = write_value(w, result.value, result.type)
    if not value or status not in ("F", "C", "P"):
        _check_status(w, value, status)
    sub_id, limits, flags = result.sub_id, result.range, result.flags
    unit = result.unit if site.coding is None and isinstance(result.unit, str) else ""
    if isinstance(limits, str) and w.plain(sub_id + unit + limits):
        unit, reference = unit or unit_code(w, result.unit, 6, "unit"), limits
    else:
        sub_id = w.text(sub_id, 4, "sub_id") if sub_id else ""
        unit = unit_code(w, result.unit, 6, "unit")
        reference = w.text(limits, 7, "range") if isinstance(limits, str) else write_range(w, limits)
    row = [
        "OBX",
        str(number),  # 1
        kind,  # 2
        coded(w, result.test, 3, "test", kind="test"),  # 3
        sub_id,  # 4
        value,  # 5
        unit,  # 6
        reference,  # 7
        flags[0] if site.plain_flags and len(flags) == 1 and flags[0] in FLAGS else flag_codes(w, flags),  # 8
        "",  # 9
        "",  # 10
        status if site.result_words is None else site.result_words.sent(w, result.status, status, 11),  # 11
        "",  # 12
        "",  # 13
        w.time(result.observed, 14, "observed"),  # 14
    ]
    if result.observer or result.method or result.device or result.analysed or result.lab:
        row += _origin(w, result)
    test = f"{_without_text(row[3])}|{row[4]}"
    if test in seen:
        w.fault("result.repeated", "This test stands twice in the order, with the same sub-id.", 4, "sub_id",
                hint="A receiver may keep only one; give each its own sub_id.", severity="warning")  # fmt: skip
    seen.add(test)
    if kind != "TX":
        w.add(row)
        return number + 1
    rows = apart(w, row, result.value)
    for one in rows:
        w.add(one)
    return number + len(rows)


def _origin(w: Writer, result: Result) -> Row:
    """OBX-15 to OBX-25: by whom, how and where it was observed."""
    lab = result.lab
    return [
        "",  # 15
        dt.person(w, result.observer, 16, "observer"),  # 16
        code_or_text(w, result.method, 17, "method"),  # 17
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
    """Write OBX of type ED with an attached file."""
    w.begin("OBX", place)
    if not status:
        _check_status(w, "", status)
    kind = attachments.media_type(attachment, data or b"")
    test = attachments.observation(attachment, kind, w.site.document)
    w.add(layout("OBX", {
        1: str(number),
        2: "ED",
        3: coded(w, test, 3, "test", kind="test" if attachment.test else ""),
        5: attachments.write_data(w, kind, data),
        11: status if w.site.result_words is None else w.site.result_words.sent(w, attachment.status, status, 11),
        14: w.time(attachment.observed, 14, "observed"),
    }))  # fmt: skip


def obx_left_out(w: Writer, order: Order, place: str) -> None:
    """Keep the notes on the results of a cancelled order that has no OBX; a value among the results is a finding."""
    for i, result in enumerate(order.results):
        w.begin("NTE", f"{place}.results[{i}]")
        if result.value not in (None, ""):
            w.fault("value.cancelled", "A cancelled order has a value, and the profile sends no OBX.", 3, "value",
                    hint="Take the value out, or set corrections.cancelled to with-results.")  # fmt: skip
        name = words("CWE", coded(w, result.test, 3, "test", kind="test"))
        w.leftovers += [
            f"{name}: {w.formatted(note, 3, f'notes[{n}]')}" for n, note in enumerate(result.notes) if note
        ]
    for i, _ in enumerate(order.attachments):
        w.begin("NTE", f"{place}.attachments[{i}]")
        w.fault("attachment.cancelled", "A cancelled order has an attachment, and the profile sends no OBX of it.", 3,
                hint="Take it out, or set corrections.cancelled to with-results.")  # fmt: skip


def _sex(w: Writer, word: str) -> str:
    code = (w.coding.sex(w, word) if w.coding and word else "") or SEX.get(word.strip().lower(), "")
    if word and not code:
        w.fault("patient.sex", "This is not a sex we know.", 8, "sex",
                hint="F, M, O, U, A, N, or their words; say what yours are in codes.maps.sex.")  # fmt: skip
    return code


def _check_status(w: Writer, value: str, status: str) -> None:
    """Compare a result's status with its value."""
    if not status:
        w.fault("status.unknown", "This is not a result status we know.", 11, "status",
                hint=f"Known: {', '.join(RESULT_STATUS)}.")  # fmt: skip
    elif value and status == "X":
        w.fault("value.cancelled", "A cancelled result has a value.", 5, "value", severity="warning",
                hint="A value that is taken back goes out as deleted (D) or wrong (W).")  # fmt: skip
    elif not value and status not in WITHOUT_VALUE and w.sound(5):
        w.fault("value.missing", "The result has no value, and its status does not say why.", 5, "value",
                hint="Give a value, or a status such as cancelled or pending.")  # fmt: skip


def _parent_result(w: Writer, parent: Parent) -> str:
    """PRL: the parent's observation (CE in subcomponents), its sub-id and its value."""
    observation = parent.observation
    if isinstance(observation, str):
        observation = Coded(observation)
    return join(
        (
            coded(w, observation, 26, "parent.observation", kind="test", separator="&"),
            w.text(parent.sub_id, 26, "parent", "sub_id"),
            w.formatted(parent.value, 26, "parent", "value"),
        ),
        "^",
    )
