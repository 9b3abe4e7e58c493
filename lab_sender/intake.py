"""outbox -> journal.

Holds: the thread that claims complete files, has them read and built, and spools them.
Promises: a file is claimed by a rename that overwrites nothing, under an id of its own; both folders are flushed
before the journal is; a batch of files is one durable transaction, and only after it the lane hears of it. A file
that cannot go on is quarantined with its reason, the others go on. A crash at any point leaves the file in the
outbox, in claimed/ (found again at start), or in the journal.
Never: sends anything, opens a file in the outbox for its content, or acts on a folder that looks empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from lab_sender import files
from lab_sender.arrivals import Arrivals
from lab_sender.compose import Composer
from lab_sender.errors import FileError
from lab_sender.files import Look
from lab_sender.ids import new_id
from lab_sender.journal import Journal, JournalUnavailable, NewFile, NewSource, until_available
from lab_sender.log import say
from lab_sender.results import Item, Reading, ReportItem, attachment_paths, read

T = TypeVar("T")

_BATCH_FILES = 128
_BATCH_BYTES = 16 << 20
_ATTACHMENT = "@"
"""Stands between the claim id of a file claimed as an attachment and that of its report."""
_RESULT_NAMES = (".json", ".ndjson", ".hl7", ".oru", ".er7", ".dat")
"""Where a batch has only such names, none of its files is looked at twice for being an attachment."""
_LOOSE = frozenset({"file.pdf", "file.image", "file.rtf"})
"""What a file is that may be an attachment whose report has not come yet."""


@dataclass(slots=True)
class Claim:
    """A claimed file. `since_s` is monotonic; `retry_s` says when to look at it again."""

    claim_id: str
    name: str
    path: str
    since_s: float
    retry_s: float = 0.0
    data: bytes = b""
    size: int = 0
    reading: Reading | None = None
    attachments: dict[str, Claim] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How intake behaves; times in seconds, sizes in bytes."""

    poll_s: float = 2.0
    settle_s: float = 2.0
    largest_file_bytes: int = 64 << 20
    attachment_wait_s: float = 600.0


class Intake:
    """The intake; `run` is its thread, `ring` and `stop` are for others."""

    def __init__(
        self,
        journal: Journal,
        composer: Composer,
        arrivals: Arrivals,
        settings: IntakeSettings,
        *,
        destination: str,
        outbox: Path,
        claimed: Path,
        on_spooled: Callable[[], None],
        breathe: Callable[[], object],
    ) -> None:
        self._journal = journal
        self._composer = composer
        self._arrivals = arrivals
        self._settings = settings
        self._destination = destination
        self._outbox = outbox
        self._claimed = claimed
        self._outbox_prefix = f"{outbox}{os.sep}"
        self._claimed_prefix = f"{claimed}{os.sep}"
        self._on_spooled = on_spooled
        self._breathe = breathe
        self._ask_writers = files.writers_can_be_asked(claimed)
        self._bell = threading.Condition()
        self._closed: set[str] = set()
        self._rung = True
        self._stopping = threading.Event()
        self._later: list[Claim] = []
        self._loose: dict[str, Claim] = {}
        self._offered: dict[str, Claim] = {}
        self._trouble = ""
        self._round_trouble = ""

    def ring(self, closed_name: str | None = None) -> None:
        """Ask for a look now; `closed_name` was closed by its writer or renamed into place."""
        with self._bell:
            if closed_name is not None:
                self._closed.add(closed_name)
            self._rung = True
            self._bell.notify()

    def stop(self) -> None:
        """End after the batch in hand; claims that are not journaled yet are found at the next start."""
        self._stopping.set()
        self.ring()

    def run(self) -> None:
        """Take files in until stopped. Raises AgentError when the disk or the journal cannot be trusted."""
        try:
            self._recover()
            while not self._stopping.is_set():
                self._round()
                self._rest()
        except JournalUnavailable:
            if not self._stopping.is_set():
                raise

    def _recover(self) -> None:
        """Take up files that were claimed before a crash and are not in the journal."""
        looks = [look for entry in files.entries(self._claimed) if (look := files.look(entry)) and look.regular]
        known = self._record(lambda: self._journal.spool.known_claims([look.name for look in looks]))
        fresh = sorted((look.mtime_ns, look.name) for look in looks if look.name not in known)
        if fresh:
            say(logging.WARNING, "intake.recovered", files=len(fresh))
        now = time.monotonic()
        claims = []
        attachments: dict[str, dict[str, Claim]] = {}
        for _, claimed_as in fresh:
            ids, _, name = claimed_as.partition("_")
            claim_id, attached, report_id = ids.partition(_ATTACHMENT)
            claim = Claim(claim_id, name or claimed_as, self._claimed_prefix + claimed_as, now)
            if attached:
                attachments.setdefault(report_id, {})[claim.name] = claim
            else:
                claims.append(claim)
        for claim in claims:
            claim.attachments = attachments.pop(claim.claim_id, {})
        for orphans in attachments.values():
            for claim in orphans.values():
                self._lay_aside(claim)
        for start in range(0, len(claims), _BATCH_FILES):
            self._take(claims[start : start + _BATCH_FILES])

    def _round(self) -> None:
        """Look once, and work off everything that this look found, in batches."""
        with self._bell:
            closed, self._closed = self._closed, set()
            self._rung = False
        self._round_trouble = ""
        try:
            ready = self._arrivals.complete(closed)
        except OSError as error:
            ready = []
            self._waits("outbox.unreachable", error)
        self._take_due()
        for batch in _batches(ready):
            if self._stopping.is_set():
                return
            self._take(self._claim(batch))
            self._breathe()
        if self._round_trouble != self._trouble:
            self._trouble = self._round_trouble
            self._record(lambda: self._journal.spool.trouble(self._trouble))

    def _rest(self) -> None:
        wait_s = self._settings.poll_s
        if self._arrivals.unsettled or self._later:
            wait_s = min(wait_s, self._settings.settle_s)
        with self._bell:
            if not self._rung:
                self._bell.wait(wait_s)

    def _claim(self, looks: Iterable[Look], *, mark: str = "") -> list[Claim]:
        """Make these files ours by renaming them into claimed/; durable on return."""
        claims = []
        now = time.monotonic()
        for look in looks:
            claim_id = new_id()
            source = self._outbox_prefix + look.name
            target = f"{self._claimed_prefix}{claim_id}{mark}_{files.short_name(files.valid_name(look.name))}"
            try:
                files.rename(source, target)
            except FileNotFoundError as error:
                if os.path.exists(source):
                    self._waits("claim.failed", error)
            except (OSError, files.Busy) as error:
                self._waits("claim.failed", error)
            else:
                claims.append(Claim(claim_id, look.name, target, now))
                self._remove_marker(look.name)
        if claims:
            files.sync_folder(self._claimed)
            files.sync_folder(self._outbox)
        return claims

    def _remove_marker(self, name: str) -> None:
        """Take away the marker of a claimed file, before its name may come again."""
        marker = self._arrivals.marker_of(name)
        if marker is not None:
            try:
                files.remove(marker)
            except OSError as error:
                self._waits("marker.stays", error)

    def _take_due(self) -> None:
        """Take up again what was put off: files still being written, reports that wait for attachments."""
        now = time.monotonic()
        due = [claim for claim in self._later if claim.retry_s <= now]
        if due:
            self._later = [claim for claim in self._later if claim.retry_s > now]
            self._take(due)
        for name, claim in list(self._loose.items()):
            if now - claim.since_s >= self._settings.attachment_wait_s:
                del self._loose[name]
                self._spool([self._unclaimed(claim)])

    def _take(self, claims: Sequence[Claim]) -> None:
        """Read claims, build their messages, and spool them in one transaction."""
        self._offered = self._named_together(claims)
        offered = dict(self._offered)
        sources = [self._source(claim) for claim in claims if offered.get(claim.name) is not claim]
        for claim in self._offered.values():
            self._lay_aside(claim)
        self._spool([source for source in sources if source is not None])

    def _named_together(self, claims: Sequence[Claim]) -> dict[str, Claim]:
        """Find the claims that a report among them, or one that waits, names as its attachments."""
        if all(claim.name.lower().endswith(_RESULT_NAMES) for claim in claims):
            return {}
        named = {name for claim in self._later if claim.reading for name in _named(claim.reading.items)}
        for claim in claims:
            with contextlib.suppress(FileError, OSError, files.StillChanging, files.TooLarge):
                claim.data, look = self._read(claim)
                claim.size = look.size
                claim.reading = read(claim.data)
                named |= _named(claim.reading.items)
        return {claim.name: claim for claim in claims if claim.name in named}

    def _spool(self, sources: Sequence[NewSource]) -> None:
        if not sources:
            return
        settled = self._record(lambda: self._composer.settle(sources))
        self._record(lambda: self._journal.spool.spooled(settled, self._destination))
        for source in sources:
            bad = [message.code for message in source.messages if message.state == "quarantined"]
            if source.code or bad:
                code = source.code or bad[0]
                say(logging.ERROR, "file.quarantined", claim=source.claim_id, code=code, messages=len(bad))
        self._on_spooled()

    def _source(self, claim: Claim) -> NewSource | None:
        """Make a claim's journal entry; None when it has to wait."""
        try:
            if claim.reading is None:
                claim.data, look = self._read(claim)
                claim.size = look.size
                claim.reading = read(claim.data)
            if self._has_attachments(claim, claim.reading.items):
                return self._composed(claim, claim.reading)
        except files.StillChanging:
            pass
        except files.TooLarge:
            limit = self._settings.largest_file_bytes
            text = f"the file is larger than intake.largest_file ({limit} bytes); it was not read."
            return self._unreadable(claim, FileError.of("file.too-large", text, hint="Split it, or raise the limit."))
        except FileNotFoundError:
            say(logging.ERROR, "claim.vanished", claim=claim.claim_id)
            return None
        except FileError as error:
            if error.code in _LOOSE and claim.name not in self._loose:
                self._loose[claim.name] = claim
                claim.data = b""
                return None
            return self._unreadable(claim, error)
        except OSError as error:
            self._waits("file.unreadable-now", error)
        self._put_off(claim)
        return None

    def _read(self, claim: Claim) -> tuple[bytes, Look]:
        return files.read_whole(
            claim.path, self._settings.largest_file_bytes, ask_for_writers=self._ask_writers
        )

    def _composed(self, claim: Claim, reading: Reading) -> NewSource:
        attachments = {name: each.data for name, each in claim.attachments.items()}
        messages = tuple(self._composer.entry(item, attachments) for item in reading.items)
        digest = hashlib.sha256(claim.data).digest()
        claim.reading, claim.data = None, b""
        return NewSource(claim.claim_id, reading.kind, claim.size, digest, _files(claim), messages)

    def _unreadable(self, claim: Claim, error: FileError) -> NewSource:
        digest = hashlib.sha256(claim.data).digest() if claim.data else b""
        reason = "\n".join(finding.line() for finding in error.findings)
        return NewSource(claim.claim_id, "unreadable", claim.size, digest, _files(claim), (), error.code, reason)

    def _unclaimed(self, claim: Claim) -> NewSource:
        """A document that came without its report; a newer one of the same name may be another patient's."""
        text = "no report has named this file as its attachment."
        hint = "Drop a report that names it, together with it; or a result file instead."
        return self._unreadable(claim, FileError.of("attachment.unclaimed", text, hint=hint))

    def _put_off(self, claim: Claim) -> None:
        claim.retry_s = time.monotonic() + min(self._settings.settle_s, self._settings.poll_s)
        if claim.reading is None:
            claim.data = b""
        self._later.append(claim)

    def _has_attachments(self, claim: Claim, items: Iterable[Item]) -> bool:
        """Claim the files that the reports name; False while one is still to come and there is time.

        When the time is up the report goes on without it, and the builder names what is missing.
        """
        named = _named(items)
        for name in sorted(named - claim.attachments.keys()):
            attachment = self._offered.pop(name, None) or self._claim_attachment(name, claim.claim_id)
            stray = self._loose.pop(name, None)
            if attachment is not None and stray is not None:
                self._spool([self._unclaimed(stray)])
            attachment = attachment or stray
            if attachment is not None:
                self._bind(attachment, claim.claim_id)
                claim.attachments[name] = attachment
        for name, attachment in list(claim.attachments.items()):
            try:
                attachment.data = attachment.data or self._read(attachment)[0]
            except FileNotFoundError:
                say(logging.ERROR, "claim.vanished", claim=attachment.claim_id)
                del claim.attachments[name]
        missing = named - claim.attachments.keys()
        return not missing or time.monotonic() - claim.since_s >= self._settings.attachment_wait_s

    def _bind(self, attachment: Claim, report_id: str) -> None:
        """Write into a claimed document's name whose it is: a crash must not give it to another report."""
        claim_id, _, name = os.path.basename(attachment.path).partition("_")
        if _ATTACHMENT not in claim_id:
            path = f"{self._claimed_prefix}{claim_id}{_ATTACHMENT}{report_id}_{name}"
            with contextlib.suppress(OSError, files.Busy):
                files.rename(attachment.path, path)
                attachment.path = path

    def _lay_aside(self, claim: Claim) -> None:
        """Keep a document for the report that will name it; an older one of its name has waited in vain."""
        older = self._loose.get(claim.name)
        self._loose[claim.name] = claim
        if older is not None:
            self._spool([self._unclaimed(older)])

    def _claim_attachment(self, name: str, report_id: str) -> Claim | None:
        """Claim a file that a report names, once nobody writes it any more."""
        path = self._outbox / name
        before = files.look(path)
        if before is None or not before.regular or not before.size:
            return None
        if self._ask_writers and files.closed_by_its_writer(path) is False:
            return None
        if not self._ask_writers and self._stopping.wait(min(self._settings.settle_s, 1.0)):
            return None
        after = files.look(path)
        if after != before or after is None:
            return None
        claims = self._claim([after], mark=_ATTACHMENT + report_id)
        return claims[0] if claims else None

    def _waits(self, code: str, error: Exception) -> None:
        """Note what intake waits for; logged when it begins, shown by `status`."""
        self._round_trouble = code
        if self._trouble != code:
            number = error.errno if isinstance(error, OSError) else None
            say(logging.ERROR, "intake.waits", code=code, errno=os.strerror(number) if number else None)

    def _record(self, call: Callable[[], T]) -> T:
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="intake")


def _named(items: Iterable[Item]) -> set[str]:
    return {path for item in items if isinstance(item, ReportItem) for path in attachment_paths(item.report)}


def _files(claim: Claim) -> tuple[NewFile, ...]:
    def file(each: Claim, role: Literal["report", "attachment"]) -> NewFile:
        return NewFile(files.valid_name(each.name), os.path.basename(each.path), role)

    return file(claim, "report"), *(file(each, "attachment") for each in claim.attachments.values())


def _batches(looks: Sequence[Look]) -> Iterator[list[Look]]:
    batch: list[Look] = []
    size = 0
    for look in looks:
        batch.append(look)
        size += look.size
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
