"""One act on many: what it would be done to is frozen and shown first, then done, the oldest first.

Holds: `freeze`, which says to what an act will be done and to what not, and why; `run`, which does it.
Promises: only what was frozen is acted on, and each of it is weighed anew when its turn comes. The same frozen list
run twice is done once. A transaction has some fifty messages, and never parts those of which one would overtake the
other; between two of them it can be stopped, and what is done and what is left is said.
Never: sends anything, or acts without saying who and why.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from lab_sender.errors import FileError, LabSenderError
from lab_sender.ids import new_id
from lab_sender.operations.acts import Act, Rejected, Result, Target, done_to, rejected, targets_of, unknown
from lab_sender.operations.choosing import Chosen, Kind, chosen_by_search, chosen_by_words, file_target, weigh
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search
from lab_sender.operations.surely import surely
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.journal import Journal, Outcome, View

_RESULTS: Final[dict[tuple[str, str], Result]] = {
    ("release", "outbox"): "read-again",
    ("dismiss", "dismissed"): "given-up",
    ("dismiss", "acked"): "contradiction-closed",
}
"""What became of a message, by the act and what the journal returns; in other cases it goes out."""


class Frozen(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/bulk-preview/1"):
    """What an act will be done to, and to what not. Nothing is done yet."""

    act: Annotated[Kind, about("What will be done.")]
    token: Annotated[str, about("What this list is known by: run twice, it is done once.")]
    force: Annotated[bool, about("Also where it overwrites a newer result.")]
    everywhere: Annotated[bool, about("What is read again of a file is for all destinations.")]
    groups: Annotated[
        tuple[tuple[int, ...], ...], about("The messages, the oldest first; those of a transaction stand together.")
    ]
    files: Annotated[tuple[int, ...], about("The files that could not be read, the oldest first.")]
    stays: Annotated[tuple[Rejected, ...], about("What it will not be done to, and why.")]
    may_have_arrived: Annotated[
        int, about("How many of the messages the HIS may have: a try of them ended without an answer.")
    ] = 0
    not_built: Annotated[
        int, about("How many of the messages were never built: a release has their files read again.")
    ] = 0

    @property
    def count(self) -> int:
        """How many it will be done to."""
        return sum(map(len, self.groups)) + len(self.files)

    @property
    def read_again(self) -> int:
        """Of how many a release has the file read again."""
        return self.not_built + len(self.files)

    @property
    def messages(self) -> tuple[int, ...]:
        """The messages, the oldest first."""
        return tuple(itertools.chain.from_iterable(self.groups))


class Bulk(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/bulk/1"):
    """An act that was done to many."""

    act: Annotated[Kind, about("What was done.")]
    token: Annotated[str, about("What the list is known by.")]
    who: Annotated[str, about("Who did it, as it is on record.")]
    why: Annotated[str, about("The reason, as it is on record.")]
    done: Annotated[tuple[Act, ...], about("What was done, the oldest first.")]
    rejected: Annotated[tuple[Rejected, ...], about("What was not done when its turn came.")]
    left: Annotated[tuple[str, ...], about("What was not begun, because it was stopped: as it is typed.")]


def freeze(
    installation: Installation,
    act: Kind,
    wanted: Search | None = None,
    *,
    words: Sequence[str] = (),
    chosen: Chosen | None = None,
    to: Sequence[str] = (),
    all_destinations: bool = False,
    force: bool = False,
) -> Frozen:
    """Say what an act will be done to: to what was chosen, to what a search finds, or to what words mean.

    A search that names no state is about those that the act is for. Of `all_destinations` a word means all messages
    of its file. Raises NothingFits, OfEverything, NoJournal, UnknownDestination; of words what `named.find` does too.
    """
    with installation.view() as view:
        if wanted is not None:
            chosen = chosen_by_search(installation, view, act, wanted)
        elif chosen is None:
            chosen = chosen_by_words(installation, view, act, words, to, all_destinations=all_destinations)
        weighed = weigh(installation, view, act, chosen, force=force, everywhere=all_destinations)
        ids = [*itertools.chain.from_iterable(weighed.groups)]
        arrived, not_built = len(view.may_have_arrived(ids)), view.not_built_of(ids)
    groups = weighed.groups
    if all_destinations and groups:
        groups = (tuple(itertools.chain.from_iterable(groups)),)  # all of a file in one transaction
    return Frozen(act, new_id(), force, all_destinations, groups, weighed.files, weighed.stays, arrived, not_built)


def targets(installation: Installation, frozen: Frozen, *, most: int) -> tuple[Target, ...]:
    """Return the first of what an act will be done to, as people know it."""
    with installation.view() as view:
        found = targets_of(view, frozen.messages[:most])
        here = [found[each] for each in frozen.messages[:most] if each in found]
        return tuple(here + [file_target(view, each) for each in frozen.files[: most - len(here)]])


def run(
    installation: Installation,
    frozen: Frozen,
    why: str,
    *,
    who: str,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
    stop: Callable[[], bool] = lambda: False,
) -> Bulk:
    """Do what was frozen, the oldest first. `stop` is asked, and `on_progress` told, between two transactions.

    Each message is weighed anew: what has changed since is rejected with the reason. Durable on return.
    """
    done, not_done, begun = list[Act](), list[Rejected](), 0
    with installation.view() as view, installation.journal() as journal:
        step = _Step(installation, view, journal, frozen, why, who, running=installation.agent_runs())
        for number, ids in enumerate(step.groups):
            if stop():
                break
            more, others = step.messages(ids, f"{frozen.token}.{number}")
            done += more
            not_done += others
            begun += len(ids)
            on_progress(begun, frozen.count)
        files = frozen.files if begun == len(frozen.messages) else ()
        for source_id in files:
            if stop():
                break
            more, others = step.file(source_id, f"{frozen.token}.file{source_id}")
            done += more
            not_done += others
            begun += 1
            on_progress(begun, frozen.count)
    refs = [*map(str, frozen.messages), *(f"file:{each}" for each in frozen.files)]
    return Bulk(frozen.act, frozen.token, who, why, tuple(done), tuple(not_done), tuple(refs[begun:]))


class _Step:
    """What is done between two looks at whether to stop."""

    def __init__(
        self,
        installation: Installation,
        view: View,
        journal: Journal,
        frozen: Frozen,
        why: str,
        who: str,
        *,
        running: bool,
    ) -> None:
        self._installation, self._view, self._journal = installation, view, journal
        self._frozen, self._why, self._who, self._running = frozen, why, who, running

    @property
    def groups(self) -> Iterator[tuple[int, ...]]:
        """The messages by transactions; each that is rebuilt has its own."""
        if self._frozen.act == "rebuild":
            return ((each,) for each in self._frozen.messages)
        return iter(self._frozen.groups)

    def messages(self, ids: Sequence[int], act_id: str) -> tuple[list[Act], list[Rejected]]:
        """Do the act on these messages, in one transaction."""
        before = {each: unknown(each) for each in ids} | targets_of(self._view, ids)
        if self._frozen.act == "rebuild":
            return self._rebuild(before[ids[0]], act_id)
        if self._frozen.act == "dismiss":
            run = self._journal.delivery.last_run()
            if not self._installation.agent_runs():
                self._end_interrupted(ids, run)
        outcome = surely(partial(self._outcome, ids), act_id)
        if self._frozen.act == "dismiss":  # a try may have ended meanwhile
            before |= targets_of(self._view, ids)
        done = [
            self._done(
                before[each.message],
                _RESULTS.get((self._frozen.act, each.became), "goes-out"),
                new_message=each.copy,
                new_control_id=each.control_id or None,
            )
            for each in outcome.done
        ]
        return done, [
            Rejected(before[each.message], each.code, each.text, each.hint or None, ()) for each in outcome.rejected
        ]

    def file(self, source_id: int, act_id: str) -> tuple[list[Act], list[Rejected]]:
        """Do the act on a file that could not be read."""
        target, book = file_target(self._view, source_id), self._journal.operator
        try:
            if self._frozen.act == "release":
                force, why = self._frozen.force, self._why
                surely(partial(book.release_file, source_id, who=self._who, force=force, why=why), act_id)
                return [self._done(target, "read-again")], []
            surely(partial(book.dismiss_file, source_id, self._why, who=self._who), act_id)
        except LabSenderError as error:
            return [], [rejected(target, error)]
        return [self._done(target, "given-up")], []

    def _outcome(self, ids: Sequence[int], *, act: str) -> Outcome:
        from lab_sender.hl7.stamp import with_control_id

        book, who, why, force = self._journal.operator, self._who, self._why, self._frozen.force
        if self._frozen.act == "release":
            return book.release_messages(
                ids, who=who, act=act, force=force, why=why, everywhere=self._frozen.everywhere
            )
        if self._frozen.act == "dismiss":
            return book.dismiss_messages(ids, why, who=who, act=act)
        return book.resend_messages(
            ids, new_control_id=new_id, restamp=with_control_id, who=who, act=act, force=force, why=why
        )

    def _rebuild(self, target: Target, act_id: str) -> tuple[list[Act], list[Rejected]]:
        from lab_sender.journal import ActRejected
        from lab_sender.operations.rebuild import rebuild

        assert target.id is not None
        try:
            became = rebuild(
                self._installation,
                self._journal,
                target.id,
                who=self._who,
                force=self._frozen.force,
                act=act_id,
                why=self._why,
            )
        except (ActRejected, FileError) as error:
            return [], [rejected(target, error)]
        result: Result = "goes-out" if became.state == "spooled" else "stays-quarantined"
        return [self._done(target, result, new_control_id=became.control_id)], []

    def _end_interrupted(self, ids: Sequence[int], run: str) -> None:
        """What the agent of this run was ended over is not being sent any more; it may have left."""
        sending = {line.destination for line in self._view.these(ids) if line.state == "sending"}
        for name in sending:
            self._journal.delivery.interrupted(name, run=run)

    def _done(
        self, target: Target, result: Result, *, new_message: int | None = None, new_control_id: str | None = None
    ) -> Act:
        return done_to(
            self._frozen.act,
            self._who,
            target,
            result,
            agent_runs=self._running,
            new_message=new_message,
            new_control_id=new_control_id,
        )
