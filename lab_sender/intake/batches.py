"""The way of a batch from claimed/ into the journal, and what waits beside it.

Holds: the batch that is in the workshop, and the files that wait for their writer or their documents.
Promises: a batch is one durable transaction, in the order of its claims, of released files their first ones; a file
that was forced begins another one. After it the lanes are woken. A file that cannot go on is quarantined with its
reason, the others go on. A file is read and built by one plan: what waits when another one comes is read again by
that.
Never: looks into the outbox, or claims.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from lab_sender import writers
from lab_sender.errors import FileError
from lab_sender.ids import loggable
from lab_sender.intake.claims import Claims
from lab_sender.intake.compose import Interpretation
from lab_sender.intake.entries import read_entry, rejected_entry
from lab_sender.intake.pairing import Pairing
from lab_sender.intake.passed import Passed
from lab_sender.intake.phases import Claimed, Interpreted, Read, Rejected, Waiting
from lab_sender.intake.plan import Plan
from lab_sender.intake.recognise import Recogniser
from lab_sender.intake.together import Together
from lab_sender.intake.troubles import Troubles
from lab_sender.intake.workshop import WORTH_IT, Stopped, Workshop, stopped_the_agent
from lab_sender.journal import IntakeBooks, Mark, NewMessage, NewSource
from lab_sender.log import say

_MOST_FILES = 128
_FEW_FILES = 16
"""So many are taken at once while the helper process begins: their messages leave meanwhile."""
_MOST_ENDS = 3
"""Ends of the agent, one after the other, while it read one file and nothing else."""
_MOST_LOOKS = 3
"""So often what is known is looked up while others go on; then they wait."""


class Batches:
    """Takes claimed files in, by one plan after the other."""

    def __init__(
        self,
        journal: IntakeBooks,
        claims: Claims,
        pairing: Pairing,
        troubles: Troubles,
        plan: Plan,
        *,
        destination: str,
        on_spooled: Callable[[], None],
        outbox: str,
        together: Together,
        mark: Mark | None = None,
    ) -> None:
        """`outbox` is the name of the one that the files come from, `together` is shared with other intakes.

        `mark` is what the outbox remembers of the journal.
        """
        self._mark = mark
        self._journal = journal
        self._outbox = outbox
        self._together = together
        self._claims = claims
        self._pairing = pairing
        self._troubles = troubles
        self._plan = plan
        self._recogniser = Recogniser(journal.spool, destination, plan)
        self._passed = Passed(journal, troubles, together, destination=destination, outbox=outbox)
        self._destination = destination
        self._on_spooled = on_spooled
        self._workshop = Workshop(plan.composer)
        self._in_workshop: Sequence[Read | Interpreted | Rejected] = ()
        self.waiting: list[Waiting] = []

    def use(self, plan: Plan) -> None:
        """Go on by another plan, between two rounds. What waits for whatever reason is read again by it."""
        waiting = [*(each.phase.back() for each in self.waiting), *self._pairing.use(plan)]
        self.waiting = []
        self._plan = plan
        self._claims.largest_file_bytes = plan.settings.largest_file_bytes
        self._recogniser = Recogniser(self._journal.spool, self._destination, plan)
        self._workshop.use(plan.composer)
        self.take_all(sorted(waiting, key=_turn))

    def interrupt(self) -> None:
        """Let no stop wait for the workshop; for other threads."""
        self._workshop.interrupt()

    def close(self) -> None:
        """End what helps here."""
        self._workshop.close()

    def paths(self) -> set[str]:
        """Return where everything lies that is in hand."""
        return {path for each in self.waiting for path in each.phase.back().paths()} | self._pairing.paths()

    def most_files(self, waiting: int) -> int:
        """Return how many files the next batch is to have, of those that wait."""
        return _MOST_FILES if waiting < WORTH_IT or self._workshop.has_help() else _FEW_FILES

    def put(self, claims: Iterable[Claimed | Interpreted | Rejected]) -> None:
        """Read a batch and give it to the workshop; meanwhile spool the one that was put before."""
        batch = list(self._read(claims))
        before = _interpreted(self._in_workshop, self._workshop.take())
        self._in_workshop = batch
        self._workshop.give([(each.data, each.claim.name) for each in batch if isinstance(each, Read)])
        if before:
            self._pair(before)

    def finish(self) -> None:
        """Spool the batch that was put last."""
        self.put(())

    def take_all(self, claims: Iterable[Claimed], *, alone: bool = False) -> None:
        """Take in claims of before, batch by batch; `alone`: read one by one."""
        claims = self._pairing.documents_first(claims)
        for start in range(0, len(claims), _MOST_FILES):
            batch = claims[start : start + _MOST_FILES]
            if alone:
                with self._together.reading_alone:
                    self.put(list(self._read_alone(batch)))
            else:
                self.put(batch)
            self.finish()

    def keep_documents(self, documents: Iterable[Claimed]) -> None:
        """Keep documents whose report is not there."""
        self._spool([rejected_entry(each) for each in self._pairing.keep(documents)])

    def take_due(self) -> None:
        """Take up again what was put off: files still being written, reports that wait for documents."""
        now = time.monotonic()
        due = sorted((each.phase for each in self.waiting if each.retry_s <= now), key=_turn)
        if due:
            self.waiting = [each for each in self.waiting if each.retry_s > now]
            self.put(due)
            self.finish()
        self._spool([rejected_entry(each) for each in self._pairing.overdue()])

    def _read(
        self, claims: Iterable[Claimed | Interpreted | Rejected]
    ) -> Iterator[Read | Interpreted | Rejected]:
        """Read what is not read yet; yields the files that can go on."""
        for each in claims:
            phase = self._claims.read(each) if isinstance(each, Claimed) else each
            if isinstance(phase, Waiting):
                self._put_off(phase)
            elif phase is not None:
                yield phase

    def _read_alone(self, claims: Iterable[Claimed]) -> Iterator[Interpreted | Rejected]:
        """Read one by one what was in hand at an unclean end: one of them may have been the cause.

        One that was read alone at an end is read in the helper process: if that ends over it, it is the cause. An
        agent that is killed for other reasons proves nothing against a file, so it has to end several times over it,
        and not while the helper begins.
        """
        spool, record = self._journal.spool, self._troubles.record
        reading_alone = spool.reading_alone
        done = ""
        for claim in claims:
            if record(partial(spool.ended_over, claim.claim_id, done)):
                record(partial(reading_alone, "", done))
                self._workshop.await_help()
            ends = record(partial(reading_alone, claim.claim_id, done))
            if ends >= _MOST_ENDS:
                yield claim.rejected(stopped_the_agent())
            else:
                for file in self._read([claim]):
                    yield self._interpreted_alone(file, apart=ends > 0)
            done = claim.claim_id
        record(partial(reading_alone, "", done))

    def _interpreted_alone(self, file: Read | Interpreted | Rejected, *, apart: bool) -> Interpreted | Rejected:
        if not isinstance(file, Read):
            return file
        try:
            return file.interpreted(self._workshop.alone((file.data, file.claim.name), apart=apart))
        except Stopped:  # no end that the file is to blame for
            self._troubles.record(partial(self._journal.spool.reading_alone, "", file.claim.claim_id))
            raise

    def _pair(self, fresh: Sequence[Interpreted | Rejected]) -> None:
        """Pair a batch with what waits, and spool what can go on in one transaction.

        Where one of them is out of sight all are left in claimed/, where they are found again, in order.
        """
        if self._claims.unsure:
            return
        paired = self._pairing.pair(self.waiting, fresh)
        moved: list[Interpreted | Waiting | Rejected] = [*paired.complete, *paired.waiting, *paired.rejected]
        paths = {each.claim.path for each in moved}
        self.waiting = [each for each in self.waiting if each.claim.path not in paths]
        for each in paired.waiting:
            self._put_off(each)
        turns = {each.claim.claim_id: each.claim.turn for each in moved}
        sources = [*map(self._entry, paired.complete), *map(rejected_entry, paired.rejected)]
        if not self._claims.flush():
            return
        waited = {each.claim.claim_id for each in paired.complete if each.claim.waited}
        forced = {each.claim.claim_id for each in moved if each.claim.forced}
        batch: list[NewSource] = []
        for source in sorted(sources, key=lambda source: turns[source.claim_id]):
            if source.claim_id in forced:  # what of it was not is held against what goes before it
                self._spool(batch, waited)
                batch = []
            batch.append(source)
        self._spool(batch, waited)

    def _entry(self, file: Interpreted) -> NewSource:
        if file.said.findings:
            return rejected_entry(file.rejected(FileError(file.said.findings)))
        messages: Sequence[NewMessage] = file.said.messages
        if file.belonging:
            contents = {name: each.data for name, each in file.documents.items() if isinstance(each, Read)}
            entries = self._plan.composer.entries
            messages = [each for item in file.said.items for each in entries(item, contents, file.companion)]
        return read_entry(file, messages)

    def _spool(self, sources: Sequence[NewSource], waited: Collection[str] = ()) -> None:
        """Recognise and spool a batch; `waited` are the claims in it that newer files of this outbox may have passed.

        No other intake of this agent spools between the look at what is known and the transaction that adds to it; if
        anybody else has, it is looked at again; where they do not leave off, they wait. So of two reports of one
        order that come by two outboxes at once, or to two agents, the second one is held against the first.
        """
        if not sources:
            return
        spool, record = self._journal.spool, self._troubles.record
        named = [each._replace(outbox=self._outbox) for each in sources] if self._outbox else sources
        with self._together.spooling:
            named = [self._passed.by_others(each) for each in named]
            look = partial(self._recognised, named, waited)
            for _ in range(_MOST_LOOKS):
                seen = record(lambda: spool.seen(named, self._destination))
                recognised = record(look)
                if record(partial(spool.spooled, recognised, self._destination, self._mark, seen=seen)):
                    break
            else:
                recognised = record(lambda: spool.spooled_alone(look, named, self._destination, self._mark))
            claims = [source.claim_id for source in named]
            self._together.newest_spooled = max(self._together.newest_spooled, *claims)
        for source in recognised:
            _log(source)
        self._on_spooled()
        if self._mark is not None:  # whoever sends does not wait for it
            self._mark.write()

    def _recognised(self, sources: Sequence[NewSource], waited: Collection[str]) -> list[NewSource]:
        """Hold a batch against what is known."""
        in_turn = [self._passed.unless_overtaken(each) if each.claim_id in waited else each for each in sources]
        return self._recogniser.recognised(in_turn)

    def _put_off(self, waiting: Waiting) -> None:
        """Let a file wait for its next try."""
        settings, phase, why = self._plan.settings, waiting.phase, waiting.why
        if isinstance(phase, Interpreted) and not phase.claim.waited:
            say(logging.INFO, "report.waits", claim=phase.claim.claim_id, attachments=len(phase.missing))
        if not why and self._pairing.has_waited(phase.claim):
            why = "file.still-written"
            self._troubles.add(why, writers.StillChanging())
        retry_s = time.monotonic() + min(settings.settle_s, settings.poll_s)
        self.waiting.append(Waiting(phase.put_off(), why, retry_s))


def _turn(file: Claimed | Interpreted) -> tuple[str, str]:
    return file.claim.turn


def _interpreted(
    batch: Sequence[Read | Interpreted | Rejected], said: Sequence[Interpretation]
) -> list[Interpreted | Rejected]:
    paths = [each.claim.path for each in batch if isinstance(each, Read)]
    by_path = dict(zip(paths, said, strict=True))
    return [each.interpreted(by_path[each.claim.path]) if isinstance(each, Read) else each for each in batch]


def _log(source: NewSource) -> None:
    """Log what became of a file: ids, codes and places only."""
    bad = [message.code for message in source.messages if message.state == "quarantined"]
    copies = sum(message.state == "duplicate" for message in source.messages)
    say(logging.DEBUG, "file.taken", claim=source.claim_id, kind=source.kind, duplicates=copies)
    if source.code or bad:
        code = source.code or bad[0]
        say(logging.ERROR, "file.quarantined", claim=source.claim_id, code=code, messages=len(bad))
    for message in source.messages:
        if message.state == "spooled" and message.code:
            control_id = loggable(message.control_id or "")
            say(logging.WARNING, "message.suspicious", control_id=control_id, code=message.code)
    for remark in (*source.remarks, *(each for message in source.messages for each in message.remarks)):
        code, place, _, times = remark
        say(logging.INFO, "file.remark", claim=source.claim_id, code=code, place=place, times=times)
