"""What of config.yaml stands beside what: short and long forms, names that are used elsewhere, folders.

Holds: where destinations and their profiles stand, and the mistakes that lie between sections.
Promises: each is found whatever is wrong elsewhere, and one that may only follow from that is none. The document is a
section, as it was written: no part of it has been taken out.
Never: reads a file, or looks at a folder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from lab_sender.config.folders import FolderSettings, clashes, overlap, same
from lab_sender.config.settings import OnDisk
from lab_sender.config.text.part import Part
from lab_sender.config.text.source import Lines, Mistake, Place, key_text
from lab_sender.config.text.tree import Document
from lab_sender.spelling import did_you_mean

_MOVE_IT = {
    "outbox": "write it under outboxes as - folder: FOLDER, or remove it",
    "his": "write it under destinations with a name, or remove it",
}


def destinations(document: Document) -> list[Place]:
    """Return where each destination stands, in the order of the file."""
    named = document.found(("destinations",))
    several: list[Place] = [("destinations", name) for name in named] if isinstance(named, dict) else []
    is_short = "his" in document.tree or "destinations" not in document.tree
    return [("his",), *several] if is_short else several


def message_of(document: Document, place: Place) -> Place:
    """Return where the profile of the destination at `place` stands."""
    own = (*place, "message")
    return own if place != ("his",) and document.found(own) is not None else ("message",)


def messages(document: Document) -> list[Place]:
    """Return where profiles can be read: the one at the top, and those of destinations."""
    places = {("message",), *(message_of(document, place) for place in destinations(document))}
    return sorted(place for place in places if isinstance(document.found(place), dict | None))


def mistakes_of_keys(document: Document, one_of: Collection[tuple[str, str]], enough: str) -> Iterator[Mistake]:
    """Find the sections that must or cannot be there, and names that nothing has; before any is taken out.

    `enough` says what a whole file needs.
    """
    tree = document.tree
    for short, long in one_of:
        if short in tree and long in tree:
            text = f"cannot stand beside {long} (line {document.line((long,))[1]})"
            yield _mistake(document, (short,), text, _MOVE_IT[short])
        elif short not in tree and long not in tree:
            yield Mistake(document.line((short,))[1], short, "is missing", enough, "", "config.missing")
    yield from _of_names(document)
    yield from _of_journal(tree.get("journal"), document)
    known = destinations(document)
    if tree.get("message") and known and all(message_of(document, place) != ("message",) for place in known):
        hint = "put what they share into a YAML file that each extends, or remove it"
        yield _mistake(document, ("message",), "is used by no destination: each has a message of its own", hint)


def _of_journal(section: object, document: Document) -> Iterator[Mistake]:
    """Find what has a default, was written all the same, and is of no use by itself."""
    written = section if isinstance(section, dict) else {}
    for key, needs, what in (("lease", "node", "a name for this machine"), ("schema", "database", "a database")):
        if key in written and needs not in written:
            text = f"is of no use without {what}"
            yield _mistake(document, ("journal", key), text, f"name it under journal.{needs}, or remove this")


def _of_names(document: Document) -> Iterator[Mistake]:
    """Find what an outbox names that is no destination, or twice."""
    tree = document.tree
    if "destinations" in tree and not isinstance(tree["destinations"], dict):
        return
    names = [str(place[-1]) for place in destinations(document)]
    outboxes = tree.get("outboxes")
    for number, one in enumerate(outboxes if isinstance(outboxes, list) else ()):
        to = one.get("to") if isinstance(one, dict) else None
        place: Place = ("outboxes", number, "to")
        listed = [(place, to)] if isinstance(to, str) else []
        if isinstance(to, list):
            listed = [((*place, at), name) for at, name in enumerate(to) if isinstance(name, str)]
            if not to:
                yield _mistake(document, place, "names no destination", "leave it out for all", "config.value")
        seen: set[str] = set()
        for at, name in listed:
            if name in seen:
                yield _mistake(document, at, "names a destination twice", "keep one of them")
            elif name not in names:
                asked = did_you_mean(name, names, "'") or f"known are {', '.join(names)}"
                yield _mistake(document, at, "is no destination" + _found(document, at), asked)
            seen.add(name)


def mistakes_of_folders(on_disk: Part[OnDisk], lines: Lines) -> Iterator[Mistake]:
    """Find what cannot lie where something else does."""
    model, cut = on_disk.model or OnDisk(), on_disk.cut
    found = paths(on_disk)
    outboxes = {setting: path for setting, path in found.items() if setting.startswith("outboxes")}
    outboxes = outboxes or {setting: path for setting, path in found.items() if setting == "outbox"}
    if ("folders",) not in cut:
        unread = {str(place[1]) for place in cut if place[:1] == ("folders",)}
        for setting, text, hint in clashes(outboxes, model.folders, unread):
            yield _at_line(lines, setting, text, hint)
    log = model.log.file
    if log is not None and any(same(log.parent, outbox) for outbox in outboxes.values()):
        yield _at_line(lines, "log.file", "lies in the outbox and would be taken for a result", "write it elsewhere")
    archive = model.retention.archive if model.retention is not None else None
    others = {**outboxes, **{setting: path for setting, path in found.items() if setting.startswith("folders.")}}
    clash = next((name for name, path in others.items() if archive and overlap(archive, path)), None)
    if clash is not None:
        text = f"lies in the folder of {clash.removesuffix('.folder')}, or holds it"
        yield _at_line(lines, "retention.archive", text, "give it a folder of its own, on another disk if you can")
    elif archive is not None and model.journal.node is not None:
        text = "can only be where one agent has the journal: what others delete would not be in it"
        yield _at_line(lines, "retention.archive", text, "leave it out")


def paths(on_disk: Part[OnDisk]) -> dict[str, Path]:
    """Return what the configuration names on the disk, by its setting; the outboxes first."""
    model = on_disk.model or OnDisk()
    named = {"outbox": model.outbox}
    for number, one in enumerate(model.outboxes):
        place = on_disk.document.moved.get(("outboxes", number), ("outboxes", number))
        named[f"{key_text(place)}.folder"] = one.folder
    named["log.file"] = model.log.file
    named["retention.archive"] = model.retention.archive if model.retention is not None else None
    named |= {f"folders.{name}": getattr(model.folders, name) for name in FolderSettings.model_fields}
    return {setting: each for setting, each in named.items() if each is not None}


def _found(document: Document, place: Place) -> str:
    shown = document.shown.get(place, "")
    return f" (found {shown[:40]})" if shown.isprintable() and shown else ""


def _mistake(document: Document, place: Place, text: str, hint: str, code: str = "config.conflict") -> Mistake:
    return Mistake(document.line(place)[1], key_text(place), text, hint, "", code)


def _at_line(lines: Lines, setting: str, text: str, hint: str) -> Mistake:
    return Mistake(lines.at(setting)[1], setting, text, hint, "", "config.conflict")
