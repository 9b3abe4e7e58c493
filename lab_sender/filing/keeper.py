"""Folders follow the journal.

Holds: the thread that moves the files of one outbox to the folders where they belong, and the tick that flushes
unflushed verdicts.
Promises: a move is made after the fact that causes it is on the disk, and its plan too, but for the usual case of
delivered.py: a crash leaves the file under one of two known names. Nothing is overwritten. What is filed as sent has
the size that was read. A folder that cannot be reached, written or flushed is waited for; the keepers of other
outboxes go on.
Never: changes a message, or deletes a result.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lab_sender import files
from lab_sender.config.folders import Folders
from lab_sender.filing.delivered import Delivered, day_of, with_claim
from lab_sender.filing.feed import Feed
from lab_sender.filing.reasons import REASON, Reasons
from lab_sender.ids import ClaimName
from lab_sender.journal import FileRow, Journal, JournalUnavailable, LeaseLost, OutboxBooks, Resting
from lab_sender.log import say

TICK_S = 0.1
_BATCH = 500
_FOREIGN_LOOK_TICKS = 5
_EARLY_S = 60.0
"""For so long a share may show what was before: a file that another agent had is not missing yet."""
_SHARED = frozenset({"sent", "quarantine", "dismissed"})
"""Where the keeper of another outbox may take a name at the same time."""


class Keeper:
    """The keeper of one outbox; `run` is its thread."""

    def __init__(
        self,
        journal: Journal,
        folders: Folders,
        *,
        on_returned: Callable[[], None] = lambda: None,
        name: str = "",
        feed: Feed | None = None,
        beat: Callable[[float], None] = lambda _: None,
        shared: bool = False,
    ) -> None:
        """`name` is the journal's for the outbox; `feed` is shared with the keepers of other ones.

        `beat` is called each round. `shared`: agents share the outbox, and it is filed between `begin` and `leave`.
        """
        self._beat = beat
        self._journal = journal
        self._on_returned = on_returned
        self._outbox = str(folders.outbox)
        self._folders = folders.by_name
        self._beside = folders.journal
        self._name = name
        self._feed = feed or Feed(journal, (name,))
        self._made: set[str] = set()
        self._reasons = Reasons(self._in, self._at, lambda error: self._trouble(_code(error)))
        self._filing = journal.filing
        self._may = _always
        self._early_until_s = 0.0
        self._has_turn = not shared
        self._round = threading.Lock()
        self._delivered = Delivered(journal, journal.filing, self._folders, self._make)
        self._stopping = threading.Event()
        self._todo: set[int] = set()
        self._troubles: list[str] = []
        self._noted: list[str] | None = None
        """What `status` shows; None: what an agent before this one has noted."""

    def stop(self) -> None:
        """End after the round in hand."""
        self._stopping.set()

    def begin(self, books: OutboxBooks, may: Callable[[], bool]) -> None:
        """File from now on what is of the outbox, by these books; `may` says whether it is still ours."""
        with self._round:
            self._filing, self._may = books.filing, may
            self._delivered = Delivered(self._journal, books.filing, self._folders, self._make)
            self._todo = set()
            self._early_until_s = time.monotonic() + _EARLY_S
            self._has_turn = True
            self._feed.begin(self._name)

    def leave(self) -> None:
        """File what is final once more, where it may be, and leave the rest to whoever has the outbox next."""
        with self._round:
            try:
                if self._has_turn and self._may():
                    self._feed.look()
                    self._work_off()
            except (JournalUnavailable, LeaseLost, OSError):
                pass  # the next one finds it
            finally:
                self._has_turn = False
                self._feed.leave(self._name)

    def run(self) -> None:
        """Keep until stopped; the last round files everything that is final."""
        ticks = 0
        while True:
            self._beat(TICK_S)
            last = self._stopping.wait(TICK_S)
            try:
                if ticks % _FOREIGN_LOOK_TICKS == 0:
                    self._feed.look()
                self.round()
            except JournalUnavailable as error:
                self._trouble(error.code)
                self._noted = self._troubles
            if last:
                return
            ticks += 1

    def round(self) -> None:
        """Flush, and file every source that has become final. Raises JournalUnavailable; the next round goes on."""
        self._troubles = []
        with self._round:
            try:
                if self._has_turn:
                    self._work_off()
                else:
                    self._feed.pass_on()
            except LeaseLost:  # whoever has it now goes on
                self._has_turn = False
                self._feed.leave(self._name)
            except OSError as error:  # what was begun is planned
                self._trouble(_code(error))
        if self._troubles != self._noted:
            self._feed.trouble.note(self._name, self._troubles[-1] if self._troubles else "")
            self._noted = self._troubles
        self._journal.minutes.flush()
        self._journal.room.look(self._beside)
        self._journal.taken.look()
        self._journal.store.tick()

    def _work_off(self) -> None:
        self._todo |= self._feed.take(self._name)
        while self._todo:
            batch = sorted(self._todo)[:_BATCH]
            left = self._file(self._delivered.file(self._whole(self._filing.resting(batch))))
            self._todo.difference_update(batch)
            if left:
                self._todo |= left
                break

    def _whole(self, resting: Sequence[Resting]) -> Sequence[Resting]:
        """See that each file still has the size that was read; returns where the sources belong now."""
        changed = {
            rest.source_id: reason
            for rest in resting
            if rest.folder == "sent" and (reason := "".join(map(self._growth, rest.files)))
        }
        if not changed:
            return resting
        for source_id, reason in changed.items():
            say(logging.ERROR, "file.grown", source=source_id)
            self._filing.grown(source_id, reason)
        return self._filing.resting([rest.source_id for rest in resting])

    def _growth(self, file: FileRow) -> str:
        """Return what has become of a claimed file since it was read, "" where nothing has."""
        if file.folder != "claimed" or file.planned_folder or file.size < 0:
            return ""
        size = files.size_of(self._at(file))
        if size is None or size == file.size:
            return ""
        what = "the file" if file.role == "report" else "its attachment"
        return (
            f"file.grown: {what} had {file.size} bytes when it was read, and has {size} now: its writer had not"
            " finished. Release it: it is read again as it is now, and what of it was delivered before is recognised."
        )

    def _file(self, resting: Sequence[Resting]) -> set[int]:
        """Bring these sources' files to their folders; returns the sources of which one is not there yet."""
        failed, resting = self._found_again(resting)
        taken = {str(self._folders["dismissed"])}  # no file of this name may lie in quarantine/
        plans = [
            (rest, file, self._plan(rest, file, taken))
            for rest in resting
            for file in sorted(rest.to_move, key=lambda each: each.role)  # attachments before their report
        ]
        failed |= self._reasons.renewed(resting)
        if not plans:
            return failed
        self._filing.planned(
            [(file.id, *plan) for _, file, plan in plans if plan != (file.planned_folder, file.planned_as)]
        )
        placed: dict[FileRow, tuple[str, str]] = {}
        for rest, file, (folder, name) in plans:
            try:
                if self._move(file, folder, name):
                    self._reasons.note(rest, file, folder, name)
                    placed[file] = os.path.dirname(self._at(file)), os.path.dirname(self._in(folder, name))
                if folder != rest.folder:
                    failed.add(file.source_id)
            except (OSError, files.Busy) as error:
                was_taken = isinstance(error, FileExistsError) and folder in _SHARED
                if not was_taken or _has_claim(file, name):  # else it is planned anew, by a name that has
                    self._trouble(_code(error))
                failed.add(file.source_id)
        unsure = self._not_flushed({folder for folders in placed.values() for folder in folders})
        failed.update(file.source_id for file, folders in placed.items() if not unsure.isdisjoint(folders))
        self._filing.placed([file.id for file, folders in placed.items() if unsure.isdisjoint(folders)])
        if any(folder == "outbox" for _, _, (folder, _) in plans):
            self._on_returned()
        return failed

    def _found_again(self, resting: Sequence[Resting]) -> tuple[set[int], list[Resting]]:
        """Find what was moved without a plan before a crash; returns too the sources of which nobody can say now."""
        failed, known = set(), []
        for rest in resting:
            try:
                known.append(self._delivered.found_again(rest))
            except OSError as error:
                self._trouble(_code(error))
                failed.add(rest.source_id)
        return failed, known

    def _not_flushed(self, folders: Iterable[str]) -> set[str]:
        """Make the names in these folders survive a power cut; returns those of which that is not known."""
        unsure = set()
        for folder in folders:
            try:
                files.sync_folder(folder)
            except FileNotFoundError:  # somebody has removed it: its files are looked for at need
                continue
            except OSError as error:
                self._trouble(_code(error))
                unsure.add(folder)
        return unsure

    def _plan(self, rest: Resting, file: FileRow, taken: set[str]) -> tuple[str, str]:
        """Choose a free name: one that is taken gets the claim's id added.

        A plan from before a crash is kept: the move, or its reason, may have been made. A released file goes back to
        claimed/ under a new claim id, and its attachments are bound to that.
        """
        if file.planned_folder and not files.exists(self._at(file)):
            return file.planned_folder, file.planned_as
        if rest.folder == "outbox":
            short, own_id = files.short_name(file.name), ClaimName.parse(file.claimed_as).claim_id
            is_report = file.role == "report"
            claimed_as = ClaimName(rest.returns_as, short) if is_report else ClaimName(own_id, short, rest.returns_as)
            return "outbox", str(claimed_as)
        if file.planned_folder == rest.folder and not files.exists(self._in(rest.folder, file.planned_as)):
            taken.update(self._wanted(rest.folder, file.planned_as))
            return rest.folder, file.planned_as
        if rest.folder == "claimed":
            return "claimed", file.claimed_as
        prefix = ""
        if rest.folder == "sent":
            prefix = f"{day_of(rest.final_ms)}/"
        plain = files.short_name(file.name)
        name = prefix + plain
        wanted = self._wanted(rest.folder, name)
        if any(path in taken or files.exists(path) for path in wanted):
            name = prefix + with_claim(plain, file)
            wanted = self._wanted(rest.folder, name)
        taken.update(wanted)
        return rest.folder, name

    def _wanted(self, folder: str, name: str) -> list[str]:
        """Name the paths that must be free: a quarantined file's reason needs one too."""
        path = self._in(folder, name)
        return [path, path + REASON] if folder == "quarantine" else [path]

    def _move(self, file: FileRow, folder: str, name: str) -> bool:
        """Move a file as planned; True when it is there, whoever moved it."""
        source, target = self._at(file), self._in(folder, name)
        if not self._may():
            raise LeaseLost(self._name)
        if not os.path.isdir(os.path.dirname(source)):  # the share is away: nothing is missing, nothing is made
            raise FileNotFoundError(os.path.dirname(source))
        self._make(os.path.dirname(target))
        try:
            files.move(source, target)
        except (FileNotFoundError, FileExistsError):  # moved before a crash: gone here, and there already
            if files.exists(source):
                self._made.clear()
                raise
            is_moved = self._is_moved(file, folder, name)
            if time.monotonic() < self._early_until_s and not is_moved:
                raise  # another one has claimed or moved it: a share may show only now where it is
            if not is_moved and not os.path.isdir(os.path.dirname(source)):
                raise  # the share has just gone away
            if not is_moved:
                say(logging.ERROR, "file.missing", source=file.source_id, folder=file.folder)
                if folder == "outbox" and file.role == "report":
                    self._filing.not_there(file.source_id, f"{file.folder}/{os.path.basename(source)}")
                else:
                    self._filing.missing(file.id)
                return False
        return True

    def _is_moved(self, file: FileRow, folder: str, name: str) -> bool:
        """Say whether what lies where a planned move leads is this file, and not another one of that name."""
        if folder == "sent" and self._filing.is_another_s(name):
            return False
        read_as = file.sha256 if file.role == "report" and folder != "outbox" else b""
        return files.is_there(self._in(folder, name), read_as)

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            claimed, in_outbox = str(self._folders["claimed"]), folder.startswith(self._outbox + os.sep)
            needed = claimed if folder == claimed else self._outbox if in_outbox else ""
            if needed and not os.path.isdir(needed):
                raise FileNotFoundError(needed)  # it is away: one made here would hide it
            files.make_folder(Path(folder))
            self._made = {folder}

    def _in(self, folder: str, name: str) -> str:
        return f"{self._folders[folder]}{os.sep}{name}"

    def _at(self, file: FileRow) -> str:
        """Return where the file lies by the journal."""
        return self._in(file.folder, file.claimed_as if file.folder == "claimed" else file.filed_as)

    def _trouble(self, code: str) -> None:
        """Note what filing waits for; logged once when it begins."""
        if code not in self._troubles:
            self._troubles.append(code)
            if code not in (self._noted or ()):
                say(logging.ERROR, "keeper.waits", code=code)


def _always() -> bool:
    return True


def _has_claim(file: FileRow, name: str) -> bool:
    return os.path.basename(name) == with_claim(files.short_name(file.name), file)


def _code(error: OSError | files.Busy) -> str:
    return "keeper.short" if files.is_shortage(error) else f"keeper.{type(error).__name__}"
