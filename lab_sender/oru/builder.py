"""One report to one ORU^R01 message.

Holds: the Builder of a site: which segments a report makes, in the order of the grammar, and the last look at them.
Promises: what comes out has been checked; what cannot be built is refused with every finding at once; MSH-18 and the
bytes agree; the same report, control id and time give the same bytes.
Never: raises anything but FileError for a report, whatever its values are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import FileError, Finding, LabSenderError
from ..results.model import Order, Report, Timing
from . import grammar, segments
from .checks import Checks, Misfit
from .encoder import CarefulWriter, Writer, field_name
from .escape import needs_care
from .header import Header
from .profile import CHARSETS, MessageProfile
from .status import contradicts, order_status, result_status, roll_up
from .tables import ORDER_STATUS
from .times import Clock

_VERSION: Final = "2.5.1"
_WHEN: Final = ("", "AL", "ER", "NE", "SU")  # table 0155
_CODES: Final = {"processing_id": ("D", "P", "T"), "accept_ack": _WHEN, "application_ack": _WHEN}
_OWN: Final = (1, 2, 7, 10)  # fields of MSH that no profile says: the delimiters, the time, the control id
_WITHOUT_RESULTS: Final = frozenset("IOSX")
"""OBR-25 of an order that has no results to report: not there yet, or cancelled."""


@dataclass(frozen=True, slots=True)
class Built:
    """A message that may be spooled. The keys are those of results.items.ReadyItem."""

    body: bytes
    order_keys: tuple[str, ...]
    patient_key: str
    warnings: tuple[Finding, ...]


class Builder:
    """Builds messages by one site's profile.

    Raises LabSenderError (`profile.*`) for a profile that cannot work.
    """

    def __init__(self, profile: MessageProfile) -> None:
        if profile.version != _VERSION:
            raise LabSenderError(
                "profile.version", "Reports are built as HL7 2.5.1 only.", hint=f'Set version: "{_VERSION}".'
            )
        if profile.charset not in CHARSETS:
            raise LabSenderError(
                "profile.charset", f"Messages cannot be written in character set {profile.charset!r}.",
                hint=f"One of: {', '.join(CHARSETS)}.",
            )  # fmt: skip
        self._codec = CHARSETS[profile.charset]
        self._grammar = grammar.load(profile.version)
        self._checks = Checks(self._grammar)
        self._clock = Clock(_zone(profile.time_zone))
        self._header = Header(profile, self._clock)
        self._check_profile(profile)

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

        `now` (aware) is MSH-7, `attachments` holds the bytes of each attachment by its path, `place` is put before
        every place in a finding. Raises FileError with all findings.
        """
        w = Writer(self._clock, place)
        header = self.write(w, report, control_id=control_id, now=now, attachments=attachments)
        misfits = self._checks.misfits(w.lines)
        try:
            body = "\r".join((header, *w.lines, "")).encode(self._codec)
        except UnicodeEncodeError:
            body = b""
        if not body or misfits or any(finding.severity == "error" for finding in w.findings):
            careful = CarefulWriter(self._clock, place, self._codec)
            self.write(careful, report, control_id=control_id, now=now, attachments=attachments)
            raise FileError(_all_findings(careful, misfits))
        return Built(body, _order_keys(w.lines), _patient_key(w.lines), tuple(w.findings))

    def write(
        self, w: Writer, report: Report, *, control_id: str, now: datetime, attachments: Mapping[str, bytes]
    ) -> str:
        """Write every segment in the order of ORU_R01, unchecked; return MSH and SFT, which have no line in it."""
        header = self._header.write(w, now, control_id)
        patient = report.patient
        segments.pid(w, patient, self._grammar)
        segments.nte(w, patient.notes, "patient.notes")
        segments.nte(w, report.notes, "notes", after=sum(map(bool, patient.notes)))
        for i, kin in enumerate(patient.next_of_kin):
            segments.nk1(w, i + 1, kin, f"patient.next_of_kin[{i}]", self._grammar)
        if report.visit is not None:
            segments.pv1(w, report.visit)
        for i, order in enumerate(report.orders):
            self._write_order(w, i + 1, order, f"orders[{i}]", attachments)
        return header

    def _write_order(
        self, w: Writer, number: int, order: Order, place: str, attachments: Mapping[str, bytes]
    ) -> None:
        """Write one ORDER_OBSERVATION group."""
        stated = order_status(order.status or "final")
        statuses = [result_status(result.status, stated) for result in order.results]
        obr = segments.obr(w, number, order, roll_up(stated, statuses), place, self._grammar)
        _check_order(w, order, stated, statuses)
        segments.orc(w, order, obr, place)
        w.begin("OBR", place)
        w.add(obr)
        segments.nte(w, order.notes, f"{place}.notes")
        if order.timing is not None or order.priority:
            segments.tq1(w, order.timing or Timing(), order.priority, place, self._grammar)
        seen: set[str] = set()
        for i, (result, status) in enumerate(zip(order.results, statuses, strict=True)):
            here = f"{place}.results[{i}]"
            segments.obx(w, i + 1, result, status, here, seen)
            if result.notes:
                segments.nte(w, result.notes, f"{here}.notes")
        for i, attachment in enumerate(order.attachments):
            here = f"{place}.attachments[{i}]"
            status = result_status(attachment.status, stated)
            data = attachments.get(attachment.path)
            segments.obx_of_attachment(w, len(statuses) + i + 1, attachment, data, status, here)
            segments.nte(w, attachment.notes, f"{here}.notes")
        for i, specimen in enumerate(order.specimens):
            segments.spm(w, i + 1, specimen, order, f"{place}.specimens[{i}]", self._grammar)

    def _check_profile(self, profile: MessageProfile) -> None:
        """Refuse a profile whose values cannot stand in MSH."""
        for name, codes in _CODES.items():
            if getattr(profile, name) not in codes:
                known = ", ".join(filter(None, codes))
                raise LabSenderError("profile.code", f"HL7 has no such {name}.", hint=f"One of: {known}.")
        msh = self._header.msh
        misfits = [one for one in self._checks.line_misfits(0, msh) if one.field not in _OWN]
        if misfits or any(needs_care(text.replace("^", "")) for text in msh[3:18] + list(profile.profile_ids)):
            raise LabSenderError(
                "profile.value", "A name or code of the profile cannot stand in MSH.",
                hint="Write it as in the message, like LAB^1.2.3^ISO.",
            )  # fmt: skip
        try:
            "|".join(msh).encode(self._codec)
        except UnicodeEncodeError:
            raise LabSenderError(
                "profile.charset", "A name of the profile has a character that its own character set lacks."
            ) from None


def _check_order(w: Writer, order: Order, stated: str, statuses: Sequence[str]) -> None:
    """Find what is wrong with the order as a whole; its OBR is being written."""
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
        if not getattr(order, key):
            w.fault("order.time", "Many receivers refuse a result without this time.", field, key, severity="warning")


def _all_findings(w: CarefulWriter, misfits: Sequence[Misfit]) -> list[Finding]:
    """Return what the writer found, then the misfits that it did not explain already."""
    findings = list(dict.fromkeys(w.findings))
    explained = {finding.field for finding in findings if finding.severity == "error"}
    for misfit in misfits:
        segment = w.lines[misfit.line][:3]
        number = sum(line.startswith(segment) for line in w.lines[: misfit.line + 1])
        field = field_name(segment, number, misfit.field) if misfit.field else ""
        if field not in explained:
            place = w.source(field, w.places[misfit.line]) if field else w.where("orders")
            findings.append(Finding(misfit.code, misfit.text, place, field, misfit.hint))
    return sorted(findings, key=lambda finding: finding.severity)


def _order_keys(lines: Sequence[str]) -> tuple[str, ...]:
    """`id^authority` of each OBR-3, as in ReadyItem."""
    keys: dict[str, None] = {}
    for line in lines:
        if line.startswith("OBR"):
            identifier, *authority = line.split("|", 4)[3].split("^")
            keys[f"{identifier}^{next(filter(None, authority), '')}"] = None
    return tuple(keys)


def _patient_key(lines: Sequence[str]) -> str:
    """`id^authority` of the first repetition of PID-3, as in ReadyItem."""
    parts = lines[0].split("|", 4)[3].partition("~")[0].split("^")
    authority = parts[3].split("&") if len(parts) > 3 else ()
    return f"{parts[0]}^{next(filter(None, authority), '')}"


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise LabSenderError(
            "profile.time-zone", f"There is no time zone {name!r}.", hint="Write it like Europe/Dublin."
        ) from None
