"""A site profile, whole: settings, where each comes from, and the code maps.

Holds: the way from a `message:` section, or from a built-in profile's name, to a SiteProfile.
Promises: a SiteProfile that exists is valid and its files are read; else every mistake is told, with file and line.
Never: knows a report or a message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from lab_sender.config.profile.code_maps import MappedCode, file_map, inline_map
from lab_sender.config.profile.layers import Layers, laid, shown
from lab_sender.config.profile.model import CodeMap, Maps, Profile
from lab_sender.config.text.mistakes import mistakes_of
from lab_sender.config.text.source import Mistake, Place, Unreadable, key_text
from lab_sender.config.text.tree import Document
from lab_sender.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """What one HIS wants its messages to look like.

    `name` is that of the profile which has the last word; `origins` says for each setting in a file where it stands
    (`limits.OBX-23.1` -> `us-lri.yaml line 12`); `maps` has the code maps there are by what they translate (`test`),
    then by code or `SYSTEM|code`.
    """

    settings: Profile
    name: str
    origins: Mapping[str, str] = field(default_factory=dict)
    maps: Mapping[str, Mapping[str, MappedCode]] = field(default_factory=dict)


class Outcome(NamedTuple):
    """A profile, or what is wrong with it; `data` are the bytes of the files it was read from, beside the first."""

    profile: SiteProfile | None
    mistakes: list[Mistake]
    data: list[bytes]


def read(document: Document, path: Path, environment: Mapping[str, str] = os.environ) -> Outcome:
    """Make the profile that stands in `document`, which is (a part of) the file `path`."""
    layers = laid(document, path, environment)
    merged, mistakes = layers.document, layers.mistakes
    files, data = _files(layers)
    settings = None
    try:
        settings = Profile.model_validate(merged.tree)
    except ValidationError as error:
        mistakes += mistakes_of(merged, Profile, error)
    if settings is None or mistakes:
        return Outcome(None, mistakes, layers.data + data)
    maps = {}
    for kind in Maps.model_fields:
        table: CodeMap = getattr(settings.codes.maps, kind)
        if table.file or table.inline:
            maps[kind] = files.get(kind, {}) | inline_map(table.inline)
    return Outcome(SiteProfile(settings, layers.name, _origins(merged, path.name), maps), [], layers.data + data)


def builtin(name: str = "", **settings: Any) -> SiteProfile:
    """Make a built-in profile, with top-level settings over it, as in YAML or as Python values: for code and tests.

    Without a name it is the generic profile of `version`, 2.5.1 if there is none. Raises ConfigurationError
    (`profile.invalid`).
    """
    tree = {key: _as_yaml(value) for key, value in settings.items()}
    if name:
        tree["extends"] = name
    document = Document(tree, "code", dict.fromkeys(_places(tree, ()), ("code", 0)))
    outcome = read(document, Path.cwd() / "code", {})
    if outcome.profile is None:
        raise ConfigurationError("profile.invalid", "; ".join(each.describe("") for each in outcome.mistakes))
    return outcome.profile


def _as_yaml(value: Any) -> Any:
    """Make lists of tuples, and plain trees of models, as a file would give them."""
    if isinstance(value, BaseModel):
        return {key: _as_yaml(getattr(value, key)) for key in value.model_fields_set}
    if isinstance(value, Mapping):
        return {str(key): _as_yaml(each) for key, each in value.items()}
    return [_as_yaml(each) for each in value] if isinstance(value, list | tuple) else value


def _places(value: Any, place: Place) -> Iterator[Place]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*place, key))


def _files(layers: Layers) -> tuple[dict[str, dict[str, MappedCode]], list[bytes]]:
    """Read the CSV files of the code maps, each from the folder of the profile that names it."""
    found: dict[str, dict[str, MappedCode]] = {}
    data: list[bytes] = []
    for kind in Maps.model_fields:
        place = ("codes", "maps", kind, "file")
        named = layers.document.tree
        for key in place:
            named = named.get(key) if isinstance(named, dict) else None
        if isinstance(named, str) and named:
            path = layers.folders[layers.document.line(place)[0]] / named
            try:
                found[kind], content, mistakes = file_map(path, shown(path, layers.folders[layers.document.file]))
            except Unreadable as error:
                if error.mistake.line:
                    layers.mistakes.append(error.mistake)
                else:
                    text = f"{error.mistake.file}: {error.mistake.text}"
                    layers.refuse(layers.document, place, text, error.mistake.hint)
            else:
                data.append(content)
                layers.mistakes += mistakes
    return found, data


def _origins(document: Document, name: str) -> dict[str, str]:
    """Say where each setting was written; `name` is the first file's."""
    return {
        key_text(place): f"{file or name} line {line}" if line else file
        for place, (file, line) in document.lines.items()
        if place
    }
