"""From what a model refuses to what a person reads.

Holds: each of pydantic's errors in words for someone who edits a file, and the known key nearest to an unknown one.
Promises: every mistake has its file and line, and what to write instead. No value from the environment is shown.
Never: reads a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lab_sender.config.text.scalars import key_of
from lab_sender.config.text.source import Mistake, Place, key_text
from lab_sender.config.text.tree import Document

_ANY_KEY = "*"


def mistakes_of(
    document: Document, model: type[BaseModel], error: ValidationError, enough: str = ""
) -> list[Mistake]:
    """Explain what `model` refused in `document`; `enough` says what a whole file needs."""
    found = error.errors(include_url=False)
    return [_mistake(document, model, each, enough) for each in found if each["loc"] not in document.broken]


def _mistake(document: Document, model: type[BaseModel], error: Mapping[str, Any], enough: str) -> Mistake:
    place: Place = error["loc"]
    if place and error["type"] != "extra_forbidden":
        place = place[:-1] if place[-1] == "[key]" else place  # the key of a map is what is wrong
        last = place[-1]  # pydantic names a default's place by the attribute
        place = (*place[:-1], key_of(last) if isinstance(last, str) else last)
    text, hint = _explained(document, model, place, error, enough)
    file, line = document.line(place)
    return Mistake(line, key_text(place), text, hint, file)


def _explained(
    document: Document, model: type[BaseModel], place: Place, error: Mapping[str, Any], enough: str
) -> tuple[str, str]:
    """Say what pydantic found in words for a person who edits a file."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key", _nearest(model, place)
    if kind == "missing":
        return "is missing", enough if len(place) == 1 else ""
    if place in document.empty:
        return "has no value", "write one, or remove the line to take the default"
    if kind == "setting":
        is_key = error["loc"][-1:] == ("[key]",)
        found = f" (found {place[-1]})" if is_key else _found(document, place) if context["quote"] else ""
        return context["text"] + found, context["hint"]
    if kind == "literal_error":
        return f"must be {_choices(context['expected'])}" + _found(document, place), ""
    if kind.startswith(("model_", "dict_")):
        where = "must be a section" if place else "the file must be a list of settings"
        return where, "its keys stand below it, indented, as 'key: value'" if place else enough
    if kind == "tuple_type":
        return "must be a list", "write [one, two], or each on its own line after '- '"
    return "must be a single value", ""


def _choices(expected: str) -> str:
    """Turn pydantic's `'', 'AL' or 'NE'` into `"", AL or NE`."""
    return expected.replace("''", '""').replace("'", "")


def _found(document: Document, place: Place) -> str:
    """Quote what stands in the file, unless it came from the environment. A short form stands one level up."""
    shown = document.shown.get(place) or document.shown.get(place[:-1], "")
    return f" (found {shown[:40]})" if shown.isprintable() and shown else ""


def _nearest(model: type[BaseModel], place: Place) -> str:
    """Name the known key nearest to the unknown one at `place`: in its section, or in another."""
    section = tuple(part for part in place[:-1] if isinstance(part, str))
    key = str(place[-1]).lower().replace("-", "_").replace(" ", "_")
    sections = dict(_sections(model))
    known_here = sections.get(section) or sections.get((*section[:-1], _ANY_KEY), [])
    here = difflib.get_close_matches(key, known_here, 1)
    known = {
        name: ".".join([*where, name])
        for where, names in reversed(sections.items())
        if _ANY_KEY not in where
        for name in names
    }
    elsewhere = difflib.get_close_matches(key, known, 1, 0.8)
    if here and (key not in known or difflib.get_close_matches(key, here, 1, 0.85)):
        return f"did you mean '{here[0]}'?"
    if elsewhere:
        return f"did you mean '{known[elsewhere[0]]}'?"
    return "known here: " + ", ".join(known_here)


def _sections(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """List every section with its keys, outermost first; a section under any key stands under `*`."""
    names = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    yield place, list(names)
    for name, annotation in names.items():
        inner = (*place, name, _ANY_KEY) if get_origin(annotation) is dict else (*place, name)
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _sections(kind, inner)
