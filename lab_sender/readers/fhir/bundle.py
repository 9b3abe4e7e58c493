"""The resources of a FHIR file, and the ways between them.

Holds: where each resource stands, what a reference leads to (fullUrl, `Type/id`, `urn:uuid:`, `#contained`), and
reading an element with its place.
Promises: a reference that leads to two resources is a fault, not guessed at. An element of the wrong JSON type is a
finding; whoever reads on gets an empty one. A resource that is followed is valid, or the report has its findings.
Never: fetches anything; what is not in the file is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from lab_sender.errors import Finding
from lab_sender.hl7.numerals import json_number
from lab_sender.readers.fhir.audit import Audit
from lab_sender.readers.fhir.validation import meaning_faults, resource_faults
from lab_sender.readers.json.faults import at


class Resource:
    """One resource of the file; a contained one has its `container`."""

    def __init__(
        self, value: dict[str, Any], place: str, shelf: Shelf, url: str = "", container: Resource | None = None
    ) -> None:
        self.value = value
        self.place = place
        self.url = url
        self._shelf = shelf
        self._container = container

    @property
    def kind(self) -> str:
        return str(self.value.get("resourceType", ""))

    @cached_property
    def faults(self) -> tuple[Finding, ...]:
        """What makes it unusable. A contained resource is validated with its container."""
        check = resource_faults if self._container is None else meaning_faults
        return tuple(check(self.value, self.place))

    @cached_property
    def contained(self) -> list[Resource]:
        inner = self.value.get("contained")
        return [
            Resource(one, f"{at(self.place, 'contained')}[{n}]", self._shelf, container=self)
            for n, one in enumerate(inner if isinstance(inner, list) else [])
            if isinstance(one, dict)
        ]

    @property
    def systems(self) -> Mapping[str, str]:
        return self._shelf.systems

    def find(self, reference: str) -> list[Resource]:
        """Find what a reference that stands in this resource leads to: one resource, none, or several."""
        home = self._container or self
        if reference == "#":
            return [home]
        if reference.startswith("#"):
            return [one for one in home.contained if one.value.get("id") == reference[1:]]
        return self._shelf.find(reference.partition("/_history/")[0], home.url)


class Shelf(Struct):
    """All resources of one bundle (or the one of a file without a bundle), in the order of the file.

    `systems` are a site's own names for the URIs of systems.
    """

    systems: Mapping[str, str]
    resources: list[Resource] = field(default_factory=list)
    _by_name: dict[str, list[Resource]] = field(default_factory=dict)

    def put(self, value: dict[str, Any], place: str, url: str) -> None:
        resource = Resource(value, place, self, url)
        self.resources.append(resource)
        for name in {url, f"{resource.kind}/{value.get('id')}"} - {""}:
            self._by_name.setdefault(name, []).append(resource)

    def find(self, reference: str, url: str) -> list[Resource]:
        """Find by fullUrl, then beside the referring resource's own `url`, then by `Type/id` alone.

        The last is for files that do not say from which server a resource is: `Patient/1` of another is another's.
        """
        whole = reference if _on_server(reference) else "/".join([*url.split("/")[:-2], reference])
        located = _on_server(whole)
        if located and (found := self._by_name.get(whole)):
            return found
        found = self._by_name.get("/".join(reference.split("/")[-2:]), [])
        return [one for one in found if not (located and _on_server(one.url))]

    def of_kind(self, kind: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.kind == kind)


class Element(Struct, frozen=True):
    """One element of a resource, and where it stands. Absent ones are empty and false.

    `audit` has the faults of the report that is being read, and what was looked at; both gather while it is. What
    begins with `peek` is a look that leaves no trace there: it is for choosing, not for sending.
    """

    value: dict[str, Any]
    place: str
    home: Resource
    audit: Audit

    def _at(self, key: str) -> str:
        """Return the place of one of FHIR's own elements."""
        return f"{self.place}.{key}" if self.place else key

    def __bool__(self) -> bool:
        return bool(self.value)

    def fault(self, code: str, text: str, key: str = "", *, hint: str = "") -> None:
        place = self._at(key) if key else self.place
        self.audit.faults.append(Finding(code, text, place=place, hint=hint))

    def remark(self, code: str, text: str, *, hint: str = "") -> None:
        self.audit.remarks.append(Finding(code, text, place=self.place, hint=hint, severity="warning"))

    def has(self, key: str) -> bool:
        return key in self.value

    def text(self, key: str) -> str:
        """Return a text; its lines are kept, blanks around it are not."""
        return str(self._typed(key, str, "")).strip()

    def peek(self, key: str) -> str:
        value = self.value.get(key, "")
        return value.strip() if isinstance(value, str) else ""

    def system(self) -> str:
        """Return the system of a code or identifier: the site's name for it, else as it stands."""
        self.text("system")
        return self.peek_system()

    def peek_system(self) -> str:
        uri = self.peek("system")
        return self.home.systems.get(uri, uri)

    def texts(self, key: str) -> list[str]:
        return [one.strip() for one in self._all(key, str | None) if one and one.strip()]

    def number(self, key: str) -> str:
        """Return a number with the digits it came with: `0.10`."""
        return json_number(str(self._typed(key, (Decimal, str), "")).strip())

    def flag(self, key: str) -> bool:
        return bool(self._typed(key, bool, False))

    def one(self, key: str) -> Element:
        return Element(self._typed(key, dict, {}), self._at(key), self.home, self.audit)

    def many(self, key: str) -> list[Element]:
        place = self._at(key)
        return [Element(one, f"{place}[{n}]", self.home, self.audit) for n, one in enumerate(self._all(key, dict))]

    def done(self, *keys: str) -> None:
        """Say that nothing is lost of these elements, whatever is below them; without keys, of this one."""
        self.audit.whole.update([self._at(key) for key in keys] or [self.place])

    def left(self, *keys: str) -> None:
        """Say that these elements go nowhere, though they were looked at; without keys, this one."""
        self.audit.left.update([self._at(key) for key in keys] or [self.place])

    def _typed(self, key: str, kind: Any, default: Any) -> Any:
        value = self.value.get(key)
        if value is None:
            return default
        self.audit.read.add(self._at(key))
        if isinstance(value, kind):
            return value
        self.fault("fhir.invalid", "The value does not have the form of its FHIR type.", key)
        return default

    def _all(self, key: str, kind: Any) -> list[Any]:
        values = self._typed(key, list, [])
        if all(isinstance(one, kind) for one in values):
            return list(values)
        self.fault("fhir.invalid", "An entry of this list does not have the form of its FHIR type.", key)
        return []

    def follow(self, *kinds: str, needed: bool = False) -> Element:
        """Return the resource that this Reference leads to.

        It is empty where there is none in the file: a finding where it is `needed`, or is said to be contained.
        """
        reference = self.peek("reference")
        found = self.leads_to(reference)
        if found is None:
            if needed or reference.startswith("#"):
                self.fault(
                    "fhir.reference", "The file does not hold what this refers to.", "reference",
                    hint="Have the bundle written with every resource that its reports refer to.",
                )  # fmt: skip
        elif found.kind in kinds:
            self.done("reference", "type")
            return self.enter(found)
        elif needed:
            self.fault("fhir.reference-type", f"This must refer to {' or '.join(kinds)}.", "reference")
        return Element({}, self.place, self.home, self.audit)

    def leads_to(self, reference: str) -> Resource | None:
        """Return the one resource that a reference leads to; several are a finding."""
        found = self.home.find(reference) if reference else []
        if len(found) > 1:
            self.fault("fhir.ambiguous", "The file holds several resources of this name.",
                       hint="Give each a fullUrl of its own.")  # fmt: skip
        return found[0] if found else None

    def enter(self, resource: Resource) -> Element:
        """Return a resource as an element of the report that is being read, with its faults."""
        self.audit.faults.extend(resource.faults)
        self.audit.used[resource] = None
        return Element(resource.value, resource.place, resource, self.audit)


def peek(resource: Resource) -> Element:
    """Return a resource for a look at it that no report keeps account of."""
    return Element(resource.value, resource.place, resource, Audit())


def _on_server(url: str) -> bool:
    return url.startswith(("http://", "https://"))
