"""What was sent, and what the HIS said of it, in one document for whoever was not there.

Holds: `Proof`, and `proof`, which makes one of a message, or of all messages of an order.
Promises: the bytes are those of the journal, and what of them was checked just now is said, with what it came to. It
says what it proves and what not. All of it is patient data.
Never: changes anything, or leaves out a try, an answer or an act.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from lab_sender import __version__
from lab_sender.operations import named
from lab_sender.operations.destinations import known_to
from lab_sender.operations.stories import Done, Entry, Remarked, done_of, entry_of, errors_in
from lab_sender.operations.values import FORMAT, Instant, Text, Value, about, text_of
from lab_sender.operations.wording import fine_clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab_sender.journal import Line, View
    from lab_sender.operations.installation import Installation

Check = Literal["same", "differs", "gone", "in-work"]
PROVES: Final = (
    "That the bytes below were in the journal of this installation when this was made, as they were built or"
    " received: each message was compared with the checksum it was spooled with, and a source file that is still"
    " there was hashed again.",
    "When each try began, how it ended, and the very bytes of each answer. A message counts as delivered only where"
    " an acceptance (MSA-1) came that carries exactly its control id (MSA-2 is MSH-10).",
    "What people did about it, who, when and why, as it is on record; a row of the record of acts is never changed.",
)
PROVES_NOT: Final = (
    "What the HIS did with the message after it had answered: whether it shows the result, to whom, and how.",
    "That nobody with rights over this machine has changed the journal itself: a document of a program proves no more"
    " than the machine it ran on. Compare it with the HIS's own log, by control id and time.",
    "That the clock of this machine was right. Times are its own, with the offset that it had.",
    "With which version and configuration the message was sent: those named here are of the moment when this was"
    " made, and of the last start of the agent.",
)


class Acknowledged(Value, frozen=True):
    """An answer of the HIS."""

    code: Annotated[str, about("MSA-1.")]
    control_id: Annotated[str | None, about("MSA-2; null: it cannot be read.")]
    is_ours: Annotated[bool, about("MSA-2 is exactly the message's control id.")]
    errors: Annotated[tuple[str, ...], about("The error codes in it (ERR-3), those that look like codes.")]
    text: Annotated[Text, about("The answer as it came, without its frame.")]
    base64: Annotated[str, about("The same, byte by byte.")]
    sha256: Annotated[str, about("Of these bytes.")]


class Try(Value, frozen=True):
    """One try to deliver the message."""

    began_ms: Annotated[Instant, about("When it began, in ms since 1970 UTC.")]
    took_ms: Annotated[float, about("How many milliseconds from the last byte of the message to the answer.")]
    outcome: Annotated[str, about("How it ended: not-sent, unknown, committed, verdict.")]
    phase: Annotated[str, about("How far it came.")]
    code: Annotated[str | None, about("What kept it from its end.")]
    detail: Annotated[str | None, about("The same in words.")]
    ack: Annotated[Acknowledged | None, about("The answer; null: none came.")]


class LaterWord(Value, frozen=True):
    """An answer of the HIS that no try waited for."""

    at_ms: Annotated[Instant, about("When it came, in ms since 1970 UTC.")]
    ack: Annotated[Acknowledged, about("The answer.")]


class Source(Value, frozen=True):
    """The file that the message was made of, as it was received."""

    name: Annotated[str, about("Its name in the outbox.")]
    documents: Annotated[tuple[str, ...], about("The files that came with it.")]
    bytes: Annotated[int, about("Its size.")]
    sha256: Annotated[str, about("Of its bytes, when it was received.")]
    received_ms: Annotated[Instant, about("When it was received, in ms since 1970 UTC.")]
    path: Annotated[str | None, about("Where it lies now.")]
    now: Annotated[Check, about("Its content, looked at just now: same, differs, gone; in-work: it is claimed.")]


class Proven(Value, frozen=True):
    """One message, with all that is known of its delivery."""

    entry: Annotated[Entry, about("The message.")]
    verdict: Annotated[str, about("What became of it, in a sentence.")]
    orders: Annotated[tuple[str, ...], about("The orders that it speaks of: number^authority.")]
    former_control_ids: Annotated[tuple[str, ...], about("Control ids that it had before it was built anew.")]
    source: Annotated[Source, about("The file that it was made of.")]
    message: Annotated[Text | None, about("The message as it was sent; null: never built.")]
    base64: Annotated[str | None, about("The same, byte by byte.")]
    sha256: Annotated[str | None, about("Of these bytes.")]
    is_as_built: Annotated[bool, about("The bytes have the checksum that they were spooled with.")]
    his_words: Annotated[str | None, about("Why the HIS refused it, in its words.")]
    tries: Annotated[tuple[Try, ...], about("Its tries, the oldest first.")]
    later: Annotated[tuple[LaterWord, ...], about("Answers that no try waited for, the oldest first.")]
    remarks: Annotated[tuple[Remarked, ...], about("What a person should know of it.")]
    acts: Annotated[tuple[Done, ...], about("What people and the program did about it, the oldest first.")]


class Proof(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/proof/1"):
    """What was sent of an order, or as one message, and what the HIS said of it."""

    asked: Annotated[str, about("What was asked about, as it was typed.")]
    made_ms: Annotated[Instant, about("When this was made, in ms since 1970 UTC.")]
    made_by: Annotated[str, about("Who had it made.")]
    machine: Annotated[str, about("On which machine.")]
    version: Annotated[str, about("By which version of lab-sender.")]
    journal: Annotated[str, about("Which journal it was made of.")]
    config_digest: Annotated[str, about("The digest of the configuration on the disk.")]
    config_in_force: Annotated[str | None, about("That of the last start of the agent.")]
    messages: Annotated[tuple[Proven, ...], about("The messages, the oldest first.")]
    proves: Annotated[tuple[str, ...], about("What this proves.")]
    proves_not: Annotated[tuple[str, ...], about("What it does not prove.")]


def proof(installation: Installation, word: str, *, who: str, to: Sequence[str] = ()) -> Proof:
    """Make the document of a message, or of all messages of an order.

    Raises NoJournal, Ambiguous, UnknownDestination, and LabSenderError `message.unknown`.
    """
    config = installation.config
    with installation.view() as view:
        lines = named.find_all_of_order(view, word, known_to(config, view, to))
        return Proof(
            asked=word,
            made_ms=time.time_ns() // 1_000_000,
            made_by=who,
            machine=platform.node(),
            version=__version__,
            journal=str(installation.journal_at),
            config_digest=config.digest,
            config_in_force=view.config_in_force() or None,
            messages=tuple([_proven(installation, view, each) for each in lines]),
            proves=PROVES,
            proves_not=PROVES_NOT,
        )


def _proven(installation: Installation, view: View, line: Line) -> Proven:
    number = line.message_id
    body = None if number is None else view.wire(number)
    tries = () if number is None else tuple([_try(each, line.control_id) for each in view.attempts(number)])
    answers = [] if number is None else view.answers(number)
    return Proven(
        entry=entry_of(installation, line),
        verdict=_verdict(line, tries),
        orders=() if number is None else tuple(view.orders(number)),
        former_control_ids=() if number is None else tuple(view.former_ids(number)),
        source=_source(installation, view, line),
        message=None if body is None else text_of(body),
        base64=None if body is None else base64.b64encode(body).decode(),
        sha256=None if body is None else hashlib.sha256(body).hexdigest(),
        is_as_built=number is not None and body is not None and view.is_as_built(number),
        his_words=line.his_words or None,
        tries=tries,
        later=tuple([LaterWord(each["at_ms"], _ack(each["ack"], line.control_id)) for each in answers]),
        remarks=tuple(
            [Remarked(each.code, each.place or None, each.text, each.times) for each in view.remarks(line)]
        ),
        acts=tuple([done_of(each) for each in view.events(number, line.source_id)]),
    )


def _verdict(line: Line, tries: Sequence[Try]) -> str:
    if line.message_id is None:
        return f"The file could not be read ({line.code}): nothing of it was sent."
    if line.state == "duplicate":
        return f"It was not sent: it has the same content as message {line.same_as}, which stands for it."
    if line.state != "acked":
        may = " The HIS may have it: a try ended without an answer." if line.may_have_left else ""
        return f"It is not delivered.{may}"
    accepted = next((each for each in reversed(tries) if each.ack and each.ack.is_ours), None)
    if accepted is None or accepted.ack is None:
        return f"It counts as delivered ({line.code or 'no answer is kept'})."
    at = fine_clock(accepted.began_ms)
    said = f"The HIS answered {accepted.ack.code} to control id {line.control_id}, in the try that began at {at}."
    taken_back = f" It has taken that back since: it answered {line.contradicted}." if line.contradicted else ""
    how = {
        "known": " It says that it had the message already.",
        "commit-only": " That says that it was stored; its application did not answer.",
    }.get(line.code, "")
    return f"{said}{how}{taken_back}"


def _source(installation: Installation, view: View, line: Line) -> Source:
    received = view.received(line.source_id)
    path = installation.path_of(line.where, line.outbox)
    return Source(
        name=line.name,
        documents=received.documents,
        bytes=received.size,
        sha256=received.sha256.hex(),
        received_ms=received.received_ms,
        path=None if path is None else str(path),
        now="in-work" if line.where == "claimed" else _content(path, received.sha256),
    )


def _content(path: Path | None, sha256: bytes) -> Check:
    if path is None:
        return "gone"
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError:
        return "gone"
    return "same" if digest.digest() == sha256 else "differs"


def _try(attempt: dict[str, Any], control_id: str) -> Try:
    return Try(
        began_ms=attempt["started_ms"],
        took_ms=attempt["elapsed_ms"],
        outcome=attempt["kind"],
        phase=attempt["phase"],
        code=attempt["code"] or None,
        detail=attempt["detail"] or None,
        ack=None if attempt["ack"] is None else _ack(attempt["ack"], control_id),
    )


def _ack(ack: bytes, control_id: str) -> Acknowledged:
    from lab_sender.mllp.acknowledgement import Unreadable, read_later_answer

    try:
        answers = read_later_answer(ack)
    except Unreadable:
        answers = ()
    ours = [each for each in answers if control_id and each.control_id.rstrip(" ") == control_id.rstrip(" ")]
    read = next(iter((*ours, *answers)), None)
    return Acknowledged(
        code="" if read is None else read.code,
        control_id=None if read is None else read.control_id,
        is_ours=bool(ours),
        errors=errors_in(ack),
        text=text_of(ack),
        base64=base64.b64encode(ack).decode(),
        sha256=hashlib.sha256(ack).hexdigest(),
    )
