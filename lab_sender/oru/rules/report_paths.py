"""`order.section` in a profile's template: a value of the report, as seen from a line of its message.

Holds: the check of such a path against the report model, and its value in a report.
Promises: a path that passed `why_never` can be followed in any report; a missing value is "".
Never: escapes; the template does.

`order` is the order that the line is for (the first one, for lines before the orders), `result` and `specimen` those
of the line, `lab` the laboratory of the result. For other lines of an order they are its first ones.
"""

from __future__ import annotations

import re
import types
import typing
from typing import Any, Final

import msgspec

from lab_sender.config.profile.notation import Placeholder
from lab_sender.oru.datatypes import read_authority
from lab_sender.report import model

_ROOTS: Final[dict[str, Any]] = {
    "report": model.Report,
    "patient": model.Patient,
    "visit": model.Visit,
    "order": model.Order,
    "result": model.Result,
    "specimen": model.Specimen,
    "lab": model.Organization,
}
_TIMES: Final = frozenset(
    ("birth", "died", "admitted", "discharged", "requested", "collected", "collected_until", "received", "reported",
     "observed", "analysed", "start", "end")
)  # fmt: skip
_NUMBERS: Final = frozenset(("filler", "placer", "group", "account", "number"))
_STEP: Final = re.compile(r"([a-z_]+)(?:\[([0-9]+)\])?")
_INDEX: Final = re.compile(r"(orders|results|specimens)\[([0-9]+)\]")
_HEADS: Final = ("id", "namespace", "code", "text", "name")
"""The value of a part that has parts itself: the first of these that is not empty."""


def why_never(placeholder: Placeholder) -> str:
    """Return why a path can never be followed; "" where it can."""
    root, *steps = _steps(str(placeholder.source))
    kinds: set[Any] = {_ROOTS[root[0]]}
    for name, index in steps:
        kinds = {kind for each in kinds for kind in _kinds_below(each, name)}
        if not kinds:
            return f"a report has no {placeholder.source}"
        if name in _TIMES:
            return "a time of the report cannot stand here; name its field, such as {OBR-7}"
        lists = {kind for kind in kinds if typing.get_origin(kind) is list}
        if lists and index < 0:
            return f"there may be several; write {name}[0]"
        if not lists and index >= 0:
            return f"there is only one; write {name}"
        kinds = {inner for each in kinds for inner in (_plain(typing.get_args(each)[0]) if each in lists else {each})}
    if not any(kind is str or _head_names(kind) for kind in kinds):
        return "this is no text; name one of its parts, or the field it is sent in"
    return ""


def follow(placeholder: Placeholder, report: model.Report, place: str) -> str:
    """Return the text at a path, as seen from a line for `place`; "" where the report has none."""
    root, *steps = _steps(str(placeholder.source))
    value: Any = _root(root[0], report, place)
    for name, index in steps:
        value = _below(value, name)
        if index >= 0:
            value = value[index] if isinstance(value, list) and index < len(value) else None
    return _text(value)


def _root(name: str, report: model.Report, place: str) -> Any:
    if name in ("report", "patient", "visit"):
        return report if name == "report" else getattr(report, name)
    index = {key: int(number) for key, number in _INDEX.findall(place)}
    order = _nth(report.orders, index.get("orders", 0))
    if name == "order" or order is None:
        return order
    if name == "specimen":
        return _nth(order.specimens, index.get("specimens", 0))
    result = _nth(order.results, index.get("results", 0))
    if name == "lab":
        return result.lab if result is not None else None
    return result


def _nth(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _steps(path: str) -> list[tuple[str, int]]:
    """Split a path into names and indexes; -1 for none."""
    return [(name, int(index or -1)) for name, index in _STEP.findall(path)]


def _below(value: Any, name: str) -> Any:
    """Return a part by its name. A number or authority as text (`id|authority`) is split as the builder does."""
    if isinstance(value, str):
        return value if name in _HEADS else None
    inner = getattr(value, "patient_class" if name == "class" else name, None)
    if isinstance(inner, str) and inner:
        if name in _NUMBERS:
            identifier, _, issuer = inner.partition("|")
            return model.OrderNumber(identifier, issuer)
        if name == "authority":
            return model.Authority(*read_authority(inner))
    return inner


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return next((text for name in _HEADS if isinstance(text := getattr(value, name, None), str) and text), "")


def _kinds_below(kind: Any, name: str) -> set[Any]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return set()
    hints = typing.get_type_hints(kind)
    attribute = "patient_class" if name == "class" else name
    return _plain(hints[attribute]) if attribute in hints else set()


def _plain(kind: Any) -> set[Any]:
    """Return the types of a union, without None; a Literal is a text."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return {inner for each in typing.get_args(kind) for inner in _plain(each)}
    if typing.get_origin(kind) is typing.Literal:
        return {str}
    return set() if kind is type(None) else {kind}


def _head_names(kind: Any) -> bool:
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return is_struct and not set(_HEADS).isdisjoint(kind.__struct_fields__)
