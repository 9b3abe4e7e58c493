"""config.yaml, read once and whole.

Holds: the way from the file to a frozen Config, and from everything wrong in it to one error.
Promises: either a Config that is consistent, or a ConfigError with every mistake, each with its
line and what to write instead. No secret is in an error, nor a value from the environment but the name of a file.
Never: touches anything but the file and those its profile is made of (`lab-sender check` looks further).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lab_sender.config import profile
from lab_sender.config.folders import Folders
from lab_sender.config.inputs import Inputs
from lab_sender.config.profile import Profile, SiteProfile
from lab_sender.config.sections import His, Intake, Log, Settings
from lab_sender.config.text.mistakes import mistakes_of
from lab_sender.config.text.scalars import FROM_ENVIRONMENT
from lab_sender.config.text.source import Mistake, Unreadable, read_file
from lab_sender.config.text.tree import BROKEN
from lab_sender.config.text.tree import read as read_tree
from lab_sender.errors import ConfigurationError

__all__ = [
    "Config",
    "ConfigError",
    "Folders",
    "His",
    "Intake",
    "Log",
    "Mistake",
    "config_schema",
    "load",
    "profile_schema",
]

_LARGEST_BYTES = 1 << 20
_ENOUGH = "this much is enough: outbox: FOLDER, and his: with host: and port:"


class ConfigError(ConfigurationError):
    """The configuration cannot be used. `mistakes` has at least one entry, in the order of files and lines."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes, key=lambda each: (each.file, each.line)))
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  {each.describe(path.name)}" for each in self.mistakes)
        super().__init__("config.invalid", f"{path} has {count}:{lines}")


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of one agent.

    `digest` names its content: 12 hex digits of the SHA-256 over the file and all that its profile is read from.
    """

    path: Path
    digest: str
    folders: Folders
    his: His
    message: SiteProfile
    intake: Intake
    inputs: Inputs
    log: Log

    @property
    def outbox(self) -> Path:
        """The folder where result files are dropped."""
        return self.folders.outbox


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration file at `path`. Raises ConfigError with all its mistakes."""
    path = Path(os.path.abspath(path))
    try:
        data, text = read_file(path, _LARGEST_BYTES, missing="name it with --config FILE")
    except Unreadable as error:
        raise ConfigError(path, [error.mistake]) from None
    document = read_tree(text, environment)
    tree, mistakes = document.tree, list(document.mistakes)
    outcome = None
    if isinstance(tree, dict) and isinstance(tree.get("message"), dict | None):
        outcome = profile.read(document.taken("message"), path, environment)
        mistakes += [each if each.file else replace(each, key=f"message.{each.key}") for each in outcome.mistakes]
    settings = None
    if tree is not BROKEN:
        try:
            settings = Settings.model_validate(tree, context={"path": path})
        except ValidationError as error:
            mistakes += mistakes_of(document, Settings, error, _ENOUGH)
    if settings is None or outcome is None or outcome.profile is None or mistakes:
        raise ConfigError(path, mistakes)
    digest = hashlib.sha256(data)
    for each in outcome.data:
        digest.update(each)
    return Config(
        path=path,
        digest=digest.hexdigest()[:12],
        folders=settings.folders.within(settings.outbox),
        his=settings.his,
        message=outcome.profile,
        intake=settings.intake,
        inputs=settings.inputs,
        log=settings.log,
    )


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
