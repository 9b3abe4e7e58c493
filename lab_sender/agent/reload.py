"""A changed configuration, brought in force between two rounds: whole or not at all.

Holds: `Reload`, which looks whether somebody has asked for it; what can be taken while the agent runs and what needs
a restart; what differs, by the names of the settings.
Promises: all that can fail has been done before anything changes. A destination takes its settings before its next
message, an intake before its next round; what is in the journal keeps its bytes. Nobody is told to restart an agent
that would not start.
Never: reads the file (whoever starts the agent says how), or has a setting's value in a text.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from lab_sender.config.load import SHARED, Config, ConfigError
from lab_sender.config.sections import His
from lab_sender.config.text.section import Section, key_of
from lab_sender.config.text.source import Mistake, in_a_line
from lab_sender.errors import ConfigurationError, LabSenderError
from lab_sender.intake.compose import Composer, recipients
from lab_sender.intake.plan import Plan
from lab_sender.journal import Asked, Journal, JournalUnavailable
from lab_sender.log import say
from lab_sender.mllp.tls_files import PemFiles
from lab_sender.premises.start import not_startable

_FIXED = ("connections", "order_by")
"""What decides, at a start, which lane has which messages."""


class NeedsRestart(ConfigurationError):
    """What was changed cannot be taken by an agent that runs; the old configuration stays in force."""


class Change(Struct, frozen=True):
    """A configuration that can come in force at once: its plans are made. `names` are the settings that differ."""

    config: Config
    plans: Mapping[str, Plan]
    names: tuple[str, ...]


class Reload:
    """Whether a changed configuration is to be taken; `ring` is for others, also for a signal's handler."""

    def __init__(self, reread: Callable[[], Config], on_reload: Callable[[Config], None]) -> None:
        """`reread` may raise ConfigurationError, `on_reload` OSError: then nothing changes."""
        self._reread = reread
        self._on_reload = on_reload
        self._rung = threading.Event()
        self._version = -1

    def ring(self) -> None:
        """Ask for a reload at the next look."""
        self._rung.set()

    def look(self, old: Config, journal: Journal) -> Change | None:
        """Return the change that the journal has in force now; None where nobody asked, or it was refused.

        What the journal does not take just now is tried again at the next look.
        """
        try:
            asked, is_rung = self._asked(journal), self._rung.is_set()
            if asked is None and not is_rung:
                return None
            self._rung.clear()
            found = self._take(old, journal, asked)
        except JournalUnavailable:
            self._version = -1
            self._rung.set()
            return None
        return found

    def _asked(self, journal: Journal) -> Asked | None:
        version = journal.store.foreign_version()
        if version == self._version:
            return None
        asked = journal.reloads.asked()
        self._version = version
        return asked

    def _take(self, old: Config, journal: Journal, asked: Asked | None) -> Change | None:
        try:
            new = self._reread()
            found = change(old, new)
            self._on_reload(new)
        except (LabSenderError, OSError) as error:
            self._refuse(journal, asked, error)
            return None
        his = {each.name: each.his.address for each in new.destinations.values()}
        journal.reloads.brought_in_force(asked, digest=new.digest, his=his, changed=found.names)
        say(logging.INFO, "config.reloaded", old=old.digest, new=new.digest, changed=",".join(found.names))
        return found

    def _refuse(self, journal: Journal, asked: Asked | None, error: LabSenderError | OSError) -> None:
        if isinstance(error, OSError):
            code, text, hint = "reload.log-file", f"the log cannot be opened: {error.strerror}.", "Give the rights."
        else:
            code, text, hint = error.code, error.text, error.hint
        line = error.mistakes[0].line if isinstance(error, ConfigError) else 0
        say(logging.WARNING, "config.refused", code=code, line=line or None)
        journal.reloads.refused(asked, code=code, text=text, hint=hint)


def plans(config: Config) -> dict[str, Plan]:
    """Make the plan of each outbox. Raises ConfigurationError where a profile cannot work."""
    return {
        each.name: Plan(config.intake, Composer(recipients(config.destinations, each.to), config.inputs))
        for each in config.outboxes
    }


def change(old: Config, new: Config) -> Change:
    """Prepare a new configuration.

    Raises ConfigError where its files for TLS would stop a connection, NeedsRestart, which names each setting, and
    what `plans` raises.
    """
    if unusable := tuple(_unusable_for_tls(new)):
        raise ConfigError(new.path, unusable)
    if fixed := tuple(_needs_restart(old, new)):
        named, verb = ", ".join(fixed), "needs" if len(fixed) == 1 else "need"
        text = f"{named} {verb} a restart; nothing was changed."
        hint = "Restart the agent: what waits is kept. Or put back what was there, and reload the rest."
        if (lack := not_startable(new.outboxes, new.destinations)) is not None:
            text += f" Do not restart yet: no agent would start, {lack.code}: {lack.text}"
            hint = f"{lack.hint} Then `lab-sender reload` again: it says whether a restart will do."
        raise NeedsRestart("reload.needs-restart", text, hint=hint)
    return Change(new, plans(new), tuple(_differences(old, new)))


def _unusable_for_tls(config: Config) -> Iterator[Mistake]:
    """Find the files that `check` fails over; a start goes on without them, but it has no link to cut."""
    for each in config.destinations.values():
        for fault in PemFiles.of(each.his.tls).faults() if each.his.tls is not None else ():
            if fault.stops:
                key = f"{each.his.named}.tls.{fault.setting}"
                file, line = config.lines.at(key)
                yield Mistake(line, key, in_a_line(fault.text), in_a_line(fault.hint), file, fault.code)


def _needs_restart(old: Config, new: Config) -> Iterator[str]:
    if [each.name for each in old.outboxes] != [each.name for each in new.outboxes]:
        yield "outboxes"
    else:
        for one, other in zip(old.outboxes, new.outboxes, strict=True):
            of = f"{one.name}: " if one.name else ""
            for each in fields(one.folders):
                if getattr(one.folders, each.name) != getattr(other.folders, each.name):
                    named = {"outbox": "outbox", "database": "journal"}.get(each.name, f"folders.{each.name}")
                    yield f"{of}{named}"
            if one.to != other.to and old.destinations.keys() == new.destinations.keys():
                yield f"{of}to"
    if list(old.destinations) != list(new.destinations):
        yield "destinations"
    for name in old.destinations.keys() & new.destinations.keys():
        one_his, other_his = old.destinations[name].his, new.destinations[name].his
        yield from (f"{one_his.named}.{key}" for key in _FIXED if getattr(one_his, key) != getattr(other_his, key))


def _differences(old: Config, new: Config) -> Iterator[str]:
    for name, one in old.destinations.items():
        other, message = new.destinations[name], _message_of(one.his)
        yield from _differing(one.his, other.his, one.his.named)
        if (one.message.settings, one.message.maps) != (other.message.settings, other.message.maps):
            yield message
        if one.takes != other.takes:
            yield f"{one.his.named}.takes"
    for section in SHARED:
        yield from _differing(getattr(old, section), getattr(new, section), section)


def _message_of(his: His) -> str:
    return "message" if his.named == "his" else f"{his.named}.message"


def _differing(before: Any, after: Any, name: str) -> Iterator[str]:
    """Name what differs: of a section that both have its settings."""
    if isinstance(before, Section) and isinstance(after, Section):
        for attribute, field in type(before).model_fields.items():
            key = field.alias or key_of(attribute)
            yield from _differing(getattr(before, attribute), getattr(after, attribute), f"{name}.{key}")
    elif before != after:
        yield name
