"""What the journal has of a message, or of a file that could not be read.

Holds: `Entry`, what it is in lists too, and `story`, all that became of it.
Promises: no patient data but in what is asked for as raw: of an answer its code is given, not the HIS's words, nor
the control ids of others, which may name a patient.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from lab_sender.operations import named, wording
from lab_sender.operations.destinations import known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Instant, Named, State, Text, Value, about, text_of

if TYPE_CHECKING:
    from lab_sender.journal import Line, View

_MOST_OF_FILE: Final = 10_000
_MOST_NAMED: Final = 5


class Entry(Named, frozen=True):
    """A message, or a file that could not be read."""

    control_id: Annotated[str | None, about("MSH-10; null: never built.")]
    state: Annotated[State, about("Its state in the journal.")]
    code: Annotated[str | None, about("Why it is in this state.")]
    reason: Annotated[str | None, about("The same in words, without the HIS's own.")]
    has_his_words: Annotated[bool, about("The HIS said why in words of its own; `show --raw` has them.")]
    his_code: Annotated[str | None, about("What the HIS answered, for which it is in quarantine: AE, AR ...")]
    his_error: Annotated[str | None, about("Its ERR-3, with blanks between several: codes only.")]
    ack_code: Annotated[str | None, about("The code of the last answer: AA, AE ...")]
    contradicted: Annotated[str | None, about("The code by which the HIS took a delivery back since.")]
    ack_took_ms: Annotated[float | None, about("How many milliseconds the last answer took.")]
    attempts: Annotated[int, about("How often it was tried to deliver it.")]
    may_have_left: Annotated[bool, about("An attempt ended without an answer: the HIS may have it.")]
    received_ms: Annotated[Instant, about("When its file was received, or the message made, in ms since 1970 UTC.")]
    final_ms: Annotated[Instant | None, about("When it came into a final state, in ms since 1970 UTC.")]
    same_as: Annotated[int | None, about("The message that has the same content.")]
    replaced_by: Annotated[int | None, about("The message that took its place.")]
    replaces: Annotated[int | None, about("The message whose place it took.")]
    folder: Annotated[str | None, about("Where its file lies: claimed, sent, quarantine, dismissed, outbox.")]
    path: Annotated[str | None, about("The file itself; null while it is claimed.")]

    @property
    def title(self) -> str:
        """Name its file, with the place in it where that holds several messages."""
        return f"{self.file} {self.place or ''}".rstrip()

    @property
    def words(self) -> str:
        """Say its state as people do."""
        return wording.state(self.state, self.code, self.replaced_by)

    @property
    def last_word(self) -> str:
        """Return the code that explains its state: that of the reason, or of the HIS's last answer."""
        return f"contradicted {self.contradicted}" if self.contradicted else self.code or self.ack_code or ""


class Attempt(Value, frozen=True):
    """One attempt to deliver a message."""

    started_ms: Annotated[Instant, about("When it began, in ms since 1970 UTC.")]
    outcome: Annotated[str, about("How it ended: not-sent, unknown, committed, verdict.")]
    phase: Annotated[str, about("How far it came.")]
    code: Annotated[str | None, about("What kept it from its end.")]
    detail: Annotated[str | None, about("The same in words.")]
    ack_code: Annotated[str | None, about("The answer's code.")]
    errors: Annotated[tuple[str, ...], about("The error codes in it (ERR-3), those that look like codes.")]
    took_ms: Annotated[float, about("How many milliseconds it took.")]
    foreign_answers: Annotated[int, about("How many answers to other control ids came meanwhile.")]
    foreign_ids: Annotated[tuple[str, ...] | UnsetType, about("With --raw: these control ids.")] = UNSET
    ack: Annotated[Text | UnsetType | None, about("With --raw: the answer.")] = UNSET


class Answer(Value, frozen=True):
    """An answer of the HIS that no attempt waited for."""

    at_ms: Annotated[Instant, about("When it came, in ms since 1970 UTC.")]
    code: Annotated[str, about("Its code.")]
    ack: Annotated[Text | UnsetType, about("With --raw: the answer.")] = UNSET


class Done(Value, frozen=True):
    """What somebody did to a message or its file."""

    at_ms: Annotated[Instant, about("When, in ms since 1970 UTC.")]
    event: Annotated[str, about("What: message.released ...")]
    who: Annotated[str, about("Who did it.")]
    why: Annotated[str | None, about("The reason that was given.")]


class Remarked(Value, frozen=True):
    """What a person should know of a message or its file, though it goes on."""

    code: Annotated[str, about("Its code.")]
    place: Annotated[str | None, about("Where in the file, the first time.")]
    text: Annotated[str, about("What it says.")]
    times: Annotated[int, about("How often.")]


class Elsewhere(Value, frozen=True):
    """The same report's message for another destination."""

    id: Annotated[int, about("The message.")]
    destination: Annotated[str, about("Whom it is for.")]
    state: Annotated[State, about("Its state in the journal.")]
    code: Annotated[str | None, about("Why it is in this state.")]
    replaced_by: Annotated[int | None, about("The message that took its place.")]

    @property
    def words(self) -> str:
        """Say its state as people do."""
        return wording.state(self.state, self.code, self.replaced_by)


class Story(Entry, frozen=True, tag_field=FORMAT, tag="lab-sender/story/1"):
    """What `show` has of a message, or of a file that could not be read."""

    may_have_arrived: Annotated[
        tuple[str, ...],
        about("Not delivered, but the HIS may have it: the control ids to ask for."),
    ]
    read_again_as: Annotated[
        tuple[str, ...],
        about("What became of its file when it was last read again: the messages, or the file, as they are typed."),
    ]
    next_step: Annotated[str | None, about("What to do about it.")]
    held_by: Annotated[int | None, about("The message in quarantine behind which it waits.")]
    elsewhere: Annotated[tuple[Elsewhere, ...], about("The messages for other destinations that are of its report.")]
    remarks: Annotated[tuple[Remarked, ...], about("What a person should know of it.")]
    story: Annotated[tuple[Attempt, ...], about("Its attempts, the oldest first.")]
    answers: Annotated[tuple[Answer, ...], about("Answers that no attempt waited for, the oldest first.")]
    events: Annotated[tuple[Done, ...], about("What operators did to it, the oldest first.")]
    his_words: Annotated[str | UnsetType | None, about("With --raw: why the HIS refused it, in its words.")] = UNSET
    message: Annotated[Text | UnsetType | None, about("With --raw: the message; null: never built.")] = UNSET

    @property
    def read_again_words(self) -> str:
        """Name what became of its file when it was read again; "" where that is to come."""
        refs = self.read_again_as if self.replaced_by is None else (str(self.replaced_by),)
        shown = ", ".join(refs[:_MOST_NAMED]) + (f" and {len(refs) - _MOST_NAMED} more" if refs[_MOST_NAMED:] else "")
        return f"{'messages' if len(refs) > 1 else 'message'} {shown}" if refs and refs[0].isdigit() else shown


def story(installation: Installation, word: str, *, to: Sequence[str] = (), raw: bool = False) -> Story:
    """Return the story of what a word means; `raw`: with what was sent and answered, which is patient data.

    `to` names the destinations of which the message may be. Raises NoJournal, Ambiguous, UnknownDestination, and
    LabSenderError `message.unknown`.
    """
    with installation.view() as view:
        line = named.find(view, word, known_to(installation.config, view, to))
        number = line.message_id
        wire = view.wire(number) if raw and number is not None else None
        return Story(
            **asdict(entry_of(installation, line)),
            may_have_arrived=_may_have_arrived(view, line),
            read_again_as=_read_again_as(view, line),
            next_step=_next_step(line) or None,
            held_by=None if number is None else _held_by(installation, view, line),
            elsewhere=_elsewhere(installation, view, line),
            remarks=tuple(
                [Remarked(each.code, each.place or None, each.text, each.times) for each in view.remarks(line)]
            ),
            story=() if number is None else tuple([_attempt(each, raw=raw) for each in view.attempts(number)]),
            answers=() if number is None else tuple([_answer(each, raw=raw) for each in view.answers(number)]),
            events=tuple([done_of(each) for each in view.events(number, line.source_id)]),
            his_words=line.his_words or None if raw else UNSET,
            message=(text_of(wire) if wire is not None else None) if raw else UNSET,
        )


def _may_have_arrived(view: View, line: Line) -> tuple[str, ...]:
    if line.message_id is None or line.state in ("acked", "sending"):
        return ()
    return view.may_have_arrived([line.message_id]).get(line.message_id, ())


def _read_again_as(view: View, line: Line) -> tuple[str, ...]:
    last = view.last_reading(line.source_id)
    if last == line.source_id:
        return ()
    lines = view.lines(source_ids=[last], limit=_MOST_OF_FILE)[::-1]
    return tuple([named.ref_of(each) for each in lines if each.state != "withdrawn"])


def _held_by(installation: Installation, view: View, line: Line) -> int | None:
    destination = installation.config.destinations.get(line.destination)
    if line.message_id is None or destination is None:
        return None
    return view.held_by(line.message_id, destination.his.after_quarantine)


def _elsewhere(installation: Installation, view: View, line: Line) -> tuple[Elsewhere, ...]:
    if line.message_id is None or len(installation.config.destinations) == 1:
        return ()
    lines = view.lines(source_ids=[line.source_id], limit=_MOST_OF_FILE)[::-1]
    others = [
        each for each in lines if each.place_in_file == line.place_in_file and each.destination != line.destination
    ]
    return tuple(
        [
            Elsewhere(each.message_id, each.destination, cast(State, each.state), each.code or None, each.replaced_by)
            for each in others
            if each.message_id is not None
        ]
    )


def entry_of(installation: Installation, line: Line) -> Entry:
    """Return a line of the journal as a value."""
    folder, path = line.where.partition("/")[0], installation.path_of(line.where, line.outbox)
    return Entry(
        ref=named.ref_of(line),
        id=line.message_id,
        file_id=line.source_id,
        file=line.name,
        place=line.place_in_file or None,
        destination=line.destination or None,
        control_id=line.control_id or None,
        state=cast(State, line.state),
        code=line.code or None,
        reason=line.reason or None,
        has_his_words=bool(line.his_words),
        his_code=line.his_code or None,
        his_error=line.his_error or None,
        ack_code=line.ack_code or None,
        contradicted=line.contradicted or None,
        ack_took_ms=line.ack_ms,
        attempts=line.attempts,
        may_have_left=bool(line.may_have_left),
        received_ms=line.created_ms,
        final_ms=line.final_ms,
        same_as=line.same_as,
        replaced_by=line.replaced_by,
        replaces=line.replaces,
        folder=folder or None,
        path=str(path) if path is not None else None,
    )


def _next_step(line: Line) -> str:
    from lab_sender.journal import next_step

    ref = named.ref_of(line)
    if line.contradicted:
        return (
            f"ask the HIS whether it has control id {line.control_id}: if so, `lab-sender dismiss {ref} --why TEXT`"
            f" (it stays delivered); if not, `lab-sender resend {ref} --new-id`"
        )
    if line.state != "quarantined":
        return ""
    built = bool(line.control_id)
    return next_step(ref, line.code, control_id=line.control_id, may_have_left=line.may_have_left, built=built)


def _attempt(attempt: dict[str, Any], *, raw: bool) -> Attempt:
    ids = tuple(attempt["foreign_ids"].split("\n")) if attempt["foreign_ids"] else ()
    ack = attempt["ack"]
    return Attempt(
        started_ms=attempt["started_ms"],
        outcome=attempt["kind"],
        phase=attempt["phase"],
        code=attempt["code"] or None,
        detail=attempt["detail"] or None,
        ack_code=attempt["ack_code"] or None,
        errors=errors_in(ack) if ack is not None else (),
        took_ms=attempt["elapsed_ms"],
        foreign_answers=len(ids),
        foreign_ids=ids if raw else UNSET,
        ack=(text_of(ack) if ack is not None else None) if raw else UNSET,
    )


def errors_in(ack: bytes) -> tuple[str, ...]:
    """Return the error codes of an answer; what looks like none may be the HIS's words, and is left out."""
    from lab_sender.mllp.acknowledgement import Unreadable, error_codes, read_acknowledgement

    try:
        return error_codes(read_acknowledgement(ack))
    except Unreadable:
        return ()


def _answer(answer: dict[str, Any], *, raw: bool) -> Answer:
    return Answer(answer["at_ms"], answer["code"], text_of(answer["ack"]) if raw else UNSET)


def done_of(event: dict[str, Any]) -> Done:
    """Return an act of the journal's record as a value."""
    return Done(event["at_ms"], event["kind"], event["who"], event["detail"] or None)
