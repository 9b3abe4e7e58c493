"""`journal accept`: a person says that the agent is to go on with an older journal.

Holds: what is asked for before, and what is done: all lanes are held first, then the outboxes' marks are forgotten.
Promises: nothing is sent until somebody resumes the lanes; a kill between the two leaves them held.
Never: changes a message or a file.
"""

from __future__ import annotations

from typing import Annotated

from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.values import FORMAT, Value, about


class Accepted(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/journal-accepted/1"):
    """What `journal accept` did."""

    held: Annotated[tuple[str, ...], about("The destinations whose lanes are held now: `resume` lets them go on.")]
    behind: Annotated[tuple[str, ...], about("The work folders whose outbox had spooled what the journal lacks.")]


def accept(installation: Installation, why: str, *, who: str) -> Accepted:
    """Hold all lanes, and let the agent go on with this journal. Raises NoJournal, Later, AgentError, OSError."""
    from lab_sender.operations import acts
    from lab_sender.premises.behind import mark_of

    installation.want_journal()
    installation.want_no_agent()
    outboxes = installation.config.outboxes
    for outbox in outboxes:
        if installation.is_away(outbox):
            raise Later(
                "outbox.unreachable",
                f"{outbox.folders.outbox} cannot be reached, and what it remembers of the journal lies there.",
                hint="Bring the share back, then type the same again; nothing was changed.",
            )
    marks = [mark_of(each.folders) for each in outboxes]
    for mark in marks:
        mark.read()
    with installation.view() as view:
        behind = tuple(str(mark.path.parent) for mark in marks if not view.knows(mark))
    held = acts.hold(installation, why, who=who)
    for mark in marks:
        mark.forget()
    return Accepted(tuple([each.destination or "" for each in held.done]), behind)
