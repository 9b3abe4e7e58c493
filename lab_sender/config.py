"""config.yaml, read once and whole.

Holds: the way from the file to a frozen Config, and from everything wrong in it to one error.
Promises: either a Config that is consistent, or a ConfigError with every mistake, each with its
line and what to write instead. No secret and no value from the environment is in an error.
Never: touches anything but the file itself (`lab-sender check` looks at folders and the HIS).
"""

from __future__ import annotations

import codecs
import difflib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from lab_sender import config_yaml
from lab_sender.config_fields import FROM_ENVIRONMENT, key_of
from lab_sender.config_folders import Folders
from lab_sender.config_model import His, Intake, Log, Message, Settings
from lab_sender.config_yaml import Document, Mistake, Place, key_text
from lab_sender.errors import AgentError

__all__ = [
    "Config",
    "ConfigError",
    "Folders",
    "His",
    "Intake",
    "Log",
    "Message",
    "Mistake",
    "config_schema",
    "load",
]

_EX_CONFIG = 78  # sysexits.h
_LARGEST = 1 << 20
_MINIMAL = "this much is enough: outbox: FOLDER, and his: with host: and port:"


class ConfigError(AgentError):
    """The configuration cannot be used. `mistakes` has at least one entry, in the order of lines."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes, key=lambda each: each.line))
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  {each.describe(path.name)}" for each in self.mistakes)
        super().__init__("config.invalid", f"{path} has {count}:{lines}", exit_code=_EX_CONFIG)


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of one agent. `digest` names the file's content (12 hex digits of its SHA-256)."""

    path: Path
    digest: str
    folders: Folders
    his: His
    message: Message
    intake: Intake
    log: Log

    @property
    def outbox(self) -> Path:
        """The folder where result files are dropped."""
        return self.folders.outbox


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration file at `path`. Raises ConfigError with all its mistakes."""
    path = Path(os.path.abspath(path))
    data = _bytes_of(path)
    document = config_yaml.read(_decoded(path, data), environment)
    mistakes = list(document.mistakes)
    settings = None
    if document.tree is not config_yaml.BROKEN:
        try:
            settings = Settings.model_validate(document.tree, context={"path": path})
        except ValidationError as error:
            found = error.errors(include_url=False)
            mistakes += [_mistake(document, each) for each in found if each["loc"] not in document.broken]
    if settings is None or mistakes:
        raise ConfigError(path, mistakes)
    return Config(
        path=path,
        digest=hashlib.sha256(data).hexdigest()[:12],
        folders=settings.folders.within(settings.outbox),
        his=settings.his,
        message=settings.message,
        intake=settings.intake,
        log=settings.log,
    )


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(path, [Mistake(0, "", "there is no such file", "name it with --config FILE")]) from None
    except OSError as error:
        raise ConfigError(path, [Mistake(0, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > _LARGEST:
        raise ConfigError(path, [Mistake(0, "", "is larger than 1 MiB", "is this the configuration?")])
    return data


def _decoded(path: Path, data: bytes) -> str:
    hint = "save the file as UTF-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError(path, [Mistake(1, "", "the file is UTF-16", hint)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [Mistake(line, "", "a character is not UTF-8", hint)]) from None


def _mistake(document: Document, error: Mapping[str, Any]) -> Mistake:
    place: Place = error["loc"]
    if place and error["type"] != "extra_forbidden":  # pydantic names a default's place by the attribute
        place = (*place[:-1], key_of(place[-1]) if isinstance(place[-1], str) else place[-1])
    text, hint = _explained(document, place, error)
    return Mistake(document.line(place), key_text(place), text, hint)


def _explained(document: Document, place: Place, error: Mapping[str, Any]) -> tuple[str, str]:
    """Say what pydantic found in words for a person who edits a file."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key", _nearest(place)
    if kind == "missing":
        return "is missing", _MINIMAL if place in (("outbox",), ("his",)) else ""
    if place in document.empty:
        return "has no value", "write one, or remove the line to take the default"
    if kind == "setting":
        found = _found(document, place) if context["quote"] else ""
        return context["text"] + found, context["hint"]
    if kind == "literal_error":
        return f"must be {_choices(context['expected'])}" + _found(document, place), ""
    if kind.startswith(("model_", "dict_")):
        where = "must be a section" if place else "the file must be a list of settings"
        return where, "its keys stand below it, indented, as 'key: value'" if place else _MINIMAL
    if kind == "tuple_type":
        return "must be a list", "write [one, two], or each on its own line after '- '"
    return "must be a single value", ""


def _choices(expected: str) -> str:
    """Turn pydantic's `'', 'AL' or 'NE'` into `"", AL or NE`."""
    return expected.replace("''", '""').replace("'", "")


def _found(document: Document, place: Place) -> str:
    """Quote what stands in the file, unless it came from the environment."""
    shown = document.shown.get(place, "")
    return f" (found {shown[:40]})" if shown.isprintable() and shown else ""


def _nearest(place: Place) -> str:
    """Name the known key nearest to the unknown one at `place`: in its section, or in another."""
    section = tuple(part for part in place[:-1] if isinstance(part, str))
    key = str(place[-1]).lower().replace("-", "_").replace(" ", "_")
    sections = dict(_sections(Settings))
    here = difflib.get_close_matches(key, sections.get(section, []), 1)
    if here:
        return f"did you mean '{here[0]}'?"
    known = {name: [*where, name] for where, names in reversed(sections.items()) for name in names}
    elsewhere = difflib.get_close_matches(key, known, 1, 0.8)
    if elsewhere:
        return f"did you mean '{'.'.join(known[elsewhere[0]])}'?"
    return "known here: " + ", ".join(sections.get(section, []))


def _sections(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """List every section with its keys, outermost first."""
    names = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    yield place, list(names)
    for name, annotation in names.items():
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _sections(kind, (*place, name))


def config_schema() -> dict[str, Any]:
    """Make the JSON Schema of config.yaml, for editors."""
    schema: dict[str, Any] = _or_from_environment(Settings.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "lab-sender config.yaml",
    }


def _or_from_environment(schema: Any) -> Any:
    """Let every choice also be `${NAME}` (the other scalars say so themselves); drop the generated titles."""
    if isinstance(schema, list):
        return [_or_from_environment(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _or_from_environment(value) for key, value in schema.items() if key != "title"}
    if "enum" not in inner:
        return inner
    choice = {"enum": inner.pop("enum"), "type": inner.pop("type")}
    return {"anyOf": [choice, FROM_ENVIRONMENT], **inner}
