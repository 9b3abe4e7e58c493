"""Whose a report is, and whether what it leads to is the same patient's.

Holds: the patient of a report, by resource and by identifier, and its encounter.
Promises: what contradicts them quarantines the report: another patient, an identifier that the patient does not have,
another encounter.
Never: takes a name for an identification.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab_sender.readers.fhir.bundle import Element, peek
from lab_sender.readers.fhir.codes import current


class Subject:
    """Whom a report is about, a Patient of the file or an identifier only, and in which encounter."""

    def __init__(self, reference: Element, encounter: Element) -> None:
        self.patient = reference.leads_to(reference.peek("reference"))
        self._visit = encounter
        self._ids = _ids([reference.one("identifier")])
        if self.patient is not None:
            own = _ids(peek(self.patient).many("identifier"))
            if not self._ids <= own:
                reference.fault("fhir.other-patient", "The patient that this refers to has no such identifier.",
                                "identifier", hint="Have the two written alike, or leave out the identifier here."
                                )  # fmt: skip
            self._ids = own
        reference.done("identifier")

    def owns(self, given: Element) -> bool:
        """Tell whether a resource is about this patient, or does not say about whom."""
        if self.patient is None and not self._ids:
            return True  # the report is quarantined for that
        subject = given.one("subject")
        subject.done("reference", "type", "identifier")
        reference = subject.peek("reference")
        target = subject.leads_to(reference)
        ids = _ids([subject.one("identifier")])
        if not ids <= self._ids:
            return False
        if target is not None and self.patient is None:
            return bool(self._ids & _ids(peek(target).many("identifier")))
        return not reference or (target is not None and target is self.patient)

    def check(self, given: Element) -> None:
        """Refuse a resource about another patient."""
        if not self.owns(given):
            given.fault("fhir.other-patient", "This is about another patient than the report.", "subject")

    def check_all(self, reports: Iterable[Element]) -> None:
        """Hold the subjects and encounters of further reports against the first one's."""
        for one in reports:
            self.check_observation(one)

    def check_observation(self, given: Element) -> None:
        """Refuse an observation about another patient, or of an encounter that is not the report's."""
        self.check(given)
        way = given.one("encounter")
        visit = way.leads_to(way.peek("reference"))
        if visit is not None and not self.owns(peek(visit)):
            given.fault("fhir.other-patient", "Its encounter is another patient's than the report.", "encounter")
        same = _same(way, self._visit)
        if same:
            way.done("reference", "type", "identifier")
        elif same is False:
            given.fault("fhir.other-visit", "This is of another encounter than the report.", "encounter",
                        hint="Report it by a DiagnosticReport of that encounter.")  # fmt: skip


def _ids(identifiers: list[Element]) -> set[tuple[str, str]]:
    return {(one.peek("system"), one.peek("value")) for one in current(identifiers)}


def _same(way: Element, encounter: Element) -> bool | None:
    """Tell whether two references mean one encounter; None where the file does not say."""
    ways = way, encounter
    first, second = (one.leads_to(one.peek("reference")) for one in ways)
    if first is not None and second is not None:
        return first is second
    ids = [
        _ids(peek(home).many("identifier") if home else [one.one("identifier")])
        for home, one in zip((first, second), ways, strict=True)
    ]
    if all(ids):
        return bool(ids[0] & ids[1])
    named = {one.peek("reference") for one in ways}
    return True if len(named) == 1 and named != {""} else None
