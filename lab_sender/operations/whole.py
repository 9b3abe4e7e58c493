"""An act on all of something: on every message of a file at every destination, or on all that a destination has.

Holds: `release_file`, `resend_file` and `dismiss_file`, for `--all-destinations`, and `dismiss_all`, by which a
destination is given up.
Promises: what of a file could not take the act is named with the reason; the rest is done, in one transaction.
Never: sends anything, or gives up what is being sent just now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from lab_sender.operations import named
from lab_sender.operations.acts import (
    Act,
    Acts,
    Rejected,
    Result,
    Target,
    dismiss,
    done_to,
    release,
    resend,
    target_on,
)
from lab_sender.operations.destinations import known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.journal import Journal, Outcome, View


class DismissedAll(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/dismissed-all/1"):
    """All that a destination had was given up."""

    destination: Annotated[str, about("The destination.")]
    who: Annotated[str, about("Who did it, as it is on record.")]
    given_up: Annotated[int, about("How many messages were given up.")]
    being_sent: Annotated[int, about("How many were left, because they were being sent just then.")]
    agent_runs: Annotated[bool, about("An agent runs, which files what was given up; else the next one does.")]


def release_file(installation: Installation, word: str, *, who: str, force: bool = False) -> Acts:
    """Release every quarantined message of the file that a word leads to; see the journal's `release_messages`."""
    source = _file_of(installation, word)
    if source is None:
        return _alone(release(installation, word, who=who, force=force))
    return _on_file(
        installation,
        "release",
        who,
        lambda journal: journal.operator.release_messages(source, who=who, force=force),
    )


def resend_file(installation: Installation, word: str, *, who: str, force: bool = False) -> Acts:
    """Send a copy of every message of the file that a word leads to; see the journal's `resend_messages`."""
    from lab_sender.hl7.stamp import with_control_id
    from lab_sender.ids import new_id

    source = _file_of(installation, word)
    if source is None:
        return _alone(resend(installation, word, who=who, force=force))
    return _on_file(
        installation,
        "resend",
        who,
        lambda journal: journal.operator.resend_messages(
            source, new_control_id=new_id, restamp=with_control_id, who=who, force=force
        ),
    )


def dismiss_file(installation: Installation, word: str, why: str, *, who: str) -> Acts:
    """Give up every message of the file that a word leads to; see the journal's `dismiss_messages`."""
    source = _file_of(installation, word)
    if source is None:
        return _alone(dismiss(installation, word, why, who=who))
    return _on_file(
        installation,
        "dismiss",
        who,
        lambda journal: journal.operator.dismiss_messages(source, why, who=who),
    )


def dismiss_all(installation: Installation, name: str, why: str, *, who: str) -> DismissedAll:
    """Give up all that waits for a destination or lies in quarantine for it, also of one that is not configured.

    Raises UnknownDestination for one that neither the configuration nor the journal has.
    """
    with installation.view() as view:
        known_to(installation.config, view, [name])
    running = installation.agent_runs()
    with installation.journal() as journal:
        if not running:  # what an agent was ended over is not being sent any more; it may have left
            journal.delivery.interrupted(name)
        given_up = journal.operator.dismiss_all(name, why, who=who)
    with installation.view() as view:
        being_sent = view.counts(name).get("sending", 0)
    return DismissedAll(name, who, given_up, being_sent, running)


def _file_of(installation: Installation, word: str) -> int | None:
    """Return the file whose messages are meant; None where it could not be read, and is meant itself."""
    with installation.view() as view:
        source = named.find_file(view, word)
        return None if view.file(source) is not None else source


def _alone(act: Act) -> Acts:
    return Acts((act,), ())


def _on_file(
    installation: Installation,
    act: Literal["release", "resend", "dismiss"],
    who: str,
    do: Callable[[Journal], Outcome],
) -> Acts:
    """Do an act on all messages of a file; say of each what it was before, and what became of it."""
    with installation.journal() as journal:
        outcome = do(journal)
    running = installation.agent_runs()
    with installation.view() as view:
        done = [
            done_to(
                act,
                who,
                _target(view, each.message),
                _RESULTS.get((act, each.became), "goes-out"),
                agent_runs=running,
                new_message=each.copy,
                new_control_id=each.control_id or None,
            )
            for each in outcome.done
        ]
        rejected = [
            Rejected(_target(view, each.message), each.code, each.text, each.hint or None, ())
            for each in outcome.rejected
        ]
    return Acts(tuple(done), tuple(rejected))


def _target(view: View, message_id: int) -> Target:
    return target_on(view, named.find(view, f"id:{message_id}"))


_RESULTS: dict[tuple[str, str], Result] = {
    ("release", "outbox"): "read-again",
    ("dismiss", "dismissed"): "given-up",
    ("dismiss", "acked"): "contradiction-closed",
}
"""What became of a message, by the act and what the journal returns; in other cases it goes out."""
