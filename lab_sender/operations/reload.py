"""Bring a changed configuration in force.

Holds: `reload`: the running agent is asked, and its answer awaited.
Promises: in force means that the agent goes by it; else nothing changed. Who asked is on record.
Never: stops, starts or signals a process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender import journal

_WAIT_S: Final = 30.0
_LOOK_S: Final = 0.1


class Reloaded(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/reload/1"):
    """What the agent answered."""

    in_force: Annotated[bool, about("The agent goes by the configuration as it is on the disk; else as before.")]
    digest: Annotated[str, about("The fingerprint of the configuration that the agent goes by.")]
    changed: Annotated[tuple[str, ...], about("The settings that differ from those before, by name.")]
    code: Annotated[str | None, about("Why it was not taken, by a stable code.")]
    text: Annotated[str | None, about("Why it was not taken, in words; each mistake with its file and line.")]
    hint: Annotated[str | None, about("What to do.")]


def reload(installation: Installation, *, who: str, wait_s: float = _WAIT_S) -> Reloaded:
    """Ask the running agent to take the configuration, and wait for its answer.

    Raises Later `reload.no-agent`, or `reload.unanswered` after `wait_s`; ConfigError where the file does not even
    say where the journal is.
    """
    if not installation.agent_runs():
        if lack := installation.lack_of_journal():
            text = f"no agent runs, and none would start ({lack.code}): {lack.text}"
            raise Later("reload.no-agent", text, hint=lack.hint)
        hint = "The next start takes the configuration as it is: `lab-sender check`, then `lab-sender run`."
        raise Later("reload.no-agent", "no agent runs.", hint=installation.before_a_first_start or hint)
    with installation.journal() as book:
        act = book.reloads.asks(who=who)
    until = time.monotonic() + wait_s
    with installation.view() as view:
        while (said := view.reload_answer(act)) is None:
            if time.monotonic() > until:
                text = f"the agent has not answered within {wait_s:.0f} s; it takes the configuration when it can."
                raise Later("reload.unanswered", text, hint="`lab-sender status` shows whether it works.")
            time.sleep(_LOOK_S)
    return _value(said)


def _value(said: journal.Reloaded) -> Reloaded:
    return Reloaded(
        in_force=said.in_force,
        digest=said.digest,
        changed=said.changed,
        code=said.code or None,
        text=said.text or None,
        hint=said.hint or None,
    )
