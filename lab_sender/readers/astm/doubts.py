"""What an analyzer's records leave open, and what of them no report has a place for.

Holds: the faults of a patient's orders with the setting that helps, and the account of what was not read.
Promises: a part that was not read and may change what a doctor reads quarantines the report; every other one is named
in a remark, unless the settings say that it is not wanted.
Never: repeats what a record says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lab_sender.config.inputs import AstmInput
from lab_sender.errors import FileError, Finding
from lab_sender.readers.astm.fields import GRAVE, LENGTH, NO_STATUS, is_empty
from lab_sender.readers.astm.groups import Given, Group, Measured
from lab_sender.readers.astm.records import Record
from lab_sender.readers.items import Remark
from lab_sender.report.model import Patient

_MOST_NAMED = 20
_WHOLE = (("R", 6),)
"""Fields that are understood as a whole, or go out in no part."""
_FIELD = re.compile(r"[A-Z]-[0-9.]+")


def group_faults(group: Group, patient: Patient, settings: AstmInput) -> Iterator[Finding]:
    """Find what keeps a patient's orders from becoming a report."""
    place = f"record {group.number}"
    if not patient.ids and settings.patient_from != "specimen-id":
        yield Finding(
            "astm.patient",
            "The orders have no patient: the P record has no id (P-3, P-4, P-5).",
            place=place,
            hint="Have the analyzer send the patient's id; or, if your HIS finds the patient by the "
            "specimen's number, set inputs.astm.patient_from: specimen-id.",
        )
    if not patient.name.family and (patient.name.given or patient.name.middle):
        yield Finding(
            "astm.name",
            "The patient's name (P-6) has no family name where LIS2-A2 has it: in the first component.",
            place=f"{place} P-6",
            hint='Say what its components are, as in inputs.astm.name_parts: ["", given, family].',
        )
    for given in group.orders:
        yield from _order_faults(given, settings)
    yield from _not_understood(group.records(), settings)


def passed_over(
    groups: Iterable[Group], others: Iterable[Record], lines_apart: list[int], settings: AstmInput
) -> Iterator[Remark]:
    """Tell what of a file no report has a place for."""
    names: dict[str, int] = {}
    for group in groups:
        for record in group.records():
            for field, component in record.unread():
                if not _is_grave(record.kind, field):
                    names.setdefault(_name(record.kind, field, component), record.number)
    for record in others:
        if record.kind in "HL":
            for field, component in record.unread():
                names.setdefault(_name(record.kind, field, component), record.number)
        else:
            names.setdefault(f"{record.kind} records", record.number)
    if lines_apart:
        names["lines that begin with #"] = lines_apart[0]
    wanted = [name for name in names if not _is_ignored(name, settings)]
    if wanted:
        more = f" and {len(wanted) - _MOST_NAMED} more" if len(wanted) > _MOST_NAMED else ""
        fields = ", ".join(name for name in wanted[:_MOST_NAMED] if _FIELD.fullmatch(name))
        yield Remark(
            Finding(
                "astm.passed-over",
                f"A message has no place for what stands in {', '.join(wanted[:_MOST_NAMED])}{more}.",
                place=f"record {names[wanted[0]]}",
                hint=f"What of it you know and do not want: inputs.astm.ignore: [{fields}]." if fields else "",
                severity="warning",
            )
        )


def skipped_remarks(numbers: list[int], controls: list[int]) -> Iterator[Remark]:
    """Tell how many results the site does not want, and which messages and orders are of quality control."""
    if controls:
        count = f"{len(controls)} {'message or order' if len(controls) == 1 else 'messages or orders'}"
        text = f"{count} of quality control (H-12 or O-12 is Q) passed over."
        yield Remark(Finding("astm.quality-control", text, place=f"record {controls[0]}", severity="warning"))
    if numbers:
        count = f"{len(numbers)} {'result is' if len(numbers) == 1 else 'results are'}"
        text = f"{count} skipped, by inputs.astm.skip or no_value."
        place = f"record {numbers[0]}"
        yield Remark(Finding("astm.results-skipped", text, place=place, severity="warning"))


def nothing_to_send(*, asked: bool, controlled: bool) -> FileError:
    """Say what a file is that has no patient's order."""
    if controlled:
        text = "The file holds results of quality control only (H-12 or O-12 is Q)."
        return FileError.of("astm.quality-control", text)
    if asked:
        return FileError.of("astm.query", "The file asks for orders (Q records) and holds no result.")
    return FileError.of("astm.no-result", "The file holds no order with results.")


def _not_understood(records: Iterable[Record], settings: AstmInput) -> Iterator[Finding]:
    """Find the parts that may change what a doctor reads, and that nothing of the report was made of."""
    found: dict[str, dict[int, None]] = {}
    for record in records:
        for field, component in record.unread():
            if _is_grave(record.kind, field):
                part = 0 if (record.kind, field) in _WHOLE else component
                found.setdefault(_name(record.kind, field, part), {})[record.number] = None
    for name, numbers in found.items():
        if not _is_ignored(name, settings):
            first, *others = numbers
            more = f" So do {len(others)} more records." if others else ""
            yield Finding(
                "astm.not-understood",
                f"{name} says something that may change what a doctor reads, and is not understood.{more}",
                place=f"record {first} {name}",
                hint=f"If it is not to be sent, write inputs.astm.ignore: [{name}]. docs/files/astm.md has the "
                "settings that say what analyzers mean.",
            )


def _order_faults(given: Given, settings: AstmInput) -> Iterator[Finding]:
    place = f"record {given.record.number}"
    if not given.record.text(*settings.specimen_id):
        yield Finding(
            "astm.specimen",
            "The order has no specimen id where it is looked for.",
            place=place,
            hint="Name its field and component in the O record, as in inputs.astm.specimen_id: O-4.3.",
        )
    elif _has_another_number(given.record, settings):
        yield Finding(
            "astm.specimen",
            "Two fields may be the specimen's number (O-3 and O-4): some analyzers count the day's specimens in O-3, "
            "and have the bar code in O-4.",
            place=f"{place} O-4",
            hint="If O-4 is it, write inputs.astm.specimen_id: O-4.1; if O-3 is, inputs.astm.ignore: [O-4].",
        )
    if not given.order.test.code:
        yield Finding(
            "astm.panel",
            "The order names several tests or none (O-5), and a report names one.",
            place=place,
            hint="Say what was ordered, as in inputs.astm.panel: 58410-2^CBC^LN.",
        )
    if not given.results and given.order.status != "cancelled":
        yield Finding(
            "order.empty",
            "The order has no result below it, or none that is wanted.",
            place=place,
            hint="Have the analyzer send it when it has one; an order that was cancelled says X in O-26.",
        )
    if len({(one.result.test.code, one.test) for one in given.results}) != len(
        {one.result.test.code for one in given.results}
    ):
        yield Finding(
            "astm.test-ambiguous",
            "Results below this order have the same code, but are of different tests (R-3).",
            place=place,
            hint="Name the components that set them apart, as in inputs.astm.test_parts: [4, 11].",
        )
    for one in given.results:
        yield from _result_faults(one, f"record {one.record.number}", settings)


def _result_faults(one: Measured, place: str, settings: AstmInput) -> Iterator[Finding]:
    result = one.result
    parts = one.record.parts(3)[0]
    if len(one.record.parts(3)) > 1:
        yield Finding(
            "astm.test",
            "The result is of several tests (R-3), and a result is of one.",
            place=f"{place} R-3",
            hint="Have the analyzer write a result record for each test.",
        )
    if not result.test.code:
        yield Finding(
            "astm.test",
            "The result does not say which test it is of (R-3).",
            place=place,
            hint="Name the components that do, as in inputs.astm.test_parts: [2, 7].",
        )
    elif not settings.test_parts and any(parts[:3]) and any(parts[3:5]):
        yield Finding(
            "astm.test",
            "The test has names both before the fourth component and in it (R-3): which is its code, is not certain.",
            place=f"{place} R-3",
            hint="Name the component that is the code, as in inputs.astm.test_parts: [2], or [4].",
        )
    if one.in_doubt:
        yield Finding(
            "astm.value-parts",
            "The value has several components (R-4), and nothing says what they are together.",
            place=f"{place} R-4",
            hint="Say which is the value: inputs.astm.value_part: 2, and the others in inputs.astm.ignore: [R-4.1]; "
            "or inputs.astm.titers: true for titers (1 and 128 are 1:128).",
        )
    if is_empty(result):
        yield Finding(
            "astm.value",
            "The result has no value (R-4), and its status does not say why.",
            place=place,
            hint="If it is a judgement of the analyzer: inputs.astm.no_value sends its flag, or skips it.",
        )
    if result.status == NO_STATUS:
        yield Finding("astm.status", "The result's status (R-9) is none of a result.", place=place)


def _has_another_number(order: Record, settings: AstmInput) -> bool:
    """Tell whether O-4 has a number where O-3 is taken for the specimen's; one behind a `^` is a rack or position."""
    field, component = settings.specimen_id
    other = order.parts(4)[0][0]
    is_new = other not in ("", order.text(field, component))
    return field == 3 and is_new and not _is_ignored(_name("O", 4, int(len(order.parts(4)[0]) > 1)), settings)


def _is_grave(kind: str, field: int) -> bool:
    return field in GRAVE.get(kind, ()) or (kind in ("R", "C") and field > LENGTH[kind])


def _is_ignored(name: str, settings: AstmInput) -> bool:
    return name in settings.ignore or name.partition(".")[0] in settings.ignore


def _name(kind: str, field: int, component: int) -> str:
    return f"{kind}-{field}.{component}" if component else f"{kind}-{field}"
