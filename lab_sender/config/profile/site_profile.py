"""A site profile, whole: settings, where each comes from, and the code maps.

Holds: the way from a `message:` section, or from a built-in profile's name, to a SiteProfile.
Promises: a SiteProfile that exists is valid and its files are read; else every mistake is named with file and line.
Never: knows a report or a message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct, field
from pydantic import BaseModel

from lab_sender.config.profile.code_maps import FileMap, MappedCode, file_map, inline_map
from lab_sender.config.profile.layers import Layers, laid, shown
from lab_sender.config.profile.model import CodeMap, Maps, Profile
from lab_sender.config.text.part import read_part
from lab_sender.config.text.source import Mistake, Place, Unreadable, key_text
from lab_sender.config.text.tree import Document
from lab_sender.errors import ConfigurationError

_JUDGED = ("order_status", "result_status")
"""Code maps whose lines must make sense one by one."""


class SiteProfile(Struct, frozen=True):
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
    """What was read as a profile, and what is wrong with it.

    `profile` is what of it can be read, the whole where there are no mistakes; `unread` names the settings at its top
    that are there and cannot be read (see oru/mistakes.py). `lines` has the file and line of each setting, and of
    each line of a code map that is judged later; `moved` the key as written of one that moved up in its list. `data`
    has the bytes of the files it was read from, beside the first; `environment` what of it comes from there.
    """

    profile: SiteProfile | None
    mistakes: list[Mistake]
    unread: frozenset[str]
    lines: Mapping[str, tuple[str, int]]
    moved: Mapping[str, str]
    data: Mapping[str, bytes]
    environment: Mapping[Place, str]


def read(document: Document, path: Path, environment: Mapping[str, str] = os.environ) -> Outcome:
    """Make the profile that stands in `document`, which is (a part of) the file `path`."""
    layers = laid(document, path, environment)
    maps = _files(layers)
    part = read_part(layers.document, Profile)
    mistakes = layers.mistakes + part.mistakes
    unread = {str(place[0]) for place in part.cut if place}
    if not layers.is_whole:
        unread |= {"extends"} if "version" in layers.document.tree else {"extends", "version"}
    lines = {key_text(place): where for place, where in part.document.lines.items() if place}
    profile = None
    if part.model is not None:
        tables = {}
        for kind in Maps.model_fields:
            table: CodeMap = getattr(part.model.codes.maps, kind)
            if table.file or table.inline:
                tables[kind] = (maps[kind].codes if kind in maps else {}) | inline_map(table.inline)
        for kind in _JUDGED:
            lines |= _lines_of(kind, part.document, maps.get(kind))
        profile = SiteProfile(part.model, layers.name, _origins(lines, path.name), tables)
    moved = {key_text(new): key_text(old) for new, old in part.document.moved.items()}
    return Outcome(profile, mistakes, frozenset(unread), lines, moved, layers.data, layers.document.environment)


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
    if outcome.profile is None or outcome.mistakes:
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


def _files(layers: Layers) -> dict[str, FileMap]:
    """Read the CSV files of the code maps, each from the folder of the profile that names it."""
    found: dict[str, FileMap] = {}
    for kind in Maps.model_fields:
        place = ("codes", "maps", kind, "file")
        named = layers.document.tree
        for key in place:
            named = named.get(key) if isinstance(named, dict) else None
        if isinstance(named, str) and named:
            path = layers.folders[layers.document.line(place)[0]] / named
            name = shown(path, layers.folders[layers.document.file])
            try:
                found[kind] = file_map(path, name)
            except Unreadable as error:
                if error.mistake.line:
                    layers.mistakes.append(error.mistake)
                else:
                    text, hint = f"{error.mistake.file}: {error.mistake.text}", error.mistake.hint
                    layers.reject(layers.document, place, text, hint, "config.file")
            else:
                layers.data[name] = found[kind].data
                layers.mistakes += found[kind].mistakes
    return found


def _lines_of(kind: str, document: Document, table: FileMap | None) -> dict[str, tuple[str, int]]:
    """Return the file and line of each code that a map translates; what stands in the profile itself wins."""
    place = ("codes", "maps", kind, "inline")
    inline = {each[-1]: where for each, where in document.lines.items() if each[:-1] == place}
    in_file = {code: (table.file, line) for code, line in table.lines.items()} if table is not None else {}
    return {f"codes.maps.{kind}.{code}": where for code, where in (in_file | inline).items()}


def _origins(lines: Mapping[str, tuple[str, int]], name: str) -> dict[str, str]:
    """Say where each setting was written; `name` is the first file's."""
    return {key: f"{file or name} line {line}" if line else file for key, (file, line) in lines.items()}
