"""One report to one ORU^R01 message.

Holds: the Builder of a site: the segments that a report becomes, in the order of the grammar, and their last check.
Promises: a built message has passed every check, and MSH-18 is the character set of its bytes; what cannot be built
is an error with every finding, and with what was written of it. The same report, control id and time give the same
bytes.
Never: raises anything but FileError for a report, whatever its values are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lab_sender.errors import Finding, ProfileError
from lab_sender.hl7.charset import replaced
from lab_sender.hl7.checks import Misfit
from lab_sender.hl7.er7 import Row, field_name
from lab_sender.hl7.message import text_of
from lab_sender.hl7.orders import OrderFact, facts_of, patient_key_of
from lab_sender.hl7.tables import ORDER_STATUS
from lab_sender.oru import segments, specimens, timing
from lab_sender.oru.compiled import CompiledProfile
from lab_sender.oru.header import Header
from lab_sender.oru.mistakes import mistakes_of_profile
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.status import contradicts, order_status, result_status, roll_up
from lab_sender.oru.unfinished import Field, Unfinished, UnfinishedError, doubtful, influences_of, lacks_values
from lab_sender.oru.writer import CarefulWriter, Writer
from lab_sender.report.model import Order, Patient, Report

if TYPE_CHECKING:
    from lab_sender.config.profile import SiteProfile

_WITHOUT_RESULTS: Final = frozenset("IOSX")
"""OBR-25 of an order that has no results to report: not there yet, or cancelled."""


class Built(Struct, frozen=True):
    """A message that may be spooled. `orders` and `patient_key` are read from its bytes, as in ReadyItem."""

    body: bytes
    orders: tuple[OrderFact, ...]
    patient_key: str
    warnings: tuple[Finding, ...]


class Builder:
    """Builds messages by one site's profile. Raises ProfileError for one that cannot work."""

    def __init__(self, profile: SiteProfile) -> None:
        mistakes = mistakes_of_profile(profile)
        if mistakes:
            raise ProfileError(mistakes, profile.origins, profile.name)
        self.site = CompiledProfile(profile)
        self.rules = Rules(profile, self.site.grammar)
        self.site.checks.taken_over = self.rules.taken_over
        self._header = Header(self.site)
        self._influences = (*influences_of(self.site.profile), *self.rules.influences)

    def build(
        self,
        report: Report,
        *,
        control_id: str,
        now: datetime,
        attachments: Mapping[str, bytes],
        place: str = "",
    ) -> Built:
        """Build the message of `report`.

        `now` (aware) is MSH-7, `attachments` has the bytes of each attachment by its path, `place` stands before
        every place of a finding. Raises UnfinishedError with all findings.
        """
        w = Writer(self.site, place)
        self.write(w, report, control_id=control_id, now=now, attachments=attachments)
        touched: dict[int, frozenset[int]] = {}
        if self.rules.active:
            w.findings += self.rules.apply(w.lines, w.places, report, place, w.unchecked, touched)
        misfits = self.site.checks.misfits(w.lines, w.unchecked, touched)
        findings: Sequence[Finding] = w.findings
        text = "\r".join((*w.lines, ""))
        body = self._encoded(text)
        if body is None or misfits or any(finding.severity == "error" for finding in findings):
            careful = CarefulWriter(self.site, place)
            self.write(careful, report, control_id=control_id, now=now, attachments=attachments)
            lacking = lacks_values(careful.findings)
            more: set[Field] = set()
            if self.rules.active:
                careful.findings += self.rules.apply(careful.lines, careful.places, report, place, doubtful=more)
            findings = _all_findings(careful, misfits)
            carried = replaced(text, self.site.codec, self.site.profile.text.unencodable)
            body = self._encoded(carried)
            if body is None or any(finding.severity == "error" for finding in findings):
                doubts = doubtful(findings, more, self._influences, built=True)
                raise UnfinishedError(findings, Unfinished(carried, doubts, lacking))
        lines = w.lines if text.isascii() else text_of(body).split("\r")
        orders = facts_of([line for line in lines if line.startswith("OBR")])
        return Built(body, orders, patient_key_of(lines), tuple(findings))

    def write(
        self, w: Writer, report: Report, *, control_id: str, now: datetime, attachments: Mapping[str, bytes]
    ) -> None:
        """Write every segment in the order of ORU_R01; the message as a whole is not checked yet."""
        kin = self.site.dialect.kin
        patient = report.patient
        self._header.write(w, now, control_id)
        segments.pid(w, patient)
        if kin != "after notes":
            _write_kin(w, patient)
        number = segments.nte(w, patient.notes, "patient.notes")
        segments.nte(w, report.notes, "notes", after=number)
        end = _write_leftovers(w, "patient", len(w.lines))
        if kin == "after notes":
            _write_kin(w, patient)
        visit = report.visit or self.site.unknown_visit
        if visit is not None:
            segments.pv1(w, visit)
        _write_leftovers(w, "patient", end)
        seen: dict[str, set[str]] = {}
        for i, order in enumerate(report.orders):
            self._write_order(w, i + 1, order, f"orders[{i}]", attachments, seen)

    def _write_order(
        self,
        w: Writer,
        number: int,
        order: Order,
        place: str,
        attachments: Mapping[str, bytes],
        seen: dict[str, set[str]],
    ) -> None:
        """Write one ORDER_OBSERVATION group; `seen`: what makes an order to a HIS -> its tests so far."""
        site = self.site
        stated = order_status(order.status or "final", site.order_words)
        statuses = [result_status(result.status, stated, site.result_words) for result in order.results]
        attached = [result_status(one.status, stated, site.result_words) for one in order.attachments]
        obr = segments.obr(w, number, order, roll_up(stated, statuses + attached), place)
        _check_order(w, order, obr, stated, statuses)
        segments.orc(w, order, obr, place)
        w.begin("OBR", place)
        w.add(obr)
        if not site.specimen_segment and site.specimen_source:
            for i, specimen in enumerate(order.specimens):
                specimens.relocate(w, i + 1, specimen, order, f"{place}.specimens[{i}]")
        alone = stated == "X" and site.profile.corrections.cancelled == "order-only"
        if alone:
            segments.obx_left_out(w, order, place)
        segments.nte(w, order.notes, f"{place}.notes")
        end = _write_leftovers(w, place, len(w.lines))
        if site.timing == "TQ1":
            timing.tq1(w, order, place)
        if not alone:
            tests = seen.setdefault(repr((obr[2:5], order.specimens, order.parent)), set())
            _write_results(w, order, statuses, attached, place, attachments, tests)
        if site.specimen_segment:
            for i, specimen in enumerate(order.specimens):
                specimens.spm(w, i + 1, specimen, order, f"{place}.specimens[{i}]")
        _write_leftovers(w, place, end)

    def _encoded(self, text: str) -> bytes | None:
        try:
            return text.encode(self.site.codec)
        except UnicodeEncodeError:
            return None


def _write_kin(w: Writer, patient: Patient) -> None:
    for i, kin in enumerate(patient.next_of_kin):
        segments.nk1(w, i + 1, kin, f"patient.next_of_kin[{i}]")


def _write_results(
    w: Writer,
    order: Order,
    statuses: Sequence[str],
    attached: Sequence[str],
    place: str,
    files: Mapping[str, bytes],
    seen: set[str],
) -> None:
    """Write the OBX of an order, its attachments last, each with its notes."""
    number = 1
    for i, (result, status) in enumerate(zip(order.results, statuses, strict=True)):
        here = f"{place}.results[{i}]"
        number = segments.obx(w, number, result, status, here, seen)
        if result.notes:
            segments.nte(w, result.notes, f"{here}.notes")
        if w.leftovers:
            _write_leftovers(w, here, len(w.lines))
    for i, (attachment, status) in enumerate(zip(order.attachments, attached, strict=True)):
        here = f"{place}.attachments[{i}]"
        data = files.get(attachment.path)
        segments.obx_of_attachment(w, number + i, attachment, data, status, here)
        segments.nte(w, attachment.notes, f"{here}.notes")
        _write_leftovers(w, here, len(w.lines))


def _write_leftovers(w: Writer, place: str, index: int) -> int:
    """Write the leftovers as notes of the segment at `place`; return where its notes end."""
    w.begin("NTE", place)
    for text in w.leftovers:
        before = w.lines[index - 1].split("|", 2)
        number = int(before[1]) + 1 if before[0] == "NTE" else 1
        w.insert(index, f"NTE|{number}|L|{text}")
        index += 1
    w.leftovers.clear()
    return index


def _check_order(w: Writer, order: Order, obr: Row, stated: str, statuses: Sequence[str]) -> None:
    """Check the order as a whole; its `obr` is being written."""
    if not stated:
        w.fault(
            "status.unknown", "This is not an order status we know.", 25, "status",
            hint=f"Known: {', '.join(ORDER_STATUS)}.",
        )  # fmt: skip
    if contradicts(stated, statuses):
        w.fault(
            "status.disagree", "The order is cancelled, yet a result of it is reported.", 25, "status",
            hint="Cancel its results too, or report the order as final.",
        )  # fmt: skip
    filler = order.filler if isinstance(order.filler, str) else order.filler.id
    if not filler and not order.accession:
        w.fault("order.number", "The order has no number.", 3, "filler", hint="Give `filler` (or `accession`).")
    if filler and order.accession and filler != order.accession:
        w.fault(
            "order.number", "The order has a `filler` and another `accession`; OBR-3 has one place.", 3, "accession",
            hint="Give the laboratory's number once.",
        )  # fmt: skip
    if not (order.results or order.attachments) and stated not in _WITHOUT_RESULTS:
        w.fault("order.empty", "The order has neither results nor attachments.", 25, "results")
    for field, key in ((7, "collected"), (22, "reported")):
        if not (obr[field] or getattr(order, key)):
            w.fault("order.time", "Many receivers refuse a result without this time.", field, key, severity="warning")


def _all_findings(w: CarefulWriter, misfits: Sequence[Misfit]) -> list[Finding]:
    """Return the writer's findings, then the misfits that they do not explain."""
    findings = list(dict.fromkeys(w.findings))
    explained = {finding.field for finding in findings if finding.severity == "error"}
    counts: Counter[str] = Counter()
    numbers: list[int] = []
    for line in w.lines if misfits else ():
        counts[line[:3]] += 1
        numbers.append(counts[line[:3]])
    for misfit in misfits:
        segment = w.lines[misfit.line][:3]
        number = numbers[misfit.line]
        field = field_name(segment, number, misfit.field) if misfit.field else ""
        if field not in explained:
            place = w.source(field, w.places[misfit.line]) if field else w.where("orders")
            findings.append(Finding(misfit.code, misfit.text, place, field, misfit.hint))
    return sorted(findings, key=lambda finding: finding.severity)
