"""A built message reduced to what has changed, for a HIS that adds what it is sent to what it has.

Holds: the step from a whole report of an order to its new and changed observations.
Promises: an observation is left out only if the HIS has it word for word, notes included, and of this specimen; OBX-1
is numbered again and all else stays. An order stays whole if no observation has changed, if one that was sent before
is missing, or if the order or its specimen is described otherwise than it was: what has the same value is new then.
Never: compares with a message whose outcome is open; the caller takes care of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lab_sender.hl7.orders import BELOW_OBX, Observation, OrderReport, observed_in, reports_of

_OF_THE_REPORT: Final = (22, 25)
"""OBR-22 and OBR-25: when it was reported, and how final it is."""
_Observations = dict[tuple[str, ...], list[Observation]]


def changed_only(body: bytes, earlier: Sequence[bytes]) -> bytes:
    """Return `body` without the observations that `earlier`, in their order of delivery, have sent already."""
    reports = reports_of(body)
    had, has = _told(map(reports_of, earlier)), _told([reports])
    keeps: list[list[bool]] = []
    for report in reports:
        name = report.fact[:2]
        about, now = has[name]
        before = had[name].observations if name in had and had[name].about == about else {}
        changed = {each for each in now if _words(now[each]) != _words(before.get(each, ()))}
        whole = not changed or not before.keys() <= now.keys()
        keeps.append([whole or each.identity in changed for each in report.observations])
    return "\r".join(_kept(body.decode("latin-1").split("\r"), keeps)).encode("latin-1")


class _Told(NamedTuple):
    """What was told last of an order's test: `about` what, in its segments' words, and the observations of that."""

    about: tuple[str, ...]
    observations: _Observations


def _told(messages: Iterable[Sequence[OrderReport]]) -> dict[tuple[str, str], _Told]:
    """Return what messages told, sent one after the other, by order and test; what one leaves out stays as it was."""
    told: dict[tuple[str, str], _Told] = {}
    for reports in messages:
        about: dict[tuple[str, str], tuple[str, ...]] = {}
        for report in reports:
            about[report.fact[:2]] = (*about.get(report.fact[:2], ()), *_about(report))
        for name, observations in observed_in(reports).items():
            before = told.get(name)
            same = before.observations if before is not None and before.about == about[name] else {}
            told[name] = _Told(about[name], same | observations)
    return told


def _about(report: OrderReport) -> Iterator[str]:
    """Give the segments of a report but for its observations and notes, without what is the report's own."""
    for line in report.lines:
        fields = line.split("|")
        if fields[0] == "OBR":
            fields = ["" if place in _OF_THE_REPORT else field for place, field in enumerate(fields)]
        if fields[0] not in ("OBX", *BELOW_OBX):
            yield "|".join(fields).rstrip("|")


def _words(observations: Sequence[Observation]) -> list[tuple[str, ...]]:
    return [observation.lines for observation in observations]


def _kept(lines: Sequence[str], keeps: Sequence[Sequence[bool]]) -> list[str]:
    """Return the lines without those of observations not kept; `keeps` has an entry for each OBX of each OBR."""
    result: list[str] = []
    orders = iter(keeps)
    observations: Iterator[bool] = iter(())
    number, kept = 0, True
    for line in lines:
        kind = line[:3]
        if kind == "OBR":
            observations, number = iter(next(orders)), 0
        if kind == "OBX":
            kept = next(observations)
            number += kept
        elif kind not in BELOW_OBX:
            kept = True
        if kept:
            result.append(f"OBX|{number}|{line.split('|', 2)[2]}" if kind == "OBX" else line)
    return result
