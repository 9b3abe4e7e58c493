"""config.yaml, read once and whole.

Holds: the way from the file to a frozen Config, and from everything wrong in it to one report.
Promises: either a Config that is consistent, or every mistake, each with its line and what to write instead. No
secret is in an error, nor a value from the environment but the name of a file.
Never: judges anything but the file and those its profile is made of; rooms above add to the report by a Draft.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lab_sender.config import profile
from lab_sender.config.destinations import SHORT_FORM, DestinationConfig
from lab_sender.config.dialects import dialect_text
from lab_sender.config.digest import digest_of, same_configuration
from lab_sender.config.folders import Folders, FolderSettings, OutboxConfig, clashes, same
from lab_sender.config.inputs import Inputs
from lab_sender.config.profile import Outcome, Profile, SiteProfile
from lab_sender.config.sections import His, Intake, Log, OnDisk, Settings, Tls
from lab_sender.config.text.part import read_part
from lab_sender.config.text.scalars import FROM_ENVIRONMENT
from lab_sender.config.text.source import Lines, Mistake, Place, Unreadable, key_text, read_file
from lab_sender.config.text.tree import BROKEN, Document
from lab_sender.config.text.tree import read as read_tree
from lab_sender.errors import ConfigurationError

__all__ = [
    "Config",
    "ConfigError",
    "DestinationConfig",
    "Draft",
    "Folders",
    "His",
    "Intake",
    "Log",
    "Mistake",
    "OutboxConfig",
    "config_schema",
    "load",
    "profile_schema",
    "read",
]

_LARGEST_BYTES = 1 << 20
_ENOUGH = "this much is enough: outbox: FOLDER, and his: with host: and port:"


class ConfigError(ConfigurationError):
    """The configuration cannot be used. `mistakes` has at least one entry, in the order of files and lines."""

    def __init__(self, path: Path, mistakes: Collection[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes))
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  {each.describe(path.name)}" for each in self.mistakes)
        super().__init__("config.invalid", f"{path} has {count}:{lines}")


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of one agent.

    `digest` sets it apart from any other (digest.py): it covers the contents of the file, of the profiles and code
    maps it is made of, of the built-in profiles and the dialect that it names and of the files for TLS, and what the
    environment gave. `lines` has where each setting is written.
    """

    path: Path
    digest: str
    destinations: Mapping[str, DestinationConfig]
    outboxes: tuple[OutboxConfig, ...]
    intake: Intake
    inputs: Inputs
    log: Log
    lines: Lines = field(repr=False, compare=False)

    @property
    def _first(self) -> DestinationConfig:
        return next(iter(self.destinations.values()))

    @property
    def his(self) -> His:
        """The settings of the first destination."""
        return self._first.his

    @property
    def message(self) -> SiteProfile:
        """The profile of the first destination."""
        return self._first.message

    @property
    def folders(self) -> Folders:
        """The folders of the first outbox."""
        return self.outboxes[0].folders

    @property
    def outbox(self) -> Path:
        """The folder where result files are dropped."""
        return self.folders.outbox

    def is_of(self, digest: str) -> bool:
        """Say whether a digest, such as that of the running agent, is of this configuration."""
        return same_configuration(self.digest, digest)


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration as its files have it: what of it can be read, and what is wrong with it.

    `config` is there where nothing is wrong. The rest is for the checks of rooms above, as far as it can be read:
    `message`, the profile, with `unread`, the settings at its top that cannot (oru/mistakes.py), and `moved`, the
    keys as written of those that moved up in a list; `tls`; and `paths`, what is named on the disk, by its setting.
    """

    path: Path
    mistakes: tuple[Mistake, ...]
    config: Config | None
    message: SiteProfile | None
    unread: frozenset[str]
    tls: Tls | None
    paths: Mapping[str, Path]
    lines: Lines
    moved: Mapping[str, str]

    def mistake(self, code: str, setting: str, text: str, hint: str = "") -> Mistake:
        """Make the mistake of a setting: `message.set[0]`, `his.tls.ca`."""
        file, line = self.lines.at(setting)
        key = self.moved.get(setting, setting)
        return Mistake(line, key.removeprefix("message.") if file else key, text, hint, file, code)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration file at `path`. Raises ConfigError with all its mistakes."""
    draft = read(path, environment)
    if draft.config is None:
        raise ConfigError(draft.path, draft.mistakes)
    return draft.config


def read(path: Path, environment: Mapping[str, str] = os.environ) -> Draft:
    """Read what can be read of the configuration file at `path`. Raises ConfigError where that is nothing."""
    path = Path(os.path.abspath(path))
    try:
        data, text = read_file(path, _LARGEST_BYTES, missing="name it with --config FILE")
    except Unreadable as error:
        raise ConfigError(path, [error.mistake]) from None
    document = read_tree(text, environment)
    if document.tree is BROKEN:
        raise ConfigError(path, document.mistakes)
    mistakes, outcome = list(document.mistakes), None
    given = {place: value for place, value in document.environment.items() if place[:1] != ("message",)}
    if isinstance(document.tree, dict) and isinstance(document.tree.get("message"), dict | None):
        outcome = profile.read(document.taken("message"), path, environment)
        mistakes += [each if each.file else replace(each, key=f"message.{each.key}") for each in outcome.mistakes]
        given |= {("message", *place): value for place, value in outcome.environment.items()}
    part = read_part(document, Settings, {"path": path}, _ENOUGH)
    mistakes += part.mistakes
    lines = _lines(path, document, outcome)
    on_disk = read_part(document, OnDisk, {"path": path})
    mistakes += [
        Mistake(lines.at(setting)[1], setting, text, hint, "", "config.conflict")
        for setting, text, hint in _in_one_place(on_disk.model or OnDisk(), on_disk.cut)
    ]
    tls = read_part(document.at(("his", "tls")), Tls, {"path": path}).model if document.has(("his", "tls")) else None
    config = None
    if part.model is not None and outcome is not None and outcome.profile is not None and not mistakes:
        settings = part.model
        if settings.his.tls is not None:
            settings.his.tls.note_lines(lines)
        files = {"": data, **outcome.data}
        if settings.inputs.astm.dialect:
            files[settings.inputs.astm.dialect] = dialect_text(settings.inputs.astm.dialect).encode()
        config = Config(
            path=path,
            digest=digest_of(files, given, tls.files if tls is not None else {}),
            destinations={SHORT_FORM: DestinationConfig(SHORT_FORM, settings.his, outcome.profile)},
            outboxes=(OutboxConfig("", settings.folders.within(settings.outbox), (SHORT_FORM,)),),
            intake=settings.intake,
            inputs=settings.inputs,
            log=settings.log,
            lines=lines,
        )
    return Draft(
        path,
        tuple(sorted(mistakes)),
        config,
        outcome.profile if outcome is not None else None,
        outcome.unread if outcome is not None else frozenset(),
        tls,
        _paths(on_disk.model or OnDisk()),
        lines,
        {f"message.{new}": f"message.{old}" for new, old in outcome.moved.items()} if outcome is not None else {},
    )


def _lines(path: Path, document: Document, outcome: Outcome | None) -> Lines:
    written = {key_text(place): where for place, where in document.lines.items()}
    profile_lines = outcome.lines.items() if outcome is not None else ()
    return Lines(path.name, written | {f"message.{key}": where for key, where in profile_lines})


def _paths(on_disk: OnDisk) -> dict[str, Path]:
    """Return what the configuration names on the disk, by its setting."""
    named = {"outbox": on_disk.outbox, "log.file": on_disk.log.file}
    named |= {f"folders.{name}": getattr(on_disk.folders, name) for name in FolderSettings.model_fields}
    return {setting: each for setting, each in named.items() if each is not None}


def _in_one_place(on_disk: OnDisk, cut: frozenset[Place]) -> Iterator[tuple[str, str, str]]:
    """Find what cannot lie where something else does: setting, text, hint."""
    if ("folders",) not in cut:
        unread = {str(place[1]) for place in cut if place[:1] == ("folders",)}
        for name, text in clashes(on_disk.outbox, on_disk.folders, unread).items():
            yield f"folders.{name}", text, "give each a folder of its own"
    log, outbox = on_disk.log.file, on_disk.outbox
    if log is not None and outbox is not None and same(log.parent, outbox):
        yield "log.file", "lies in the outbox and would be taken for a result", "write it elsewhere"


def config_schema() -> dict[str, Any]:
    """Make the JSON Schema of config.yaml, for editors."""
    return _schema(Settings, "lab-sender config.yaml")


def profile_schema() -> dict[str, Any]:
    """Make the JSON Schema of a site profile in a file of its own."""
    return _schema(Profile, "lab-sender site profile")


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema: dict[str, Any] = _or_from_environment(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _or_from_environment(schema: Any) -> Any:
    """Let every choice also be `${NAME}` (the other scalars say so themselves); drop the generated titles."""
    if isinstance(schema, list):
        return [_or_from_environment(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _or_from_environment(value) for key, value in schema.items() if key != "title"}
    if "enum" not in inner:
        return inner
    choice = {key: inner.pop(key) for key in ("enum", "type") if key in inner}
    return {"anyOf": [choice, FROM_ENVIRONMENT], **inner}
