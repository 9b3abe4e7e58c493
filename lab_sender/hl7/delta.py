"""A built message reduced to what has changed, for a HIS that adds what it is sent to what it has.

Holds: the step from a whole report of an order to its new and changed observations.
Promises: an observation is left out only if the HIS has it word for word, notes included; OBX-1 is numbered again and
all else stays. An order stays whole if no observation has changed, or if one that was sent before is missing.
Never: compares with a message whose outcome is open; the caller takes care of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab_sender.hl7.orders import BELOW_OBX, Observation, observed, reports_of


def changed_only(body: bytes, earlier: Sequence[bytes]) -> bytes:
    """Return `body` without the observations that `earlier`, in their order of delivery, have sent already."""
    had, has = observed(earlier), observed([body])
    keeps: list[list[bool]] = []
    for report in reports_of(body):
        before, now = had.get(report.fact[:2], {}), has[report.fact[:2]]
        changed = {name for name in now if _words(now[name]) != _words(before.get(name, ()))}
        whole = not changed or not before.keys() <= now.keys()
        keeps.append([whole or each.identity in changed for each in report.observations])
    return "\r".join(_kept(body.decode("latin-1").split("\r"), keeps)).encode("latin-1")


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
