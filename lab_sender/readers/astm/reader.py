"""ASTM E1394 / LIS2-A2 files: what an analyzer says, one report for each patient.

Holds: which record belongs to which (LIS2-A2 chapter 5), orders and results, and the site's answers where analyzers
differ.
Promises: an order without a patient, a test that cannot be named, and two observations that would look the same are
quarantined with the setting that helps. Messages and orders of quality control (H-12, O-12 Q) are no patient's: they
are passed over, and counted in a remark. What no part of a report was made of is a fault or a remark.
Never: computes or guesses a value, a flag, a patient or a code.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence

from lab_sender.config.inputs import AstmInput
from lab_sender.errors import FileError
from lab_sender.readers.astm.doubts import group_faults, nothing_to_send, passed_over, skipped_remarks
from lab_sender.readers.astm.fields import (
    ACTIONS,
    NO_STATUS,
    PRIORITY,
    RESULT_STATUS,
    Places,
    is_empty,
    joined,
    order_status_of,
    patient_of,
    person_of,
    range_of,
    time_of,
    unit_of,
    value_of,
    visit_of,
    whole_test,
)
from lab_sender.readers.astm.groups import Given, Group, Measured
from lab_sender.readers.astm.records import Record, looks_like_astm, messages
from lab_sender.readers.guards.words import stand_beside
from lab_sender.readers.items import BadItem, Item, Remark
from lab_sender.readers.reader import report_item
from lab_sender.report.model import Coded, Identifier, Order, OrderNumber, Person, Report, Result, Specimen

_KNOWN = frozenset("HPORCMQLS")
_OTHERS = frozenset("MSQ")
"""Records that no part of a report is made of, with the comments below them."""
_QUALITY_CONTROL = "Q"
_NOT_SENT = {"T": ("astm.training", "training"), "D": ("astm.debugging", "debugging")}
_LONGEST_KIND = 3  # characters of C-5; a longer one is the rest of a comment with a delimiter in it
_OF_THE_HEADER = (2, 5, 12, 13, 14)  # delimiters, sender, purpose, version, time


class AstmReader:
    """Records of an analyzer, with and without frames."""

    kind = "astm"

    def __init__(self, settings: AstmInput) -> None:
        self._settings = settings

    def recognises(self, data: bytes, start: int, /) -> bool:
        return looks_like_astm(data, start)

    def read(self, data: bytes, _name: str, /) -> list[Item | Remark]:
        """Read all messages of a file. Raises FileError `astm.*` where the file as a whole is in doubt."""
        groups: list[Group] = []
        others: list[Record] = []
        lines_apart: list[int] = []
        skipped: list[int] = []
        controls: list[int] = []
        asked = False
        for records in messages(data, lines_apart, self._settings.encoding):
            asked = asked or any(record.kind == "Q" for record in records)
            if self._is_control_message(records[0]):
                controls.append(records[0].number)
                continue
            for group in list(self._groups(records, others, skipped)):
                controls += (each.record.number for each in group.orders if _is_control(each))
                group.orders = [each for each in group.orders if not _is_control(each)]
                groups += self._by_patient(group) if group.orders else ()
        if not groups:
            raise nothing_to_send(asked=asked, controlled=bool(controls))
        items = [self._item(group) for group in groups]
        remarks = (*passed_over(groups, others, lines_apart, self._settings), *skipped_remarks(skipped, controls))
        return [*items, *remarks]

    def _is_control_message(self, header: Record) -> bool:
        """Tell by H-12 whether a message is of quality control. Raises FileError for training and the unknown."""
        for field in _OF_THE_HEADER:
            header.whole(field)
        said = header.text(12).upper()
        if code := _NOT_SENT.get(said):
            raise _fault(code[0], f"The header says that the message is for {code[1]} (H-12).", header.number)
        meant = {"": "patient", "P": "patient", _QUALITY_CONTROL: "control", **self._settings.processing}.get(said)
        if meant is None:
            raise FileError.of(
                "astm.processing",
                "The header says what the message is for in a code that LIS2-A2 does not have (H-12).",
                place=f"record {header.number} H-12",
                hint="If its messages are patients' results, write inputs.astm.processing: {CODE: patient}; "
                "{CODE: control} passes them over.",
            )
        return meant == "control"

    # ------------------------------------------------------------- the records

    def _groups(self, records: Sequence[Record], others: list[Record], skipped: list[int]) -> Iterator[Group]:
        """Put the records of one message below those they belong to; those that no report is made of to `others`."""
        group: Group | None = None
        opening: list[str] = []
        comments: list[Record] = []
        notes, below = opening, comments
        for record in records:
            match record.kind:
                case "P":
                    if group is not None:
                        yield group
                    notes, below = [*opening], [*comments, record]
                    group = Group(record.number, record, notes, below)
                case "O":
                    group = group or Group(record.number, None, [*opening], [*comments])
                    given = Given(record, self._order(record))
                    group.orders.append(given)
                    notes, below = given.order.notes, given.below
                case "R":
                    if group is None or not group.orders:
                        raise _fault("astm.no-order", "A result record stands below no order (O).", record.number)
                    one = self._result(record)
                    notes, below = one.result.notes, []
                    if self._is_passed_over(one):
                        skipped.append(record.number)
                    else:
                        group.orders[-1].results.append(one)
                        below = group.orders[-1].below
                        below.append(record)
                case "C":
                    below.append(record)
                    notes += filter(None, [_comment(record)])
                case kind if kind in _OTHERS:
                    others.append(record)
                    notes, below = [], []
                case kind if kind not in _KNOWN:
                    raise _fault("astm.record", "A record of a kind that LIS2-A2 does not have.", record.number)
                case _:
                    others.append(record)
        if group is not None:
            yield group

    def _by_patient(self, group: Group) -> Iterator[Group]:
        """Part orders that have no patient in common: where the specimen says whose it is, each is its own."""
        if patient_of(group.record, self._settings).ids or self._settings.patient_from == "required":
            yield group
            return
        parts: dict[str, Group] = {}
        for given in group.orders:
            own = Group(given.record.number, group.record, group.notes, group.below)
            parts.setdefault(self._specimen_id(given.record), own).orders.append(given)
        yield from parts.values()

    # -------------------------------------------------------------- the report

    def _item(self, group: Group) -> Item:
        place = f"record {group.number}"
        patient = patient_of(group.record, self._settings)
        patient.notes = group.notes
        visit = visit_of(group.record)
        faults = list(group_faults(group, patient, self._settings))
        if not patient.ids and self._settings.patient_from == "specimen-id":
            specimen_id = self._specimen_id(group.orders[0].record)
            patient.ids = [Identifier(specimen_id)] if specimen_id else []
        for given in group.orders:
            given.order.results = _numbered([one.result for one in given.results])
            given.order.status = _status(given)
        report = Report(patient=patient, orders=[each.order for each in group.orders], visit=visit)
        item = report_item(place, report, places=_places(group))
        return BadItem(place, tuple(faults), item.digest) if faults else item

    def _order(self, record: Record) -> Order:
        specimen_id = self._specimen_id(record)
        order = Order(test=self._ordered(record), filler=OrderNumber(specimen_id) if specimen_id else "")
        if kind := record.text(16):  # SPM needs a type
            order.specimens = [Specimen(id=specimen_id, type=kind, site=record.text(16, 2))]
        order.priority = _known(record, 6, PRIORITY)
        _known(record, 12, ACTIONS)
        order.requested, order.collected = time_of(record, 7), time_of(record, 8)
        order.collected_until, order.received = time_of(record, 9), time_of(record, 15)
        order.reported, order.status = time_of(record, 23), order_status_of(record)
        order.clinical_info = joined(record, 14)
        order.orderer, order.orderer_phone = person_of(record, 17), record.text(18)
        return order

    def _result(self, record: Record) -> Measured:
        flags = [part for each in record.whole(7) for part in each if part]
        value, in_doubt = value_of(record, self._settings)
        if value is None and flags and self._settings.no_value == "flag":
            value = flags[0]
        operator = record.text(11)
        result = Result(
            test=self._test(record, 3),
            value=value,
            unit=unit_of(record),
            range=range_of(record),
            flags=flags,
            status=RESULT_STATUS.get("".join(record.repeated(9)).upper(), NO_STATUS),
            observer=Person(operator) if operator else None,
            analysed=time_of(record, 13) or time_of(record, 12),
            device=record.text(14),
        )
        return Measured(record, result, whole_test(record, 3), in_doubt)

    def _is_passed_over(self, one: Measured) -> bool:
        """Tell whether the site does not want a result."""
        if is_empty(one.result) and self._settings.no_value == "skip":
            return True
        return any(fnmatch.fnmatchcase(one.result.test.code, each) for each in self._settings.skip)

    def _specimen_id(self, record: Record) -> str:
        return record.text(*self._settings.specimen_id)

    def _ordered(self, record: Record) -> Coded:
        alone = self._test(record, 5) if len(record.parts(5)) == 1 else Coded()
        if alone.code or self._settings.panel is None:
            return alone
        record.whole(5)  # what the panel stands for
        return Coded(*self._settings.panel)

    def _test(self, record: Record, field: int) -> Coded:
        """Name a test: `^^^WBC^1` is WBC (LIS2-A2 5.6.1: the fourth component is the laboratory's own code).

        The first component, where it is the code, has its name in the second.
        """
        chosen = self._settings.test_parts
        parts = record.parts(field)[0]
        named = [n for n in chosen or (4, 5, 1) if n <= len(parts) and parts[n - 1]]
        if not chosen:
            named = named[:1]
        code = "-".join(record.text(field, n) for n in named)
        name = record.text(field, 2) if named == [1] and not chosen else ""
        return Coded(code=code, text=name, system=self._settings.tests_system if code else "")


def _known(record: Record, field: int, known: frozenset[str]) -> str:
    """Return a code of a table in upper case; one that is not in it counts as not read."""
    code = record.text(field).upper()
    if code in known:
        return code
    record.unsay(field)
    return ""


def _comment(record: Record) -> str:
    """Return the words of a C record."""
    for field in (3, 5):  # whose it is, and of what kind
        if len(record.parts(field)[0][0]) <= _LONGEST_KIND:
            record.text(field)
    return joined(record, 4)


def _places(group: Group) -> Places:
    orders = [(given.record.number, [one.record.number for one in given.results]) for given in group.orders]
    return Places(group.number, orders)


def _status(given: Given) -> str:
    """Return the order's status: O-26, else what its results say."""
    statuses = {one.result.status for one in given.results}
    if given.order.status:
        return given.order.status
    if statuses & {"P", "I", "R"}:
        return "preliminary"
    return "corrected" if "C" in statuses else "final"


def _numbered(results: Sequence[Result]) -> list[Result]:
    """Tell runs of the very same test apart by OBX-4: 1, 2 ... in the order of the file.

    A correction beside what it corrects is no run of its own: that would stay valid.
    """
    statuses: dict[str, list[str]] = {}
    for result in results:
        statuses.setdefault(result.test.code, []).append(result.status)
    runs = {code for code, said in statuses.items() if len(said) > 1 and not stand_beside(said)}
    seen: Counter[str] = Counter()
    for result in results:
        code = result.test.code
        seen[code] += 1
        result.sub_id = str(seen[code]) if code in runs else ""
    return list(results)


def _is_control(given: Given) -> bool:
    """Ask O-12 without reading it: a code that nobody knows stays unread, and Q beside another code is none."""
    return [[part.upper() for part in parts] for parts in given.record.parts(12)] == [[_QUALITY_CONTROL]]


def _fault(code: str, text: str, number: int) -> FileError:
    return FileError.of(code, text, place=f"record {number}", hint="Nothing of the file was sent.")
