"""What a setting can be, and how its text is read into its value.

Holds: one reader for each kind of scalar (duration, size, whole number, switch, path, HL7
text ...), each with its JSON Schema.
Promises: a text means what it says, whatever YAML would have guessed (`NO`, `2.5`, `0o17`,
`12:30`); a value that comes from code, not from a file, is taken as it is.
Never: quotes the text it read, which may be a secret; mistakes.py adds it where it may be shown.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct
from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from lab_sender.config.text.section import wrong
from lab_sender.config.text.written_path import demand_plain
from lab_sender.paths import WINDOWS
from lab_sender.patterns import Pattern

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE_UNITS = {
    "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "KB": 1000, "MB": 1000**2, "GB": 1000**3
}  # fmt: skip
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")

TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "number"]}
"""An editor takes `2.5` for a number; we read the text, so both are right."""
FROM_ENVIRONMENT: dict[str, Any] = {"type": "string", "pattern": r"\$\{"}
"""JSON Schema of a value that is, or holds, `${NAME}`."""


class Scalar(Struct, frozen=True):
    """Annotation of a field: how its text becomes its value, and what an editor may expect.

    `read` raises `wrong`. A value that is no text is left to the field's own type.
    """

    read: Callable[[str], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._text_only, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)

    def _text_only(self, value: Any) -> Any:
        return self.read(value) if isinstance(value, str) else value


def duration(shortest: str, longest: str) -> Scalar:
    """Read `30s`, `500ms`, `2m`, `1.5h` into seconds."""
    return _amount("duration, for example 30s", _DURATION_UNITS, shortest, longest, float)


def size(smallest: str, largest: str) -> Scalar:
    """Read `16MiB`, `10MB`, `4096B` into bytes; KiB counts 1024, KB 1000."""
    return _amount("size, for example 16MiB", _SIZE_UNITS, smallest, largest, int)


def _amount(what: str, units: Mapping[str, float], low: str, high: str, kind: Callable[[Any], Any]) -> Scalar:
    known = {unit.lower(): factor for unit, factor in units.items()}
    hint = "its units are " + ", ".join(units)

    def parse(text: str) -> Any:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise wrong(f"must be a {what}", hint)
        number, unit = match.groups()
        if not unit:
            raise wrong(f"has no unit; must be a {what}", hint)
        if unit.lower() not in known:
            raise wrong(f"has an unknown unit; must be a {what}", hint)
        return kind(float(number) * known[unit.lower()])

    lowest, highest = parse(low), parse(high)

    def read(text: str) -> Any:
        value = parse(text)
        if not lowest <= value <= highest:
            raise wrong(f"must be between {low} and {high}")
        return value

    letters = "|".join("".join(f"[{c.upper()}{c.lower()}]" for c in unit) for unit in units)
    return Scalar(read, {"type": "string", "pattern": rf"^[0-9]+(\.[0-9]+)? ?({letters})$|\$\{{"})


def whole(low: int, high: int) -> Scalar:
    """Read a whole number in plain decimal digits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"0|[1-9][0-9]{0,17}", text):
            raise wrong(f"must be a whole number from {low} to {high}", "write plain decimal digits")
        if not low <= int(text) <= high:
            raise wrong(f"must be between {low} and {high}")
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(read, {"anyOf": [schema, FROM_ENVIRONMENT]})


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise wrong("must be true or false", "yes, no, on and off are not read")
    return text.lower() == "true"


SWITCH = Scalar(_switch, {"anyOf": [{"type": "boolean"}, FROM_ENVIRONMENT]})


def _absolute(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str | Path):
        return value
    text = str(value)
    demand_plain(text, windows=WINDOWS)
    base = (info.context or {}).get("path", Path.cwd() / "config.yaml").parent
    return Path(os.path.abspath(base / text))


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
"""A path; a relative one counts from the folder of the configuration file."""


def matching(pattern: str, text: str, hint: str = "", into: Callable[[str], Any] = str) -> Scalar:
    """Read a text that must match `pattern` as a whole; else `text` and `hint` say what it must be.

    `into` makes the value of it.
    """

    def read(value: str) -> Any:
        if not re.fullmatch(pattern, value):
            raise wrong(text, hint)
        return into(value)

    return Scalar(read, {**TEXT_SCHEMA, "pattern": rf"^(?:{pattern})$|\$\{{"})


def _host(text: str) -> str:
    if not text.strip():
        raise wrong("must name the HIS's host", "a name or an IP address")
    if "://" in text or "/" in text:
        raise wrong("must be a host, not an address with // or /", "write the name or IP address alone")
    if text.startswith("["):
        raise wrong("an IPv6 address is written without brackets here")
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise wrong("must be the host alone", "write the port under port:")
    if not re.fullmatch(r"[^\s\x00-\x1f|,;@]+", text):
        raise wrong("is not a host name or IP address")
    return text


HOST = Scalar(_host, TEXT_SCHEMA)


def is_loopback(host: str) -> bool:
    """Say whether a host, by its name or IP address, is this machine by the loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _hl7(text: str) -> str:
    if not text.isprintable() or set("|~\\&") & set(text):
        raise wrong("holds a character that HL7 separates with", r"| ~ \ & and line ends cannot stand here")
    return text


def _hierarchic(text: str) -> str:
    parts = _hl7(text).split("^")
    if len(parts) == 1 or (len(parts) == 3 and parts[1] and parts[2]):
        return text
    raise wrong("must be NAME or NAME^ID^TYPE", "for example LAB^2.16.840.1.113883.19.3^ISO")


def _entity(text: str) -> str:
    if len(_hl7(text).split("^")) > 4 or not text.strip("^ "):
        raise wrong("must be ID^NAMESPACE^OID^ISO", "for example LRI^^2.16.840.1.113883.9.16^ISO")
    return text


HIERARCHIC = Scalar(_hierarchic, TEXT_SCHEMA)
"""HL7 HD (2.A.33): a namespace, alone or with a universal id and its type."""
ENTITY = Scalar(_entity, TEXT_SCHEMA)
"""HL7 EI (2.A.28)."""


def pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    """Compile a site's pattern; raise `wrong` where it cannot be used."""
    try:
        return Pattern(text, ignore_case=ignore_case)
    except ValueError as error:
        raise wrong(
            f"is not a regular expression that can be used here: {error}",
            "it knows no look-around (?=, back-reference \\1 or possessive repeat ++; \\z is the end of the text",
        ) from None


def _regex(text: str) -> Pattern:
    if not text:
        raise wrong("an empty pattern fits every answer", "remove the line")
    return pattern(text, ignore_case=True)


REGEX = Scalar(_regex, {"type": "string", "format": "regex"})


def _temporary(text: str) -> str:
    if not text.strip("*?. "):
        raise wrong("would take every file for a temporary one")
    if "/" in text or "\\" in text:
        raise wrong("must be a pattern of file names, without folders", 'for example "*.tmp"')
    return text


NAME_PATTERN = Scalar(_temporary, {"type": "string"})
