"""The small notations of a profile: paths, conditions, templates.

Holds: their parsed forms and how they are read.
Promises: what is parsed can be applied to any message; what cannot be parsed is a mistake with what to write instead.
Never: looks at a message, or knows which fields a version has.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import Struct
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from lab_sender.config.text.scalars import Scalar
from lab_sender.config.text.section import wrong

PATH = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)(?:\[([1-9][0-9]?)\])?(?:\.([1-9][0-9]?)(?:\.([1-9][0-9]?))?)?")
_TYPE_PATH = re.compile(r"([A-Z]{2,3})\.([1-9][0-9]?)")
_TEST = re.compile(
    r"(?P<path>\S+) "
    r"(?:(?P<same>=|!=) (?P<value>\S+)|(?P<member>in|not in) (?P<values>\S.*)|(?P<presence>present|absent))"
)
_REPORT_PATH = re.compile(r"(patient|visit|order|result|specimen|lab|report)(\.[a-z_]+(\[[0-9]+\])?)+")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class FieldPath(Struct, frozen=True):
    """`PID-3[2].4.1`. 0 for what is not named: every repetition, the whole field, the whole component."""

    segment: str
    field: int
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0

    def __str__(self) -> str:
        repetition = f"[{self.repetition}]" if self.repetition else ""
        component = f".{self.component}" if self.component else ""
        subcomponent = f".{self.subcomponent}" if self.subcomponent else ""
        return f"{self.segment}-{self.field}{repetition}{component}{subcomponent}"


class TypePath(Struct, frozen=True):
    """`HD.1`: a component of a data type, wherever it is used."""

    datatype: str
    component: int

    def __str__(self) -> str:
        return f"{self.datatype}.{self.component}"


LimitPath = FieldPath | TypePath


class Test(Struct, frozen=True):
    """One test of a condition; `values` are empty for presence."""

    path: FieldPath
    kind: Literal["in", "not in", "present", "absent"]
    values: frozenset[str] = frozenset()


class Condition(Struct, frozen=True):
    """Holds where every test holds."""

    text: str
    tests: tuple[Test, ...]

    def __str__(self) -> str:
        return self.text


class Placeholder(Struct, frozen=True):
    """`{PID-3.1}` or `{order.section}`, and what stands there when it is empty."""

    source: FieldPath | str
    otherwise: str = ""


class Template(Struct, frozen=True):
    """ER7 text with placeholders in it."""

    text: str
    parts: tuple[str | Placeholder, ...]

    def __str__(self) -> str:
        return self.text


def read_path(text: str, also: str = "") -> FieldPath:
    """Read `PID-3.4`; raises pydantic's custom error (`wrong`), which names what else may stand there."""
    match = PATH.fullmatch(text)
    if match is None:
        raise wrong(f"must be a field such as PID-3, PID-3.4 or PID-3[2].1{also}")
    segment, field, repetition, component, subcomponent = match.groups()
    return FieldPath(segment, int(field), int(repetition or 0), int(component or 0), int(subcomponent or 0))


def read_limit_path(text: str) -> LimitPath:
    """Read a field's path or `HD.1`."""
    if match := _TYPE_PATH.fullmatch(text):
        return TypePath(match[1], int(match[2]))
    return read_path(text, ", or a component of a type such as HD.1")


def read_condition(text: str) -> Condition:
    """Read tests joined by `and`."""
    return Condition(text, tuple(_test(part.strip()) for part in re.split(r" and ", text)))


def read_template(text: str) -> Template:
    """Read ER7 text with `{...}` in it."""
    parts: list[str | Placeholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        parts += [text[end : match.start()], _placeholder(match[1])]
        end = match.end()
    parts.append(text[end:])
    if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
        raise wrong("has a { or } that does not pair", "write {PID-3.1} or {order.section}")
    return Template(text, tuple(part for part in parts if part))


def _test(text: str) -> Test:
    match = _TEST.fullmatch(text)
    if match is None:
        raise wrong("is not a condition", "write for example OBX-2 in NM SN and OBX-11 != X")
    if re.search(r"(?:=|in) ['\"]", text) and '""' not in text:
        raise wrong("has quotes around a value", "write OBX-2 = NM, or OBX-5 absent for an empty field")
    path = read_path(match["path"])
    if match["presence"]:
        return Test(path, match["presence"])  # type: ignore[arg-type]  # one of two words
    if match["same"]:
        return Test(path, "in" if match["same"] == "=" else "not in", frozenset((match["value"],)))
    return Test(path, match["member"], frozenset(match["values"].replace(",", " ").split()))  # type: ignore[arg-type]


def _placeholder(text: str) -> Placeholder:
    source, _, otherwise = text.partition("|")
    if _REPORT_PATH.fullmatch(source):
        return Placeholder(source, otherwise)
    return Placeholder(read_path(source), otherwise)


class _Read(Scalar, frozen=True):
    """A Scalar whose value is one of this module's classes: that of the field it stands at."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        own = core_schema.is_instance_schema(source)
        return core_schema.no_info_before_validator_function(self._text_only, own)


FIELD_PATH = _Read(read_path, {"type": "string"})
LIMIT_PATH = _Read(read_limit_path, {"type": "string"})
CONDITION = _Read(read_condition, {"type": "string"})
TEMPLATE = _Read(read_template, {"type": "string"})
