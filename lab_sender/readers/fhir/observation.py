"""FHIR Observations to the results of an order.

Holds: which observations an order has, in which groups (sub-ids), and what becomes of each.
Promises: every observation that a report names becomes a result, once, or the report is quarantined, as with one of
another patient. What belongs together has one sub-id of its own; so has the same test twice. An observation that
only groups others is named in a note on the first of them.
Never: leaves out a value whose meaning it does not know.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from lab_sender.readers.fhir.bundle import Element, Resource, peek
from lab_sender.readers.fhir.codes import code_or_text, codes_of, concept, current, needed_concept, words
from lab_sender.readers.fhir.people import names_a_doctor, read_organization, read_person, said_of
from lab_sender.readers.fhir.values import read_range, read_value
from lab_sender.readers.guards.words import stand_beside
from lab_sender.report.model import Coded, Organization, Person, Result

_STATUSES: Final = frozenset(
    ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error")
)
_WITH_VALUE: Final = frozenset(("preliminary", "final", "amended", "corrected"))
_VOID: Final = ("entered-in-error", "cancelled")
_STATUS_OF_ABSENCE: Final = {"not-asked": "N", "temp-unknown": "I"}
"""dataAbsentReason -> HL7 table 0085; any other is X, results cannot be obtained."""
_FLAG_SYSTEMS: Final = (
    "HL70078",
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "http://hl7.org/fhir/v3/ObservationInterpretation",
    "urn:oid:2.16.840.1.113883.5.83",
    "",  # a code without a system, in this place, is of no other
)


class Observations:
    """Gathers the results of one order.

    `check` rejects a resource of another patient or visit than the report's; `lab` is where no other is named.
    """

    def __init__(
        self, test: Coded, check: Callable[[Element], None], lab: Organization | None, several_specimens: bool
    ) -> None:
        self._test = test
        self._check = check
        self._lab = lab
        self._several_specimens = several_specimens
        self._done: set[Resource] = set()
        self._groups = 0
        self._derived: Mapping[Resource, list[Element]] = {}
        self._results: list[Result] = []
        self.places: list[str] = []
        """Where each of the results was read from."""

    def read(self, references: Iterable[Element]) -> list[Result]:
        """Read the observations that a report names; one that another of them has as a member stands with it."""
        named = [one for reference in references if (one := reference.follow("Observation", needed=True))]
        self._derived = _derived_in_doubt(named)
        members = {inner for one in named for inner in _members(one.home, {one.home})}
        members |= {one.home for below in self._derived.values() for one in below}
        for one in [*(one for one in named if one.home not in members), *named]:  # the rest: members of each other
            self._add(one, "")
        _number_repeated(self._results, self._groups)
        return self._results

    def _add(self, given: Element, group: str) -> None:
        if given.home in self._done:
            return
        self._done.add(given.home)
        given.audit.results.add(given.home)
        self._check(given)
        if given.has("focus"):
            given.fault("fhir.value", "This is about something else than the patient, such as a donor.", "focus")
        members = every = [one.follow("Observation", needed=True) for one in given.many("hasMember")]
        derived = [one for one in self._derived.get(given.home, []) if one.home not in self._done]
        members = [one for one in members if one and one.home not in self._done]
        components = given.many("component")
        if members or components or derived:
            self._groups += not group
            group = group or str(self._groups)
        shared = self._shared(given)
        start = len(self._results)
        own = self._result(given, shared, group, alone=not (members or components))
        self._append(own, given)
        for component in components:
            self._append(self._result(component, shared, group), component)
        for n, member in enumerate([*members, *derived], 1):
            nested = member.has("hasMember") or member.has("component") or member.home in self._derived
            self._add(member, f"{group}.{n}" if nested else group)
        if own is None and not components:
            _check_heading(given, every)
        if own is None and len(self._results) > start:
            first = self._results[start]
            first.notes = [*_heading(given, self._test), *shared.notes, *first.notes]
        elif own is not None:
            own.notes = [*shared.notes, *own.notes]

    def _append(self, result: Result | None, given: Element) -> None:
        if result is not None:
            self._results.append(result)
            self.places.append(given.place)

    def _shared(self, given: Element) -> Result:
        """Read what an observation says of itself and of its components alike."""
        status = given.text("status")
        if status not in _STATUSES and not _only_groups(given):
            given.fault("fhir.status", "An observation of this status cannot be sent.", "status")
        period = given.one("effectivePeriod")
        if given.has("effectiveTiming"):
            given.fault("fhir.value", "A time of this type cannot be sent.", "effectiveTiming")
        lab, observer = self._performers(given)
        until = period.text("end")
        lasted = until and until != period.text("start") and not _only_groups(given)
        return Result(
            test=Coded(),
            status=status,
            observed=given.text("effectiveDateTime") or given.text("effectiveInstant") or period.text("start"),
            method=code_or_text(given.one("method")),
            device=_device(given.one("device")),
            observer=observer,
            lab=lab,
            notes=[
                *self._remarks(given),
                *([f"Observed until: {until}"] if lasted else []),
                *filter(None, (note.text("text") for note in given.many("note"))),
            ],
        )

    def _performers(self, given: Element) -> tuple[Organization | None, Person | None]:
        """Return the laboratory and the observer: the last and the first of those who are named."""
        lab, observer, source = self._lab, None, None
        for performer in given.many("performer"):
            if person := read_person(performer, untyped=names_a_doctor(performer)):
                if observer is None:
                    observer = person
                else:
                    performer.left()
            elif organization := read_organization(performer, untyped=True):
                if source is not None:
                    source.left()
                lab, source = organization, performer
        return lab, observer

    def _result(self, given: Element, shared: Result, group: str, *, alone: bool = True) -> Result | None:
        """Read an observation's or a component's own value; None for an observation that only groups others."""
        value = read_value(given)
        absent = given.one("dataAbsentReason")
        status = shared.status
        if value.value is None:
            if not alone:
                return None
            if status in _WITH_VALUE and not absent:
                given.fault("fhir.no-value", "This has neither a value nor a reason why not (dataAbsentReason).")
            elif status in _WITH_VALUE:
                codes = [one.text("code") for one in absent.many("coding")]
                status = next((_STATUS_OF_ABSENCE[code] for code in codes if code in _STATUS_OF_ABSENCE), "X")
        elif absent:
            given.fault("fhir.invalid", "A value and a reason why there is none stand together.", "dataAbsentReason")
        flags, notes = _interpretation(given)
        span, said = read_range(given, value.unit)
        return Result(
            test=needed_concept(given.one("code")),
            sub_id=group,
            type=value.type,
            value=value.value,
            unit=value.unit,
            range=span,
            flags=flags,
            status=status,
            observed=shared.observed,
            method=shared.method,
            device=shared.device,
            observer=shared.observer,
            lab=shared.lab,
            notes=[*([f"No value: {words(absent)}"] if words(absent) else []), *said, *notes],
        )

    def _remarks(self, given: Element) -> list[str]:
        """Say what has no field of its own: the site on the body, and which of several specimens."""
        remarks = []
        if site := words(given.one("bodySite")):
            remarks.append(f"Body site: {site}")
        specimen = given.one("specimen").follow("Specimen")
        if specimen and self._several_specimens:
            numbers = [one.text("value") for one in current(specimen.many("identifier"))[:1]]
            said = " ".join(filter(None, [*numbers, words(specimen.one("type"))]))
            remarks.append(f"Specimen: {said}")
        return remarks


def observations_named_by(report: Resource) -> list[Resource]:
    """Return every observation that a report leads to, directly or as a member of another, each once."""
    found: dict[Resource, None] = {}
    for target in _targets(report, "result"):
        found |= {target: None, **_members(target, {target})}
    return list(found)


def _members(resource: Resource, seen: set[Resource]) -> dict[Resource, None]:
    """Return the members of an observation, their members, and so on; `seen` are those already visited."""
    found: dict[Resource, None] = {}
    for target in _targets(resource, "hasMember"):
        found[target] = None
        if target not in seen:
            seen.add(target)
            found |= _members(target, seen)
    return found


def _derived_in_doubt(named: Sequence[Element]) -> Mapping[Resource, list[Element]]:
    """Return what was derived from which observation, where the test codes alone are ambiguous.

    That is so where one of the two tests stands several times: a susceptibility, and the organisms it may belong to.
    """
    by_home = {one.home: one for one in named}
    times = Counter(_test_of(peek(one)) for one in by_home)
    derived: dict[Resource, list[Element]] = {}
    for home, one in by_home.items():
        sources = [source for source in _targets(home, "derivedFrom") if source in by_home and source is not home]
        if len(sources) == 1 and max(times[_test_of(peek(home))], times[_test_of(peek(sources[0]))]) > 1:
            one.done("derivedFrom")
            derived.setdefault(sources[0], []).append(one)
    return derived


def _test_of(given: Element) -> tuple[str, str]:
    code = concept(given.one("code")) or Coded()
    return code.system, code.code or code.text


def _targets(resource: Resource, key: str) -> list[Resource]:
    ways = peek(resource).many(key)
    return [target for way in ways if (target := way.leads_to(way.peek("reference"))) is not None]


def _only_groups(given: Element) -> bool:
    """Tell whether an observation has no value and no component: its members' statuses count, not its own."""
    return given.has("hasMember") and not any(key == "component" or key.startswith("value") for key in given.value)


def _check_heading(given: Element, members: Sequence[Element]) -> None:
    """Refuse members that stand as valid below a heading that is not; what else a heading alone says goes nowhere."""
    given.left("effectiveDateTime", "effectiveInstant", "effectivePeriod", "method", "device", "performer")
    status = given.text("status")
    if status not in _VOID or all(one.peek("status") == status for one in members if one):
        return
    code = "fhir.entered-in-error" if status == "entered-in-error" else "fhir.status"
    given.fault(code, "A group was entered in error or cancelled; its members do not say so.", "status",
                hint="Give its members that status.")  # fmt: skip


def _interpretation(given: Element) -> tuple[list[str], list[str]]:
    """Return flags (table 0078), and notes for interpretations that are none of its codes."""
    flags, notes = [], []
    for one in given.many("interpretation"):
        codes = codes_of(one, *_FLAG_SYSTEMS)
        flags += codes[:1]
        known = {*codes, *(coding.text("display") for coding in one.many("coding"))} if codes else {""}
        if words(one) not in known:
            notes.append(f"Interpretation: {words(one)}")
    return flags, notes


def _heading(given: Element, order_test: Coded) -> list[str]:
    """Name the observation that groups others, unless the order itself is called so."""
    code = concept(peek(given.home).one("code"))
    same = code is None or (code.code or code.text, code.system) == (
        order_test.code or order_test.text, order_test.system
    )  # fmt: skip
    if same:
        given.done("code")
    flags, notes = _interpretation(given)
    absent = words(given.one("dataAbsentReason"))
    return [
        *([] if same else [words(given.one("code"))]),
        *([f"No value: {absent}"] if absent else []),
        *(f"Interpretation: {flag}" for flag in flags),
        *notes,
    ]


def _device(reference: Element) -> str:
    device = reference.follow("Device", "DeviceMetric")
    ways = itertools.chain(
        (one.text("name") for one in device.many("deviceName")),
        (device.text("serialNumber") for _ in range(1)),
        (one.text("value") for one in device.many("identifier")),
        (said_of(reference) for _ in range(1)),
    )
    return next(filter(None, ways), "").replace("|", " ")


def _number_repeated(results: list[Result], groups: int) -> None:
    """Give results that a receiver could not tell apart (same test, same sub-id) a sub-id each.

    No two have the same, of whatever test: equal sub-ids would say that they belong together. A correction
    beside what it corrects is no run of its own: that would stay valid.
    """

    def name(result: Result) -> tuple[str, str, str]:
        return result.test.system, result.test.code or result.test.text, result.sub_id

    statuses: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        statuses.setdefault(name(result), []).append(result.status)
    taken = {result.sub_id for result in results}
    runs = {each for each, said in statuses.items() if len(said) > 1 and not stand_beside(said)}
    for result in [one for one in results if name(one) in runs]:
        group = result.sub_id
        free = (f"{group}.{n}" if group else str(groups + n) for n in itertools.count(1))
        result.sub_id = next(one for one in free if one not in taken)
        taken.add(result.sub_id)
