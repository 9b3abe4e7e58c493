"""What two journals note of a move, and what whoever opens one of them makes of that.

Holds: the notes, and the errors of a journal that has moved away or has not arrived.
Promises: of the two journals of a move exactly one may be worked on, whenever it is cut off. One of them is a file,
and that decides: from a file to a PostgreSQL, that the file says it has moved; from a PostgreSQL to a file, that it
has no more the name under which it was made. Where the file cannot be seen, the PostgreSQL is not worked on.
Never: opens a journal.
"""

from __future__ import annotations

import json
import platform
from typing import Final, Literal, NamedTuple

from lab_sender.errors import AgentError, ExitCode

MOVED: Final = "moved"
"""The note of a PostgreSQL: `OnServer`, in JSON."""
MOVED_TO: Final = "moved_to"
"""The note of a file that has moved: `ToServer`, in JSON."""
MOVED_IN: Final = "moved_in"
"""The note of a file that has come from a PostgreSQL: the id of the move."""


State = Literal["arriving", "leaving", "left"]


class ToServer(NamedTuple):
    """Which move it was, and where the journal is now; no password is in it."""

    id: str
    to: str

    @classmethod
    def read(cls, note: str) -> ToServer:
        """Read the note; "" is none."""
        return cls(*json.loads(note)) if note else cls("", "")

    def __str__(self) -> str:
        return json.dumps(list(self))


class OnServer(NamedTuple):
    """A move from or to a file; `left` is one that is over. `part` is the name under which a file is made."""

    id: str
    state: State
    file: str
    machine: str
    part: str = ""

    @classmethod
    def read(cls, note: str) -> OnServer:
        """Read the note."""
        return cls(*json.loads(note))

    def __str__(self) -> str:
        return json.dumps(list(self))

    @property
    def is_here(self) -> bool:
        """Whether the file is one of this machine."""
        return self.machine == platform.node()


def of_this_machine(move: str, state: State, file: str, part: str = "") -> OnServer:
    """Make a PostgreSQL's note of a move that is made here."""
    return OnServer(move, state, file, platform.node(), part)


def demand_not_left(note: str) -> None:
    """Raise AgentError where a file's note says that the journal has left it; "" is none."""
    if note:
        raise has_moved(ToServer.read(note).to)


def has_moved(to: str) -> AgentError:
    """Make the error of a journal that is somewhere else now."""
    return AgentError(
        "journal.moved",
        f"this journal has moved to {to}; nothing is sent from here.",
        hint="Let `journal:` in config.yaml name that place: docs/POSTGRESQL.md has the lines.",
        exit_code=ExitCode.CONFIG,
    )


def has_not_arrived(note: OnServer) -> AgentError:
    """Make the error of a PostgreSQL whose move was cut off."""
    return AgentError(
        "journal.move-unfinished",
        f"the move between this journal and {note.file} on {note.machine} was cut off; nothing is sent from here.",
        hint=f"On {note.machine}, type the same `lab-sender journal move` again with the configuration of before.",
        exit_code=ExitCode.CONFIG,
    )
