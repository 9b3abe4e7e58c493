"""What a message says of its orders.

Holds: the facts of an order that the ledger keeps (number, test, OBR-25, OBR-22) and the key of its patient, the look
into a message's text for its orders and observations, and what makes one report of an order step behind another.
Promises: any bytes that passed intake can be read, with any delimiters and in any version; what cannot be compared
safely is not claimed to differ.
Never: changes a message, knows the journal or a profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final, Literal, NamedTuple

from lab_sender.hl7.message import USUAL, Marks, marks_of, text_of

_FINAL: Final = frozenset("FC")
_OPEN: Final = frozenset("INOPRS")
"""OBR-25 (table 0123) that are clearly before the final report. A and M say other things at other sites."""
_RELEASED: Final = frozenset("ABCFUV")
"""OBX-11 (table 0085) of a result that a doctor may have acted on."""
_CHANGE_TOLD: Final = frozenset("ABCDWX")
"""OBX-11 that tells that the result is not what it was: amended, appended, corrected, deleted, wrong, cancelled."""
BELOW_OBX: Final = frozenset(("NTE", "PRT"))
"""The segments that say more of the observation before them."""
_DOCUMENTS: Final = frozenset(("ED", "RP"))
_TIME: Final = re.compile(
    r"(?P<whole>[0-9]{8}(?:[0-9]{2}){0,2}|[0-9]{14}(?:\.(?P<fraction>[0-9]{1,4}))?)(?P<offset>(?:[+-][0-9]{4})?)"
)


class OrderFact(NamedTuple):
    """What one message says of one test of an order.

    `key` is `id^authority` of OBR-3 (else OBR-2), `service` the test's code in OBR-4 (else its text), `status` OBR-25
    and `reported` OBR-22, both as sent; they are empty where the message does not say, or says different things.
    """

    key: str
    service: str
    status: str
    reported: str


class Observation(NamedTuple):
    """One OBX.

    `identity` is OBX-3 and OBX-4, `lines` the OBX and its notes without set ids, `value` OBX-5 and the unit.
    """

    identity: tuple[str, ...]
    lines: tuple[str, ...]
    value: tuple[str, str]
    released: bool
    change_told: bool
    is_document: bool


class Report(NamedTuple):
    """One OBR with all that follows it up to the next one, without set ids."""

    fact: OrderFact
    lines: tuple[str, ...]
    observations: tuple[Observation, ...]


def facts_of(lines: Iterable[str], marks: Marks = USUAL) -> tuple[OrderFact, ...]:
    """Return the facts of a message's OBR lines, one for each order and test; those without a number have none."""
    facts: dict[tuple[str, str], OrderFact] = {}
    for line in lines:
        fact = _fact(line.split(marks.field, 26), marks)
        if fact.key:
            before = facts.setdefault(fact[:2], fact)
            if before is not fact:
                facts[fact[:2]] = _agreed(before, fact)
    return tuple(facts.values())


def facts_in(body: bytes) -> tuple[OrderFact, ...]:
    """Return the facts of a whole message's orders."""
    text = text_of(body)
    return facts_of((line for line in text.split("\r") if line[:3].upper() == "OBR"), marks_of(text))


def patient_key_of(lines: Iterable[str], marks: Marks = USUAL) -> str:
    """Return `id^authority` of PID-3's first repetition; "" where a message's lines have none."""
    pid = next((line for line in lines if line[:3].upper() == "PID"), "")
    parts = next(iter(pid.split(marks.field, 4)[3:]), "").partition(marks.repetition)[0].split(marks.component, 4)
    if not parts[0].strip():
        return ""
    names = (name for part in parts[3:4] for name in marks.subcomponents(part) if name)
    return f"{parts[0]}^{next(names, '')}"


def numbers_in(body: bytes) -> frozenset[str]:
    """Return every number that a message has of its orders (ORC-2, ORC-3, OBR-2, OBR-3), as `id^authority`."""
    text = text_of(body)
    marks = marks_of(text)
    lines = [line.split(marks.field, 4) for line in text.split("\r") if line[:3].upper() in ("ORC", "OBR")]
    return frozenset(key for fields in lines for field in fields[2:4] if (key := _entity(field, marks)))


def reports_of(body: bytes) -> list[Report]:
    """Cut a message into its orders' reports."""
    text = text_of(body)
    marks = marks_of(text)
    reports: list[Report] = []
    head: list[str] = []
    below: list[str] = []
    for line in [*text.split("\r"), "OBR"]:
        kind = line[:3].upper()
        if kind == "OBR":
            if head:
                reports.append(_report(head, below, marks))
            head, below = line.split(marks.field), []
        elif line and kind != "ORC":
            below.append(line)
    return reports


def observed(bodies: Iterable[bytes]) -> dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]]:
    """Return by order and test, then by identity, what messages sent one after the other have told last.

    What a later message leaves out stays as it was.
    """
    told: dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]] = {}
    for body in bodies:
        here: dict[tuple[str, str], dict[tuple[str, ...], list[Observation]]] = {}
        for report in reports_of(body):
            below = here.setdefault(report.fact[:2], {})
            for observation in report.observations:
                below.setdefault(observation.identity, []).append(observation)
        for name, below in here.items():
            told.setdefault(name, {}).update(below)
    return told


def latest(earlier: OrderFact, this: OrderFact) -> Literal["this", "same", "earlier", "unknown"]:
    """Say which of two reports has the later OBR-22 (HL7 DTM, chapter 2A).

    Times are compared as instants where both have an offset, as they stand where neither has one, and only as far as
    both are precise.
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
    """Say how `this` would put the order back behind `earlier`, "" if it would not.

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


def _fact(fields: list[str], marks: Marks) -> OrderFact:
    fields = fields + [""] * (26 - len(fields)) if len(fields) < 26 else fields
    component = marks.component
    service = fields[4].split(component)
    return OrderFact(
        _entity(fields[3], marks) or _entity(fields[2], marks),
        service[0] or next(filter(None, service[3:4] + service[1:2]), ""),
        fields[25].partition(component)[0],
        fields[22].partition(component)[0],
    )


def _agreed(one: OrderFact, other: OrderFact) -> OrderFact:
    status = one.status if one.status == other.status else ""
    return OrderFact(one.key, one.service, status, one.reported if one.reported == other.reported else "")


def _entity(field: str, marks: Marks) -> str:
    """Return `id^authority` of an EI field: the namespace, else the universal id."""
    identifier, *authority = field.partition(marks.repetition)[0].split(marks.component, 3)
    if not identifier.strip():
        return ""
    for part in authority[:2]:
        for name in marks.subcomponents(part):
            if name:
                return f"{identifier}^{name}"
    return f"{identifier}^"


def _report(head: list[str], below: list[str], marks: Marks) -> Report:
    fact = _fact(head, marks)
    split = [head, *(line.split(marks.field) for line in below)]
    lines = tuple(marks.field.join((*fields[:1], "", *fields[2:])) for fields in split)
    observations = []
    for number, fields in enumerate(split):
        if fields[0].upper() == "OBX":
            notes = takewhile(lambda line: line[:3].upper() in BELOW_OBX, lines[number + 1 :])
            observations.append(_observation(fields, (lines[number], *notes), fact.status, marks))
    return Report(fact, lines, tuple(observations))


def _observation(fields: list[str], lines: tuple[str, ...], order_status: str, marks: Marks) -> Observation:
    fields = fields + [""] * (12 - len(fields))
    names = fields[3].split(marks.component)
    code = names[0:3:2] if names[0] else names[3:6:2]
    status = fields[11]
    return Observation(
        (*(code or names), fields[4]),
        lines,
        (fields[5], fields[6].partition(marks.component)[0]),
        status in _RELEASED,
        status in _CHANGE_TOLD or order_status == "C",
        fields[2] in _DOCUMENTS,
    )
