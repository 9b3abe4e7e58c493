"""A configuration as its files have it, for the checks of rooms above.

Holds: `Draft`: what of it can be read, destination by destination, and what is wrong with it.
Promises: a mistake that is made of a setting has the file, the line and the key as they are written.
Never: reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from lab_sender.config.profile import SiteProfile
from lab_sender.config.sections import Tls
from lab_sender.config.takes import Takes
from lab_sender.config.text.source import Lines, Mistake

if TYPE_CHECKING:
    from lab_sender.config.load import Config


class DraftProfile(Struct, frozen=True):
    """A profile as far as it can be read; `unread` names the settings at its top that cannot (oru/mistakes.py)."""

    profile: SiteProfile
    unread: frozenset[str]


class DraftDestination(Struct, frozen=True):
    """A destination as far as it can be read. `message` is the key of its profile in `Draft.profiles`."""

    tls: Tls | None
    takes: Takes
    message: str


class Draft(Struct, frozen=True):
    """What of a configuration can be read.

    `config` is there where nothing is wrong. `profiles` and `destinations` go by their keys as written: `message`,
    `destinations.registry.message`; `his`, `destinations.registry`. `paths` has what is named on the disk by its
    setting, the outboxes first. `moved` has the keys as written of settings that moved up in a list.
    """

    path: Path
    mistakes: tuple[Mistake, ...]
    config: Config | None
    profiles: Mapping[str, DraftProfile]
    destinations: Mapping[str, DraftDestination]
    paths: Mapping[str, Path]
    lines: Lines
    moved: Mapping[str, str]

    @property
    def outboxes(self) -> Mapping[str, Path]:
        """The outboxes among `paths`."""
        return {setting: path for setting, path in self.paths.items() if setting.startswith("outbox")}

    def mistake(self, code: str, setting: str, text: str, hint: str = "", within: str = "") -> Mistake:
        """Make the mistake of a setting: `message.set[0]`, `his.tls.ca`.

        In a profile's own file it is named without the key that it stands `within` (`destinations.registry.message`).
        """
        file, line = self.lines.at(setting)
        key = self.moved.get(setting, setting)
        return Mistake(line, key.removeprefix(f"{within}.") if file else key, text, hint, file, code)
