"""The configuration as it is on the disk, and whether the agent runs with it; without secrets.

Holds: `InForce` and `in_force`.
Promises: each setting under the key by which it is written, defaults too. A secret is never in it.
Never: reads the environment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, SecretStr

from lab_sender.config.load import SHARED
from lab_sender.config.retention import NEVER
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about
from lab_sender.patterns import Pattern

_HIDDEN: Final = "(hidden)"
_AS_WRITTEN: Final = "(as written there)"
"""Of settings that become part of something else: profiles, folders, rules of destinations."""
_BUILT_IN: Final = frozenset(
    [each.name for each in (resources.files("lab_sender.config.profile") / "builtin").iterdir()]
)
"""The files of profiles that are ours."""


class SettingInForce(Value, frozen=True):
    """One setting."""

    key: Annotated[str, about("Its key: `his.ack_timeout`.")]
    value: Annotated[str, about("Its value, times in seconds and sizes in bytes; a secret's is hidden.")]
    where: Annotated[str | None, about("Where it is written; null: it has its default.")]


class InForce(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/config/1"):
    """The configuration."""

    file: Annotated[str, about("The configuration's file.")]
    digest: Annotated[str, about("What sets it apart from any other.")]
    running: Annotated[str | None, about("The digest that the running agent began with; null: none runs.")]
    differs: Annotated[bool, about("The agent runs with another one: the file, or one that it names, was changed.")]
    settings: Annotated[tuple[SettingInForce, ...], about("Every setting.")]


def in_force(installation: Installation) -> InForce:
    """Return the configuration. Raises ConfigError."""
    config = installation.config
    running = None
    if installation.has_journal and installation.agent_runs():
        with installation.view() as view:
            running = view.config_in_force() or None
    shared = ((name, getattr(config, name)) for name in SHARED)
    sections: dict[str, Any] = {name: section for name, section in shared if section is not None}
    short = list(config.destinations) == ["his"]
    for name, each in config.destinations.items():
        sections["his" if short else f"destinations.{name}"] = each.his
    lines = config.lines
    settings = [
        SettingInForce(key, text, lines.where(key) if key in lines.written else None)
        for name, section in sections.items()
        for key, text in _of(name, section)
    ]
    known = {each.key for each in settings}
    settings += [
        SettingInForce(key, _AS_WRITTEN, lines.where(key))
        for key in sorted(lines.written.keys() - known)
        if key and not any(other.startswith((f"{key}.", f"{key}[")) for other in (*known, *lines.written))
        if lines.where(key).partition(" ")[0] not in _BUILT_IN
    ]
    return InForce(
        file=config.path.name,
        digest=config.digest,
        running=running,
        differs=running is not None and not config.is_of(running),
        settings=tuple(settings),
    )


def _of(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _of(f"{key}.{field.alias or name}", getattr(value, name))
    elif isinstance(value, SecretStr):
        yield key, _HIDDEN
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _of(f"{key}.{name}", each)
    elif isinstance(value, list | tuple) and any(isinstance(each, BaseModel) for each in value):
        for number, each in enumerate(value):
            yield from _of(f"{key}[{number}]", each)
    else:
        yield key, _text(value)


def _text(value: Any) -> str:
    if value is None or value == () or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(_text, value)))
    if isinstance(value, Pattern):
        return value.text
    if isinstance(value, float):
        return NEVER if value == math.inf else f"{value:.15g}"
    return value.as_posix() if isinstance(value, Path) else str(value)
