"""What contradicts the last report of an order.

Holds: the findings about a report that follows another one of its order.
Promises: a finding is a claim that holds for every HIS: an older report after a newer one, a preliminary after a
final, a change that neither OBR-22 nor a status shows. What cannot be compared is not claimed; but where the bytes of
the last report are not kept any more, only a later OBR-22 shows that this one is not a repeat of an older one. More
results, other tests of the same order and cancellations are no findings.
Never: looks anything up, or decides what follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lab_sender.errors import Finding
from lab_sender.hl7.orders import Observation, OrderFact, latest, observed, reports_of, steps_back

_Results = Mapping[tuple[str, ...], Sequence[Observation]]


def contradictions(
    fact: OrderFact, body: bytes, last: OrderFact, earlier: Sequence[bytes] | None, *, name: str, place: str
) -> Iterator[Finding]:
    """Find what is suspicious in the report of `fact` in `body`, after the report of `last`.

    `earlier` are the messages to compare with, the newest last, None where they are not kept any more; `name` is
    what to call that one.
    """
    step = steps_back(last, fact)
    if step == "older":
        yield Finding(
            "correction.older",
            f"OBR-22 is earlier than in {name}, sent before for the same order and test; sending this one would put"
            " old results in place of newer ones.",
            place, "OBR-22",
            "Dismiss it, unless its time is wrong: then have it reported anew with the right one.",
        )  # fmt: skip
        return
    if step:
        yield Finding(
            "correction.preliminary-after-final",
            f"OBR-25 is preliminary, but {name}, sent before for the same order and test, was final.",
            place, "OBR-25",
            "Dismiss it if it is late; a final result that changes is reported with status corrected.",
        )  # fmt: skip
    if earlier is None:
        if latest(last, fact) != "this":
            yield Finding(
                "correction.cannot-compare",
                f"{name}, sent before for the same order and test, is too old to be compared with"
                " (retention.content), and no later OBR-22 shows that this report is newer.",
                place, "OBR-22",
                "Find out which of the two is the newer one; release this one if it is, else dismiss it.",
            )  # fmt: skip
        return
    if latest(last, fact) == "same" and _lines(body, fact) != _lines(earlier[-1], fact):
        yield Finding(
            "correction.not-advanced",
            f"the report differs from {name}, sent before for the same order and test, but has the same OBR-22; some"
            " systems drop it as a repeat.",
            place, "OBR-22",
            "Have it reported anew with the time of the change; or release it, if yours does not mind.",
        )  # fmt: skip
    if _changed_silently(observed(earlier).get(fact[:2], {}), observed([body]).get(fact[:2], {})):
        yield Finding(
            "correction.silent-change",
            f"a result differs from what {name} or one before it reported as final for the same order and test, and"
            " neither OBX-11 nor OBR-25 says corrected.",
            place, "OBX-11",
            "Have the laboratory report it with status corrected, or find out whose result it is.",
        )  # fmt: skip


def other_patient(name: str, place: str) -> Finding:
    """Make the finding that the order's last message was about another patient."""
    return Finding(
        "correction.other-patient",
        f"the order's number and test are those of {name}, which was about another patient (PID-3).",
        place, "PID-3",
        "Find out whose result it is. Numbers that are used again every day or year: have the laboratory make them"
        " longer, or set corrections.suspicious to send.",
    )  # fmt: skip


def _lines(body: bytes, fact: OrderFact) -> list[tuple[str, ...]]:
    return [report.lines for report in reports_of(body) if report.fact[:2] == fact[:2]]


def _changed_silently(before: _Results, now: _Results) -> bool:
    """Return whether a result that was released has another value or unit now, and no status shows it.

    A document made anew of the same results differs; so documents count only where there is nothing else.
    """
    names = before.keys() & now.keys()
    results = {name for name in names if not now[name][0].is_document}
    return any(
        any(each.released for each in before[name])
        and not any(each.marked_changed for each in now[name])
        and Counter(each.value for each in before[name]) - Counter(each.value for each in now[name])
        for name in results or names
    )
