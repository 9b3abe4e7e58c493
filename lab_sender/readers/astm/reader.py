"""ASTM E1394 / LIS2-A2 files: what an analyzer says, one report for each patient.

Holds: which record belongs to which (LIS2-A2 chapter 5), orders and results, and the site's answers where analyzers
differ.
Promises: an order without a patient, a test that cannot be named, and two observations that would look the same are
refused with the setting that helps. Orders of control specimens (O-12 Q) are no patient's and are passed over.
Never: computes or guesses a value, a flag, a patient or a code.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lab_sender.errors import FileError, Finding
from lab_sender.readers.astm.fields import (
    NO_STATUS,
    ORDER_STATUS,
    PRIORITY,
    RESULT_STATUS,
    Places,
    is_empty,
    joined,
    patient_of,
    time_of,
    value_of,
    whole_test,
)
from lab_sender.readers.astm.records import Record, looks_like_astm, messages
from lab_sender.readers.items import BadItem, Item
from lab_sender.readers.reader import report_item
from lab_sender.readers.settings import AstmInput
from lab_sender.report.model import Coded, Identifier, Order, OrderNumber, Report, Result, Specimen

_KNOWN = frozenset("HPORCMQLS")
_QUALITY_CONTROL = "Q"


@dataclass(slots=True)
class _Given:
    """An order record with what stands below it: each result with its whole R-3 and its record's number."""

    record: Record
    order: Order
    results: list[tuple[Result, str, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """A patient record (None where there is none) with its orders."""

    number: int
    record: Record | None
    notes: list[str]
    orders: list[_Given] = field(default_factory=list)


class AstmReader:
    """Records of an analyzer, with and without frames."""

    kind = "astm"

    def __init__(self, settings: AstmInput) -> None:
        self._settings = settings

    def recognises(self, data: bytes, start: int, /) -> bool:
        return looks_like_astm(data, start)

    def read(self, data: bytes, _name: str, /) -> list[Item]:
        """Read all messages of a file. Raises FileError `astm.*` where the file as a whole is in doubt."""
        groups: list[_Group] = []
        asked = controlled = False
        for records in messages(data):
            found = list(self._groups(records))
            asked = asked or any(record.kind == "Q" for record in records)
            kept = [_Group(g.number, g.record, g.notes, [o for o in g.orders if not _is_control(o)]) for g in found]
            controlled = controlled or any(_is_control(each) for group in found for each in group.orders)
            groups += [one for group in kept if group.orders for one in self._by_patient(group)]
        if not groups:
            raise _nothing(asked=asked, controlled=controlled)
        return [self._item(group) for group in groups]

    # ------------------------------------------------------------- the records

    def _groups(self, records: Sequence[Record]) -> Iterator[_Group]:
        """Put the records of one message below those they belong to."""
        group: _Group | None = None
        opening: list[str] = []
        notes = opening
        for record in records:
            match record.kind:
                case "P":
                    if group is not None:
                        yield group
                    notes = [*opening]
                    group = _Group(record.number, record, notes)
                case "O":
                    group = group or _Group(record.number, None, [*opening])
                    given = _Given(record, self._order(record))
                    group.orders.append(given)
                    notes = given.order.notes
                case "R":
                    if group is None or not group.orders:
                        raise _refused("astm.no-order", "A result record stands below no order (O).", record.number)
                    result = self._result(record)
                    notes = result.notes
                    if not self._is_passed_over(result):
                        group.orders[-1].results.append((result, whole_test(record, 3), record.number))
                case "C":
                    notes += filter(None, [joined(record.repetitions(4))])
                case kind if kind not in _KNOWN:
                    raise _refused("astm.record", "A record of a kind that LIS2-A2 does not have.", record.number)
        if group is not None:
            yield group

    def _by_patient(self, group: _Group) -> Iterator[_Group]:
        """Part orders that have no patient in common: where the specimen says whose it is, each is its own."""
        if patient_of(group.record).ids or self._settings.patient_from == "required":
            yield group
            return
        parts: dict[str, _Group] = {}
        for given in group.orders:
            own = _Group(given.record.number, group.record, group.notes)
            parts.setdefault(self._specimen_id(given.record), own).orders.append(given)
        yield from parts.values()

    # -------------------------------------------------------------- the report

    def _item(self, group: _Group) -> Item:
        place = f"record {group.number}"
        patient = patient_of(group.record)
        patient.notes = group.notes
        faults = [fault for given in group.orders for fault in self._faults(given)]
        if not patient.ids and self._settings.patient_from == "specimen-id":
            specimen_id = self._specimen_id(group.orders[0].record)
            patient.ids = [Identifier(specimen_id)] if specimen_id else []
        elif not patient.ids and not (patient.name.family or patient.name.given):
            faults.append(
                Finding(
                    "astm.patient",
                    "The orders have no patient: the P record has no id (P-3, P-4, P-5) and no name.",
                    place=place,
                    hint="Have the analyzer send the patient's id; or, if your HIS finds the patient by the "
                    "specimen's number, set inputs.astm.patient_from: specimen-id.",
                )
            )
        for given in group.orders:
            given.order.results = _numbered([result for result, *_ in given.results])
            given.order.status = _status(given)
        report = Report(patient=patient, orders=[each.order for each in group.orders])
        item = report_item(place, report, places=_places(group))
        return BadItem(place, tuple(faults), item.digest) if faults else item

    def _order(self, record: Record) -> Order:
        specimen_id = self._specimen_id(record)
        kind = record.text(16, 1)
        order = Order(test=self._ordered(record), filler=OrderNumber(specimen_id) if specimen_id else "")
        order.specimens = [Specimen(id=specimen_id, type=kind)] if kind else []  # SPM needs a type
        priority = record.text(6, 1).upper()
        order.priority = priority if priority in PRIORITY else ""
        order.requested, order.collected = time_of(record, 7), time_of(record, 8)
        order.collected_until, order.received = time_of(record, 9), time_of(record, 15)
        order.reported = time_of(record, 23)
        order.clinical_info = record.text(14)
        return order

    def _result(self, record: Record) -> Result:
        units, ranges = record.repetitions(5), record.repetitions(6)
        flags = [part for each in record.repetitions(7) for part in each if part]
        value = value_of(record)
        if value is None and flags and self._settings.no_value == "flag":
            value = flags[0]
        return Result(
            test=self._test(record.repetitions(3)[0]),
            value=value,
            unit=joined(units),
            range=joined(ranges),
            flags=flags,
            status=RESULT_STATUS.get("".join(parts[0] for parts in record.repetitions(9)).upper(), NO_STATUS),
            analysed=time_of(record, 13),
            device=record.text(14),
        )

    def _is_passed_over(self, result: Result) -> bool:
        """Tell whether the site does not want a result."""
        if is_empty(result) and self._settings.no_value == "skip":
            return True
        return any(fnmatch.fnmatchcase(result.test.code, each) for each in self._settings.skip)

    def _specimen_id(self, record: Record) -> str:
        return record.text(*self._settings.specimen_id)

    def _ordered(self, record: Record) -> Coded:
        tests = record.repetitions(5)
        alone = self._test(tests[0]) if len(tests) == 1 else Coded()
        if alone.code or self._settings.panel is None:
            return alone
        return Coded(*self._settings.panel)

    def _test(self, parts: Sequence[str]) -> Coded:
        """Name a test: `^^^WBC^1` is WBC (LIS2-A2 5.6.1: the fourth component is the laboratory's own code)."""
        chosen = self._settings.test_parts
        texts = [parts[n - 1] for n in chosen or (4, 5, 1) if n <= len(parts) and parts[n - 1]]
        code = "-".join(texts) if chosen else next(iter(texts), "")
        return Coded(code=code, system=self._settings.tests_system if code else "")

    # -------------------------------------------------------------- the faults

    def _faults(self, given: _Given) -> Iterator[Finding]:
        place = f"record {given.record.number}"
        if not self._specimen_id(given.record):
            yield Finding(
                "astm.specimen",
                "The order has no specimen id where it is looked for.",
                place=place,
                hint="Name its field and component in the O record, as in inputs.astm.specimen_id: O-4.3.",
            )
        if not given.order.test.code:
            yield Finding(
                "astm.panel",
                "The order names several tests or none (O-5), and a report names one.",
                place=place,
                hint="Say what was ordered, as in inputs.astm.panel: 58410-2^CBC^LN.",
            )
        if len({(result.test.code, whole) for result, whole, _ in given.results}) != len(
            {result.test.code for result, *_ in given.results}
        ):
            yield Finding(
                "astm.test-ambiguous",
                "Results below this order have the same code, but are of different tests (R-3).",
                place=place,
                hint="Name the components that tell them apart, as in inputs.astm.test_parts: [4, 11].",
            )
        for result, _, number in given.results:
            yield from _result_faults(result, f"record {number}")


def _result_faults(result: Result, place: str) -> Iterator[Finding]:
    if not result.test.code:
        yield Finding(
            "astm.test",
            "The result does not say which test it is of (R-3).",
            place=place,
            hint="Name the components that do, as in inputs.astm.test_parts: [2, 7].",
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


def _places(group: _Group) -> Places:
    orders = [(given.record.number, [number for *_, number in given.results]) for given in group.orders]
    return Places(group.number, orders)


def _status(given: _Given) -> str:
    """Return the order's status: O-26, else what its results say."""
    stated = ORDER_STATUS.get(given.record.text(26, 1).upper())
    statuses = {result.status for result, *_ in given.results}
    if stated:
        return stated
    if statuses & {"P", "I", "R"}:
        return "preliminary"
    return "corrected" if "C" in statuses else "final"


def _numbered(results: Sequence[Result]) -> list[Result]:
    """Tell runs of the very same test apart by OBX-4: 1, 2 ... in the order of the file."""
    times = Counter(result.test.code for result in results)
    seen: Counter[str] = Counter()
    for result in results:
        code = result.test.code
        seen[code] += 1
        result.sub_id = str(seen[code]) if times[code] > 1 else ""
    return list(results)


def _is_control(given: _Given) -> bool:
    return given.record.text(12, 1).upper() == _QUALITY_CONTROL


def _nothing(*, asked: bool, controlled: bool) -> FileError:
    if controlled:
        return FileError.of("astm.quality-control", "The file holds results of control specimens only (O-12 is Q).")
    if asked:
        return FileError.of("astm.query", "The file asks for orders (Q records) and holds no result.")
    return FileError.of("astm.no-result", "The file holds no order with results.")


def _refused(code: str, text: str, number: int) -> FileError:
    return FileError.of(code, text, place=f"record {number}", hint="Nothing of the file was sent.")
