"""What a person decides about one thing: release, resend, dismiss, hold, resume. About many, bulk.py.

Holds: one function for each act; whoever asks for it, a command or a page, says `who` acts.
Promises: an act is durable and on record when its function returns. A running agent follows within a second, else the
next one does when it starts.
Never: sends anything, or acts on a word that fits two things.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, cast

from lab_sender.errors import FileError, LabSenderError
from lab_sender.operations import named
from lab_sender.operations.destinations import chosen, known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.surely import surely
from lab_sender.operations.values import FORMAT, Found, HoldKind, Instant, Named, Value, about, found

if TYPE_CHECKING:
    from lab_sender.journal import ActRejected, Line, View

Result = Literal[
    "goes-out", "read-again", "stays-quarantined", "given-up", "contradiction-closed", "held", "resumed",
    "was-not-held",
]  # fmt: skip


class Target(Named, frozen=True):
    """What an act is done to, and how a person knows it. No patient, though an order leads to one."""

    control_id: Annotated[str | None, about("Its MSH-10 before the act; null: never built.")]
    orders: Annotated[tuple[str, ...], about("The orders that it speaks of: number^authority.")]
    received_ms: Annotated[Instant, about("When it was received, in ms since 1970 UTC.")]
    may_have_arrived: Annotated[
        tuple[str, ...], about("The HIS may have it, for a try ended without an answer: the control ids to ask for.")
    ]


class Act(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/act/1"):
    """An act that was done."""

    act: Annotated[Literal["release", "rebuild", "resend", "dismiss", "hold", "resume"], about("What was done.")]
    who: Annotated[str, about("Who did it, as it is on record.")]
    target: Annotated[Target | None, about("What it was done to; null: the lane.")]
    destination: Annotated[str | None, about("The destination of the message or of the lane; null: a file.")]
    result: Annotated[Result, about("What became of it.")]
    new_message: Annotated[int | None, about("resend: the copy.")]
    new_control_id: Annotated[str | None, about("The control id under which it goes out, where that is a new one.")]
    was_held_by: Annotated[HoldKind | None, about("hold, resume: who held the lane before.")]
    agent_runs: Annotated[bool, about("An agent runs, which follows within a second; else the next one does.")]


class Rejected(Value, frozen=True):
    """An act that was not done to one of several targets; the journal is as it was."""

    target: Annotated[Target, about("What it was to be done to.")]
    code: Annotated[str, about("Why not, by a stable code.")]
    text: Annotated[str, about("Why not, in words.")]
    hint: Annotated[str | None, about("What to do.")]
    findings: Annotated[tuple[Found, ...], about("What is wrong with its file, one by one.")]


class Acts(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/acts/1"):
    """An act on several targets."""

    done: Annotated[tuple[Act, ...], about("What was done.")]
    rejected: Annotated[tuple[Rejected, ...], about("What was not.")]


def release(
    installation: Installation,
    word: str,
    *,
    who: str,
    force: bool = False,
    to: Sequence[str] = (),
    why: str = "",
) -> Act:
    """Take a message or file out of quarantine; what was never built is read again.

    `force`: also where it overwrites a newer result. Raises what the journal rejects it with.
    """
    control_id = None
    with installation.journal() as journal:
        what, book = target_of(installation, word, to), journal.operator
        if what.id is None:
            surely(partial(book.release_file, what.file_id, who=who, force=force, why=why))
            goes = "outbox"
        else:
            goes = surely(partial(book.release, what.id, who=who, force=force, why=why))
            if goes != "outbox" and (now := book.control_id_of(what.id)) != what.control_id:
                control_id = now
    result: Result = "read-again" if goes == "outbox" else "goes-out"
    running = installation.agent_runs()
    return done_to("release", who, what, result, agent_runs=running, new_control_id=control_id)


def resend(
    installation: Installation,
    word: str,
    *,
    who: str,
    force: bool = False,
    to: Sequence[str] = (),
    why: str = "",
) -> Act:
    """Send a copy under a new control id, at the end of the line. Raises what the journal rejects it with."""
    from lab_sender.hl7.stamp import with_control_id
    from lab_sender.ids import new_id

    control_id = new_id()
    with installation.journal() as journal:
        what, book = target_of(installation, word, to), journal.operator
        if what.id is None:
            raise nothing_of_it("resend", what)
        asked = partial(book.resend, what.id, new_control_id=control_id, restamp=with_control_id)
        copy = surely(partial(asked, who=who, force=force, why=why))
    running = installation.agent_runs()
    return done_to(
        "resend", who, what, "goes-out", agent_runs=running, new_message=copy, new_control_id=control_id
    )


def dismiss(installation: Installation, word: str, why: str, *, who: str, to: Sequence[str] = ()) -> Act:
    """Give up a message or a file for good, or close the case of a delivery that the HIS took back.

    Raises what the journal rejects it with.
    """
    with installation.journal() as journal:
        what, book = target_of(installation, word, to), journal.operator
        state = "dismissed"
        if what.id is None:
            surely(partial(book.dismiss_file, what.file_id, why, who=who))
        else:
            state = surely(partial(book.dismiss, what.id, why, who=who))
            what = target_of(installation, f"id:{what.id}")  # a try may have ended meanwhile
    result: Result = "contradiction-closed" if state == "acked" else "given-up"
    return done_to("dismiss", who, what, result, agent_runs=installation.agent_runs())


def hold(installation: Installation, why: str = "", *, who: str, to: Sequence[str] = ()) -> Acts:
    """Let lanes send nothing more after the exchange in flight: those of these destinations, or all."""
    with installation.journal() as journal:
        book, names = journal.operator, chosen(installation.config, to)
        was = {name: surely(partial(book.hold, name, why, who=who)) for name in names}
    running = installation.agent_runs()
    done = [
        done_to("hold", who, None, "held", agent_runs=running, was_held_by=kind, destination=name)
        for name, kind in was.items()
    ]
    return Acts(tuple(done), ())


def resume(installation: Installation, *, who: str, to: Sequence[str] = ()) -> Acts:
    """End holds, whoever or whatever began them: of these destinations, or all."""
    with installation.journal() as journal:
        book, names = journal.operator, chosen(installation.config, to)
        was = {name: surely(partial(book.resume, name, who=who)) for name in names}
    running = installation.agent_runs()
    done = [
        done_to("resume", who, None, _ended(kind), agent_runs=running, was_held_by=kind, destination=name)
        for name, kind in was.items()
    ]
    return Acts(tuple(done), ())


def _ended(kind: str) -> Result:
    return "resumed" if kind else "was-not-held"


def target_of(installation: Installation, word: str, to: Sequence[str] = ()) -> Target:
    """Find what a word means. Raises LabSenderError, also where it fits more than one thing."""
    with installation.view() as view:
        line = named.find(view, word, known_to(installation.config, view, to))
        if line.message_id is None:
            return target(line)
        return targets_of(view, [line.message_id])[line.message_id]


def targets_of(view: View, ids: Sequence[int]) -> dict[int, Target]:
    """Return messages, by id, as people know them."""
    orders, arrived = view.orders_of(ids), view.may_have_arrived(ids)
    lines = [(line.message_id, line) for line in view.these(ids) if line.message_id]
    return {number: target(line, orders.get(number, ()), arrived.get(number, ())) for number, line in lines}


def target(line: Line, orders: Sequence[str] = (), may_have_arrived: Sequence[str] = ()) -> Target:
    """Return a line of the journal as what an act is done to."""
    return Target(
        ref=named.ref_of(line),
        id=line.message_id,
        file_id=line.source_id,
        file=line.name,
        place=line.place_in_file or None,
        destination=line.destination or None,
        control_id=line.control_id or None,
        orders=tuple(orders),
        received_ms=line.created_ms,
        may_have_arrived=tuple(may_have_arrived),
    )


def unknown(message_id: int) -> Target:
    """Return a message of which nothing is known any more."""
    return Target(
        ref=str(message_id), id=message_id, file_id=0, file="", place=None, destination=None, control_id=None,
        orders=(), received_ms=0, may_have_arrived=(),
    )  # fmt: skip


def done_to(
    act: Literal["release", "rebuild", "resend", "dismiss", "hold", "resume"],
    who: str,
    target: Target | None,
    result: Result,
    *,
    agent_runs: bool,
    new_message: int | None = None,
    new_control_id: str | None = None,
    was_held_by: str = "",
    destination: str | None = None,
) -> Act:
    """Return an act that was done, as a value."""
    return Act(
        act=act,
        who=who,
        target=target,
        destination=target.destination if target is not None else destination,
        result=result,
        new_message=new_message,
        new_control_id=new_control_id,
        was_held_by=cast(HoldKind, was_held_by) if was_held_by else None,
        agent_runs=agent_runs,
    )


def nothing_of_it(act: Literal["rebuild", "resend"], file: Target) -> ActRejected:
    """Return why an act that needs a message is not done to a file that could not be read."""
    from lab_sender.journal import ActRejected

    hint = f"`lab-sender release {file.ref}` has it read again."
    if act == "rebuild":
        return ActRejected("rebuild.file", f"{file.ref} could not be read, so nothing was built.", hint=hint)
    return ActRejected("resend.file", f"{file.ref} could not be read, so nothing of it was sent.", hint=hint)


def rejected(target: Target, error: LabSenderError) -> Rejected:
    """Return why an act was not done to a target, as a value."""
    findings = found(error.findings) if isinstance(error, FileError) else ()
    return Rejected(target, error.code, error.text, error.hint or None, findings)
