"""What was read of the resources of a report, and what was not.

Holds: the places that a reading looked at, and the walk along its resources that finds the others.
Promises: an element of a used resource that goes nowhere is named: as a fault where it may change what a result says,
else for a remark. The setting `pass_over` answers both. Only what says nothing to a reader is passed over in silence:
ids, `meta`, a narrative made of the elements themselves.
Never: quotes a value. An extension is named by the last part of its URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from lab_sender.errors import Finding
from lab_sender.readers.fhir.validation import processing_label
from lab_sender.readers.json.faults import plain_key

if TYPE_CHECKING:
    from lab_sender.readers.fhir.bundle import Resource

_TECHNICAL: Final = frozenset(("resourceType", "id", "language", "use", "rank", "contained"))
_META: Final = frozenset(("id", "versionId", "lastUpdated", "source", "profile", "extension"))
_DERIVED: Final = ("generated", "empty")
"""Narratives that say no more than the elements (R4, Narrative.status)."""

_MATTERS: Final = re.compile(
    r"(?:component\.)?(?:value[A-Z][A-Za-z]*|referenceRange|interpretation|dataAbsentReason|note|bodySite)"
)
"""Elements of a result, below which whatever is not read may change what a doctor reads of it."""

_DECORATION: Final = re.compile(r"\.coding\b|\(|\.(?:display|authorString|authorReference|time)\b")
"""What the standard lets a reader leave out below them: further codings, extensions, who wrote a note and when."""

_LAST_PART: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


class Audit(Struct):
    """Gathers the faults of one report and the places that were looked at while it is read.

    `used` are its resources, `results` those of them that are its observations, `passed_over` the names of what is
    left out and the first place of each, by the kind of resource. `remarks` are on what goes elsewhere than usual.
    """

    faults: list[Finding] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    used: dict[Resource, None] = field(default_factory=dict)
    results: set[Resource] = field(default_factory=set)
    passed_over: dict[str, dict[str, str]] = field(default_factory=dict)
    remarks: list[Finding] = field(default_factory=list)

    def close(self, known: Collection[str]) -> None:
        """Find what went nowhere: faults and `passed_over`. `known` are the names that need no remark."""
        faulty = {one.place for one in self.faults}
        for resource in self.used:
            kind = resource.kind
            for way, place in self._unread(resource.value, resource.place, ""):
                name = f"{kind}.{way}"
                if place in faulty or is_known(name, known):
                    continue
                if resource in self.results and _MATTERS.match(way) and not _DECORATION.search(way):
                    self.faults.append(
                        Finding(
                            "fhir.no-place",
                            f"{name} may change what the result says, and has no place in the message.",
                            place,
                            hint=f"If it is not to be sent, write it under inputs.fhir: pass_over: [{name}].",
                        )
                    )
                else:
                    self.passed_over.setdefault(kind, {}).setdefault(name, place)

    def _unread(
        self, value: dict[str, Any], place: str, way: str, *, sent: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Yield the way and place of each element that says something and was not read.

        Of what is `sent` whole, that is the extensions in it.
        """
        for key, inner in value.items():
            if key in _TECHNICAL or inner in ("", [], {}, None) or _tells_nothing(key, inner, way):
                continue
            plain = plain_key(key)
            here, name = f"{place}.{plain}" if place else plain, f"{way}.{plain}" if way else plain
            if key == "extension" and isinstance(inner, list):
                for n, one in enumerate(inner):
                    if f"{here}[{n}]" not in self.whole:
                        yield f"{name}({_url_of(one)})", f"{here}[{n}]"
                continue
            below = sent or here in self.whole
            if not below and (here in self.left or (here not in self.read and key != "meta")):
                yield name, here
            elif isinstance(inner, dict):
                content = {k: v for k, v in inner.items() if k not in _META} if key == "meta" else inner
                yield from self._unread(content, here, name, sent=below)
            elif isinstance(inner, list):
                for n, one in enumerate(inner):
                    there = f"{here}[{n}]"
                    if there in self.left:
                        yield name, there
                    elif isinstance(one, dict):
                        yield from self._unread(one, there, name, sent=below or there in self.whole)


def is_known(name: str, known: Collection[str]) -> bool:
    """Tell whether a site has named an element, or what it is part of."""
    return any(name == one or name.startswith((f"{one}.", f"{one}(")) for one in known)


def remarks(passed_over: dict[str, dict[str, str]], unused: Iterable[Resource]) -> Iterator[Finding]:
    """Say what is not sent: of the resources of each kind, and of those that no result leads to."""
    for kind, names in sorted(passed_over.items()):
        ways = ", ".join(name.partition(".")[2] for name in sorted(names))
        yield Finding(
            "fhir.passed-over", f"Not sent of {kind}: {ways}.", next(iter(names.values())),
            hint=f"What is known and not wanted can be named under inputs.fhir: pass_over: [{next(iter(names))}].",
            severity="warning",
        )  # fmt: skip
    first: dict[str, str] = {}
    for resource in unused:
        first.setdefault(plain_key(resource.kind), resource.place)
    for kind, place in sorted(first.items()):
        yield Finding(
            "fhir.passed-over", f"Not sent, for no report leads to it: {kind}.", place,
            hint=f"If that is right, it can be named under inputs.fhir: pass_over: [{kind}].", severity="warning",
        )  # fmt: skip


def _tells_nothing(key: str, inner: Any, way: str) -> bool:
    if way == "meta" and key == "tag" and isinstance(inner, list):
        return all(processing_label(one) == "P" for one in inner)
    return not way and key == "text" and isinstance(inner, dict) and inner.get("status") in _DERIVED


def _url_of(extension: Any) -> str:
    url = str(extension.get("url", "")) if isinstance(extension, dict) else ""
    last = re.split(r"[/#:]", url)[-1]
    return last if _LAST_PART.fullmatch(last) else "?"
