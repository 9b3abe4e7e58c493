"""Deletes what is old enough, at night, while everything else goes on.

Holds: the thread that does it, in the window that the site has chosen: bytes, files, records, acts on record.
Promises: a transaction deletes a few hundred rows at most, and others come between two of them. What goes is in the
archive before, where there is one. A file is deleted before its row says so: a crash between leaves a row whose file
is gone, and the next night finds that. What cannot be deleted is shown, tried again, and harms nothing else.
Never: deletes what the journal does not know, or what is not finished; ends the agent for a folder that is away.
"""

from __future__ import annotations

import datetime
import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.config.folders import Folders, is_others, is_shared
from lab_sender.config.retention import Retention
from lab_sender.filing.archive import Archive, ArchiveChanged
from lab_sender.filing.clock import Clock
from lab_sender.filing.delivered import day_of
from lab_sender.filing.retention import Rule, is_ours
from lab_sender.journal import DeletionRejected, Journal, JournalUnavailable, OldFile
from lab_sender.log import say

_MESSAGES: Final = 200
"""So many a transaction: more are no faster, and whoever sends waits for it."""
_FILES: Final = 200
_PAGES: Final = 100
_PAUSE_S: Final = 0.02
_CATCH_UP: Final = 8
"""After so many transactions the log is brought into the file: the lane need not do it."""
_LOOK_S: Final = 20.0
_AGAIN_S: Final = 300.0
_MOST_WAITS: Final = 50
_WITNESSES: Final = 40
"""Of so many files that should be there one must be, where a whole day is missing."""

Now = Callable[[], datetime.datetime]


class _Ended(Exception):
    """Asked to stop, the window is over, or the settings are others: what is left is for the next night."""


class Purge:
    """Retention at work; `run` is its thread. Without settings it waits for some."""

    def __init__(
        self,
        journal: Journal,
        folders: Mapping[str, Folders],
        settings: Retention | None,
        *,
        now: Now = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        """`folders` are those of each outbox, by the name that the journal has for it."""
        self._journal = journal
        self._book = journal.retention
        self._clock = Clock(self._book)
        self._folders = folders
        self._unknown: set[str] = set()
        self._by: Retention | None = None
        self._settings = settings
        self._now = now
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._done_until: datetime.datetime | None = None
        self._failed_at: datetime.datetime | None = None
        self._before: list[str] = []
        self._troubles: list[str] = []
        self._steps = 0
        self.counts: Counter[str] = Counter()

    def configure(self, settings: Retention | None) -> None:
        """Go by other settings from now on; the transaction in hand is finished first."""
        self._settings = settings
        self._done_until = self._failed_at = None
        self._wake.set()

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Delete, each night in the window, until stopped."""
        while not self._stopping.is_set():
            self._wake.clear()
            self.look(self._now())
            self._wake.wait(_LOOK_S)

    def look(self, now: datetime.datetime) -> None:
        """Delete, if it is time to, and the clock can be believed. Raises AgentError: damaged."""
        settings = self._settings
        ends = settings.window.until(now) if settings is not None else None
        tried = self._failed_at is not None and 0 <= (now - self._failed_at).total_seconds() < _AGAIN_S
        if not self._is_believed(now) or settings is None or ends is None or ends == self._done_until or tried:
            return
        self._failed_at, self._by = None, settings
        whole = self._in_turn(settings, now)
        if self._settings is not settings or whole is None:
            return  # the next look goes by the new ones, or it is our turn then
        if whole:
            self._done_until = ends
        else:
            self._failed_at = now

    def _is_believed(self, now: datetime.datetime) -> bool:
        try:
            seen = self._clock.look(int(now.timestamp() * 1000))
        except JournalUnavailable:
            return False
        if seen == "leapt":
            say(logging.ERROR, "retention.failed", code="retention.clock")
        return seen == "steady"

    def _in_turn(self, settings: Retention, now: datetime.datetime) -> bool | None:
        """Delete while no other agent on the journal does; None: one is at it."""
        try:
            with self._book.turn() as is_ours:
                return self.night(settings, now) if is_ours else None
        except JournalUnavailable as error:
            self._trouble(error.code)
            return False

    def night(self, settings: Retention, now: datetime.datetime | None = None) -> bool:
        """Delete all that may go, while the window lasts; True where nothing is left. Raises AgentError: damaged.

        What may go is settled by the clock at its beginning, `now`.
        """
        self._before, self._troubles = self._troubles, []
        self.counts, whole = Counter(), False
        try:
            whole = self._all(settings, Rule.at(settings, now or self._now()))
            self._empty_log()
            if self.counts or whole:
                self._book.done(self.counts, whole=whole and not self._troubles)
                say(logging.INFO, "retention.purged", whole=whole and not self._troubles, **self.counts)
            if self._troubles:
                self._book.trouble(self._troubles[0])
        except (JournalUnavailable, DeletionRejected) as error:
            self._trouble(error.code)
            self._note_trouble()
        return whole and not self._troubles

    def _all(self, settings: Retention, rule: Rule) -> bool:
        """Go through all kinds of things; one that fails leaves the others. False: the window was over before."""
        archive = self._archive(settings)
        parts = [self._sent(rule), self._given_up(rule), self._acts(rule)]
        if settings.archive is None or archive is not None:
            parts = [self._content(rule, archive), *parts[:2], self._record(rule, archive), parts[2]]
        try:
            for part in (*parts, self._room()):
                try:
                    for _ in part:
                        self._pause(settings)
                except (OSError, ArchiveChanged) as error:
                    self._trouble(error.code if isinstance(error, ArchiveChanged) else _code(error))
            return True
        except _Ended:
            return False
        finally:
            if archive is not None:
                archive.end()

    def _archive(self, settings: Retention) -> Archive | None:
        if settings.archive is None:
            return None
        try:
            return Archive(settings.archive, self._book)
        except OSError as error:
            self._trouble(_code(error))
            return None

    def _pause(self, settings: Retention) -> None:
        """Let others come between two transactions. Raises _Ended."""
        self._steps += 1
        if self._steps % _CATCH_UP == 0:
            self._book.catch_up()
        if self._stopping.wait(_PAUSE_S) or settings.window.until(self._now()) is None:
            raise _Ended
        if self._by is not None and self._settings is not self._by:
            raise _Ended

    # ------------------------------------------------------------- what goes; each step is a transaction

    def _content(self, rule: Rule, archive: Archive | None) -> Iterator[None]:
        after = 0
        while rows := self._book.with_bytes(after, _MESSAGES):
            after = rows[-1][0]
            old = {message: source for message, source, at_ms in rows if at_ms < rule.content_ms}
            due = self._book.content_due(old, rule.content_ms) if old else []
            if due:
                if archive is not None:
                    archive.messages(self._book.archived_messages(due))
                asked = {message: old[message] for message in due}
                self.counts["content"] += self._book.delete_content(asked, rule.content_ms)
            if rows[-1][2] >= rule.content_ms:
                return
            yield

    def _sent(self, rule: Rule) -> Iterator[None]:
        day = ""
        while (found := self._book.days_of_sent(day)) is not None and found < rule.sent_day:
            day, after = found, 0
            while some := self._book.sent_of_day(day, after, _FILES):
                after = some[-1].id
                self.counts["sent"] += self._delete_files(some, "sent", rule.sent_ms)
                yield
            for folders in dict.fromkeys(each.sent for each in self._folders.values()):
                if files.remove_if_empty(folders / day):
                    files.sync_folder(folders)

    def _given_up(self, rule: Rule) -> Iterator[None]:
        beginning, after = "", 0
        while rule.dismissed_ms and (some := self._book.given_up(beginning, after, _FILES)):
            beginning, after = some[-1].filed_as[:10], some[-1].id
            self.counts["dismissed"] += self._delete_files(some, "dismissed", rule.dismissed_ms)
            yield

    def _record(self, rule: Rule, archive: Archive | None) -> Iterator[None]:
        after = 0
        while rows := self._book.next_sources(after, _MESSAGES):
            some, number = list[int](), 0
            for source, received_ms, messages in rows:
                if received_ms >= rule.record_ms or (some and number + messages > _MESSAGES):
                    break
                some.append(source)
                number += messages
            if not some:
                return
            after = some[-1]
            while self._delete_record(some, rule, archive):
                yield
            yield

    def _acts(self, rule: Rule) -> Iterator[None]:
        after = 0
        while rows := self._book.next_events(after, _MESSAGES):
            after = rows[-1][0]
            old = list(itertools.takewhile(lambda row: row[1] < rule.audit_ms, rows))
            if old:
                self.counts["acts"] += self._book.delete_events([event for event, _ in old], rule.audit_ms)
            if len(old) < len(rows):  # what came after it is as young, whatever the clock showed
                return
            yield

    def _room(self) -> Iterator[None]:
        while self._book.give_back(_PAGES):
            yield

    def _delete_record(self, sources: list[int], rule: Rule, archive: Archive | None) -> bool:
        """Delete what may go of these sources; True while there may be more."""
        due = self._book.record_due(sources, rule.record_ms, _MESSAGES)
        if not due.sources:
            return False
        if archive is not None:
            archive.messages(self._book.archived_messages(due.messages))
            if len(due.messages) < _MESSAGES:
                archive.files(self._book.archived_files(due.sources))
        messages, gone = self._book.delete_record(due, rule.record_ms)
        self.counts["messages"] += messages
        self.counts["files"] += gone
        return messages == _MESSAGES

    def _delete_files(self, some: list[OldFile], folder: str, before_ms: int) -> int:
        """Delete those of the files that may go; the row of each follows when that is on the disk."""
        due = self._book.files_due(some, folder, before_ms)
        gone, left, touched = list[int](), list[int](), set[Path]()
        for file in some:
            if file.id not in due:
                continue
            folders = self._folders.get(file.outbox)
            if folders is None:  # another agent's; or not configured any more: nobody knows where its files are
                if file.outbox not in self._unknown and not self._is_others(file.outbox):
                    self._unknown.add(file.outbox)
                    say(logging.WARNING, "retention.left", source=file.source_id, folder=folder, outbox=file.outbox)
                continue
            root = folders.sent if folder == "sent" else folders.quarantine
            path = (root if folder == "sent" else root / "dismissed") / file.filed_as
            if not root.is_dir():  # the share is away: nothing is gone
                raise FileNotFoundError(root)
            seen = files.look(path)
            if seen is None and not self._stands(file, path, folder, root):  # an empty mount point: nothing is gone
                raise FileNotFoundError(path.parent)
            if seen is not None and not is_ours(file, seen, path, before_ms):
                say(logging.WARNING, "retention.left", source=file.source_id, folder=folder)
                left.append(file.id)
                continue
            if seen is not None:
                files.remove(path)
                touched.add(path.parent)
            gone.append(file.id)
        for each in touched:
            files.sync_folder(each)
        return self._book.files_deleted(gone, left, folder) if gone or left else 0

    def _is_others(self, outbox: str) -> bool:
        node = self._journal.store.node
        return (node != "" and is_shared(outbox)) or is_others(node, outbox)

    def _stands(self, file: OldFile, path: Path, folder: str, root: Path) -> bool:
        """Say whether the folder of a file that is missing is the one in which it was filed.

        Its day in sent/ has a folder as long as a file of it is noted there. Where somebody removed that, files of
        other days are still there; what is of today may have been filed while the share was away.
        """
        if path.parent.is_dir():
            return True
        day, today, looks = file.filed_as[:10], day_of(int(self._now().timestamp() * 1000)), _WITNESSES
        while folder == "sent" and looks and (next_day := self._book.days_of_sent(day)) is not None:
            if next_day >= today:
                break
            day = next_day
            others = [each for each in self._book.sent_of_day(day, 0, looks) if each.outbox == file.outbox]
            if any(files.look(root / each.filed_as) is not None for each in others):
                return True
            looks -= max(1, len(others))
        return False

    # ------------------------------------------------------------- how it goes

    def _empty_log(self) -> None:
        """What was deleted stands in the log until that is emptied; whoever reads just now is waited for."""
        for _ in range(_MOST_WAITS):
            if self._book.finish() or self._stopping.wait(_PAUSE_S):
                return

    def _trouble(self, code: str) -> None:
        if code not in self._troubles:
            self._troubles.append(code)
            if code not in self._before:
                say(logging.ERROR, "retention.failed", code=code)

    def _note_trouble(self) -> None:
        try:
            self._book.trouble(self._troubles[0])
        except JournalUnavailable:
            pass  # it is in the log; the next try notes it


def _code(error: OSError) -> str:
    return "retention.short" if files.is_shortage(error) else f"retention.{type(error).__name__}"
