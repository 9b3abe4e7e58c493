"""What is wrong with a report that did not decode: every fault, in our words.

Holds: the walk of a JSON value along the model's types, and the search for keys that stand twice.
Promises: names places as the file has them (`[2].orders[0].results[3].value`) and the nearest known
key; quotes no value. A key is quoted only where it looks like a key.
Never: runs for a report that is in order; the decoder has said so faster.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from lab_sender.errors import Finding
from lab_sender.report.model import SCHEMA_NAME, Report
from lab_sender.spelling import did_you_mean

_LONGEST_KEY = 40
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


class _Number(str):
    """A number with a fraction or an exponent, apart from text."""


_PLAIN = msgspec.json.Decoder(float_hook=_Number)


def at(place: str, key: str) -> str:
    """Join a place and a key; a key that could be anything is not repeated."""
    shown = plain_key(key)
    return f"{place}.{shown}" if place else shown


@lru_cache(1024)
def plain_key(key: str) -> str:
    """Return a key as it may be shown; `?` for one that could be anything."""
    return key if _KEY.fullmatch(key) else "?"


def shape_faults(raw: bytes, place: str) -> Iterator[Finding]:
    """Tell every place where a report's JSON is not of the model's shape. `raw` is valid JSON."""
    value = _PLAIN.decode(raw)
    if isinstance(value, dict) and (schema := value.get("schema")) is not None and schema != SCHEMA_NAME:
        yield wrong_schema(place)
        return
    yield from _walk(value, _report_type(), place)


@functools.cache
def _report_type() -> inspect.Type:
    """Return the model's types; made once, for that takes longer than reading a report."""
    return inspect.type_info(Report)


@functools.cache
def _fields_of(kind: type) -> dict[str, inspect.Field]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field for field in described.fields}


@functools.lru_cache(maxsize=256)
def _asked(key: str, known: tuple[str, ...]) -> str:
    """Ask for the known key that a key is likely meant to be, "" if none; a file has one mistake many times."""
    return did_you_mean(key, known).replace("did", "Did", 1)


def wrong_schema(place: str) -> Finding:
    """Say that a report is of another schema; nothing else about it is worth saying."""
    return Finding(
        "json.schema",
        f"The report does not call itself {SCHEMA_NAME}.",
        place=at(place, "schema"),
        hint=f"This version reads {SCHEMA_NAME} only.",
    )


def _walk(value: Any, kind: inspect.Type, place: str) -> Iterator[Finding]:
    """Compare a plain JSON value with a type of the model."""
    match kind:
        case inspect.Metadata():
            yield from _walk(value, kind.type, place)
        case inspect.UnionType():
            fitting = [one for one in kind.types if _expects(one) == _found(value)]
            if fitting:
                yield from _walk(value, fitting[0], place)
            else:
                wanted = [_expects(one) for one in kind.types if not isinstance(one, inspect.NoneType)]
                yield _wrong_type(" or ".join(wanted), value, place)
        case inspect.AnyType():
            return
        case _ if _expects(kind) != _found(value):
            yield _wrong_type(_expects(kind), value, place)
        case inspect.StructType():
            yield from _walk_object(value, kind, place)
        case inspect.ListType():
            for n, inner in enumerate(value):
                yield from _walk(inner, kind.item_type, f"{place}[{n}]")
        case inspect.LiteralType() if value not in kind.values:
            words = ", ".join(str(word) for word in kind.values)
            yield Finding("json.choice", "This word is not known here.", place=place, hint=f"Known: {words}.")


def _walk_object(value: dict[str, Any], kind: inspect.StructType, place: str) -> Iterator[Finding]:
    fields = _fields_of(kind.cls)
    for key, inner in value.items():
        if key not in fields:
            yield _unknown_key(key, tuple(fields), place)
        elif inner is not None:
            yield from _walk(inner, fields[key].type, at(place, key))
    for name, field in fields.items():
        if field.required and value.get(name) is None:
            yield Finding("json.missing", "This key is required.", place=at(place, name))


def _unknown_key(key: str, known: tuple[str, ...], place: str) -> Finding:
    hint = _asked(key.lower()[:_LONGEST_KEY], known) or f"Known here: {', '.join(known)}."
    if key == "resourceType":
        hint = "FHIR is read from a Bundle, or from one resource a line; not from an array."
    return Finding("json.unknown-key", f"{SCHEMA_NAME} has no such key here.", place=at(place, key), hint=hint)


def _wrong_type(wanted: str, value: Any, place: str) -> Finding:
    found = _found(value)
    hint = "Put it in quotes: leading zeros and digits are kept only in text." if found == "a number" else ""
    if found == "null":
        hint = "Leave it out to make no statement."
    return Finding("json.type", f"Expected {wanted}, found {found}.", place=place, hint=hint)


def _expects(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            return "an object"
        case inspect.ListType():
            return "a list"
        case inspect.NoneType():
            return "null"
    return "text"


def _found(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | _Number():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "an object"


# ------------------------------------------------------------ keys that stand twice


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys, also those that stand twice."""


def duplicate_keys(raw: bytes, place: str) -> Iterator[Finding]:
    """Name every key that stands twice in one object. `raw` is valid JSON."""
    yield from _duplicates(json.loads(raw, object_pairs_hook=_Pairs, parse_int=str), place)


def _duplicates(value: Any, place: str) -> Iterator[Finding]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            if key in seen:
                yield Finding(
                    "json.duplicate-key",
                    "This key stands twice in the same object; one of the two values would be lost.",
                    place=at(place, key),
                )
            seen.add(key)
            yield from _duplicates(inner, at(place, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _duplicates(inner, f"{place}[{n}]")
