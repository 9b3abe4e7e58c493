"""Which configured outbox has the files of each outbox that the journal knows.

Holds: `Known`, what the names of outboxes in the journal stand for today; the removed ones that still have files.
Promises: a name stands for the folder that the last agent noted with it, whatever the configuration calls that folder
now. Where that folder has gone, another one is it only if its files are there. A share that does not answer is away,
and no error.
Never: changes anything, or takes one outbox's folder for another's because of a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lab_sender import files
from lab_sender.config.folders import CLAIMED, OutboxConfig, identity_in, is_shared
from lab_sender.journal import LeftFile, View, lease_of
from lab_sender.premises.needs import at, claimed_folder, claimed_in


class RemovedOutbox(NamedTuple):
    """An outbox that is not configured: its claimed files lie in `folder`, others of it are in quarantine.

    `is_away`: its folder cannot be reached. `is_moved`: one of that name is configured, with another folder.
    `is_otherwise`: it is of before agents began to share the journal, or of while they did. `is_older`: it is an
    outbox of today as a lab-sender has served it that knew none which agents share.
    """

    name: str
    folder: Path | None
    claimed: int
    quarantined: int
    is_away: bool = False
    is_moved: bool = False
    is_otherwise: bool = False
    is_older: bool = False

    @property
    def text(self) -> str:
        """Say what it still has."""
        where = f" in {self.folder}" if self.folder is not None else ""
        parts = [f"{self.claimed} claimed{where}"] * bool(self.claimed)
        parts += [f"{self.quarantined} in quarantine"] * bool(self.quarantined)
        name = f" {self.name}" if self.name else " of before"
        what = "whose files lay elsewhere" if self.is_moved else "which is no outbox any more"
        what = "which an older lab-sender has served otherwise" if self.is_older else what
        cannot = ", and cannot be reached" if self.is_away else ""
        return f"the outbox{name}, {what}{cannot}, still has files: {', '.join(parts)}."

    @property
    def hint(self) -> str:
        """Say how to go on."""
        if self.is_away:
            where = f" ({self.folder})" if self.folder is not None else ""
            return f"Bring its share back{where} and write it back into the configuration. Its files wait until then."
        if self.is_older:
            return (
                "Start the lab-sender of before by this configuration, let it run empty, and release or dismiss what"
                " it has in quarantine; then start this one."
            )
        if self.is_otherwise:
            return (
                "Put journal.node back as it was when these files came, let it run empty, and release or dismiss what"
                " it has in quarantine; then change it."
            )
        if self.is_moved:
            return (
                "Write its old folders back into the configuration, let it run empty, and release or dismiss what it"
                " has in quarantine; or, with the agent stopped, move what lies in them into the new ones."
            )
        return (
            "Write it back into the configuration and let it run empty, and release or dismiss what it has in"
            " quarantine; then take it out. If what is in it is a copy of what lies elsewhere now, take it away."
        )


class Known(NamedTuple):
    """What the names of outboxes in the journal stand for; the configured ones go by those of the configuration.

    `written`: the name by which the journal has a configured one from now on; `owners`: the configured one that has
    the files of a name in the journal; `folders`: the folder of claimed files to note with each name.
    """

    written: Mapping[str, str]
    owners: Mapping[str, str]
    folders: Mapping[str, str]
    removed: tuple[RemovedOutbox, ...] = ()
    """Those that still have files. Where one of them can be reached no agent starts."""
    some_unowned: bool = False
    """Whether there are names of which no configured one has the files."""


def known_outboxes(configured: Sequence[OutboxConfig], view: View) -> Known:
    """Look what each name in the journal stands for."""
    noted = view.claimed_folders()
    served = view.outboxes_served()
    if served is None:
        served = ("",) * (view.last_source_id() > 0)
    names = dict.fromkeys((*served, *noted))
    owners, removed = dict[str, str](), list[RemovedOutbox]()
    older = {each.folders.work / CLAIMED for each in configured if each.folders.may_be_shared}
    for name in names:
        folder = Path(noted[name]) if name in noted else None
        owner = at(folder, configured) if folder is not None else None
        if owner is None and is_shared(name):
            owner = next((each for each in configured if each.in_journal == name), None)
        if owner is None and not (is_shared(name) and _is_others_too(name, configured, view)):
            owner, still = _unless_removed(name, folder, configured, view)
            is_older = folder in older and still is not None and not still.is_away
            removed += [still._replace(is_older=is_older)] if still is not None else []
        if owner is not None:
            owners[name] = owner.name
    removed += _otherwise(view)
    written = _written(configured, names, owners)
    owners |= {name: each for each, name in written.items()}
    claimed = {each.name: str(claimed_folder(each.folders)) for each in configured}
    away = {each.name: str(each.folder) for each in removed if each.folder is not None}
    folders = away | {name: claimed[each] for name, each in owners.items()}
    return Known(written, owners, folders, tuple(removed), any(name not in owners for name in names))


def _is_others_too(name: str, configured: Sequence[OutboxConfig], view: View) -> bool:
    """Say whether another machine has an outbox that agents may share: it goes on with what is there."""
    lease = lease_of(identity_in(name))
    others = (each for each in view.nodes() if each.name != configured[0].folders.node)
    return any(lease in json.loads(each.serves) for each in others)


def _otherwise(view: View) -> Iterator[RemovedOutbox]:
    """Find what agents have left that had the journal alone, or shared it, unlike this one: nobody would file it."""
    for name, folder in view.claimed_folders_otherwise().items():
        if left := view.left_of_outbox(name):
            claimed = {each.id for each in left if each.folder == "claimed"}
            others = len({each.id for each in left} - claimed)
            yield RemovedOutbox(name, Path(folder), len(claimed), others, is_otherwise=True)


def _unless_removed(
    name: str, folder: Path | None, configured: Sequence[OutboxConfig], view: View
) -> tuple[OutboxConfig | None, RemovedOutbox | None]:
    """Return the outbox that has the files of one whose folder is not configured, or what was left in that."""
    left = view.left_of_outbox(name)
    same_name = next((each for each in configured if each.in_journal == name), None)
    if folder is None and same_name is None:  # an older agent has noted the name alone: that of the folder
        same_name = next((each for each in configured if each.folders.outbox.name == name), None)
    lying = claimed_in(folder) if folder is not None else None
    found = [same_name] if same_name is not None else []
    if lying is None:  # it has gone: was it renamed?
        found += [each for each in configured if each is not same_name]
    owner = next((each for each in found if _has_some(each, left, shared=each is same_name)), None)
    if not lying:
        if owner is not None:
            return owner, None
        if not left or (folder is None and (same_name is not None or not name)):
            return same_name or (configured[0] if not name else None), None
    claimed = {each.id for each in left if each.folder == "claimed"}
    others = 0 if owner is not None else len({each.id for each in left} - claimed)
    many = len(claimed) if lying is None else len(lying)
    if not many and not others:  # they were taken away, from a folder that is there: they are missing
        return same_name or configured[0], None
    return None, RemovedOutbox(name, folder, many, others, lying is None, same_name is not None)


def _has_some(outbox: OutboxConfig, left: Iterable[LeftFile], *, shared: bool) -> bool:
    """Say whether files of an outbox lie in the folders of this one; one for several counts only if `shared`."""
    own = {claimed_folder(outbox.folders)}
    own.update(each for each in outbox.folders.by_name.values() if each.is_relative_to(outbox.folders.outbox))
    places = [(outbox.folders.by_name[each.folder], each) for each in left]
    return any((shared or folder in own) and _is(folder / each.name, each) for folder, each in places)


def _is(path: Path, file: LeftFile) -> bool:
    """Say whether this is the file: in claimed/ by its name, which is given once, else by its content."""
    try:
        seen = files.look(path)
        if seen is None or seen.size != file.size >= 0:
            return False
        by_name = file.folder in ("claimed", "outbox")
        return by_name or (file.is_report and files.is_there(path, file.sha256))
    except OSError:
        return False


def _written(
    configured: Sequence[OutboxConfig], known: Iterable[str], owners: Mapping[str, str]
) -> dict[str, str]:
    """Give each configured outbox the name that it has in the journal: its own, unless that is another one's."""
    taken, written = {*known, *(each.in_journal for each in configured)}, dict[str, str]()
    for each in configured:
        own = [name for name, owner in owners.items() if owner == each.name and is_shared(name)]
        name = own[0] if own and not each.identity and each.folders.may_be_shared else each.in_journal
        if not is_shared(name) and name in known and owners.get(name) != each.name:
            others = [one for one, owner in owners.items() if owner == each.name]
            name = others[0] if others else _free(each.written(each.folders.outbox.name or "outbox"), taken)
        written[each.name] = name
        taken.add(name)
    return written


def _free(name: str, taken: Iterable[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}~{number}"
    return free
