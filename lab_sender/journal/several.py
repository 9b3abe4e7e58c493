"""An act on several messages: on those of a file, or on all that a search has found.

Holds: what would become of each (`weigh`), and the act on some of them in one transaction.
Promises: what is not done is named with the reason; what is done, oldest first. Of messages that go out again
together none overtakes another: those that must not be parted are one group, and a transaction has whole groups.
Never: begins or ends a transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

from lab_sender.journal import acts, again, decisions, order_history
from lab_sender.journal.acts import Act, ActRejected, Facts
from lab_sender.journal.database import Db, Store
from lab_sender.journal.decisions import Restamp
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import MESSAGE, NOBODY, WORDS

_SQL: Final = Statements("several")

Kind = Literal["messages.released", "messages.resent", "messages.dismissed"]
What = Literal["release", "resend", "dismiss"]
Group = tuple[int, ...]
"""Messages that one transaction has: some of them must not be parted."""
_EACH: Final = 50
"""How many messages a transaction has, where no more must stay together."""


class Done(NamedTuple):
    """A message to which the act was done.

    `became` is what the act on it alone returns: its state, or `outbox` where its file is read again. `copy` is the
    new message of a resend; `control_id` is under which it goes out, where that is a new one.
    """

    message: int
    destination: str
    became: str
    copy: int | None = None
    control_id: str = ""


class NotDone(NamedTuple):
    """A message to which the act was not done, and why, as ActRejected has it."""

    message: int
    destination: str
    code: str
    text: str
    hint: str


class Outcome(NamedTuple):
    """What an act on several messages came to, in the order of delivery."""

    done: tuple[Done, ...]
    rejected: tuple[NotDone, ...]


class Weighed(NamedTuple):
    """What an act would do: to these groups of messages, oldest first; and to which not, and why."""

    groups: tuple[Group, ...]
    rejected: tuple[NotDone, ...]


class OfFile(NamedTuple):
    """A message of a file: its state, whether the HIS took it back, and whether another took its place."""

    id: int
    state: str
    is_contradicted: bool
    has_successor: bool


class _File(NamedTuple):
    """A file that is read again, for a message of it that was never built: for which destination, and how."""

    source_id: int
    destination: str
    weighed: again.Withdrawal


class _Parted(NamedTuple):
    """Messages that may take the act, oldest first; of each up to which one it must not be parted; the files that are
    read again; and the messages that may not."""

    free: list[Facts]
    up_to: dict[int, int]
    files: list[_File]
    rejected: list[NotDone]


def messages_of(db: Db, source_id: int) -> list[OfFile]:
    """Return the messages of a file, of all its readings, oldest first."""
    readings = json.dumps(again.readings(db, source_id))
    rows = db.execute(_SQL["messages_of_file"], {"readings": readings})
    return [OfFile(number, state, bool(back), bool(has)) for number, state, back, has in rows]


def weigh(db: Db, what: What, ids: Iterable[int], *, force: bool, everywhere: bool = False) -> Weighed:
    """Say what an act on these messages would do; `everywhere`: what is read again of a file, is for all."""
    parted = _part(db, what, *_facts(db, ids), force=force, everywhere=everywhere)
    return Weighed(_groups(parted), tuple(sorted(parted.rejected)))


def release(
    db: Db, this: Act, ids: Iterable[int], *, force: bool, why: str = "", everywhere: bool = False
) -> Outcome:
    """Release messages. Where one has no bytes, its file is read again for its destination, or for all.

    What lies in quarantine there, and cannot have arrived, is replaced by what is read.
    """
    parted = _part(db, "release", *_facts(db, ids), force=force, everywhere=everywhere)
    replaced = set[int]()
    for source_id, destination, weighed in parted.files:
        file = Act(this.who, None, destination, source_id)
        asked = [each.id for each in parted.free if each.id in weighed.replaces]
        replaced.update(again.withdraw(db, file, asked, at=weighed.at, force=force, why=why, everywhere=everywhere))
    done = list[Done]()
    for each in parted.free:
        if each.id in replaced:
            done.append(Done(each.id, each.destination, "outbox"))
        else:
            control_id = decisions.released(db, _on(this, each), each, force=force, why=why)
            done.append(Done(each.id, each.destination, "spooled", control_id=control_id))
    return Outcome(tuple(done), tuple(sorted(parted.rejected)))


def resend(
    store: Store,
    db: Db,
    this: Act,
    ids: Iterable[int],
    *,
    new_control_id: Callable[[], str],
    restamp: Restamp,
    force: bool,
    why: str = "",
) -> Outcome:
    """Send a copy of each message, but of what was given up."""
    parted = _part(db, "resend", *_facts(db, ids), force=force, everywhere=False)
    done = list[Done]()
    for each in parted.free:
        control_id = new_control_id()
        copy = decisions.resent(store, db, _on(this, each), each, control_id, restamp, why=why)
        done.append(Done(each.id, each.destination, "spooled", copy, control_id))
    return Outcome(tuple(done), tuple(sorted(parted.rejected)))


def dismiss(db: Db, this: Act, ids: Iterable[int], why: str) -> Outcome:
    """Give up what waits or is quarantined, and close the contradictions of what was delivered."""
    done = list[Done]()
    known, rejected = _facts(db, ids)
    for each in known:
        try:
            became = decisions.dismissed(db, _on(this, each), each, why)
        except ActRejected as error:
            rejected.append(_not_done(each, error))
        else:
            done.append(Done(each.id, each.destination, became))
    return Outcome(tuple(done), tuple(sorted(rejected)))


def once(db: Db, this: Act, kind: Kind, do: Callable[[], Outcome], why: str = "") -> Outcome:
    """Return what this act came to when it was done before; else do it, and record it where it did anything."""
    said = acts.answer(db, this, kind)
    if said is not None:
        done, rejected = json.loads(said)
        return Outcome(tuple([Done(*each) for each in done]), tuple([NotDone(*each) for each in rejected]))
    outcome = do()
    if outcome.done:
        detail = f"{len(outcome.done)} done, {len(outcome.rejected)} not"
        acts.record(db, this, kind, acts.with_reason(why, detail), answer=json.dumps(outcome))
    return outcome


# ------------------------------------------------------------- what may take an act


def _facts(db: Db, ids: Iterable[int]) -> tuple[list[Facts], list[NotDone]]:
    """Return what is known of messages; and of which nothing is, for retention has deleted them since."""
    known, gone = list[Facts](), list[NotDone]()
    for each in sorted(set(ids)):
        try:
            known.append(acts.message(db, each))
        except ActRejected as why:
            gone.append(NotDone(each, "", why.code, why.text, why.hint))
    return known, gone


def _part(
    db: Db, what: What, messages: Sequence[Facts], gone: Sequence[NotDone], *, force: bool, everywhere: bool
) -> _Parted:
    if what == "dismiss":
        return _part_dismissed(messages, gone)
    may = _may_be_released if what == "release" else _may_be_resent
    files, rejected = list[_File](), list(gone)
    if what == "release":
        files, others = _part_files(db, messages, force=force, everywhere=everywhere)
        rejected += others
    free, up_to = list[Facts](), dict[int, int]()
    for file in files:
        replaced = [each for each in messages if each.id in file.weighed.replaces]
        free += replaced
        up_to |= {each.id: replaced[-1].id for each in replaced}
    settled = {each.id for each in free} | {each.message for each in rejected}
    by_order = defaultdict[tuple[str, str], list[int]](list)
    age = order_history.ages(db, [each.id for each in messages])
    rank = {each: n for n, each in enumerate(order_history.oldest_first(age))}
    files.sort(key=lambda file: min(rank.get(each, len(rank)) for each in file.weighed.replaces))
    place = rank if what == "resend" else {each: each for each in rank}
    for each in sorted(messages, key=lambda each: rank[each.id], reverse=True):  # the newest first
        if each.id in settled:
            continue
        keys = [(str(name), str(key)) for name, key in db.execute(_SQL["orders"], {"id": each.id})]
        newer = {other for key in keys for other in by_order[key]}
        try:
            may(db, each, force=force, together=newer)
        except ActRejected as why:
            rejected.append(_not_done(each, why))
            continue
        free.append(each)
        if newer and (what == "resend" or order_history.overtaken_by(db, each.id) is not None):
            up_to[each.id] = max(newer, key=place.__getitem__)
        for key in keys:
            by_order[key].append(each.id)
    return _Parted(sorted(free, key=lambda each: place[each.id]), up_to, files, rejected)


def _part_files(
    db: Db, messages: Sequence[Facts], *, force: bool, everywhere: bool
) -> tuple[list[_File], list[NotDone]]:
    """Say which files are read again, for messages of theirs that were never built; and which of these stay."""
    files, rejected = list[_File](), list[NotDone]()
    by_file = defaultdict[tuple[int, ...], list[Facts]](list)
    for each in messages:
        if not each.has_bytes and each.state in MESSAGE["read_again"].sources:
            by_file[tuple(again.readings(db, each.source_id))].append(each)
    for readings, unbuilt in by_file.items():
        at, meant = ("", unbuilt) if everywhere else _for_whom(db, readings, unbuilt)
        try:
            weighed = again.weigh(db, unbuilt[0].source_id, at=at, force=force)
        except ActRejected as why:
            rejected += [_not_done(each, why) for each in unbuilt]
            continue
        files.append(_File(unbuilt[0].source_id, meant[0].destination if at else "", weighed))
        rejected += [_not_done(each, _another_time(each)) for each in unbuilt if each.id not in weighed.replaces]
    return files, rejected


def _for_whom(db: Db, readings: Sequence[int], unbuilt: Sequence[Facts]) -> tuple[str, list[Facts]]:
    """Return for which destination a file is read again, and for which of its messages that were never built.

    For all ("") only where each destination of the file is meant: else one would get what nobody released for it.
    """
    asked = {NOBODY if each.code == NOBODY else each.destination for each in unbuilt}
    if len(asked) > 1:
        known = db.execute(_SQL["destinations_of_file"], {"readings": json.dumps(readings)})
        if {name for (name,) in known} <= asked:
            return "", list(unbuilt)
    first = NOBODY if unbuilt[0].code == NOBODY else unbuilt[0].destination
    return first, [each for each in unbuilt if first in (each.code, each.destination)]


def _another_time(message: Facts) -> ActRejected:
    text = f"message {message.id} was never built, and its file is read again for another destination just now."
    return ActRejected("release.file-in-use", text, hint="Release it when that has been read.")


def _part_dismissed(messages: Sequence[Facts], gone: Sequence[NotDone]) -> _Parted:
    free = [each for each in messages if each.state in MESSAGE["dismissed"].sources or each.is_contradicted]
    taken = {each.id for each in free}
    others = [each for each in messages if each.id not in taken]
    return _Parted(free, {}, [], [*gone, *(_not_done(each, decisions.not_to_be_dismissed(each)) for each in others)])


def _may_be_released(db: Db, message: Facts, *, force: bool, together: set[int]) -> None:
    if message.state not in MESSAGE["released"].sources:
        text = f"message {message.id} is {WORDS[message.state]}, not quarantined."
        raise ActRejected("release.not-quarantined", text)
    decisions.may_go_out(db, message, force=force, together=together)


def _may_be_resent(db: Db, message: Facts, *, force: bool, together: set[int]) -> None:
    if message.has_bytes and message.state in decisions.NOT_COPIED:
        alone = f"`lab-sender resend {message.id} --new-id` alone says what else stands against it."
        raise decisions.not_to_be_copied(message, hint=alone)
    decisions.may_be_copied(db, message, force=force, together=together)


def _groups(parted: _Parted) -> tuple[Group, ...]:
    """Cut the messages into transactions, so that what must not be parted is not."""
    groups, group, until = list[Group](), list[int](), 0
    place = {each.id: n for n, each in enumerate(parted.free)}
    for n, each in enumerate(parted.free):
        group.append(each.id)
        until = max(until, place[parted.up_to.get(each.id, each.id)])
        if len(group) >= _EACH and n >= until:
            groups.append(tuple(group))
            group = []
    return (*groups, tuple(group)) if group else tuple(groups)


def _on(this: Act, message: Facts) -> Act:
    """Name the part of an act that is about this message."""
    return Act(this.who, None, message.destination, message.source_id, message.id)


def _not_done(message: Facts, why: ActRejected) -> NotDone:
    return NotDone(message.id, message.destination, why.code, why.text, why.hint)
