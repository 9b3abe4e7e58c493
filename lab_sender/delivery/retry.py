"""What to do after an exchange that was not an acceptance, as a pure value.

Holds: the reply table (the site's rules, first match wins, then the built-in ones) and the rule that turns
a failure and its count into again, quarantine, hold, or delivered.
Promises: no clock, no I/O, no state; the same arguments give the same decision (the wait's
jitter aside). Every retry of a message is bounded; waiting for a HIS that cannot be reached is not.
Never: sleeps or loops. Attempts survive a restart because they are counted in the journal, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from lab_sender.config.sections import His, ReplySetting, Retry
from lab_sender.delivery.known import MOST_CHARACTERS, proves_known
from lab_sender.mllp import ACCEPTED, Acknowledgement


class Again(Struct, frozen=True):
    """Send the same bytes again after `after_s` seconds."""

    after_s: float


class Quarantine(Struct, frozen=True):
    """Nobody tries it again but a person: it was `why`."""

    why: Literal["refused", "unanswered"]


class Hold(Struct, frozen=True):
    """Put the message back in its place and hold the lane."""


class Doubt(Struct, frozen=True):
    """Nobody can say whether it is this message or the HIS: hold the lane, and ask with another message."""


class Delivered(Struct, frozen=True):
    """The HIS has it. `known` marks a refusal that says it had it already."""

    known: bool = False


Decision = Again | Quarantine | Hold | Doubt | Delivered


def wait_s(retry: Retry, troubles: int) -> float:
    """Return the lane's wait after `troubles` failures without a verdict: doubling, capped, with jitter.

    The result lies between half and all of `first_wait * 2**(troubles-1)`, and never above the longest wait.
    """
    import tenacity  # a start does without

    state = tenacity.RetryCallState(retry_object=tenacity.Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = min(max(troubles, 1), 64)
    grown = tenacity.wait_exponential(multiplier=retry.first_wait_s, max=retry.longest_wait_s)(state)
    return grown / 2 + tenacity.wait_random(0, grown / 2)(state)


def fits(rule: ReplySetting, code: str, errors: Iterable[str], text: str, *, may_have_left: bool) -> bool:
    """Say whether a line of the site's table speaks about a reply; an empty condition fits everything.

    `errors` are codes of HL7 table 0357 and of the HIS's own (ERR-3, ERR-5, MSA-6). `known` fits only after a try of
    unknown outcome.
    """
    return (
        (rule.then != "known" or may_have_left)
        and (not rule.code or rule.code == code)
        and (not rule.error or rule.error in errors)
        and (rule.text is None or rule.text.found_in(text))
    )


def judge_reply(
    his: His,
    *,
    code: str,
    errors: Sequence[str],
    own_errors: Sequence[str] = (),
    locations: Iterable[str] = (),
    text: str,
    control_id: str = "",
    refused: int,
    may_have_left: bool,
) -> Decision:
    """Decide on a reply that carries our control id.

    `errors` are codes of HL7 table 0357, `own_errors` the HIS's own (ERR-5), whose meaning only the site's rules
    know. Of `text` the first 2 kB are read. `refused` counts the refusals of this message, this one included.
    `may_have_left`: an attempt had an unknown outcome, and none a refusal, by which the HIS would know the id too.
    Then a refusal that proves that the HIS has this message (see known.py) is the delivery we did not hear of; it
    comes after the site's own rules. Built in: AA and CA are acceptances,
    everything else (AE, AR, CE, CR, 206, 207) is tried again up to `refused` times and then quarantined.
    """
    text = text[:MOST_CHARACTERS]
    for rule in his.replies:
        if fits(rule, code, (*errors, *own_errors), text, may_have_left=may_have_left):
            return _act(his.retry, rule.then, code, refused)
    if code in ACCEPTED:
        return Delivered()
    if may_have_left and proves_known(
        errors=errors, own_errors=own_errors, locations=locations, text=text, control_id=control_id
    ):
        return Delivered(known=True)
    return _act(his.retry, "retry", code, refused)


def judge_ack(his: His, ack: Acknowledgement, *, refused: int, may_have_left: bool) -> Decision:
    """Decide on an acknowledgement that carries our control id, as `judge_reply` does."""
    if ack.code in ACCEPTED and not his.replies:
        return Delivered()
    return judge_reply(
        his,
        code=ack.code,
        errors=ack.error_codes,
        own_errors=ack.application_codes,
        locations=ack.locations,
        text=f"{ack.text} {ack.error_text}",
        control_id=ack.control_id,
        refused=refused,
        may_have_left=may_have_left,
    )


def has_rule_for(his: His, ack: Acknowledgement) -> bool:
    """Say whether one of the site's rules speaks about this acknowledgement."""
    errors = (*ack.error_codes, *ack.application_codes)
    text = f"{ack.text} {ack.error_text}"[:MOST_CHARACTERS]
    return any(fits(rule, ack.code, errors, text, may_have_left=True) for rule in his.replies)


def _act(retry: Retry, then: str, code: str, refused: int) -> Decision:
    match then:
        case "deliver" | "known":
            return Delivered(known=code not in ACCEPTED)
        case "hold":
            return Hold()
        case "retry" if refused < retry.refused:
            return Again(wait_s(retry, refused))
        case _:
            return Quarantine("refused")


def judge_unknown(retry: Retry, *, unknown: int, troubles: int, since_s: float, answers_others: bool) -> Decision:
    """Decide on an attempt whose outcome is unknown.

    `unknown` counts them, this one included; the first began `since_s` ago. `answers_others`: the HIS has answered
    another message since then. One that answers nobody costs no message its place.
    """
    if unknown < retry.unanswered or since_s < retry.unanswered_after_s:
        return Again(wait_s(retry, troubles))
    return Quarantine("unanswered") if answers_others else Doubt()
