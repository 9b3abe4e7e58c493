"""outbox -> journal.

Holds: the thread that claims complete files, has them read and built, and spools them.
Promises: a file is claimed by a rename that overwrites nothing, under an id of its own; both folders are flushed
before the journal is; a batch of files is one durable transaction, and only after it the lane hears of it. A file
that cannot go on is quarantined with its reason, the others go on. A crash at any point leaves the file in the
outbox, in claimed/ (found again at start), or in the journal.
Never: sends anything, or acts on a folder that looks empty.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab_sender import files
from lab_sender.arrivals import Arrivals
from lab_sender.claims import Claim, Claims
from lab_sender.compose import Composer, Interpretation
from lab_sender.errors import FileError
from lab_sender.files import Look
from lab_sender.journal import Journal, JournalUnavailable, NewMessage, NewSource, until_available
from lab_sender.log import say
from lab_sender.recognise import Recogniser
from lab_sender.workshop import Workshop

T = TypeVar("T")

_BATCH_FILES = 128
_BATCH_BYTES = 16 << 20
_LOOSE = frozenset({"file.pdf", "file.image", "file.rtf"})
"""What a file is that may be an attachment whose report has not come yet."""


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
        recogniser: Recogniser,
        arrivals: Arrivals,
        settings: IntakeSettings,
        *,
        destination: str,
        outbox: Path,
        claimed: Path,
        on_spooled: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._composer = composer
        self._recogniser = recogniser
        self._arrivals = arrivals
        self._settings = settings
        self._destination = destination
        self._on_spooled = on_spooled
        self._workshop = Workshop(composer)
        self._claims = Claims(
            outbox,
            claimed,
            largest_file_bytes=settings.largest_file_bytes,
            marker_of=arrivals.marker_of,
            trouble=self._waits,
        )
        self._bell = threading.Condition()
        self._closed: set[str] = set()
        self._rung = True
        self._stopping = threading.Event()
        self._later: list[Claim] = []
        self._loose: dict[str, Claim] = {}
        self._offered: dict[str, Claim] = {}
        self._told: list[str] = []
        self._troubles: list[str] = []

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
        self._workshop.interrupt()
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
        finally:
            self._workshop.close()

    def _recover(self) -> None:
        """Take up files that were claimed before a crash and are not in the journal."""
        claims, documents = self._claims.left_behind(
            lambda names: self._record(lambda: self._journal.spool.known_claims(names))
        )
        if claims or documents:
            say(logging.WARNING, "intake.recovered", files=len(claims) + len(documents))
        for document in documents:
            self._lay_aside(document)
        for start in range(0, len(claims), _BATCH_FILES):
            self._take(claims[start : start + _BATCH_FILES])

    def _round(self) -> None:
        """Look once, and work off everything that this look found, in batches.

        While one batch is in the workshop, the next is claimed and read, and the one before is spooled.
        """
        with self._bell:
            closed, self._closed = self._closed, set()
            self._rung = False
        self._troubles = []
        try:
            ready = self._arrivals.complete(closed)
        except OSError as error:
            ready = []
            self._waits("outbox.unreachable", error)
        given: list[Claim] = []
        for batch in _batches(ready):
            if self._stopping.is_set():
                break
            claims = self._read(self._claims.claim(batch))
            results = self._workshop.take()
            self._give(claims)
            self._settle(given, results)
            given = claims
        self._settle(given, self._workshop.take())
        self._take_due()
        waiting = [claim.trouble for claim in self._later if claim.trouble]  # also where it was not its turn
        troubles = list(dict.fromkeys((*self._troubles, *waiting)))
        if troubles != self._told:
            self._told = troubles
            self._record(lambda: self._journal.spool.trouble(self._told[-1] if self._told else ""))

    def _rest(self) -> None:
        wait_s = self._settings.poll_s
        if self._arrivals.unsettled or self._later:
            wait_s = min(wait_s, self._settings.settle_s)
        with self._bell:
            if not self._rung:
                self._bell.wait(wait_s)

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
                self._spool([_unclaimed(claim)])

    def _take(self, claims: Sequence[Claim]) -> None:
        """Read claims, build their messages, and spool them in one transaction."""
        read = self._read(claims)
        self._give(read)
        self._settle(read, self._workshop.take())

    def _read(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read what is not read yet; returns the claims that can go on."""
        ready = []
        for claim in claims:
            if claim.interpretation is not None or self._claims.read(claim):
                ready.append(claim)
            elif claim.path:
                self._put_off(claim)
        return ready

    def _give(self, claims: Sequence[Claim]) -> None:
        self._workshop.give([claim.data for claim in claims if _is_uninterpreted(claim)])

    def _settle(self, claims: Sequence[Claim], results: Sequence[Interpretation]) -> None:
        """Make sources of claims, and spool them in one transaction."""
        for claim, result in zip(filter(_is_uninterpreted, claims), results, strict=True):
            claim.interpretation = result
            claim.data = b""
        named: dict[str, Claim] = {}
        shared: set[str] = set()
        for claim in (*self._later, *claims):
            for name in claim.wants():
                if named.setdefault(name, claim) is not claim:
                    claim.refusal = named[name].refusal = _shared()
                    shared.add(name)
        offered = {claim.name: claim for claim in claims if claim.name in named and not _holds_results(claim)}
        for name in shared:  # neither report gets it, and no later one either
            document = offered.pop(name, None)
            if document is not None:
                document.refusal = document.refusal or _shared()
            stray = self._loose.pop(name, None)
            if stray is not None:
                self._spool([_unreadable(stray, _shared())])
        self._offered = dict(offered)
        sources: list[NewSource] = []
        ahead = 0
        for claim in claims:
            if offered.get(claim.name) is not claim:
                source = self._source(claim, ahead=ahead)
                if source is not None:
                    sources.append(source)
                    ahead += len(source.messages)
        for claim in self._offered.values():
            self._lay_aside(claim)
        self._spool(sources)

    def _spool(self, sources: Sequence[NewSource]) -> None:
        if not sources:
            return
        settled = self._record(lambda: self._recogniser.settle(sources))
        self._record(lambda: self._journal.spool.spooled(settled, self._destination))
        for source in sources:
            bad = [message.code for message in source.messages if message.state == "quarantined"]
            if source.code or bad:
                code = source.code or bad[0]
                say(logging.ERROR, "file.quarantined", claim=source.claim_id, code=code, messages=len(bad))
        self._on_spooled()

    def _source(self, claim: Claim, *, ahead: int) -> NewSource | None:
        """Make a claim's journal entry; None when it has to wait. `ahead` messages of its batch stand before it."""
        said = claim.interpretation
        if said is not None and said.named and claim.refusal is None and not self._has_attachments(claim, said.named):
            if claim.waited_behind is None:
                claim.waited_behind = self._record(self._journal.spool.last_message_id) + ahead
                say(logging.INFO, "report.waits", claim=claim.claim_id, attachments=len(claim.wants()))
            self._put_off(claim)
            return None
        if claim.refusal is not None or said is None:
            return _unreadable(claim, claim.refusal)
        if said.findings:
            if said.findings[0].code in _LOOSE:
                self._lay_aside(claim)
                return None
            return _unreadable(claim, FileError(said.findings))
        messages = said.messages
        if said.named:
            attachments = {name: each.data for name, each in claim.attachments.items()}
            messages = self._unless_overtaken(
                claim, [self._composer.entry(item, attachments) for item in said.items]
            )
        return NewSource(claim.claim_id, said.kind, claim.size, said.sha256, claim.files(), messages)

    def _unless_overtaken(self, claim: Claim, messages: Sequence[NewMessage]) -> tuple[NewMessage, ...]:
        """Quarantine what a newer report for the same order has passed while this one waited for attachments."""
        behind = claim.waited_behind
        if behind is None:
            return tuple(messages)
        latest = self._record(
            lambda: self._journal.spool.latest_of_orders([key for each in messages for key in each.order_keys])
        )
        return tuple(
            _overtaken(each) if any(latest.get(key, (0, b""))[0] > behind for key in each.order_keys) else each
            for each in messages
        )

    def _put_off(self, claim: Claim) -> None:
        now = time.monotonic()
        claim.retry_s = now + min(self._settings.settle_s, self._settings.poll_s)
        if not claim.trouble and now - claim.since_s >= self._settings.attachment_wait_s:
            claim.trouble = "file.still-written"
            self._waits(claim.trouble, files.StillChanging())
        self._later.append(claim)

    def _has_attachments(self, claim: Claim, named: frozenset[str]) -> bool:
        """Claim the files that the reports name; False while one is still to come and there is time.

        When the time is up the report goes on without it, and the builder names what is missing.
        """
        for name in sorted(named - claim.attachments.keys()):
            settle_s = min(self._settings.settle_s, 1.0)
            attachment = self._offered.pop(name, None) or self._claims.claim_attachment(
                name, claim.claim_id, settle_s=settle_s
            )
            stray = self._loose.pop(name, None)
            if attachment is not None and stray is not None:
                self._spool([_unclaimed(stray)])
            attachment = attachment or stray
            if attachment is not None:
                self._claims.bind(attachment, claim.claim_id)
                claim.attachments[name] = attachment
        for name, attachment in list(claim.attachments.items()):
            if attachment.data or self._claims.read(attachment):
                claim.refusal = claim.refusal or _too_large(attachment) or self._another_result(attachment)
            elif attachment.path:
                claim.trouble = attachment.trouble
                return False
            else:
                del claim.attachments[name]
        missing = named - claim.attachments.keys()
        return not missing or time.monotonic() - claim.since_s >= self._settings.attachment_wait_s

    def _another_result(self, attachment: Claim) -> FileError | None:
        """A result that a report names as its attachment may be another patient's: it is not sent with this one."""
        if attachment.interpretation is None:
            attachment.interpretation = self._composer.interpret(attachment.data)
        if not _holds_results(attachment):
            return None
        text = "a file that the report names as its attachment is a result file itself; neither was sent."
        return FileError.of("attachment.result", text, hint="Drop the two apart, each as a result of its own.")

    def _lay_aside(self, claim: Claim) -> None:
        """Keep a document for the report that will name it; an older one of its name has waited in vain."""
        older = self._loose.get(claim.name)
        self._loose[claim.name] = claim
        if older is not None:
            self._spool([_unclaimed(older)])

    def _waits(self, code: str, error: Exception) -> None:
        """Note what intake waits for; logged once when it begins, however many files wait; shown by `status`."""
        if code in self._troubles:
            return
        self._troubles.append(code)
        if code not in self._told:
            number = error.errno if isinstance(error, OSError) else None
            say(logging.ERROR, "intake.waits", code=code, errno=os.strerror(number) if number else None)

    def _record(self, call: Callable[[], T]) -> T:
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="intake")


def _is_uninterpreted(claim: Claim) -> bool:
    return claim.interpretation is None and claim.refusal is None


def _holds_results(claim: Claim) -> bool:
    return claim.interpretation is not None and not claim.interpretation.findings


def _unreadable(claim: Claim, error: FileError | None) -> NewSource:
    assert error is not None
    sha256 = claim.interpretation.sha256 if claim.interpretation else b""
    reason = "\n".join(finding.line() for finding in error.findings)
    return NewSource(claim.claim_id, "unreadable", claim.size, sha256, claim.files(), (), error.code, reason)


def _overtaken(message: NewMessage) -> NewMessage:
    text = (
        "report.overtaken: a newer report for the same order went out while this one waited for its attachment;"
        " sending it now would overwrite the newer one. Drop it again if it is the one that counts."
    )
    return NewMessage(message.place, "quarantined", message.digest, code="report.overtaken", reason=text)


def _too_large(attachment: Claim) -> FileError | None:
    if attachment.refusal is None:
        return None
    text = "a file that the report names is larger than intake.largest_file; it was not read."
    return FileError.of("attachment.too-large", text, hint="Send a smaller one, or raise the limit.")


def _shared() -> FileError:
    """Two reports want one document: giving it to the wrong one would show it to the wrong patient's doctor."""
    text = "another report that waits names the same attachment, and nothing tells whose it is."
    return FileError.of("attachment.shared", text, hint="Give each attachment a name of its own, and drop all again.")


def _unclaimed(claim: Claim) -> NewSource:
    """A document that came without its report; a newer one of the same name may be another patient's."""
    text = "no report has named this file as its attachment."
    hint = "Drop a report that names it, together with it; or a result file instead."
    return _unreadable(claim, FileError.of("attachment.unclaimed", text, hint=hint))


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
