"""What a message's page says first, and its story in the order in which it happened.

Holds: `verdict`, one sentence with what may be done; `steps`, the story.
Promises: pure; codes, times and numbers only: what may be of a patient is left to who shows it, as `private`.
Never: asks anything.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab_sender.operations import wording
from lab_sender.operations.lanes import DestinationStatus, why_it_waits
from lab_sender.operations.stories import Attempt, Story
from lab_sender.operations.web.words import DID, advice

_KINDS: Final = {
    "acked": "good", "duplicate": "good", "quarantined": "bad", "spooled": "busy", "sending": "busy",
}  # fmt: skip
ACTS: Final[dict[str, tuple[str, ...]]] = {
    "quarantined": ("release", "rebuild", "dismiss"),
    "spooled": ("rebuild", "dismiss"),
    "acked": ("resend",),
    "duplicate": ("resend",),
}
"""The acts that a state allows; the journal has the last word."""
_ACCEPTED: Final = ("AA", "CA")
_OUTCOMES: Final = {
    "not-sent": "nothing was sent", "unknown": "sent, no answer came",
    "committed": "stored by the HIS, not yet accepted",
}  # fmt: skip


class Verdict(NamedTuple):
    """`kind` is good, busy, warn or bad; a sentence, what to do, and the acts that are possible."""

    kind: str
    word: str
    sentence: str
    todo: str
    acts: tuple[str, ...]


class Step(NamedTuple):
    """One thing that happened; `private` may be of a patient. `at` is set where the answer to a try can be read."""

    at_ms: int
    kind: str
    what: str
    more: str
    private: str
    attempt: int | None = None


def verdict(story: Story, lane: DestinationStatus | None = None) -> Verdict:
    """Say what became of it; `lane` says why it may wait."""
    sentence, todo = _sentence(story, lane)
    kind = _KINDS.get(story.state, "plain")
    acts: tuple[str, ...] = ACTS.get(story.state, ())
    if not story.control_id:
        acts = ("release", "dismiss") if story.state == "quarantined" else ()
    if story.contradicted:
        kind, acts = "bad", ("resend", "dismiss")
    elif story.may_have_arrived and story.state in ("quarantined", "spooled"):
        kind = "warn" if kind != "bad" else kind
    return Verdict(kind, story.words, sentence, todo, acts)


def _sentence(story: Story, lane: DestinationStatus | None) -> tuple[str, str]:
    means, todo = advice(story.code)
    if story.contradicted:
        text = f"It was delivered, and the HIS has taken that back since: it answered {story.contradicted}."
        return text, "Ask the HIS whether it has this control id. If not, send it again; if so, close the case."
    if story.state == "acked":
        took = f" after {wording.milliseconds(story.ack_took_ms)} ms" if story.ack_took_ms is not None else ""
        return f"The HIS has it: it answered {story.ack_code or 'before'}{took}.", means if story.code else ""
    if story.state == "spooled":
        if story.held_by is not None:
            text = f"It waits behind message {story.held_by}, which is in quarantine."
            return text, "Decide about that one first; this one then goes out by itself."
        return why_it_waits(lane), ""
    if story.state == "sending":
        return "It is being sent now.", ""
    if story.state == "quarantined":
        said = f"The HIS refused it: {_refusal(story)}." if story.his_code else means
        return said or "It is in quarantine.", todo
    if story.state == "duplicate":
        return f"It was not sent: message {story.same_as} has the same content and stands for it.", ""
    if story.state == "dismissed":
        if story.replaced_by is not None:
            return f"It was given up; message {story.replaced_by} is a copy that was to be sent all the same.", ""
        if story.may_have_arrived:
            return "It was given up: it is not sent again. It may have arrived.", ""
        return "It was given up: it is not sent.", ""
    if story.replaced_by is not None:
        return f"Message {story.replaced_by} has taken its place.", ""
    if story.state in ("withdrawn", "replaced"):
        became = story.read_again_words
        return f"Its file was read again: {became}." if became else "Its file is read again.", ""
    return story.words, ""


def _refusal(story: Story) -> str:
    return f"it answered {story.his_code}{f', error {story.his_error}' if story.his_error else ''}"


def steps(story: Story) -> tuple[Step, ...]:
    """Return its story, the oldest first."""
    found = [Step(story.received_ms, "plain", "received", "", story.title)]
    for number, each in enumerate(story.story, 1):
        found.append(_try(number, each))
    for answer in story.answers:
        kind = "good" if answer.code in _ACCEPTED else "bad"
        found.append(Step(answer.at_ms, kind, f"later answer {answer.code}", "no try waited for it", ""))
    found += [
        Step(done.at_ms, "busy", DID.get(done.event, done.event), f"by {done.who}", done.why or "")
        for done in story.events
    ]
    if story.final_ms is not None:
        kind = _KINDS.get(story.state, "plain")
        found.append(Step(story.final_ms, kind, story.words, story.code or "", ""))
    return tuple(sorted(found, key=lambda each: each.at_ms))


def _try(number: int, each: Attempt) -> Step:
    if each.ack_code:
        kind = "good" if each.ack_code in _ACCEPTED else "bad"
        codes = f" {' '.join(each.errors)}" if each.errors else ""
        what = f"try {number}: {each.ack_code}{codes}"
    else:
        kind, what = "warn", f"try {number}: {_OUTCOMES.get(each.outcome, each.outcome)}"
    more = f"{wording.milliseconds(each.took_ms)} ms" + (f", {each.code}" if each.code else "")
    if each.foreign_answers:
        more += f", {wording.plural(each.foreign_answers, 'answer')} to other control ids"
    return Step(each.started_ms, kind, what, more, "", number if each.ack_code else None)
