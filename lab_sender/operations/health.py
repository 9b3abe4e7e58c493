"""What a machine that keeps services alive asks: does the agent live, can it work, and is this the one that sends?

Holds: `Health`, made of the lock, the beats and the journal's state.
Promises: a HIS that is down, a full quarantine or an outbox that is away make no agent unfit: starting it anew would
mend none of them.
Never: opens the journal's database, touches the outbox or waits for anything.
"""

from __future__ import annotations

from typing import Annotated

from lab_sender.operations.installation import Installation
from lab_sender.operations.values import Value, about


class Health(Value, frozen=True):
    """Whether the agent of an installation is fit to work."""

    ready: Annotated[bool, about("It has its locks, its parts are at work, and the journal can be written.")]
    leads: Annotated[bool, about("It sends: of several agents on a journal, it has a lane; alone, it runs.")]
    why: Annotated[tuple[str, ...], about("What keeps it from being ready, by code.")]
    silent: Annotated[dict[str, float], about("Parts that have done nothing for so many seconds, 30 and more.")]


def health(installation: Installation) -> Health:
    """Look at the lock and at what the agent writes of itself. Raises ConfigError."""
    from lab_sender.premises.beat import silent_parts

    runs = installation.agent_runs()
    beat = installation.last_beat()
    silent = silent_parts(beat) if runs else {}
    why = [] if runs else ["agent.none"]
    if runs and (beat is None or beat.ended):
        why.append("agent.starting")
    if runs and beat is not None and beat.journal:
        why.append(beat.journal)
    if silent:
        why.append("agent.stuck")
    leads = runs and "agent" not in silent and (beat is None or beat.leads)
    return Health(ready=not why, leads=leads, why=tuple(why), silent=silent)
