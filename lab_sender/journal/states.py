"""What may become of a message, and of a file: state x event -> state.

Holds: each event with who may cause it, the states in which it may come, the state that it leads to, and how durable
it is; the words that people read.
Promises: the journal's SQL takes its guards from here (`state IN {message[acked].may}`), its transactions how durable
they are, docs/ARCHITECTURE.md its table and diagram (`make states`). An event that is not here is an error.
Never: runs a statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

MessageState = Literal["spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced"]
SourceState = Literal["read", "quarantined", "dismissed", "withdrawn"]
Who = Literal["intake", "lane", "brake", "operator", "keeper"]
Durability = Literal["durable", "quick"]
"""`durable`: on the disk on return. `quick`: it survives kill -9, and a power cut after the next flush."""

WAITING: Final[tuple[MessageState, ...]] = ("spooled", "sending")
"""Neither delivered nor given up: these hold their file in claimed/."""

FINISHED: Final[tuple[MessageState, ...]] = ("acked", "duplicate", "dismissed", "replaced")
"""What retention may delete, once it is old: nothing is decided about these any more."""

BY_HIS: Final = ("refused", "unanswered")
"""The codes of a quarantine that the HIS caused: the brake counts these and may put them back."""

NOBODY: Final = "route.none"
"""The code of a message that no destination takes: the one that it is noted with has nothing to do with it."""

WORDS: Final[dict[str, str]] = {
    "spooled": "waiting",
    "sending": "being sent",
    "acked": "delivered",
    "quarantined": "quarantined",
    "duplicate": "duplicate",
    "dismissed": "given up",
    "replaced": "replaced",
    "read": "read",
    "withdrawn": "read again",
}
"""What people call the states of messages and files."""
REPLACED: Final[dict[str, str]] = {"resent": "resent", "read-again": "read again"}
"""What people call `replaced`, by its code."""


class UnknownEvent(AssertionError):
    """A statement or a book names an event that the table does not have."""


class Transition(NamedTuple):
    """One event: who causes it, from which states (none: a row begins), to which ("": as it was), and when."""

    event: str
    who: Who
    durability: Durability
    sources: tuple[str, ...]
    target: str
    when: str

    @property
    def may(self) -> str:
        """The states in which it may come, as SQL."""
        if not self.sources:
            raise UnknownEvent(f"{self.event} begins a row: there is no state to guard")
        return in_sql(self.sources)

    @property
    def to(self) -> str:
        """The state that it leads to, as SQL."""
        if not self.target:
            raise UnknownEvent(f"{self.event} leaves the state as it was")
        return f"'{self.target}'"


class Table(dict[str, Transition]):
    """The events of one kind of row, by name."""

    def __init__(self, *transitions: Transition) -> None:
        super().__init__({each.event: each for each in transitions})
        if len(self) != len(transitions):
            raise UnknownEvent("an event stands twice in a table of states")

    def __missing__(self, event: str) -> Transition:
        raise UnknownEvent(f"the table of states has no event {event!r}")


def in_sql(states: Iterable[str]) -> str:
    """Write states as what stands behind IN."""
    return f"({', '.join(repr(each) for each in states)})"


_NEW: Final = ()
_OUT: Final = ("spooled", "quarantined")

MESSAGE: Final = Table(
    Transition("received", "intake", "durable", _NEW, "spooled", "its report was built, or it came ready-made"),
    Transition("unfit", "intake", "durable", _NEW, "quarantined", "it could not be built, or it is suspicious"),
    Transition("recognised", "intake", "durable", _NEW, "duplicate", "the HIS gets it already, or it was given up"),
    Transition("copied", "operator", "durable", _NEW, "spooled", "`resend` made it of another one"),
    Transition("made_whole", "lane", "durable", ("spooled",), "", "the HIS has no more what the part stands on"),
    Transition("sending", "lane", "quick", WAITING, "sending", "its bytes may leave from now on"),
    Transition("not_sent", "lane", "quick", ("sending",), "spooled", "no byte of it has left"),
    Transition("commit_accepted", "lane", "quick", ("sending",), "", "a CA came; an application's answer is due"),
    Transition("acked", "lane", "quick", WAITING, "acked", "a positive ACK with our control id came (*verdict*)"),
    Transition("commit_stands", "lane", "quick", WAITING, "acked", "a CA had come before the agent ended"),
    Transition("unknown", "lane", "quick", WAITING, "spooled", "no answer: it may have arrived, and goes again"),
    Transition("refused", "lane", "quick", WAITING, "spooled", "the HIS said no: it goes again"),
    Transition("quarantined", "lane", "durable", WAITING, "quarantined", "refused or unanswered too often"),
    Transition("interrupted", "lane", "durable", ("sending",), "spooled", "the agent had ended: it may have left"),
    Transition("put_back", "brake", "durable", _OUT, "spooled", "the HIS is ill"),
    Transition("released", "operator", "durable", ("quarantined",), "spooled", "`release`: same bytes, old place"),
    Transition("rebuilt", "operator", "durable", _OUT, "", "`rebuild`: new bytes under a new control id"),
    Transition("dismissed", "operator", "durable", _OUT, "dismissed", "`dismiss`: it is given up"),
    Transition("resent", "operator", "durable", ("quarantined",), "replaced", "`resend`: a copy takes its place"),
    Transition("read_again", "operator", "durable", ("quarantined",), "replaced", "`release`: read again"),
)
"""A message's. `sending` comes again after each look; an `acked` one may be contradicted, and stays `acked`. The one
exception: in a backlog `acked`, and the `sending` of the next message, are a row of `verdict` before they are a state
(verdicts.py); whoever writes sees them as states."""

SOURCE: Final = Table(
    Transition("read", "intake", "durable", _NEW, "read", "its reports became messages"),
    Transition("unreadable", "intake", "durable", _NEW, "quarantined", "it could not be read"),
    Transition("grown", "keeper", "durable", ("read",), "quarantined", "it is no longer what was read"),
    Transition("dismissed", "operator", "durable", ("quarantined",), "dismissed", "`dismiss`: a person gives it up"),
    Transition("released", "operator", "durable", ("quarantined",), "withdrawn", "`release` of the file"),
    Transition(
        "read_again", "operator", "durable", ("read", "quarantined", "dismissed"), "withdrawn",
        "`release` of a message in it that has no bytes",
    ),
    Transition("not_there", "keeper", "durable", ("withdrawn",), "quarantined", "released, but not where it was"),
)  # fmt: skip
"""A file's: what reading it gave, and what was decided about it as a whole."""

PARTS: Final[dict[str, object]] = {
    "message": MESSAGE,
    "source": SOURCE,
    "waiting": in_sql(WAITING),
    "finished": in_sql(FINISHED),
    "by_his": in_sql(BY_HIS),
    "nobody": repr(NOBODY),
}
"""What each of the journal's SQL files may take in."""
