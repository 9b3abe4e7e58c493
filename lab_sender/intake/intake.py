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
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from lab_sender import files
from lab_sender.errors import FileError
from lab_sender.files import Look
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.claims import Claim, Claims
from lab_sender.intake.compose import Composer, Interpretation, remarks_of
from lab_sender.intake.pairing import Pairing
from lab_sender.intake.recognise import Recogniser
from lab_sender.intake.workshop import Stopped, Workshop, stopped_the_agent
from lab_sender.journal import Journal, JournalUnavailable, NewMessage, NewSource, until_available
from lab_sender.log import say

T = TypeVar("T")

_BATCH_FILES = 128
_BATCH_BYTES = 16 << 20
_MOST_ENDS = 3
"""Ends of the agent, one after the other, while it read one file and nothing else."""


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
            taken=arrivals.taken,
            trouble=self._waits,
        )
        self._pairing = Pairing(
            self._claims,
            composer,
            outbox=outbox,
            wait_s=settings.attachment_wait_s,
            refuse=lambda claim, error: self._spool([_unreadable(claim, error)]),
            owed=self._owed,
        )
        self._bell = threading.Condition()
        self._closed: set[str] = set()
        self._rung = True
        self._stopping = threading.Event()
        self._returned = threading.Event()
        self._later: list[Claim] = []
        self._told: list[str] | None = None
        """What is noted for `status`; None: what an agent before this one has noted."""
        self._troubles: list[str] = []

    def ring(self, closed_name: str | None = None) -> None:
        """Ask for a look now; `closed_name` was closed by its writer or renamed into place."""
        with self._bell:
            if closed_name is not None:
                self._closed.add(closed_name)
            self._rung = True
            self._bell.notify()

    def returned(self) -> None:
        """Take up files that the keeper has brought back to claimed/."""
        self._returned.set()
        self.ring()

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
        except (JournalUnavailable, Stopped):
            if not self._stopping.is_set():
                raise
        finally:
            self._workshop.close()

    def _recover(self) -> None:
        """Take up files that were claimed before a crash and are not in the journal."""
        while True:
            try:
                self._claims.go_on_from(self._record(self._journal.spool.last_claim_id))
                self._take_up(alone=self._journal.after_unclean_end)
                return
            except FileNotFoundError as error:  # the outbox went away just now
                self._waits("outbox.unreachable", error)
                self._note_troubles()
            if self._stopping.wait(self._settings.poll_s):
                return

    def _take_up(self, *, alone: bool = False) -> None:
        """Take up what lies in claimed/ and is neither in hand nor in the journal; `alone`: read one by one.

        Raises FileNotFoundError when the folder is away.
        """
        self._returned.clear()
        claims, documents = self._claims.left_behind(
            lambda names: self._record(lambda: self._journal.spool.known_claims(names)),
            {path for claim in (*self._later, *self._pairing.loose) for path in claim.paths()},
        )
        if claims or documents:
            say(logging.WARNING, "intake.recovered", files=len(claims) + len(documents))
        for document in documents:
            self._pairing.lay_aside(document)
        claims = self._pairing.documents_first(claims)
        for start in range(0, len(claims), _BATCH_FILES):
            batch = claims[start : start + _BATCH_FILES]
            if alone:
                self._read_alone(batch)
            self._take(batch)

    def _read_alone(self, claims: Sequence[Claim]) -> None:
        """Read one by one what was in hand at an unclean end: one of them may have been the cause.

        One that was read alone at an end is read in the helper process: if that ends over it, it is the cause. An
        agent that is killed for other reasons proves nothing against a file, so it has to end several times over it.
        """
        done = ""
        for claim in claims:
            ends = self._record(partial(self._journal.spool.reading_alone, claim.claim_id, done))
            if ends >= _MOST_ENDS:
                claim.refusal = stopped_the_agent()
            elif self._claims.read(claim):
                file = claim.data, claim.name
                try:
                    said = self._workshop.alone(file, apart=ends > 0)
                except Stopped:  # no end that the file is to blame for
                    self._record(partial(self._journal.spool.reading_alone, "", claim.claim_id))
                    raise
                self._interpreted([claim], [said])
            done = claim.claim_id
        self._record(partial(self._journal.spool.reading_alone, "", done))

    def _round(self) -> None:
        """Look once, and work off everything that this look found, in batches.

        While one batch is in the workshop, the next is claimed and read, and the one before is spooled.
        """
        closed = self._heard()
        self._troubles = []
        try:
            if self._returned.is_set():
                self._take_up()
            ready = self._arrivals.complete(closed, meanwhile=self._heard)
            self._claims.look()
        except OSError as error:
            ready = []
            self._waits("outbox.unreachable", error)
        given: list[Claim] = []
        for batch in _batches(self._pairing.documents_first(ready)):
            if self._stopping.is_set():
                break
            claims = self._read(self._claims.claim(batch))
            results = self._workshop.take()
            self._give(claims)
            self._settle(given, results)
            given = claims
        self._settle(given, self._workshop.take())
        self._take_due()
        try:
            self._arrivals.tell_what_lies()
        except OSError as error:
            self._waits("outbox.unreachable", error)
        waiting = [claim.trouble for claim in self._later if claim.trouble]  # also where it was not its turn
        self._note_troubles(*waiting)

    def _heard(self) -> set[str]:
        """Take the names that the doorbell rang for since this was asked last."""
        with self._bell:
            closed, self._closed = self._closed, set()
            self._rung = False
        return closed

    def _note_troubles(self, *waiting: str) -> None:
        """Note for `status` what intake waits for now, if that has changed."""
        troubles = list(dict.fromkeys((*self._troubles, *waiting)))
        if troubles != self._told:
            self._told = troubles
            self._record(lambda: self._journal.spool.trouble(troubles[-1] if troubles else ""))

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
            self._take(sorted(due, key=lambda claim: claim.claim_id))
        self._pairing.refuse_overdue()

    def _take(self, claims: Sequence[Claim]) -> None:
        """Read claims, build their messages, and spool them in one transaction."""
        read = self._read(claims)
        self._give(read)
        self._settle(read, self._workshop.take())

    def _read(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read what is not read yet; returns the claims that can go on."""
        ready = []
        for claim in claims:
            if claim.interpretation is not None or claim.refusal is not None or self._claims.read(claim):
                ready.append(claim)
            elif claim.path:
                self._put_off(claim)
        return ready

    def _give(self, claims: Sequence[Claim]) -> None:
        self._workshop.give([(claim.data, claim.name) for claim in claims if _is_uninterpreted(claim)])

    def _settle(self, claims: Sequence[Claim], results: Sequence[Interpretation]) -> None:
        """Make sources of claims, and spool them in one transaction."""
        self._interpreted(claims, results)
        left = self._pairing.share_out(self._later, claims)
        served = [claim for claim in self._later if not claim.retry_s]  # what they waited for has come
        self._later = [claim for claim in self._later if claim.retry_s]
        sources = [self._source(claim) for claim in (sorted((*served, *left), key=_age) if served else left)]
        self._pairing.keep_the_rest()
        self._claims.flush()
        self._spool([source for source in sources if source is not None])

    def _interpreted(self, claims: Sequence[Claim], results: Sequence[Interpretation]) -> None:
        for claim, result in zip(filter(_is_uninterpreted, claims), results, strict=True):
            claim.interpretation = result
            claim.data = b""

    def _spool(self, sources: Sequence[NewSource]) -> None:
        if not sources:
            return
        settled = self._record(lambda: self._recogniser.settle(sources))
        self._record(lambda: self._journal.spool.spooled(settled, self._destination))
        for source in settled:
            bad = [message.code for message in source.messages if message.state == "quarantined"]
            if source.code or bad:
                code = source.code or bad[0]
                say(logging.ERROR, "file.quarantined", claim=source.claim_id, code=code, messages=len(bad))
            for message in source.messages:
                if message.state == "spooled" and message.code:
                    say(logging.WARNING, "message.suspicious", control_id=message.control_id, code=message.code)
            for remark in (*source.remarks, *(each for message in source.messages for each in message.remarks)):
                code, place, _, times = remark
                say(logging.INFO, "file.remark", claim=source.claim_id, code=code, place=place, times=times)
        self._on_spooled()

    def _source(self, claim: Claim) -> NewSource | None:
        """Make a claim's journal entry; None when it has to wait."""
        belonging = claim.documents() or claim.attachments
        if claim.refusal is None and belonging and not self._pairing.is_complete(claim):
            if not claim.waited:
                say(logging.INFO, "report.waits", claim=claim.claim_id, attachments=len(claim.wants()))
            self._put_off(claim)
            return None
        said = claim.interpretation
        if claim.refusal is not None or said is None:
            self._pairing.goes_without(claim)
            return _unreadable(claim, claim.refusal)
        if self._pairing.lay_aside_if_loose(claim):
            return None
        if said.findings:
            return _unreadable(claim, FileError(said.findings))
        messages: Sequence[NewMessage] = said.messages
        if claim.documents():
            attachments = {name: each.data for name, each in claim.attachments.items()}
            messages = [self._composer.entry(item, attachments, claim.companion) for item in said.items]
        messages = self._unless_overtaken(claim, messages)
        source = NewSource(
            claim.claim_id, said.kind, claim.size, said.sha256, claim.files(), messages,
            remarks=remarks_of(said.remarks),
        )  # fmt: skip
        return _without(source, claim)

    def _unless_overtaken(self, claim: Claim, messages: Sequence[NewMessage]) -> tuple[NewMessage, ...]:
        """Quarantine what a newer report for the same order has passed while this one waited, also over a restart."""
        if not claim.waited:
            return tuple(messages)
        keys = [key for each in messages for key in each.order_keys]
        told = self._record(lambda: self._journal.spool.ledger(keys, self._destination))
        sure = {int(each.message) for entries in told.values() for each in entries if each.is_sure}
        newer = self._record(lambda: self._journal.spool.claimed_after(claim.claim_id, sure))
        passed = {key for key, entries in told.items() if any(each.message in newer for each in entries)}
        return tuple(_overtaken(each) if passed.intersection(each.order_keys) else each for each in messages)

    def _put_off(self, claim: Claim) -> None:
        now = time.monotonic()
        claim.waited = True
        claim.retry_s = now + min(self._settings.settle_s, self._settings.poll_s)
        if not claim.trouble and now - claim.since_s >= self._settings.attachment_wait_s:
            claim.trouble = "file.still-written"
            self._waits(claim.trouble, files.StillChanging())
        self._later.append(claim)

    def _owed(self, names: Collection[str]) -> dict[str, list[frozenset[str]]]:
        within_ms = int(self._settings.attachment_wait_s * 1000)
        return self._record(lambda: self._journal.spool.owed(names, within_ms=within_ms))

    def _waits(self, code: str, error: Exception) -> None:
        """Note what intake waits for; logged once when it begins, however many files wait; shown by `status`."""
        if code in self._troubles:
            return
        self._troubles.append(code)
        if code not in (self._told or ()):
            number = error.errno if isinstance(error, OSError) else None
            say(logging.ERROR, "intake.waits", code=code, errno=os.strerror(number) if number else None)

    def _record(self, call: Callable[[], T]) -> T:
        return until_available(call, self._stopping, _journal_waits)


def _journal_waits(error: JournalUnavailable) -> None:
    say(logging.ERROR, "journal.unavailable", code=error.code, waits="intake")


def _age(claim: Claim) -> str:
    return claim.claim_id


def _is_uninterpreted(claim: Claim) -> bool:
    return claim.interpretation is None and claim.refusal is None


def _unreadable(claim: Claim, error: FileError | None) -> NewSource:
    assert error is not None
    sha256 = claim.interpretation.sha256 if claim.interpretation else b""
    reason = "\n".join(finding.line() for finding in error.findings)
    size = max(claim.size, 0)
    source = NewSource(claim.claim_id, "unreadable", size, sha256, claim.files(), (), error.code, reason)
    return _without(source, claim)


def _without(source: NewSource, claim: Claim) -> NewSource:
    """Note in a claim's entry the documents that it goes without, and whose they would be."""
    if not claim.without:
        return source
    return source._replace(without=tuple(sorted(claim.without)), owners=tuple(sorted(claim.owners())))


def _overtaken(message: NewMessage) -> NewMessage:
    text = (
        "report.overtaken: a newer report for the same order went out while this one waited;"
        " sending it now would overwrite the newer one. Drop it again if it is the one that counts."
    )
    return NewMessage(message.place, "quarantined", message.digest, code="report.overtaken", reason=text)


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
