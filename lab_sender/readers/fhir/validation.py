"""What FHIR itself does not allow: every resource that a result uses is held against the R4 definitions.

Holds: the FHIR model library (`fhir.resources`, R4B: the same laboratory resources as R4), and its errors in our
words.
Promises: names the element, never its value. What a reader may ignore (an extension) does not quarantine a result;
what it must not ignore (a modifier extension, implicit rules) always does. The library is loaded when it is needed.
Never: changes a resource. Values are taken from the file's own text: numbers and times as they stand there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lab_sender.errors import Finding
from lab_sender.readers.json.faults import at

_RULES = {
    "missing": "A required element is missing.",
    "model_field_validation.missing": "A required element is missing.",
    "extra_forbidden": "FHIR R4 has no such element here.",
}
_MODIFIERS = ("modifierExtension", "implicitRules")
_PROCESSING = "v2-0103"
_NO_RESULT = (
    "fhir.test-data",
    "This is labelled as test or training data: it is no patient's result.",
    "Leave out the label if it is real.",
)
_LABELS = {
    ("v3-ActReason", "HTEST"): _NO_RESULT,
    (_PROCESSING, "T"): _NO_RESULT,
    (_PROCESSING, "D"): _NO_RESULT,
    ("v3-ObservationValue", "SUBSETTED"): (
        "fhir.part",
        "This is labelled as a part of its resource: what is left out may change what it says.",
        "Have it written whole, without _summary or _elements.",
    ),
}
"""Labels (meta.tag, meta.security) that a reader must heed: last part of the system and code -> code, text, hint."""
_NESTED = (dict, list)
_SKIPPED = frozenset(("contained", "extension", "text"))
"""Elements that are looked at on their own, or not at all."""


def resource_faults(value: dict[str, Any], place: str) -> Iterator[Finding]:
    """Tell what makes a resource unusable: what R4 does not allow, and what changes its meaning unknown to us."""
    found = [*_not_allowed(value, place)]
    release = _other_release(value) if found else ""
    if release:
        yield Finding(
            "fhir.version", f"This is a resource of FHIR {release}; R4 and R4B are read.", place=place,
            hint="Have the file written as R4.",
        )  # fmt: skip
    yield from found
    yield from meaning_faults(value, place)


def meaning_faults(value: dict[str, Any], place: str) -> Iterator[Finding]:
    """Tell what makes something else of a resource than it seems: modifiers, and labels that it is no real result."""
    yield from modifier_faults(value, place)
    meta = value.get("meta")
    for key in ("tag", "security"):
        labels = meta.get(key) if isinstance(meta, dict) else None
        for n, label in enumerate(labels if isinstance(labels, list) else []):
            if isinstance(label, dict) and (known := _LABELS.get(_label(label))):
                code, text, hint = known
                yield Finding(code, text, f"{at(place, 'meta')}.{key}[{n}]", hint=hint)


def processing_label(label: Any) -> str:
    """Return what a label says of HL7 table 0103: P production, T training, D debugging; "" for any other label."""
    table, code = _label(label) if isinstance(label, dict) else ("", "")
    return code if table == _PROCESSING else ""


def _label(label: dict[str, Any]) -> tuple[str, str]:
    system, code = label.get("system"), label.get("code")
    return str(system or "").rpartition("/")[2], str(code or "")


def modifier_faults(value: Any, place: str) -> Iterator[Finding]:
    """Name each element that changes the meaning of others in a way a reader must know (FHIR, Extensibility)."""
    return _modifiers(value, place) if _modified(value) else iter(())


def _modified(value: Any) -> bool:
    """Tell whether there is one at all: names of places cost more than the look."""
    if isinstance(value, dict):
        return any(
            key in _MODIFIERS or (inner.__class__ in _NESTED and key not in _SKIPPED and _modified(inner))
            for key, inner in value.items()
        )
    return any(map(_modified, value)) if isinstance(value, list) else False


def _modifiers(value: Any, place: str) -> Iterator[Finding]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _MODIFIERS and inner:
                yield Finding(
                    "fhir.modifier",
                    "This changes what the resource means, in a way that lab-sender does not know.",
                    place=at(place, key),
                    hint="Have it written without, or enter the result by hand.",
                )
            elif key not in _SKIPPED:
                yield from _modifiers(inner, at(place, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _modifiers(inner, f"{place}[{n}]")


def _not_allowed(value: dict[str, Any], place: str) -> Iterator[Finding]:
    from fhir.resources.R4B import get_fhir_model_class  # 0.2 s and 23 MB: only where FHIR comes

    try:
        get_fhir_model_class(value["resourceType"]).model_validate(value)
    except ValidationError as error:
        seen = set()
        for fault in _faults(error):
            where = fault["loc"]
            if where in seen:
                continue
            seen.add(where)
            yield _finding(fault["type"], where, value, place)
    except Exception:  # the library's own limits: a resource type it does not know, nesting without end
        yield Finding("fhir.invalid", "This is not a resource of FHIR R4.", place=place)


def _faults(error: ValidationError) -> Iterator[ErrorDetails]:
    """Yield what the library does not allow, but for extensions and narratives: a reader may pass them over."""
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        if "extension" not in fault["loc"] and not _in_narrative(fault["loc"]):
            yield fault


def _other_release(value: dict[str, Any]) -> str:
    """Return the release of FHIR that allows what R4 does not; "" where none does."""
    from fhir.resources import get_fhir_model_class as of_r5
    from fhir.resources.STU3 import get_fhir_model_class as of_stu3

    for release, model_of in (("R5", of_r5), ("STU3", of_stu3)):
        try:
            model_of(value["resourceType"]).model_validate(value)
        except ValidationError as error:
            if not any(_faults(error)):
                return release
        except Exception:  # as below: what the library does not know is no resource of that release
            continue
        else:
            return release
    return ""


def _in_narrative(where: Sequence[int | str]) -> bool:
    """Tell whether a place is below the narrative of a resource, or of one that it contains."""
    return where[:1] == ("text",) or (where[:1] == ("contained",) and where[2:3] == ("text",))


def _finding(kind: str, where: Sequence[int | str], value: Any, place: str) -> Finding:
    for step in where:
        place = f"{place}[{step}]" if isinstance(step, int) else at(place, step)
        try:
            value = value[step]
        except (LookupError, TypeError):
            value = None
    plain = "The value does not have the form of its FHIR type."
    rule = "This breaks a rule of FHIR R4, such as one value[x] only." if isinstance(value, dict) else plain
    return Finding(
        "fhir.invalid", _RULES.get(kind, rule), place=place, hint="https://hl7.org/fhir/R4 says what stands here."
    )
