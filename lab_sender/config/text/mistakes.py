"""From what a model does not accept to what a person reads.

Holds: each of pydantic's errors in words for someone who edits a file, and the known key or word
that an unknown one is meant for.
Promises: every mistake has its file and line, and what to write instead. No value from the environment is shown.
Never: reads a file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lab_sender.config.text.section import key_of
from lab_sender.config.text.source import Mistake, Place, key_text
from lab_sender.config.text.tree import Document
from lab_sender.spelling import did_you_mean, either, meant

_ANY_KEY = "*"
_HERE = "{here}"
_MOST_ASKED_FOR = 4
_OR_DEFAULT = "write one, or remove the line to take the default"


def mistakes_of(
    document: Document, model: type[BaseModel], error: ValidationError, enough: str = ""
) -> list[Mistake]:
    """Explain what `model` did not accept in `document`; `enough` says what a whole file needs."""
    found = error.errors(include_url=False)
    reported = document.broken | empty_values(document, model).keys()
    return [_mistake(document, model, each, enough) for each in found if each["loc"] not in reported]


def empty_values(document: Document, model: type[BaseModel]) -> dict[Place, Mistake]:
    """Find the keys without a value: only a section may be left so, whose every line is commented out.

    A `null` that is written out is a value where a setting may have none.
    """
    found = {}
    for place in (each for each in document.lines if each in document.empty):
        kind = _kind_at(model, place)
        may_have_none = NoneType in get_args(kind) and place not in document.blank
        if kind is not None and not _is_section(kind) and not may_have_none:
            file, line = document.line(place)
            hint = "write one" if _is_required(model, place) else _OR_DEFAULT
            found[place] = Mistake(line, key_text(place), "has no value", hint, file, "config.missing")
    return found


def _kind_at(model: Any, place: Place) -> Any:
    """Return the type of what stands at `place`; None where a model knows nothing there."""
    kind: Any = model
    for part in place:
        for each in (kind, *get_args(kind)):
            if isinstance(each, type) and issubclass(each, BaseModel):
                fields = {field.alias or name: field.annotation for name, field in each.model_fields.items()}
                kind = fields.get(str(part))
                break
            if get_origin(each) in (dict, tuple, frozenset):
                kind = get_args(each)[-1 if get_origin(each) is dict else 0]
                if isinstance(part, str) and get_origin(each) is not dict:
                    kind = _kind_at(kind, (part,))  # the one item of a list
                break
        else:
            return None
    return kind


def _is_section(kind: Any) -> bool:
    inner = () if get_origin(kind) in (dict, tuple, frozenset) else get_args(kind)
    return any(isinstance(each, type) and issubclass(each, BaseModel) for each in (kind, *inner))


def _mistake(document: Document, model: type[BaseModel], error: Mapping[str, Any], enough: str) -> Mistake:
    place: Place = error["loc"]
    if place and error["type"] != "extra_forbidden":
        place = place[:-1] if place[-1] == "[key]" else place  # the key of a map is what is wrong
        if isinstance(place[-1], str) and place not in document.lines:
            place = (*place[:-1], key_of(place[-1]))  # pydantic names a default's place by the attribute
    code, text, hint = _explained(document, model, place, error, enough)
    file, line = document.line(place)
    return Mistake(line, key_text(place), text, hint, file, code)


def _explained(
    document: Document, model: type[BaseModel], place: Place, error: Mapping[str, Any], enough: str
) -> tuple[str, str, str]:
    """Say what pydantic found in words for a person who edits a file: its code, the text, what to do."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "config.key", "unknown key", _nearest(model, place, document)
    if kind == "missing":
        return "config.missing", "is missing", enough if len(place) == 1 else ""
    if kind == "setting":
        is_key = error["loc"][-1:] == ("[key]",)
        found = f" (found {place[-1]})" if is_key else _found(document, place) if context["quote"] else ""
        code = context.get("code") or ("config.value" if context["quote"] else "config.conflict")
        here = key_text(place[:-1])
        return code, context["text"].replace(_HERE, here) + found, context["hint"].replace(_HERE, here)
    if kind == "literal_error":
        text = f"must be {_choices(context['expected'])}" + _found(document, place)
        return "config.value", text, _meant(_shown(document, place), re.findall("'([^']*)'", context["expected"]))
    if kind.startswith(("model_", "dict_")):
        where = "must be a section" if place else "the file must be a list of settings"
        section = _section_at(model, place)
        known = ", ".join(_keys(section)) if section is not None else ""
        below = "its keys stand below it, indented, as 'key: value'" + (f": {known}" if known else "")
        return "config.value", where, below if place else enough
    if kind in ("tuple_type", "frozen_set_type"):
        return "config.value", "must be a list", "write [one, two], or each on its own line after '- '"
    return "config.value", "must be a single value", "a text that begins with { or [ stands in quotes"


def _choices(expected: str) -> str:
    """Turn pydantic's `'', 'AL' or 'NE'` into `"", AL or NE`."""
    return expected.replace("''", '""').replace("'", "")


def _found(document: Document, place: Place) -> str:
    """Quote what stands in the file, unless it came from the environment. A short form stands one level up."""
    shown = _shown(document, place)
    return f" (found {shown[:40]})" if shown.isprintable() and shown else ""


def _shown(document: Document, place: Place) -> str:
    return document.shown.get(place) or document.shown.get(place[:-1], "")


def _meant(found: str, choices: list[str]) -> str:
    """Ask for the choice that a word is meant for: the same character set by another name, or a slip."""
    same = [each for each in choices if found and _codec(each) and _codec(each) == _codec(found)]
    return f"did you mean {either(same)}?" if same else did_you_mean(found, choices)


def _codec(name: str) -> str:
    """Return Python's name of a character set, as HL7, programs and people call it; "" for what is none."""
    name = re.sub(r"^(ISO)?[- _]?8859[-/ _]", "iso8859-", name.strip().upper().removeprefix("UNICODE "))
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""


def _is_required(model: type[BaseModel], place: Place) -> bool:
    """Say whether the setting at `place` has no default."""
    section = _section_at(model, place[:-1])
    return section is not None and any(
        field.is_required() or field.validate_default is False
        for name, field in section.model_fields.items()
        if (field.alias or name) == place[-1]
    )


def _section_at(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """Return the model of the section at `place`; None where there is none."""
    kind = _kind_at(model, place)
    inner = () if get_origin(kind) is dict else get_args(kind)
    return next((each for each in (kind, *inner) if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _nearest(model: type[BaseModel], place: Place, document: Document) -> str:
    """Name the known keys that the unknown one at `place` may be meant for: in its section, or in others."""
    section = _section_at(model, place[:-1])
    key = key_of(str(place[-1]).lower())
    known_here = _keys(section) if section is not None else []
    elsewhere = dict(_elsewhere(model, place, document))
    by_path = [full for full in elsewhere if key in ("_".join(full.split(".")[-2:]), full.replace(".", "_"))]
    same_key = (full for full, name in elsewhere.items() if name == key)
    names = list(dict.fromkeys((*meant(key, known_here), *same_key, *by_path)))
    names = names or [full for full, name in elsewhere.items() if meant(key, (name,))]
    if names and len(names) <= _MOST_ASKED_FOR:
        quoted = either(f"'{name}'" for name in names)
        return f"did you mean {quoted}?"
    return "known here: " + ", ".join(known_here)


def _elsewhere(model: type[BaseModel], place: Place, document: Document) -> Iterator[tuple[str, str]]:
    """List the keys of other sections than that of `place`, as written, each with its last word.

    Those of a short form are none where the long form is written, and what stands under any key is known under that
    of `place` only.
    """
    here = tuple(part for part in place[:-1] if isinstance(part, str))
    unused = {short for short, long in getattr(model, "ONE_OF", ()) if long in document.tree}
    for where, names in _sections(model):
        known = _as_written(where, here)
        if known is not None and known != here and unused.isdisjoint(known[:1]):
            yield from ((".".join([*known, name]), name) for name in names if known or name not in unused)


def _as_written(where: tuple[str, ...], here: tuple[str, ...]) -> tuple[str, ...] | None:
    """Put the keys of `here` for what may be any; None where that is under another key."""
    if _ANY_KEY not in where:
        return where
    at = where.index(_ANY_KEY)
    if len(here) <= at or here[:at] != where[:at]:
        return None
    return _as_written((*where[:at], here[at], *where[at + 1 :]), here)


def _keys(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _sections(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """List every section with its keys, outermost first; a section under any key stands under `*`."""
    for place, kind in _kinds(model):
        yield place, _keys(kind)


def _kinds(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """List every section with its model, likewise."""
    yield place, model
    for name, field in model.model_fields.items():
        key, annotation = field.alias or name, field.annotation
        inner = (*place, key, _ANY_KEY) if get_origin(annotation) is dict else (*place, key)
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _kinds(kind, inner)
