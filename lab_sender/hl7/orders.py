"""The orders and observations in a message.

Holds: the facts of an order that the ledger keeps (number, test, OBR-25, OBR-22), the key of the patient, a message's
orders with their observations, and the rule by which one report of an order is older than another.
Promises: reads whatever passed intake, in any version and with any delimiters. What cannot be compared safely is
never called different.
Never: changes a message; knows the journal or a profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final, Literal, NamedTuple

from lab_sender.hl7.escape import unescape
from lab_sender.hl7.message import USUAL, Delimiters, delimiters_of, text_of

_FINAL: Final = frozenset("FC")
_OPEN: Final = frozenset("INOPRS")
"""OBR-25 (table 0123) that clearly come before the final report. A and M mean different things at different sites."""
_RELEASED: Final = frozenset("ABCFUV")
"""OBX-11 (table 0085) of a result that a doctor may have acted on."""
_MARKED_CHANGED: Final = frozenset("ABCDWX")
"""OBX-11 of a result that is not what it was: amended, appended, corrected, deleted, wrong, cancelled."""
BELOW_OBX: Final = frozenset(("NTE", "PRT"))
"""The segments that belong to the observation before them."""
_VISIT: Final = re.compile(rb"\r[Pp][Vv]1")
_DOCUMENTS: Final = frozenset(("ED", "RP"))
_TIME: Final = re.compile(
    r"(?P<whole>[0-9]{8}(?:[0-9]{2}){0,2}|[0-9]{14}(?:\.(?P<fraction>[0-9]{1,4}))?)(?P<offset>(?:[+-][0-9]{4})?)"
)


class OrderFact(NamedTuple):
    """What the ledger keeps of one test of an order in one message.

    `key` is `id^authority` of OBR-3 (else OBR-2), `service` the test's code in OBR-4 (else its text), `status` OBR-25
    and `reported` OBR-22, both as sent; they are empty where the message has none, or several that differ. `patient`
    is the key of whose it is ("": of nobody known), where the message has several PIDs; None: whose the message is.
    """

    key: str
    service: str
    status: str
    reported: str
    patient: str | None = None


class Observation(NamedTuple):
    """One OBX.

    `identity` is OBX-3 and OBX-4, `lines` the OBX and its notes without set ids, `value` OBX-5 and the unit.
    `marked_changed`: OBX-11 or OBR-25 shows that it is not what it was.
    """

    identity: tuple[str, ...]
    lines: tuple[str, ...]
    value: tuple[str, str]
    released: bool
    marked_changed: bool
    is_document: bool


class OrderReport(NamedTuple):
    """One OBR and all segments up to the next one, without set ids."""

    fact: OrderFact
    lines: tuple[str, ...]
    observations: tuple[Observation, ...]


def facts_of(lines: Iterable[str], delimiters: Delimiters = USUAL) -> tuple[OrderFact, ...]:
    """Return the facts of a message's OBR lines, one for each order and test, but for orders without a number.

    Where PID lines stand among them, each fact says whose it is.
    """
    facts: dict[tuple[str, str], OrderFact] = {}
    patient = None
    for line in lines:
        if line[:3].upper() == "PID":
            patient = patient_key_of([line], delimiters)
            continue
        fact = _fact(line.split(delimiters.field, 26), delimiters)._replace(patient=patient)
        if fact.key:
            before = facts.setdefault(fact[:2], fact)
            if before is not fact:
                facts[fact[:2]] = _agreed(before, fact)
    return tuple(facts.values())


def facts_in(body: bytes) -> tuple[OrderFact, ...]:
    """Return the facts of a whole message's orders."""
    text = text_of(body)
    return facts_of((line for line in text.split("\r") if line[:3].upper() == "OBR"), delimiters_of(text))


def patient_key_of(lines: Iterable[str], delimiters: Delimiters = USUAL) -> str:
    """Return `id^authority` of PID-3's first repetition; "" where a message's lines have none."""
    pid = next((line for line in lines if line[:3].upper() == "PID"), "")
    first = next(iter(pid.split(delimiters.field, 4)[3:]), "").partition(delimiters.repetition)[0]
    parts = first.split(delimiters.component, 4)
    if not parts[0].strip():
        return ""
    names = (name for part in parts[3:4] for name in delimiters.subcomponents(part) if name)
    return f"{parts[0]}^{next(names, '')}"


def ward_in(body: bytes) -> str:
    """Return PV1-3.1, the ward that a message names first, without blanks around it; "" where it names none."""
    for found in _VISIT.finditer(body):
        end = body.find(b"\r", found.end())
        head, line = body[: body.find(b"\r") + 1], body[found.start() + 1 : end if end >= 0 else len(body)]
        text = text_of(head + line)
        delimiters = delimiters_of(text)
        location = next(iter(text.split("\r", 1)[1].split(delimiters.field, 4)[3:]), "")
        first = location.split(delimiters.repetition, 1)[0].split(delimiters.component, 1)[0]
        ward = delimiters.subcomponents(first)[0].strip()
        if ward and ward != '""':
            return unescape(ward)
    return ""


def has_several_patients(body: bytes) -> bool:
    """Tell whether a message is about more than one patient: its PIDs have different keys, or some have none."""
    if body.upper().count(b"\rPID") < 2:  # in every character set that we read
        return False
    text = text_of(body)
    delimiters = delimiters_of(text)
    lines = [line for line in text.split("\r") if line[:3].upper() == "PID"]
    return len({patient_key_of([line], delimiters) for line in lines}) > 1


def numbers_in(body: bytes) -> frozenset[str]:
    """Return every number that a message has of its orders (ORC-2, ORC-3, OBR-2, OBR-3), as `id^authority`."""
    text = text_of(body)
    delimiters = delimiters_of(text)
    lines = [line.split(delimiters.field, 4) for line in text.split("\r") if line[:3].upper() in ("ORC", "OBR")]
    return frozenset(key for fields in lines for field in fields[2:4] if (key := _entity(field, delimiters)))


def reports_of(body: bytes) -> list[OrderReport]:
    """Split a message into the reports of its orders."""
    text = text_of(body)
    delimiters = delimiters_of(text)
    reports: list[OrderReport] = []
    head: list[str] = []
    below: list[str] = []
    for line in [*text.split("\r"), "OBR"]:
        kind = line[:3].upper()
        if kind == "OBR":
            if head:
                reports.append(_report(head, below, delimiters))
            head, below = line.split(delimiters.field), []
        elif line and kind != "ORC":
            below.append(line)
    return reports


def observed(bodies: Iterable[bytes]) -> dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]]:
    """Return the latest observations of messages sent one after the other: by order and test, then by identity.

    What a later message leaves out stays as it was.
    """
    latest_ones: dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]] = {}
    for body in bodies:
        for name, below in observed_in(reports_of(body)).items():
            latest_ones.setdefault(name, {}).update(below)
    return latest_ones


def observed_in(
    reports: Iterable[OrderReport],
) -> dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]]:
    """Return the observations of one message's reports: by order and test, then by identity."""
    found: dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]] = {}
    for report in reports:
        below = found.setdefault(report.fact[:2], {})
        for observation in report.observations:
            below.setdefault(observation.identity, []).append(observation)
    return found


def latest(earlier: OrderFact, this: OrderFact) -> Literal["this", "same", "earlier", "unknown"]:
    """Return which of two reports has the later OBR-22 (HL7 DTM, chapter 2A).

    Times are compared as instants where both have an offset, as written where neither has one, and only to the
    precision that both have.
    """
    one, other = _time(earlier.reported), _time(this.reported)
    if one is not None and other is not None and one.offset and other.offset and one.offset != other.offset:
        one, other = one.in_utc(), other.in_utc()
    if one is None or other is None or bool(one.offset) != bool(other.offset):
        return "unknown"
    shared = min(len(one.digits), len(other.digits))
    if one.digits[:shared] != other.digits[:shared]:
        return "this" if one.digits[:shared] < other.digits[:shared] else "earlier"
    return "same" if len(one.digits) == len(other.digits) else "unknown"


def steps_back(earlier: OrderFact, this: OrderFact) -> Literal["", "older", "preliminary-after-final"]:
    """Return how sending `this` would replace a newer state of the order, `earlier`; "" if it would not.

    A cancellation may follow anything.
    """
    if latest(earlier, this) == "earlier":
        return "older"
    return "preliminary-after-final" if earlier.status in _FINAL and this.status in _OPEN else ""


class _Time(NamedTuple):
    """A time as sent: its digits without the point, and its offset, "" where it has none."""

    digits: str
    offset: str

    def in_utc(self) -> _Time | None:
        """Return the same instant with another offset; None for one that is not precise to the minute."""
        whole, fraction = self.digits[:14], self.digits[14:]
        form = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(whole))
        if form is None:
            return None
        try:
            there = datetime.strptime(whole, form)
            offset = timedelta(hours=int(self.offset[1:3]), minutes=int(self.offset[3:]))
            here = there - offset if self.offset[0] == "+" else there + offset
        except (ValueError, OverflowError):
            return None
        return _Time(here.strftime(form) + fraction, "+0000")


def _time(text: str) -> _Time | None:
    match = _TIME.fullmatch(text)
    return _Time(match["whole"] + (match["fraction"] or ""), match["offset"]) if match else None


def _fact(fields: list[str], delimiters: Delimiters) -> OrderFact:
    fields = fields + [""] * (26 - len(fields)) if len(fields) < 26 else fields
    component = delimiters.component
    service = fields[4].split(component)
    return OrderFact(
        _entity(fields[3], delimiters) or _entity(fields[2], delimiters),
        service[0] or next(filter(None, service[3:4] + service[1:2]), ""),
        fields[25].partition(component)[0],
        fields[22].partition(component)[0],
    )


def _agreed(one: OrderFact, other: OrderFact) -> OrderFact:
    status = one.status if one.status == other.status else ""
    reported = one.reported if one.reported == other.reported else ""
    return OrderFact(one.key, one.service, status, reported, one.patient if one.patient == other.patient else "")


def _entity(field: str, delimiters: Delimiters) -> str:
    """Return `id^authority` of an EI field: the namespace, else the universal id."""
    identifier, *authority = field.partition(delimiters.repetition)[0].split(delimiters.component, 3)
    if not identifier.strip():
        return ""
    for part in authority[:2]:
        for name in delimiters.subcomponents(part):
            if name:
                return f"{identifier}^{name}"
    return f"{identifier}^"


def _report(head: list[str], below: list[str], delimiters: Delimiters) -> OrderReport:
    fact = _fact(head, delimiters)
    split = [head, *(line.split(delimiters.field) for line in below)]
    lines = tuple(delimiters.field.join((*fields[:1], "", *fields[2:])) for fields in split)
    observations = []
    for number, fields in enumerate(split):
        if fields[0].upper() == "OBX":
            notes = takewhile(lambda line: line[:3].upper() in BELOW_OBX, lines[number + 1 :])
            observations.append(_observation(fields, (lines[number], *notes), fact.status, delimiters))
    return OrderReport(fact, lines, tuple(observations))


def _observation(fields: list[str], lines: tuple[str, ...], order_status: str, delimiters: Delimiters) -> Observation:
    fields = fields + [""] * (12 - len(fields))
    names = fields[3].split(delimiters.component)
    code = names[0:3:2] if names[0] else names[3:6:2]
    status = fields[11]
    return Observation(
        (*(code or names), fields[4]),
        lines,
        (fields[5], fields[6].partition(delimiters.component)[0]),
        status in _RELEASED,
        status in _MARKED_CHANGED or order_status == "C",
        fields[2] in _DOCUMENTS,
    )
