"""Where everything lies on the disk.

Holds: the folders' settings, their defaults inside the outbox, and which may lie in which.
Promises: only the outbox holds other folders, so no room ever finds another's files in its own.
Never: creates or looks at a folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lab_sender.config.text.scalars import AbsolutePath
from lab_sender.config.text.section import Section, setting

_APART = ("outbox", "sent", "quarantine", "work")
_OURS_IN_OUTBOX = ".lab-sender"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where everything lies; absolute paths."""

    outbox: Path
    sent: Path
    quarantine: Path
    work: Path
    journal: Path

    @property
    def by_name(self) -> dict[str, Path]:
        """The folders in which a file can lie, by the names that the journal has for them.

        One that is given back to intake (`outbox`) lies among the claimed ones again.
        """
        claimed = self.work / "claimed"
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
    def lock_outbox(self) -> tuple[Path, ...]:
        """The folders whose locks say that this outbox has its agent; the first one whatever `work` is."""
        return (self.outbox / _OURS_IN_OUTBOX, self.work)


@dataclass(frozen=True, slots=True)
class OutboxConfig:
    """One outbox. `to` names the destinations that its files may go to; `name` is the journal's, "" for `outbox:`."""

    name: str
    folders: Folders
    to: tuple[str, ...]


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
        None, "Folder of journal.db. Must be on a local disk. Default: the work folder."
    )

    def within(self, outbox: Path) -> Folders:
        """Fill what is left out with the folders inside `outbox`."""
        work = self.work or outbox / _OURS_IN_OUTBOX
        return Folders(
            outbox=outbox,
            sent=self.sent or outbox / "sent",
            quarantine=self.quarantine or outbox / "quarantine",
            work=work,
            journal=self.journal or work,
        )


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths name one folder, as the platform compares names."""
    return os.path.normcase(one) == os.path.normcase(other)


def _inside(inner: Path, outer: Path) -> bool:
    return Path(os.path.normcase(inner)).is_relative_to(os.path.normcase(outer))


def clashes(outbox: Path | None, given: FolderSettings, unread: Collection[str] = ()) -> dict[str, str]:
    """Find the folders that are one, or lie in one another where only the outbox may hold others, by their names.

    `outbox` is None where it cannot be read; `unread` names the folders that cannot.
    """
    if outbox is not None:
        known = {name: getattr(given.within(outbox), name) for name in (*_APART, "journal") if name not in unread}
    else:
        named = {name: getattr(given, name) for name in FolderSettings.model_fields}
        known = {name: path for name, path in named.items() if path is not None}
    found: dict[str, str] = {}
    for first, second in combinations([name for name in _APART if name in known], 2):
        if first in found:
            continue
        one, other = known[first], known[second]
        if same(one, other):
            found.setdefault(second, f"is the same folder as {first}")
        elif _inside(one, other):
            found.setdefault(second, f"holds the folder {first}")
        elif first != "outbox" and _inside(other, one):
            found.setdefault(second, f"lies in the folder {first}")
    journal = known.get("journal")
    if journal is not None and journal != known.get("work"):
        if "outbox" in known and same(journal, known["outbox"]):
            found["journal"] = "is the same folder as outbox"
        for name in ("sent", "quarantine"):
            if name in known and _inside(journal, known[name]):
                found["journal"] = f"lies in the folder {name}"
    return found
