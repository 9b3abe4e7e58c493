"""Where everything lies on the disk.

Holds: the outboxes, the folders' settings, their defaults inside an outbox, and which may lie in which.
Promises: only an outbox holds other folders, and no other outbox, so no room ever finds another's files in its own.
Never: creates or looks at a folder.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationInfo, field_validator

from lab_sender.config.server import Server
from lab_sender.config.text.scalars import AbsolutePath
from lab_sender.config.text.section import OneOrMore, Section, at_odds, either, setting, wrong

_APART = ("outbox", "sent", "quarantine", "work")
_OURS_IN_OUTBOX = ".lab-sender"
NODES = "nodes"
CLAIMED = "claimed"
_IDENTITY = "outbox.id"
_SHARED = ":"
"""What the name in the journal begins with of an outbox that agents may share: it is no one agent's."""
_EACH_ITS_OWN = "give each a folder of its own"


class Folders(Struct, frozen=True):
    """Where everything lies; absolute paths."""

    outbox: Path
    sent: Path
    quarantine: Path
    work: Path
    journal: Path
    """Where the agent's locks and figures are, and journal.db where there is no `database`."""
    database: Server | None = None

    @property
    def by_name(self) -> dict[str, Path]:
        """The folders in which a file can lie, by the names that the journal has for them.

        One that is given back to intake (`outbox`) lies among the claimed ones again.
        """
        claimed = self.own / CLAIMED
        return {
            "claimed": claimed,
            "outbox": claimed,
            "sent": self.sent,
            "quarantine": self.quarantine,
            "dismissed": self.quarantine / "dismissed",
        }

    @property
    def ours(self) -> frozenset[Path]:
        """The folders that are the agent's own, also where they lie in the outbox."""
        return frozenset({self.work, self.sent, self.quarantine, self.journal})

    @property
    def node(self) -> str:
        """This machine's name, where several agents share the journal; else ""."""
        return self.database.node if self.database is not None else ""

    @property
    def may_be_shared(self) -> bool:
        """Whether agents of several machines may have this outbox together: all of it lies in the one folder."""
        inside = (self.sent, self.quarantine)
        return (
            self.node != ""
            and same(self.work, self.outbox / _OURS_IN_OUTBOX)
            and all(_inside(each, self.outbox) for each in inside)
        )

    @property
    def nodes(self) -> Path:
        """Where each agent of an outbox that may be shared has a folder of its own, by its name."""
        return self.work / NODES

    @property
    def own(self) -> Path:
        """The work folder that no other agent works in."""
        return self.nodes / self.node if self.may_be_shared else self.work

    @property
    def identity(self) -> Path:
        """The file that says which outbox this is, to all agents that share it."""
        return self.outbox / _OURS_IN_OUTBOX / _IDENTITY

    @property
    def lock_outbox(self) -> tuple[Path, ...]:
        """The folders whose locks say that this outbox has its agent; the first one whatever `work` is.

        Where it may be shared, they say so of the agent of this name.
        """
        return (self.own,) if self.may_be_shared else (self.outbox / _OURS_IN_OUTBOX, self.work)


class OutboxConfig(Struct, frozen=True):
    """One outbox. `to` names the destinations that its files may go to; `name` is the journal's, "" for `outbox:`.

    `identity` is what its file says, where agents may share it; "": that is not known, or they may not.
    """

    name: str
    folders: Folders
    to: tuple[str, ...]
    identity: str = ""

    @property
    def in_journal(self) -> str:
        """The name that it is to have in the journal."""
        return f"{_SHARED}{self.identity}" if self.identity else self.written(self.name)

    def written(self, name: str) -> str:
        """Write a name of it for the journal: where several agents share that, with the agent's before it."""
        return ":".join(filter(None, (self.folders.node, name)))


def node_of(written: str) -> str:
    """Return the agent's name in that of an outbox in the journal, where several agents share that."""
    return written.partition(":")[0]


def is_shared(written: str) -> bool:
    """Say whether an outbox in the journal is one that agents may share: who takes it in has its files."""
    return written.startswith(_SHARED)


def identity_in(written: str) -> str:
    """Return which outbox that agents may share a name in the journal stands for; "": it is one agent's."""
    return written.removeprefix(_SHARED) if is_shared(written) else ""


def is_others(node: str, written: str) -> bool:
    """Say whether an outbox in the journal is that of another agent than this one, where several share that."""
    return node != "" and not is_shared(written) and node_of(written) != node


class FolderSettings(Section):
    """Where files go. Defaults lie inside the outbox."""

    sent: AbsolutePath | None = setting(None, "Delivered files, by day. Default: sent in the outbox.")
    quarantine: AbsolutePath | None = setting(
        None, "Files that could not be delivered, each with its reason. Default: quarantine in the outbox."
    )
    work: AbsolutePath | None = setting(
        None,
        "Claimed files and their lock. Default: .lab-sender in the outbox. Same disk or share as the outbox.",
    )
    journal: AbsolutePath | None = setting(
        None, "Folder of journal.db, locks and figures. Must be on a local disk. Default: the work folder."
    )

    def within(self, outbox: Path, first: Path | None = None, server: Server | None = None) -> Folders:
        """Fill what is left out with the folders inside `outbox`; the journal's lies in the `first` outbox."""
        work = self.work or outbox / _OURS_IN_OUTBOX
        made = Folders(
            outbox=outbox,
            sent=self.sent or outbox / "sent",
            quarantine=self.quarantine or outbox / "quarantine",
            work=work,
            journal=self.journal or work,
            database=server,
        )
        if self.journal is None:
            return replace(made, journal=made.own if first is None else self.within(first, server=server).journal)
        return made


class OutboxSetting(Section):
    """One of several outboxes."""

    folder: AbsolutePath = setting(
        ..., "Folder where result files are dropped. The last part of its path is its name in the journal."
    )
    to: Annotated[tuple[str, ...], OneOrMore()] = either(
        "Names of the destinations that its files may go to. Left out: all."
    )

    @field_validator("folder")
    @classmethod
    def _has_a_name(cls, folder: Path, info: ValidationInfo) -> Path:
        if not folder.name:
            raise wrong("is a whole disk, which has no name", "name a folder on it")
        return not_around(folder, info)


def not_around(outbox: Path, info: ValidationInfo) -> Path:
    """Take an outbox that is not the folder of the configuration file; raise `at_odds` for one that is."""
    if info.context and same(outbox, info.context["path"].parent):
        raise at_odds("is the folder of this file, which would be taken for a result", "name a folder of its own")
    return outbox


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths name one folder, as the platform compares names."""
    return os.path.normcase(one) == os.path.normcase(other)


def _inside(inner: Path, outer: Path) -> bool:
    return Path(os.path.normcase(inner)).is_relative_to(os.path.normcase(outer))


def overlap(one: Path, other: Path) -> bool:
    """Tell whether one of two folders is, or lies in, the other."""
    return _inside(one, other) or _inside(other, one)


def clashes(
    outboxes: Mapping[str, Path], given: FolderSettings, unread: Collection[str] = ()
) -> Iterator[tuple[str, str, str]]:
    """Find the folders that are one, or lie in one another where only an outbox may hold others: setting, text, hint.

    `outboxes` are those that can be read, by their settings; `unread` names the folders that cannot.
    """
    yield from _among_outboxes(outboxes)
    found: dict[str, str] = {}
    for key, outbox in outboxes.items() or (("", None),):
        for name, text in _around(key, outbox, given, unread):
            found.setdefault(name, text)
    if given.work is not None and len(outboxes) > 1:
        found.pop("work", None)
        yield "folders.work", "cannot be one for several outboxes", "leave it out: each has one inside"
    for name, text in found.items():
        yield f"folders.{name}", text, _EACH_ITS_OWN


def _among_outboxes(outboxes: Mapping[str, Path]) -> Iterator[tuple[str, str, str]]:
    """Find the outboxes that hold another one, or have its name; each is held against the sound ones before it."""
    sound: dict[str, Path] = {}
    for key, outbox in outboxes.items():
        clash = next(filter(None, (_clash(outbox, one, first) for first, one in sound.items())), None)
        if clash is None:
            sound[key] = outbox
        else:
            yield key, *clash


def _clash(outbox: Path, one: Path, key: str) -> tuple[str, str] | None:
    """Say why an outbox cannot be one beside another, that of the setting `key`; what to do."""
    before = key.removesuffix(".folder")
    if same(one, outbox):
        return f"is the same folder as that of {before}", _EACH_ITS_OWN
    if _inside(one, outbox):
        return f"holds the folder of {before}", _EACH_ITS_OWN
    if _inside(outbox, one):
        return f"lies in the folder of {before}", _EACH_ITS_OWN
    if one.name.casefold() == outbox.name.casefold():
        return f"has the last name of the folder of {before}, by which the journal knows it", "rename one of them"
    return None


def _around(
    outbox_setting: str, outbox: Path | None, given: FolderSettings, unread: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Find what cannot lie where something else around one outbox does; `outbox` is None where none can be read."""
    if outbox is not None:
        known = {name: getattr(given.within(outbox), name) for name in (*_APART, "journal") if name not in unread}
    else:
        named = {name: getattr(given, name) for name in FolderSettings.model_fields}
        known = {name: path for name, path in named.items() if path is not None}
    shown = {name: name for name in known} | {"outbox": outbox_setting.removesuffix(".folder")}
    clashing: set[str] = set()
    for first, second in combinations([name for name in _APART if name in known], 2):
        if first in clashing or second in clashing:
            continue
        one, other = known[first], known[second]
        text = ""
        if same(one, other):
            text = f"is the same folder as {shown[first]}"
        elif _inside(one, other):
            text = f"holds the folder {shown[first]}"
        elif first != "outbox" and _inside(other, one):
            text = f"lies in the folder {shown[first]}"
        if text:
            clashing.add(second)
            yield second, text
    journal = known.get("journal")
    if journal is not None and journal != known.get("work"):
        around = [name for name in ("quarantine", "sent") if name in known and _inside(journal, known[name])]
        if around:
            yield "journal", f"lies in the folder {around[0]}"
        elif "outbox" in known and same(journal, known["outbox"]):
            yield "journal", f"is the same folder as {shown['outbox']}"
