"""One report of all that is wrong with a configuration.

Holds: what other rooms know of a configuration's mistakes: rules of the profile, files for TLS, folders.
Promises: a configuration that cannot be used is reported once, with every mistake in the order of files and lines;
one that can be used is not held up by a file or folder that may come yet.
Never: changes anything, or connects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender import files, writers
from lab_sender.config.load import ConfigError, read
from lab_sender.config.text.source import in_a_line
from lab_sender.premises.needs import existing, usable

if TYPE_CHECKING:
    from lab_sender.config.load import Config, Draft
    from lab_sender.config.text.source import Mistake


def load(path: Path, environment: Mapping[str, str] = os.environ, *, to_build: bool = False) -> Config:
    """Read the configuration file at `path`; `to_build` messages by it, its profile's rules must work too.

    Raises ConfigError with all its mistakes, those that other rooms find too.
    """
    draft = read(path, environment)
    if draft.config is None or (to_build and any(True for _ in _of_profiles(draft))):
        raise ConfigError(draft.path, [*draft.mistakes, *further_mistakes(draft)])
    return draft.config


def further_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Find what is wrong beyond the text of the files, in what of them can be read."""
    yield from _of_profiles(draft)
    for code, setting, text, hint in (*_of_tls(draft), *_of_folders(draft)):
        yield draft.mistake(code, setting, in_a_line(text), in_a_line(hint))


def _of_profiles(draft: Draft) -> Iterator[Mistake]:
    """Find what cannot work in each profile, and in what the destinations that are built by it take."""
    from lab_sender.oru.mistakes import mistakes_of_profile, mistakes_of_takes

    for key, one in draft.profiles.items():
        found = [(f"{key}.{each.setting}", each) for each in mistakes_of_profile(one.profile, one.unread)]
        for destination in draft.destinations.values():
            if destination.message == key:
                takes = mistakes_of_takes(destination.takes, one.profile, one.unread)
                found += [(each.setting, each) for each in takes]
        for setting, error in found:
            text = in_a_line(error.text.removeprefix("It "))
            yield draft.mistake(error.code, setting, text, in_a_line(error.hint), within=key)


def _of_tls(draft: Draft) -> Iterator[tuple[str, str, str, str]]:
    from lab_sender.mllp.tls_files import PemFiles

    for key, destination in draft.destinations.items():
        if destination.tls is not None:
            for fault in PemFiles.of(destination.tls).faults():
                yield fault.code, f"{key}.tls.{fault.setting}", fault.text, fault.hint


def _of_folders(draft: Draft) -> Iterator[tuple[str, str, str, str]]:
    paths, outboxes = draft.paths, draft.outboxes
    for setting, path in paths.items():
        fault = fault_of_file(path) if setting == "log.file" else _fault_of_folder(path)
        if fault:
            yield "config.folder", setting, *fault
    work, journal = paths.get("folders.work"), paths.get("folders.journal")
    if work and not all(files.same_device(existing(outbox), existing(work)) for outbox in outboxes.values()):
        hint = "Claiming is a rename: name a folder on the outbox's disk."
        yield "config.folder", "folders.work", "is on another disk or share than the outbox", hint
    if journal and not writers.is_local(existing(journal)):
        yield "config.folder", "folders.journal", "is on a network share", "Name a folder on a local disk."


def _fault_of_folder(folder: Path) -> tuple[str, str] | None:
    lack = usable("folder", folder)
    return (lack.text, lack.hint) if lack else None


def fault_of_file(file: Path) -> tuple[str, str] | None:
    """Say what keeps this account from writing a file, and what to do; None where nothing does."""
    if file.is_dir():
        return f"{file} is a folder", "Name a file in it."
    if not file.parent.is_dir():
        return f"{file.parent} is not there", "Make that folder, or name another one."
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        return f"{file} cannot be written by this user", "Give the rights, or name another file."
    return None
