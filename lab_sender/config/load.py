"""config.yaml, read once and whole.

Holds: the way from the file to a frozen Config, and from everything wrong in it to one report.
Promises: either a Config that is consistent, or every mistake, each with its line and what to write instead. No
secret is in an error, nor a value from the environment but the name of a file.
Never: judges anything but the file and those its profile is made of; rooms above add to the report by a Draft.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec.structs import replace
from pydantic import BaseModel

from lab_sender.config import beside, profile, takes
from lab_sender.config.alerts import Alerts
from lab_sender.config.destinations import SHORT_FORM, DestinationConfig, OfDestination
from lab_sender.config.dialects import dialect_text
from lab_sender.config.digest import digest_of, same_configuration
from lab_sender.config.draft import Draft, DraftDestination, DraftProfile
from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.config.inputs import Inputs
from lab_sender.config.profile import Outcome, Profile, SiteProfile
from lab_sender.config.retention import Retention
from lab_sender.config.sections import His, Intake, Log, Tls
from lab_sender.config.settings import OnDisk, Settings
from lab_sender.config.text.part import read_part
from lab_sender.config.text.scalars import FROM_ENVIRONMENT
from lab_sender.config.text.source import Lines, Mistake, Place, Unreadable, key_text, read_file
from lab_sender.config.text.tree import BROKEN, Document
from lab_sender.config.text.tree import read as read_tree
from lab_sender.config.web import Web
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
    "Retention",
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
        self.mistakes = tuple(sorted(dict.fromkeys(mistakes)))
        count = "a mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        lines = "".join(f"\n  {each.describe(path.name)}" for each in self.mistakes)
        super().__init__("config.invalid", f"{path} has {count}:{lines}")


SHARED: Final = ("intake", "inputs", "retention", "log", "web", "alerts")
"""The sections of a configuration that are of no destination; `retention` may be left out."""


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
    retention: Retention | None
    log: Log
    alerts: Alerts
    web: Web
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
    mistakes, read_in_part, outcomes = list(document.mistakes), list[_Destination](), dict[Place, Outcome]()
    if isinstance(document.tree, dict):
        mistakes += beside.mistakes_of_keys(document, Settings.ONE_OF, _ENOUGH)
        read_in_part += [_destination(document, place, path) for place in beside.destinations(document)]
        for place in beside.messages(document):
            outcomes[place] = profile.read(document.taken(place), path, environment)
    part = read_part(document, Settings, {"path": path}, _ENOUGH)
    lines = _lines(path, document, outcomes)
    mistakes += [
        each if each.file else replace(each, key=f"{key_text(place)}.{each.key}")
        for place, outcome in outcomes.items()
        for each in outcome.mistakes
    ]
    mistakes += [*part.mistakes, *(each for one in read_in_part for each in one.takes.mistakes)]
    on_disk = read_part(document, OnDisk, {"path": path})
    mistakes += beside.mistakes_of_folders(on_disk, lines)
    whole = None
    if part.model is not None and not mistakes:
        whole = _whole(path, data, document, part.model, read_in_part, outcomes, lines)
    by_key = {key_text(place): outcome for place, outcome in outcomes.items()}
    return Draft(
        path,
        tuple(sorted(dict.fromkeys(mistakes))),
        whole,
        {key: DraftProfile(each.profile, each.unread) for key, each in by_key.items() if each.profile is not None},
        {key_text(each.place): each.drafted() for each in read_in_part},
        beside.paths(on_disk),
        lines,
        {f"{key}.{new}": f"{key}.{old}" for key, each in by_key.items() for new, old in each.moved.items()},
    )


class _Destination(NamedTuple):
    """What was read of a destination by itself: where it stands, and the section `message` that it is built by."""

    place: Place
    message: Place
    tls: Tls | None
    takes: takes.Given

    def drafted(self) -> DraftDestination:
        return DraftDestination(self.tls, self.takes.takes, key_text(self.message))


def _destination(document: Document, place: Place, path: Path) -> _Destination:
    message = beside.message_of(document, place)
    if not isinstance(document.found(place), dict):
        return _Destination(place, message, None, takes.Given(takes.TAKES_ALL, [], {}))
    part = read_part(document.at(place), OfDestination, {"path": path})
    model = part.model or OfDestination()
    return _Destination(place, message, model.tls, takes.read(model.takes, key_text(place), part.document, path))


def _whole(
    path: Path,
    data: bytes,
    document: Document,
    settings: Settings,
    destinations: Collection[_Destination],
    outcomes: Mapping[Place, Outcome],
    lines: Lines,
) -> Config:
    """Make the configuration of parts without a mistake."""
    made: dict[str, DestinationConfig] = {}
    files, certificates = {"": data}, dict[str, Path]()
    given = dict(document.environment)
    for one in destinations:
        name, outcome = str(one.place[-1]), outcomes[one.message]
        assert outcome.profile is not None
        his = settings.his if one.place == (SHORT_FORM,) else settings.destinations[name].connection()
        his.note(key_text(one.place), lines)
        made[name] = DestinationConfig(name, his, outcome.profile, one.takes.takes)
        files |= {**outcome.data, **one.takes.data}
        given |= {(*one.message, *place): value for place, value in outcome.environment.items()}
        certificates |= his.tls.files if his.tls is not None else {}
    if settings.inputs.astm.dialect:
        files[settings.inputs.astm.dialect] = dialect_text(settings.inputs.astm.dialect).encode()
    return Config(
        path=path,
        digest=digest_of(files, given, certificates),
        destinations=made,
        outboxes=tuple(_outboxes(settings, tuple(made))),
        intake=settings.intake,
        inputs=settings.inputs,
        retention=settings.retention,
        log=settings.log,
        alerts=settings.alerts,
        web=settings.web,
        lines=lines,
    )


def _outboxes(settings: Settings, names: tuple[str, ...]) -> Iterator[OutboxConfig]:
    folders, server = settings.folders, settings.journal.server
    if settings.outboxes is None:
        yield OutboxConfig("", folders.within(settings.outbox, server=server), names)
    for one in settings.outboxes or ():
        first = settings.outboxes[0].folder
        within = folders.within(one.folder, first, server)
        yield OutboxConfig(one.folder.name, within, one.to or names)


def _lines(path: Path, document: Document, outcomes: Mapping[Place, Outcome]) -> Lines:
    written = {key_text(place): where for place, where in document.lines.items()}
    for place, outcome in outcomes.items():
        written |= {f"{key_text(place)}.{key}": where for key, where in outcome.lines.items()}
    return Lines(path.name, written)


def config_schema() -> dict[str, Any]:
    """Make the JSON Schema of config.yaml, for editors."""
    return _schema(Settings, "lab-sender config.yaml")


def profile_schema() -> dict[str, Any]:
    """Make the JSON Schema of a site profile in a file of its own."""
    return _schema(Profile, "lab-sender site profile")


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema: dict[str, Any] = _for_editors(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _for_editors(schema: Any) -> Any:
    """Let every choice also be `${NAME}`, as the other scalars say themselves; drop the generated titles.

    A map whose keys have a form has no others.
    """
    if isinstance(schema, list):
        return [_for_editors(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _for_editors(value) for key, value in schema.items() if key != "title"}
    if "patternProperties" in inner:
        inner["additionalProperties"] = False
    if "enum" not in inner:
        return inner
    choice = {key: inner.pop(key) for key in ("enum", "type") if key in inner}
    return {"anyOf": [choice, FROM_ENVIRONMENT], **inner}
