"""Where in a FHIR file the parts of a report stand.

Holds: the resources that the parts of one report were read from, and FHIR's names for our keys.
Promises: what the message builder finds is placed at the resource, and at its element where it has one
(`entry[7].resource.value[x]`).
Never: knows values.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

_ELEMENTS: Final = {
    "patient": {
        "ids": "identifier",
        "name": "name",
        "aliases": "name",
        "birth": "birthDate",
        "sex": "gender",
        "address": "address",
        "phones": "telecom",
        "account": "identifier",
        "died": "deceasedDateTime",
        "next_of_kin": "contact",
    },
    "visit": {"number": "identifier", "class": "class", "admitted": "period", "discharged": "period"},
    "orders": {
        "test": "code",
        "filler": "identifier",
        "status": "status",
        "collected": "effective[x]",
        "collected_until": "effective[x]",
        "reported": "issued",
        "interpreter": "resultsInterpreter",
        "attachments": "presentedForm",
    },
    "results": {
        "test": "code",
        "value": "value[x]",
        "unit": "value[x]",
        "range": "referenceRange",
        "flags": "interpretation",
        "status": "status",
        "observed": "effective[x]",
        "method": "method",
        "notes": "note",
    },
    "specimens": {
        "type": "type",
        "filler": "identifier",
        "collected": "collection",
        "received": "receivedTime",
        "site": "collection",
        "condition": "condition",
    },
}
"""Part of a report -> its keys -> the element each was read from."""


class FhirPlaces(Struct, frozen=True):
    """The place of each part of a report, by its path: `orders[0].results[3]`. `whole` is the report's own."""

    whole: str
    parts: dict[str, str] = field(default_factory=dict)

    def find(self, path: str) -> str:
        """Return the place of what stands at `path` in the report."""
        steps = path.split(".")
        for n in range(len(steps), 0, -1):
            place = self.parts.get(".".join(steps[:n]))
            if place is not None:
                part, key = (name.partition("[")[0] for name in (steps[n - 1], "".join(steps[n : n + 1])))
                element = _ELEMENTS[part].get(key)
                return ".".join(filter(None, (place, element)))
        return self.whole
