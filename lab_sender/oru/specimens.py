"""What was examined: SPM, or the specimen source in OBR.

Holds: the field of each part of a specimen (chapter 7; OBR-15 is SPS, chapter 2A).
Promises: what OBR-15 cannot hold of a specimen is relocated by the profile, as if it stood in its field of SPM.
Never: decides between the two; the profile and the dialect do.
"""

from __future__ import annotations

from lab_sender.hl7.er7 import join, layout
from lab_sender.oru import fields
from lab_sender.oru.wording import words
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Order, Specimen


def spm(w: Writer, number: int, specimen: Specimen, order: Order, place: str) -> None:
    """Write SPM. A specimen without a time has that of its order; its notes are SPM-14."""
    w.begin("SPM", place)
    collected = w.time(specimen.collected or order.collected, 17, "collected")
    until = w.time(specimen.collected_until, 17, "collected_until")
    if not specimen.type:
        w.fault("specimen.type", "The specimen has no type.", 4, "type", hint="SPM cannot stand without one.")
    w.add(layout("SPM", {
        1: str(number),
        4: fields.code(w, specimen.type, 4, "type", "HL70487", kind="specimen_type"),
        6: fields.code(w, specimen.additive, 6, "additive", "HL70371"),
        8: fields.code(w, specimen.site, 8, "site"),
        17: join((collected, until), "^"),
        18: w.time(specimen.received or order.received, 18, "received"),
        **_further(w, specimen),
    }))  # fmt: skip


def source(w: Writer, order: Order) -> str:
    """OBR-15: type, additives and body site of the first specimen."""
    first, at = order.specimens[0], "specimens[0]"
    additive = fields.code(w, first.additive, 15, f"{at}.additive", "HL70371")
    sps = w.site.grammar.components(w.site.grammar.fields("OBR")[14].datatype)
    parts = (
        fields.code(w, first.type, 15, f"{at}.type", "HL70070", kind="specimen_type").replace("^", "&"),
        words("CWE", additive) if sps[1].datatype == "TX" else additive.replace("^", "&"),
        "",  # free text
        fields.code(w, first.site, 15, f"{at}.site", "HL70163").replace("^", "&"),
    )
    return join(parts, "^")


def relocate(w: Writer, number: int, specimen: Specimen, order: Order, place: str) -> None:
    """Relocate what OBR does not hold of a specimen; OBR-15 has the first one's type, additive and site."""
    w.begin("SPM", place)
    row = layout("SPM", {1: str(number), 24: "", **_further(w, specimen)})
    if number > 1:
        row[4] = fields.code(w, specimen.type, 4, "type", "HL70070", kind="specimen_type")
        row[6] = fields.code(w, specimen.additive, 6, "additive", "HL70371")
        row[8] = fields.code(w, specimen.site, 8, "site", "HL70163")
    collected = "" if specimen.collected == collection(order, "collected")[0] else specimen.collected
    until = "" if specimen.collected_until == collection(order, "collected_until")[0] else specimen.collected_until
    row[17] = join((w.time(collected, 17, "collected"), w.time(until, 17, "collected_until")), "^")
    if specimen.received != _reception(w, order):
        row[18] = w.time(specimen.received, 18, "received")
    w.relocate(row)


def collection(order: Order, key: str) -> tuple[str, str]:
    """Return the time in OBR-7 (`collected`) or OBR-8 (`collected_until`), and its place in the order.

    An order without it has that of its first specimen (chapter 4, OBR-7).
    """
    stated: str = getattr(order, key)
    if not stated and order.specimens:
        of_specimen: str = getattr(order.specimens[0], key)
        if of_specimen:
            return of_specimen, f"specimens[0].{key}"
    return stated, key


def received(w: Writer, order: Order) -> str:
    """OBR-14; empty where the profile moves it to SPM-18 and a specimen has it there."""
    time = _reception(w, order)
    in_spm = w.site.specimen_segment and w.site.relocations.leads_to("OBR", 14, "SPM")
    if in_spm and any(one.received in ("", time) for one in order.specimens):
        return ""
    return w.time(time, 14, "received")


def _reception(w: Writer, order: Order) -> str:
    if order.received or w.site.specimen_segment or not order.specimens:
        return order.received
    return order.specimens[0].received


def _further(w: Writer, specimen: Specimen) -> dict[int, str]:
    """Fields of SPM that have no counterpart in OBR."""
    if specimen.id and specimen.filler:
        w.fault("specimen.id", "The specimen has both `id` and `filler`, and SPM-2 has one place for them.", 2, "id",
                hint="Give the laboratory's number once.")  # fmt: skip
    mine = "filler" if specimen.filler else "id"
    return {
        2: fields.pair(w, specimen.placer, specimen.filler or specimen.id, 2, "placer", mine),
        7: fields.code(w, specimen.method, 7, "method", "HL70488"),
        14: fields.repeat([w.text(note, 14, f"notes[{i}]") for i, note in enumerate(specimen.notes)]),
        21: fields.codes(w, specimen.reject, 21, "reject", "HL70490"),
        24: fields.codes(w, specimen.condition, 24, "condition", "HL70493"),
    }
